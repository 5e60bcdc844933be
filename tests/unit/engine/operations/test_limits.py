"""Limits: of time for an operation, and of deletions that nobody asked for by number."""

import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.errors import OutOfTime, TooManyDeletions
from kubisnap.engine.operations.changing import MAX_DELETIONS, refuse_mass_deletion
from kubisnap.engine.operations.context import Pace
from tests.unit.engine.world import World, spec, with_count

PLAIN = spec(rich=False)


def let_pass(world: World, seconds: float, *, name: str) -> None:
    """Let time pass in the call that creates a server of this name."""

    def watch(method: str, kind: object, called: str) -> None:
        if method == "create" and name in called:
            world.clock.sleep(seconds)

    world.cloud.watch = watch


def test_an_operation_that_is_out_of_time_stops_and_is_gone_on_with(world: World) -> None:
    world.pace = Pace(parallel=1, timeout=60.0)
    let_pass(world, 61.0, name="control-plane-0")
    with pytest.raises(OutOfTime) as caught:
        world.create(PLAIN)
    assert caught.value.done < caught.value.total
    assert world.last_outcome().outcome is ev.Outcome.INTERRUPTED
    world.pace = Pace(parallel=1)
    world.mend()
    world.apply()
    world.assert_converged()


def test_what_is_complete_when_its_time_is_over_is_done(world: World) -> None:
    world.pace = Pace(parallel=1, timeout=60.0)
    let_pass(world, 61.0, name="workers-0")
    world.create(PLAIN)
    assert world.last_outcome().outcome is ev.Outcome.SUCCEEDED
    world.assert_converged()


def test_as_many_deletions_as_are_allowed_go_and_one_more_does_not(world: World) -> None:
    world.create(with_count(PLAIN, MAX_DELETIONS + 1))
    ten = world.prepare_apply(with_count(PLAIN, 1))
    refuse_mass_deletion(ten)
    eleven = world.prepare_apply(with_count(PLAIN, 0))
    with pytest.raises(TooManyDeletions) as caught:
        refuse_mass_deletion(eleven)
    assert (caught.value.deletions, caught.value.allowed) == (MAX_DELETIONS + 1, MAX_DELETIONS)
    refuse_mass_deletion(eleven, MAX_DELETIONS + 1)
