"""Whatever byte is changed in the tables of a store, it is found, and of an event it is said which."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kubisnap.engine.errors import DamagedIndex, StoreError
from kubisnap.engine.journal.audit.entries import BeyondTheEnd
from kubisnap.engine.journal.audit.sqlite import TABLES, differences
from kubisnap.engine.journal.audit.verifying import Finding, Problem, verify_chain
from kubisnap.engine.journal.codec import Codec
from tests.unit.engine.damage import TRIGGERS
from tests.unit.engine.journal.audit.stories import WEB, furnished

CODEC = Codec()
URI = "file:tampered?mode=memory&cache=shared"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tampering") / "store.sqlite"
    furnished(path)
    return path


class Victim:
    """A copy of the store in memory, where anything can be changed, and is changed back."""

    def __init__(self, original: Path) -> None:
        self._file = sqlite3.connect(original, isolation_level=None)
        self.connection = sqlite3.connect(URI, uri=True, isolation_level=None)
        self.restore()

    def restore(self) -> None:
        self._file.backup(self.connection)
        for trigger in TRIGGERS:
            self.connection.execute(f"DROP TRIGGER {trigger}")

    def close(self) -> None:
        self.connection.close()
        self._file.close()

    def run(self, statement: str, arguments: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        return self.connection.execute(statement, arguments).fetchall()

    def streams(self) -> list[str]:
        return [row[0] for row in self.run("SELECT DISTINCT originator_id FROM stored_events")]

    def findings(self, stream: str) -> tuple[Finding, ...]:
        return verify_chain(self.run, "e.rowid", stream).findings

    def is_found(self) -> bool:
        try:
            return bool(differences(URI, CODEC)) or any(map(self.findings, self.streams()))
        except (StoreError, BeyondTheEnd, ValueError):
            return True


@pytest.fixture
def victim(original: Path) -> Iterator[Victim]:
    copy = Victim(original)
    yield copy
    copy.close()


class Cell(NamedTuple):
    """One value in one row of a table, and the row's key."""

    table: str
    column: str
    key: Any
    value: Any


@contextmanager
def changed(victim: Victim, cell: Cell, value: Any) -> Iterator[bool]:
    """Change a value for a while; say whether the database let it happen."""
    cast = "CAST(? AS TEXT)" if isinstance(cell.value, str) else "?"
    statement = f"UPDATE {cell.table} SET {cell.column} = {cast} WHERE rowid = ?"
    own_key = cell.column in {"rowid", "position", "id", "block", "version"} and cell.value == cell.key
    try:
        victim.run(statement, (value, cell.key))
    except (sqlite3.IntegrityError, OverflowError):
        yield False
        return
    try:
        yield True
    finally:
        victim.run(statement, (cell.value, value if own_key else cell.key))


def cells(victim: Victim, table: str) -> list[Cell]:
    columns = [row[1] for row in victim.run(f"PRAGMA table_info({table})")]
    return [
        Cell(table, column, key, value)
        for column in columns
        for key, value in victim.run(f"SELECT rowid, {column} FROM {table}")
    ]


def variants(value: Any) -> Iterator[Any]:
    """Yield the value with each of its bytes changed in turn."""
    if isinstance(value, int):
        data = value.to_bytes(8, "big", signed=True)
    else:
        data = value.encode() if isinstance(value, str) else value
    for at, byte in enumerate(data):
        other = data[:at] + bytes([byte ^ 1]) + data[at + 1 :]
        yield int.from_bytes(other, "big", signed=True) if isinstance(value, int) else other


def event_at(victim: Victim, position: int) -> tuple[str, int]:
    ((stream, version),) = victim.run(
        "SELECT originator_id, originator_version FROM stored_events WHERE rowid = ?", (position,)
    )
    return stream, version


def test_nothing_is_found_where_nothing_was_changed(victim: Victim) -> None:
    assert not victim.is_found()
    assert len(victim.run("SELECT * FROM stored_events")) == 26
    assert len(victim.streams()) == 4


@pytest.mark.parametrize("column", ["state", "topic"])
def test_a_changed_byte_of_an_event_is_found_and_it_is_said_which(victim: Victim, column: str) -> None:
    for cell in cells(victim, "stored_events"):
        if cell.column != column:
            continue
        stream, version = event_at(victim, cell.key)
        finding = Finding(problem=Problem.CHANGED, first=version, last=version)
        for value in variants(cell.value):
            with changed(victim, cell, value) as done:
                assert done
                assert victim.findings(stream) == (finding,), (cell, value)


def test_a_changed_byte_of_a_hash_is_found_and_it_is_said_which(victim: Victim) -> None:
    for cell in cells(victim, "audit_entries"):
        if cell.column != "hash":
            continue
        stream, version = event_at(victim, cell.key)
        finding = Finding(problem=Problem.CHANGED, first=version, last=version)
        for value in variants(cell.value):
            with changed(victim, cell, value) as done:
                assert done
                assert victim.findings(stream) == (finding,), (cell, value)


@pytest.mark.parametrize("column", ["originator_version", "rowid", "originator_id"])
def test_an_event_at_another_place_is_found_and_it_is_said_which(victim: Victim, column: str) -> None:
    tried = 0
    for cell in cells(victim, "stored_events"):
        if cell.column != column:
            continue
        stream, version = event_at(victim, cell.key)
        for value in variants(cell.value):
            with changed(victim, cell, value) as done:
                tried += done
                if not done:
                    continue
                if stream.startswith("name:"):
                    assert victim.is_found(), (cell, value)
                    continue
                assert any(item.first <= version <= item.last for item in victim.findings(stream)), value
    assert tried > 100


@pytest.mark.parametrize("table", [name for name in TABLES if name != "audit_operations"])
def test_a_changed_byte_of_the_index_is_found(victim: Victim, table: str) -> None:
    for cell in cells(victim, table):
        if cell.column == "hash" or (table == "audit_entries" and cell.key % 3):
            continue  # a row is like another, and making the index anew takes its time
        for value in variants(cell.value):
            with changed(victim, cell, value) as done:
                assert not done or victim.is_found(), (cell, value)
    assert not victim.is_found()


def test_a_changed_byte_of_an_operation_in_the_index_is_found(victim: Victim) -> None:
    for cell in cells(victim, "audit_operations"):
        if event_at(victim, cell.key) != (WEB, 5):
            continue  # a row is like another, and making the index anew takes its time
        for value in variants(cell.value):
            with changed(victim, cell, value) as done:
                assert not done or victim.is_found(), (cell, value)
    assert not victim.is_found()


@pytest.mark.parametrize("table", list(TABLES))
def test_a_row_taken_from_the_index_is_found_and_so_is_one_put_in(victim: Victim, table: str) -> None:
    for (key,) in victim.run(f"SELECT rowid FROM {table}"):
        victim.run(f"DELETE FROM {table} WHERE rowid = ?", (key,))
        assert victim.is_found()
        victim.restore()
    columns = [row[1] for row in victim.run(f"PRAGMA table_info({table})")]
    victim.run(f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})", [9999] * len(columns))
    assert victim.is_found()


def test_a_term_taken_from_the_index_is_found_and_so_is_one_put_in(victim: Victim) -> None:
    victim.run("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, audit_terms, instance)")
    postings = victim.run("SELECT term, min(doc) FROM temp.vocabulary GROUP BY term")
    assert len(postings) > 60
    victim.run("DROP TABLE temp.vocabulary")
    for term, position in postings:
        victim.run(
            "INSERT INTO audit_terms (audit_terms, rowid, terms) VALUES ('delete', ?, ?)", (position, term)
        )
        assert differences(URI, CODEC) == ["audit_terms"], term
        victim.restore()
    for position in range(1, 28):
        victim.run("INSERT INTO audit_terms (rowid, terms) VALUES (?, 'planted')", (position,))
        assert differences(URI, CODEC) == ["audit_terms"]
        victim.restore()


@pytest.mark.parametrize("column", ["originator_version", "topic", "state"])
@pytest.mark.parametrize("value", ["x", b"x", "", b"", 5.5, 700, "y" * 70_000, 1 << 62])
def test_values_of_other_types_and_sizes_are_found(victim: Victim, column: str, value: Any) -> None:
    for position in (2, 3, 8, 26):
        victim.run(f"UPDATE stored_events SET {column} = ? WHERE rowid = ?", (value, position))
        assert victim.is_found()
        victim.restore()


@pytest.mark.parametrize("value", ["x", b"x", "", b"", 5.5])
def test_hashes_of_other_types_and_sizes_are_found(victim: Victim, value: Any) -> None:
    for position in range(1, 27):
        victim.run("UPDATE audit_entries SET hash = ? WHERE position = ?", (value, position))
        stream, version = event_at(victim, position)
        assert victim.findings(stream) == (Finding(problem=Problem.CHANGED, first=version, last=version),), (
            position
        )
        victim.restore()


def test_an_operation_that_cannot_be_read_is_told_as_damage_of_the_index(victim: Victim) -> None:
    victim.run("UPDATE audit_operations SET view = x'c1'")
    with pytest.raises(DamagedIndex, match="cannot be read") as caught:
        victim.findings("a" * 32)
    assert "audit rebuild" in caught.value.hint
