"""When to look again whether something is ready: learned from what the same operation saw before.

The first of a kind is looked at after growing pauses. Once one is ready, the others of its kind are
left alone for most of the shortest time that any took, and are looked at in steps of a small part of
the usual time after that: fewer calls, and less waiting for something that is ready already.
"""

from collections import defaultdict
from statistics import median
from threading import Lock

from ..domain.resources import Kind

_EARLY = 0.9
"""The part of the shortest time seen after which it is worth looking."""

_FINE = 0.04
"""How far apart looks are, as a part of the usual time."""

_ENOUGH = 64
"""Times remembered of each kind."""


class Expectations:
    """How long kinds of resources took in one operation. Safe from several threads."""

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._lock = Lock()
        self._took: dict[Kind, list[float]] = defaultdict(list)

    def took(self, kind: Kind, seconds: float) -> None:
        """Remember how long one took from being asked for to being ready."""
        with self._lock:
            seen = self._took[kind]
            if len(seen) < _ENOUGH:
                seen.append(seconds)

    def pause(self, kind: Kind, waited: float) -> float:
        """Return the seconds until the next look, after so many seconds of waiting."""
        with self._lock:
            seen = list(self._took[kind])
        if not seen:
            return min(self._longest, self._first + waited)  # about doubles the time waited so far
        usual = median(seen)
        early = _EARLY * min(seen)
        if waited < early:
            return max(self._first, early - waited)
        if waited > 2 * max(seen):  # later than all others: no more hurry than for the first
            return max(self._first, min(self._longest, waited / 4))
        return max(self._first, min(self._longest, _FINE * usual))
