"""Who acts, why, and with what: everything that an operation takes from its surroundings.

Operations read no clock, environment or randomness of their own; a `Context` brings them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from ..domain.events import Holder
from ..errors import CloudError, InvalidInput
from ..journal.log import Envelope
from ..ports import Clock
from .planning import Step
from .traffic import Traffic
from .working import Crew, Threads

_LONGEST_TEXT = 10_000


class Progress(Protocol):
    """Told what happens while it happens, from several threads. Must not raise or wait."""

    def planned(self, total: int) -> None:
        """Say how many steps there are."""
        ...

    def started(self, step: Step) -> None:
        """Say that a step began."""
        ...

    def retrying(self, step: Step, error: CloudError, attempt: int, wait: float) -> None:
        """Say that a step is tried again in `wait` seconds."""
        ...

    def asking_again(self, error: CloudError, attempt: int, wait: float) -> None:
        """Say that a question to the cloud is asked again in `wait` seconds; nothing was changed yet."""
        ...

    def done(self, step: Step, seconds: float) -> None:
        """Say that a step is done, and how long it took."""
        ...

    def failed(self, step: Step, error: CloudError) -> None:
        """Say that a step failed for good."""
        ...

    def rolling_back(self, count: int) -> None:
        """Say that `count` changes are taken back."""
        ...

    def interrupted(self, running: int) -> None:
        """Say that the operation stops after the `running` steps."""
        ...

    def settling(self, count: int) -> None:
        """Say that `count` calls of unknown outcome are looked for at the cloud, which takes a while."""
        ...

    def paused(self, error: CloudError, seconds: float) -> None:
        """Say that no call is made for so long, by any step, and why."""
        ...

    def resumed(self) -> None:
        """Say that the cloud answers again."""
        ...


class Silence:
    """Progress that nobody watches."""

    def planned(self, total: int) -> None:
        """Say nothing."""

    def started(self, step: Step) -> None:
        """Say nothing."""

    def retrying(self, step: Step, error: CloudError, attempt: int, wait: float) -> None:
        """Say nothing."""

    def asking_again(self, error: CloudError, attempt: int, wait: float) -> None:
        """Say nothing."""

    def done(self, step: Step, seconds: float) -> None:
        """Say nothing."""

    def failed(self, step: Step, error: CloudError) -> None:
        """Say nothing."""

    def rolling_back(self, count: int) -> None:
        """Say nothing."""

    def interrupted(self, running: int) -> None:
        """Say nothing."""

    def settling(self, count: int) -> None:
        """Say nothing."""

    def paused(self, error: CloudError, seconds: float) -> None:
        """Say nothing."""

    def resumed(self) -> None:
        """Say nothing."""


@dataclass(frozen=True)
class Pace:
    """How patiently the executor waits. All times in seconds."""

    parallel: int = 16
    attempts: int = 6
    first_delay: float = 1.0
    longest_delay: float = 30.0
    first_poll: float = 0.25
    longest_poll: float = 5.0
    deadline: float = 600.0
    """What one step may take."""
    timeout: float | None = None
    """What a whole operation may take."""
    looks: int = 5
    """How often a call without an answer is looked for before it is made again; doubles go at the end."""
    settled_after: float = 60.0
    """A cloud's lists show by then what was made: so long is looked for what a dead process may have made."""

    def __post_init__(self) -> None:
        if self.parallel < 1:
            raise InvalidInput("parallel", f"{self.parallel} steps at once is none at all")
        if self.timeout is not None and self.timeout <= 0:
            raise InvalidInput("timeout", "an operation needs some time")


@dataclass(frozen=True)
class Context:
    """Who acts (`actor`), why (`reason`), in which process (`holder`), with which tool version.

    `crew` gives so many hands to work with at once, `traffic` is what they all respect together; one
    context is for one cloud. `alive` tells whether a holder's process runs:
    True, False, or None where that cannot be seen.
    """

    actor: str
    holder: Holder
    tool: str
    clock: Clock
    random: Random
    reason: str = ""
    alive: Callable[[Holder], bool | None] = lambda _: None
    progress: Progress = field(default_factory=Silence)
    pace: Pace = field(default_factory=Pace)
    crew: Callable[[int], Crew] = Threads
    traffic: Traffic = field(default_factory=Traffic)

    def now(self) -> int:
        """Return the time in microseconds since 1970 UTC."""
        return int(self.clock.now() * 1_000_000)

    def new_id(self) -> str:
        """Return a new cluster's id: 32 hex digits (a random UUID, RFC 9562 version 4)."""
        bits = self.random.getrandbits(128)
        bits = bits & ~(0xF << 76) | (0x4 << 76)
        bits = bits & ~(0x3 << 62) | (0x2 << 62)
        return f"{bits:032x}"

    def envelope(self, operation: int, *, cause: int = 0) -> Envelope:
        """Return the envelope of events that are recorded now."""
        return Envelope(
            time=self.now(),
            actor=legible(self.actor),
            operation=operation,
            reason=legible(self.reason),
            cause=cause,
        )


def legible(text: str) -> str:
    r"""Return text from outside (a command line, a cloud's answer) as it can always be written down.

    Lone surrogates, which no UTF-8 holds, are replaced, and what is longer than a message is cut.

    >>> legible("caf\udce9")
    'caf?'
    """
    return text[:_LONGEST_TEXT].encode("utf-8", "replace").decode("utf-8")
