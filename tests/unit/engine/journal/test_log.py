"""Appending, reading, conflicts, and who holds which name."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.model import Placement
from kubisnap.engine.domain.state import fold
from kubisnap.engine.errors import (
    AlreadyExists,
    InvalidInput,
    LogMoved,
    MalformedEvent,
    NotAStore,
    NotFound,
    StoreUnusable,
)
from kubisnap.engine.journal.codec import MAX_EVENT_BYTES, StoredRow
from kubisnap.engine.journal.log import Claim, Envelope, Journal, open_journal, sqlite_path
from kubisnap.engine.journal.sqlite import Recorder
from tests.unit.engine.starters import ENVELOPE, events

OLD, NEW = "a" * 32, "b" * 32


def declared(cluster_id: str, name: str = "web") -> list[ev.AnyEvent]:
    placement = Placement(cloud="sandbox", region="sim-us-east")
    return [
        ev.ClusterDeclared(cluster_id=cluster_id, name=name, kubernetes="1.34", placement=placement),
    ]


# ── appending and reading ────────────────────────────────────────────────────────────────────


def test_what_was_appended_is_read_in_order_with_its_envelope(journal: Journal) -> None:
    envelope = Envelope(time=5, actor="käthe", operation=2, reason="why", cause=1)
    first = journal.append(OLD, 0, events("one", 2), envelope)
    second = journal.append(OLD, 2, events("two"), ENVELOPE)
    assert journal.read(OLD) == [*first, *second]
    assert [item.version for item in journal.read(OLD)] == [1, 2, 3]
    head = journal.read(OLD)[0]
    assert (head.time, head.actor, head.operation, head.reason, head.cause) == (5, "käthe", 2, "why", 1)


def test_a_part_of_a_log_is_read_by_position(journal: Journal) -> None:
    journal.append(OLD, 0, events(count=6), ENVELOPE)
    assert [row.version for row in journal.rows(OLD, after=2, until=4)] == [3, 4]
    assert [row.version for row in journal.rows(OLD, until=2)] == [1, 2]
    assert [item.version for item in journal.read(OLD, after=5)] == [6]
    assert journal.rows(OLD, after=6) == []
    assert journal.rows("not there") == []


def test_the_state_of_a_prefix_is_its_fold(journal: Journal) -> None:
    journal.append(OLD, 0, [*declared(OLD), ev.ClusterRetired(), ev.RetirementWithdrawn()], ENVELOPE)
    log = journal.read(OLD)

    states = [journal.state(OLD, until=position) for position in range(4)]

    assert states == [fold(log[:position]) for position in range(4)]
    assert [state.retired for state in states] == [False, False, True, False]
    assert journal.state(OLD) == journal.state(OLD, until=99) == states[3]


def test_logs_do_not_mix(journal: Journal) -> None:
    journal.append(OLD, 0, events("old", 2), ENVELOPE)
    journal.append(NEW, 0, events("new", 1), ENVELOPE)
    assert [item.stream for item in journal.read(OLD)] == [OLD, OLD]
    assert [item.stream for item in journal.read(NEW)] == [NEW]


@pytest.mark.parametrize("stale", [0, 1, 2])
def test_an_append_at_a_stale_position_writes_nothing(journal: Journal, stale: int) -> None:
    journal.append(OLD, 0, events(count=3), ENVELOPE)
    with pytest.raises(LogMoved) as caught:
        journal.append(OLD, stale, events("late", 5), ENVELOPE)
    assert caught.value.expected == stale
    assert len(journal.read(OLD)) == 3


def test_two_journals_on_one_file_see_each_other(journal: Journal, url: str) -> None:
    with open_journal(url) as other:
        journal.append(OLD, 0, events(), ENVELOPE)
        assert len(other.read(OLD)) == 1
        other.append(OLD, 1, events(), ENVELOPE)
        with pytest.raises(LogMoved):
            journal.append(OLD, 1, events(), ENVELOPE)
        assert len(journal.read(OLD)) == 2


def test_threads_may_share_a_journal(journal: Journal) -> None:
    def write(number: int) -> int:
        stream = f"{number:032x}"
        for position in range(5):
            journal.append(stream, position, events(), ENVELOPE)
            journal.read(stream)
        return len(journal.read(stream))

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(write, range(32))) == [5] * 32


def test_of_threads_at_the_same_position_one_wins(journal: Journal) -> None:
    def write(_: int) -> bool:
        try:
            journal.append(OLD, 0, events(count=2), ENVELOPE)
        except LogMoved:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(8))) == 1
    assert len(journal.read(OLD)) == 2


def test_an_event_that_nobody_could_read_again_is_not_written(journal: Journal) -> None:
    with pytest.raises(MalformedEvent):
        journal.append(OLD, 0, [*events(), *events("x" * MAX_EVENT_BYTES)], ENVELOPE)
    assert journal.read(OLD) == []


def test_a_journal_that_was_closed_says_so(url: str) -> None:
    journal = open_journal(url, create=True)
    journal.close()
    journal.close()
    with pytest.raises(StoreUnusable):
        journal.read(OLD)
    with pytest.raises(StoreUnusable):
        journal.append(OLD, 0, events(), ENVELOPE)


def test_bytes_that_decode_to_nothing_are_told(journal: Journal) -> None:
    assert isinstance(journal._recorder, Recorder)
    with journal._recorder.datastore.transaction(commit=True) as cursor:
        cursor.execute(
            "INSERT INTO stored_events (originator_id, originator_version, topic, state) VALUES (?, 1, ?, ?)",
            (OLD, "StepFailed", b"\xc1"),
        )
    assert journal.rows(OLD) == [StoredRow(1, "StepFailed", b"\xc1")]
    with pytest.raises(MalformedEvent):
        journal.read(OLD)
    with pytest.raises(MalformedEvent):
        journal.state(OLD)


# ── names ────────────────────────────────────────────────────────────────────────────────────


def test_a_name_stands_for_its_cluster(journal: Journal) -> None:
    journal.found(OLD, "web", declared(OLD), ENVELOPE)
    assert journal.cluster_id("web") == OLD
    assert journal.claim_of("web") == Claim("web", OLD, released=False)
    assert journal.state(OLD).name == "web"


def test_a_name_that_is_held_is_refused_and_nothing_is_written(journal: Journal) -> None:
    journal.found(OLD, "web", declared(OLD), ENVELOPE)
    with pytest.raises(AlreadyExists):
        journal.found(NEW, "web", declared(NEW), ENVELOPE)
    assert journal.read(NEW) == []
    assert journal.cluster_id("web") == OLD


def test_a_name_is_lost_to_who_came_between(
    journal: Journal, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both looked and found the name free; the database decides."""
    with open_journal(url) as other:
        monkeypatch.setattr(journal, "_last_of_name", lambda _: None)
        other.found(OLD, "web", declared(OLD), ENVELOPE)
        with pytest.raises(AlreadyExists):
            journal.found(NEW, "web", declared(NEW), ENVELOPE)
    assert journal.read(NEW) == []


def test_a_released_name_can_be_given_again_and_the_old_log_stays(journal: Journal) -> None:
    journal.found(OLD, "web", declared(OLD), ENVELOPE)
    journal.finish(OLD, "web", 1, events("the end"), ENVELOPE)
    assert journal.claim_of("web") == Claim("web", OLD, released=True)
    with pytest.raises(NotFound) as caught:
        journal.cluster_id("web")
    assert "kubisnap log web" in caught.value.hint
    assert journal.cluster_id("web", gone=True) == OLD

    journal.found(NEW, "web", declared(NEW), ENVELOPE)
    assert journal.cluster_id("web") == NEW
    assert [len(journal.read(OLD)), len(journal.read(NEW))] == [2, 1]
    assert journal.claims() == [Claim("web", NEW, released=False)]


def test_the_end_of_an_old_cluster_does_not_release_the_new_ones_name(journal: Journal) -> None:
    journal.found(OLD, "web", declared(OLD), ENVELOPE)
    journal.finish(OLD, "web", 1, events(), ENVELOPE)
    journal.found(NEW, "web", declared(NEW), ENVELOPE)
    journal.finish(OLD, "web", 2, events("once more"), ENVELOPE)
    assert journal.cluster_id("web") == NEW


def test_the_end_is_written_with_the_name_or_not_at_all(journal: Journal) -> None:
    journal.found(OLD, "web", declared(OLD), ENVELOPE)
    journal.append(OLD, 1, events("somebody else"), ENVELOPE)
    with pytest.raises(LogMoved):
        journal.finish(OLD, "web", 1, events("the end"), ENVELOPE)
    assert journal.cluster_id("web") == OLD
    assert len(journal.read(OLD)) == 2


def test_names_are_listed_in_order_however_alike_they_are(journal: Journal) -> None:
    for number, name in enumerate(["web-2", "web", "a", "webb", "z"]):
        journal.found(f"{number:032x}", name, declared(f"{number:032x}", name), ENVELOPE)
    journal.finish(f"{1:032x}", "web", 1, events(), ENVELOPE)
    assert [(claim.name, claim.released) for claim in journal.claims()] == [
        ("a", False),
        ("web", True),
        ("web-2", False),
        ("webb", False),
        ("z", False),
    ]


def test_an_unknown_name_is_told_with_the_known_ones(journal: Journal) -> None:
    with pytest.raises(NotFound) as caught:
        journal.cluster_id("web")
    assert "no clusters" in caught.value.hint
    journal.found(OLD, "shop", declared(OLD, "shop"), ENVELOPE)
    with pytest.raises(NotFound) as caught:
        journal.cluster_id("web")
    assert caught.value.known == ("shop",)


def test_a_cluster_event_in_the_log_of_a_name_is_told(journal: Journal) -> None:
    journal.append("name:web", 0, events(), ENVELOPE)
    with pytest.raises(NotAStore, match="StepFailed"):
        journal.claim_of("web")


def test_a_names_event_in_the_log_of_a_cluster_is_told(journal: Journal) -> None:
    journal.append(OLD, 0, [ev.NameClaimed(name="web", cluster_id=OLD)], ENVELOPE)
    with pytest.raises(NotAStore, match="NameClaimed"):
        journal.state(OLD)


# ── addresses of stores ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "url",
    [
        "",
        "store.sqlite",
        "sqlite:",
        "sqlite://",
        "sqlite:///",
        "sqlite://host/x",
        "mysql:///x",
        "SQLITE:///x",
        "sqlite:///a\0b",
        "/sqlite:///x",
    ],
)
def test_what_is_no_address_of_a_store_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="--store"):
        sqlite_path(url)
    with pytest.raises(InvalidInput):
        open_journal(url)


def test_a_name_that_is_given_again_hides_nobodys_history(journal: Journal) -> None:
    journal.found(OLD, "web", declared(OLD), ENVELOPE)
    journal.finish(OLD, "web", 1, events("last"), ENVELOPE)
    journal.found(NEW, "web", declared(NEW), ENVELOPE)

    assert journal.holders("web") == {OLD: "web@aaaaaaaa", NEW: "web"}
    assert journal.cluster_id("web") == NEW
    assert journal.cluster_id("web@aaaaaaaa", gone=True) == OLD
    assert journal.holders("nobody") == {}
    with pytest.raises(NotFound):
        journal.cluster_id("web@aaaaaaaa")
