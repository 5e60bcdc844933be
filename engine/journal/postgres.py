"""The team store: PostgreSQL, one table in a schema of its own, one writer at a time.

Stands on the library's recorder and closes what was seen to go wrong with it: tables are not made on
opening but by numbered steps (`postgres_schema`), rows are inserted in one plain transaction that rolls
back whatever happens in it, the library's database functions do not exist, and every writer, also one
with another tool, waits for its turn, so that positions appear in the order of commits. A commit whose
answer was lost is looked for before anything is said.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString

from eventsourcing.domain import EventSourcingError
from eventsourcing.persistence import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    StoredEvent,
)
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from eventsourcing.utils import retry
from psycopg import Connection, Cursor
from psycopg.rows import DictRow, tuple_row

from ..domain.events import Recorded
from ..errors import NotAStore, StoreDenied, StoreUnusable
from . import postgres_schema
from .addresses import shown
from .audit import postgres as audit
from .checkpoints import Checkpoint
from .codec import Codec, StoredRow
from .postgres_connections import Connections, Declined, Denied, Unreachable, parameters_of
from .recorders import KeptRow, NewRow, telling_conflicts

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
_CHECKPOINT: LiteralString = (
    "INSERT INTO kubisnap.checkpoints (stream, version, fold, hash, digest, state) "
    "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (stream, version) DO UPDATE "
    "SET fold = excluded.fold, hash = excluded.hash, digest = excluded.digest, state = excluded.state"
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

    dialect = audit.DIALECT

    def __init__(self, datastore: Datastore, url: str) -> None:
        super().__init__(datastore, events_table_name="events")
        self.codec = Codec()
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

    # ── the audit index and checkpoints ──────────────────────────────────────────────────────────

    @_again
    def run(self, statement: str, arguments: Sequence[object]) -> list[tuple[Any, ...]]:
        """Ask the index something and return the rows."""
        text = statement.replace("?", "%s")
        with self.datastore.get_connection() as connection:
            cursor = connection.cursor(row_factory=tuple_row, binary=True)
            # planned anew each time: how to look for a term depends on how rare it is
            return cursor.execute(text.encode(), list(arguments), prepare=False).fetchall()

    @_again
    def rebuild(self) -> int:
        """Drop the audit index and make it anew; whoever writes meanwhile waits."""
        with self.datastore.get_connection() as connection, connection.transaction():
            self._wait_for_turn(connection.cursor())
            connection.execute("SET LOCAL statement_timeout = 0")
            return audit.build(connection, self.codec)

    @_again
    def index_differences(self) -> list[str]:
        """Return in which tables the audit index is not what the events say; nothing is written."""
        with self.datastore.get_connection() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            connection.execute("SET LOCAL statement_timeout = 0")
            return audit.differences(connection, self.codec)

    def checkpoint(self, stream: str, until: int) -> Checkpoint | None:
        """Return the newest checkpoint of a stream at or before a position."""
        rows = self.run(
            "SELECT stream, version, fold, hash, digest, state FROM checkpoints "
            "WHERE stream = ? AND version <= ? ORDER BY version DESC LIMIT 1",
            (stream, until),
        )
        return Checkpoint(rows[0][0], rows[0][1], *map(bytes, rows[0][2:])) if rows else None

    def save_checkpoints(self, items: Sequence[Checkpoint]) -> None:
        """Keep checkpoints, instead of those at the same positions."""
        try:
            with self.datastore.get_connection() as connection, connection.transaction():
                connection.cursor().executemany(_CHECKPOINT, items)
        except (OperationalError, Denied, Declined):
            return  # an auditor, a lock, a lost connection: it is a cache, and the next one tries again

    def chain_hash(self, stream: str, version: int) -> bytes | None:
        """Return the chain's hash at a position of a stream."""
        rows = self.run(
            "SELECT a.hash FROM stored_events e JOIN audit_entries a ON a.position = e.notification_id "
            "WHERE e.originator_id = ? AND e.originator_version = ?",
            (stream, version),
        )
        return bytes(rows[0][0]) if rows else None

    # ── writing ──────────────────────────────────────────────────────────────────────────────

    def insert_events(self, stored_events: Sequence[StoredEvent], **_: Any) -> Sequence[int] | None:
        """Keep what the library hands over, as `insert_rows` does."""
        return self._insert_until_known([_row_of(event) for event in stored_events])

    def insert_rows(self, rows: Sequence[NewRow], recorded: Iterable[Recorded] | None = None) -> None:
        """Insert stream, version, topic and state of each, and what the audit index says of them.

        All or none. A connection that is lost before COMMIT was sent has written nothing: it is tried
        again. One that is lost after that may have; the store is asked, in a turn that begins when the other
        transaction has ended, either way.
        """
        self._insert_until_known(rows, None if recorded is None else list(recorded))

    def _insert_until_known(
        self, rows: Sequence[NewRow], recorded: Sequence[Recorded] | None = None
    ) -> list[int]:
        in_doubt = False
        while True:
            try:
                if self.version < len(postgres_schema.MIGRATIONS):
                    self._migrate()
                return self._insert(rows, recorded, in_doubt=in_doubt)
            except OperationalError as error:
                in_doubt = in_doubt or isinstance(error, _CommitInDoubt)
                if self._connections.gave_up:
                    raise Unreachable(_with_doubt(error, in_doubt=in_doubt)) from error
            except Unreachable as error:
                raise Unreachable(_with_doubt(error, in_doubt=in_doubt)) from error

    def _insert(
        self, rows: Sequence[NewRow], recorded: Sequence[Recorded] | None, *, in_doubt: bool
    ) -> list[int]:
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
                audit.add(connection, self.codec, self._with_events(ids, rows, recorded))
                committing = True
        except OperationalError as error:
            if committing:
                raise _CommitInDoubt(str(error)) from error
            raise
        return ids

    def _with_events(
        self, ids: Sequence[int], rows: Sequence[NewRow], recorded: Sequence[Recorded] | None
    ) -> Iterator[tuple[int, Recorded, StoredRow]]:
        """Give each row its position and the event that it is."""
        for index, (position, (stream, *row)) in enumerate(zip(ids, rows, strict=True)):
            stored = StoredRow._make(row)
            known = None if recorded is None else recorded[index]
            yield position, known or self.codec.decode(stream, stored), stored

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
        with telling(url), telling_conflicts(expected):
            yield

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
