"""The embedded store: SQLite in WAL mode, every commit synced to disk.

Stands on the library's recorder and closes what was seen to go wrong with it: positions come from
AUTOINCREMENT, so that no id is ever used twice; triggers refuse UPDATE and DELETE; the file carries
an application id, so that somebody else's database is never written to; the file is the owner's only.
"""

import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from eventsourcing.domain import EventSourcingError
from eventsourcing.persistence import (
    DatabaseError,
    OperationalError,
    StoredEvent,
)
from eventsourcing.sqlite import (
    SQLiteApplicationRecorder,
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteDatastore,
)

from ..domain.events import Recorded
from ..errors import NotAStore, StoreUnusable
from .audit import sqlite as audit
from .checkpoints import TABLE as CHECKPOINTS
from .checkpoints import Checkpoint
from .codec import Codec, StoredRow
from .recorders import KeptRow, NewRow, telling_conflicts

APPLICATION_ID = 0x6B736E70
"""``ksnp``, in the file's header (https://sqlite.org/pragma.html#pragma_application_id)."""

SCHEMA_VERSION = 2
"""1: events alone. 2: and the audit index, which is made for the older ones when they are opened."""
_TODAY = SCHEMA_VERSION, audit.FORMAT
LOCK_TIMEOUT_SECONDS = 10
_SMALLEST_DATABASE = 512
"""Bytes: one page of the smallest size. SQLite takes a file of one byte for an empty database."""


_EVENTS = (
    # the column must be called rowid: the library reads it by name
    (
        "CREATE TABLE IF NOT EXISTS stored_events ("
        "rowid INTEGER PRIMARY KEY AUTOINCREMENT, "
        "originator_id TEXT NOT NULL, "
        "originator_version INTEGER NOT NULL, "
        "topic TEXT NOT NULL, "
        "state BLOB NOT NULL, "
        "UNIQUE (originator_id, originator_version))"
    ),
    *(
        f"CREATE TRIGGER IF NOT EXISTS events_are_never_{done}d BEFORE {action} ON stored_events "
        f"BEGIN SELECT RAISE(ABORT, 'events are never {done}d'); END"
        for done, action in (("change", "UPDATE"), ("delete", "DELETE"))
    ),
)


class _Pool(SQLiteConnectionPool):
    def _create_connection(self) -> SQLiteConnection:
        connection = super()._create_connection()
        cursor = connection.cursor()
        cursor.execute("PRAGMA synchronous=FULL")  # law 3: intent is on disk before the effect
        cursor.execute("PRAGMA trusted_schema=OFF")
        return connection


class Recorder(SQLiteApplicationRecorder):
    """The library's application recorder over our table."""

    dialect = audit.DIALECT

    def __init__(self, datastore: SQLiteDatastore) -> None:
        super().__init__(datastore)
        self.codec = Codec()
        self.insert_events_statement = (
            "INSERT INTO stored_events (originator_id, originator_version, topic, state) VALUES (?,?,?,?)"
        )

    def run(self, statement: str, arguments: Sequence[object]) -> list[tuple[Any, ...]]:
        """Ask something, in a transaction of its own, and return the rows."""
        with self.datastore.transaction(commit=False) as cursor:
            cursor.sqlite_cursor.row_factory = None
            cursor.execute(statement, arguments)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows

    def prepare(self) -> None:
        """Make the tables that are not there yet, in one transaction; of two who try, one waits."""
        with self.datastore.transaction(commit=True) as cursor:
            # a write: the lock is held from here on
            cursor.execute(f"PRAGMA application_id={APPLICATION_ID}")
            cursor.execute("PRAGMA user_version")
            (version,) = cursor.fetchone()
            cursor.sqlite_cursor.row_factory = None
            if version == SCHEMA_VERSION and _format(cursor.sqlite_cursor) == audit.FORMAT:
                return  # somebody else was faster
            for statement in (CHECKPOINTS,) if version else (*_EVENTS, CHECKPOINTS):
                cursor.execute(statement)
            # one log that is damaged keeps nobody from the others
            self.build_index(cursor.sqlite_cursor, strict=False)
            cursor.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def build_index(self, cursor: sqlite3.Cursor, *, strict: bool) -> int:
        """Make the audit index anew, in the transaction of `cursor`; return how many events are in it."""
        cursor.row_factory = None
        for statement in audit.drop():
            cursor.execute(statement)
        return audit.build(cursor, self.codec, strict=strict)

    def rebuild(self) -> int:
        """Drop the audit index and make it anew; whoever writes meanwhile waits."""
        with self.datastore.transaction(commit=True) as cursor:
            cursor.execute(f"PRAGMA application_id={APPLICATION_ID}")
            return self.build_index(cursor.sqlite_cursor, strict=True)

    def index_differences(self) -> list[str]:
        """Return in which tables the audit index is not what the events say; nothing is written."""
        return audit.differences(self.datastore.pool.db_name.replace("mode=rw", "mode=ro"), self.codec)

    def checkpoint(self, stream: str, until: int) -> Checkpoint | None:
        """Return the newest checkpoint of a stream at or before a position."""
        rows = self.run(
            "SELECT stream, version, fold, hash, digest, state FROM checkpoints "
            "WHERE stream = ? AND version <= ? ORDER BY version DESC LIMIT 1",
            (stream, until),
        )
        return Checkpoint(*rows[0]) if rows else None

    def save_checkpoints(self, items: Sequence[Checkpoint]) -> None:
        """Keep checkpoints, instead of those at the same positions."""
        try:
            with self.datastore.transaction(commit=True) as cursor:
                cursor.executemany("INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?, ?)", items)
        except (sqlite3.OperationalError, OperationalError):
            return  # somebody writes, or nobody may: it is a cache, and the next one tries again

    def chain_hash(self, stream: str, version: int) -> bytes | None:
        """Return the chain's hash at a position of a stream."""
        rows = self.run(
            "SELECT a.hash FROM stored_events e JOIN audit_entries a ON a.position = e.rowid "
            "WHERE e.originator_id = ? AND e.originator_version = ?",
            (stream, version),
        )
        return bytes(rows[0][0]) if rows else None

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

    def insert_rows(self, rows: Sequence[NewRow], recorded: Iterable[Recorded] | None = None) -> None:
        """Insert stream, version, topic and state of each, and what the audit index says of them.

        All or none, in one transaction: the index is never behind. `recorded` are the same events, where
        they are at hand.
        """
        if not rows:
            return
        with self.datastore.transaction(commit=True) as cursor:
            cursor.executemany(self.insert_events_statement, rows)  # first: it takes the lock for writing
            cursor.execute("SELECT last_insert_rowid()")
            first = cursor.fetchone()[0] - len(rows) + 1
            cursor.sqlite_cursor.row_factory = None
            known = map(self.codec.decode, (row[0] for row in rows), (row[1:] for row in rows))
            stored = (StoredRow._make(row[1:]) for row in rows)
            items = zip(range(first, first + len(rows)), recorded or known, stored, strict=True)
            audit.add(cursor.sqlite_cursor, self.codec, items)

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
        with _telling(url), telling_conflicts(expected):
            yield

    def close(self) -> None:
        """Close all connections."""
        self.datastore.close()


@contextmanager
def _telling(url: str) -> Iterator[None]:
    """Turn what SQLite, the library and the file system say into errors that name the store."""
    try:
        yield
    except (sqlite3.OperationalError, OperationalError) as error:
        if "Could not decode" in str(error):  # bytes that somebody made text, and that are none
            raise NotAStore(url, "an event is not in the form in which it was written") from error
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
                found = _check(path, url)
                return None if found is None and not create else _open(path, ready=found == _TODAY)
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


def _check(path: Path, url: str) -> tuple[int, int] | None:
    """Look at the file before anything may write to it; return the versions of our schema and of the index.

    None: there is nothing of ours in it yet.
    """
    size = path.stat().st_size
    if size == 0:
        return None
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
        index = _format(connection.cursor()) if version == SCHEMA_VERSION else 0
    finally:
        connection.close()
    if application != APPLICATION_ID and (application or tables):
        raise NotAStore(url, "it is a database of another program")
    if version > SCHEMA_VERSION:
        raise NotAStore(url, f"its schema {version} is newer than this version's {SCHEMA_VERSION}")
    return (version, index) if application == APPLICATION_ID and version else None


def _format(cursor: sqlite3.Cursor) -> int:
    """Return the version of what is in the audit index; 0: there is none."""
    here = cursor.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'audit_format'")
    if here.fetchone() is None:
        return 0
    (version,) = cursor.execute("SELECT coalesce(max(version), 0) FROM audit_format").fetchone()
    return int(version)


def _open(path: Path, *, ready: bool) -> Recorder:
    datastore = SQLiteDatastore(_uri(path, "rw"), originator_id_type="text")
    datastore.pool.close()
    datastore.pool = _Pool(db_name=_uri(path, "rw"), lock_timeout=LOCK_TIMEOUT_SECONDS, pool_size=2)
    recorder = Recorder(datastore)
    with ExitStack() as stack:
        stack.callback(datastore.close)
        if not ready:
            recorder.prepare()
        recorder.max_notification_id()  # what cannot be read is told now, not in the middle of something
        stack.pop_all()
    return recorder


def _uri(path: Path, mode: str) -> str:
    return f"file:{quote(os.fsencode(path.absolute()))}?mode={mode}"
