"""The audit index in PostgreSQL: tables beside the events; the terms are a ``tsvector`` with a GIN index."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import nullcontext
from typing import Any, Final, LiteralString

from psycopg import Connection, Cursor, Pipeline
from psycopg.rows import tuple_row

from ...domain import events as ev
from ..codec import Codec, StoredRow
from .entries import NAMES, Batch, BeyondTheEnd, IndexBehind, Indexer, Written, packed, unpacked
from .sql import Dialect

TABLES: Final[LiteralString] = """
CREATE VIEW kubisnap.stored_events AS
    SELECT notification_id, originator_id, originator_version, topic, state FROM kubisnap.events;
CREATE TABLE kubisnap.audit_streams (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    stream text COLLATE "C" NOT NULL UNIQUE
);
CREATE TABLE kubisnap.audit_entries (
    position bigint PRIMARY KEY,
    time bigint NOT NULL,
    operation bigint NOT NULL,
    resource text NOT NULL,
    hash bytea NOT NULL,
    terms tsvector NOT NULL
);
CREATE INDEX audit_entries_by_terms ON kubisnap.audit_entries USING gin (terms);
CREATE TABLE kubisnap.audit_operations (
    id bigint PRIMARY KEY,
    stream text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    kind text NOT NULL,
    actor text NOT NULL,
    outcome text NOT NULL,
    started bigint NOT NULL,
    view bytea NOT NULL,
    UNIQUE (stream, number)
);
CREATE INDEX audit_operations_by_stream ON kubisnap.audit_operations (stream, id);
CREATE INDEX audit_operations_by_kind ON kubisnap.audit_operations (kind, id);
CREATE INDEX audit_operations_by_outcome ON kubisnap.audit_operations (outcome, id);
CREATE INDEX audit_operations_by_stream_and_kind ON kubisnap.audit_operations (stream, kind, id);
CREATE INDEX audit_operations_by_stream_and_outcome ON kubisnap.audit_operations (stream, outcome, id);
CREATE INDEX audit_operations_by_kind_and_outcome ON kubisnap.audit_operations (kind, outcome, id);
CREATE TABLE kubisnap.audit_times (block bigint PRIMARY KEY, low bigint NOT NULL, high bigint NOT NULL);
"""

DIALECT: Final = Dialect(
    by_terms="audit_entries a",
    position="a.position",
    match="a.terms @@ ?::tsquery",
    event="e.notification_id",
    term=lambda text, beginning: f"{_quoted(text)}{':*' if beginning else ''}",
    both=" & ",
    either=" | ",
    # not the column itself: for the first few in its order, PostgreSQL walks the whole table back where it
    # takes a rare term for a common one
    order="(a.position + 0)",
    window=2_048,
)

_EMPTY: Final[LiteralString] = (
    "TRUNCATE kubisnap.audit_entries, kubisnap.audit_operations, kubisnap.audit_times, "
    "kubisnap.audit_streams RESTART IDENTITY"
)
_ENTRIES: Final[LiteralString] = (
    "INSERT INTO kubisnap.audit_entries (position, time, operation, resource, hash, terms) "
    "SELECT position, time, operation, resource, hash, array_to_tsvector(string_to_array(terms, ' ')) "
    "FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::bytea[], %s::text[]) "
    "AS new (position, time, operation, resource, hash, terms)"
)
_NEW: Final[LiteralString] = (
    "INSERT INTO kubisnap.audit_operations (id, stream, number, kind, actor, outcome, started, view) "
    "VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
)
_OLD: Final[LiteralString] = (
    "UPDATE kubisnap.audit_operations SET kind = %s, actor = %s, outcome = %s, started = %s, view = %s "
    "WHERE id = %s"
)
_TIMES: Final[LiteralString] = (
    "INSERT INTO kubisnap.audit_times AS known (block, low, high) VALUES (%s, %s, %s) ON CONFLICT (block) "
    "DO UPDATE SET low = least(known.low, excluded.low), high = greatest(known.high, excluded.high)"
)
_PART: Final[LiteralString] = (
    "SELECT notification_id, originator_id, originator_version, topic, state FROM kubisnap.events "
    "WHERE notification_id > %s ORDER BY notification_id LIMIT %s"
)
_NUMBER: Final[LiteralString] = "SELECT id FROM kubisnap.audit_streams WHERE stream = %s"
_AT_ONCE: Final = 1_000


def _quoted(text: str) -> str:
    """Return a term as a lexeme of a tsquery, whatever is in it."""
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


class PostgresKnown:
    """What the store knows, asked in the transaction that adds to it. The cursor gives tuples."""

    def __init__(self, cursor: Cursor[Any], codec: Codec) -> None:
        self._cursor = cursor
        self._codec = codec

    def head(self, stream: str, version: int) -> bytes:
        """Return the hash of a stream's event. Raises `IndexBehind`, `BeyondTheEnd`."""
        found = self._cursor.execute(
            "SELECT a.hash FROM kubisnap.events e "
            "LEFT JOIN kubisnap.audit_entries a ON a.position = e.notification_id "
            "WHERE e.originator_id = %s AND e.originator_version = %s",
            (stream, version),
        ).fetchone()
        if found is None:
            raise BeyondTheEnd(f"event {version} of {stream}")
        if found[0] is None:
            raise IndexBehind(f"event {version} of {stream}")
        return bytes(found[0])

    def number(self, stream: str) -> int:
        """Return a stream's number, giving it one if it has none."""
        found = self._cursor.execute(_NUMBER, (stream,)).fetchone()
        if found is None:
            found = self._cursor.execute(
                "INSERT INTO kubisnap.audit_streams (stream) VALUES (%s) RETURNING id", (stream,)
            ).fetchone()
        if found is None:
            raise IndexBehind(f"a number for {stream}")
        return int(found[0])

    def operation(self, stream: str, number: int) -> Written | None:
        """Return an operation as it was told so far."""
        found = self._cursor.execute(
            "SELECT id, view FROM kubisnap.audit_operations WHERE stream = %s AND number = %s",
            (stream, number),
        ).fetchone()
        if found is None:
            return None
        return Written(found[0], stream, unpacked(bytes(found[1]), {}, stream), new=False)

    def event(self, stream: str, version: int) -> ev.Recorded | None:
        """Return one event."""
        found = self._cursor.execute(
            "SELECT originator_version, topic, state FROM kubisnap.events "
            "WHERE originator_id = %s AND originator_version = %s",
            (stream, version),
        ).fetchone()
        return None if found is None else self._codec.decode(stream, (found[0], found[1], bytes(found[2])))


def add(
    connection: Connection[Any], codec: Codec, items: Iterable[tuple[int, ev.Recorded, StoredRow]]
) -> None:
    """Index events that were inserted in this transaction, each given with its position."""
    cursor = connection.cursor(row_factory=tuple_row)
    _write(cursor, Indexer(PostgresKnown(cursor, codec)).index(items))


def build(connection: Connection[Any], codec: Codec) -> int:
    """Make the index anew from the events, in this transaction; return how many there are."""
    cursor = connection.cursor(row_factory=tuple_row)
    cursor.execute(_EMPTY)
    indexer, count = Indexer(PostgresKnown(cursor, codec)), 0
    for part in _parts(cursor):
        _write(cursor, indexer.index(_decoded(part, codec)))
        count += len(part)
    return count


def _decoded(part: Sequence[tuple[Any, ...]], codec: Codec) -> Iterator[tuple[int, ev.Recorded, StoredRow]]:
    for position, stream, version, tag, state in part:
        row = StoredRow(version, tag, bytes(state))
        yield position, codec.decode(stream, row), row


def _parts(cursor: Cursor[Any]) -> Iterator[list[tuple[Any, ...]]]:
    last = 0
    while part := cursor.execute(_PART, (last, _AT_ONCE)).fetchall():
        yield part
        last = part[-1][0]


def _write(cursor: Cursor[Any], batch: Batch) -> None:
    """Write it all, on the way together: the answers are waited for at the end."""
    terms = dict(batch.terms)
    new = [_row(item) for item in batch.operations.values() if item.new]
    old = [(*_row(item)[3:], item.id) for item in batch.operations.values() if not item.new]
    with cursor.connection.pipeline() if Pipeline.is_supported() else nullcontext():
        for start in range(0, len(batch.entries), _AT_ONCE):
            rows = [(*item, terms.get(item.position, "")) for item in batch.entries[start : start + _AT_ONCE]]
            cursor.execute(_ENTRIES, [list(column) for column in zip(*rows, strict=True)])
        for statement, items in ((_NEW, new), (_OLD, old)):
            if items:
                cursor.executemany(statement, items)
        cursor.executemany(_TIMES, [(block, low, high) for block, (low, high) in batch.times.items()])


def _row(item: Written) -> tuple[Any, ...]:
    view = item.view
    return (
        item.id,
        item.stream,
        view.number,
        _text(view.kind),
        _text(view.actor),
        _text(view.outcome),
        view.started,
        packed(view),
    )


def _text(text: str) -> str:
    """Return text as PostgreSQL takes it, which has no form for a null character."""
    return text.replace("\0", "\ufffd")


# ── comparing ────────────────────────────────────────────────────────────────────────────────────


class _Remembered(PostgresKnown):
    """What a walk through all events knows by itself; numbers of streams are the store's.

    A stream that has none in the store gets one that no stream has: nothing is written.
    """

    def __init__(self, cursor: Cursor[Any], codec: Codec) -> None:
        super().__init__(cursor, codec)
        self.operations: dict[tuple[str, int], Written] = {}

    def head(self, stream: str, version: int) -> bytes:
        """Say that the first event that is met is not the first of its log."""
        raise BeyondTheEnd(f"event {version} of {stream}")

    def number(self, stream: str) -> int:
        """Return a stream's number."""
        found = self._cursor.execute(_NUMBER, (stream,)).fetchone()
        return -1 if found is None else int(found[0])

    def operation(self, stream: str, number: int) -> Written | None:
        """Return an operation as it was met so far."""
        return self.operations.get((stream, number))


def differences(connection: Connection[Any], codec: Codec) -> list[str]:
    """Return in which tables the index is not what the events say; nothing is written.

    Everything is read in one transaction of the caller's, which sees one state of the store. Raises
    `BeyondTheEnd` where an event is missing, and what decoding raises.
    """
    walking, asking = (connection.cursor(row_factory=tuple_row) for _ in range(2))
    known = _Remembered(asking, codec)
    indexer, found, times, streams = Indexer(known), set[str](), dict[int, tuple[int, int]](), set[str]()
    count = 0
    for part in _parts(walking):
        batch = indexer.index(_decoded(part, codec))
        known.operations |= batch.operations
        for block, (low, high) in batch.times.items():
            before = times.get(block, (low, high))
            times[block] = min(low, before[0]), max(high, before[1])
        count += len(part)
        streams |= {row[1] for row in part if not row[1].startswith(NAMES)}
        if _entries(asking, part[0][0], part[-1][0]) != _expected(batch):
            found.add("audit_entries")
    if _count(asking, "SELECT count(*) FROM kubisnap.audit_entries") != count:
        found.add("audit_entries")
    if _all(asking, "SELECT stream FROM kubisnap.audit_streams") != {(name,) for name in streams}:
        found.add("audit_streams")
    columns: LiteralString = "SELECT id, stream, number, kind, actor, outcome, started, view FROM "
    if _all(asking, columns + "kubisnap.audit_operations") != {
        _row(item) for item in known.operations.values()
    }:
        found.add("audit_operations")
    told = {(block, low, high) for block, (low, high) in times.items()}
    if _all(asking, "SELECT block, low, high FROM kubisnap.audit_times") != told:
        found.add("audit_times")
    return sorted(found)


def _entries(cursor: Cursor[Any], first: int, last: int) -> list[tuple[Any, ...]]:
    rows = cursor.execute(
        "SELECT position, time, operation, resource, hash, tsvector_to_array(terms) "
        "FROM kubisnap.audit_entries WHERE position BETWEEN %s AND %s ORDER BY position",
        (first, last),
    ).fetchall()
    return [(*row[:4], bytes(row[4]), frozenset(row[5])) for row in rows]


def _expected(batch: Batch) -> list[tuple[Any, ...]]:
    """Return the rows of a batch's entries, with their terms."""
    terms = {position: frozenset(text.split(" ")) for position, text in batch.terms}
    return [
        (
            item.position,
            item.time,
            item.operation,
            item.resource,
            item.hash,
            terms.get(item.position, frozenset()),
        )
        for item in batch.entries
    ]


def _all(cursor: Cursor[Any], statement: LiteralString) -> set[tuple[Any, ...]]:
    rows = cursor.execute(statement).fetchall()
    return {tuple(bytes(value) if isinstance(value, memoryview) else value for value in row) for row in rows}


def _count(cursor: Cursor[Any], statement: LiteralString) -> int:
    (row,) = cursor.execute(statement).fetchall()
    return int(row[0])
