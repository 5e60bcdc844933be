"""The state of a cluster: the fold of its log.

`apply_event` changes a `ClusterState` in place, so that folding a long log copies nothing; `fold`
starts from nothing and is the function that everything else means by "the state". Pure: the same
events give the same state, today and in ten years.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from . import events as ev
from .model import (
    ClusterSpec,
    FirewallSpec,
    LoadBalancerSpec,
    NetworkSpec,
    Placement,
    PoolSpec,
    ReservedIpSpec,
    SshKeySpec,
    VolumeSpec,
    canonical,
)
from .resources import ClusterRef, Key, Resource


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """A logical resource and what it is at the cloud. `resource` is the spec last applied."""

    resource_id: str
    provider_name: str
    resource: Resource
    owned: bool
    version: int
    ready: bool = False
    attributes: dict[str, str] = {}


@dataclass
class OpenStep:
    """A step with no outcome yet."""

    action: str
    key: Key
    resource_id: str
    version: int
    compensates: bool


@dataclass
class OpenOperation:
    """An operation that has started and not ended."""

    number: int
    kind: ev.OperationKind
    actor: str
    holder: ev.Holder
    started: int
    last_event: int
    version: int
    steps: dict[int, OpenStep] = field(default_factory=dict)
    made: dict[Key, str] = field(default_factory=dict)


@dataclass
class ClusterState:
    """What the log says about one cluster, up to `position` (0: nothing)."""

    position: int = 0
    cluster_id: str = ""
    name: str = ""
    kubernetes: str = ""
    placement: Placement | None = None
    origin: ev.Origin | None = None
    network: NetworkSpec = NetworkSpec()  # noqa: RUF009 - frozen
    ssh_keys: dict[str, SshKeySpec] = field(default_factory=dict)
    firewalls: dict[str, FirewallSpec] = field(default_factory=dict)
    pools: dict[str, PoolSpec] = field(default_factory=dict)
    load_balancers: dict[str, LoadBalancerSpec] = field(default_factory=dict)
    volumes: dict[str, VolumeSpec] = field(default_factory=dict)
    reserved_ips: dict[str, ReservedIpSpec] = field(default_factory=dict)
    retired: bool = False
    gone: bool = False
    account: str = ""
    bindings: dict[Key, Binding] = field(default_factory=dict)
    operations: int = 0
    open: OpenOperation | None = None
    snapshots: int = 0
    updated: int = 0

    @property
    def declared(self) -> bool:
        """Whether there is a cluster at all."""
        return self.placement is not None

    @property
    def ref(self) -> ClusterRef:
        """Return the cluster's identity at clouds."""
        return ClusterRef(id=self.cluster_id, name=self.name)

    def spec(self) -> ClusterSpec:
        """Return the intent, canonical. Raises ValueError where nothing was declared."""
        if self.placement is None:
            raise ValueError("no cluster was declared in this log")
        return canonical(
            ClusterSpec(
                name=self.name,
                kubernetes=self.kubernetes,
                placement=self.placement,
                network=self.network,
                ssh_keys=tuple(self.ssh_keys.values()),
                firewalls=tuple(self.firewalls.values()),
                pools=tuple(self.pools.values()),
                load_balancers=tuple(self.load_balancers.values()),
                volumes=tuple(self.volumes.values()),
                reserved_ips=tuple(self.reserved_ips.values()),
            )
        )


def _cluster_declared(state: ClusterState, event: ev.ClusterDeclared, _: ev.Recorded) -> None:
    state.cluster_id = event.cluster_id
    state.name = event.name
    state.kubernetes = event.kubernetes
    state.placement = event.placement
    state.origin = event.origin


def _kubernetes(state: ClusterState, event: ev.KubernetesVersionDeclared, _: ev.Recorded) -> None:
    state.kubernetes = event.version


def _network(state: ClusterState, event: ev.NetworkDeclared, _: ev.Recorded) -> None:
    state.network = event.network


def _ssh_key(state: ClusterState, event: ev.SshKeyDeclared, _: ev.Recorded) -> None:
    state.ssh_keys[event.ssh_key.name] = event.ssh_key


def _firewall(state: ClusterState, event: ev.FirewallDeclared, _: ev.Recorded) -> None:
    state.firewalls[event.firewall.name] = event.firewall


def _pool(state: ClusterState, event: ev.ServerPoolDeclared, _: ev.Recorded) -> None:
    state.pools[event.pool.name] = event.pool


def _scaled(state: ClusterState, event: ev.ServerPoolScaled, _: ev.Recorded) -> None:
    pool = state.pools.get(event.pool)
    if pool is None:
        raise ValueError(f"pool {event.pool!r} was scaled before it was declared")
    state.pools[event.pool] = msgspec.structs.replace(pool, count=event.count)


def _balancer(state: ClusterState, event: ev.LoadBalancerDeclared, _: ev.Recorded) -> None:
    state.load_balancers[event.load_balancer.name] = event.load_balancer


def _volume(state: ClusterState, event: ev.VolumeDeclared, _: ev.Recorded) -> None:
    state.volumes[event.volume.name] = event.volume


def _reserved_ip(state: ClusterState, event: ev.ReservedIpDeclared, _: ev.Recorded) -> None:
    state.reserved_ips[event.reserved_ip.name] = event.reserved_ip


def _withdrawn(state: ClusterState, event: ev.PartWithdrawn, _: ev.Recorded) -> None:
    parts: dict[ev.Part, dict[str, Any]] = {
        ev.Part.SSH_KEY: state.ssh_keys,
        ev.Part.FIREWALL: state.firewalls,
        ev.Part.POOL: state.pools,
        ev.Part.LOAD_BALANCER: state.load_balancers,
        ev.Part.VOLUME: state.volumes,
        ev.Part.RESERVED_IP: state.reserved_ips,
    }
    parts[event.part].pop(event.name, None)


def _retired(state: ClusterState, _: ev.ClusterRetired, __: ev.Recorded) -> None:
    state.retired = True


def _started(state: ClusterState, event: ev.OperationStarted, recorded: ev.Recorded) -> None:
    state.operations = max(state.operations, recorded.operation)
    if event.account and not state.bindings:  # nothing lives anywhere yet: the account may be another
        state.account = event.account
    state.open = OpenOperation(
        number=recorded.operation,
        kind=event.kind,
        actor=recorded.actor,
        holder=event.holder,
        started=recorded.time,
        last_event=recorded.time,
        version=recorded.version,
    )


def _finished(state: ClusterState, event: ev.OperationFinished, recorded: ev.Recorded) -> None:
    if state.open is not None and state.open.number == recorded.operation:
        if state.open.kind is ev.OperationKind.DELETE and event.outcome is ev.Outcome.SUCCEEDED:
            state.gone = True
        state.open = None


def _captured(state: ClusterState, _: ev.SnapshotCaptured, __: ev.Recorded) -> None:
    state.snapshots += 1


def _step_started(state: ClusterState, event: ev.StepStarted, recorded: ev.Recorded) -> None:
    if state.open is not None:
        state.open.steps[event.step] = OpenStep(
            event.action, event.key, event.resource_id, recorded.version, event.compensates
        )


def _step_succeeded(state: ClusterState, event: ev.StepSucceeded, _: ev.Recorded) -> None:
    step = state.open.steps.pop(event.step, None) if state.open is not None else None
    binding = state.bindings.get(step.key) if step is not None else None
    if step is not None and binding is not None:
        attributes = event.attributes or binding.attributes
        state.bindings[step.key] = msgspec.structs.replace(binding, ready=True, attributes=attributes)


def _step_failed(state: ClusterState, event: ev.StepFailed, _: ev.Recorded) -> None:
    if state.open is not None and not event.ambiguous:
        state.open.steps.pop(event.step, None)


def _provisioned(state: ClusterState, event: ev.ResourceProvisioned, recorded: ev.Recorded) -> None:
    state.bindings[event.key] = Binding(
        resource_id=event.resource_id,
        provider_name=event.provider_name,
        resource=event.resource,
        owned=event.owned,
        version=recorded.version,
    )
    if state.open is not None and event.owned and not event.adopted:
        state.open.made[event.key] = event.resource_id


def _updated(state: ClusterState, event: ev.ResourceUpdated, _: ev.Recorded) -> None:
    binding = state.bindings.get(event.key)
    if binding is not None:
        state.bindings[event.key] = msgspec.structs.replace(binding, resource=event.resource)


def _destroyed(state: ClusterState, event: ev.ResourceDestroyed | ev.ResourceLost, _: ev.Recorded) -> None:
    binding = state.bindings.get(event.key)
    if binding is not None and binding.resource_id == event.resource_id:
        del state.bindings[event.key]
    if state.open is not None and state.open.made.get(event.key) == event.resource_id:
        del state.open.made[event.key]


def _nothing(_: ClusterState, __: ev.Event, ___: ev.Recorded) -> None:
    """These events tell the story; the state does not depend on them."""


_EVOLVE: dict[type[ev.Event], Callable[[ClusterState, Any, ev.Recorded], None]] = {
    ev.ClusterDeclared: _cluster_declared,
    ev.KubernetesVersionDeclared: _kubernetes,
    ev.NetworkDeclared: _network,
    ev.SshKeyDeclared: _ssh_key,
    ev.FirewallDeclared: _firewall,
    ev.ServerPoolDeclared: _pool,
    ev.ServerPoolScaled: _scaled,
    ev.LoadBalancerDeclared: _balancer,
    ev.VolumeDeclared: _volume,
    ev.ReservedIpDeclared: _reserved_ip,
    ev.PartWithdrawn: _withdrawn,
    ev.ClusterRetired: _retired,
    ev.OperationStarted: _started,
    ev.PlanAccepted: _nothing,
    ev.OperationFinished: _finished,
    ev.SnapshotCaptured: _captured,
    ev.TranslationChosen: _nothing,
    ev.StepStarted: _step_started,
    ev.StepRetried: _nothing,
    ev.StepSucceeded: _step_succeeded,
    ev.StepFailed: _step_failed,
    ev.ResourceProvisioned: _provisioned,
    ev.ResourceUpdated: _updated,
    ev.ResourceDestroyed: _destroyed,
    ev.ResourceLost: _destroyed,
}


def apply_event(state: ClusterState, recorded: ev.Recorded) -> None:
    """Change the state by one event, in place. Events must come in order, without a gap."""
    if recorded.version != state.position + 1:
        raise ValueError(f"event {recorded.version} cannot follow position {state.position}")
    evolve = _EVOLVE.get(type(recorded.event))
    if evolve is None:
        raise ValueError(f"{ev.tag_of(recorded.event)} does not belong in a cluster's log")
    evolve(state, recorded.event, recorded)
    state.position = recorded.version
    state.updated = recorded.time
    if state.open is not None:
        state.open.last_event = recorded.time


def fold(events: Iterable[ev.Recorded]) -> ClusterState:
    """Return the state that a log's events add up to."""
    state = ClusterState()
    for recorded in events:
        apply_event(state, recorded)
    return state
