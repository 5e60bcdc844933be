"""Creating, applying, scaling and deleting a cluster on a cloud that does what it is told."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from kubisnap.adapters.sandbox import Faults, Sandbox
from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.resources import Key, Kind, Status
from kubisnap.engine.domain.state import ClusterState
from kubisnap.engine.errors import (
    AlreadyExists,
    BudgetExceeded,
    InvalidInput,
    Locked,
    LogMoved,
    Refused,
    Rejected,
    Unavailable,
    WrongAccount,
)
from kubisnap.engine.operations.changing import refuse_over_budget
from kubisnap.engine.operations.context import Pace
from kubisnap.engine.operations.observing import observe
from kubisnap.engine.operations.planning import Action
from tests.unit.engine.starters import ENVELOPE
from tests.unit.engine.starters import events as some_events
from tests.unit.engine.world import World, spec, with_count

GUEST = Key(Kind.SSH_KEY, "guest")
MINUTE = 60.0


# ── what operations do ───────────────────────────────────────────────────────────────────────


def test_a_created_cluster_is_what_was_declared(world: World) -> None:
    result = world.create(spec(workers=2))
    assert (result.operation, result.outcome) == (1, ev.Outcome.SUCCEEDED)
    world.assert_converged()
    assert world.state().spec().servers() == ("control-plane-0", "workers-0", "workers-1")


def test_preparing_changes_nothing(world: World) -> None:
    before = world.dump()
    prepared = world.prepare_create()
    assert not prepared.empty
    assert prepared.new
    assert world.dump() == before
    assert world.journal.claims() == []
    world.create()
    position, held = world.state().position, world.dump()
    world.prepare_apply(spec(workers=3))
    world.prepare_delete()
    assert (world.state().position, world.dump()) == (position, held)


def test_the_log_tells_who_did_what_and_why(world: World) -> None:
    world.create()
    opening = world.log()[0]
    assert isinstance(opening.event, ev.OperationStarted)
    assert opening.event.kind is ev.OperationKind.CREATE
    assert (opening.actor, opening.reason, opening.operation) == ("tester", "a test", 1)
    assert opening.event.account == "sandbox-default"
    (planned,) = world.events(ev.PlanAccepted)
    assert [step.id for step in planned.steps] == [
        event.step for event in sorted(world.events(ev.StepStarted), key=lambda event: event.step)
    ]
    assert world.last_outcome().outcome is ev.Outcome.SUCCEEDED
    assert world.last_outcome().done == len(planned.steps)


def test_scaling_up_and_down_touches_only_the_servers(world: World) -> None:
    world.create()
    before = {item["id"] for item in world.dump()}
    world.scale(3)
    world.assert_converged()
    added = {item["id"] for item in world.dump()} - before
    assert {item["name"].split("-")[1] for item in world.dump() if item["id"] in added} == {"workers"}
    world.scale(1)
    world.assert_converged()
    assert {item["id"] for item in world.dump()} == before


def test_applying_a_new_specification_reaches_it(world: World) -> None:
    world.create()
    wanted = spec(workers=2)
    rule = msgspec.structs.replace(wanted.firewalls[0].allow[0], ports="2222")
    wanted = msgspec.structs.replace(
        wanted,
        firewalls=(msgspec.structs.replace(wanted.firewalls[0], allow=(rule,)),),
        volumes=(msgspec.structs.replace(wanted.volumes[0], size_gib=20),),
        reserved_ips=(),
    )
    world.apply(wanted)
    world.assert_converged()
    assert world.state().spec().firewalls[0].allow[0].ports == "2222"
    assert Key(Kind.RESERVED_IP, "entry") not in world.state().bindings


def test_deleting_leaves_the_account_as_it_was_and_frees_the_name(world: World) -> None:
    before = world.dump()
    world.create()
    world.delete()
    assert world.dump() == before
    assert world.state().gone
    assert world.journal.claims()[0].released
    world.create()
    world.assert_converged()


def test_a_cluster_that_could_not_be_begun_can_be_deleted(world: World) -> None:
    world.cloud.on("create", before=Rejected("sandbox", "no", 422), times=10_000)
    world.failing(world.create)
    world.mend()
    before = world.dump()
    world.delete()
    assert world.dump() == before
    assert world.journal.claims()[0].released


def test_a_deletion_that_only_lacks_its_end_is_still_ended(world: World) -> None:
    """Ctrl-C or a crash after the last resource: nothing is left to remove, but the name is still held."""
    world.create()
    prepared = world.prepare_delete()
    world.carry_out(prepared, ev.OperationKind.APPLY)  # all of a deletion but its end
    assert world.state().bindings == {}
    again = world.prepare_delete()
    assert again.plan.empty
    assert not again.empty
    world.carry_out(again, ev.OperationKind.DELETE)
    assert world.journal.claims()[0].released
    assert world.prepare_delete().empty


def test_an_account_that_was_wiped_is_filled_again(world: World) -> None:
    world.create()
    ours = {key for key in world.state().bindings if key != GUEST}
    world.sandbox.wipe()
    world.apply()
    assert {event.key for event in world.events(ev.ResourceLost)} == ours | {GUEST}
    world.assert_converged()
    assert world.state().bindings[GUEST].owned, "the foreign one is gone, so this one is ours"


def test_a_wiped_account_can_be_deleted_from(world: World) -> None:
    world.create()
    world.sandbox.wipe()
    world.delete()
    assert world.state().gone
    assert world.dump() == []


def test_what_was_changed_by_hand_is_changed_back(world: World) -> None:
    world.create(spec(workers=2))
    bindings = world.state().bindings
    world.sandbox.delete(Kind.SERVER, bindings[Key(Kind.SERVER, "workers-1")].resource_id)
    world.apply()
    world.assert_converged()
    assert [event.key.name for event in world.events(ev.ResourceLost)] == ["workers-1"]


# ── keys that are not ours ───────────────────────────────────────────────────────────────────


def test_a_foreign_key_is_used_and_never_owned(world: World) -> None:
    foreign = next(item["id"] for item in world.dump())
    world.create()
    binding = world.state().bindings[GUEST]
    assert (binding.resource_id, binding.owned) == (foreign, False)
    servers = [item for item in world.dump() if item["kind"] == "server"]
    assert all(foreign in item["hidden"]["ssh_keys"] for item in servers)


def test_a_foreign_key_outlives_the_cluster(world: World) -> None:
    world.create()
    plan = world.prepare_delete().plan
    assert [step.action for step in plan.steps if step.key == GUEST] == [Action.FORGET]
    world.delete()
    assert [item["name"] for item in world.dump()] == ["laptop"]
    assert world.cloud.count("delete") > 0
    assert world.cloud.count("delete", world.dump()[0]["id"]) == 0


def test_a_foreign_key_outlives_its_withdrawal(world: World) -> None:
    world.create()
    keys = tuple(key for key in spec().ssh_keys if key.name != "guest")
    world.apply(msgspec.structs.replace(spec(), ssh_keys=keys))
    assert "laptop" in {item["name"] for item in world.dump()}
    assert GUEST not in world.state().bindings


def test_two_clusters_share_a_foreign_key(world: World) -> None:
    world.create()
    other = msgspec.structs.replace(spec("shop"), network=msgspec.structs.replace(spec().network))
    keys = tuple(key for key in other.ssh_keys if key.name == "guest")
    world.create(msgspec.structs.replace(other, ssh_keys=keys))
    world.delete()
    world.assert_converged("shop")


# ── refusals ─────────────────────────────────────────────────────────────────────────────────


def test_a_name_that_is_taken_is_refused_before_and_after_preparing(world: World) -> None:
    late = world.prepare_create()
    world.create()
    before = world.dump()
    with pytest.raises(AlreadyExists):
        world.prepare_create()
    with pytest.raises(AlreadyExists):
        world.carry_out(late, ev.OperationKind.CREATE)
    assert world.dump() == before
    assert world.cloud.count("create") == len(world.state().bindings)


def test_a_specification_that_makes_no_sense_is_refused(world: World) -> None:
    with pytest.raises(InvalidInput):
        world.prepare_create(with_count(spec(), -1))
    with pytest.raises(InvalidInput):
        world.prepare_create(spec(region="nowhere"))
    world.create()
    with pytest.raises(Refused):
        world.prepare_apply(spec(region="sim-us-west"))
    with pytest.raises(Refused):
        world.prepare_apply(spec("other"))


def test_a_cluster_that_is_going_is_not_changed(world: World) -> None:
    world.create()
    world.cloud.on("delete", Kind.NETWORK, before=Unavailable("sandbox", "no answer"), times=99)
    world.failing(world.delete)
    with pytest.raises(Refused):
        world.prepare_apply()
    world.mend()
    world.delete()


def test_another_account_is_refused(world: World) -> None:
    world.create()
    other = Sandbox(world.folder / "cloud.sqlite", account="other", clock=world.clock, latency=0.0)
    before = world.dump()
    world.cloud.cloud = other
    for prepare in (world.prepare_apply, world.prepare_delete):
        with pytest.raises(WrongAccount):
            prepare()
    assert other.dump() == []
    world.mend()
    other.close()
    assert world.dump() == before


def test_a_cluster_that_has_nothing_anywhere_may_change_its_account(world: World) -> None:
    world.cloud.on("create", before=Rejected("sandbox", "no", 422), times=10_000)
    world.failing(world.create)
    world.mend()
    other = Sandbox(world.folder / "cloud.sqlite", account="other", clock=world.clock, latency=0.0)
    world.cloud.cloud = other
    world.apply()
    assert world.state().account == "sandbox-other"
    other.close()


def test_a_budget_is_kept(world: World) -> None:
    prepared = world.prepare_create(spec(workers=3))
    cost = prepared.cost_after.monthly
    refuse_over_budget(prepared, None)
    refuse_over_budget(prepared, cost)
    with pytest.raises(BudgetExceeded):
        refuse_over_budget(prepared, cost - Decimal("0.01"))


@pytest.mark.parametrize("parallel", [0, -1])
def test_no_steps_at_once_is_refused_before_anything_begins(parallel: int) -> None:
    with pytest.raises(InvalidInput, match="parallel"):
        Pace(parallel=parallel)


def test_text_that_is_no_text_can_be_written_down(world: World) -> None:
    """A command line may hold any bytes; Python passes them on as lone surrogates."""
    context = world.context(reason="caf\udce9", actor="\ud800", clock=world.clock)
    world.carry_out(world.prepare_create(spec(rich=False)), ev.OperationKind.CREATE, context)
    assert world.log()[0].reason == "caf?"
    world.assert_converged()


# ── one writer ───────────────────────────────────────────────────────────────────────────────


def hold(world: World) -> None:
    """Begin an operation and leave it open, as a process that still runs or has died."""
    state = world.state()
    opening = ev.OperationStarted(
        kind=ev.OperationKind.APPLY, summary="", holder=ev.Holder(host="there", pid=7), tool="other"
    )
    envelope = world.context(actor="somebody").envelope(state.operations + 1)
    world.journal.append(state.cluster_id, state.position, [opening], envelope)


@pytest.mark.parametrize(
    ("alive", "silent", "free"),
    [
        (True, 0.0, False),
        (True, 14.9 * MINUTE, False),
        (True, 15 * MINUTE, True),
        (False, 0.0, True),
        (None, 0.0, False),
        (None, 14.9 * MINUTE, False),
        (None, 15 * MINUTE, True),
    ],
)
def test_a_cluster_is_held_while_its_holder_lives(
    world: World, *, alive: bool | None, silent: float, free: bool
) -> None:
    world.create()
    hold(world)
    world.alive = alive
    world.clock.sleep(silent)
    before = world.state().position
    if not free:
        for prepare in (world.prepare_apply, world.prepare_delete):
            with pytest.raises(Locked, match="somebody"):
                prepare()
        assert world.state().position == before
        return
    world.scale(2)
    world.assert_converged()
    ends = [item for item in world.log() if isinstance(item.event, ev.OperationFinished)]
    assert [(item.operation, item.event.outcome.value) for item in ends] == [  # type: ignore[union-attr]
        (1, "succeeded"),
        (2, "interrupted"),
        (3, "succeeded"),
    ]


def test_a_holder_that_wakes_up_between_looking_and_acting_wins(world: World) -> None:
    world.create()
    hold(world)
    prepared = world.prepare_apply(spec(workers=2))
    state, before = world.state(), world.dump()
    world.journal.append(state.cluster_id, state.position, some_events(), ENVELOPE)
    with pytest.raises(LogMoved):
        world.carry_out(prepared, ev.OperationKind.APPLY)
    assert world.dump() == before


@pytest.mark.parametrize("operation", ["apply", "delete"])
def test_nothing_is_done_when_the_log_moved_after_preparing(world: World, operation: str) -> None:
    world.create()
    prepared = world.prepare_apply(spec(workers=2)) if operation == "apply" else world.prepare_delete()
    world.scale(3)
    before, position, calls = world.dump(), world.state().position, len(world.cloud.calls)
    with pytest.raises(LogMoved):
        world.carry_out(prepared, ev.OperationKind.APPLY)
    assert (world.dump(), world.state().position) == (before, position)
    assert len(world.cloud.calls) == calls, "the cloud was not even asked"


def test_what_was_prepared_is_carried_out_once(world: World) -> None:
    created = world.prepare_create()
    world.carry_out(created, ev.OperationKind.CREATE)
    scaled = world.prepare_apply(spec(workers=3))
    world.carry_out(scaled, ev.OperationKind.SCALE)
    before, position = world.dump(), world.state().position
    for prepared in (created, scaled):
        with pytest.raises(LogMoved):
            world.carry_out(prepared, ev.OperationKind.APPLY)
    assert (world.dump(), world.state().position) == (before, position)


def test_what_failed_is_prepared_anew(world: World) -> None:
    prepared = world.prepare_create()
    world.cloud.on("create", Kind.SERVER, before=Unavailable("sandbox", "no answer"), times=99)
    world.failing(lambda: world.carry_out(prepared, ev.OperationKind.CREATE))
    world.mend()
    before = world.dump()
    with pytest.raises(LogMoved):
        world.carry_out(prepared, ev.OperationKind.CREATE)
    assert world.dump() == before


# ── observing ────────────────────────────────────────────────────────────────────────────────


def test_what_a_list_does_not_show_yet_is_asked_for_by_id(new_world: Callable[..., World]) -> None:
    world = new_world()
    world.sandbox.inject(Faults(list_lag=3600.0))
    world.create()
    assert world.sandbox.observe_all(world.state().ref) == []
    seen = observe(world.cloud, world.state(), world.context())
    assert {item.key for item in seen.known} == world.state().bindings.keys()
    assert seen.lost == ()
    assert world.prepare_apply().empty


def test_what_is_being_removed_counts_as_lost(new_world: Callable[..., World]) -> None:
    world = new_world(latency=1.0)
    world.create(spec(workers=2))
    lost = Key(Kind.SERVER, "workers-1")
    server = world.state().bindings[lost].resource_id
    world.sandbox.delete(Kind.SERVER, server)
    shown = world.sandbox.observe(Kind.SERVER, server)
    assert shown is not None
    assert shown.status is Status.DELETING
    assert (lost, server) in observe(world.cloud, world.state(), world.context()).lost
    world.apply()
    world.assert_converged()


def test_what_has_our_name_and_is_not_in_the_log_is_taken_in(world: World) -> None:
    world.create()
    state = world.state()
    binding = state.bindings[Key(Kind.SERVER, "workers-0")]
    world.journal.append(
        state.cluster_id,
        state.position,
        [ev.ResourceDestroyed(step=1, key=Key(Kind.SERVER, "workers-0"), resource_id=binding.resource_id)],
        ENVELOPE,
    )
    before = world.dump()
    world.apply()
    assert world.dump() == before
    world.assert_converged()


def test_observing_fails_rather_than_to_return_a_part(world: World) -> None:
    world.create()
    world.sandbox.wipe()
    world.cloud.on("observe", Kind.SERVER, before=Unavailable("sandbox", "no answer"), times=99)
    with pytest.raises(Unavailable):
        world.prepare_apply()


def test_an_undeclared_cluster_has_nothing(world: World) -> None:
    nobody: Any = None  # nothing is asked of it
    assert observe(nobody, ClusterState(), world.context()).known == ()
