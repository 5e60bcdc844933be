"""The journal: append, read, and who holds which name.

One stream per cluster, whose id is the stream's; one short stream per cluster name (``name:web``),
so that two people who create the same name at once meet in the database and one of them is told.
Appending states the position that the writer has seen: optimistic concurrency.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ..domain.events import AnyEvent, NameClaimed, NameReleased, Recorded
from ..errors import AlreadyExists, AnotherHistory, LogMoved, MissingDriver, NameHeld, StoreUnusable
from .addresses import is_postgres, no_store, shown
from .audit.entries import NAMES
from .reading import Claim, Reading
from .recorders import NewRow
from .sqlite import open_sqlite
from .whole import WholeLog

__all__ = ["Claim", "Envelope", "Journal", "open_journal", "sqlite_path"]


class Envelope(NamedTuple):
    """What the events of one append have in common. `time` in microseconds since 1970 UTC.

    `cause` is the position of the event that led to them; 0: the operator did, and the first of them
    led to the rest.
    """

    time: int
    actor: str
    operation: int
    reason: str = ""
    cause: int = 0


class Journal(Reading):
    """An open event store. Safe to use from several threads; close it, or use it in a ``with``."""

    def append(
        self, cluster_id: str, expected: int, events: Sequence[AnyEvent], envelope: Envelope
    ) -> list[Recorded]:
        """Append events after position `expected`, all or none, durable on return.

        Raises `LogMoved` when the log is no longer at that position, or never was, `StoreUnusable`.
        """
        recorded = self._sealed(cluster_id, expected, events, envelope)
        self._insert(expected, recorded)
        return recorded

    def found(
        self, cluster_id: str, name: str, events: Sequence[AnyEvent], envelope: Envelope
    ) -> list[Recorded]:
        """Begin a cluster's log and give it its name, in one transaction.

        Raises `AlreadyExists` when the name is held by a cluster that is not gone.
        """
        before = self._last_of_name(name)
        if before is not None and isinstance(before.event, NameClaimed):
            raise AlreadyExists(name)
        version = 0 if before is None else before.version
        claim = NameClaimed(name=name, cluster_id=cluster_id)
        recorded = self._sealed(cluster_id, 0, events, envelope)
        try:
            self._insert(0, [*self._sealed(NAMES + name, version, [claim], envelope), *recorded])
        except LogMoved as error:
            raise AlreadyExists(name) from error
        return recorded

    def finish(
        self, cluster_id: str, name: str, expected: int, events: Sequence[AnyEvent], envelope: Envelope
    ) -> list[Recorded]:
        """Append a deleted cluster's last events and give its name back, in one transaction."""
        before = self._last_of_name(name)
        recorded = self._sealed(cluster_id, expected, events, envelope)
        release: list[Recorded] = []
        if before is not None and before.event == NameClaimed(name=name, cluster_id=cluster_id):
            event = NameReleased(name=name, cluster_id=cluster_id)
            release = self._sealed(NAMES + name, before.version, [event], envelope)
        self._insert(expected, [*recorded, *release])
        return recorded

    def take_in(self, log: WholeLog, envelope: Envelope) -> int:
        """Keep a log from elsewhere as it is, or what is missing of it, and give its cluster the name.

        All in one transaction; returns how many events were added. Raises `AnotherHistory` where the
        store has another log of that cluster, or a longer one, `NameHeld` where another cluster has
        the name, `LogMoved` where somebody else wrote meanwhile. `envelope` is for the name.
        """
        cluster_id, name = log.state.cluster_id, log.state.name
        known = 0
        for row in self.each_row(cluster_id):
            if known == len(log.rows) or row != log.rows[known]:
                raise AnotherHistory(name, known, beyond=known == len(log.rows))
            known += 1
        claims = self._claimed(log, envelope)
        new = [(cluster_id, *row) for row in log.rows[known:]]
        if new or claims:
            self._insert_rows(known, [*self._encoded(claims), *new], None)
        return len(new)

    def _claimed(self, log: WholeLog, envelope: Envelope) -> list[Recorded]:
        """Return what is to be said in the log of a name, so that it stands for this cluster, or did."""
        cluster_id, name = log.state.cluster_id, log.state.name
        before = self._last_of_name(name)
        claimed = NameClaimed(name=name, cluster_id=cluster_id)
        released = NameReleased(name=name, cluster_id=cluster_id)
        events: list[AnyEvent] = [claimed, *([released] if log.state.gone else [])]
        if before is not None and before.event == claimed:
            events = events[1:]
        elif log.state.gone and cluster_id in self.holders(name):
            events = []
        elif before is not None and isinstance(before.event, NameClaimed):
            raise NameHeld(name)
        return self._sealed(NAMES + name, 0 if before is None else before.version, events, envelope)

    def _sealed(
        self, stream: str, expected: int, events: Sequence[AnyEvent], envelope: Envelope
    ) -> list[Recorded]:
        return [
            Recorded(
                stream=stream,
                version=expected + number,
                time=envelope.time,
                actor=envelope.actor,
                operation=envelope.operation,
                cause=envelope.cause or (expected + 1 if number > 1 else 0),
                reason=envelope.reason,
                schema=event.SCHEMA,
                event=event,
            )
            for number, event in enumerate(events, start=1)
        ]

    def _insert(self, expected: int, recorded: Sequence[Recorded]) -> None:
        self._insert_rows(expected, self._encoded(recorded), recorded)

    def _encoded(self, recorded: Sequence[Recorded]) -> list[NewRow]:
        encode = self._codec.encode
        return [(item.stream, *encode(item)) for item in recorded]

    def _insert_rows(
        self, expected: int, rows: Sequence[NewRow], recorded: Sequence[Recorded] | None
    ) -> None:
        if self._recorder is None:
            raise StoreUnusable(self.url, "it was opened for reading and does not exist")
        with self._lock, self._telling(expected):
            self._recorder.insert_rows(rows, recorded)

    def keep(self, rows: Sequence[NewRow]) -> None:
        """Keep rows from another store as they are, all or none. Raises `LogMoved` where one is there."""
        self._insert_rows(min((version for _, version, *_ in rows), default=1) - 1, rows, None)


def sqlite_path(url: str) -> Path:
    """Return the file that a store's URL names. Raises `InvalidInput` for anything else.

    >>> sqlite_path("sqlite:////var/lib/k.sqlite"), sqlite_path("sqlite:///k.sqlite")
    (PosixPath('/var/lib/k.sqlite'), PosixPath('k.sqlite'))
    """
    scheme, found, path = url.partition(":///")
    if scheme != "sqlite" or not found or not path or "\0" in path:
        raise no_store(url)
    return Path(path)


def open_journal(url: str, *, create: bool = False) -> Journal:
    """Open the store at `url` (``sqlite:///PATH``, ``postgresql://USER@HOST/DATABASE``).

    A store that does not exist is made where `create` says so; otherwise the journal is empty and
    refuses to append. Raises `InvalidInput`, `NotAStore`, `StoreUnusable`, `MissingDriver`.
    """
    if not is_postgres(url):
        return Journal(url, open_sqlite(sqlite_path(url), create=create))
    try:
        from .postgres import open_postgres
    except ImportError as error:  # psycopg, or the libpq that it looks for
        raise MissingDriver(shown(url), str(error).partition("\n")[0]) from error
    return Journal(shown(url), open_postgres(url, create=create))
