"""What goes wrong at the cloud and on the way to it, and how often: drawn once for each run."""

from dataclasses import dataclass, field
from random import Random

from kubisnap.adapters.sandbox import Faults

LATEST = 8.0
"""Seconds after which a request that was given up arrives, at most: a network forgets."""

TWIN_AFTER = 2.0
"""Seconds after which a repeated request arrives, at most."""


@dataclass
class Stretch:
    """A part of the virtual time."""

    start: float
    seconds: float

    def covers(self, time: float) -> bool:
        """Return whether a moment lies in it."""
        return self.start <= time < self.start + self.seconds


@dataclass
class Weather:
    """Probabilities for each call, and stretches of time. `latency` scales how slow the cloud is."""

    faults: Faults = field(default_factory=Faults)
    duplicated: float = 0.0
    late: float = 0.0
    slow: float = 0.0
    latency: float = 0.02
    storms: list[Stretch] = field(default_factory=list)
    outages: list[Stretch] = field(default_factory=list)
    retry_after: float | None = None

    @classmethod
    def drawn(cls, random: Random) -> "Weather":
        """Draw the weather: most runs have two or three kinds of trouble, some none, few everything."""

        def some(most: float, how_often: float = 0.3) -> float:
            return random.uniform(0.0, most) if random.random() < how_often else 0.0

        def stretches(longest: float, how_often: float = 0.25) -> list[Stretch]:
            if random.random() >= how_often:
                return []
            return [
                Stretch(random.uniform(0.0, 400.0), random.uniform(1.0, longest))
                for _ in range(random.randint(1, 3))
            ]

        return cls(
            faults=Faults(
                unavailable=some(0.2),
                answer_lost=some(0.2),
                rate_limited=some(0.2),
                quota=some(0.08, 0.25),
                failing=some(0.1, 0.25),
                list_lag=some(6.0, 0.25),
                retry_after=random.choice((None, 0.0, 1.0, 20.0)),
            ),
            duplicated=some(0.1),
            late=some(0.1),
            slow=some(0.1),
            latency=random.choice((0.0, 0.0, 0.02, 0.02, 0.02, 0.1, 0.1, 1.0)),
            storms=stretches(60.0),
            outages=stretches(90.0),
            retry_after=random.choice((None, 1.0, 30.0)),
        )
