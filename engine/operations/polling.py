"""When to look again whether something is ready: learned from what the same operation saw before.

The first of a kind is looked at after growing pauses. Once one is ready, the others of its kind are
left alone for most of the shortest time that any is known to have needed, and are looked at in steps
of a small part of the usual time after that: fewer calls, and less waiting for something that is
ready already. What was found at a late look may have been ready since the look before: only that
one, where it was not, says how long things need at least.
"""

from collections import defaultdict, deque
from dataclasses import dataclass, field
from statistics import median
from threading import Lock

from ..domain.resources import Kind

_EARLY = 0.9
"""The part of the shortest time seen after which it is worth looking."""

_FINE = 0.04
"""How far apart looks are, as a part of the usual time."""

_ENOUGH = 64
"""Times remembered of each kind, the latest: the first were seen through the longest pauses."""


@dataclass
class _Seen:
    """What is known of a kind: what each took at least, and how long until it was seen to be ready.

    `early` is when the first look is worth its call, `usual` and `latest` how long the others took.
    """

    at_least: deque[float] = field(default_factory=lambda: deque(maxlen=_ENOUGH))
    took: deque[float] = field(default_factory=lambda: deque(maxlen=_ENOUGH))
    early: float = 0.0
    usual: float = 0.0
    latest: float = 0.0

    def learn(self, seconds: float, unready: float) -> None:
        """Take in one that was seen ready after so long, and not ready at the look before."""
        # ready at the first look that was worth it: perhaps it was long before, and the next one is
        # looked at a little earlier
        self.at_least.append(unready if unready >= self.early else seconds)
        self.took.append(seconds)
        self.early = _EARLY * min(self.at_least)
        self.usual, self.latest = median(self.took), max(self.took)


class Expectations:
    """How long kinds of resources took in one operation. Safe from several threads."""

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._lock = Lock()
        self._seen: dict[Kind, _Seen] = defaultdict(_Seen)

    def took(self, kind: Kind, seconds: float, unready: float) -> None:
        """Remember how long one took to be seen ready, and when it was last seen not to be."""
        with self._lock:
            self._seen[kind].learn(seconds, unready)

    def pause(self, kind: Kind, waited: float) -> float:
        """Return the seconds until the next look, after so many seconds of waiting."""
        with self._lock:
            seen = self._seen[kind]
            early, usual, latest = seen.early, seen.usual, seen.latest
        if not latest:
            return min(self._longest, self._first + waited / 2)
        if waited < early:
            return max(self._first, early - waited)
        if waited > 2 * latest:  # later than all others: no more hurry than for the first
            return max(self._first, min(self._longest, waited / 4))
        return max(self._first, min(self._longest, _FINE * usual))
