"""The audit index in SQLite: tables beside the events, and FTS5 as the inverted index of terms."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from ...domain import events as ev
from ...errors import MalformedEvent, UnknownEvent
from ..codec import Codec, StoredRow
from .entries import Batch, BeyondTheEnd, IndexBehind, Indexer, Written, packed, unpacked
from .sql import Dialect, Run

FORMAT: Final = 1
"""Of the index: what is in it. Another version makes it anew."""

_TOKENS: Final = "!#$%&()*+,-./:;<=>?@[\\]^_`{|}~"
"""ASCII that is part of a term, beside letters and digits: all but quotes, controls and the space."""

TABLES: Final = {
    "audit_streams": "id INTEGER PRIMARY KEY, stream TEXT NOT NULL UNIQUE",
    "audit_entries": (
        "position INTEGER PRIMARY KEY, time INTEGER NOT NULL, operation INTEGER NOT NULL, "
        "resource TEXT NOT NULL, hash BLOB NOT NULL"
    ),
    "audit_operations": (
        "id INTEGER PRIMARY KEY, stream TEXT NOT NULL, number INTEGER NOT NULL, kind TEXT NOT NULL, "
        "actor TEXT NOT NULL, outcome TEXT NOT NULL, started INTEGER NOT NULL, view BLOB NOT NULL, "
        "UNIQUE (stream, number)"
    ),
    "audit_times": "block INTEGER PRIMARY KEY, low INTEGER NOT NULL, high INTEGER NOT NULL",
    "audit_format": "version INTEGER PRIMARY KEY",
}
AT_ONCE: Final = 2_000
"""Events that are indexed together when the index is made anew."""
_INDEXED: Final = ("stream", "kind", "outcome", "stream, kind", "stream, outcome", "kind, outcome")
"""Columns of operations that are looked for; each index ends in the row's id, which is its order."""

DIALECT: Final = Dialect(
    by_terms="audit_terms t CROSS JOIN audit_entries a ON a.position = t.rowid",
    position="t.rowid",
    match="audit_terms MATCH ?",
    event="e.rowid",
    term=lambda text, beginning: f'"{text}"{" *" if beginning else ""}',
    both=" AND ",
    either=" OR ",
    order="t.rowid",
)


_STORED: Final = (
    "CREATE TABLE stored_events (originator_id TEXT, originator_version INTEGER, topic TEXT, state BLOB)"
)


def create() -> list[str]:
    """Return the statements that make the empty index."""
    tables = [f"CREATE TABLE {name} ({columns})" for name, columns in TABLES.items()]
    indexes = [
        f"CREATE INDEX audit_operations_by_{columns.replace(', ', '_and_')} ON audit_operations ({columns})"
        for columns in _INDEXED
    ]
    terms = (
        "CREATE VIRTUAL TABLE audit_terms USING fts5 (terms, content='', detail=none, columnsize=0, "
        f"tokenize = 'ascii tokenchars ''{_TOKENS}''')"
    )
    # merged in larger portions than by default: appending is a third faster, asking is not slower
    merging = "INSERT INTO audit_terms (audit_terms, rank) VALUES ('automerge', 16)"
    return [*tables, *indexes, terms, merging, f"INSERT INTO audit_format VALUES ({FORMAT:d})"]  # noqa: S608


def nothing() -> Run:
    """Return what asks an index in which nothing is."""
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    for statement in (_STORED, *create()):
        connection.execute(statement)

    def run(statement: str, arguments: Sequence[object]) -> list[tuple[Any, ...]]:
        return connection.execute(statement, arguments).fetchall()

    return run


def drop() -> list[str]:
    """Return the statements that take the index away, whatever is there of it."""
    return [f"DROP TABLE IF EXISTS {name}" for name in ("audit_terms", *TABLES)]


class SqliteKnown:
    """What the store knows, asked in the transaction that adds to it."""

    def __init__(self, cursor: sqlite3.Cursor, codec: Codec) -> None:
        self._cursor = cursor
        self._codec = codec

    def head(self, stream: str, version: int) -> bytes:
        """Return the hash of a stream's event. Raises `IndexBehind`, `BeyondTheEnd`."""
        found = self._cursor.execute(
            "SELECT a.hash FROM stored_events e LEFT JOIN audit_entries a ON a.position = e.rowid "
            "WHERE e.originator_id = ? AND e.originator_version = ?",
            (stream, version),
        ).fetchone()
        if found is None:
            raise BeyondTheEnd(f"event {version} of {stream}")
        if found[0] is None:
            raise IndexBehind(f"event {version} of {stream}")
        return bytes(found[0])

    def number(self, stream: str) -> int:
        """Return a stream's number, giving it one if it has none."""
        statement = "SELECT id FROM audit_streams WHERE stream = ?"
        found = self._cursor.execute(statement, (stream,)).fetchone()
        if found is None:
            self._cursor.execute("INSERT INTO audit_streams (stream) VALUES (?)", (stream,))
            return int(self._cursor.lastrowid or 0)
        return int(found[0])

    def operation(self, stream: str, number: int) -> Written | None:
        """Return an operation as it was told so far."""
        found = self._cursor.execute(
            "SELECT id, view FROM audit_operations WHERE stream = ? AND number = ?", (stream, number)
        ).fetchone()
        return None if found is None else Written(found[0], stream, unpacked(found[1], {}, stream), new=False)

    def event(self, stream: str, version: int) -> ev.Recorded | None:
        """Return one event."""
        found = self._cursor.execute(
            "SELECT originator_version, topic, state FROM stored_events "
            "WHERE originator_id = ? AND originator_version = ?",
            (stream, version),
        ).fetchone()
        return None if found is None else self._codec.decode(stream, tuple(found))


def write(cursor: sqlite3.Cursor, batch: Batch) -> None:
    """Write what a batch of events adds to the index."""
    cursor.executemany("INSERT INTO audit_entries VALUES (?, ?, ?, ?, ?)", batch.entries)
    cursor.executemany("INSERT INTO audit_terms (rowid, terms) VALUES (?, ?)", batch.terms)
    new = [_row(item) for item in batch.operations.values() if item.new]
    old = [(*_row(item)[3:], item.id) for item in batch.operations.values() if not item.new]
    cursor.executemany("INSERT INTO audit_operations VALUES (?, ?, ?, ?, ?, ?, ?, ?)", new)
    cursor.executemany(
        "UPDATE audit_operations SET kind = ?, actor = ?, outcome = ?, started = ?, view = ? WHERE id = ?",
        old,
    )
    cursor.executemany(
        "INSERT INTO audit_times VALUES (?, ?, ?) ON CONFLICT (block) DO UPDATE "
        "SET low = min(low, excluded.low), high = max(high, excluded.high)",
        ((block, low, high) for block, (low, high) in batch.times.items()),
    )


def _row(item: Written) -> tuple[int, str, int, str, str, str, int, bytes]:
    view = item.view
    return (
        item.id,
        item.stream,
        view.number,
        view.kind,
        view.actor,
        view.outcome,
        view.started,
        packed(view),
    )


def add(cursor: sqlite3.Cursor, codec: Codec, items: Iterable[tuple[int, ev.Recorded, StoredRow]]) -> None:
    """Index events that were inserted in this transaction, each given with its position."""
    write(cursor, Indexer(SqliteKnown(cursor, codec)).index(items))


_Row = tuple[int, str, int, str, bytes]
"""An event as it is in the store: position, stream, and the three of its `StoredRow`."""


def build(cursor: sqlite3.Cursor, codec: Codec, *, strict: bool = True) -> int:
    """Make the index from the events, in this transaction; return how many are in it. None must be there.

    Raises `MalformedEvent` or `UnknownEvent` for what cannot be read, `BeyondTheEnd` where one is missing.
    Not `strict`: the rest of such a log is left out, and the other logs are indexed.
    """
    for statement in create():
        cursor.execute(statement)
    indexer = Indexer(SqliteKnown(cursor, codec))
    reader = _Reader(codec, strict=strict)
    count = 0
    for part in _parts(cursor, AT_ONCE):
        batch = indexer.index(reader.read(part))
        write(cursor, batch)
        count += len(batch.entries)
    return count


class _Reader:
    """Decodes events, and knows which logs cannot be read to their end."""

    def __init__(self, codec: Codec, *, strict: bool) -> None:
        self._decode = codec.decode
        self._strict = strict
        self._last: dict[str, int] = {}
        self._left: set[str] = set()

    def read(self, rows: Iterable[_Row]) -> Iterator[tuple[int, ev.Recorded, StoredRow]]:
        """Yield events with their positions, but for those that are behind something that cannot be read."""
        for position, stream, *rest in rows:
            if stream in self._left:
                continue
            row = StoredRow._make(rest)
            try:
                recorded = self._next(stream, row)
            except (MalformedEvent, UnknownEvent, BeyondTheEnd):
                if self._strict:
                    raise
                self._left.add(stream)
                continue
            yield position, recorded, row

    def _next(self, stream: str, row: StoredRow) -> ev.Recorded:
        expected = self._last.get(stream, 0) + 1
        if row[0] != expected:
            raise BeyondTheEnd(f"event {expected} of {stream}")
        self._last[stream] = expected
        return self._decode(stream, row)


def _parts(cursor: sqlite3.Cursor, limit: int) -> Iterator[list[_Row]]:
    last = -(1 << 63)
    while True:
        part = cursor.execute(
            "SELECT rowid, originator_id, originator_version, topic, state FROM stored_events "
            "WHERE rowid > ? ORDER BY rowid LIMIT ?",
            (last, limit),
        ).fetchall()
        if not part:
            return
        yield part
        last = part[-1][0]


def differences(path: str, codec: Codec) -> list[str]:
    """Make the index of a store anew in a temporary database, and return in which tables it differs.

    Nothing is written to the store. `path` is as SQLite takes it, a file's URI. Raises what decoding raises.
    """
    connection = sqlite3.connect("", isolation_level=None, uri=True)
    try:
        connection.execute("ATTACH ? AS store", (path,))
        connection.execute("BEGIN")
        build(connection.cursor(), codec)
        for name, schema in (("ours", "main"), ("theirs", "store")):
            connection.execute(
                f"CREATE VIRTUAL TABLE temp.{name} USING fts5vocab({schema}, audit_terms, instance)"
            )
        pairs = {name: (f"main.{name}", f"store.{name}") for name in TABLES}
        pairs["audit_terms"] = "temp.ours", "temp.theirs"
        there = {name for (name,) in connection.execute("SELECT name FROM store.sqlite_master")}
        return [name for name, pair in pairs.items() if name not in there or _differ(connection, *pair)]
    finally:
        connection.close()


def _differ(connection: sqlite3.Connection, ours: str, theirs: str) -> bool:
    for one, other in ((ours, theirs), (theirs, ours)):
        statement = f"SELECT 1 FROM (SELECT * FROM {one} EXCEPT SELECT * FROM {other}) LIMIT 1"  # noqa: S608
        if connection.execute(statement).fetchone() is not None:
            return True
    return False
