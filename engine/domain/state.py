"""The state of a cluster: the fold of its log.

`apply_event` changes a `ClusterState` in place, so that folding a long log copies nothing; `fold`
starts from nothing and is the function that everything else means by "the state". Pure: the same
events give the same state, today and in ten years.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from . import events as ev
from .cluster import (
    NOTING,
    Binding,
    ClusterState,
    Migration,
    OpenOperation,
    OpenStep,
    Touched,
    Unfinished,
    Work,
)

__all__ = [
    "Binding",
    "ClusterState",
    "Migration",
    "OpenOperation",
    "OpenStep",
    "Touched",
    "Unfinished",
    "Work",
    "apply_event",
    "apply_intent",
    "fold",
]


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


def _wanted_again(state: ClusterState, _: ev.RetirementWithdrawn, __: ev.Recorded) -> None:
    state.retired = False


def _drift_policy(state: ClusterState, event: ev.DriftPolicyDeclared, _: ev.Recorded) -> None:
    state.drift_rules = event.drift


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
        lease_seconds=event.lease_seconds,
        before=state.intent(),
    )


def _rolling_back(state: ClusterState, _: ev.RollbackStarted, recorded: ev.Recorded) -> None:
    if (held := _own(state, recorded)) is not None:
        held.rolling_back = True


def _own(state: ClusterState, recorded: ev.Recorded) -> OpenOperation | None:
    """Return the open operation if this event is its; a displaced holder's last words are not."""
    held = state.open
    return held if held is not None and held.number == recorded.operation else None


def _finished(state: ClusterState, event: ev.OperationFinished, recorded: ev.Recorded) -> None:
    held = _own(state, recorded)
    if held is None:
        return
    state.open = None
    if event.outcome is ev.Outcome.SUCCEEDED:
        going_back = held.kind in {ev.OperationKind.ABANDON, ev.OperationKind.ROLLBACK}
        if held.kind is ev.OperationKind.DELETE or (going_back and state.retired):
            state.gone = True
        if held.kind not in NOTING:
            state.unfinished = None
        return
    # a deletion that took nothing away is not wanted less for it: it is to be gone on with, or withdrawn
    taken_back = event.outcome is ev.Outcome.ROLLED_BACK and state.retired == held.before.retired
    if held.kind not in NOTING and not taken_back:
        state.unfinished = held.left_behind(state.unfinished)


def _captured(state: ClusterState, _: ev.SnapshotCaptured, __: ev.Recorded) -> None:
    state.snapshots += 1


def _migrated(state: ClusterState, event: ev.MigrationStepTaken, _: ev.Recorded) -> None:
    before = state.migration
    if before is None or before.id != event.migration:
        before = Migration(id=event.migration, source=event.source, target=event.target, taken={})
    state.migration = before.after(event)


def _step_started(state: ClusterState, event: ev.StepStarted, recorded: ev.Recorded) -> None:
    if (held := _own(state, recorded)) is not None:
        held.steps[event.step] = OpenStep(
            event.action,
            event.key,
            event.resource_id,
            recorded.version,
            recorded.time,
            event.compensates,
            event.changed,
            event.before,
        )


def _step_retried(state: ClusterState, event: ev.StepRetried, recorded: ev.Recorded) -> None:
    held = _own(state, recorded)
    if event.ambiguous and held is not None and event.step in held.steps:
        held.steps[event.step].doubtful = True


def _step_succeeded(state: ClusterState, event: ev.StepSucceeded, recorded: ev.Recorded) -> None:
    held = _own(state, recorded)
    step = None if held is None else held.steps.pop(event.step, None)
    if held is None or step is None:
        return
    if step.doubtful and step.action == "create":  # it was made; perhaps twice
        held.work.unknown[held.number, event.step] = step
    if step.action == "delete" and not step.compensates:
        held.work.removed.append(step.key)
    binding = state.bindings.get(step.key)
    if binding is not None:
        attributes = event.attributes or binding.attributes
        state.bindings[step.key] = msgspec.structs.replace(binding, ready=True, attributes=attributes)


def _step_failed(state: ClusterState, event: ev.StepFailed, recorded: ev.Recorded) -> None:
    held = _own(state, recorded)
    if held is None or event.ambiguous:
        return
    step = held.steps.pop(event.step, None)
    if step is not None and step.doubtful and step.action == "create":
        held.work.unknown[held.number, event.step] = step


def _settled(state: ClusterState, event: ev.StepSettled, recorded: ev.Recorded) -> None:
    work = None
    if (held := _own(state, recorded)) is not None and event.operation == held.number:
        work = held.work
        held.steps.pop(event.step, None)
    elif state.unfinished is not None:
        work = state.unfinished.work
    if work is not None:
        work.unknown.pop((event.operation, event.step), None)
        work.made += [(event.key, item) for item in event.found if (event.key, item) not in work.made]


def _provisioned(state: ClusterState, event: ev.ResourceProvisioned, recorded: ev.Recorded) -> None:
    held = _own(state, recorded)
    if held is not None and event.step in held.steps:
        held.steps[event.step].answered = True
    _bind(state, event, recorded, displaced=held is None)
    work = held.work if held is not None else None if state.unfinished is None else state.unfinished.work
    item = (event.key, event.resource_id)
    if work is not None and event.owned and not event.adopted and item not in work.made:
        work.made.append(item)


def _bind(
    state: ClusterState, event: ev.ResourceProvisioned, recorded: ev.Recorded, *, displaced: bool
) -> None:
    """Note what is what at the cloud; from one who had lost the cluster, only what its holder has not."""
    before = state.bindings.get(event.key)
    another = before is not None and before.resource_id != event.resource_id and event.owned
    if before is not None and displaced:
        if another:
            state.strays[event.key.kind, event.resource_id] = event.key
        return
    if before is not None and another and before.owned:
        state.strays[event.key.kind, before.resource_id] = event.key
    state.strays.pop((event.key.kind, event.resource_id), None)
    state.drifted.pop(event.key, None)
    state.bindings[event.key] = Binding(
        resource_id=event.resource_id,
        provider_name=event.provider_name,
        resource=event.resource,
        owned=event.owned,
        version=recorded.version,
    )


def _updated(state: ClusterState, event: ev.ResourceUpdated, recorded: ev.Recorded) -> None:
    held = _own(state, recorded)
    step = None if held is None else held.steps.get(event.step)
    if held is not None and step is not None:
        if step.compensates:
            for work in _works(state):
                work.touched.pop(event.key, None)
        elif step.before is not None:
            held.work.touched[event.key] = Touched(event.resource_id, step.before, step.changed)
    state.drifted.pop(event.key, None)
    binding = state.bindings.get(event.key)
    if binding is not None:
        state.bindings[event.key] = msgspec.structs.replace(binding, resource=event.resource)


def _destroyed(state: ClusterState, event: ev.ResourceDestroyed | ev.ResourceLost, _: ev.Recorded) -> None:
    state.strays.pop((event.key.kind, event.resource_id), None)
    binding = state.bindings.get(event.key)
    if binding is not None and binding.resource_id == event.resource_id:
        del state.bindings[event.key]
        state.drifted.pop(event.key, None)
    for work in _works(state):
        work.forget(event.key, event.resource_id)


def _works(state: ClusterState) -> list[Work]:
    return [item.work for item in (state.open, state.unfinished) if item is not None]


def _drifted(state: ClusterState, event: ev.DriftObserved, _: ev.Recorded) -> None:
    if event.missing or event.changes:
        state.drifted[event.key] = event
    else:
        state.drifted.pop(event.key, None)


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
    ev.RetirementWithdrawn: _wanted_again,
    ev.DriftPolicyDeclared: _drift_policy,
    ev.OperationStarted: _started,
    ev.LeaseRenewed: _nothing,
    ev.RollbackStarted: _rolling_back,
    ev.PlanAccepted: _nothing,
    ev.OperationFinished: _finished,
    ev.SnapshotCaptured: _captured,
    ev.MigrationStepTaken: _migrated,
    ev.TranslationChosen: _nothing,
    ev.StepStarted: _step_started,
    ev.StepRetried: _step_retried,
    ev.StepSucceeded: _step_succeeded,
    ev.StepFailed: _step_failed,
    ev.StepSettled: _settled,
    ev.ResourceProvisioned: _provisioned,
    ev.ResourceUpdated: _updated,
    ev.ResourceDestroyed: _destroyed,
    ev.ResourceLost: _destroyed,
    ev.DriftObserved: _drifted,
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
    if state.open is not None and state.open.number == recorded.operation:
        state.open.last_event = recorded.time


def apply_intent(state: ClusterState, event: ev.Intent, recorded: ev.Recorded) -> None:
    """Change what is declared by one event, in place; `state` keeps no position and knows nothing else."""
    _EVOLVE[type(event)](state, event, recorded)


def fold(events: Iterable[ev.Recorded]) -> ClusterState:
    """Return the state that a log's events add up to."""
    state = ClusterState()
    for recorded in events:
        apply_event(state, recorded)
    return state
