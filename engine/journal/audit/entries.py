"""From events to what the index says of them. Pure, but for what is `Known` of the events before."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

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


_CAUSES = 10_000
"""So many beginnings of steps are remembered, for what they are about, and other causes."""


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


class Indexer:
    """Makes the entries of a batch of events, in the order in which they were appended."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._heads: dict[str, tuple[int, bytes]] = {}
        self._numbers: dict[str, int] = {}
        self._causes: dict[tuple[str, int], ev.Recorded] = {}

    def index(self, items: Iterable[tuple[int, ev.Recorded, StoredRow]]) -> Batch:
        """Return what is to be written for events, each given with its position in the store.

        Raises `BeyondTheEnd` where an event does not follow one of the log, `IndexBehind` where that
        one is not in the index.
        """
        batch = Batch()
        for position, recorded, row in items:
            hashed = self._link(recorded.stream, row)
            self._note_time(batch, position, recorded.time)
            if recorded.stream.startswith(NAMES):
                batch.entries.append(Entry(position, recorded.time, 0, "", hashed))
                continue
            number = self._number(recorded.stream)
            resource = self._resource(recorded)
            operation = self._operation(batch, position, recorded)
            shown = resource.replace("\0", "\ufffd")  # PostgreSQL keeps no null character in a text
            batch.entries.append(Entry(position, recorded.time, operation, shown, hashed))
            batch.terms.append((position, line(recorded, number, resource)))
        return batch

    def _link(self, stream: str, row: StoredRow) -> bytes:
        version, before = self._heads.get(stream) or self._head(stream, row.version - 1)
        if version != row.version - 1:
            raise BeyondTheEnd(f"event {row.version - 1} of {stream}")
        hashed = chain.link(before, row.version, row.tag, row.state)
        self._heads[stream] = row.version, hashed
        return hashed

    def _head(self, stream: str, version: int) -> tuple[int, bytes]:
        if version == 0:
            return 0, chain.genesis(stream)
        return version, self._known.head(stream, version)

    def _number(self, stream: str) -> int:
        if stream not in self._numbers:
            self._numbers[stream] = self._known.number(stream)
        return self._numbers[stream]

    def _resource(self, recorded: ev.Recorded) -> str:
        """Return what an event is about; what came of a step is about what the step was about."""
        event = recorded.event
        found = subject(event)
        if isinstance(event, ev.StepStarted):
            self._remember(recorded)
        if found or not isinstance(event, ev.StepSucceeded | ev.StepFailed | ev.StepRetried):
            return found
        at = recorded.stream, recorded.cause
        start = self._causes.get(at)
        if start is None and 0 < recorded.cause < recorded.version:  # what comes later is not known yet
            start = self._known.event(*at)
            if start is not None:  # many may have the same cause
                self._remember(start)
        if start is None or start.operation != recorded.operation:
            return ""
        same = isinstance(start.event, ev.StepStarted) and start.event.step == event.step
        return subject(start.event) if same else ""

    def _remember(self, cause: ev.Recorded) -> None:
        if len(self._causes) > _CAUSES:  # the store is asked instead
            self._causes.clear()
        self._causes[cause.stream, cause.version] = cause

    def _operation(self, batch: Batch, position: int, recorded: ev.Recorded) -> int:
        at = recorded.stream, recorded.operation
        found = batch.operations.get(at)
        if found is None:
            found = self._known.operation(*at)
            if found is None:
                found = Written(position, recorded.stream, begun("", recorded), new=True)
            batch.operations[at] = found
        tell(found.view, recorded)
        return found.id

    @staticmethod
    def _note_time(batch: Batch, position: int, time: int) -> None:
        low, high = batch.times.get(position // BLOCK, (time, time))
        batch.times[position // BLOCK] = min(low, time), max(high, time)


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
