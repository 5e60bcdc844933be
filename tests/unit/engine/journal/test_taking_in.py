"""A log from another store: kept as it is, all or nothing, and its cluster gets its name."""

import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.model import Placement
from kubisnap.engine.errors import (
    AlreadyExists,
    AnotherHistory,
    LogMoved,
    MalformedEvent,
    NameHeld,
    StoreUnusable,
    UnknownEvent,
)
from kubisnap.engine.journal.codec import Codec, StoredRow
from kubisnap.engine.journal.log import Claim, Journal, open_journal
from kubisnap.engine.journal.whole import WholeLog
from tests.unit.engine.starters import ENVELOPE

ID, OTHER = "a" * 32, "b" * 32


def rows(*more: ev.AnyEvent, cluster_id: str = ID, name: str = "web", who: str = "ada") -> list[StoredRow]:
    """Return a log as another store has it."""
    start = ev.OperationStarted(
        kind=ev.OperationKind.CREATE, summary="", holder=ev.Holder(host="h", pid=1), tool="t"
    )
    placement = Placement(cloud="sandbox", region="east")
    declared = ev.ClusterDeclared(cluster_id=cluster_id, name=name, kubernetes="1.34", placement=placement)
    events = [start, declared, ev.OperationFinished(outcome=ev.Outcome.SUCCEEDED), *more]
    codec = Codec()
    return [
        codec.encode(
            ev.Recorded(
                stream=cluster_id,
                version=number,
                time=number,
                actor=who,
                operation=1,
                cause=0,
                reason="",
                schema=1,
                event=event,
            )
        )
        for number, event in enumerate(events, 1)
    ]


def log(*more: ev.AnyEvent, cluster_id: str = ID, name: str = "web", who: str = "ada") -> WholeLog:
    return WholeLog.checked(cluster_id, rows(*more, cluster_id=cluster_id, name=name, who=who))


GONE: tuple[ev.AnyEvent, ...] = (
    ev.OperationStarted(
        kind=ev.OperationKind.DELETE, summary="", holder=ev.Holder(host="h", pid=1), tool="t"
    ),
    ev.ClusterRetired(),
    ev.OperationFinished(outcome=ev.Outcome.SUCCEEDED),
)
MORE = ev.KubernetesVersionDeclared(before="1.34", version="1.35")


def picture(journal: Journal) -> tuple[list[StoredRow], list[StoredRow], list[Claim]]:
    return journal.rows(ID), journal.rows(OTHER), journal.claims()


# ── checked ──────────────────────────────────────────────────────────────────────────────────────


def test_a_log_is_checked_by_reading_every_event() -> None:
    checked = log(MORE)
    assert list(checked.rows) == rows(MORE)
    assert (checked.state.name, checked.state.kubernetes, checked.state.position) == ("web", "1.35", 4)


@pytest.mark.parametrize(
    "wrong",
    [
        rows()[1:],
        [rows()[0], *rows()[2:]],
        [*rows(), rows()[0]],
        [*rows()[:2], StoredRow(3, "OperationFinished", b"\xc1")],
        [*rows(), StoredRow(4, "OperationFinished", rows(MORE)[3].state)],
        rows(ev.ServerPoolScaled(pool="x", before=1, count=2)),
        rows(ev.NameClaimed(name="web", cluster_id=ID)),
        rows(cluster_id=OTHER),
    ],
)
def test_what_makes_no_sense_is_no_log(wrong: list[StoredRow]) -> None:
    with pytest.raises(MalformedEvent):
        WholeLog.checked(ID, wrong)


def test_what_a_newer_version_wrote_is_said_to_be_that() -> None:
    with pytest.raises(UnknownEvent):
        WholeLog.checked(ID, [*rows(), StoredRow(4, "Unheard", rows(MORE)[3].state)])


# ── taken in ─────────────────────────────────────────────────────────────────────────────────────


def test_a_log_is_kept_to_the_byte_and_its_cluster_has_the_name(journal: Journal) -> None:
    assert journal.take_in(log(MORE), ENVELOPE) == 4
    assert journal.rows(ID) == rows(MORE)
    assert journal.cluster_id("web") == ID


def test_taken_in_twice_it_is_there_once(journal: Journal) -> None:
    journal.take_in(log(), ENVELOPE)
    before = picture(journal)
    assert journal.take_in(log(), ENVELOPE) == 0
    assert picture(journal) == before
    assert len(journal.rows("name:web")) == 1


def test_what_is_missing_is_added(journal: Journal) -> None:
    journal.take_in(log(), ENVELOPE)
    assert journal.take_in(log(MORE), ENVELOPE) == 1
    assert journal.rows(ID) == rows(MORE)
    assert len(journal.rows("name:web")) == 1


def test_another_course_is_refused_at_its_place_and_nothing_changes(journal: Journal) -> None:
    journal.take_in(log(MORE), ENVELOPE)
    before = picture(journal)
    other = ev.KubernetesVersionDeclared(before="1.34", version="1.36")
    with pytest.raises(AnotherHistory) as caught:
        journal.take_in(log(other, MORE), ENVELOPE)
    assert (caught.value.known, caught.value.beyond) == (3, False)
    with pytest.raises(AnotherHistory) as caught:
        journal.take_in(log(MORE, who="eve"), ENVELOPE)
    assert (caught.value.known, caught.value.beyond) == (0, False)
    assert picture(journal) == before


def test_a_shorter_log_is_refused_and_nothing_changes(journal: Journal) -> None:
    journal.take_in(log(MORE), ENVELOPE)
    before = picture(journal)
    with pytest.raises(AnotherHistory) as caught:
        journal.take_in(log(), ENVELOPE)
    assert (caught.value.known, caught.value.beyond) == (3, True)
    assert picture(journal) == before


def test_a_name_of_another_cluster_is_not_taken_away(journal: Journal) -> None:
    journal.take_in(log(cluster_id=OTHER), ENVELOPE)
    before = picture(journal)
    for item in (log(), log(*GONE)):
        with pytest.raises(NameHeld) as caught:
            journal.take_in(item, ENVELOPE)
        assert isinstance(caught.value, AlreadyExists)
        assert "--as" in caught.value.hint
    assert picture(journal) == before


def test_a_name_that_was_given_back_is_given_again(journal: Journal) -> None:
    journal.take_in(log(*GONE, cluster_id=OTHER), ENVELOPE)
    journal.take_in(log(), ENVELOPE)
    assert journal.cluster_id("web") == ID
    assert list(journal.holders("web")) == [OTHER, ID]


def test_a_deleted_cluster_has_its_history_and_no_hold_on_the_name(journal: Journal) -> None:
    journal.take_in(log(*GONE), ENVELOPE)
    assert journal.claim_of("web") == Claim("web", ID, released=True)
    assert journal.cluster_id("web", gone=True) == ID
    assert journal.take_in(log(*GONE), ENVELOPE) == 0
    assert len(journal.rows("name:web")) == 2


def test_a_cluster_that_was_deleted_elsewhere_gives_its_name_back(journal: Journal) -> None:
    journal.take_in(log(), ENVELOPE)
    journal.take_in(log(*GONE), ENVELOPE)
    assert journal.claim_of("web") == Claim("web", ID, released=True)
    journal.take_in(log(cluster_id=OTHER), ENVELOPE)
    assert journal.take_in(log(*GONE), ENVELOPE) == 0
    assert journal.cluster_id("web") == OTHER


def test_who_wrote_meanwhile_is_not_written_over(
    journal: Journal, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of the transaction's other half, the name, nothing stays."""
    insert = journal._insert_rows

    def late(
        expected: int, new: list[tuple[str, int, str, bytes]], recorded: list[ev.Recorded] | None
    ) -> None:
        with open_journal(url) as second:
            second.append(ID, 0, [MORE], ENVELOPE)
        insert(expected, new, recorded)

    monkeypatch.setattr(journal, "_insert_rows", late)
    with pytest.raises(LogMoved):
        journal.take_in(log(), ENVELOPE)
    assert [row.tag for row in journal.rows(ID)] == ["KubernetesVersionDeclared"]
    assert journal.claims() == []


def test_a_store_that_is_not_there_is_not_made(tmp_path: object) -> None:
    with open_journal(f"sqlite:///{tmp_path}/none.sqlite") as journal, pytest.raises(StoreUnusable):
        journal.take_in(log(), ENVELOPE)
