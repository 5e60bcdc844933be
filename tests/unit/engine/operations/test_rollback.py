"""A failure at every single step, in every way: afterwards the account is as before, and the log tells it."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from time import monotonic, sleep
from typing import Any

import msgspec
import pytest

from kubisnap.adapters.sandbox import Fault, Faults, Scripted
from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.model import (
    ClusterSpec,
    Forward,
    LoadBalancerSpec,
    PoolSpec,
    ReservedIpSpec,
    Role,
    VolumeSpec,
    canonical,
)
from kubisnap.engine.domain.resources import ClusterRef, Key, Kind, provider_name
from kubisnap.engine.errors import (
    CloudError,
    Conflict,
    Denied,
    OperationFailed,
    QuotaExceeded,
    Rejected,
    TimedOut,
    Unavailable,
)
from kubisnap.engine.operations.changing import Prepared
from kubisnap.engine.operations.planning import Action, Step
from tests.unit.engine.world import World, spec, with_count

AWAY = Unavailable("sandbox", "no answer")
LOST = Unavailable("sandbox", "the answer was lost", ambiguous=True)
NO = Rejected("sandbox", "no", 422)
GUEST = Key(Kind.SSH_KEY, "guest")

Breaking = Callable[[World, Step, str], None]


# ── ways to fail ─────────────────────────────────────────────────────────────────────────────


def before_effect(error: CloudError) -> Breaking:
    def breaking(world: World, step: Step, name: str) -> None:
        world.cloud.on(step.action.value, step.key.kind, name, before=error, times=99)

    return breaking


def lost_then_rejected(world: World, step: Step, name: str) -> None:
    """It happened, nobody was told, lists do not show it for a while, and the next attempt is refused."""
    world.sandbox.inject(Faults(list_lag=20.0))
    world.cloud.on(step.action.value, step.key.kind, name, after=LOST)
    world.cloud.on(step.action.value, step.key.kind, name, nth=2, before=NO)


def lost_then_away(world: World, step: Step, name: str) -> None:
    """It happened, nobody was told, and whoever looks gets no answer for a while."""
    world.cloud.on(step.action.value, step.key.kind, name, after=LOST, times=99)
    world.cloud.on("find", step.key.kind, name, before=AWAY, times=world.pace.attempts)


def lost_then_conflict(world: World, step: Step, name: str) -> None:
    """It happened, nobody was told, lists do not show it for a while, and the name is taken."""
    world.sandbox.inject(Faults(list_lag=20.0))
    world.cloud.on(step.action.value, step.key.kind, name, after=LOST)
    world.cloud.on(
        step.action.value, step.key.kind, name, nth=2, times=99, before=Conflict("sandbox", "taken", 409)
    )


def accepted_then_failing(world: World, step: Step, name: str) -> None:
    """The cloud takes it, and gives up on it later."""
    scripted = Scripted(fault=Fault.FAILING, kind=step.key.kind, name=name, times=99)
    world.sandbox.inject(Faults(scripted=(scripted,)))


def accepted_then_denied(world: World, step: Step, name: str) -> None:
    """The cloud takes it, and then does not let anybody see how it goes."""
    world.cloud.on("ready", step.key.kind, before=Denied("sandbox", "no", 403), times=99)


CREATING: dict[str, Breaking] = {
    "rejected": before_effect(NO),
    "quota": before_effect(QuotaExceeded("sandbox", "no more", 403)),
    "away": before_effect(AWAY),
    "lost-then-rejected": lost_then_rejected,
    "lost-then-away": lost_then_away,
    "lost-then-conflict": lost_then_conflict,
    "accepted-then-failing": accepted_then_failing,
    "accepted-then-denied": accepted_then_denied,
}
UPDATING: dict[str, Breaking] = {
    "rejected": before_effect(NO),
    "away": before_effect(AWAY),
    "lost-then-rejected": lost_then_rejected,
    "accepted-then-denied": accepted_then_denied,
}
FOREIGN = frozenset({"rejected", "quota", "away", "accepted-then-denied"})
"""What can befall the key that is somebody else's: asking for it changes nothing at the cloud."""


def name_of(prepared: Prepared, step: Step) -> str:
    return provider_name(ClusterRef(id=prepared.cluster_id, name=prepared.name), step.key)


def cases(prepared: Prepared) -> list[tuple[Step, str]]:
    """Return every step with every way in which it can fail."""
    found = []
    for step in prepared.plan.steps:
        ways = UPDATING if step.action is Action.UPDATE else CREATING
        found += [(step, way) for way in ways if step.key != GUEST or way in FOREIGN]
    return found


def bigger(cluster: ClusterSpec) -> ClusterSpec:
    """Return a spec that adds one of nearly everything and changes what can be changed back."""
    rule = msgspec.structs.replace(cluster.firewalls[0].allow[0], ports="2222")
    front = cluster.load_balancers[0]
    return msgspec.structs.replace(
        with_count(cluster, 3),
        firewalls=(msgspec.structs.replace(cluster.firewalls[0], allow=(rule,)),),
        load_balancers=(
            msgspec.structs.replace(front, forward=(Forward(port=443, target_port=30443),)),
            LoadBalancerSpec(name="back", role=Role.WORKER, forward=(Forward(port=25, target_port=30025),)),
        ),
        pools=(*with_count(cluster, 3).pools, _pool(cluster)),
        volumes=(*cluster.volumes, VolumeSpec(name="more", size_gib=5, server="workers-1")),
        reserved_ips=(*cluster.reserved_ips, ReservedIpSpec(name="exit", server="workers-2")),
    )


def _pool(cluster: ClusterSpec) -> PoolSpec:
    return msgspec.structs.replace(cluster.pools[1], name="extra", count=1)


# ── creating ─────────────────────────────────────────────────────────────────────────────────


def assert_undone(world: World, failed: OperationFailed, before: list[dict[str, Any]]) -> None:
    assert not failed.partial, failed.left
    assert world.dump() == before
    finished = world.last_outcome()
    assert (finished.outcome, finished.left) == (ev.Outcome.ROLLED_BACK, ())
    assert finished.rolled_back == failed.rolled_back
    assert finished.error == str(failed.cause)
    assert [event.step for event in world.events(ev.StepFailed)]
    world.assert_sound()


@pytest.mark.long
def test_creating_fails_at_every_step_in_every_way(new_world: Callable[..., World]) -> None:
    """Afterwards the account is as before; once the trouble is over, apply makes the cluster."""
    probe = new_world()
    probe.add_foreign_key()
    planned = cases(probe.prepare_create())
    assert {step.key.kind for step, _ in planned} == set(Kind) - {Kind.LOAD_BALANCER_MEMBER}
    for index, (planned_step, way) in enumerate(planned):
        world = new_world(parallel=1 + index % 4)
        world.add_foreign_key()
        before = world.dump()
        prepared = world.prepare_create()
        step = prepared.plan.steps[planned_step.id - 1]
        CREATING[way](world, step, name_of(prepared, step))
        failed = world.failing(partial(world.carry_out, prepared, ev.OperationKind.CREATE))
        where = f"{step.key} {way}"
        assert failed.step.split("/")[0] == step.key.kind.value, where
        assert_undone(world, failed, before)
        assert world.state().bindings.keys() <= {GUEST}, where
        world.mend()
        world.apply()
        world.assert_converged()
        world.close()


@pytest.mark.long
def test_growing_fails_at_every_step_in_every_way(new_world: Callable[..., World]) -> None:
    """What was there before is as before: made things are gone, changed things are changed back."""
    probe = new_world()
    probe.add_foreign_key()
    probe.create()
    planned = cases(probe.prepare_apply(bigger(spec())))
    assert {step.action for step, _ in planned} == {Action.CREATE, Action.UPDATE}
    for index, (planned_step, way) in enumerate(planned):
        world = new_world(parallel=1 + index % 4)
        world.add_foreign_key()
        world.create()
        before, bound = world.dump(), world.state().bindings
        prepared = world.prepare_apply(bigger(spec()))
        step = prepared.plan.steps[planned_step.id - 1]
        (UPDATING if step.action is Action.UPDATE else CREATING)[way](world, step, name_of(prepared, step))
        failed = world.failing(partial(world.carry_out, prepared, ev.OperationKind.APPLY))
        if way == "accepted-then-denied" and failed.left:
            # the change back is made, but nobody may see whether it is done
            assert all(item.startswith(step.key.kind.value) for item in failed.left), failed.left
        else:
            assert_undone(world, failed, before)
        assert world.dump() == before
        after = world.state().bindings
        assert {key: item.resource for key, item in after.items()} == {
            key: item.resource for key, item in bound.items()
        } or failed.left
        world.mend()
        world.apply()
        world.assert_converged()
        assert prepared.spec is not None
        assert world.state().spec() == canonical(prepared.spec)
        world.close()


# ── what cannot be taken back ────────────────────────────────────────────────────────────────


def test_a_volume_that_grew_stays_and_is_named(world: World) -> None:
    """No cloud shrinks a volume: the report says so, and nothing else is left."""
    world.create()
    wanted = msgspec.structs.replace(
        with_count(spec(), 2), volumes=(msgspec.structs.replace(spec().volumes[0], size_gib=20),)
    )
    prepared = world.prepare_apply(wanted)
    world.cloud.on("create", Kind.SERVER, before=lambda: _wait_for(world, ev.ResourceUpdated, NO))
    failed = world.failing(lambda: world.carry_out(prepared, ev.OperationKind.APPLY))
    assert failed.partial
    assert [item.split(" ")[0] for item in failed.left] == ["volume/data"]
    assert world.last_outcome().outcome is ev.Outcome.PARTIAL
    world.mend()
    world.apply()
    world.assert_converged()


def _wait_for(world: World, event: type[ev.Event], error: CloudError) -> None:
    """Let the other steps come first, then fail."""
    until = monotonic() + 10
    while not world.events(event) and monotonic() < until:
        sleep(0.001)
    raise error


def test_a_change_that_was_refused_is_not_taken_back(world: World) -> None:
    """Nothing happened, so there is nothing to undo, and nothing to complain of."""
    world.create()
    wanted = msgspec.structs.replace(
        spec(), volumes=(msgspec.structs.replace(spec().volumes[0], size_gib=20),)
    )
    world.cloud.on("update", before=NO)
    before = world.dump()
    failed = world.failing(lambda: world.apply(wanted))
    assert not failed.partial
    assert world.cloud.count("update") == 1
    assert world.dump() == before


def test_what_cannot_be_removed_is_named_and_the_next_apply_uses_it(world: World) -> None:
    world.cloud.on("create", Kind.LOAD_BALANCER, before=NO)
    world.cloud.on("delete", Kind.NETWORK, before=Denied("sandbox", "no", 403), times=99)
    failed = world.failing(world.create)
    assert failed.partial
    assert [item.split(" ")[0] for item in failed.left] == ["network/main"]
    assert world.last_outcome().left == failed.left
    assert world.last_outcome().outcome is ev.Outcome.PARTIAL
    held = {item["kind"] for item in world.dump() if item["cluster"] != "f" * 32}
    assert held == {"network"}
    assert world.state().bindings.keys() - {GUEST} == {Key(Kind.NETWORK, "main")}
    world.mend()
    world.apply()
    world.assert_converged()


def test_what_nobody_can_look_for_is_named(world: World) -> None:
    world.cloud.on("create", Kind.NETWORK, after=LOST, times=99)
    world.cloud.on("find", Kind.NETWORK, before=Denied("sandbox", "no", 403), times=99)
    world.cloud.on("observe_all", before=Denied("sandbox", "no", 403), times=99)
    failed = world.failing(world.create)
    assert failed.partial
    assert any("network/main (perhaps" in item for item in failed.left)
    world.mend()
    world.apply()
    world.assert_converged()


def test_a_rollback_waits_for_what_is_still_in_use(new_world: Callable[..., World]) -> None:
    """Servers take minutes to go, and their network cannot go before."""
    world = new_world(latency=10.0)
    before = world.dump()
    world.cloud.on("create", Kind.LOAD_BALANCER, before=lambda: _wait_for(world, ev.ResourceProvisioned, NO))
    servers = ("control-plane-0", "workers-0")
    world.cloud.on("create", Kind.RESERVED_IP_ASSIGNMENT, before=NO)
    failed = world.failing(world.create)
    assert not failed.partial, failed.left
    assert world.dump() == before
    assert servers


# ── what is never touched ────────────────────────────────────────────────────────────────────


def test_what_was_adopted_is_not_removed(world: World) -> None:
    """An earlier run died before it could write down what it had made."""
    world.pace = replace(world.pace, parallel=1)
    world.cloud.on("create", Kind.LOAD_BALANCER, before=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        world.create()
    state = world.state()
    server = state.bindings[Key(Kind.SERVER, "workers-0")].resource_id
    forgotten = ev.ResourceDestroyed(step=1, key=Key(Kind.SERVER, "workers-0"), resource_id=server)
    world.journal.append(state.cluster_id, state.position, [forgotten], world.context().envelope(1))
    world.mend()
    before = world.dump()
    prepared = world.prepare_apply()
    assert [step.key.name for step in prepared.plan.steps if step.action is Action.ADOPT] == ["workers-0"]
    world.cloud.on("create", Kind.LOAD_BALANCER, before=NO)
    failed = world.failing(lambda: world.carry_out(prepared, ev.OperationKind.APPLY))
    assert not failed.partial
    assert world.dump() == before
    world.mend()
    world.apply()
    world.assert_converged()


def test_what_others_have_in_the_account_is_not_touched(world: World) -> None:
    """Neither another cluster of the same store, nor one whose name begins like ours."""
    for number, name in enumerate(("web-2", "we"), start=1):
        other = msgspec.structs.replace(
            spec(name, rich=False),
            network=msgspec.structs.replace(spec().network, subnets=(), cidr=f"10.9{number}.0.0/20"),
        )
        world.create(other)
    before = world.dump()
    world.cloud.on("create", Kind.RESERVED_IP_ASSIGNMENT, before=NO)
    failed = world.failing(world.create)
    assert not failed.partial
    assert world.dump() == before


def test_a_rollback_removes_newest_first_and_only_by_id(world: World) -> None:
    world.pace = replace(world.pace, parallel=1)
    world.cloud.on("create", Kind.RESERVED_IP_ASSIGNMENT, before=NO)
    world.failing(world.create)
    made = [event.resource_id for event in world.events(ev.ResourceProvisioned) if event.owned]
    removed = [name for method, _, name in world.cloud.calls if method == "delete"]
    assert removed == made[::-1]
    compensating = [event for event in world.events(ev.StepStarted) if event.compensates]
    assert [event.resource_id for event in compensating] == removed
    assert len({event.step for event in world.events(ev.StepStarted)}) == len(world.events(ev.StepStarted))


# ── after a deletion there is no way back ────────────────────────────────────────────────────


def shrunk() -> ClusterSpec:
    """Return a spec that adds a pool and takes two workers away."""
    return msgspec.structs.replace(with_count(spec(), 1), pools=(*with_count(spec(), 1).pools, _pool(spec())))


@pytest.mark.parametrize("nth", [1, 2])
def test_a_failure_after_a_deletion_leaves_what_is_done(world: World, nth: int) -> None:
    world.create(spec(workers=3))
    before = world.dump()
    prepared = world.prepare_apply(shrunk())
    deletions = [step for step in prepared.plan.steps if step.action is Action.DELETE]
    assert len(deletions) == 2
    world.pace = replace(world.pace, parallel=1)
    world.cloud.on("delete", Kind.SERVER, nth=nth, before=NO)
    failed = world.failing(lambda: world.carry_out(prepared, ev.OperationKind.APPLY))
    if nth == 1:
        assert not failed.partial, "nothing was deleted yet: all is taken back"
        assert world.dump() == before
    else:
        assert failed.partial
        assert failed.done == len(prepared.plan.steps) - 1
        assert world.last_outcome().outcome is ev.Outcome.PARTIAL
        assert not [event for event in world.events(ev.StepStarted) if event.compensates]
        assert "web-extra-0" in "".join(item["name"] for item in world.dump())
    world.mend()
    world.apply()
    world.assert_converged()


def test_a_deletion_whose_end_nobody_saw_counts_as_one(world: World) -> None:
    """It was accepted: what was made is not taken back, and the report names what is going."""
    world.create(spec(workers=2))
    server = world.state().bindings[Key(Kind.SERVER, "workers-1")].resource_id
    world.cloud.on("observe", Kind.SERVER, server, before=Denied("sandbox", "no", 403), times=99)
    prepared = world.prepare_apply(with_count(spec(), 1))
    failed = world.failing(lambda: world.carry_out(prepared, ev.OperationKind.SCALE))
    assert failed.partial
    assert [item.split(" ")[0] for item in failed.left] == ["server/workers-1"]
    assert world.last_outcome().outcome is ev.Outcome.PARTIAL
    world.mend()
    world.apply()
    world.assert_converged()


def test_a_deletion_that_may_have_happened_counts_as_one(world: World) -> None:
    world.create(spec(workers=2))
    world.cloud.on("delete", Kind.SERVER, after=LOST)
    world.cloud.on("delete", Kind.SERVER, nth=2, before=Denied("sandbox", "no", 403), times=99)
    prepared = world.prepare_apply(msgspec.structs.replace(with_count(shrunk(), 1)))
    failed = world.failing(lambda: world.carry_out(prepared, ev.OperationKind.APPLY))
    assert failed.partial
    assert world.last_outcome().outcome is ev.Outcome.PARTIAL
    assert not [event for event in world.events(ev.StepStarted) if event.compensates]
    world.mend()
    world.apply()
    world.assert_converged()


def test_a_server_that_never_goes_times_out(new_world: Callable[..., World]) -> None:
    world = new_world(parallel=2)
    world.create(spec(workers=2, rich=False))
    world.sandbox._timing._scale = 10_000.0
    failed = world.failing(lambda: world.scale(1))
    assert isinstance(failed.cause, TimedOut)
    assert failed.partial
    world.clock.sleep(1e6)
    world.sandbox._timing._scale = 0.0
    world.apply()
    world.assert_converged()


@pytest.mark.parametrize("error", [NO, AWAY, LOST, Denied("sandbox", "no", 403)], ids=lambda e: e.message)
def test_deleting_fails_at_every_step_and_goes_on_later(
    new_world: Callable[..., World], error: CloudError
) -> None:
    probe = new_world()
    probe.add_foreign_key()
    probe.create()
    steps = [step for step in probe.prepare_delete().plan.steps if step.action is Action.DELETE]
    for index, planned in enumerate(steps):
        world = new_world(parallel=1 + index % 4)
        world.add_foreign_key()
        foreign = world.dump()
        world.create()
        prepared = world.prepare_delete()
        step = prepared.plan.steps[planned.id - 1]
        lost = error.ambiguous
        world.cloud.on(
            "delete",
            step.key.kind,
            step.resource_id,
            before=None if lost else error,
            after=error if lost else None,
            times=99,
        )
        if lost:
            world.carry_out(prepared, ev.OperationKind.DELETE)
        else:
            before = world.dump()
            failed = world.failing(partial(world.carry_out, prepared, ev.OperationKind.DELETE))
            assert failed.partial == (world.dump() != before)
            assert not world.journal.claims()[0].released, "the name is held until everything is gone"
            world.mend()
            world.delete()
        assert world.dump() == foreign
        assert world.journal.claims()[0].released
        world.close()
