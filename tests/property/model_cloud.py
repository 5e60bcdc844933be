"""A cloud and a log in memory: as much of both as planning can see, and refusals like real clouds'.

Nothing here waits or fails by chance. A step that a cloud would refuse raises `Clash`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any

from kubisnap.adapters.sandbox.making import TOLD
from kubisnap.engine.domain.resources import (
    Desired,
    Key,
    Kind,
    Network,
    Observed,
    ReservedIpAssignment,
    Resource,
    SshKey,
    Status,
    Subnet,
    VolumeAttachment,
)
from kubisnap.engine.operations.planning import NEW_ONLY, REFERENCES, Action, Known, Plan, Step, fields_of

ALL_TOLD: dict[Kind, tuple[str, ...]] = TOLD
LITTLE_TOLD: dict[Kind, tuple[str, ...]] = {Kind.NETWORK: ("cidr",), Kind.VOLUME: ("size_gib",)}
"""A taciturn cloud: of most kinds it shows nothing but links."""

_UNIQUE_NAMES = set(Kind) - {Kind.SERVER, Kind.SSH_KEY}


class Clash(AssertionError):
    """A call that a real cloud would refuse: the plan has its steps in a wrong order."""


@dataclass
class Thing:
    """Something at the cloud. `key` is what its provider-side name says."""

    id: str
    key: Key
    resource: Resource
    links: dict[str, str]
    status: Status = Status.READY
    ours: bool = True


@dataclass
class Bound:
    """What the log knows of a key."""

    id: str
    resource: Resource
    ready: bool = True


@dataclass
class World:
    """Everything that there is. `told` names the fields that the cloud tells of each kind."""

    told: dict[Kind, tuple[str, ...]] = field(default_factory=lambda: ALL_TOLD)
    there: dict[str, Thing] = field(default_factory=dict)
    log: dict[Key, Bound] = field(default_factory=dict)
    made: int = 0

    # ── what planning is given ───────────────────────────────────────────────────────────────

    def known(self) -> list[Known]:
        """Return what `observe` would: what is lost is left out, and so is what is going away."""
        found = []
        bound = {entry.id: key for key, entry in self.log.items()}
        for thing in self.there.values():
            if thing.status is Status.DELETING or not (thing.ours or thing.id in bound):
                continue
            entry = self.log[bound[thing.id]] if thing.id in bound else None
            found.append(
                Known(
                    key=bound.get(thing.id, thing.key),
                    observed=self._observed(thing),
                    recorded=entry.resource if entry else None,
                    bound=entry is not None,
                    ready=entry.ready if entry else False,
                    owned=thing.ours,
                )
            )
        return found

    def _observed(self, thing: Thing) -> Observed:
        fields = fields_of(thing.resource)
        return Observed(
            kind=thing.key.kind,
            id=thing.id,
            name=str(thing.key),
            status=thing.status,
            properties={name: fields[name] for name in self.told.get(thing.key.kind, ())},
            links=dict(thing.links),
        )

    # ── what a plan does ─────────────────────────────────────────────────────────────────────

    def carry_out(self, plan: Plan, choose: Callable[[Sequence[Step]], Step]) -> None:
        """Run a plan as the executor does: phase by phase, any step whose predecessors are done.

        What is lost is taken out of the log first, and what is going away has the time to go.
        """
        self.there = {i: thing for i, thing in self.there.items() if thing.status is not Status.DELETING}
        self.log = {key: entry for key, entry in self.log.items() if entry.id in self.there}
        done: set[int] = set()
        for phase in sorted({step.phase for step in plan.steps}):
            waiting = {step.id: step for step in plan.steps if step.phase == phase}
            while waiting:
                free = [step for step in waiting.values() if done >= set(step.after)]
                if not free:
                    raise Clash(f"these would never start: {list(waiting.values())}")
                step = choose(free)
                self.run(step)
                done.add(step.id)
                del waiting[step.id]

    def run(self, step: Step) -> None:
        """Do one step."""
        match step.action:
            case Action.CREATE:
                self.create(step.key, self._resource(step), step.needs)
            case Action.ADOPT:
                self.there[step.resource_id].status = Status.READY
                known = self.log.get(step.key)
                resource = known.resource if known and known.id == step.resource_id else self._resource(step)
                self.log[step.key] = Bound(step.resource_id, resource)
            case Action.UPDATE:
                thing = self.there[step.resource_id]
                before = {change.field: change.before for change in step.changes}
                shown = self._observed(thing).properties
                if any(shown[name] != value for name, value in before.items() if name in shown):
                    raise Clash(f"{step.key} is not as the plan says: {before}")
                thing.resource = self._resource(step)
                self.log[step.key].resource = thing.resource
            case Action.DELETE:
                self.delete(step.resource_id)
                self._let_go(step)
            case Action.FORGET:
                self._let_go(step)

    def create(self, key: Key, resource: Resource, needs: Sequence[Key] = ()) -> Thing:
        """Make something, as a cloud would: everything needed is there, and nothing is in the way."""
        for need in needs:
            if need not in self.log or self.log[need].id not in self.there:
                raise Clash(f"{key} needs {need}, which is not there")
        links = {
            name: self.log[Key(kind, getattr(resource, name))].id
            for name, kind in REFERENCES.items()
            if getattr(resource, name, "")
        }
        self.made += 1
        thing = Thing(f"{key.kind}-{self.made}", key, resource, links)
        other = next((other for other in self.there.values() if self._clashes(thing, other)), None)
        if other is not None and not isinstance(resource, SshKey):
            raise Clash(f"{key} cannot be made while {other} is there")
        if other is not None:  # the account has that key already: it is used, and stays whose it is
            other.ours = other.ours and other.key == key
            thing = other
        self.there[thing.id] = thing
        self.log[key] = Bound(thing.id, resource)
        return thing

    def delete(self, resource_id: str) -> None:
        """Remove something that nothing refers to."""
        thing = self.there[resource_id]
        users = [other for other in self.there.values() if resource_id in other.links.values()]
        if users:
            raise Clash(f"{thing.key} is in use by {users}")
        if not thing.ours:
            raise Clash(f"{thing.key} is not ours to delete")
        del self.there[resource_id]

    def _let_go(self, step: Step) -> None:
        if step.key in self.log and self.log[step.key].id == step.resource_id:
            del self.log[step.key]

    @staticmethod
    def _resource(step: Step) -> Resource:
        if step.resource is None:
            raise Clash(f"step {step.id} has no resource")
        return step.resource

    @staticmethod
    def _clashes(new: Thing, old: Thing) -> bool:
        if new.key.kind is not old.key.kind:
            return False
        match new.resource, old.resource:
            case SshKey() as mine, SshKey() as theirs:
                return mine.public_key == theirs.public_key
            case (Network() | Subnet()) as mine, (Network() | Subnet()) as theirs:
                return new.key == old.key or ip_network(mine.cidr).overlaps(ip_network(theirs.cidr))
            case VolumeAttachment(), VolumeAttachment():
                return new.links["volume"] == old.links["volume"]
            case ReservedIpAssignment(), ReservedIpAssignment():
                return bool(set(new.links.values()) & set(old.links.values()))
            case _:
                return new.key == old.key and new.key.kind in _UNIQUE_NAMES

    # ── whether it is as desired ─────────────────────────────────────────────────────────────

    def differences(self, desired: Sequence[Desired]) -> list[str]:
        """Say everything in which the world is not what is desired; what is not ours does not count."""
        wrong = []
        wanted = {item.key: item for item in desired}
        for key, item in wanted.items():
            entry = self.log.get(key)
            if entry is None or entry.id not in self.there:
                wrong.append(f"{key} is not there")
            elif not self.as_desired(self.there[entry.id], item):
                wrong.append(f"{key} is {self.there[entry.id]}")
        bound = {entry.id for entry in self.log.values()}
        wrong += [f"{key} is still in the log" for key in self.log.keys() - wanted.keys()]
        wrong += [
            f"{thing} is too many" for thing in self.there.values() if thing.ours and thing.id not in bound
        ]
        return wrong

    def as_desired(self, thing: Thing, item: Desired) -> bool:
        """Whether a thing is what is desired, but for what only counts at its birth."""
        return (
            thing.status is Status.READY
            and self.comparable(thing.resource) == self.comparable(item.resource)
            and thing.links
            == {
                name: self.log[Key(kind, getattr(item.resource, name))].id
                for name, kind in REFERENCES.items()
                if getattr(item.resource, name, "")
            }
        )

    @staticmethod
    def comparable(resource: Resource) -> dict[str, Any]:
        """Return the fields that planning keeps as they are desired, references left out."""
        kind = Kind(str(resource.__struct_config__.tag))
        return {
            name: value
            for name, value in fields_of(resource).items()
            if name not in REFERENCES and name not in NEW_ONLY.get(kind, ())
        }
