"""What is live compared with what was recorded, now or then; and forking from the log."""

from typing import Any

import msgspec
import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.comparing import Difference
from kubisnap.engine.domain.refs import Back, ByEvent, ByOperation, Now
from kubisnap.engine.domain.resources import Key, Kind
from kubisnap.engine.domain.state import ClusterState
from kubisnap.engine.errors import Rejected, WrongAccount
from kubisnap.engine.operations.live import compare_with_live, look
from kubisnap.engine.operations.looking import marks_of
from kubisnap.engine.operations.moments import last_wanted, moment_of, name_of, state_at
from kubisnap.engine.operations.snapshots import of_state, prepare_restore
from kubisnap.engine.operations.steps import in_tuples
from tests.unit.engine.world import World, spec, with_count

FIREWALL = Key(Kind.FIREWALL, "nodes")
SERVER = Key(Kind.SERVER, "workers-0")
OPEN_DOOR: dict[str, Any] = {"protocol": "tcp", "ports": "22", "sources": ["0.0.0.0/0"]}


def change(world: World, key: Key, **properties: Any) -> None:
    """Change a resource at the cloud, as somebody with a browser would."""
    with world.sandbox._writing() as session:
        row = session.get(key.kind, world.state().bindings[key].resource_id)
        assert row is not None
        body = msgspec.structs.replace(row.body, properties={**row.body.properties, **properties})
        session.change(msgspec.structs.replace(row, body=body))


def remove(world: World, key: Key) -> None:
    world.sandbox.delete(key.kind, world.state().bindings[key].resource_id)
    world.clock.sleep(60.0)


def differences(world: World, recorded: ClusterState | None = None) -> list[Difference]:
    state = world.state()
    return compare_with_live(recorded or state, state, look(world.cloud, state, world.context()))


def at(world: World, ref: "Back | ByEvent | ByOperation") -> ClusterState:
    cluster_id = world.state().cluster_id
    return state_at(world.journal, cluster_id, moment_of(world.journal, cluster_id, ref, "web"))


def test_a_cluster_that_nobody_touched_is_as_it_was_recorded_and_looking_records_nothing(
    world: World,
) -> None:
    world.create()
    before = world.state().position

    assert differences(world) == []
    assert world.state().position == before


def test_what_somebody_changed_or_removed_is_named_resource_by_resource(world: World) -> None:
    world.create()
    change(world, FIREWALL, rules=[OPEN_DOOR])
    server = world.state().bindings[SERVER].resource_id
    remove(world, SERVER)

    found = {item.part: item for item in differences(world)}

    assert found["firewall/nodes"].field == "rules"
    assert found["firewall/nodes"].after == in_tuples([OPEN_DOOR])
    assert (found["server/workers-0"].sign, found["server/workers-0"].before) == ("-", server)
    assert found["server/workers-0"].after is None


def test_it_says_the_same_as_a_plan_says_of_drift(world: World) -> None:
    world.create()
    change(world, FIREWALL, rules=[OPEN_DOOR])
    (drift,) = world.prepare_apply().drift
    (found,) = differences(world)

    assert (found.part, found.field) == (str(drift.key), drift.changes[0].field)
    assert (found.before, found.after) == (drift.changes[0].before, drift.changes[0].after)


def test_a_past_moment_is_compared_with_what_is_there_now(world: World) -> None:
    world.create(spec(workers=1))
    world.scale(2)

    signs = {item.part: item.sign.value for item in differences(world, at(world, ByOperation(1)))}

    assert signs == {"server/workers-1": "+"}
    assert differences(world, at(world, Back(1))) == differences(world, at(world, ByOperation(1)))


def test_a_server_that_was_made_anew_is_another_one_of_the_same_name(world: World) -> None:
    world.create()
    old = world.state().bindings[SERVER].resource_id
    remove(world, SERVER)
    world.apply()

    found = {(item.part, item.field): item for item in differences(world, at(world, ByOperation(1)))}

    assert found["server/workers-0", "id"].before == old
    assert found["server/workers-0", "id"].after == world.state().bindings[SERVER].resource_id


def test_what_a_failed_rollback_left_at_the_cloud_is_seen(world: World) -> None:
    world.create(spec(workers=1))
    made = world.sandbox.observe(Kind.SERVER, world.state().bindings[SERVER].resource_id)
    assert made is not None
    forgotten = world.state()
    del forgotten.bindings[SERVER]

    (found,) = compare_with_live(forgotten, world.state(), look(world.cloud, world.state(), world.context()))

    assert (found.sign.value, found.part, found.after) == ("+", "server/workers-0", made.id)


def test_looking_goes_on_while_an_operation_is_unfinished(world: World) -> None:
    world.create(spec(workers=1))
    world.cloud.on("create", Kind.SERVER, before=Rejected("sandbox", "no"))
    world.failing(lambda: world.apply(spec(workers=2)))

    assert differences(world) == []


def test_another_account_is_refused(world: World) -> None:
    world.create()
    state = world.state()
    state.account = "somebody-elses"

    with pytest.raises(WrongAccount):
        look(world.cloud, state, world.context())


# ── forking ──────────────────────────────────────────────────────────────────────────────────────


def test_a_fork_is_declared_as_the_cluster_was_and_names_where_it_came_from(world: World) -> None:
    world.create(spec(workers=1))
    world.scale(3)
    then = at(world, ByOperation(1))

    prepared = prepare_restore(world.journal, world.cloud, of_state(then), world.context(), name="web-then")
    world.carry_out(prepared, ev.OperationKind.FORK)

    fork = world.state("web-then")
    assert fork.spec().servers() == with_count(spec(), 1).servers()
    assert fork.origin == ev.Origin(
        archive="", cluster_id=world.state().cluster_id, cluster_name="web", position=then.position
    )
    assert world.events(ev.OperationStarted, name="web-then")[0].kind is ev.OperationKind.FORK
    assert all("snapshot" not in loss for loss in prepared.translation.losses)  # type: ignore[union-attr]
    world.assert_converged("web-then")


def test_a_deleted_cluster_can_be_forked_as_it_was_before(world: World) -> None:
    world.create(spec(workers=2))
    cluster_id = world.state().cluster_id
    world.delete()
    number = last_wanted(world.journal, cluster_id)
    assert number == 1

    then = at(world, ByOperation(number))
    prepared = prepare_restore(world.journal, world.cloud, of_state(then), world.context())
    world.carry_out(prepared, ev.OperationKind.FORK)

    assert world.state().cluster_id != cluster_id
    assert world.state().spec() == then.spec()


def test_a_moment_is_called_by_its_operation_where_it_ends_one(world: World) -> None:
    world.create(spec(workers=1))
    marks = marks_of(world.journal, world.state().cluster_id)
    now = moment_of(world.journal, world.state().cluster_id, Now(), "web")

    assert name_of(marks, now, "web") == "web#1"
    assert name_of(marks, now._replace(position=3), "web") == "web@e3"
