"""Events in columns: a block of the journal's rows, turned by a quarter so that like stands beside like.

Times become differences, actors and reasons numbers in a table, and the payloads of one kind of event
stand together: that halves what zstd makes of the same rows, and lets payloads be decoded by the
hundred. A row comes back byte for byte; what is not a row as the journal writes it is refused.
"""

import struct
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, repeat
from operator import sub
from typing import Annotated, Final, NamedTuple, TypeVar

import msgspec

from ..engine.domain.events import Recorded
from ..engine.journal.codec import MAX_EVENT_BYTES, Codec, StoredRow
from .format import MAX_TIME, Malformed, canonical, encode

BLOCK_EVENTS: Final = 4096
BLOCK_BYTES: Final = 1024 * 1024
"""Where a block is closed: by number, or before the rows' bytes pass this. Part of the format, as the
root is over blocks: the same log gives the same root."""
MAX_TAG: Final = 100
MAX_NUMBER: Final = 1 << 62
"""Of a schema, an operation, a cause: so that differences fit, whichever two stand side by side."""
_SURELY_SMALL: Final = MAX_EVENT_BYTES - 64
"""A block of fewer bytes holds no event that is too large: a row's numbers are longer by at most these."""

_T = TypeVar("_T")

_Int = Annotated[int, msgspec.Meta(ge=-MAX_NUMBER, le=MAX_NUMBER)]
_Column = Annotated[tuple[_Int, ...], msgspec.Meta(max_length=BLOCK_EVENTS)]
_Tag = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TAG)]
_Table = Annotated[tuple[str, ...], msgspec.Meta(max_length=BLOCK_EVENTS)]
_Payloads = Annotated[tuple[bytes, ...], msgspec.Meta(max_length=BLOCK_EVENTS)]

_Row = tuple[int, int, str, int, int, str, msgspec.Raw]
_ROWS = msgspec.msgpack.Decoder(list[_Row])
_RAWS = msgspec.msgpack.Decoder(list[msgspec.Raw])


class Columns(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A block. `times`, `operations` are differences to the event before, `causes` from the event itself.

    `tags`, `actors`, `reasons` are tables in the order of first use, `kinds`, `who`, `why` numbers in
    them. `payloads` has one entry a tag: the payloads of its events, one directly after the other.
    """

    tags: Annotated[tuple[_Tag, ...], msgspec.Meta(max_length=BLOCK_EVENTS)]
    actors: _Table
    reasons: _Table
    kinds: _Column
    schemas: _Column
    times: _Column
    who: _Column
    operations: _Column
    causes: _Column
    why: _Column
    payloads: _Payloads


_TIMES = struct.Struct(">QQ")
"""Ahead of the columns: when the first and the last event happened, so that nobody decodes to know."""
_COLUMNS = msgspec.msgpack.Decoder(Columns)


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
    if versions != tuple(range(first, first + len(rows))):
        wrong = next(
            found for found, due in zip(versions, range(first, 1 << 62), strict=False) if found != due
        )
        raise Malformed(f"event {wrong} is not where it should be, after event {first - 1}")
    kinds = _table(tags)
    for tag in kinds:
        _check_tag(tag)
    if max(map(len, states)) > MAX_EVENT_BYTES:
        raise Malformed("an event is larger than any may be")
    found = _decoded(states, b"".join(states), first)
    schemas, times, actors, operations, causes, reasons, payloads = zip(*found, strict=True)
    _check_range(times, schemas, operations, causes)
    grouped: defaultdict[str, list[msgspec.Raw]] = defaultdict(list)
    for tag, payload in zip(tags, payloads, strict=True):
        grouped[tag].append(payload)
    people, whys = _table(actors), _table(reasons)
    columns = Columns(
        tags=tuple(kinds),
        actors=tuple(people),
        reasons=tuple(whys),
        kinds=tuple(map(kinds.__getitem__, tags)),
        schemas=schemas,
        times=_differences(times),
        who=tuple(map(people.__getitem__, actors)),
        operations=_differences(operations),
        causes=tuple(map(sub, versions, causes)),
        why=tuple(map(whys.__getitem__, reasons)),
        payloads=tuple(b"".join(grouped[tag]) for tag in kinds),
    )
    raw = _TIMES.pack(times[0], times[-1]) + encode(columns)
    return Packed(raw, len(rows), times[0], times[-1])


def _table(values: Iterable[str]) -> dict[str, int]:
    return {value: number for number, value in enumerate(dict.fromkeys(values))}


def _differences(values: tuple[int, ...]) -> tuple[int, ...]:
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


def _check_tag(tag: str) -> None:
    if not 0 < len(tag) <= MAX_TAG or not tag.isprintable():
        raise Malformed("a kind of event is empty, too long or cannot be printed")


class EventBlock:
    """A block that was read: verified as bytes, and decoded when asked. `first` is its first position."""

    def __init__(self, raw: bytes, count: int, first: int) -> None:
        self._raw = raw
        self.count = count
        self.first = first

    def columns(self) -> Columns:
        """Return the columns, everything checked that can be without knowing the kinds of events."""
        found = canonical(_COLUMNS, self._raw[_TIMES.size :], "a block of events")
        columns = (
            found.kinds,
            found.schemas,
            found.times,
            found.who,
            found.operations,
            found.causes,
            found.why,
        )
        if any(len(column) != self.count for column in columns) or len(found.payloads) != len(found.tags):
            raise Malformed("the columns of a block of events differ in length")
        _check_numbers(found.kinds, found.tags)
        _check_numbers(found.who, found.actors)
        _check_numbers(found.why, found.reasons)
        for tag in found.tags:
            _check_tag(tag)
        _, times, _, operations, causes, _ = self._scalars(found)
        times = tuple(times)
        _check_range(times, found.schemas, tuple(operations), tuple(causes))
        if (times[0], times[-1]) != self.times():
            raise Malformed("a block of events contradicts itself about its times")
        return found

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
            _divided(self.columns())

    def rows(self) -> list[StoredRow]:
        """Return the rows as the journal keeps them."""
        found = self.columns()
        payloads = _in_order(found, _divided(found))
        tags = map(found.tags.__getitem__, found.kinds)
        envelopes = zip(*self._scalars(found), payloads, strict=True)
        rows = [
            StoredRow(version, tag, encode(envelope))
            for version, tag, envelope in zip(
                range(self.first, self.first + self.count), tags, envelopes, strict=True
            )
        ]
        if any(len(row.state) > MAX_EVENT_BYTES for row in rows):
            raise Malformed("an event is larger than any may be")
        return rows

    def events(self, codec: Codec, stream: str) -> list[Recorded]:
        """Return the events in today's schemas.

        Raises `UnknownEvent`, `MalformedEvent` as `Codec.decode` does.
        """
        if len(self._raw) > _SURELY_SMALL:
            self.rows()
        found = self.columns()
        schemas = _by_kind(found, found.schemas)
        decoded = [
            codec.payloads(tag, schemas[kind], data)
            for kind, (tag, data) in enumerate(zip(found.tags, found.payloads, strict=True))
        ]
        _, times, actors, operations, causes, reasons = self._scalars(found)
        today = tuple(map([codec.schema_of(tag) for tag in found.tags].__getitem__, found.kinds))
        versions = range(self.first, self.first + self.count)
        events = _in_order(found, decoded)
        return list(
            map(Recorded, repeat(stream), versions, times, actors, operations, causes, reasons, today, events)
        )

    def _scalars(
        self, found: Columns
    ) -> tuple[Iterable[int], Iterable[int], Iterable[str], Iterable[int], Iterable[int], Iterable[str]]:
        return (
            found.schemas,
            accumulate(found.times),
            map(found.actors.__getitem__, found.who),
            accumulate(found.operations),
            map(sub, range(self.first, self.first + self.count), found.causes),
            map(found.reasons.__getitem__, found.why),
        )


def _by_kind(found: Columns, column: Sequence[int]) -> list[list[int]]:
    grouped: list[list[int]] = [[] for _ in found.tags]
    for kind, value in zip(found.kinds, column, strict=True):
        grouped[kind].append(value)
    return grouped


def _in_order(found: Columns, grouped: Sequence[Sequence[_T]]) -> Iterator[_T]:
    """Return what stands together by kind in the order of the events."""
    counts = Counter(found.kinds)
    if any(len(items) != counts[kind] for kind, items in enumerate(grouped)):
        raise Malformed("a block of events has more or fewer payloads than events")
    return map(next, map([iter(items) for items in grouped].__getitem__, found.kinds))


def _check_numbers(numbers: tuple[int, ...], table: Sequence[object]) -> None:
    """Raise unless the numbers use the table in order, whole, and nothing beyond it; it has nothing twice."""
    if tuple(dict.fromkeys(numbers)) != tuple(range(len(table))) or len(set(table)) != len(table):
        raise Malformed("a table of a block of events is not in the order of its use")


def _check_range(
    times: tuple[int, ...], schemas: tuple[int, ...], operations: tuple[int, ...], causes: tuple[int, ...]
) -> None:
    if min(times) < 0 or max(times) > MAX_TIME:
        raise Malformed("an event has a time outside the years 1970 to 9999")
    if any(min(numbers) < 0 or max(numbers) > MAX_NUMBER for numbers in (schemas, operations, causes)):
        raise Malformed("an event has a schema, an operation or a cause that is no number of any")


def _divided(found: Columns) -> list[list[msgspec.Raw]]:
    """Return the payloads of each kind, one by one."""
    counts = Counter(found.kinds)
    return [_raws(data, counts[kind]) for kind, data in enumerate(found.payloads)]


def _raws(data: bytes, count: int) -> list[msgspec.Raw]:
    try:
        found = _RAWS.decode(array(count, data))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed("the payloads of a block of events are not what its columns say") from error
    return found
