"""The numbers of a block's columns: decoded, looked up in tables, and checked a column at a time.

Each function is a few calls for some thousand numbers: whatever is done for each in Python would take longer
than decoding the events.
"""

from collections.abc import Iterable, Sequence
from itertools import accumulate
from operator import itemgetter
from typing import Annotated, Final, TypeVar

import msgspec

from .format import VERSION, Malformed, canonical

MAX_LENGTH: Final = 8192
"""Of a column."""
LARGEST: Final = 1 << 62
"""Of any number, up or down: so that differences fit 64 bits, whichever two stand side by side."""
NO_BLOCK: Final = f"a block of events is not what format {VERSION} says"

Column = Annotated[tuple[int, ...], msgspec.Meta(max_length=MAX_LENGTH)]
Range = tuple[Iterable[int], int, int]
"""Numbers, which can be taken once, the least of them and the most."""

_T = TypeVar("_T")
_NUMBERS = msgspec.msgpack.Decoder(Column)
"""How large each number is, is checked where they are summed, which takes less than telling the decoder."""


def array_of(count: int) -> bytes:
    """Return the header of an array as msgpack writes it."""
    if count < 16:
        return bytes((0x90 | count,))
    return b"\xdc" + count.to_bytes(2) if count < 1 << 16 else b"\xdd" + count.to_bytes(4)


def numbers_of(column: msgspec.Raw, count: int) -> Sequence[int]:
    """Return a column's numbers. Where none is below 0 or above 127, its bytes are the numbers."""
    data, header = bytes(column), array_of(count)
    numbers = data[len(header) :]
    if len(numbers) == count and numbers.isascii() and data.startswith(header):
        return numbers
    return canonical(_NUMBERS, data, "a block of events")


def sums(differences: Sequence[int]) -> Range:
    """Return what the differences add up to, one by one."""
    if min(differences) >= 0:  # it only goes up, so that its ends tell
        return accumulate(differences), differences[0], sum(differences)
    found = tuple(accumulate(differences))
    return found, min(found), max(found)


def looked_up(table: Sequence[_T], numbers: Sequence[int]) -> tuple[_T, ...]:
    """Return the entries that the numbers name, which are known to be in the table."""
    return itemgetter(*numbers)(table) if len(numbers) > 1 else (table[numbers[0]],)


def check_use(numbers: Sequence[int], table: Sequence[object]) -> None:
    """Raise unless the numbers use the table in order, whole, and nothing beyond it; it has nothing twice."""
    if not _counts_up(numbers, len(table)) or len(set(table)) != len(table):
        raise Malformed("a table of a block of events is not in the order of its use")


def _counts_up(numbers: Sequence[int], size: int) -> bool:
    """Return whether the numbers are those below `size`, all of them, in this order where they come first."""
    if size > 256:
        return tuple(dict.fromkeys(numbers)) == tuple(range(size))
    try:
        found = bytes(numbers)
    except ValueError:  # one is below 0 or above 255
        return False
    first = list(map(found.find, range(size)))
    return first[:1] == [0] and first == sorted(first) and not found.translate(None, bytes(range(size)))


def checked(found: Range, stored: Sequence[int], limit: int, problem: str) -> Iterable[int]:
    """Return the numbers, which come of a column, or raise that there is a `problem` with the range."""
    numbers, least, most = found
    if least >= 0 and most <= limit:
        return numbers
    if max(map(abs, stored)) > LARGEST:
        raise Malformed(NO_BLOCK)
    raise Malformed(problem)
