"""How the index comes to be: with a new store, for an old one, made anew; and when it is not."""

import base64
import json
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.errors import (
    DamagedIndex,
    KubisnapError,
    MalformedEvent,
    NotAStore,
    StoreUnusable,
    UnknownEvent,
)
from kubisnap.engine.journal import sqlite
from kubisnap.engine.journal.audit import sqlite as index
from kubisnap.engine.journal.audit.entries import Batch
from kubisnap.engine.journal.audit.queries import Query
from kubisnap.engine.journal.log import Journal, open_journal
from kubisnap.engine.journal.sqlite import APPLICATION_ID
from tests.golden.make_log import CLUSTER, LATER_LOG, LOG, SECOND_LOG
from tests.property.audited import dump
from tests.unit.engine.damage import by_force, slip_in
from tests.unit.engine.journal.audit.stories import APPLY, SHOP, WEB, furnish, rows_of
from tests.unit.engine.starters import ENVELOPE, events

GOLDEN = {"1" * 32: LOG, "2" * 32: LATER_LOG, "3" * 32: SECOND_LOG}
_TABLE = """CREATE TABLE stored_events (
    rowid INTEGER PRIMARY KEY AUTOINCREMENT, originator_id TEXT NOT NULL, originator_version INTEGER NOT NULL,
    topic TEXT NOT NULL, state BLOB NOT NULL, UNIQUE (originator_id, originator_version))"""
_TRIGGER = (
    "CREATE TRIGGER events_are_never_{0}d BEFORE {1} ON stored_events "
    "BEGIN SELECT RAISE(ABORT, 'events are never {0}d'); END"
)
FIRST_SCHEMA = (
    _TABLE,
    _TRIGGER.format("change", "UPDATE"),
    _TRIGGER.format("delete", "DELETE"),
    f"PRAGMA application_id={APPLICATION_ID}",
    "PRAGMA user_version=1",
)
"""As the version before the index made its stores."""


def golden_rows(stream: str) -> list[tuple[str, int, str, bytes]]:
    """Return a golden log as the log of a cluster of its own; those of the names are left out."""
    lines = map(json.loads, GOLDEN[stream].read_text().splitlines())
    return [
        (stream, line["version"], line["tag"], base64.b64decode(line["state"]))
        for line in lines
        if line["stream"] == CLUSTER
    ]


def first_store(path: Path) -> None:
    """Make a store of the first schema, the golden logs in it taking turns."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        for statement in FIRST_SCHEMA:
            connection.execute(statement)
    slip_in(path, *sorted((row for stream in GOLDEN for row in golden_rows(stream)), key=lambda row: row[1]))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in FIRST_SCHEMA[1:3]:
            connection.execute(statement)


def tables(path: Path) -> tuple[int, set[str]]:
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute(
            "SELECT name FROM sqlite_master WHERE name LIKE 'audit%' AND type = 'table'"
        )
        return connection.execute("PRAGMA user_version").fetchone()[0], {name for (name,) in names}


@pytest.fixture
def furnished(journal: Journal) -> Journal:
    furnish(journal)
    return journal


# ── for a store of the first schema ──────────────────────────────────────────────────────────


@pytest.mark.parametrize("create", [True, False])
def test_a_store_of_the_first_schema_gets_an_index_when_it_is_opened(
    path: Path, url: str, *, create: bool
) -> None:
    first_store(path)
    assert tables(path) == (1, set())
    with open_journal(url, create=create) as journal:
        assert tables(path)[0] == 2
        assert journal.audit_differences() == []
        for stream in GOLDEN:
            rows = golden_rows(stream)
            assert [(stream, *row) for row in journal.rows(stream)] == rows
            report = journal.verify(stream)
            assert (report.events, report.findings) == (len(rows), ())
            found = journal.audit.events(Query(clusters=(stream,)), limit=1000).items
            assert [item.recorded for item in reversed(found)] == journal.read(stream)
        made = dump(path)
    with open_journal(url, create=create) as journal:
        assert dump(path) == made, "once is enough"
        stream = next(iter(GOLDEN))
        journal.append(stream, len(golden_rows(stream)), events(), ENVELOPE)
        assert journal.audit_differences() == []


def test_its_events_are_still_not_to_be_changed(path: Path, url: str) -> None:
    first_store(path)
    open_journal(url).close()
    with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.IntegrityError, match="never"):
        connection.execute("DELETE FROM stored_events")


def test_an_empty_store_of_the_first_schema_gets_an_empty_index(path: Path, url: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in FIRST_SCHEMA:
            connection.execute(statement)
    with open_journal(url) as journal:
        assert journal.audit.events(Query(), limit=5).items == []
        furnish(journal)
        assert journal.audit_differences() == []


def test_making_the_index_is_all_or_nothing(path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first_store(path)
    monkeypatch.setattr(index, "AT_ONCE", 7)
    write = index.write
    calls: list[None] = []

    def full(cursor: sqlite3.Cursor, batch: Batch) -> None:
        calls.append(write(cursor, batch))
        if len(calls) == 3:
            raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(index, "write", full)
        with pytest.raises(StoreUnusable, match="full"):
            open_journal(url)
    assert tables(path) == (1, set())
    with open_journal(url) as journal:
        assert journal.audit_differences() == []


def test_a_store_without_its_events_is_not_given_others(path: Path, url: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in FIRST_SCHEMA[3:]:
            connection.execute(statement)
    with pytest.raises(StoreUnusable, match="no such table"):
        open_journal(url, create=True)
    assert tables(path) == (1, set())


# ── several at once ──────────────────────────────────────────────────────────────────────────


def together(work: Callable[[int], object], count: int = 8) -> list[object]:
    barrier = Barrier(count)

    def begin(number: int) -> object:
        barrier.wait(60)
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


@pytest.mark.parametrize("old", [True, False])
def test_eight_may_open_a_new_or_an_old_store_at_once(path: Path, url: str, *, old: bool) -> None:
    if old:
        first_store(path)

    def work(number: int) -> object:
        with open_journal(url, create=True) as journal:
            journal.append(f"{number:032x}", 0, events(count=3), ENVELOPE)
            return len(journal.audit.events(Query(clusters=(f"{number:032x}",)), limit=9).items)

    assert together(work) == [3] * 8
    with open_journal(url) as journal:
        assert journal.audit_differences() == []
        assert not any(journal.verify(f"{number:032x}").findings for number in range(8))


def test_eight_may_open_a_store_whose_index_is_of_another_format(
    furnished: Journal, path: Path, url: str
) -> None:
    before = dump(path)
    with by_force(path) as connection:
        connection.execute("UPDATE audit_format SET version = 0")

    def work(_: int) -> object:
        with open_journal(url) as journal:
            return journal.audit.newest()

    assert together(work) == [26] * 8
    assert dump(path) == before
    assert furnished.audit_differences() == []


# ── of another format ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_format SET version = version - 1",
        "UPDATE audit_format SET version = version + 1",
        "DELETE FROM audit_format",
        "DROP TABLE audit_format",
    ],
)
def test_an_index_of_another_format_is_made_anew_when_the_store_is_opened(
    path: Path, url: str, statement: str, *, create: bool
) -> None:
    with open_journal(url, create=True) as journal:
        furnish(journal)
    before = dump(path)
    with by_force(path) as connection:
        connection.execute(statement)
        connection.execute("UPDATE audit_entries SET resource = 'of another format'")
        connection.execute("DROP TABLE audit_times")
    with open_journal(url, create=create) as journal:
        assert dump(path) == before
        assert len(journal.audit.events(Query(), limit=100).items) == 24


def test_a_store_with_todays_index_is_only_read_when_it_is_opened(
    path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_journal(url, create=True).close()
    before = path.read_bytes()

    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(sqlite.Recorder, "prepare", never)
    open_journal(url, create=True).close()
    assert path.read_bytes() == before


# ── behind ───────────────────────────────────────────────────────────────────────────────────


def test_what_an_old_version_wrote_beside_the_index_is_told_and_indexed_when_it_is_made_anew(
    furnished: Journal, path: Path
) -> None:
    """It had the store open when this one came."""
    slip_in(path, *rows_of(furnished.read(WEB)[-1:], version=13))
    with pytest.raises(DamagedIndex, match=f"lacks event 13 of {WEB}") as caught:
        furnished.append(WEB, 13, events(), ENVELOPE)
    assert "kubisnap audit rebuild" in caught.value.hint
    assert len(furnished.read(WEB)) == 13, "nothing was written"
    furnished.append(SHOP, 12, events(), ENVELOPE)

    assert furnished.rebuild_audit() == 28
    assert furnished.audit_differences() == []
    furnished.append(WEB, 13, events(), ENVELOPE)
    assert furnished.verify(WEB).findings == ()
    assert len(furnished.audit.events(Query(clusters=(WEB,)), limit=100).items) == 14


def test_positions_that_are_gone_for_good_leave_the_index_right(furnished: Journal, path: Path) -> None:
    with by_force(path) as connection:
        for statement in (
            f"DELETE FROM stored_events WHERE originator_id = '{SHOP}' AND originator_version > 9",
            f"DELETE FROM stored_events WHERE originator_id = '{WEB}' AND originator_version > 10",
        ):
            connection.execute(statement)
    furnished.rebuild_audit()
    furnished.append(SHOP, 9, APPLY, ENVELOPE)
    furnished.append(WEB, 10, APPLY, ENVELOPE)
    written = dump(path)
    positions = [row[0] for row in written["audit_entries"]]
    assert positions != list(range(1, len(positions) + 1))
    furnished.rebuild_audit()
    assert dump(path) == written
    assert [furnished.verify(stream).findings for stream in (WEB, SHOP)] == [(), ()]


# ── what cannot be read ──────────────────────────────────────────────────────────────────────

BROKEN: dict[str, tuple[str, Any, type[KubisnapError]]] = {
    "no event": ("LeaseRenewed", b"\xc1", MalformedEvent),
    "text": ("LeaseRenewed", "text", MalformedEvent),
    "of a newer version": ("ClusterTeleported", b"\x90", UnknownEvent),
}


@pytest.mark.parametrize("case", BROKEN)
def test_where_an_event_cannot_be_read_the_index_stays_as_it_was(
    furnished: Journal, path: Path, case: str
) -> None:
    tag, state, error = BROKEN[case]
    before = dump(path)
    slip_in(path, (WEB, 13, tag, state))
    for make in (furnished.rebuild_audit, furnished.audit_differences):
        with pytest.raises(error, match=tag):
            make()
    assert dump(path) == before
    assert len(furnished.audit.events(Query(), limit=100).items) == 24
    assert [str(found) for found in furnished.verify(WEB).findings] == [
        "event 13 was not written by kubisnap: no hash"
    ]


def test_where_an_event_is_missing_the_index_stays_as_it_was(furnished: Journal, path: Path) -> None:
    before = dump(path)
    with by_force(path) as connection:
        connection.execute(
            f"DELETE FROM stored_events WHERE originator_id = '{WEB}' AND originator_version = 6"
        )
    for make in (furnished.rebuild_audit, furnished.audit_differences):
        with pytest.raises(NotAStore, match=f"damaged: event 6 of {WEB} is missing"):
            make()
    assert dump(path) == before


@pytest.mark.parametrize("case", [*BROKEN, "missing"])
def test_a_damaged_log_in_an_old_store_keeps_nobody_from_the_others(path: Path, url: str, case: str) -> None:
    first_store(path)
    damaged, *whole = GOLDEN
    with by_force(path) as connection:
        where = f"WHERE originator_id = '{damaged}' AND originator_version = 4"
        if case == "missing":
            connection.execute(f"DELETE FROM stored_events {where}")
        else:
            connection.execute(f"UPDATE stored_events SET topic = ?, state = ? {where}", BROKEN[case][:2])
    with open_journal(url) as journal:
        for stream in whole:
            found = journal.audit.events(Query(clusters=(stream,)), limit=1000).items
            assert len(found) == len(golden_rows(stream))
            assert journal.verify(stream).findings == ()
            journal.append(stream, len(found), events(), ENVELOPE)
        before = journal.audit.events(Query(clusters=(damaged,)), limit=1000).items
        assert [item.recorded.version for item in before] == [3, 2, 1]
        assert journal.verify(damaged).findings
        last = len(golden_rows(damaged))
        with pytest.raises(DamagedIndex):
            journal.append(damaged, last, events(), ENVELOPE)
        with pytest.raises(KubisnapError):
            journal.rebuild_audit()


def test_an_index_that_cannot_be_read_is_told_with_what_helps(furnished: Journal, path: Path) -> None:
    with by_force(path) as connection:
        connection.execute("UPDATE audit_operations SET view = x'c1'")
    for ask in (
        lambda: furnished.audit.operations(Query(), limit=5),
        lambda: furnished.audit.operation(WEB, 2),
        lambda: furnished.verify(WEB),
        lambda: furnished.append(WEB, 12, events(), ENVELOPE._replace(operation=2)),
    ):
        with pytest.raises(DamagedIndex) as caught:
            ask()
        assert "kubisnap audit rebuild" in caught.value.hint
    assert len(furnished.read(WEB)) == 12
    furnished.rebuild_audit()
    furnished.append(WEB, 12, events(), ENVELOPE._replace(operation=2))


def test_a_store_that_is_not_there_is_not_indexed(url: str) -> None:
    with open_journal(url) as journal, pytest.raises(StoreUnusable, match="does not exist"):
        journal.rebuild_audit()


def test_a_log_whose_clock_went_backwards_is_indexed_as_it_is(journal: Journal) -> None:
    for version, time in enumerate([5, 3, 9, 3, -7, 4]):
        journal.append(WEB, version, [ev.LeaseRenewed()], ENVELOPE._replace(time=time))
    assert [journal.audit.version_at(WEB, time) for time in (-8, -7, 2, 3, 4, 8, 9)] == [0, 5, 5, 5, 6, 6, 6]
    times = [item.recorded.time for item in journal.audit.events(Query(since=3, until=4), limit=9).items]
    assert times == [4, 3, 3]
    assert journal.audit_differences() == []
