"""What is shown before something is taken back: what goes, what is lost with it, what it costs then."""

import pytest

from kubisnap.engine.domain.resources import Kind
from kubisnap.engine.errors import OutOfTime
from kubisnap.engine.operations.abandoning import prepare_rollback
from kubisnap.engine.operations.context import Pace
from kubisnap.engine.operations.cost import Cost
from tests.unit.engine.world import World, spec

PLAIN = spec(rich=False)


def stopped_at(world: World, kind: Kind) -> None:
    """Let the next operation run out of time at its first creation of this kind."""
    world.pace = Pace(parallel=1, timeout=60.0)
    world.cloud.on("create", kind, before=lambda: world.clock.sleep(61.0))


def test_of_a_cluster_that_was_being_created_nothing_stays_that_costs(world: World) -> None:
    stopped_at(world, Kind.SERVER)
    with pytest.raises(OutOfTime):
        world.create(PLAIN)
    prepared = prepare_rollback(world.cloud, world.state(), world.context(), abandon=True)
    assert prepared.spec is None
    assert prepared.cost_after == Cost()
    assert {step.key.kind: step.irreversible for step in prepared.plan.steps}[Kind.SERVER]


def test_of_a_change_what_was_there_before_stays_and_costs_what_it_did(world: World) -> None:
    before = world.prepare_create(PLAIN).cost_after
    world.create(PLAIN)
    stopped_at(world, Kind.SERVER)
    with pytest.raises(OutOfTime):
        world.scale(3)
    prepared = prepare_rollback(world.cloud, world.state(), world.context(), abandon=True)
    assert [str(step.key) for step in prepared.plan.steps] == ["server/workers-1"]
    assert prepared.cost_after == before
