"""A history moves between stores: whole, in order, never over another one."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kubisnap.engine.errors import (
    CopyDiffers,
    HistoryThere,
    InvalidInput,
    MalformedEvent,
    NotFound,
    StoreUnusable,
)
from kubisnap.engine.journal import copying
from kubisnap.engine.journal.copying import copy_history
from kubisnap.engine.journal.log import Journal, open_journal, sqlite_path
from kubisnap.engine.journal.recorders import KeptRow, NewRow
from tests.contract.store_places import StorePlace, postgres_place, sqlite_place
from tests.unit.engine.damage import slip_in
from tests.unit.engine.starters import ENVELOPE, events

A, B, C = "a" * 32, "b" * 32, "c" * 32


@pytest.fixture
def open_it(request: pytest.FixtureRequest) -> Callable[[str], Journal]:
    def opened(url: str) -> Journal:
        journal = open_journal(url, create=True)
        request.addfinalizer(journal.close)
        return journal

    return opened


@pytest.fixture
def source(open_it: Callable[[str], Journal], tmp_path: Path) -> Journal:
    """A store with three logs that were written by turns, one name given twice."""
    journal = open_it(f"sqlite:///{tmp_path / 'source.sqlite'}")
    journal.found(A, "web", events("a", 2), ENVELOPE)
    journal.found(B, "shop", events("b", 700), ENVELOPE)
    journal.append(A, 2, events("\x00 \U0001f600", 3), ENVELOPE)
    journal.finish(A, "web", 5, events("the end"), ENVELOPE)
    journal.found(C, "web", events("c"), ENVELOPE)
    return journal


@pytest.fixture
def target(open_it: Callable[[str], Journal], tmp_path: Path) -> Journal:
    return open_it(f"sqlite:///{tmp_path / 'target.sqlite'}")


def everything(journal: Journal) -> list[NewRow]:
    return [row[1:] for part in journal.each_of_all() for row in part]


def place_of(kind: str, request: pytest.FixtureRequest, folder: Path) -> StorePlace:
    if kind == "sqlite":
        return sqlite_place(folder / "other.sqlite")
    return postgres_place(request.getfixturevalue("team"))


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def test_a_history_gets_there_and_back_as_it_is(
    source: Journal,
    target: Journal,
    kind: str,
    open_it: Callable[[str], Journal],
    request: pytest.FixtureRequest,
    tmp_path: Path,
) -> None:
    before = everything(source)
    between = open_it(place_of(kind, request, tmp_path).url)
    there = copy_history(source, between)
    back = copy_history(between, target)
    assert everything(source) == everything(between) == everything(target) == before
    assert (there.rows, there.streams, there.added) == (len(before), 5, len(before)) == (711, 5, 711)
    assert back == there
    assert target.cluster_id("web") == C
    assert target.holders("web") == source.holders("web")
    target.append(C, 1, events(), ENVELOPE)


def test_a_copy_that_was_cut_short_is_gone_on_with(
    source: Journal, target: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_MOST_BYTES", 2_000)
    keep, batches = Journal.keep, iter([1, 2, 3])

    def dying(self: Journal, rows: list[NewRow]) -> None:
        if next(batches, None) is None:
            raise StoreUnusable(self.url, "the line went dead")
        keep(self, rows)

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "keep", dying)
        with pytest.raises(StoreUnusable):
            copy_history(source, target)
    arrived = everything(target)
    assert 0 < len(arrived) < 711
    assert arrived == everything(source)[: len(arrived)]
    assert copy_history(source, target).added == 711 - len(arrived)
    assert everything(target) == everything(source)
    assert copy_history(source, target).added == 0


def test_histories_of_different_clusters_come_together(source: Journal, target: Journal) -> None:
    other = "d" * 32
    target.found(other, "other", events(count=3), ENVELOPE)
    copied = copy_history(source, target)
    assert (copied.rows, copied.added) == (711, 711)
    assert [claim.name for claim in target.claims()] == ["other", "shop", "web"]
    assert len(target.rows(other)) == 3


Spoil = Callable[[Journal, Journal], object]


@pytest.mark.parametrize(
    ("spoil", "cluster", "known", "beyond"),
    [
        (lambda _, at: at.append(A, 0, events("another"), ENVELOPE), "web@aaaaaaaa", 0, False),
        (lambda _, at: at.found("d" * 32, "web", events(), ENVELOPE), "web", 0, False),
        (lambda _, at: slip_in(sqlite_path(at.url), (B, 2, "StepFailed", b"x")), "shop", 0, False),
        (lambda of, at: slip_in(sqlite_path(at.url), (B, *of.rows(B)[599])), "shop", 508, False),
        (lambda of, at: (copy_history(of, at), at.append(C, 1, events(), ENVELOPE)), "web", 1, True),
    ],
    ids=["other events", "the name is another's", "another one in the middle", "a hole", "it goes on"],
)
def test_another_history_is_refused_before_anything_is_written(
    source: Journal, target: Journal, spoil: Spoil, cluster: str, known: int, beyond: bool
) -> None:
    spoil(source, target)
    before = everything(target)
    with pytest.raises(HistoryThere) as caught:
        copy_history(source, target)
    assert (caught.value.cluster, caught.value.known, caught.value.beyond) == (cluster, known, beyond)
    assert "nothing was copied" in caught.value.hint
    assert everything(target) == before


def test_what_is_written_meanwhile_at_the_source_harms_nothing(source: Journal, target: Journal) -> None:
    more = iter([1, 2, 3])

    def write(_: str, __: int) -> None:
        if position := next(more, 0):
            source.append(C, position, events("meanwhile"), ENVELOPE)

    copied = copy_history(source, target, write)
    assert everything(target) == everything(source)[: copied.rows]
    assert copied.rows >= 712


def test_what_arrives_differently_is_found(
    source: Journal, target: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = Journal.keep

    def careless(self: Journal, rows: list[NewRow]) -> None:
        keep(self, [(*row[:3], row[3].replace(b"the end", b"THE END")) for row in rows])

    monkeypatch.setattr(Journal, "keep", careless)
    with pytest.raises(CopyDiffers, match="711 events against 711") as caught:
        copy_history(source, target)
    assert source.url in caught.value.hint


def test_what_is_not_there_and_what_is_the_same_store_is_told(source: Journal, tmp_path: Path) -> None:
    with pytest.raises(NotFound), open_journal(f"sqlite:///{tmp_path / 'none.sqlite'}") as none:
        copy_history(none, source)
    with pytest.raises(InvalidInput), open_journal(source.url) as again:
        copy_history(source, again)


def test_a_row_that_is_not_bytes_is_told(
    source: Journal, target: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = KeptRow(1, A, 1, "StepFailed", "text")  # type: ignore[arg-type]
    monkeypatch.setattr(source, "each_of_all", lambda: iter([[bad]]))
    with pytest.raises(MalformedEvent, match="not bytes"):
        copy_history(source, target)
    assert everything(target) == []
