"""What every event store keeps its word about: the file on a laptop and the team's server alike."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.model import Placement
from kubisnap.engine.errors import (
    AlreadyExists,
    AnotherHistory,
    KubisnapError,
    LogMoved,
    NameHeld,
    NotAStore,
    NotFound,
    StoreUnusable,
)
from kubisnap.engine.journal.codec import StoredRow
from kubisnap.engine.journal.log import Claim, Envelope, Journal, open_journal
from kubisnap.engine.journal.recorders import NewRow
from kubisnap.engine.journal.whole import WholeLog
from tests.contract.store_places import StorePlace, postgres_place, sqlite_place
from tests.unit.engine.starters import ENVELOPE, events

OLD, NEW = "a" * 32, "b" * 32


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> StorePlace:
    if request.param == "sqlite":
        return sqlite_place(tmp_path / "store.sqlite")
    return postgres_place(request.getfixturevalue("team"))


@pytest.fixture
def open_it(place: StorePlace, request: pytest.FixtureRequest) -> Callable[..., Journal]:
    """Open the store as often as wanted; all are closed in the end."""

    def opened(*, create: bool = True) -> Journal:
        journal = open_journal(place.url, create=create)
        request.addfinalizer(journal.close)
        return journal

    return opened


@pytest.fixture
def journal(open_it: Callable[..., Journal]) -> Journal:
    return open_it()


def declared(cluster_id: str, name: str = "web") -> list[ev.AnyEvent]:
    placement = Placement(cloud="sandbox", region="sim-us-east")
    return [ev.ClusterDeclared(cluster_id=cluster_id, name=name, kubernetes="1.34", placement=placement)]


def told(work: Callable[[], object]) -> str:
    """Return how something ended, in a word."""
    try:
        work()
    except KubisnapError as error:
        return type(error).__name__
    return "ok"


# ── appending and reading ────────────────────────────────────────────────────────────────────────


def test_what_was_appended_is_read_in_order_with_its_envelope(journal: Journal) -> None:
    envelope = Envelope(time=5, actor="käthe", operation=2, reason="why \x00 not", cause=1)
    first = journal.append(OLD, 0, events("one \x00 \U0001f600", 2), envelope)
    second = journal.append(OLD, 2, events("two"), ENVELOPE)
    assert journal.read(OLD) == [*first, *second]
    head = journal.read(OLD)[0]
    assert (head.time, head.actor, head.operation, head.reason, head.cause) == (
        5,
        "käthe",
        2,
        "why \x00 not",
        1,
    )


def test_what_was_kept_is_there_when_the_store_is_opened_again(open_it: Callable[..., Journal]) -> None:
    with open_it() as journal:
        kept = journal.append(OLD, 0, events(count=3), ENVELOPE)
    with open_it(create=False) as again:
        assert again.read(OLD) == kept


def test_a_part_of_a_log_is_read_by_position(journal: Journal) -> None:
    journal.append(OLD, 0, events(count=6), ENVELOPE)
    assert [row.version for row in journal.rows(OLD, after=2, until=4)] == [3, 4]
    assert [row.version for row in journal.rows(OLD, until=2)] == [1, 2]
    assert [item.version for item in journal.read(OLD, after=5)] == [6]
    assert journal.rows(OLD, after=6) == journal.rows("not there") == []


def test_a_long_log_is_appended_at_once_and_read_in_parts(journal: Journal) -> None:
    journal.append(OLD, 0, events(count=2_500), ENVELOPE)
    journal.append(NEW, 0, events(count=1), ENVELOPE)
    assert [item.version for item in journal.stream(OLD)] == list(range(1, 2_501))
    everything = [row for part in journal.each_of_all() for row in part]
    assert [(row.stream, row.version) for row in everything] == [
        *((OLD, number) for number in range(1, 2_501)),
        (NEW, 1),
    ]
    assert [row.position for row in everything] == sorted({row.position for row in everything})


@pytest.mark.parametrize("stale", [0, 1, 2])
def test_an_append_at_a_stale_position_writes_nothing(journal: Journal, stale: int) -> None:
    journal.append(OLD, 0, events(count=3), ENVELOPE)
    with pytest.raises(LogMoved) as caught:
        journal.append(OLD, stale, events("late", 5), ENVELOPE)
    assert caught.value.expected == stale
    assert len(journal.read(OLD)) == 3


def test_an_append_that_fails_on_its_way_leaves_nothing(journal: Journal) -> None:
    """The row that is there already is the last of 1,501, in another statement than the first thousand."""
    journal.append(NEW, 0, events(), ENVELOPE)
    rows: list[NewRow] = [(OLD, number, "StepFailed", b"x") for number in range(1, 1_501)]
    with pytest.raises(LogMoved):
        journal.keep([*rows, (NEW, 1, "StepFailed", b"x")])
    assert journal.rows(OLD) == []
    journal.append(OLD, 0, events(), ENVELOPE)


def test_a_journal_that_was_closed_says_so(journal: Journal) -> None:
    journal.close()
    journal.close()
    with pytest.raises(StoreUnusable):
        journal.read(OLD)
    with pytest.raises(StoreUnusable):
        journal.append(OLD, 0, events(), ENVELOPE)


# ── names and histories ──────────────────────────────────────────────────────────────────────────


def test_a_name_is_given_once_and_given_back_with_the_end(journal: Journal) -> None:
    journal.found(OLD, "web", declared(OLD), ENVELOPE)
    with pytest.raises(AlreadyExists):
        journal.found(NEW, "web", declared(NEW), ENVELOPE)
    assert journal.rows(NEW) == []
    journal.finish(OLD, "web", 1, events("the end"), ENVELOPE)
    assert journal.claim_of("web") == Claim("web", OLD, released=True)
    with pytest.raises(NotFound):
        journal.cluster_id("web")
    journal.found(NEW, "web", declared(NEW), ENVELOPE)
    assert journal.holders("web") == {OLD: f"web@{OLD[:8]}", NEW: "web"}
    assert [len(journal.rows(OLD)), len(journal.rows(NEW))] == [2, 1]


def test_the_end_is_written_with_the_name_or_not_at_all(journal: Journal) -> None:
    journal.found(OLD, "web", declared(OLD), ENVELOPE)
    journal.append(OLD, 1, events("somebody else"), ENVELOPE)
    with pytest.raises(LogMoved):
        journal.finish(OLD, "web", 1, events("the end"), ENVELOPE)
    assert journal.cluster_id("web") == OLD


def test_names_are_listed_in_the_order_of_their_letters(journal: Journal) -> None:
    for number, name in enumerate(["web-2", "web", "a", "webb", "z", "web0"]):
        journal.found(f"{number:032x}", name, declared(f"{number:032x}", name), ENVELOPE)
    journal.finish(f"{1:032x}", "web", 1, events(), ENVELOPE)
    assert [claim.name for claim in journal.claims()] == ["a", "web", "web-2", "web0", "webb", "z"]
    assert [claim.name for claim in journal.claims() if claim.released] == ["web"]


def test_a_history_from_elsewhere_is_taken_in_once_and_only_if_it_goes_on(journal: Journal) -> None:
    with_more = _history(2)
    assert journal.take_in(_history(1), ENVELOPE) == 1
    assert journal.take_in(with_more, ENVELOPE) == 1
    assert journal.take_in(with_more, ENVELOPE) == 0
    assert journal.rows(OLD) == list(with_more.rows)
    assert journal.cluster_id("web") == OLD
    with pytest.raises(AnotherHistory):
        journal.take_in(_history(1), ENVELOPE)
    with pytest.raises(NameHeld):
        journal.take_in(_history(1, NEW), ENVELOPE)


def _history(length: int, cluster_id: str = OLD) -> WholeLog:
    from kubisnap.engine.journal.codec import Codec

    more = ev.KubernetesVersionDeclared(before="1.34", version="1.35")
    rows: list[StoredRow] = []
    for number, event in enumerate([*declared(cluster_id), more][:length], 1):
        recorded = ev.Recorded(
            stream=cluster_id, version=number, time=number, actor="ada", operation=1, cause=0, reason="",
            schema=event.SCHEMA, event=event,
        )  # fmt: skip
        rows.append(Codec().encode(recorded))
    return WholeLog.checked(cluster_id, rows)


# ── what it refuses ──────────────────────────────────────────────────────────────────────────────


def test_a_store_that_was_not_made_is_empty_and_is_not_made_by_reading(
    place: StorePlace, open_it: Callable[..., Journal]
) -> None:
    journal = open_it(create=False)
    assert not journal.made
    assert (journal.claims(), journal.read(OLD), list(journal.each_of_all())) == ([], [], [])
    with pytest.raises(StoreUnusable, match="does not exist"):
        journal.append(OLD, 0, events(), ENVELOPE)
    assert not open_it(create=False).made
    assert open_it(create=True).made
    assert open_it(create=False).url == place.shown


@pytest.mark.parametrize("statement", ["UPDATE {} SET topic = 'x'", "DELETE FROM {}"])
def test_events_are_neither_changed_nor_deleted(place: StorePlace, journal: Journal, statement: str) -> None:
    kept = journal.append(OLD, 0, events(count=3), ENVELOPE)
    with pytest.raises(place.refusal, match="events are never"):
        place.sql(statement.format(place.table))
    assert journal.read(OLD) == kept


def test_a_newer_schema_is_refused_by_name(place: StorePlace, open_it: Callable[..., Journal]) -> None:
    open_it().close()
    place.sql(place.newer)
    for create in (True, False):
        with pytest.raises(NotAStore, match="schema 99 is newer"):
            open_it(create=create)


def test_a_database_of_another_program_is_not_written_to(
    place: StorePlace, open_it: Callable[..., Journal]
) -> None:
    place.sql("CREATE TABLE customers (name text)")
    for create in (True, False):
        with pytest.raises(NotAStore, match="another program"):
            open_it(create=create)


# ── several at once ──────────────────────────────────────────────────────────────────────────────


def test_twenty_may_begin_a_store_at_once(open_it: Callable[..., Journal]) -> None:
    together = threading.Barrier(20)

    def begin(number: int) -> int:
        together.wait(60)
        with open_it() as journal:
            journal.append(f"{number:032x}", 0, events(count=3), ENVELOPE)
            return len(journal.read(f"{number:032x}"))

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(begin, range(20))) == [3] * 20
    assert sum(len(part) for part in open_it().each_of_all()) == 60


def test_of_writers_at_the_same_position_one_wins(open_it: Callable[..., Journal]) -> None:
    journals = [open_it() for _ in range(4)]
    together = threading.Barrier(4)

    def write(journal: Journal) -> str:
        together.wait(60)
        return told(lambda: journal.append(OLD, 0, events(count=2), ENVELOPE))

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(write, journals)) == ["LogMoved"] * 3 + ["ok"]
    assert len(journals[0].read(OLD)) == 2


def test_of_those_who_want_the_same_name_one_gets_it(open_it: Callable[..., Journal]) -> None:
    journals = [open_it() for _ in range(4)]
    together = threading.Barrier(4)

    def claim(number: int) -> str:
        together.wait(60)
        mine = f"{number:032x}"
        return told(lambda: journals[number].found(mine, "web", declared(mine), ENVELOPE))

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(claim, range(4))) == ["AlreadyExists"] * 3 + ["ok"]
    held = journals[0].cluster_id("web")
    assert [len(journals[0].rows(f"{number:032x}")) for number in range(4)].count(1) == 1
    assert len(journals[0].rows(held)) == 1


def test_threads_may_share_a_journal(journal: Journal) -> None:
    def write(number: int) -> int:
        stream = f"{number:032x}"
        for position in range(5):
            journal.append(stream, position, events(), ENVELOPE)
            journal.read(stream)
        return len(journal.read(stream))

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(write, range(16))) == [5] * 16


def test_who_reads_along_misses_nothing_while_four_write(open_it: Callable[..., Journal]) -> None:
    """Positions appear in the order of commits: what is behind the last one seen was seen."""
    writers, reader = [open_it() for _ in range(4)], open_it()
    working = threading.Event()
    seen: list[tuple[str, int]] = []

    def follow() -> None:
        last = 0
        while True:
            over = working.is_set()
            for part in reader.each_of_all(after=last):
                seen.extend((row.stream, row.version) for row in part)
                last = part[-1].position
            if over:
                return

    def write(number: int) -> None:
        stream = f"{number:032x}"
        for position in range(0, 120, 3):
            writers[number].append(stream, position, events(count=3), ENVELOPE)

    with ThreadPoolExecutor(5) as pool:
        following = pool.submit(follow)
        for done in [pool.submit(write, number) for number in range(4)]:
            done.result()
        working.set()
        following.result()
    assert len(seen) == len(set(seen))
    assert set(seen) == {(f"{number:032x}", version) for number in range(4) for version in range(1, 121)}
