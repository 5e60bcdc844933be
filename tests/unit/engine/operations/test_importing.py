"""A history that moves: what is refused before anything is written, and what an open operation means."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.errors import CorruptArchive, Locked, Refused, UnknownEvent
from kubisnap.engine.journal.codec import Codec, StoredRow
from kubisnap.engine.journal.log import Journal, open_journal
from kubisnap.engine.operations.importing import checked_log, take_in
from tests.unit.engine.operations.test_changing import MINUTE, hold
from tests.unit.engine.world import World


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Journal]:
    """The store that the history moves to."""
    with open_journal(f"sqlite:///{tmp_path / 'other.sqlite'}", create=True) as journal:
        yield journal


def rows_of(world: World, name: str = "web") -> list[StoredRow]:
    return world.journal.rows(world.journal.cluster_id(name, gone=True))


def test_a_history_moves_and_the_cluster_goes_on_in_the_other_store(world: World, other: Journal) -> None:
    world.create()
    rows = rows_of(world)
    cluster_id = world.state().cluster_id
    assert take_in(other, checked_log("f", cluster_id, rows), world.context()) == (len(rows), 0)
    assert other.rows(cluster_id) == rows
    assert other.state(cluster_id) == world.state()
    world.scale(3)
    more = rows_of(world)
    added = len(more) - len(rows)
    assert take_in(other, checked_log("f", cluster_id, more), world.context()) == (added, len(rows))
    assert take_in(other, checked_log("f", cluster_id, more), world.context()) == (0, len(more))


def test_of_a_deleted_cluster_the_history_moves_and_its_name_stays_free(world: World, other: Journal) -> None:
    world.create()
    cluster_id = world.state().cluster_id
    world.delete()
    take_in(other, checked_log("f", cluster_id, rows_of(world)), world.context())
    assert other.cluster_id("web", gone=True) == cluster_id
    assert [claim.released for claim in other.claims()] == [True]


@pytest.mark.parametrize(
    ("alive", "silent", "refused"),
    [(None, 0.0, True), (True, 14.9 * MINUTE, True), (None, 15 * MINUTE, False), (False, 0.0, False)],
)
def test_a_log_that_ends_within_an_operation_waits_for_its_lease(
    world: World, other: Journal, *, alive: bool | None, silent: float, refused: bool
) -> None:
    """As the engine waits for a process that does not answer; then the operation is as after a crash."""
    world.create()
    hold(world)
    cluster_id, rows = world.state().cluster_id, rows_of(world)
    world.clock.sleep(silent)
    context = world.context(alive=lambda _: alive)
    log = checked_log("f", cluster_id, rows)
    if refused:
        with pytest.raises(Locked):
            take_in(other, log, context)
        assert other.claims() == []
        assert other.rows(cluster_id) == []
        return
    take_in(other, log, context)
    pending = other.state(cluster_id).pending()
    assert pending is not None
    assert pending.numbers == [2]


def test_a_log_is_not_changed_under_an_operation_of_this_store(world: World, other: Journal) -> None:
    world.create()
    cluster_id, rows = world.state().cluster_id, rows_of(world)
    started = next(row.version for row in rows if row.tag == "PlanAccepted")
    other_context = world.context(alive=lambda _: False)
    take_in(other, checked_log("f", cluster_id, rows[:started]), other_context)
    with pytest.raises(Locked):
        take_in(other, checked_log("f", cluster_id, rows), world.context(alive=lambda _: True))
    assert other.rows(cluster_id) == rows[:started]


def test_what_is_no_cluster_of_ours_is_refused_before_anything_is_written(world: World) -> None:
    world.create()
    cluster_id, rows = world.state().cluster_id, rows_of(world)
    with pytest.raises(Refused, match="holds no cluster"):
        checked_log("f", cluster_id, rows[:1])
    with pytest.raises(Refused, match="holds no cluster"):
        checked_log("f", cluster_id, [])
    with pytest.raises(CorruptArchive, match="do not make a cluster"):
        checked_log("f", cluster_id, rows[1:])
    with pytest.raises(CorruptArchive, match="do not make a cluster"):
        checked_log("f", "0" * 32, rows)
    with pytest.raises(UnknownEvent):
        checked_log("f", cluster_id, [*rows, StoredRow(len(rows) + 1, "Unheard", rows[0].state)])


@pytest.mark.parametrize(
    ("cluster_id", "name", "problem"),
    [
        ("name:web", "web", "id is not one"),
        ("a" * 32, "No Name", "not valid"),
        ("a" * 32, "x/../y", "not valid"),
    ],
)
def test_a_log_with_an_impossible_id_or_name_is_refused(cluster_id: str, name: str, problem: str) -> None:
    from kubisnap.engine.domain.model import Placement

    event = ev.ClusterDeclared(
        cluster_id=cluster_id, name=name, kubernetes="1.34", placement=Placement(cloud="sandbox", region="x")
    )
    item = ev.Recorded(
        stream=cluster_id, version=1, time=1, actor="", operation=1, cause=0, reason="", schema=1, event=event
    )
    with pytest.raises(CorruptArchive, match=problem):
        checked_log("f", cluster_id, [Codec().encode(item)])
