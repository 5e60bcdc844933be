"""Going back after a death: newest first, by id, all of it or what is left by name; and it can be resumed."""

from pathlib import Path

import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.resources import Kind
from kubisnap.engine.errors import Denied, RollbackIncomplete
from tests.crash.operations import assert_all_is_well, film, go_on, scene, take_back
from tests.unit.engine.world import World


@pytest.fixture
def half(tmp_path: Path) -> World:
    """A cluster whose process died when two thirds of it were made."""
    pictures = film("create", tmp_path / "film")
    return pictures[len(pictures) * 2 // 3].world(tmp_path / "half", parallel=1)


def test_what_was_made_last_goes_first_and_nothing_is_asked_for_by_name(half: World) -> None:
    made = [event.resource_id for event in half.events(ev.ResourceProvisioned) if event.owned]
    take_back(half)
    asked = [
        (method, what) for method, _, what in half.cloud.calls if method in {"create", "update", "delete"}
    ]
    assert asked == [("delete", resource_id) for resource_id in reversed(made)]
    assert not half.cloud.count("find")
    half.close()


def test_what_cannot_be_removed_is_told_and_the_next_attempt_removes_it(half: World) -> None:
    half.cloud.on("delete", Kind.NETWORK, before=Denied("sandbox", "no", 403), times=99)
    with pytest.raises(RollbackIncomplete) as caught:
        take_back(half)
    assert caught.value.kind == "partial"
    assert [item.split(" ")[0] for item in caught.value.left] == ["network/main"]
    assert half.last_outcome().outcome is ev.Outcome.PARTIAL
    assert half.last_outcome().left == caught.value.left
    assert not half.journal.claims()[0].released
    half.mend()
    take_back(half)
    half.assert_nothing_left()
    assert half.journal.claims()[0].released
    half.close()


@pytest.mark.parametrize("times", [1, 2])
def test_a_death_in_each_attempt_to_go_back_only_makes_it_longer(tmp_path: Path, times: int) -> None:
    stage = scene("abandon-grow")
    world = stage.world(tmp_path / "first")
    for _ in range(times):
        world.cloud.on("delete", times=99, after=KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            take_back(world)
        world.mend()
    assert_all_is_well(world, stage, go_on(world, stage))
    world.close()
