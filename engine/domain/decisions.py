"""Decisions: a state and a wish give events, or a refusal. Pure.

`amend` is the heart: it compares what is declared with what is wanted and says the difference in
intent events, so that folding them gives exactly what was wanted.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

import msgspec

from ..errors import InvalidInput, Locked, NotFound, NothingUnfinished, Refused
from . import events as ev
from .model import (
    ClusterSpec,
    FirewallSpec,
    LoadBalancerSpec,
    PoolSpec,
    ReservedIpSpec,
    SshKeySpec,
    VolumeSpec,
    canonical,
)
from .state import ClusterState, OpenOperation
from .times import ago, timestamp

LEASE_SECONDS = 120
"""How long an operation holds its cluster after its last event; a living one writes more often."""

SILENT_LEASE_SECONDS = 15 * 60
"""The same for the operations of versions that knew no leases and wrote nothing while they waited."""


class _Named(Protocol):
    @property
    def name(self) -> str: ...


_N = TypeVar("_N", bound=_Named)


def declare(spec: ClusterSpec, *, cluster_id: str, origin: ev.Origin | None = None) -> list[ev.AnyEvent]:
    """Return the intent events that bring a new cluster into being."""
    spec = canonical(spec)
    head = ev.ClusterDeclared(
        cluster_id=cluster_id,
        name=spec.name,
        kubernetes=spec.kubernetes,
        placement=spec.placement,
        origin=origin,
    )
    blank = ClusterState(
        cluster_id=cluster_id, name=spec.name, kubernetes=spec.kubernetes, placement=spec.placement
    )
    policy = [ev.DriftPolicyDeclared(drift=spec.drift)] if spec.drift else []
    return [head, ev.NetworkDeclared(network=spec.network), *policy, *_parts(blank, spec)]


def amend(state: ClusterState, spec: ClusterSpec) -> list[ev.AnyEvent]:
    """Return the intent events that turn what is declared into `spec`; none if they are equal.

    Raises `Refused` for what cannot be changed in a living cluster: its name and its place.
    """
    spec = canonical(spec)
    _refuse_if_retired(state)
    if spec.name != state.name:
        raise Refused(
            f"the cluster is called {state.name!r}, the specification says {spec.name!r}",
            f"kubisnap create {spec.name}      for another cluster",
        )
    placement = state.placement
    if placement is not None and (spec.placement.cloud, spec.placement.region) != (
        placement.cloud,
        placement.region,
    ):
        raise Refused(
            f"{state.name} is on {placement.cloud}/{placement.region}; a cluster does not move in place",
            f"kubisnap capture {state.name} --out {state.name}.ksnap, then "
            f"kubisnap restore {state.name}.ksnap --as NEWNAME "
            f"--on {spec.placement.cloud}:{spec.placement.region or 'REGION'}",
        )
    return _differences(state, spec)


def _differences(state: ClusterState, spec: ClusterSpec) -> list[ev.AnyEvent]:
    events: list[ev.AnyEvent] = []
    if spec.kubernetes != state.kubernetes:
        events.append(ev.KubernetesVersionDeclared(before=state.kubernetes, version=spec.kubernetes))
    if spec.network != state.spec().network:
        events.append(ev.NetworkDeclared(network=spec.network))
    if spec.drift != state.spec().drift:
        events.append(ev.DriftPolicyDeclared(drift=spec.drift))
    return [*events, *_parts(state, spec)]


def withdraw(state: ClusterState) -> list[ev.AnyEvent]:
    """Return the intent events that bring back what was declared before the unfinished operations.

    A cluster that they brought into being is retired. Raises `NothingUnfinished`.
    """
    pending = state.pending()
    if pending is None:
        raise NothingUnfinished(state.name)
    before = pending.before
    if not before.declared:
        return retire(state)
    events: list[ev.AnyEvent] = []
    if state.retired and not before.retired:
        events.append(ev.RetirementWithdrawn())
    return [*events, *_differences(state, before.spec())]


def _parts(state: ClusterState, spec: ClusterSpec) -> list[ev.AnyEvent]:
    """Say what differs in the named parts, declarations first, withdrawals last."""
    events: list[ev.AnyEvent] = []
    gone: list[ev.AnyEvent] = []

    def compare(part: ev.Part, now: Mapping[str, _N], wanted: Sequence[_N]) -> list[_N]:
        gone.extend(
            ev.PartWithdrawn(part=part, name=name)
            for name in sorted(now.keys() - {item.name for item in wanted})
        )
        return [item for item in wanted if now.get(item.name) != item]

    declared = state.spec()
    pools = _by_name(declared.pools)
    events.extend(
        ev.SshKeyDeclared(ssh_key=key)
        for key in compare(ev.Part.SSH_KEY, _by_name(declared.ssh_keys), spec.ssh_keys)
    )
    events.extend(
        _pool_event(pools.get(pool.name), pool) for pool in compare(ev.Part.POOL, pools, spec.pools)
    )
    events.extend(
        ev.FirewallDeclared(firewall=firewall)
        for firewall in compare(ev.Part.FIREWALL, _by_name(declared.firewalls), spec.firewalls)
    )
    events.extend(
        ev.LoadBalancerDeclared(load_balancer=balancer)
        for balancer in compare(ev.Part.LOAD_BALANCER, _by_name(declared.load_balancers), spec.load_balancers)
    )
    events.extend(
        ev.VolumeDeclared(volume=volume)
        for volume in compare(ev.Part.VOLUME, _by_name(declared.volumes), spec.volumes)
    )
    events.extend(
        ev.ReservedIpDeclared(reserved_ip=address)
        for address in compare(ev.Part.RESERVED_IP, _by_name(declared.reserved_ips), spec.reserved_ips)
    )
    return events + gone


_T = TypeVar("_T", SshKeySpec, PoolSpec, FirewallSpec, LoadBalancerSpec, VolumeSpec, ReservedIpSpec)


def _by_name(items: Sequence[_T]) -> dict[str, _T]:
    return {item.name: item for item in items}


def _pool_event(before: PoolSpec | None, pool: PoolSpec) -> ev.AnyEvent:
    if before is not None and msgspec.structs.replace(before, count=pool.count) == pool:
        return ev.ServerPoolScaled(pool=pool.name, before=before.count, count=pool.count)
    return ev.ServerPoolDeclared(pool=pool)


def scaled(state: ClusterState, counts: Mapping[str, int]) -> ClusterSpec:
    """Return the declared spec with other server counts.

    Raises `NotFound` for an unknown pool and `InvalidInput` for a count that cannot be.
    """
    _refuse_if_retired(state)
    spec = state.spec()
    for name, count in counts.items():
        if spec.pool(name) is None:
            raise NotFound("pool", name, tuple(pool.name for pool in spec.pools))
        if count < 0:
            raise InvalidInput(f"{name}", f"a pool cannot have {count} servers")
    pools = tuple(
        msgspec.structs.replace(pool, count=counts.get(pool.name, pool.count)) for pool in spec.pools
    )
    return msgspec.structs.replace(spec, pools=pools)


def retire(state: ClusterState) -> list[ev.AnyEvent]:
    """Return the events that declare the cluster unwanted; none if that was said before."""
    return [] if state.retired else [ev.ClusterRetired()]


def _refuse_if_retired(state: ClusterState) -> None:
    if not state.retired:
        return
    pending = state.pending()
    back = "to keep what is left of it"
    if pending is not None and not pending.before.declared:  # its creation was being taken back
        back = "to finish taking it back"
    raise Refused(
        f"{state.name} is being deleted",
        f"kubisnap delete {state.name}      to finish it\nkubisnap apply {state.name} --abandon      {back}",
    )


def free_at(held: OpenOperation) -> int:
    """Return when an operation's lease ends unless it writes again, in microseconds since 1970 UTC."""
    return held.last_event + (held.lease_seconds or SILENT_LEASE_SECONDS) * 1_000_000


def refuse_if_held(state: ClusterState, *, now: int, holder_alive: bool | None) -> None:
    """Raise `Locked` while another operation on the cluster is, or may be, running.

    `now` in microseconds; `holder_alive` says whether the holder's process runs, None where that
    cannot be seen from here (another host). A lease that has run out does not protect even a process
    that is there: it sleeps, or its number belongs to somebody else by now. Should it wake, its next
    event is refused (the position has moved), and it starts nothing more.
    """
    held = state.open
    if held is None or holder_alive is False or now >= free_at(held):
        return
    raise Locked(
        cluster=state.name,
        operation=held.number,
        operation_kind=held.kind.value,
        actor=held.actor,
        holder=str(held.holder),
        since=timestamp(held.started),
        expires=timestamp(free_at(held)),
        age=ago((now - held.started) // 1_000_000),
    )
