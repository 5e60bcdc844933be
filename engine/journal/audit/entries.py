"""From events to what the index says of them. Pure, but for what is `Known` of the events before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Final, NamedTuple, Protocol

import msgspec

from ...domain import events as ev
from ...domain.history import OperationView, begun, tell
from ...domain.subjects import subject
from ...errors import DamagedIndex
from ..codec import StoredRow
from . import chain
from .terms import line

NAMES = "name:"
"""How the stream of a name begins. Its events have a chain, and are not searched for."""

BLOCK = 1024
"""Positions of which the index knows the earliest and the latest time together."""


_STARTS = 10_000
"""So many beginnings of steps are remembered, for what they are about."""


class Entry(NamedTuple):
    """An event in the index. `position` is in the whole store, `operation` that of its first event."""

    position: int
    time: int
    operation: int
    resource: str
    hash: bytes


class IndexBehind(Exception):
    """An event is to be indexed, and the one before it is not: an old version wrote meanwhile, say."""


class BeyondTheEnd(Exception):
    """An event is to be indexed, and the one before it is not in the log."""


@dataclass
class Written:
    """An operation in the index: `id` is the position of its first event. `new`: it was not there."""

    id: int
    stream: str
    view: OperationView
    new: bool


@dataclass
class Batch:
    """What is to be written for events that were appended together."""

    entries: list[Entry] = field(default_factory=list)
    terms: list[tuple[int, str]] = field(default_factory=list)
    operations: dict[tuple[str, int], Written] = field(default_factory=dict)
    times: dict[int, tuple[int, int]] = field(default_factory=dict)


class Known(Protocol):
    """What is in the store already, in the transaction that adds to it."""

    def head(self, stream: str, version: int) -> bytes:
        """Return the hash of a stream's event.

        Raises `IndexBehind` where the event has none, `BeyondTheEnd` where there is no such event.
        """
        ...

    def number(self, stream: str) -> int:
        """Return a stream's number in this store, giving it one if it has none."""
        ...

    def operation(self, stream: str, number: int) -> Written | None:
        """Return an operation as it was told so far."""
        ...

    def event(self, stream: str, version: int) -> ev.Recorded | None:
        """Return one event."""
        ...


class _Start(NamedTuple):
    """What is remembered of the start of a step."""

    operation: int
    step: int
    resource: str


_OUTCOMES: Final = (ev.StepSucceeded, ev.StepFailed, ev.StepRetried)
"""What is about the same as the step's start, and does not say so."""


class Indexer:
    """Makes the entries of a batch of events, in the order in which they were appended."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._heads: dict[str, tuple[int, bytes]] = {}
        self._numbers: dict[str, int] = {}
        self._starts: dict[tuple[str, int], _Start | None] = {}

    def index(self, items: Iterable[tuple[int, ev.Recorded, StoredRow]]) -> Batch:
        """Return what is to be written for events, each given with its position in the store.

        Raises `BeyondTheEnd` where an event does not follow one of the log, `IndexBehind` where that
        one is not in the index.
        """
        batch = Batch()
        for position, recorded, row in items:
            stream = recorded.stream
            hashed = self._link(stream, row)
            if stream.startswith(NAMES):
                batch.entries.append(Entry(position, recorded.time, 0, "", hashed))
                continue
            number = self._numbers.get(stream) or self._number(stream)
            resource = self._resource(recorded)
            operation = self._operation(batch, position, recorded)
            shown = resource.replace("\0", "\ufffd")  # PostgreSQL keeps no null character in a text
            batch.entries.append(Entry(position, recorded.time, operation.id, shown, hashed))
            batch.terms.append((position, line(recorded, number, operation.view.kind, resource)))
        _note_times(batch)
        return batch

    def _link(self, stream: str, row: StoredRow) -> bytes:
        at, tag, state = row
        version, before = self._heads.get(stream) or self._head(stream, at - 1)
        if version != at - 1:
            raise BeyondTheEnd(f"event {at - 1} of {stream}")
        hashed = chain.link(before, at, tag, state)
        self._heads[stream] = at, hashed
        return hashed

    def _head(self, stream: str, version: int) -> tuple[int, bytes]:
        if version == 0:
            return 0, chain.genesis(stream)
        return version, self._known.head(stream, version)

    def _number(self, stream: str) -> int:
        self._numbers[stream] = found = self._known.number(stream)
        return found

    def _resource(self, recorded: ev.Recorded) -> str:
        """Return what an event is about; what came of a step is about what the step was about."""
        event = recorded.event
        if isinstance(event, _OUTCOMES):
            start = self._start(recorded.stream, recorded.cause, recorded.version)
            if start is None or start[:2] != (recorded.operation, event.step):
                return ""
            return start.resource
        found = subject(event)
        if isinstance(event, ev.StepStarted):
            self._remember((recorded.stream, recorded.version), _Start(recorded.operation, event.step, found))
        return found

    def _start(self, stream: str, version: int, before: int) -> _Start | None:
        """Return what started a step, if the event that caused its outcome did."""
        at = stream, version
        if at in self._starts:
            return self._starts[at]
        if not 0 < version < before:  # what comes later is not known yet
            return None
        known, found = self._known.event(stream, version), None
        if known is not None and isinstance(known.event, ev.StepStarted):
            found = _Start(known.operation, known.event.step, subject(known.event))
        return self._remember(at, found)

    def _remember(self, at: tuple[str, int], start: _Start | None) -> _Start | None:
        if len(self._starts) > _STARTS:  # the store is asked instead
            self._starts.clear()
        self._starts[at] = start
        return start

    def _operation(self, batch: Batch, position: int, recorded: ev.Recorded) -> Written:
        at = recorded.stream, recorded.operation
        found = batch.operations.get(at)
        if found is None:
            found = self._known.operation(*at)
            if found is None:
                found = Written(position, recorded.stream, begun("", recorded), new=True)
            batch.operations[at] = found
        tell(found.view, recorded)
        return found


def _note_times(batch: Batch) -> None:
    """Note the earliest and the latest time in each block of positions."""
    for block, some in groupby(batch.entries, lambda entry: entry[0] // BLOCK):
        times = [entry[1] for entry in some]
        low, high = batch.times.get(block, (times[0], times[0]))
        batch.times[block] = min(low, *times), max(high, *times)


_VIEWS = msgspec.msgpack.Decoder(OperationView)


def packed(view: OperationView) -> bytes:
    """Return an operation as the index keeps it."""
    return msgspec.msgpack.encode(msgspec.structs.replace(view, cluster="", events=[]))


def unpacked(data: bytes, names: Mapping[str, str], stream: str) -> OperationView:
    """Return an operation from the index, its cluster by the name that `names` has for it.

    Raises `DamagedIndex`.
    """
    try:
        view = _VIEWS.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DamagedIndex(f"an operation of {stream[:8]} cannot be read: {error}") from error
    view.cluster = names.get(stream, stream[:8])
    return view
