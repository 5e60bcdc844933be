"""History: a cluster's log grouped by operation, as `log` and `show` tell it. Pure."""

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from . import events as ev


class OperationView(msgspec.Struct, kw_only=True):
    """One operation as its events tell it. Times in microseconds since 1970 UTC; `ended` 0: not yet.

    `first` and `last` are positions in the cluster's log; `of` is the operation that this one takes back.
    """

    cluster: str
    number: int
    kind: str
    summary: str
    actor: str
    reason: str
    started: int
    ended: int = 0
    outcome: str = "unfinished"
    error: str = ""
    cloud: str = ""
    account: str = ""
    tool: str = ""
    created: int = 0
    updated: int = 0
    deleted: int = 0
    adopted: int = 0
    rolled_back: int = 0
    retries: int = 0
    lost: int = 0
    left: tuple[str, ...] = ()
    first: int = 0
    last: int = 0
    of: int = 0
    events: list[ev.Recorded] = []


def operations(cluster: str, events: Iterable[ev.Recorded]) -> list[OperationView]:
    """Return a log's operations, oldest first."""
    found: dict[int, OperationView] = {}
    for item in events:
        view = found.get(item.operation)
        if view is None:
            view = found[item.operation] = begun(cluster, item)
        view.events.append(item)
        tell(view, item)
    return [found[number] for number in sorted(found)]


def begun(cluster: str, item: ev.Recorded) -> OperationView:
    """Return what is known of an operation by the envelope of its first event, which is still to be told."""
    return OperationView(
        cluster=cluster,
        number=item.operation,
        kind="",
        summary="",
        actor=item.actor,
        reason=item.reason,
        started=item.time,
        first=item.version,
        events=[],
    )


def tell(view: OperationView, item: ev.Recorded) -> None:
    """Add what an event says of its operation."""
    view.last = max(view.last, item.version)
    told = _TELL.get(type(item.event))
    if told is not None:
        told(view, item.event, item.time)


def _tell_start(view: OperationView, event: ev.OperationStarted, _: int) -> None:
    if view.kind:  # an operation starts once: an index has told by then what kind of events these are
        return
    view.kind, view.summary = event.kind.value, event.summary
    view.cloud, view.account, view.tool, view.of = event.cloud, event.account, event.tool, event.of


def _tell_end(view: OperationView, event: ev.OperationFinished, time: int) -> None:
    view.ended, view.outcome = time, event.outcome.value
    view.error, view.rolled_back, view.left = event.error, event.rolled_back, event.left


def _tell_provisioned(view: OperationView, event: ev.ResourceProvisioned, _: int) -> None:
    view.adopted += event.adopted
    view.created += not event.adopted


def _tell_updated(view: OperationView, _: ev.ResourceUpdated, __: int) -> None:
    view.updated += 1


def _tell_destroyed(view: OperationView, _: ev.ResourceDestroyed, __: int) -> None:
    view.deleted += 1


def _tell_lost(view: OperationView, _: ev.ResourceLost, __: int) -> None:
    view.lost += 1


def _tell_retry(view: OperationView, _: ev.StepRetried, __: int) -> None:
    view.retries += 1


_TELL: Final[dict[type[ev.Event], Callable[[OperationView, Any, int], None]]] = {
    ev.OperationStarted: _tell_start,
    ev.OperationFinished: _tell_end,
    ev.ResourceProvisioned: _tell_provisioned,
    ev.ResourceUpdated: _tell_updated,
    ev.ResourceDestroyed: _tell_destroyed,
    ev.ResourceLost: _tell_lost,
    ev.StepRetried: _tell_retry,
}
"""What an event says of its operation, by its kind: most say nothing."""


def narrate(item: ev.Recorded, resource: str) -> str:
    """Describe an event in one line; what came of a step names what the step was about, `resource`."""
    text = describe(item.event)
    if isinstance(item.event, ev.StepSucceeded | ev.StepFailed | ev.StepRetried):
        name = resource or f"step {item.event.step}"
        return f"{name}: {text}" if text else name
    return text


def describe(event: ev.AnyEvent) -> str:  # noqa: C901, PLR0911, PLR0912 - one line for each kind of event
    """Say an event in one line, for people."""
    match event:
        case ev.ClusterDeclared(name=name, placement=placement):
            return f"cluster {name} on {placement.cloud}/{placement.region}"
        case ev.KubernetesVersionDeclared(before=before, version=version):
            return f"Kubernetes {before} → {version}"
        case ev.NetworkDeclared(network=network):
            return f"network {network.name} {network.cidr}"
        case ev.SshKeyDeclared(ssh_key=key):
            return f"SSH key {key.name}"
        case ev.FirewallDeclared(firewall=firewall):
            return f"firewall {firewall.name}: {len(firewall.allow)} rules for {firewall.role}"
        case ev.ServerPoolDeclared(pool=pool):
            return f"pool {pool.name}: {pool.count} × {pool.role}"
        case ev.ServerPoolScaled(pool=pool, before=before, count=count):
            return f"pool {pool}: {before} → {count}"
        case ev.LoadBalancerDeclared(load_balancer=balancer):
            return f"load balancer {balancer.name}"
        case ev.VolumeDeclared(volume=volume):
            return f"volume {volume.name}: {volume.size_gib} GiB"
        case ev.ReservedIpDeclared(reserved_ip=address):
            return f"reserved address {address.name}"
        case ev.PartWithdrawn(part=part, name=name):
            return f"{part} {name} is no longer wanted"
        case ev.ClusterRetired():
            return "the cluster is no longer wanted"
        case ev.RetirementWithdrawn():
            return "the cluster is wanted after all"
        case ev.DriftPolicyDeclared(drift=rules):
            return "drift: " + (", ".join(f"{rule.kind} {rule.policy}" for rule in rules) or "as by default")
        case ev.LeaseRenewed():
            return "still at work"
        case ev.RollbackStarted(reason=reason, operations=numbers):
            what = f"of {', '.join(f'#{number}' for number in numbers)}" if numbers else "of this operation"
            return f"rollback {what}: {reason}" if reason else f"rollback {what}"
        case ev.OperationStarted(kind=kind, summary=summary):
            return f"{kind} {summary}".rstrip()
        case ev.PlanAccepted(steps=steps):
            return f"{len(steps)} steps"
        case ev.OperationFinished(outcome=outcome, error=error):
            return f"{outcome}: {error}" if error else outcome.value
        case ev.SnapshotCaptured(digest=digest, size=size, events=events):
            return f"{events} events, {size} bytes, {digest[:19]}"
        case ev.MigrationStepTaken(step=step, number=number, steps=steps, source=source, target=target):
            return f"{number}/{steps} {step}: {source} → {target}"
        case ev.TranslationChosen(cloud=cloud, region=region, losses=losses):
            return f"to {cloud}/{region}, {len(losses)} losses"
        case ev.StepStarted(action=action, key=key, compensates=compensates):
            return f"{'rolling back: ' if compensates else ''}{action} {key}"
        case ev.StepRetried(error=error, message=message, attempt=attempt, wait_ms=wait):
            return f"attempt {attempt}: {error}: {message}; again in {wait / 1000:.1f} s"
        case ev.StepSucceeded(attributes=attributes):
            return ", ".join(f"{name} {value}" for name, value in sorted(attributes.items()))
        case ev.StepFailed(error=error, message=message):
            return f"{error}: {message}"
        case ev.StepSettled(operation=number, step=step, key=key, found=found, note=note):
            what = note or (f"is there as {', '.join(found)}" if found else "is not there")
            return f"{key} of #{number} step {step} {what}"
        case ev.DriftObserved() as event:
            return drift_text(event)
        case ev.ResourceProvisioned(key=key, resource_id=resource_id, adopted=adopted):
            return f"{key} {'found as' if adopted else 'is'} {resource_id}"
        case ev.ResourceUpdated(key=key, changed=changed):
            return f"{key}: {', '.join(changed)}"
        case ev.ResourceDestroyed(key=key, resource_id=resource_id, note=note):
            return f"{key} is let go, {resource_id} stays: {note}" if note else f"{key} was {resource_id}"
        case ev.ResourceLost(key=key, resource_id=resource_id):
            return f"{key} was {resource_id} and is not there any more"
        case ev.NameClaimed(name=name) | ev.NameReleased(name=name):
            return name


def drift_text(event: ev.DriftObserved) -> str:
    """Say what somebody else changed, in one line."""
    if event.missing:
        return f"{event.key} was {event.resource_id} and is not there any more"
    if not event.changes:
        return f"{event.key} is again as it was"
    fields = ", ".join(f"{item.field} {_short(item.before)} → {_short(item.after)}" for item in event.changes)
    return f"{event.key} was changed by somebody else: {fields}"


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
