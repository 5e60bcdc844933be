"""The state of long ago is the fold of the log, on both stores, whatever stands in the checkpoints."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.state import ClusterState, apply_event
from kubisnap.engine.journal import checkpoints
from kubisnap.engine.journal.log import Journal, open_journal
from tests.contract.store_places import StorePlace, postgres_place, sqlite_place
from tests.unit.engine.journal.audit.stories import APPLY, SHOP, WEB, create
from tests.unit.engine.starters import ENVELOPE
from tests.unit.engine.world import without_syncs


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
