"""Drift: what somebody else changed is seen, recorded and shown, and treated as the rules say."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.model import ClusterSpec, DriftPolicy, DriftRule
from kubisnap.engine.domain.resources import Key, Kind
from kubisnap.engine.operations.changing import Prepared
from kubisnap.engine.operations.drift import Drift
from kubisnap.engine.operations.steps import Action
from tests.unit.engine.world import ProcessDied, World, spec, with_count

FIREWALL = Key(Kind.FIREWALL, "nodes")
VOLUME = Key(Kind.VOLUME, "data")
ATTACHMENT = Key(Kind.VOLUME_ATTACHMENT, "data")
ASSIGNMENT = Key(Kind.RESERVED_IP_ASSIGNMENT, "entry")
BALANCER = Key(Kind.LOAD_BALANCER, "front")
SERVER = Key(Kind.SERVER, "workers-0")
OPEN_DOOR: dict[str, Any] = {"protocol": "tcp", "ports": "22", "sources": ["0.0.0.0/0"]}


def ruled(policies: dict[str, str], cluster: ClusterSpec | None = None) -> ClusterSpec:
    """Return the cluster with rules about drift."""
    rules = tuple(DriftRule(kind=kind, policy=DriftPolicy(policy)) for kind, policy in policies.items())
    return msgspec.structs.replace(cluster or spec(), drift=rules)


def change(world: World, key: Key, **properties: Any) -> None:
    """Change a resource at the cloud, as somebody with a browser would."""
    with world.sandbox._writing() as session:
        row = session.get(key.kind, world.state().bindings[key].resource_id)
        assert row is not None
        assert properties.keys() <= row.body.properties.keys()
        body = msgspec.structs.replace(row.body, properties={**row.body.properties, **properties})
        session.change(msgspec.structs.replace(row, body=body))


def remove(world: World, *keys: Key) -> None:
    for key in keys:
        world.sandbox.delete(key.kind, world.state().bindings[key].resource_id)
    world.clock.sleep(60.0)


def drift_of(prepared: Prepared) -> Drift:
    (drift,) = prepared.drift
    return drift


def told(world: World) -> list[ev.DriftObserved]:
    return world.events(ev.DriftObserved)


def properties(world: World, key: Key) -> dict[str, Any]:
    seen = world.sandbox.observe(key.kind, world.state().bindings[key].resource_id)
    assert seen is not None
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(seen.properties))
    return plain


# ── without a rule ───────────────────────────────────────────────────────────────────────────────


def test_a_cluster_that_nobody_touched_has_no_drift(world: World) -> None:
    world.create()
    prepared = world.prepare_apply()
    assert prepared.drift == ()
    assert prepared.empty


def test_what_can_be_changed_back_in_place_is_recorded_and_brought_back(world: World) -> None:
    world.create()
    change(world, FIREWALL, rules=[OPEN_DOOR])
    prepared = world.prepare_apply()
    drift = drift_of(prepared)
    assert (drift.key, drift.policy, drift.missing) == (FIREWALL, DriftPolicy.REVERT, False)
    assert [step.action for step in prepared.plan.steps] == [Action.UPDATE]
    assert told(world) == []  # looking writes nothing

    world.apply()
    (event,) = told(world)
    (field,) = event.changes
    assert (event.key, event.policy, field.field) == (FIREWALL, DriftPolicy.REVERT, "rules")
    assert msgspec.json.decode(field.after) == [OPEN_DOOR]
    world.assert_converged()
    assert world.state().drifted == {}


def test_drift_stands_in_the_log_before_anything_is_done_about_it(world: World) -> None:
    world.create()
    change(world, FIREWALL, rules=[])
    world.apply()
    kinds = [type(item.event) for item in world.log()]
    assert kinds.index(ev.DriftObserved) < kinds.index(ev.ResourceUpdated)
    assert kinds.index(ev.DriftObserved) > len(kinds) - kinds[::-1].index(ev.OperationStarted) - 1


def test_what_would_have_to_be_replaced_is_told_and_stays(world: World) -> None:
    """Nobody loses a disk because somebody resized a server."""
    world.create()
    change(world, SERVER, size="sb-4x8")
    drift = drift_of(world.prepare_apply())
    assert drift.policy is DriftPolicy.WARN
    assert "it would be replaced" in drift.note
    server = world.state().bindings[SERVER].resource_id

    world.apply()
    assert world.state().bindings[SERVER].resource_id == server
    assert properties(world, SERVER)["size"] == "sb-4x8"
    assert [event.key for event in told(world)] == [SERVER]


def test_a_volume_that_somebody_grew_stops_nobody(world: World) -> None:
    world.create()
    change(world, VOLUME, size_gib=20)
    drift = drift_of(world.prepare_apply())
    assert (drift.policy, drift.stays) == (DriftPolicy.WARN, True)
    world.apply(with_count(spec(), 2))
    assert properties(world, VOLUME)["size_gib"] == 20
    assert Key(Kind.SERVER, "workers-1") in world.state().bindings


def test_what_is_gone_is_made_again(world: World) -> None:
    world.create()
    remove(world, BALANCER)
    drift = drift_of(world.prepare_apply())
    assert (drift.policy, drift.missing) == (DriftPolicy.REVERT, True)
    world.apply()
    assert [(event.key, event.missing) for event in told(world)] == [(BALANCER, True)]
    world.assert_converged()


# ── once told ────────────────────────────────────────────────────────────────────────────────────


def test_the_same_drift_is_recorded_once_and_shown_each_time(world: World) -> None:
    world.create()
    change(world, SERVER, size="sb-4x8")
    world.apply()
    prepared = world.prepare_apply()
    assert drift_of(prepared).key == SERVER
    assert prepared.empty
    world.apply(with_count(spec(), 2))
    assert len(told(world)) == 1


def test_drift_that_is_over_is_recorded_as_over(world: World) -> None:
    world.create()
    size = properties(world, SERVER)["size"]
    change(world, SERVER, size="sb-4x8")
    world.apply()
    change(world, SERVER, size=size)
    prepared = world.prepare_apply()
    assert prepared.drift == ()
    assert not prepared.empty
    world.apply()
    assert told(world)[-1] == ev.DriftObserved(
        key=SERVER, resource_id=world.state().bindings[SERVER].resource_id, policy=DriftPolicy.WARN
    )
    assert world.state().drifted == {}
    assert world.prepare_apply().empty


# ── rules ────────────────────────────────────────────────────────────────────────────────────────


def test_ignored_drift_is_neither_told_nor_touched(world: World) -> None:
    world.create(ruled({"firewall": "ignore", "load-balancer": "ignore"}))
    change(world, FIREWALL, rules=[OPEN_DOOR])
    remove(world, BALANCER)
    assert world.prepare_apply().empty
    world.apply(ruled({"firewall": "ignore", "load-balancer": "ignore"}, with_count(spec(), 2)))
    assert told(world) == []
    assert properties(world, FIREWALL)["rules"] == [OPEN_DOOR]
    assert not any(item["kind"] == "load-balancer" for item in world.dump())


def test_drift_to_be_warned_of_is_told_and_not_touched(world: World) -> None:
    world.create(ruled({"firewall": "warn", "load-balancer": "warn"}))
    change(world, FIREWALL, rules=[OPEN_DOOR])
    remove(world, BALANCER)
    world.apply()
    assert [(event.key, event.missing) for event in told(world)] == [(FIREWALL, False), (BALANCER, True)]
    assert properties(world, FIREWALL)["rules"] == [OPEN_DOOR]
    assert world.state().drifted.keys() == {FIREWALL, BALANCER}
    assert world.prepare_apply().empty


def test_a_server_is_replaced_where_the_rules_ask_for_it(world: World) -> None:
    world.create(ruled({"server": "revert"}))
    size = properties(world, SERVER)["size"]
    change(world, SERVER, size="sb-4x8")
    prepared = world.prepare_apply()
    assert drift_of(prepared).policy is DriftPolicy.REVERT
    assert any(step.irreversible for step in prepared.plan.steps)
    world.apply()
    assert properties(world, SERVER)["size"] == size
    world.assert_converged()


@pytest.mark.parametrize(
    ("key", "field", "value", "said"),
    [
        (FIREWALL, "rules", [OPEN_DOOR], lambda cluster: cluster.firewalls[0].allow[0].sources),
        (VOLUME, "size_gib", 20, lambda cluster: cluster.volumes[0].size_gib),
        (
            BALANCER,
            "forward",
            [{"port": 81, "target_port": 30081, "protocol": "tcp"}],
            lambda cluster: cluster.load_balancers[0].forward[0].port,
        ),
    ],
)
def test_adopted_drift_is_declared_from_then_on(
    world: World, key: Key, field: str, value: Any, said: Callable[[ClusterSpec], Any]
) -> None:
    world.create(ruled({key.kind.value: "adopt"}))
    before = said(world.state().spec())
    change(world, key, **{field: value})
    prepared = world.prepare_apply()
    assert prepared.plan.empty
    assert prepared.intents
    world.apply()
    assert said(world.state().spec()) != before
    assert properties(world, key)[field] == value
    world.assert_converged()
    assert world.state().drifted == {}


@pytest.mark.parametrize(
    ("keys", "left"),
    [
        ([FIREWALL], lambda cluster: cluster.firewalls),
        ([BALANCER], lambda cluster: cluster.load_balancers),
        ([ATTACHMENT, VOLUME], lambda cluster: cluster.volumes),
        (
            [Key(Kind.RESERVED_IP_ASSIGNMENT, "entry"), Key(Kind.RESERVED_IP, "entry")],
            lambda c: c.reserved_ips,
        ),
    ],
)
def test_what_is_gone_and_adopted_is_not_declared_any_more(
    world: World, keys: list[Key], left: Callable[[ClusterSpec], Any]
) -> None:
    world.create(ruled({key.kind.value: "adopt" for key in keys}))
    remove(world, *keys)
    world.apply()
    assert left(world.state().spec()) == ()
    world.assert_converged()


def test_an_attachment_that_is_gone_and_adopted_leaves_a_volume_by_itself(world: World) -> None:
    world.create(ruled({"volume-attachment": "adopt"}))
    remove(world, ATTACHMENT)
    world.apply()
    assert world.state().spec().volumes[0].server == ""
    world.assert_converged()


def test_the_last_servers_of_a_pool_can_be_adopted_as_gone(world: World) -> None:
    world.create(ruled({"server": "adopt"}, spec(workers=4)))
    remove(world, Key(Kind.SERVER, "workers-3"), Key(Kind.SERVER, "workers-2"))
    world.apply()
    assert world.state().spec().pools[1].count == 2
    world.assert_converged()


def test_what_a_specification_has_no_word_for_is_told_and_stays(world: World) -> None:
    """Of three servers the second: there is no pool of the first and the third."""
    world.create(ruled({"server": "adopt"}, spec(workers=3)))
    remove(world, Key(Kind.SERVER, "workers-1"))
    drift = drift_of(world.prepare_apply())
    assert drift.policy is DriftPolicy.WARN
    assert drift.note == "it cannot be adopted: a specification has no word for it"
    world.apply()
    assert world.state().spec().pools[1].count == 3


def test_what_would_make_no_valid_cluster_is_not_adopted(world: World) -> None:
    world.create(ruled({"firewall": "adopt"}))
    change(world, FIREWALL, rules=[{"protocol": "tcp", "ports": "22", "sources": ["droplet:4711"]}])
    drift = drift_of(world.prepare_apply())
    assert drift.policy is DriftPolicy.WARN
    assert "droplet:4711" in drift.note


# ── beside what the operator wants ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize("policy", ["warn", "ignore", "adopt"])
def test_what_the_operator_changes_wins_over_what_somebody_else_did(world: World, policy: str) -> None:
    world.create(ruled({"firewall": policy}))
    change(world, FIREWALL, rules=[OPEN_DOOR])
    wanted = ruled({"firewall": policy})
    rule = msgspec.structs.replace(wanted.firewalls[0].allow[0], ports="443")
    firewall = msgspec.structs.replace(wanted.firewalls[0], allow=(rule,))
    world.apply(msgspec.structs.replace(wanted, firewalls=(firewall,)))
    assert [item["ports"] for item in properties(world, FIREWALL)["rules"]] == ["443"]
    world.assert_converged()


def test_what_the_operator_wants_now_is_taken_as_it_is(world: World) -> None:
    """Somebody opened the port by hand, and declares it afterwards."""
    world.create()
    change(world, FIREWALL, rules=[OPEN_DOOR])
    wanted = spec()
    rule = msgspec.structs.replace(wanted.firewalls[0].allow[0], sources=("0.0.0.0/0",))
    firewall = msgspec.structs.replace(wanted.firewalls[0], allow=(rule,))
    prepared = world.prepare_apply(msgspec.structs.replace(wanted, firewalls=(firewall,)))
    assert (prepared.drift, prepared.plan.steps) == ((), ())
    world.apply(msgspec.structs.replace(wanted, firewalls=(firewall,)))
    assert told(world) == []
    world.assert_converged()


def test_what_is_gone_and_no_longer_wanted_is_forgotten(world: World) -> None:
    world.create(ruled({"load-balancer": "warn"}))
    remove(world, BALANCER)
    world.apply()
    world.apply(msgspec.structs.replace(ruled({"load-balancer": "warn"}), load_balancers=()))
    assert BALANCER not in world.state().bindings
    assert world.state().drifted == {}
    world.assert_converged()


def test_what_is_gone_and_should_stay_away_is_made_where_something_new_needs_it(world: World) -> None:
    world.create(ruled({"firewall": "warn"}))
    remove(world, FIREWALL)
    assert drift_of(world.prepare_apply()).stays
    prepared = world.prepare_apply(ruled({"firewall": "warn"}, with_count(spec(), 2)))
    assert drift_of(prepared).note == "something new needs it"
    world.apply(ruled({"firewall": "warn"}, with_count(spec(), 2)))
    world.assert_converged()


def test_what_went_with_a_server_that_stays_away_stays_away_too(world: World) -> None:
    world.create(ruled({"server": "warn"}))
    remove(world, Key(Kind.SERVER, "control-plane-0"))
    prepared = world.prepare_apply()
    assert all(drift.stays for drift in prepared.drift)
    assert {drift.key.kind for drift in prepared.drift} >= {Kind.SERVER, Kind.VOLUME_ATTACHMENT}
    assert prepared.plan.empty


# ── not drift ────────────────────────────────────────────────────────────────────────────────────


def test_an_update_whose_end_nobody_saw_is_not_somebody_elses(new_world: Callable[..., World]) -> None:
    world = new_world()
    world.create()
    wanted = spec()
    rule = msgspec.structs.replace(wanted.firewalls[0].allow[0], ports="443")
    firewall = msgspec.structs.replace(wanted.firewalls[0], allow=(rule,))
    world.cloud.on("update", Kind.FIREWALL, after=ProcessDied())
    world.journal._insert, insert = _refusing(world), world.journal._insert  # type: ignore[method-assign]
    with pytest.raises(ProcessDied):
        world.apply(msgspec.structs.replace(wanted, firewalls=(firewall,)))
    world.journal._insert = insert  # type: ignore[method-assign]
    world.reopen()
    world.mend()

    prepared = world.prepare_apply()
    assert prepared.drift == ()
    world.apply()
    assert told(world) == []
    world.assert_converged()


def _refusing(world: World) -> Callable[..., None]:
    """Return a way to write that ends with the process."""
    insert = world.journal._insert

    def write(expected: int, recorded: Any) -> None:
        if world.cloud.count("update"):
            raise ProcessDied
        insert(expected, recorded)

    return write


def test_a_dead_process_is_put_to_rest_even_where_nothing_is_left_to_do(world: World) -> None:
    world.create()
    last = world.journal._insert

    def dying(expected: int, recorded: Any) -> None:
        if any(isinstance(item.event, ev.OperationFinished) for item in recorded):
            raise ProcessDied
        last(expected, recorded)

    world.journal._insert = dying  # type: ignore[method-assign]
    with pytest.raises(ProcessDied):
        world.scale(2)
    world.journal._insert = last  # type: ignore[method-assign]
    prepared = world.prepare_apply()
    assert prepared.plan.empty
    assert not prepared.empty
    world.apply()
    assert world.state().pending() is None
    assert world.prepare_apply().empty
