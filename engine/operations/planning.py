"""Planning: desired against known resources gives a DAG of steps. Pure.

`Known` is what the log and the cloud together say about one resource. A step says what it does,
why, and which steps must have succeeded before it. Steps of phase 0 only add or change; whatever
deletes, and whatever must wait for a deletion, is phase 1, so that a failure while something is
being added can be rolled back with nothing lost.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from ipaddress import ip_network
from typing import Any

import msgspec

from ..domain.resources import (
    Desired,
    Key,
    Kind,
    Network,
    ReservedIpAssignment,
    Resource,
    SshKey,
    Status,
    Subnet,
)
from ..errors import Refused
from .steps import (
    LOSSES,
    NEW_ONLY,
    REFERENCES,
    UPDATABLE,
    Action,
    Change,
    Known,
    Plan,
    Step,
    fields_of,
    in_tuples,
)

__all__ = [
    "NEW_ONLY",
    "REFERENCES",
    "UPDATABLE",
    "Action",
    "Change",
    "Known",
    "Plan",
    "Step",
    "fields_of",
    "plan",
]


_DELETED_AFTER: Mapping[Kind, tuple[Kind, ...]] = {
    Kind.SERVER: (Kind.VOLUME_ATTACHMENT, Kind.RESERVED_IP_ASSIGNMENT, Kind.LOAD_BALANCER_MEMBER),
    Kind.LOAD_BALANCER: (Kind.LOAD_BALANCER_MEMBER,),
    Kind.VOLUME: (Kind.VOLUME_ATTACHMENT,),
    Kind.RESERVED_IP: (Kind.RESERVED_IP_ASSIGNMENT,),
    Kind.FIREWALL: (Kind.SERVER,),
    Kind.SUBNET: (Kind.SERVER, Kind.LOAD_BALANCER),
    Kind.NETWORK: (Kind.SERVER, Kind.LOAD_BALANCER, Kind.SUBNET, Kind.FIREWALL, Kind.TAG),
    Kind.SSH_KEY: (Kind.SERVER,),
    Kind.TAG: (Kind.SERVER, Kind.FIREWALL, Kind.LOAD_BALANCER, Kind.VOLUME),
}
"""What must be gone before a resource of a kind is deleted."""

_EXCLUSIVE = (SshKey, Network, Subnet, ReservedIpAssignment)
"""What a cloud refuses while another of the kind has the same key, range or server, whatever their names."""


def plan(desired: Sequence[Desired], known: Iterable[Known]) -> Plan:
    """Return the steps from `known` to `desired`.

    `desired` must list a resource after those that it needs (as `blueprint` does). Raises `Refused`
    for a change that no cloud can make, such as a volume that shrinks.
    """
    return _Planner(desired, known).plan()


class _Planner:
    def __init__(self, desired: Sequence[Desired], known: Iterable[Known]) -> None:
        self.desired = {item.key: item for item in desired}
        self.known: dict[Key, Known] = {}
        self.surplus: list[Known] = []
        for item in known:
            if item.observed.status is not Status.DELETING:  # that is as good as gone
                self._sort_in(item)
        self.steps: list[Step] = []
        self.making: dict[Key, int] = {}
        self.replaced: set[Key] = set()
        self.removed: dict[Kind, list[tuple[Known, int]]] = {}
        self.notes: list[str] = []

    def _sort_in(self, item: Known) -> None:
        """Keep one known resource a key: the one that the log is bound to wins."""
        other = self.known.get(item.key)
        if other is None:
            self.known[item.key] = item
        elif item.bound and not other.bound:
            self.known[item.key] = item
            self.surplus.append(other)
        else:
            self.surplus.append(item)

    def plan(self) -> Plan:
        doomed = self._doomed()
        removing: list[Known] = []
        for item in self.desired.values():
            have = self.known.get(item.key)
            if have is None:
                self._create(item, "it is declared and not there")
            elif item.key in doomed:
                self.replaced.add(item.key)
                removing.append(have)
            else:
                self._keep(item, have)
        removing += [have for key, have in self.known.items() if key not in self.desired]
        deletions = self._delete_all([*removing, *self.surplus])
        for item in self.desired.values():
            if item.key in self.replaced:
                self._create(item, *doomed[item.key], after=tuple(deletions[item.key]), replaces=True)
        return Plan(steps=tuple(self._ordered()), notes=tuple(self.notes))

    def _doomed(self) -> dict[Key, tuple[str, ...]]:
        """Find what must be replaced, and why; what refers to something replaced is, too."""
        doomed: dict[Key, tuple[str, ...]] = {}
        for item in self.desired.values():
            have = self.known.get(item.key)
            if have is None:
                continue
            if have.observed.status is Status.FAILED:
                doomed[item.key] = ("it failed at the cloud",)
                continue
            fixed = [
                change
                for change in self._differences(item, have)
                if change.field not in UPDATABLE.get(item.key.kind, ())
                and change.field not in NEW_ONLY.get(item.key.kind, ())
            ]
            reasons = tuple(f"{c.field} {_show(c.before)} → {_show(c.after)}" for c in fixed)
            reasons += tuple(f"{need} is replaced" for need in self._references(item) if need in doomed)
            if reasons:
                doomed[item.key] = reasons
        return doomed

    def _references(self, item: Desired) -> list[Key]:
        return [
            Key(kind, name)
            for field, kind in REFERENCES.items()
            if (name := getattr(item.resource, field, ""))
        ]

    def _differences(self, item: Desired, have: Known) -> list[Change]:
        wanted = fields_of(item.resource)
        recorded = {} if have.recorded is None else fields_of(have.recorded)
        seen = have.observed.properties
        changes: list[Change] = []
        for field, after in wanted.items():
            if field in REFERENCES and field in have.observed.links:
                target = self.known.get(Key(REFERENCES[field], str(after)))
                now = have.observed.links[field]
                if target is None or target.observed.id != now:
                    changes.append(Change(field=field, before=now, after=after))
                continue
            if field not in seen and field not in recorded:
                continue  # nobody can say; adopting it records what is wanted
            before = in_tuples(seen.get(field, recorded.get(field)))
            if before != after:
                changes.append(Change(field=field, before=before, after=after))
        return changes

    def _keep(self, item: Desired, have: Known) -> None:
        """Update in place what differs, take into the log what it does not know, or do nothing."""
        kind = item.key.kind
        changes = self._differences(item, have)
        mutable = tuple(c for c in changes if c.field in UPDATABLE.get(kind, ()))
        later = [c.field for c in changes if c.field in NEW_ONLY.get(kind, ())]
        if later and f"{kind}: {', '.join(later)}" not in self.notes:
            self.notes.append(f"{kind}: {', '.join(later)}")
        adopt = 0
        if not have.bound or not have.ready:
            why = "it is there, not in the log" if not have.bound else "it was still being made"
            adopt = self._add(
                Action.ADOPT,
                item.key,
                resource=item.resource,
                resource_id=have.observed.id,
                needs=item.needs,
                reasons=(why,),
            )
            self.making[item.key] = adopt
        if mutable:
            self._update(item, have, mutable, adopt)

    def _update(self, item: Desired, have: Known, changes: tuple[Change, ...], adopt: int) -> None:
        for change in changes:
            if change.field == "size_gib" and change.after < change.before:
                raise Refused(
                    f"{item.key} cannot shrink from {change.before} to {change.after} GiB",
                    f"declare the {change.before} GiB that it has, or a new volume, and move the data",
                )
        before = msgspec.convert(
            {"kind": item.key.kind.value, **fields_of(item.resource), **{c.field: c.before for c in changes}},
            Resource,
        )
        self.making[item.key] = self._add(
            Action.UPDATE,
            item.key,
            resource=item.resource,
            before=before,
            resource_id=have.observed.id,
            needs=item.needs,
            changes=changes,
            reasons=tuple(f"{c.field} differs" for c in changes),
            after=(adopt,) if adopt else (),
        )

    def _create(
        self, item: Desired, *reasons: str, after: tuple[int, ...] = (), replaces: bool = False
    ) -> None:
        self.making[item.key] = self._add(
            Action.CREATE,
            item.key,
            resource=item.resource,
            needs=item.needs,
            reasons=reasons,
            after=after,
            replaces=replaces,
        )

    def _delete_all(self, items: Sequence[Known]) -> dict[Key, list[int]]:
        """Add the deletions, dependents first, highest ordinals first; return the steps of each key."""
        order = {kind: rank for rank, kind in enumerate(_deletion_order())}
        rows = sorted(items, key=lambda item: (order[item.key.kind], *_descending(item.key.name)))
        steps: dict[Key, list[int]] = {}
        # rows come kind by kind, and all of a kind's dependents before it
        dependents = cache(self._removed_by_link)
        for item in rows:
            before: list[int] = []
            for kind in _DELETED_AFTER.get(item.key.kind, ()):
                leaning = dependents(kind, item.key.kind.value.replace("-", "_"))
                before += leaning.get(item.observed.id, [])
                before += leaning.get("", [])  # they do not say on which
            replaced = item.key in self.replaced and item is self.known.get(item.key)
            step = self._add(
                Action.DELETE if item.owned else Action.FORGET,
                item.key,
                resource=item.recorded,
                resource_id=item.observed.id,
                reasons=(self._why_delete(item, replaced=replaced),),
                after=tuple(before),
                phase=1,
                replaces=replaced,
                irreversible=LOSSES.get(item.key.kind, "") if item.owned else "",
            )
            self.removed.setdefault(item.key.kind, []).append((item, step))
            steps.setdefault(item.key, []).append(step)
        return steps

    def _removed_by_link(self, kind: Kind, link: str) -> dict[str, list[int]]:
        """Return the deletions of a kind by the provider id that a link of theirs shows, or by nothing."""
        found: dict[str, list[int]] = {}
        for item, step in self.removed.get(kind, ()):
            found.setdefault(item.observed.links.get(link, ""), []).append(step)
        return found

    def _why_delete(self, item: Known, *, replaced: bool) -> str:
        if replaced:
            return "it is replaced"
        if item.key in self.desired:
            return "it is a second one of the same name"
        return "it is not declared any more"

    def _add(self, action: Action, key: Key, **rest: Any) -> int:
        step = Step(id=len(self.steps) + 1, action=action, key=key, **rest)
        self.steps.append(step)
        return step.id

    def _ordered(self) -> list[Step]:
        """Let each step wait for what it needs; what waits for a deletion, however far off, is phase 1."""
        before = {step.id: self._waits(step) for step in self.steps}

        @cache
        def phase(number: int) -> int:
            return max([self.steps[number - 1].phase, *map(phase, before[number])])

        return [
            msgspec.structs.replace(step, after=tuple(sorted(before[step.id])), phase=phase(step.id))
            for step in self.steps
        ]

    def _waits(self, step: Step) -> set[int]:
        waits = {*step.after, *(self.making[need] for need in step.needs if need in self.making)}
        if isinstance(step.resource, _EXCLUSIVE) and step.action is Action.CREATE:
            waits |= {
                number
                for other, number in self.removed.get(step.key.kind, ())
                if other.owned and self._in_the_way(step.resource, other)
            }
        return waits

    def _in_the_way(self, wanted: Resource, other: Known) -> bool:
        """Whether a cloud refuses, or may refuse, `wanted` while `other` is still there."""
        match wanted:
            case SshKey(public_key=material):
                return _last_seen(other, "public_key") in {None, material}
            case Network(cidr=cidr) | Subnet(cidr=cidr):
                theirs = _last_seen(other, "cidr")
                return theirs is None or ip_network(theirs, strict=False).overlaps(ip_network(cidr))
            case ReservedIpAssignment(server=name):
                server = self.known.get(Key(Kind.SERVER, name))
                return server is not None and other.observed.links.get("server") == server.observed.id
            case _:
                return False


def _deletion_order() -> list[Kind]:
    """Return the kinds so that each comes after everything that must be deleted before it."""
    order: list[Kind] = []
    rest = list(Kind)
    while rest:
        ready = [kind for kind in rest if set(_DELETED_AFTER.get(kind, ())) <= set(order)]
        order += ready
        rest = [kind for kind in rest if kind not in ready]
    return order


def _last_seen(item: Known, field: str) -> Any:
    return item.observed.properties.get(field, getattr(item.recorded, field, None))


def _descending(name: str) -> tuple[str, int]:
    stem, _, ordinal = name.rpartition("-")
    return (stem, -int(ordinal)) if ordinal.isdecimal() else (name, 0)


def _show(value: Any) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
