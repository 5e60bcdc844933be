"""Drift: what somebody else did to a cluster's resources, and what is to be done about it. Pure.

A field has drifted where the cloud shows something else than the log last applied. What this cluster's
own unfinished operations may have done is not drift, and neither is what the operator wants changed.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from ..domain.events import DriftedField, DriftObserved, ResourceUpdated
from ..domain.model import DriftPolicy, DriftRule
from ..domain.resources import Desired, Key, Kind, Resource, Status
from ..domain.state import ClusterState
from .observing import Observation
from .planning import plan
from .steps import NEW_ONLY, REFERENCES, UPDATABLE, Action, Change, Known, Plan, fields_of, in_tuples

_LINKS = frozenset({Kind.VOLUME_ATTACHMENT, Kind.RESERVED_IP_ASSIGNMENT, Kind.LOAD_BALANCER_MEMBER})
"""Nothing is lost when these are made anew."""


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody else did to one resource, and what is done about it (`policy`).

    In `changes`, `before` is what the log last applied and `after` what the cloud shows. `note` says
    why it is not what the cluster's rules ask for.
    """

    key: Key
    resource_id: str
    policy: DriftPolicy
    missing: bool = False
    changes: tuple[Change, ...] = ()
    note: str = ""

    @property
    def stays(self) -> bool:
        """Whether it is left as it is."""
        return self.policy in {DriftPolicy.IGNORE, DriftPolicy.WARN}

    def to_stay(self, note: str) -> "Drift":
        """Return it as something that is told and left as it is."""
        return msgspec.structs.replace(self, policy=DriftPolicy.WARN, note=note)


def find_drift(
    state: ClusterState, seen: Observation, desired: Iterable[Desired], rules: Iterable[DriftRule]
) -> list[Drift]:
    """Return what has drifted, by key, each with what is to be done about it.

    What has become as it is wanted now is no drift, whoever did it.
    """
    wanted = {item.key: fields_of(item.resource) for item in desired}
    asked = {Kind(rule.kind): rule.policy for rule in rules}
    pending = state.pending()
    ours = set() if pending is None else {*pending.work.touched, *pending.work.removed}
    found = []
    for key, resource_id in seen.lost:
        binding = state.bindings.get(key)
        if binding is not None and binding.resource_id == resource_id and binding.ready and key not in ours:
            policy = asked.get(key.kind, DriftPolicy.REVERT)
            found.append(Drift(key=key, resource_id=resource_id, policy=policy, missing=True))
    names = {(key.kind, binding.resource_id): key.name for key, binding in state.bindings.items()}
    for item in seen.known:
        settled = item.bound and item.ready and item.observed.status is Status.READY
        changes = changed_fields(item, state, names) if settled and item.key not in ours else ()
        fields = wanted.get(item.key, {})
        changes = tuple(change for change in changes if change.after != in_tuples(fields.get(change.field)))
        if changes:
            found.append(_decided(item, changes, asked.get(item.key.kind)))
    return sorted(_with_what_they_lean_on(found, state), key=lambda drift: drift.key)


def changed_fields(
    item: Known, state: ClusterState, names: Mapping[tuple[Kind, str], str]
) -> tuple[Change, ...]:
    """Return the fields of a resource that the cloud shows otherwise than they were recorded.

    `names` says what provider ids are called here. What the cloud does not tell has not changed.
    """
    if item.recorded is None:
        return ()
    changes = []
    for field, before in fields_of(item.recorded).items():
        if field in NEW_ONLY.get(item.key.kind, ()):
            continue
        if field in REFERENCES and field in item.observed.links:
            kind, now = REFERENCES[field], item.observed.links[field]
            target = state.bindings.get(Key(kind, str(before)))
            if target is not None and target.resource_id != now:
                changes.append(Change(field=field, before=before, after=names.get((kind, now), now)))
        elif field in item.observed.properties:
            after = in_tuples(item.observed.properties[field])
            if after != in_tuples(before):
                changes.append(Change(field=field, before=in_tuples(before), after=after))
    return tuple(changes)


def _decided(item: Known, changes: tuple[Change, ...], asked: DriftPolicy | None) -> Drift:
    """Return the drift with what its rule asks for, or with what is safe where there is none."""
    kind = item.key.kind
    drift = Drift(
        key=item.key,
        resource_id=item.observed.id,
        policy=asked or DriftPolicy.REVERT,
        changes=changes,
    )
    if drift.policy is not DriftPolicy.REVERT:
        return drift
    if any(change.field == "size_gib" and change.after > change.before for change in changes):
        return drift.to_stay("a volume does not shrink (adopt would declare its new size)")
    in_place = kind in _LINKS or all(change.field in UPDATABLE.get(kind, ()) for change in changes)
    if asked is None and not in_place:
        return drift.to_stay("to undo it, it would be replaced (revert asks for that)")
    return drift


def _with_what_they_lean_on(found: list[Drift], state: ClusterState) -> list[Drift]:
    """Leave alone what went with something that is left alone: a volume's attachment to a lost server."""
    gone = {drift.key: drift for drift in found if drift.missing and drift.stays}

    def decided(drift: Drift) -> Drift:
        if not drift.missing or drift.policy is not DriftPolicy.REVERT:
            return drift
        fields = fields_of(state.bindings[drift.key].resource)
        needs = (Key(kind, str(fields[field])) for field, kind in REFERENCES.items() if fields.get(field))
        for need in needs:
            if need in gone:
                return msgspec.structs.replace(drift, policy=gone[need].policy, note=f"{need} is gone, too")
        return drift

    return [decided(drift) for drift in found]


def plan_around(
    desired: Sequence[Desired], known: Sequence[Known], drifts: Sequence[Drift], state: ClusterState
) -> tuple[Plan, list[Drift]]:
    """Return the plan that leaves alone what is to stay as it is, and the drifts as it treats them.

    What is gone and should stay gone is made again all the same where something new needs it.
    """
    wanted = {item.key: item.resource for item in desired}
    around = [_left_alone(item, wanted.get(item.key), drifts, state) for item in known]
    gone = {drift.key for drift in drifts if drift.missing and drift.stays and drift.key in wanted}
    while True:
        made = plan([item for item in desired if item.key not in gone], around)
        needed = {need for step in made.steps if step.action is Action.CREATE for need in step.needs} & gone
        if not needed:
            return made, [_as_planned(drift, gone, wanted) for drift in drifts]
        gone -= needed


def _as_planned(drift: Drift, gone: Collection[Key], wanted: Collection[Key]) -> Drift:
    if not (drift.missing and drift.stays) or drift.key in gone:
        return drift
    why = "something new needs it" if drift.key in wanted else "it is not declared any more"
    return msgspec.structs.replace(drift, policy=DriftPolicy.REVERT, note=why)


def _left_alone(item: Known, wanted: Resource | None, drifts: Iterable[Drift], state: ClusterState) -> Known:
    """Return a known resource as if what is to stay had not been changed, unless it is wanted otherwise."""
    drift = next((drift for drift in drifts if drift.key == item.key and drift.stays), None)
    if drift is None or drift.missing or wanted is None or item.recorded is None or not item.bound:
        return item
    recorded, asked = fields_of(item.recorded), fields_of(wanted)
    properties, links = dict(item.observed.properties), dict(item.observed.links)
    for change in drift.changes:
        if recorded[change.field] != asked.get(change.field):
            continue
        if change.field in links:
            target = state.bindings[Key(REFERENCES[change.field], str(change.before))]
            links[change.field] = target.resource_id
        else:
            properties[change.field] = change.before
    observed = msgspec.structs.replace(item.observed, properties=properties, links=links)
    return msgspec.structs.replace(item, observed=observed)


def caught_up(
    desired: Iterable[Desired], known: Iterable[Known], state: ClusterState
) -> tuple[ResourceUpdated, ...]:
    """Return what is as it is wanted although the log does not say so yet.

    An update whose end nobody saw, or somebody else's change that is declared by now.
    """
    wanted = {item.key: item.resource for item in desired}
    names = {(key.kind, binding.resource_id): key.name for key, binding in state.bindings.items()}
    found = []
    for item in known:
        if item.key not in wanted or not item.bound or item.recorded is None:
            continue
        asked = fields_of(wanted[item.key])
        fields = {
            change.field: asked[change.field]
            for change in changed_fields(item, state, names)
            if change.after == in_tuples(asked[change.field])
        }
        if fields:
            kept = {"kind": item.key.kind.value, **fields_of(item.recorded), **fields}
            resource: Resource = msgspec.convert(kept, Resource)
            found.append(
                ResourceUpdated(
                    step=0,
                    key=item.key,
                    resource_id=item.observed.id,
                    resource=resource,
                    changed=tuple(sorted(fields)),
                )
            )
    return tuple(found)


def news(state: ClusterState, drifts: Iterable[Drift]) -> tuple[DriftObserved, ...]:
    """Return what the log does not say yet: drift that is new, and drift that is over."""
    told = {drift.key: _event(drift) for drift in drifts if drift.policy is not DriftPolicy.IGNORE}
    over = [
        DriftObserved(key=key, resource_id=event.resource_id, policy=event.policy)
        for key, event in sorted(state.drifted.items())
        if key not in told
    ]
    return (*(event for key, event in told.items() if state.drifted.get(key) != event), *over)


def _event(drift: Drift) -> DriftObserved:
    return DriftObserved(
        key=drift.key,
        resource_id=drift.resource_id,
        policy=drift.policy,
        missing=drift.missing,
        changes=tuple(
            DriftedField(field=change.field, before=_text(change.before), after=_text(change.after))
            for change in drift.changes
        ),
    )


def _text(value: Any) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()
