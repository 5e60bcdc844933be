"""Events in columns: a block of the journal's rows, turned by a quarter so that like stands beside like.

Times become differences, actors and reasons numbers in a table; payloads follow in their order, as they
are. That takes a third off what zstd makes of the same rows, and a block is decoded to typed events in
one go. A row comes back byte for byte; what is not a row as the journal writes it is refused.
"""

import struct
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, chain, repeat
from operator import is_not, sub
from typing import Annotated, Any, Final, NamedTuple, get_args

import msgspec

from ..engine.domain.events import AnyEvent, Event, Recorded
from ..engine.journal.codec import MAX_EVENT_BYTES, Codec, StoredRow
from .format import MAX_TIME, Malformed, canonical, encode

BLOCK_EVENTS: Final = 8192
BLOCK_BYTES: Final = 2 * 1024 * 1024
"""Where a block is closed: by number, or before the rows' bytes pass this. Part of the format, as the
root is over blocks: the same log gives the same root."""
MAX_TAG: Final = 100
MAX_TAGS: Final = 256
MAX_NUMBER: Final = 1 << 62
"""Of an operation, a cause: so that differences fit, whichever two stand side by side."""
_SURELY_SMALL: Final = MAX_EVENT_BYTES - 64
"""A block of fewer bytes holds no event that is too large: a row's numbers are longer by at most these."""

_Int = Annotated[int, msgspec.Meta(ge=-MAX_NUMBER, le=MAX_NUMBER)]
_Column = Annotated[tuple[_Int, ...], msgspec.Meta(max_length=BLOCK_EVENTS)]
_Bytes = Annotated[bytes, msgspec.Meta(max_length=BLOCK_EVENTS)]
_Tag = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TAG)]
_Table = Annotated[tuple[str, ...], msgspec.Meta(max_length=BLOCK_EVENTS)]

_Row = tuple[int, int, str, int, int, str, msgspec.Raw]
_ROWS = msgspec.msgpack.Decoder(list[_Row])


class Columns(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A block.

    `times`, `operations` are differences to the event before, `causes` from the event itself. `tags`,
    `actors`, `reasons` are tables in the order of first use, `kinds`, `who`, `why` numbers in them.
    """

    tags: Annotated[tuple[_Tag, ...], msgspec.Meta(max_length=MAX_TAGS)]
    actors: _Table
    reasons: _Table
    kinds: _Bytes
    schemas: _Bytes
    times: _Column
    who: _Column
    operations: _Column
    causes: _Column
    why: _Column
    payloads: Annotated[tuple[msgspec.Raw, ...], msgspec.Meta(max_length=BLOCK_EVENTS)]


_Envelopes = tuple[Iterable[int], Iterable[str], Iterable[int], Iterable[int], Iterable[str]]
"""Times, actors, operations, causes, reasons: in the order in which an envelope has them."""

_COLUMNS = msgspec.msgpack.Decoder(Columns)
_EVENTS = msgspec.msgpack.Decoder(list[AnyEvent])
_TODAY: Final = frozenset(get_args(AnyEvent))
_AT_ONCE: Final = 128
"""So many events are decoded in one go: fewer costs calls, more costs memory that is not near any more."""
_TIMES = struct.Struct(">QQ")
"""Ahead of the columns: when the first and the last event happened, so that nobody decodes to know."""


class Packed(NamedTuple):
    """A block's bytes, how many events they are, and when the first and last of them happened."""

    raw: bytes
    events: int
    first_time: int
    last_time: int


def array(count: int, items: bytes) -> bytes:
    """Return `items` as one msgpack array of `count`, in the long form that needs no shifting."""
    return b"\xdd" + count.to_bytes(4) + items


def blocks(rows: Iterable[StoredRow]) -> Iterator[list[StoredRow]]:
    """Gather rows into blocks, by the rule that every writer keeps."""
    pending: list[StoredRow] = []
    length = 0
    for row in rows:
        size = len(row[2])
        if pending and (len(pending) == BLOCK_EVENTS or length + size > BLOCK_BYTES):
            yield pending
            pending, length = [], 0
        pending.append(row)
        length += size
    if pending:
        yield pending


def pack(rows: Sequence[StoredRow], first: int) -> Packed:
    """Return the block of `rows`, which are events `first` and following. Raises Malformed."""
    versions, tags, states = zip(*rows, strict=True)
    for found, due in zip(versions, range(first, first + len(rows)), strict=True):
        if found != due:
            raise Malformed(f"event {found} is where event {due} should be")
    if max(map(len, states)) > MAX_EVENT_BYTES:
        raise Malformed("an event is larger than any may be")
    schemas, times, actors, operations, causes, reasons, payloads = _turned(states, first)
    _check_range(times, operations, causes)
    kinds, people, whys = _table(tags), _table(actors), _table(reasons)
    _check_tags(kinds)
    if min(schemas) < 0 or max(schemas) > 255:
        raise Malformed("an event has a schema that cannot be written")
    columns = Columns(
        tags=tuple(kinds),
        actors=tuple(people),
        reasons=tuple(whys),
        kinds=bytes(map(kinds.__getitem__, tags)),
        schemas=bytes(schemas),
        times=_differences(times),
        who=tuple(map(people.__getitem__, actors)),
        operations=_differences(operations),
        causes=tuple(map(sub, versions, causes)),
        why=tuple(map(whys.__getitem__, reasons)),
        payloads=tuple(payloads),
    )
    return Packed(_TIMES.pack(times[0], times[-1]) + encode(columns), len(rows), times[0], times[-1])


def _table(values: Iterable[str]) -> dict[str, int]:
    return {value: number for number, value in enumerate(dict.fromkeys(values))}


def _turned(states: Sequence[bytes], first: int) -> list[list[Any]]:
    """Return the envelopes' columns. A few rows at a time: what lives short stays cheap."""
    columns: list[list[Any]] = [[] for _ in range(7)]
    for start in range(0, len(states), _AT_ONCE):
        part = states[start : start + _AT_ONCE]
        rows = _decoded(part, b"".join(part), first + start)
        for number, values in enumerate(zip(*rows, strict=True)):
            columns[number] += values
    return columns


def _differences(values: Sequence[int]) -> tuple[int, ...]:
    return (values[0], *map(sub, values[1:], values))


def _decoded(states: Sequence[bytes], together: bytes, first: int) -> list[_Row]:
    """Return the envelopes of rows, every one in exactly the form in which it would be written again."""
    try:
        found = _ROWS.decode(array(len(states), together))
        if list(map(encode, found)) == list(states):
            return found
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError):
        pass
    number = next((number for number, state in enumerate(states, first) if not _is_row(state)), first)
    raise Malformed(f"event {number} is not in the form in which the journal keeps events")


def _is_row(state: bytes) -> bool:
    try:
        return encode(_ROWS.decode(array(1, state)))[1:] == state
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError):
        return False


def _check_tags(tags: Iterable[str]) -> None:
    found = tuple(tags)
    for tag in found:
        if not 0 < len(tag) <= MAX_TAG or not tag.isprintable():
            raise Malformed("a kind of event is empty, too long or cannot be printed")
    if len(found) > MAX_TAGS:
        raise Malformed(f"there are more than {MAX_TAGS} kinds of events in one block")


class EventBlock:
    """A block that was read: verified as bytes, and decoded when asked. `first` is its first position."""

    def __init__(self, raw: bytes, count: int, first: int) -> None:
        self._raw = raw
        self.count = count
        self.first = first

    def times(self) -> tuple[int, int]:
        """Return when the first and the last event of the block happened, as the block says."""
        if len(self._raw) < _TIMES.size:
            raise Malformed("a block of events is too short")
        first, last = _TIMES.unpack_from(self._raw)
        if max(first, last) > MAX_TIME:
            raise Malformed("an event has a time outside the years 1970 to 9999")
        return first, last

    def check(self) -> None:
        """Raise Malformed unless the rows can be had."""
        if len(self._raw) > _SURELY_SMALL:
            self.rows()
        else:
            self._decoded()

    def _decoded(self) -> tuple[Columns, _Envelopes]:
        """Return the columns, everything checked that can be without knowing the kinds of events."""
        found = canonical(_COLUMNS, self._raw[_TIMES.size :], "a block of events")
        columns = (found.kinds, found.schemas, found.times, found.who, found.operations, found.causes)
        if {len(found.payloads), len(found.why), *map(len, columns)} != {self.count}:
            raise Malformed("the columns of a block of events differ in length")
        _check_numbers(found.kinds, found.tags)
        _check_numbers(found.who, found.actors)
        _check_numbers(found.why, found.reasons)
        _check_tags(found.tags)
        times = tuple(accumulate(found.times))
        operations = tuple(accumulate(found.operations))
        causes = tuple(map(sub, self._versions(), found.causes))
        _check_range(times, operations, causes)
        if (times[0], times[-1]) != self.times():
            raise Malformed("a block of events contradicts itself about its times")
        actors, reasons = map(found.actors.__getitem__, found.who), map(found.reasons.__getitem__, found.why)
        return found, (times, actors, operations, causes, reasons)

    def rows(self) -> list[StoredRow]:
        """Return the rows as the journal keeps them."""
        found, envelope = self._decoded()
        tags = map(found.tags.__getitem__, found.kinds)
        envelopes = zip(found.schemas, *envelope, found.payloads, strict=True)
        rows = list(map(StoredRow, self._versions(), tags, map(encode, envelopes)))
        if any(len(row.state) > MAX_EVENT_BYTES for row in rows):
            raise Malformed("an event is larger than any may be")
        return rows

    def events(self, codec: Codec, stream: str) -> Iterator[Recorded]:
        """Yield the events in today's schemas.

        Raises `UnknownEvent`, `MalformedEvent` as `Codec.decode` does.
        """
        if len(self._raw) > _SURELY_SMALL:
            self.rows()
        found, envelope = self._decoded()
        types = [codec.type_of(tag) for tag in found.tags]
        written = set(zip(found.kinds, found.schemas, strict=True))
        if not all(
            cls and cls in _TODAY and schema == cls.SCHEMA
            for kind, schema in written
            for cls in (types[kind],)
        ):
            # by way of the rows, which brings older ones up and refuses newer ones by name
            yield from (codec.decode(stream, row) for row in self.rows())
            return
        payloads = chain.from_iterable(self._payloads(found, types, codec))
        yield from map(Recorded, repeat(stream), self._versions(), *envelope, found.schemas, payloads)

    def _payloads(
        self, found: Columns, types: Sequence[type[Event] | None], codec: Codec
    ) -> Iterator[Iterable[Event]]:
        """Yield the events that the payloads are, some at once, each of the type that its tag says."""
        for start in range(0, self.count, _AT_ONCE):
            raws = found.payloads[start : start + _AT_ONCE]
            kinds = found.kinds[start : start + _AT_ONCE]
            try:
                events = _EVENTS.decode(array(len(raws), b"".join(raws)))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                # the codec takes an event that does not repeat its tag, and names the one that is wrong
                yield (codec.decode("", row).event for row in self.rows()[start:])
                return
            if any(map(is_not, map(types.__getitem__, kinds), map(type, events))):
                raise Malformed("a payload is of another kind of event than its tag")
            yield events

    def _versions(self) -> range:
        return range(self.first, self.first + self.count)


def _check_numbers(numbers: Iterable[int], table: Sequence[object]) -> None:
    """Raise unless the numbers use the table in order, whole, and nothing beyond it; it has nothing twice."""
    if tuple(dict.fromkeys(numbers)) != tuple(range(len(table))) or len(set(table)) != len(table):
        raise Malformed("a table of a block of events is not in the order of its use")


def _check_range(times: Sequence[int], operations: Sequence[int], causes: Sequence[int]) -> None:
    if min(times) < 0 or max(times) > MAX_TIME:
        raise Malformed("an event has a time outside the years 1970 to 9999")
    if any(min(numbers) < 0 or max(numbers) > MAX_NUMBER for numbers in (operations, causes)):
        raise Malformed("an event has an operation or a cause that is no number of any")
