"""Looking up places in a log: by position, time, operation, snapshot. Every lookup of a moment is here.

`marks_of` gives them for a log in the store, `told_by` for events that are at hand, such as an archive's.
Both read the events in order; what is asked is small, so that a store may answer it from an index.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from ..domain.events import OperationStarted, Recorded, SnapshotCaptured
from ..journal.audit.asking import Audit
from ..journal.log import Journal


class Place(NamedTuple):
    """A place in a log: after the event at `position`, which was recorded at `time`.

    `time` is in microseconds since 1970 UTC; `operation` is the newest operation that had begun.
    """

    position: int
    time: int
    operation: int


class Kept(NamedTuple):
    """A snapshot that was captured: its digest, and the position of the log that it holds."""

    digest: str
    position: int


class Marks(Protocol):
    """What is asked of a log to find a moment in it. None: there is no such place."""

    def first(self) -> Place | None:
        """Return the place after the first event."""
        ...

    def last(self) -> Place | None:
        """Return the place after the newest event."""
        ...

    def at(self, position: int) -> Place | None:
        """Return the place after the event at a position."""
        ...

    def until(self, time: int) -> Place | None:
        """Return the place after the last event, by position, that was recorded at `time` or before."""
        ...

    def end_of(self, operation: int) -> Place | None:
        """Return the place after the last event of an operation."""
        ...

    def operations(self) -> list[int]:
        """Return the numbers of the operations that began, in the order of their beginning."""
        ...

    def snapshots(self) -> list[Kept]:
        """Return the snapshots that were captured, oldest first."""
        ...


class Told:
    """Marks of a log whose events are read, oldest first, as often as something is asked."""

    def __init__(self, events: Callable[[], Iterable[Recorded]]) -> None:
        self._events = events

    def first(self) -> Place | None:
        """Return the place after the first event."""
        return next((place for place, _ in self._places()), None)

    def last(self) -> Place | None:
        """Return the place after the newest event."""
        return self._last(lambda _: True)

    def at(self, position: int) -> Place | None:
        """Return the place after the event at a position."""
        return next((place for place, item in self._places() if item.version == position), None)

    def until(self, time: int) -> Place | None:
        """Return the place after the last event, by position, that was recorded at `time` or before."""
        return self._last(lambda item: item.time <= time)

    def end_of(self, operation: int) -> Place | None:
        """Return the place after the last event of an operation."""
        return self._last(lambda item: item.operation == operation)

    def operations(self) -> list[int]:
        """Return the numbers of the operations that began, in the order of their beginning."""
        return [item.operation for item in self._events() if isinstance(item.event, OperationStarted)]

    def snapshots(self) -> list[Kept]:
        """Return the snapshots that were captured, oldest first."""
        events = (item.event for item in self._events())
        return [Kept(event.digest, event.position) for event in events if isinstance(event, SnapshotCaptured)]

    def _last(self, fits: Callable[[Recorded], bool]) -> Place | None:
        found = None
        for place, item in self._places():
            if fits(item):
                found = place
        return found

    def _places(self) -> Iterator[tuple[Place, Recorded]]:
        newest = 0
        for item in self._events():
            if isinstance(item.event, OperationStarted):
                newest = max(newest, item.operation)
            yield Place(item.version, item.time, newest), item


class Indexed:
    """Marks of a cluster's log in a store, by its audit index: nothing long is read."""

    def __init__(self, audit: Audit, cluster_id: str) -> None:
        self._audit = audit
        self._cluster = cluster_id

    def first(self) -> Place | None:
        """Return the place after the first event."""
        return self.at(1)

    def last(self) -> Place | None:
        """Return the place after the newest event."""
        return self.at(self._audit.last_version(self._cluster))

    def at(self, position: int) -> Place | None:
        """Return the place after the event at a position."""
        found = self._audit.place(self._cluster, position)
        return None if found is None else Place(position, *found)

    def until(self, time: int) -> Place | None:
        """Return the place after the last event, by position, that was recorded at `time` or before."""
        return self.at(self._audit.version_at(self._cluster, time))

    def end_of(self, operation: int) -> Place | None:
        """Return the place after the last event of an operation."""
        found = self._audit.operation(self._cluster, operation)
        return None if found is None else self.at(found.last)

    def operations(self) -> list[int]:
        """Return the numbers of the operations that began, in the order of their beginning."""
        return self._audit.numbers(self._cluster)

    def snapshots(self) -> list[Kept]:
        """Return the snapshots that were captured, oldest first."""
        events = (item.recorded.event for item in self._audit.snapshots(self._cluster))
        return [Kept(event.digest, event.position) for event in events if isinstance(event, SnapshotCaptured)]


def told_by(events: Sequence[Recorded]) -> Marks:
    """Return the marks of a log whose events are at hand."""
    return Told(lambda: events)


def marks_of(journal: Journal, cluster_id: str) -> Marks:
    """Return the marks of a cluster's log in the store."""
    return Indexed(journal.audit, cluster_id)
