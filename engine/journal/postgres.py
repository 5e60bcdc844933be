"""The team store: PostgreSQL, one table in a schema of its own, one writer at a time.

Stands on the library's recorder and closes what was seen to go wrong with it: tables are not made on
opening but by numbered steps (`postgres_schema`), rows are inserted in one plain transaction that rolls
back whatever happens in it, the library's database functions do not exist, and every writer, also one
with another tool, waits for its turn, so that positions appear in the order of commits. A commit whose
answer was lost is looked for before anything is said.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString

from eventsourcing.domain import EventSourcingError
from eventsourcing.persistence import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    StoredEvent,
)
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from eventsourcing.utils import retry
from psycopg import Connection, Cursor
from psycopg.rows import DictRow, tuple_row

from ..errors import LogMoved, NotAStore, StoreDenied, StoreUnusable
from . import postgres_schema
from .addresses import shown
from .postgres_connections import Connections, Denied, Unreachable, parameters_of
from .recorders import KeptRow, NewRow

ROWS_AT_ONCE = 1000
"""In one statement. An append of any size is still one transaction."""

_INSERT: LiteralString = (
    "INSERT INTO kubisnap.events (originator_id, originator_version, topic, state) "
    "SELECT * FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::bytea[]) RETURNING notification_id"
)
_COUNT_MINE: LiteralString = (
    "SELECT count(*) AS mine "
    "FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::bytea[]) AS mine (stream, version, tag, bytes) "
    'JOIN kubisnap.events ON originator_id = mine.stream COLLATE "C" AND originator_version = mine.version '
    "AND topic = mine.tag AND state = mine.bytes"
)
_again = retry((InterfaceError, OperationalError), max_attempts=10, wait=0.1)


class _CommitInDoubt(OperationalError):
    """The connection was lost after COMMIT was sent and before its answer came."""


class Datastore(PostgresDatastore):
    """The library's datastore over `Connections`."""

    def __init__(self, parameters: dict[str, Any]) -> None:
        super().__init__("", "", "", "", "", schema="kubisnap", originator_id_type="text")
        self.connections = Connections(parameters)

    def register_type_adapters(self) -> None:
        """Do nothing: no composite types are used."""

    @contextmanager
    def get_connection(self) -> Iterator[Connection[DictRow]]:
        """Lend a connection."""
        with self.connections.connection() as connection:
            yield connection

    def close(self) -> None:
        """Close all connections."""
        self.connections.close()

    def __del__(self) -> None:
        """Leave open connections to their owner; psycopg tells of those that are forgotten."""


class PostgresRecorder(PostgresApplicationRecorder):
    """The library's application recorder over our table."""

    def __init__(self, datastore: Datastore, url: str) -> None:
        super().__init__(datastore, events_table_name="events")
        self.url = url
        self.version = 0
        self._connections = datastore.connections

    def create_table(self) -> None:
        """Bring the schema to the newest version, if it is not."""
        self._migrate()

    @_again
    def _migrate(self) -> None:
        with self.datastore.get_connection() as connection:
            self.version = postgres_schema.migrate(connection, self.url)

    @_again
    def find_version(self) -> int:
        """Return the version of the schema that is there, 0 for none. Raises `NotAStore`."""
        with self.datastore.get_connection() as connection:
            self.version = postgres_schema.version_of(connection, self.url)
        return self.version

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    @_again
    def select_rows(
        self, stream: str, *, after: int | None, until: int | None, limit: int
    ) -> list[tuple[int, str, bytes]]:
        """Return a part of a stream in order: version, topic, state."""
        statement: LiteralString = (
            "SELECT originator_version, topic, state FROM kubisnap.events WHERE originator_id = %s "
        )
        arguments: list[str | int] = [stream]
        if after is not None:
            statement += "AND originator_version > %s "
            arguments.append(after)
        if until is not None:
            statement += "AND originator_version <= %s "
            arguments.append(until)
        statement += "ORDER BY originator_version LIMIT %s"
        with self.datastore.get_connection() as connection:
            cursor = connection.cursor(row_factory=tuple_row, binary=True)
            return cursor.execute(statement, (*arguments, limit)).fetchall()

    @_again
    def select_last_of_each(self, prefix: str) -> list[StoredEvent]:
        """Return the newest event of every stream whose id starts with `prefix`, by stream id."""
        statement = (
            "SELECT DISTINCT ON (originator_id) originator_id, originator_version, topic, state "
            "FROM kubisnap.events WHERE originator_id >= %s AND originator_id < %s "
            "ORDER BY originator_id, originator_version DESC"
        )
        with self.datastore.get_connection() as connection:
            rows = connection.execute(statement, (prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1)))
            return [StoredEvent(**row) for row in rows.fetchall()]

    @_again
    def select_all(self, *, after: int, limit: int) -> list[KeptRow]:
        """Return rows of all streams by position."""
        statement = (
            "SELECT notification_id, originator_id, originator_version, topic, state FROM kubisnap.events "
            "WHERE notification_id > %s ORDER BY notification_id LIMIT %s"
        )
        with self.datastore.get_connection() as connection:
            cursor = connection.cursor(row_factory=tuple_row, binary=True)
            return [KeptRow._make(row) for row in cursor.execute(statement, (after, limit)).fetchall()]

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        """Keep what the library hands over, as `insert_rows` does."""
        return self._insert_until_known([_row_of(event) for event in stored_events])

    def insert_rows(self, rows: Sequence[NewRow]) -> None:
        """Insert stream, version, topic and state of each, all or none.

        A connection that is lost before COMMIT was sent has written nothing: it is tried again. One
        that is lost after that may have; the store is asked, in a turn that begins when the other
        transaction has ended, either way.
        """
        self._insert_until_known(rows)

    def _insert_until_known(self, rows: Sequence[NewRow]) -> list[int]:
        in_doubt = False
        while True:
            try:
                if self.version < len(postgres_schema.MIGRATIONS):
                    self._migrate()
                return self._insert(rows, in_doubt=in_doubt)
            except OperationalError as error:
                in_doubt = in_doubt or isinstance(error, _CommitInDoubt)
                if self._connections.gave_up:
                    raise Unreachable(_with_doubt(error, in_doubt=in_doubt)) from error
            except Unreachable as error:
                raise Unreachable(_with_doubt(error, in_doubt=in_doubt)) from error

    def _insert(self, rows: Sequence[NewRow], *, in_doubt: bool) -> list[int]:
        ids: list[int] = []
        committing = False
        try:
            with self.datastore.get_connection() as connection, connection.transaction():
                cursor = connection.cursor()
                self._wait_for_turn(cursor)
                if in_doubt and self._are_there(cursor, rows):
                    return ids
                for part in _parts(rows):
                    cursor.execute(_INSERT, _columns(part))
                    ids += [row["notification_id"] for row in cursor.fetchall()]
                # what belongs to these rows, an index of them say, is written here: in the same transaction
                committing = True
        except OperationalError as error:
            if committing:
                raise _CommitInDoubt(str(error)) from error
            raise
        return ids

    def _wait_for_turn(self, cursor: Cursor[DictRow]) -> None:
        """Begin when no other writer is at it, and only if the schema is still the one that is known.

        Two statements: the second one sees what the writer before has committed.
        """
        cursor.execute(f"{postgres_schema.TURN}; {postgres_schema.VERSION}", prepare=False)
        cursor.nextset()
        (row,) = cursor.fetchall()
        postgres_schema.refuse_newer(row["version"], self.url)

    def _are_there(self, cursor: Cursor[DictRow], rows: Sequence[NewRow]) -> bool:
        found = 0
        for part in _parts(rows):
            (row,) = cursor.execute(_COUNT_MINE, _columns(part)).fetchall()
            found += row["mine"]
        return found == len(rows)

    # ── errors, and the end ──────────────────────────────────────────────────────────────────

    @contextmanager
    def telling(self, url: str, expected: int) -> Iterator[None]:
        """Turn what the library says into our errors."""
        with telling(url):
            try:
                yield
            except IntegrityError as error:
                raise LogMoved(expected) from error

    def close(self) -> None:
        """Close all connections."""
        self.datastore.close()


def _row_of(event: StoredEvent) -> NewRow:
    return str(event.originator_id), event.originator_version, event.topic, event.state


def _parts(rows: Sequence[NewRow]) -> Iterator[Sequence[NewRow]]:
    for start in range(0, len(rows), ROWS_AT_ONCE):
        yield rows[start : start + ROWS_AT_ONCE]


def _columns(rows: Sequence[NewRow]) -> tuple[list[Any], ...]:
    return tuple(list(column) for column in zip(*rows, strict=True))


def _with_doubt(error: Exception, *, in_doubt: bool) -> str:
    return f"{error}; whether the last event was kept is not known" if in_doubt else str(error)


@contextmanager
def telling(url: str) -> Iterator[None]:
    """Turn what the library and the connections say into errors that name the store."""
    try:
        yield
    except Denied as error:
        raise StoreDenied(url, str(error)) from error
    except OperationalError as error:
        raise StoreUnusable(url, str(error)) from error
    except DatabaseError as error:
        raise NotAStore(url, str(error)) from error
    except EventSourcingError as error:
        raise StoreUnusable(url, str(error) or type(error).__name__) from error


def open_postgres(url: str, *, create: bool) -> PostgresRecorder | None:
    """Open the store in a database, making it where `create` says so; None where there is none yet.

    Raises `InvalidInput` for an address that cannot be read, `NotAStore` for a database of another
    program or of a newer version (it is not written to), `StoreDenied`, `StoreUnusable`.
    """
    name = shown(url)
    with telling(name):
        recorder = PostgresRecorder(Datastore(parameters_of(url)), name)
        try:
            version = recorder.find_version()
            if create and version < len(postgres_schema.MIGRATIONS):
                recorder.create_table()
        except BaseException:
            recorder.close()
            raise
        if not create and version == 0:
            recorder.close()
            return None
        return recorder
