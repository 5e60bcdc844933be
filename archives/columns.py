"""Events in columns: a block of the journal's rows, turned by a quarter so that like stands beside like.

Times become differences, actors and reasons numbers in a table; payloads follow in their order, as they
are. That takes a third off what zstd makes of the same rows, and what is said once for a block is checked
once for a block. A row comes back byte for byte; what is not a row as the journal writes it is refused.
"""

import struct
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from itertools import chain, islice, repeat
from operator import call, sub
from typing import Annotated, Any, Final, NamedTuple, TypeVar

import msgspec

from ..engine.domain.events import AnyEvent, Event, Recorded
from ..engine.errors import MalformedEvent
from ..engine.journal.codec import MAX_EVENT_BYTES, UNREADABLE, Codec, StoredRow
from .format import MAX_TIME, Malformed, encode
from .numbers import (
    LARGEST,
    MAX_LENGTH,
    NO_BLOCK,
    Column,
    Range,
    array_of,
    check_use,
    checked,
    looked_up,
    numbers_of,
    sums,
)

BLOCK_EVENTS: Final = MAX_LENGTH
BLOCK_BYTES: Final = 2 * 1024 * 1024
"""Where a block is closed: by number, or before the rows' bytes pass this. Part of the format, as the
root is over blocks: the same log gives the same root."""
MAX_TAG: Final = 100
MAX_TAGS: Final = 256
MAX_NUMBER: Final = LARGEST
"""Of an operation, a cause."""
_SURELY_SMALL: Final = MAX_EVENT_BYTES - 64
"""A block of fewer bytes holds no event that is too large: a row's numbers are longer by at most these."""

_Bytes = Annotated[bytes, msgspec.Meta(max_length=BLOCK_EVENTS)]
_Tag = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TAG)]
_Table = Annotated[tuple[str, ...], msgspec.Meta(max_length=BLOCK_EVENTS)]

_T = TypeVar("_T")
_Hashable = TypeVar("_Hashable", bound=Hashable)
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
    times: Column
    who: Column
    operations: Column
    causes: Column
    why: Column
    payloads: Annotated[tuple[msgspec.Raw, ...], msgspec.Meta(max_length=BLOCK_EVENTS)]


class _Stored(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """`Columns` as they are read: numbers are not decoded yet, see `numbers_of`."""

    tags: Annotated[tuple[_Tag, ...], msgspec.Meta(max_length=MAX_TAGS)]
    actors: _Table
    reasons: _Table
    kinds: _Bytes
    schemas: _Bytes
    times: msgspec.Raw
    who: msgspec.Raw
    operations: msgspec.Raw
    causes: msgspec.Raw
    why: msgspec.Raw
    payloads: Annotated[tuple[msgspec.Raw, ...], msgspec.Meta(max_length=BLOCK_EVENTS)]


_NO_TIME: Final = "an event has a time outside the years 1970 to 9999"
_NO_NUMBER: Final = "an event has an operation or a cause that is no number of any"


class _Block(NamedTuple):
    """A block that was decoded and checked. Of the envelopes' columns each can be taken once."""

    tags: tuple[str, ...]
    kinds: bytes
    schemas: bytes
    envelopes: tuple[Iterable[int], Iterable[str], Iterable[int], Iterable[int], Iterable[str]]
    """Times, actors, operations, causes, reasons: in the order in which an envelope has them."""
    payloads: tuple[msgspec.Raw, ...]


_STORED = msgspec.msgpack.Decoder(_Stored)
_STORED_FIELDS: Final = len(_Stored.__struct_fields__)
_EVENT = msgspec.msgpack.Decoder(AnyEvent)
_AT_ONCE: Final = 128
"""So many rows are decoded in one go: fewer costs calls, more costs memory that is not near any more."""
_EVENTS_AT_ONCE: Final = 64
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
    if min(times) < 0 or max(times) > MAX_TIME:
        raise Malformed(_NO_TIME)
    if any(min(numbers) < 0 or max(numbers) > MAX_NUMBER for numbers in (operations, causes)):
        raise Malformed(_NO_NUMBER)
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


def _table(values: Iterable[_Hashable]) -> dict[_Hashable, int]:
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


_Refusal = Callable[[Malformed], Exception]


def _refusing(parts: Iterator[_T], refuse: _Refusal | None) -> Iterator[_T]:
    """Yield the parts; raise what `refuse` makes of it where they are malformed."""
    try:
        yield from parts
    except Malformed as error:
        if refuse is None:
            raise
        raise refuse(error) from error


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
            raise Malformed(_NO_TIME)
        return first, last

    def check(self) -> None:
        """Raise Malformed unless the rows can be had."""
        if len(self._raw) > _SURELY_SMALL:
            self.rows()
        else:
            self._decoded()

    def _decoded(self) -> _Block:
        """Return the columns, everything checked that can be without knowing the kinds of events."""
        found = self._stored()
        numbers = (found.times, found.who, found.operations, found.causes, found.why)
        times, who, operations, causes, why = (numbers_of(column, self.count) for column in numbers)
        columns = (found.kinds, found.schemas, times, who, operations, causes, why, found.payloads)
        if {*map(len, columns)} != {self.count}:
            raise Malformed("the columns of a block of events differ in length")
        check_use(found.kinds, found.tags)
        check_use(who, found.actors)
        check_use(why, found.reasons)
        _check_tags(found.tags)
        envelopes = (
            self._times(times),
            looked_up(found.actors, who),
            checked(sums(operations), operations, MAX_NUMBER, _NO_NUMBER),
            checked(self._causes(causes), causes, MAX_NUMBER, _NO_NUMBER),
            looked_up(found.reasons, why),
        )
        return _Block(found.tags, found.kinds, found.schemas, envelopes, found.payloads)

    def _stored(self) -> _Stored:
        """Return the columns, in their one encoding but for the numbers; payloads are as they are."""
        try:
            found = _STORED.decode(memoryview(self._raw)[_TIMES.size :])
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Malformed(NO_BLOCK) from error
        *before, payloads = msgspec.structs.astuple(found)
        again = b"".join((array_of(_STORED_FIELDS), *map(encode, before), array_of(len(payloads))))
        if not self._raw.startswith(again, _TIMES.size):
            raise Malformed("a block of events is not in its one encoding")
        return found

    def _times(self, differences: Sequence[int]) -> Iterable[int]:
        times = checked(sums(differences), differences, MAX_TIME, _NO_TIME)
        if (differences[0], sum(differences)) != self.times():
            raise Malformed("a block of events contradicts itself about its times")
        return times

    def _causes(self, differences: Sequence[int]) -> Range:
        causes = tuple(map(sub, self._versions(), differences))
        return causes, min(causes), max(causes)

    def rows(self) -> list[StoredRow]:
        """Return the rows as the journal keeps them."""
        found = self._decoded()
        tags = looked_up(found.tags, found.kinds)
        envelopes = zip(found.schemas, *found.envelopes, found.payloads, strict=True)
        rows = list(map(StoredRow, self._versions(), tags, map(encode, envelopes)))
        if any(len(row.state) > MAX_EVENT_BYTES for row in rows):
            raise Malformed("an event is larger than any may be")
        return rows

    def events(self, codec: Codec, stream: str, refuse: _Refusal | None = None) -> Iterator[Recorded]:
        """Yield the events in today's schemas.

        Raises `UnknownEvent`, `MalformedEvent` as `Codec.decode` does, and what `refuse` makes of Malformed.
        """
        # a chain and not a generator: what is between an event and who asks for it is paid for each
        return chain.from_iterable(_refusing(self._events(codec, stream, refuse), refuse))

    def _events(self, codec: Codec, stream: str, refuse: _Refusal | None) -> Iterator[Iterable[Recorded]]:
        if len(self._raw) > _SURELY_SMALL:
            self.rows()
        found = self._decoded()
        places, pairs = _written(found)
        reads = [each for kind, schema in pairs if (each := codec.reads(found.tags[kind], schema))]
        if len(reads) < len(pairs):
            yield (codec.decode(stream, row) for row in self.rows())  # which names what it does not know
            return
        decoders, schemas = zip(*reads, strict=True)
        decoded = map(call, looked_up(decoders, places), found.payloads)
        events = chain.from_iterable(_refusing(self._payloads(decoded, found, codec), refuse))
        today = repeat(schemas[0]) if len({*schemas}) == 1 else looked_up(schemas, places)
        yield map(Recorded, repeat(stream), self._versions(), *found.envelopes, today, events)

    def _payloads(self, decoded: Iterator[Event], found: _Block, codec: Codec) -> Iterator[Iterable[Event]]:
        """Yield the events that the payloads are, some at once."""
        for start in range(0, self.count, _EVENTS_AT_ONCE):
            try:
                events = list(islice(decoded, _EVENTS_AT_ONCE))
            except UNREADABLE:
                events = []
            if len(events) < min(_EVENTS_AT_ONCE, self.count - start):  # one is wrong: its row tells what
                for row, payload in zip(self.rows()[start:], found.payloads[start:], strict=True):
                    yield (_named(codec, row, payload),)
                return
            yield events

    def _versions(self) -> range:
        return range(self.first, self.first + self.count)


def _written(found: _Block) -> tuple[Sequence[int], Sequence[tuple[int, int]]]:
    """Return for each event its place among the kinds and schemas that occur together, and those."""
    first = found.schemas[:1]
    if found.schemas.count(first) == len(found.schemas):
        return found.kinds, [(kind, first[0]) for kind in range(len(found.tags))]
    each = tuple(zip(found.kinds, found.schemas, strict=True))
    pairs = _table(each)
    return tuple(map(pairs.__getitem__, each)), tuple(pairs)


def _named(codec: Codec, row: StoredRow, payload: msgspec.Raw) -> Event:
    """Return an event of which not much is known; what is wrong with it is raised by its name."""
    try:
        return codec.decode("", row).event
    except MalformedEvent as error:
        try:
            _EVENT.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise error from None
        raise Malformed("a payload is of another kind of event than its tag") from error
