"""Random values from a seed, and a count of the bits that went into them.

The count is what no format can go below: a benchmark of compression on data without entropy proves
nothing, so the generators tell how much they drew.
"""

from collections.abc import Sequence
from math import log2
from random import Random
from typing import TypeVar
from uuid import UUID

_T = TypeVar("_T")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"


class Draw:
    """Draws values. `bits` is the entropy of all of them so far."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self.bits = 0.0

    def between(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both included."""
        self.bits += log2(high - low + 1)
        return self._random.randint(low, high)

    def pick(self, options: Sequence[_T]) -> _T:
        """Return one of the options."""
        return options[self.between(0, len(options) - 1)]

    def often_first(self, options: Sequence[_T]) -> _T:
        """Return one of the options; each is about twice as likely as the next."""
        for option in options[:-1]:
            if self.chance(0.5):
                return option
        return options[-1]

    def weighted(self, options: Sequence[tuple[_T, int]]) -> _T:
        """Return one of the options, each with its weight."""
        total = sum(weight for _, weight in options)
        at = self._random.randrange(total)
        for option, weight in options:
            if at < weight:
                self.bits += log2(total / weight)
                return option
            at -= weight
        raise ValueError("nothing to draw from")

    def chance(self, share: float) -> bool:
        """Return True in this share of the cases."""
        hit = self._random.random() < share
        self.bits -= log2(share if hit else 1 - share)
        return hit

    def pause(self, mean: int) -> int:
        """Return how long nothing happens, as long as `mean` on average."""
        self.bits += log2(2.718 * mean)
        return int(self._random.expovariate(1 / mean))

    def data(self, length: int) -> bytes:
        """Return bytes that do not compress."""
        self.bits += 8 * length
        return self._random.randbytes(length)

    def hexed(self, digits: int) -> str:
        """Return hex digits."""
        self.bits += 4 * digits
        return f"{self._random.getrandbits(4 * digits):0{digits}x}"

    def word(self, length: int) -> str:
        """Return letters and digits, as in the suffix of a pod's name."""
        return "".join(self.pick(_ALPHABET) for _ in range(length))

    def uuid(self) -> str:
        """Return a random UUID."""
        self.bits += 122
        return str(UUID(int=self._random.getrandbits(128), version=4))
