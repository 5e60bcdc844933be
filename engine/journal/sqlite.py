"""The embedded store: SQLite in WAL mode, every commit synced to disk.

Stands on the library's recorder and closes what was seen to go wrong with it: positions come from
AUTOINCREMENT, so that no id is ever used twice; triggers refuse UPDATE and DELETE; the file carries
an application id, so that somebody else's database is never written to; the file is the owner's only.
"""

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from eventsourcing.domain import EventSourcingError
from eventsourcing.persistence import (
    DatabaseError,
    IntegrityError,
    OperationalError,
    PersistenceError,
    StoredEvent,
)
from eventsourcing.sqlite import (
    SQLiteApplicationRecorder,
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteDatastore,
)

from ..errors import LogMoved, NotAStore, StoreUnusable
from .recorders import KeptRow, NewRow

APPLICATION_ID = 0x6B736E70
"""``ksnp``, in the file's header (https://sqlite.org/pragma.html#pragma_application_id)."""

SCHEMA_VERSION = 1
LOCK_TIMEOUT_SECONDS = 10
_SMALLEST_DATABASE = 512
"""Bytes: one page of the smallest size. SQLite takes a file of one byte for an empty database."""


class _Pool(SQLiteConnectionPool):
    def _create_connection(self) -> SQLiteConnection:
        connection = super()._create_connection()
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous=FULL")  # law 3: intent is on disk before the effect
        cursor.execute("PRAGMA trusted_schema=OFF")
        return connection


class Recorder(SQLiteApplicationRecorder):
    """The library's application recorder over our table."""

    def __init__(self, datastore: SQLiteDatastore) -> None:
        super().__init__(datastore)
        self.insert_events_statement = (
            "INSERT INTO stored_events (originator_id, originator_version, topic, state) VALUES (?,?,?,?)"
        )

    def construct_create_table_statements(self) -> list[str]:
        """Return the schema. The column must be called rowid: the library reads it by name."""
        table = (
            "CREATE TABLE IF NOT EXISTS stored_events ("
            "rowid INTEGER PRIMARY KEY AUTOINCREMENT, "
            "originator_id TEXT NOT NULL, "
            "originator_version INTEGER NOT NULL, "
            "topic TEXT NOT NULL, "
            "state BLOB NOT NULL, "
            "UNIQUE (originator_id, originator_version))"
        )
        guard = (
            "CREATE TRIGGER IF NOT EXISTS events_are_never_{0}d BEFORE {1} ON stored_events "
            "BEGIN SELECT RAISE(ABORT, 'events are never {0}d'); END"
        )
        return [
            table,
            guard.format("change", "UPDATE"),
            guard.format("delete", "DELETE"),
            f"PRAGMA application_id={APPLICATION_ID}",
            f"PRAGMA user_version={SCHEMA_VERSION}",
        ]

    def select_rows(
        self, stream: str, *, after: int | None, until: int | None, limit: int
    ) -> list[tuple[int, str, bytes]]:
        """Return a part of a stream in order: version, topic, state."""
        statement = "SELECT originator_version, topic, state FROM stored_events WHERE originator_id = ? "
        arguments: list[str | int] = [stream]
        if after is not None:
            statement += "AND originator_version > ? "
            arguments.append(after)
        if until is not None:
            statement += "AND originator_version <= ? "
            arguments.append(until)
        with self.datastore.transaction(commit=False) as cursor:
            cursor.sqlite_cursor.row_factory = None  # plain tuples: a long log is read for its bytes
            cursor.execute(f"{statement}ORDER BY originator_version LIMIT ?", (*arguments, limit))
            rows: list[tuple[int, str, bytes]] = cursor.fetchall()
        return rows

    def insert_rows(self, rows: Sequence[NewRow]) -> None:
        """Insert stream, version, topic and state of each, all or none.

        As the library's `insert_events`, in its transaction, but not event by event.
        """
        with self.datastore.transaction(commit=True) as cursor:
            cursor.executemany(self.insert_events_statement, rows)

    def select_last_of_each(self, prefix: str) -> list[StoredEvent]:
        """Return the newest event of every stream whose id starts with `prefix`, by stream id."""
        statement = (
            "SELECT originator_id, MAX(originator_version) AS originator_version, topic, state "
            "FROM stored_events WHERE originator_id >= ? AND originator_id < ? "
            "GROUP BY originator_id ORDER BY originator_id"
        )
        with self.datastore.transaction(commit=False) as cursor:
            cursor.execute(statement, (prefix, prefix[:-1] + chr(ord(prefix[-1]) + 1)))
            return [
                StoredEvent(
                    originator_id=row["originator_id"],
                    originator_version=row["originator_version"],
                    topic=row["topic"],
                    state=row["state"],
                )
                for row in cursor.fetchall()
            ]

    def select_all(self, *, after: int, limit: int) -> list[KeptRow]:
        """Return rows of all streams by position."""
        statement = (
            "SELECT rowid, originator_id, originator_version, topic, state FROM stored_events "
            "WHERE rowid > ? ORDER BY rowid LIMIT ?"
        )
        with self.datastore.transaction(commit=False) as cursor:
            cursor.sqlite_cursor.row_factory = None
            cursor.execute(statement, (after, limit))
            return [KeptRow._make(row) for row in cursor.fetchall()]

    @contextmanager
    def telling(self, url: str, expected: int) -> Iterator[None]:
        """Turn what the library says into our errors, and what it lets through of SQLite."""
        with _telling(url):
            try:
                yield
            except IntegrityError as error:
                raise LogMoved(expected) from error

    def close(self) -> None:
        """Close all connections."""
        self.datastore.close()


@contextmanager
def _telling(url: str) -> Iterator[None]:
    """Turn what SQLite, the library and the file system say into errors that name the store."""
    try:
        yield
    except (sqlite3.OperationalError, OperationalError) as error:
        raise StoreUnusable(url, str(error)) from error
    except (sqlite3.DatabaseError, DatabaseError) as error:
        raise NotAStore(url, str(error)) from error
    except (sqlite3.Error, EventSourcingError) as error:
        raise StoreUnusable(url, str(error) or type(error).__name__) from error
    except OSError as error:
        raise StoreUnusable(url, error.strerror or str(error)) from error


def open_sqlite(path: Path, *, create: bool) -> Recorder | None:
    """Open the store in `path`, making it where `create` says so; None where there is none to open.

    Raises `NotAStore` for a file that is something else (it is not written to), `StoreUnusable`
    where it cannot be opened or made.
    """
    url = f"sqlite:///{path}"
    with _telling(url):
        if not path.exists():
            if not create:
                return None
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _make_empty(path)
        until = time.monotonic() + LOCK_TIMEOUT_SECONDS
        while True:
            try:
                new = not _check(path, url)
                return None if new and not create else _open(path, new=new)
            except (sqlite3.OperationalError, OperationalError) as error:
                # SQLite does not wait for its turn when several processes switch a new file to WAL
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
            time.sleep(0.02)


def _make_empty(path: Path) -> None:
    try:
        # closing a file lets go of this process's locks on it: never one that may be open already
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return


def _check(path: Path, url: str) -> bool:
    """Look at the file before anything may write to it; return whether it has our schema already."""
    size = path.stat().st_size
    if size == 0:
        return False
    if size < _SMALLEST_DATABASE:
        raise NotAStore(url, "file is not a database")
    connection = sqlite3.connect(
        _uri(path, "ro"), uri=True, timeout=LOCK_TIMEOUT_SECONDS, isolation_level=None
    )
    try:
        connection.execute("BEGIN")  # one moment for all three: somebody may be making the store just now
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    finally:
        connection.close()
    if application != APPLICATION_ID and (application or tables):
        raise NotAStore(url, "it is a database of another program")
    if version > SCHEMA_VERSION:
        raise NotAStore(url, f"its schema {version} is newer than this version's {SCHEMA_VERSION}")
    return bool(application == APPLICATION_ID and version == SCHEMA_VERSION)


def _open(path: Path, *, new: bool) -> Recorder:
    datastore = SQLiteDatastore(_uri(path, "rw"), originator_id_type="text")
    datastore.pool.close()
    datastore.pool = _Pool(db_name=_uri(path, "rw"), lock_timeout=LOCK_TIMEOUT_SECONDS, pool_size=2)
    recorder = Recorder(datastore)
    try:
        if new:
            recorder.create_table()
        else:
            recorder.max_notification_id()  # what cannot be read is told now, not in the middle of something
    except (sqlite3.Error, PersistenceError):
        datastore.close()
        raise
    return recorder


def _uri(path: Path, mode: str) -> str:
    return f"file:{quote(os.fsencode(path.absolute()))}?mode={mode}"
