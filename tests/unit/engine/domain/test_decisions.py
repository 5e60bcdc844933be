"""Decisions: what is said in the log when something is wanted, and what is refused."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.decisions import (
    LEASE_SECONDS,
    SILENT_LEASE_SECONDS,
    amend,
    declare,
    refuse_if_held,
    retire,
    scaled,
)
from kubisnap.engine.domain.model import ClusterSpec, NetworkSpec, Placement, canonical
from kubisnap.engine.domain.state import ClusterState, apply_event, fold
from kubisnap.engine.domain.times import timestamp
from kubisnap.engine.errors import InvalidInput, Locked, NotFound, Refused
from tests.property.strategies import recorded
from tests.unit.engine.examples import CLUSTER, CONTROL_PLANE, SPEC, WORKERS, changed, with_workers

NOW = 1_700_000_000_000_000
VOLUME = msgspec.structs.replace(SPEC.volumes[0], size_gib=200)
GUARD = msgspec.structs.replace(SPEC.firewalls[0], allow=())
NETWORK = NetworkSpec(cidr="10.161.0.0/20")


@pytest.fixture
def state() -> ClusterState:
    return fold(recorded(declare(SPEC, cluster_id=CLUSTER.id)))


def test_a_declaration_begins_with_the_cluster_and_its_network() -> None:
    origin = ev.Origin(archive="sha256:x", cluster_id="0" * 32, cluster_name="old", position=9)
    head, network, *parts = declare(SPEC, cluster_id=CLUSTER.id, origin=origin)

    assert head == ev.ClusterDeclared(
        cluster_id=CLUSTER.id, name="web", kubernetes="1.34", placement=SPEC.placement, origin=origin
    )
    assert network == ev.NetworkDeclared(network=SPEC.network)
    assert {event.FAMILY for event in parts} == {"intent"}
    assert len(parts) == 7


CHANGES: dict[str, tuple[ClusterSpec, Sequence[Any]]] = {
    "nothing": (SPEC, []),
    "more servers": (with_workers(count=5), [ev.ServerPoolScaled(pool="workers", before=3, count=5)]),
    "no servers": (with_workers(count=0), [ev.ServerPoolScaled(pool="workers", before=3, count=0)]),
    "another script": (
        with_workers(bootstrap="x"),
        [ev.ServerPoolDeclared(pool=msgspec.structs.replace(WORKERS, bootstrap="x"))],
    ),
    "another script and more servers": (
        with_workers(bootstrap="x", count=5),
        [ev.ServerPoolDeclared(pool=msgspec.structs.replace(WORKERS, bootstrap="x", count=5))],
    ),
    "another Kubernetes": (
        changed(kubernetes="1.35"),
        [ev.KubernetesVersionDeclared(before="1.34", version="1.35")],
    ),
    "another network": (changed(network=NETWORK), [ev.NetworkDeclared(network=NETWORK)]),
    "a bigger volume": (changed(volumes=(VOLUME,)), [ev.VolumeDeclared(volume=VOLUME)]),
    "other rules": (changed(firewalls=(GUARD,)), [ev.FirewallDeclared(firewall=GUARD)]),
    "one pool less": (changed(pools=(CONTROL_PLANE,)), [ev.PartWithdrawn(part=ev.Part.POOL, name="workers")]),
    "another name for a pool": (
        changed(pools=(CONTROL_PLANE, msgspec.structs.replace(WORKERS, name="nodes"))),
        [
            ev.ServerPoolDeclared(pool=msgspec.structs.replace(WORKERS, name="nodes")),
            ev.PartWithdrawn(part=ev.Part.POOL, name="workers"),
        ],
    ),
    "nothing around the servers": (
        changed(ssh_keys=(), firewalls=(), load_balancers=(), volumes=(), reserved_ips=()),
        [
            ev.PartWithdrawn(part=ev.Part.SSH_KEY, name="admin"),
            ev.PartWithdrawn(part=ev.Part.FIREWALL, name="guard"),
            ev.PartWithdrawn(part=ev.Part.LOAD_BALANCER, name="entry"),
            ev.PartWithdrawn(part=ev.Part.VOLUME, name="data"),
            ev.PartWithdrawn(part=ev.Part.RESERVED_IP, name="api"),
        ],
    ),
    "another order of pools": (changed(pools=(WORKERS, CONTROL_PLANE)), []),
}


@pytest.mark.parametrize(("wanted", "said"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_said_in_as_few_words_as_it_takes(
    state: ClusterState, wanted: ClusterSpec, said: Sequence[Any]
) -> None:
    events = amend(state, wanted)

    assert events == said
    for item in recorded(events, after=state.position):
        apply_event(state, item)
    assert state.spec() == canonical(wanted)


def test_a_cluster_keeps_its_name(state: ClusterState) -> None:
    with pytest.raises(Refused, match="the cluster is called 'web', the specification says 'shop'") as caught:
        amend(state, changed(name="shop"))
    assert "kubisnap create shop" in caught.value.hint


@pytest.mark.parametrize(
    ("placement", "target"),
    [
        (Placement(cloud="acme", region="west"), "--on acme:west"),
        (Placement(cloud="other", region="east"), "--on other:east"),
        (Placement(cloud="other", place="paris"), "--on other:REGION"),
    ],
)
def test_a_cluster_does_not_move_in_place_and_the_way_to_move_it_is_told(
    state: ClusterState, placement: Placement, target: str
) -> None:
    with pytest.raises(Refused, match="web is on acme/east; a cluster does not move in place") as caught:
        amend(state, changed(placement=placement))
    assert "kubisnap capture web" in caught.value.hint
    assert target in caught.value.hint


def test_a_cluster_that_is_being_deleted_takes_no_changes(state: ClusterState) -> None:
    for item in recorded(retire(state), after=state.position):
        apply_event(state, item)

    assert retire(state) == []
    with pytest.raises(Refused, match="web is being deleted"):
        amend(state, SPEC)
    with pytest.raises(Refused, match="web is being deleted"):
        scaled(state, {"workers": 1})


def test_scaling_changes_counts_only(state: ClusterState) -> None:
    assert scaled(state, {"workers": 0, "cp": 3}) == canonical(
        changed(
            pools=(msgspec.structs.replace(CONTROL_PLANE, count=3), msgspec.structs.replace(WORKERS, count=0))
        )
    )
    assert scaled(state, {}) == state.spec()


def test_a_pool_that_there_is_not_cannot_be_scaled(state: ClusterState) -> None:
    with pytest.raises(NotFound, match="no pool 'nodes'") as caught:
        scaled(state, {"nodes": 1})
    assert caught.value.known == ("cp", "workers")


def test_a_pool_cannot_have_fewer_servers_than_none(state: ClusterState) -> None:
    with pytest.raises(InvalidInput, match="a pool cannot have -1 servers") as caught:
        scaled(state, {"workers": -1})
    assert caught.value.field == "workers"


# ── one writer at a time ─────────────────────────────────────────────────────────────────────────


@pytest.fixture
def held(state: ClusterState) -> ClusterState:
    started = ev.OperationStarted(
        kind=ev.OperationKind.APPLY, summary="", holder=ev.Holder(host="laptop", pid=7), tool="t"
    )
    for item in recorded([started], operation=2, after=state.position):
        apply_event(state, item)
    return state


def later(state: ClusterState, seconds: int) -> int:
    assert state.open is not None
    return state.open.last_event + seconds * 1_000_000


def test_nobody_holds_a_cluster_on_which_nothing_runs(state: ClusterState) -> None:
    refuse_if_held(state, now=NOW, holder_alive=None)


def leased(state: ClusterState, seconds: int) -> ClusterState:
    assert state.open is not None
    state.open.lease_seconds = seconds
    return state


@pytest.mark.parametrize("alive", [True, None])
def test_a_holder_keeps_the_cluster_until_its_lease_ends(held: ClusterState, *, alive: bool | None) -> None:
    leased(held, LEASE_SECONDS)
    for silence in (0, LEASE_SECONDS - 1):
        with pytest.raises(Locked) as caught:
            refuse_if_held(held, now=later(held, silence), holder_alive=alive)
        assert caught.value.expires == timestamp(later(held, LEASE_SECONDS))
        assert str(caught.value).startswith(
            "web is being changed by ada: #2 apply, process 7 on laptop, since 2023-11-14T"
        )
        assert "kubisnap log web" in caught.value.hint


@pytest.mark.parametrize("alive", [True, None])
def test_a_lease_that_ended_protects_nobody(held: ClusterState, *, alive: bool | None) -> None:
    """A process of that number may be there and be somebody else's, or asleep: the fence stops it then."""
    refuse_if_held(leased(held, LEASE_SECONDS), now=later(held, LEASE_SECONDS), holder_alive=alive)


@pytest.mark.parametrize("silence", [0, LEASE_SECONDS])
def test_a_dead_holder_lets_go_at_once(held: ClusterState, silence: int) -> None:
    refuse_if_held(leased(held, LEASE_SECONDS), now=later(held, silence), holder_alive=False)


def test_an_operation_of_a_version_without_leases_lets_go_after_a_long_silence(held: ClusterState) -> None:
    leased(held, 0)
    with pytest.raises(Locked) as caught:
        refuse_if_held(held, now=later(held, SILENT_LEASE_SECONDS) - 1, holder_alive=None)
    assert caught.value.expires == timestamp(later(held, SILENT_LEASE_SECONDS))
    refuse_if_held(held, now=later(held, SILENT_LEASE_SECONDS), holder_alive=None)
