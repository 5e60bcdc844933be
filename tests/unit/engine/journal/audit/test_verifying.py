"""Verifying a cluster's log by its chain: what is found, and how it is said."""

import sqlite3
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from kubisnap.engine.errors import NotAStore
from kubisnap.engine.journal.audit import chain, verifying
from kubisnap.engine.journal.audit.verifying import ChainReport, Finding, Problem
from kubisnap.engine.journal.log import Envelope, Journal, open_journal
from tests.unit.engine.damage import by_force, slip_in
from tests.unit.engine.journal.audit.stories import SHOP, WEB, furnish, rows_of
from tests.unit.engine.starters import ENVELOPE, events


@pytest.fixture(autouse=True, params=[2_000, 3])
def _parts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "_AT_ONCE", request.param)


@pytest.fixture(autouse=True)
def _furnished(journal: Journal) -> None:
    furnish(journal)


def said(journal: Journal, stream: str = WEB) -> list[str]:
    return [str(finding) for finding in journal.verify(stream).findings]


def force(path: Path, *statements: str) -> None:
    with by_force(path) as connection:
        for statement in statements:
            connection.execute(statement)


WHERE = f"WHERE originator_id = '{WEB}' AND originator_version"


# ── the chain ────────────────────────────────────────────────────────────────────────────────


def test_a_hash_covers_the_one_before_the_position_the_kind_and_the_bytes() -> None:
    start = sha256(b"kubisnap-chain-1\nweb").digest()
    assert chain.genesis("web") == start
    by_hand = sha256(start + bytes(7) + b"\x01" + b"\x00\x03" + b"Tag" + b"bytes").digest()
    assert chain.link(start, 1, "Tag", b"bytes") == by_hand
    assert len(by_hand) == chain.HASH_BYTES


def test_what_belongs_to_the_kind_and_what_to_the_bytes_is_not_confused() -> None:
    start = chain.genesis("web")
    assert chain.link(start, 1, "Tagb", b"ytes") != chain.link(start, 1, "Tag", b"bytes")
    assert chain.genesis("web") != chain.genesis("we")


def test_the_head_is_the_last_hash_and_grows_with_the_log(journal: Journal) -> None:
    before = chain.genesis(WEB)
    for row in journal.rows(WEB):
        before = chain.link(before, *row)
    assert journal.verify(WEB) == ChainReport(stream=WEB, events=12, head=before)
    journal.append(WEB, 12, events(), ENVELOPE)
    assert journal.verify(WEB).head != before


def test_the_log_of_a_name_has_a_chain_too(journal: Journal, path: Path) -> None:
    assert journal.verify("name:web").events == 1
    assert said(journal, "name:web") == []
    force(path, "UPDATE stored_events SET state = x'00' WHERE originator_id = 'name:web'")
    assert said(journal, "name:web") == ["event 1 is not what was written"]


def test_a_log_that_is_not_there_is_empty_and_whole(journal: Journal, tmp_path: Path) -> None:
    nothing = ChainReport(stream="f" * 32, events=0, head=chain.genesis("f" * 32))
    assert journal.verify("f" * 32) == nothing
    with open_journal(f"sqlite:///{tmp_path / 'none.sqlite'}") as none:
        assert none.verify("f" * 32) == nothing
        assert none.audit_differences() == []


# ── what was done to it ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([f"UPDATE stored_events SET state = x'00' {WHERE} = 5"], ["event 5 is not what was written"]),
        ([f"UPDATE stored_events SET state = x'00' {WHERE} = 1"], ["event 1 is not what was written"]),
        ([f"UPDATE stored_events SET state = x'00' {WHERE} = 12"], ["event 12 is not what was written"]),
        (
            [f"UPDATE stored_events SET topic = 'LeaseRenewed' {WHERE} IN (3, 4, 5, 9)"],
            ["events 3 to 5 are not what was written", "event 9 is not what was written"],
        ),
        ([f"DELETE FROM stored_events {WHERE} = 1"], ["event 1 is missing"]),
        ([f"DELETE FROM stored_events {WHERE} BETWEEN 4 AND 6"], ["events 4 to 6 are missing"]),
        ([f"DELETE FROM stored_events {WHERE} IN (3, 5)"], ["event 3 is missing", "event 5 is missing"]),
        ([f"DELETE FROM stored_events {WHERE} = 12"], ["event 12 is missing"]),
        ([f"DELETE FROM stored_events {WHERE} > 7"], ["events 8 to 12 are missing"]),
        ([f"DELETE FROM stored_events {WHERE} > 0"], ["events 1 to 12 are missing"]),
        (
            [f"DELETE FROM stored_events {WHERE} = 5", f"UPDATE stored_events SET state = x'00' {WHERE} = 9"],
            ["event 5 is missing", "event 9 is not what was written"],
        ),
        (
            [
                f"DELETE FROM audit_entries WHERE position IN (SELECT rowid FROM stored_events {WHERE} = {n})"
                for n in (6, 7)
            ],
            ["events 6 to 7 were not written by kubisnap: no hash"],
        ),
        (
            [f"UPDATE stored_events SET rowid = 1000 {WHERE} = 5"],
            ["event 5 was not written by kubisnap: no hash", "event 6 is not where it was written"],
        ),
        ([f"UPDATE stored_events SET originator_version = 0 {WHERE} = 12"], [
            "event 0 is not where it was written",
            "event 12 is missing",
        ]),
    ],
)  # fmt: skip
def test_what_was_done_is_said(
    journal: Journal, path: Path, statements: list[str], expected: list[str]
) -> None:
    force(path, *statements)
    assert said(journal) == expected
    assert said(journal, SHOP) == [], "the other cluster's log is whole"


def test_two_events_that_changed_places_are_found(journal: Journal, path: Path) -> None:
    """Be it their bytes or their numbers."""
    first, second = (row for row in journal.rows(WEB) if row.version in (5, 8))
    with by_force(path) as connection:
        for row, version in ((first, 8), (second, 5)):
            statement = f"UPDATE stored_events SET topic = ?, state = ? {WHERE} = ?"
            connection.execute(statement, (row.tag, row.state, version))
    assert said(journal) == ["event 5 is not what was written", "event 8 is not what was written"]


def test_events_whose_numbers_were_changed_are_found(journal: Journal, path: Path) -> None:
    force(
        path,
        *(
            f"UPDATE stored_events SET originator_version = {new} {WHERE} = {old}"
            for old, new in ((5, 99), (6, 5), (99, 6))
        ),
    )
    found = journal.verify(WEB).findings
    changed = {
        n for item in found if item.problem is Problem.CHANGED for n in range(item.first, item.last + 1)
    }
    assert {5, 6} <= changed <= {5, 6, 7}
    assert "event 6 is not where it was written" in said(journal)


@pytest.mark.parametrize("at", [13, 40])
def test_an_event_that_was_put_in_is_found(journal: Journal, path: Path, at: int) -> None:
    slip_in(path, *rows_of(journal.read(WEB)[-1:], version=at))
    missing = ["events 13 to 39 are missing"] if at == 40 else []
    assert said(journal) == [*missing, f"event {at} was not written by kubisnap: no hash"]


def test_an_event_that_was_put_in_is_not_in_the_index(journal: Journal, path: Path) -> None:
    slip_in(path, *rows_of(journal.read(WEB)[-1:], version=13))
    assert journal.audit_differences() == ["audit_entries", "audit_operations", "audit_terms"]


def test_an_event_that_was_put_in_with_a_hash_of_another_is_found(journal: Journal, path: Path) -> None:
    slip_in(path, *rows_of(journal.read(WEB)[-1:], version=13))
    columns = "max(position) + 1, time, operation, resource, hash"
    force(path, f"INSERT INTO audit_entries SELECT {columns} FROM audit_entries")
    assert said(journal) == ["event 13 is not what was written"]


def test_an_event_that_was_moved_to_another_cluster_is_found_in_both(journal: Journal, path: Path) -> None:
    force(
        path,
        f"DELETE FROM stored_events WHERE originator_id = '{SHOP}' AND originator_version = 12",
        f"UPDATE stored_events SET originator_id = '{SHOP}' {WHERE} = 12",
    )
    assert said(journal) == ["event 12 is missing"]
    found = said(journal, SHOP)
    assert "event 12 is not what was written" in found


def test_a_whole_log_under_another_id_does_not_pass_for_that_clusters(journal: Journal, path: Path) -> None:
    other = "f" * 32
    force(path, f"UPDATE stored_events SET originator_id = '{other}' {WHERE} > 0")
    assert said(journal) == ["events 1 to 12 are missing"]
    assert said(journal, other) == ["event 1 is not what was written"]


def test_what_this_version_does_not_know_is_verified_all_the_same(journal: Journal, path: Path) -> None:
    """A chain is of bytes: nobody needs to understand them."""
    tail = journal.rows(WEB)[-1]
    head = journal.verify(WEB).head
    state = b"\x90"
    slip_in(path, (WEB, 13, "ClusterTeleported", state))
    hashed = chain.link(head, tail.version + 1, "ClusterTeleported", state)
    with sqlite3.connect(path) as connection:
        connection.execute(
            "INSERT INTO audit_entries SELECT max(rowid), 0, 0, '', ? FROM stored_events", (hashed,)
        )
    connection.close()
    assert said(journal) == []
    assert journal.verify(WEB).head == hashed


@pytest.mark.parametrize("version", ["'x'", "x'00'", "5.5"])
def test_a_row_that_is_no_event_is_told(journal: Journal, path: Path, version: str) -> None:
    force(path, f"UPDATE stored_events SET originator_version = {version} {WHERE} = 4")
    with pytest.raises(NotAStore, match=f"the log of {WEB} is damaged: event .* has no position"):
        journal.verify(WEB)


def test_the_tail_of_a_log_of_many_operations_is_missed(journal: Journal, path: Path) -> None:
    position = 12
    for number in range(3, 120):
        journal.append(WEB, position, events(), Envelope(1, "ada", number))
        position += 1
    force(path, f"DELETE FROM stored_events {WHERE} > 127")
    assert said(journal) == ["events 128 to 129 are missing"]


# ── what is found is put together ────────────────────────────────────────────────────────────


def finding(problem: Problem, first: int, last: int) -> Finding:
    return Finding(problem=problem, first=first, last=last)


@pytest.mark.parametrize(
    ("problem", "one", "more"),
    [
        (Problem.CHANGED, "event 7 is not what was written", "events 7 to 9 are not what was written"),
        (Problem.MISSING, "event 7 is missing", "events 7 to 9 are missing"),
        (
            Problem.UNCHAINED,
            "event 7 was not written by kubisnap: no hash",
            "events 7 to 9 were not written by kubisnap: no hash",
        ),
        (
            Problem.MISPLACED,
            "event 7 is not where it was written",
            "events 7 to 9 are not where they were written",
        ),
    ],
)
def test_a_finding_is_said_in_one_line(problem: Problem, one: str, more: str) -> None:
    assert str(finding(problem, 7, 7)) == one
    assert str(finding(problem, 7, 9)) == more


def test_only_what_is_wrong_in_the_same_way_one_after_the_other_is_put_together() -> None:
    changed: Callable[..., Finding] = lambda *ends: finding(Problem.CHANGED, *ends)  # noqa: E731
    missing = finding(Problem.MISSING, 4, 4)
    found = [changed(1, 1), changed(2, 3), missing, changed(5, 5), changed(7, 7)]
    assert list(verifying._joined(found)) == [changed(1, 3), missing, changed(5, 5), changed(7, 7)]
    assert list(verifying._joined([])) == []


# ── the index and the events ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("statement", "tables"),
    [
        ("UPDATE audit_entries SET time = time + 1 WHERE position = 9", ["audit_entries"]),
        ("UPDATE audit_entries SET resource = '' WHERE position = 12", ["audit_entries"]),
        ("UPDATE audit_operations SET outcome = 'succeeded' WHERE outcome = 'failed'", ["audit_operations"]),
        ("UPDATE audit_times SET low = low + 1", ["audit_times"]),
        ("UPDATE audit_streams SET id = id + 10", ["audit_streams"]),
        ("DELETE FROM audit_entries WHERE position = 3", ["audit_entries"]),
        ("INSERT INTO audit_terms (rowid, terms) VALUES (3, '(a:eve')", ["audit_terms"]),
        ("DROP TABLE audit_times", ["audit_times"]),
        ("DROP TABLE audit_terms", ["audit_terms"]),
    ],
)
def test_it_is_said_in_which_table_the_index_differs(
    journal: Journal, path: Path, statement: str, tables: list[str]
) -> None:
    force(path, statement)
    assert journal.audit_differences() == tables
    assert said(journal) == [] or "audit_entries" in tables
    journal.rebuild_audit()
    assert journal.audit_differences() == []


def test_comparing_changes_nothing(journal: Journal, path: Path) -> None:
    force(path, "UPDATE audit_times SET low = low + 1")
    before = {file.name: file.read_bytes() for file in path.parent.iterdir() if file.suffix != ".sqlite-shm"}
    assert journal.audit_differences() == ["audit_times"]
    assert {file.name: file.read_bytes() for file in path.parent.iterdir() if file.name in before} == before
