"""How the audit index and checkpoints are kept, on both stores: right, or it is said that they are not."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.state import ClusterState, apply_event
from kubisnap.engine.errors import DamagedIndex, KubisnapError, LogMoved, NotAStore, StoreDenied
from kubisnap.engine.journal import checkpoints
from kubisnap.engine.journal.audit import postgres, sqlite, verifying
from kubisnap.engine.journal.audit.queries import Query
from kubisnap.engine.journal.codec import Codec
from kubisnap.engine.journal.copying import copy_history
from kubisnap.engine.journal.log import Envelope, Journal, open_journal
from kubisnap.engine.journal.whole import WholeLog
from tests.contract.store_places import StorePlace, postgres_place, sqlite_place
from tests.unit.engine.journal.audit.stories import APPLY, SHOP, WEB, create, furnish, rows_of
from tests.unit.engine.starters import ENVELOPE, events
from tests.unit.engine.world import without_syncs

TABLES = ("audit_streams", "audit_entries", "audit_operations", "audit_times")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StorePlace:
    without_syncs(monkeypatch)
    if request.param == "sqlite":
        return sqlite_place(tmp_path / "store.sqlite")
    return postgres_place(request.getfixturevalue("team"))


@pytest.fixture
def journal(place: StorePlace) -> Iterator[Journal]:
    with open_journal(place.url, create=True) as opened:
        yield opened


def sizes(place: StorePlace) -> list[int]:
    """Return how many rows each table of the index has."""
    schema = "kubisnap." if place.kind == "postgres" else ""
    return [place.sql(f"SELECT count(*) FROM {schema}{name}")[0][0] for name in TABLES]


# ── it is right after every kind of write ────────────────────────────────────────────────────


def test_the_index_is_right_after_every_kind_of_write(journal: Journal) -> None:
    def right() -> None:
        assert journal.audit_differences() == []

    right()
    journal.found(WEB, "web", create(WEB, "web"), ENVELOPE)
    right()
    journal.append(WEB, 4, APPLY[:4], ENVELOPE._replace(operation=2))
    right()
    journal.append(WEB, 8, APPLY[4:], ENVELOPE._replace(operation=2, cause=7))
    right()
    journal.finish(WEB, "web", 12, events("the end"), ENVELOPE._replace(operation=3))
    right()
    log = WholeLog.checked(SHOP, map(Codec().encode, sealed(SHOP)))
    journal.take_in(WholeLog(log.rows[:2], log.state), ENVELOPE)
    right()
    journal.take_in(log, ENVELOPE)
    right()
    journal.keep(rows_of(journal.read(SHOP)[-1:], version=5))
    right()


def sealed(cluster: str) -> list[ev.Recorded]:
    return [
        ev.Recorded(cluster, number, number, "ada", 1, 0, "", event.SCHEMA, event)
        for number, event in enumerate(create(cluster, "shop"), 1)
    ]


def test_it_is_right_after_a_copy_and_after_work_goes_on_there(journal: Journal, tmp_path: Path) -> None:
    with open_journal(f"sqlite:///{tmp_path / 'other.sqlite'}", create=True) as other:
        furnish(other)
        copy_history(other, journal)
        assert journal.audit_differences() == []
        for one in (other, journal):
            one.append(WEB, 12, APPLY, ENVELOPE._replace(operation=3))
        assert journal.audit_differences() == []
        assert journal.verify(WEB) == other.verify(WEB)


def test_a_long_append_is_indexed_as_one(journal: Journal, place: StorePlace) -> None:
    """More than goes into one statement."""
    journal.append(WEB, 0, events("long", 2_300), ENVELOPE)
    assert journal.audit_differences() == []
    assert sizes(place)[:3] == [1, 2_300, 1]
    assert journal.rebuild_audit() == 2_300
    assert journal.audit_differences() == []
    assert journal.verify(WEB).findings == ()


@pytest.mark.parametrize("broken", [
    lambda journal: journal.append(WEB, 3, events("late", 5), ENVELOPE),
    lambda journal: journal.append(WEB, 99, events("early", 5), ENVELOPE),
    lambda journal: journal.finish(WEB, "web", 3, events(), ENVELOPE),
    lambda journal: journal.found("e" * 32, "web", create("e" * 32, "web"), ENVELOPE),
    lambda journal: journal.keep([*rows_of(journal.read(WEB)[-1:], version=13), (SHOP, 5, "Unheard", b"")]),
    lambda journal: journal.keep([(WEB, 13, "LeaseRenewed", b"\xc1")]),
    lambda journal: journal.keep([(WEB, 13, "Unheard", b"\x90")]),
])  # fmt: skip
def test_an_append_that_fails_leaves_nothing_in_the_index(
    journal: Journal, place: StorePlace, broken: Callable[[Journal], object]
) -> None:
    furnish(journal)
    before = sizes(place)
    with pytest.raises(KubisnapError):
        broken(journal)
    assert sizes(place) == before
    assert journal.audit_differences() == []
    journal.append(WEB, 12, events(), ENVELOPE)
    assert journal.audit_differences() == []


def test_an_index_that_fails_on_its_way_takes_the_events_with_it(
    journal: Journal, place: StorePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    furnish(journal)
    before = sizes(place)

    def fail(*_: object) -> None:
        raise DamagedIndex("on its way")

    with monkeypatch.context() as patch:
        for module in (sqlite, postgres):
            patch.setattr(module.Indexer, "index", fail)
        with pytest.raises(DamagedIndex):
            journal.append(WEB, 12, events(), ENVELOPE)
    assert (sizes(place), len(journal.read(WEB))) == (before, 12)


def test_two_who_write_at_once_leave_a_right_index(journal: Journal, place: StorePlace) -> None:
    """In logs of their own and in one, operations of both in the same block of times."""
    together = threading.Barrier(2)

    def write(number: int) -> int:
        mine, won = f"{number:032x}", 0
        with open_journal(place.url) as own:
            together.wait(60)
            for position in range(12):
                own.append(mine, position, APPLY[:1], Envelope(position, "ada", 1 + position // 4))
                try:
                    own.append(WEB, position, APPLY[:1], Envelope(number, f"writer-{number}", 1))
                    won += 1
                except LogMoved:
                    continue
        return won

    with ThreadPoolExecutor(2) as pool:
        won = sum(pool.map(write, range(2)))
    assert won == len(journal.read(WEB)) > 0
    assert journal.audit_differences() == []
    assert journal.audit.clusters() == 3
    assert [journal.verify(stream).findings for stream in (WEB, f"{0:032x}", f"{1:032x}")] == [(), (), ()]


def test_who_verifies_a_log_that_grows_misses_nothing(
    journal: Journal, place: StorePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    furnish(journal)
    parts = verifying._parts

    def meanwhile(*arguments: Any) -> Iterator[list[tuple[Any, ...]]]:
        yield from parts(*arguments)
        journal.append(WEB, 12, events(count=3), ENVELOPE)

    monkeypatch.setattr(verifying, "_parts", meanwhile)
    assert journal.verify(WEB).findings == ()


# ── what was done to it ──────────────────────────────────────────────────────────────────────

INSERT = "INSERT INTO stored_events (originator_id, originator_version, topic, state)"
WHERE = f"WHERE originator_id = '{WEB}' AND originator_version"


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        ([f"UPDATE stored_events SET state = NULLBYTE {WHERE} = 5"], ["event 5 is not what was written"]),
        ([f"UPDATE stored_events SET topic = 'LeaseRenewed' {WHERE} IN (3, 4, 9)"],
         ["events 3 to 4 are not what was written", "event 9 is not what was written"]),
        ([f"DELETE FROM stored_events {WHERE} BETWEEN 4 AND 6"], ["events 4 to 6 are missing"]),
        ([f"DELETE FROM stored_events {WHERE} > 7"], ["events 8 to 12 are missing"]),
        ([f"DELETE FROM stored_events {WHERE} > 0"], ["events 1 to 12 are missing"]),
        ([f"{INSERT} VALUES ('{WEB}', 13, 'LeaseRenewed', NULLBYTE)"],
         ["event 13 was not written by kubisnap: no hash"]),
        (["UPDATE audit_entries SET hash = NULLBYTE WHERE position = 11"],
         ["event 5 is not what was written"]),
        ([f"UPDATE stored_events SET originator_version = 0 {WHERE} = 12"],
         ["event 0 is not where it was written", "event 12 is missing"]),
        ([f"UPDATE stored_events SET originator_version = 99 {WHERE} = 5",
          f"UPDATE stored_events SET originator_version = 5 {WHERE} = 6",
          f"UPDATE stored_events SET originator_version = 6 {WHERE} = 99"],
         ["event 5 is not what was written", "event 6 is not where it was written",
          "events 6 to 7 are not what was written"]),
    ],
)  # fmt: skip
def test_what_was_done_to_the_events_is_found(
    journal: Journal,
    place: StorePlace,
    monkeypatch: pytest.MonkeyPatch,
    statements: list[str],
    expected: list[str],
) -> None:
    monkeypatch.setattr(verifying, "_AT_ONCE", 3)
    furnish(journal)
    place.force(*(statement.replace("NULLBYTE", place.null) for statement in statements))
    assert [str(finding) for finding in journal.verify(WEB).findings] == expected
    assert journal.verify(SHOP).findings == ()


COLUMNS = {
    "audit_streams": ("id", "stream"),
    "audit_entries": ("position", "time", "operation", "resource", "hash"),
    "audit_operations": ("id", "stream", "number", "kind", "actor", "outcome", "started", "view"),
    "audit_times": ("block", "low", "high"),
}
_TEXTS = ("stream", "resource", "kind", "actor", "outcome")
_BYTES = ("hash", "view")


def tampered(place: StorePlace, column: str) -> str:
    """Return what stands in a column after somebody was at it."""
    if column in _TEXTS:
        return f"{column} || 'x'"
    return place.null if column in _BYTES else f"{column} + 1000"


def test_a_change_in_any_column_is_found_and_made_good(journal: Journal, place: StorePlace) -> None:
    furnish(journal)
    questions = [Query(), Query(resource="server"), Query(outcome="failed"), Query(actor="ada", text="busy")]
    before = [journal.audit.events(query, limit=100) for query in questions]
    for table, columns in COLUMNS.items():
        key = columns[0]
        statements = [f"DELETE FROM {table} WHERE {key} = (SELECT max({key}) FROM {table})"]
        for column in columns:
            mine = f"{key} = (SELECT max({key}) FROM {table})"
            if table == "audit_streams" and place.kind == "postgres" and column == "id":
                column_is = (
                    f"ALTER TABLE {table} ALTER id SET GENERATED BY DEFAULT; UPDATE {table} SET id = DEFAULT"
                )
                statements.append(f"{column_is} WHERE {mine}")
            else:
                statements.append(f"UPDATE {table} SET {column} = {tampered(place, column)} WHERE {mine}")
        for statement in statements:
            place.force(statement)
            assert journal.audit_differences(), statement
            assert journal.rebuild_audit() == 26
            assert journal.audit_differences() == [], statement
    assert [journal.audit.events(query, limit=100) for query in questions] == before


@pytest.mark.parametrize("planted", [
    "audit_entries VALUES (9999, 0, 0, '', NULLBYTE{})",
    f"audit_operations VALUES (9999, '{WEB}', 99, '', '', '', 0, NULLBYTE)",
    "audit_times VALUES (9999, 0, 0)",
    "audit_streams (stream) VALUES ('dddd')",
])  # fmt: skip
def test_a_row_that_was_put_in_is_found_and_made_good(
    journal: Journal, place: StorePlace, planted: str
) -> None:
    furnish(journal)
    terms = ", ''" if place.kind == "postgres" else ""
    place.force(f"INSERT INTO {planted}".replace("NULLBYTE", place.null).replace("{}", terms))
    (table,) = journal.audit_differences()
    assert table in planted
    journal.rebuild_audit()
    assert journal.audit_differences() == []


def test_terms_that_were_put_in_or_taken_out_are_found(journal: Journal, place: StorePlace) -> None:
    furnish(journal)
    if place.kind == "postgres":
        statements = [
            f"UPDATE audit_entries SET terms = {terms} WHERE position = 9"
            for terms in ("terms || '''planted'''::tsvector", "ts_delete(terms, '(a:ada')", "''")
        ]
    else:
        statements = ["INSERT INTO audit_terms (rowid, terms) VALUES (9, 'planted')"]
    for statement in statements:
        place.force(statement)
        assert journal.audit_differences() == [
            "audit_entries" if place.kind == "postgres" else "audit_terms"
        ], statement
        journal.rebuild_audit()
        assert journal.audit_differences() == []
    assert journal.audit.events(Query(text="planted"), limit=5).items == []


def test_what_was_written_beside_the_index_is_told_and_made_good(journal: Journal, place: StorePlace) -> None:
    furnish(journal)
    row = f"'{WEB}', 13, topic, state FROM stored_events {WHERE} = 11"
    place.force(f"{INSERT} SELECT {row}")
    with pytest.raises(DamagedIndex, match=f"lacks event 13 of {WEB}") as caught:
        journal.append(WEB, 13, events(), ENVELOPE)
    assert "kubisnap audit rebuild" in caught.value.hint
    assert "audit_entries" in journal.audit_differences()
    journal.append(SHOP, 12, events(), ENVELOPE)
    assert journal.rebuild_audit() == 28
    journal.append(WEB, 13, events(), ENVELOPE)
    assert journal.audit_differences() == []


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        (f"UPDATE stored_events SET state = NULLBYTE {WHERE} = 5", KubisnapError),
        (f"UPDATE stored_events SET topic = 'Unheard' {WHERE} = 5", KubisnapError),
        (f"DELETE FROM stored_events {WHERE} = 6", NotAStore),
    ],
)
def test_where_events_cannot_be_read_the_index_stays_as_it_was(
    journal: Journal, place: StorePlace, statement: str, error: type[KubisnapError]
) -> None:
    furnish(journal)
    before = sizes(place)
    place.force(statement.replace("NULLBYTE", place.null))
    for make in (journal.rebuild_audit, journal.audit_differences):
        with pytest.raises(error):
            make()
    assert sizes(place) == before
    assert len(journal.audit.operations(Query(), limit=9).items) == 4


def test_an_index_that_cannot_be_read_is_told_with_what_helps(journal: Journal, place: StorePlace) -> None:
    furnish(journal)
    place.force(f"UPDATE audit_operations SET view = {place.null}")
    for ask in (
        lambda: journal.audit.operations(Query(), limit=5),
        lambda: journal.verify(WEB),
        lambda: journal.append(WEB, 12, events(), ENVELOPE._replace(operation=2)),
    ):
        with pytest.raises(DamagedIndex) as caught:
            ask()
        assert "kubisnap audit rebuild" in caught.value.hint
    assert len(journal.read(WEB)) == 12


# ── checkpoints ──────────────────────────────────────────────────────────────────────────────


def folded(journal: Journal, until: int) -> ClusterState:
    state = ClusterState()
    for recorded in journal.stream(WEB, until=until):
        apply_event(state, recorded)
    return state


def long_log(journal: Journal) -> int:
    journal.found(WEB, "web", create(WEB, "web"), ENVELOPE)
    version = 4
    for number in range(2, 8):
        scaled = ev.KubernetesVersionDeclared(before="1.34", version=f"1.{33 + number}")
        items = [*APPLY[:1], scaled, *APPLY[2:]]
        journal.append(WEB, version, items, ENVELOPE._replace(operation=number))
        version += len(items)
    return version


def test_a_state_of_long_ago_is_the_fold_whatever_was_done_to_the_checkpoints(
    journal: Journal, place: StorePlace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "EVERY", 5)
    last = long_log(journal)
    moments = (0, 4, 5, 6, 10, 12, 25, 27, 30, 31, last, last + 1)
    expected = {until: folded(journal, until) for until in moments}

    def is_the_fold() -> bool:
        return all(journal.state(WEB, until=until) == state for until, state in expected.items())

    assert [journal.state(WEB, until=until) for until in range(last)] == [
        folded(journal, until) for until in range(last)
    ]
    assert journal.state(WEB) == expected[last]
    shelf = journal._recorder
    assert shelf is not None
    kept = [shelf.checkpoint(WEB, until) for until in range(5, last + 1, 5)]
    assert [item and item.version for item in kept] == list(range(5, last + 1, 5))
    assert all(item and checkpoints.load(shelf, WEB, item.version) for item in kept)
    for change in (
        f"state = {place.null}",
        f"hash = {place.null}",
        f"fold = {place.null}",
        f"digest = {place.null}",
        "version = version + 1",
        f"stream = '{SHOP}'",
    ):
        place.force(f"UPDATE checkpoints SET {change} WHERE version IN (10, 25, 30)")
        assert shelf.checkpoint(WEB, last) is not None
        assert is_the_fold(), change
        place.force("DELETE FROM checkpoints")
        assert is_the_fold(), change
    made = shelf.checkpoint(WEB, 25)
    assert made is not None
    for forged in (made._replace(state=b"no such state"), made._replace(state=made.state[:-9])):
        shelf.save_checkpoints([forged._replace(digest=checkpoints._digest(forged))])
        assert checkpoints.load(shelf, WEB, 25) is None
        assert is_the_fold()


def test_a_checkpoint_of_another_fold_does_not_count(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "EVERY", 5)
    last = long_log(journal)
    shelf = journal._recorder
    assert shelf is not None
    wrong = folded(journal, 10)
    wrong.name = "of another fold"
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "fingerprint", lambda: b"another")
        item = checkpoints.make(shelf, WEB, wrong)
        assert item is not None
        shelf.save_checkpoints([item])
        assert journal.state(WEB, until=10).name == "of another fold"
    assert journal.state(WEB, until=10) == folded(journal, 10)
    assert journal.state(WEB) == folded(journal, last)
    again = shelf.checkpoint(WEB, 10)
    assert again is not None
    assert again.fold == checkpoints.fingerprint(), "it was made anew"


# ── who may do what ──────────────────────────────────────────────────────────────────────────


@pytest.mark.postgres
def test_an_auditor_is_answered_everything_and_only_the_owner_makes_the_index_anew(
    roles: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "EVERY", 2)
    with open_journal(roles("operator")) as operator:
        operator.found(WEB, "web", events(count=3), ENVELOPE)
        expected = operator.read(WEB)
    with open_journal(roles("auditor")) as auditor:
        assert auditor.state(WEB).position == 3, "without checkpoints, which it may not make"
        found = auditor.audit.events(Query(actor=ENVELOPE.actor), limit=5).items
        assert [item.recorded for item in reversed(found)] == expected
        assert len(auditor.audit.operations(Query(text="rejected"), limit=5).items) == 1
        assert auditor.audit.place(WEB, 3) == (ENVELOPE.time, 0)
        assert auditor.verify(WEB).findings == ()
        assert auditor.audit_differences() == []
    with open_journal(roles("operator")) as operator:
        assert operator.state(WEB).position == 3
        assert operator._recorder is not None
        assert operator._recorder.checkpoint(WEB, 3) is not None
    for role in ("operator", "auditor"):
        with open_journal(roles(role)) as journal, pytest.raises(StoreDenied, match="permission denied"):
            journal.rebuild_audit()
    with open_journal(roles("owner")) as owner:
        assert owner.rebuild_audit() == 4
    with open_journal(roles("operator")) as operator:
        operator.append(WEB, 3, events(), ENVELOPE)
        assert operator.audit_differences() == []
