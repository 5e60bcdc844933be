"""What plans are made of: steps, changes, what is known; and which fields can change how. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum
from heapq import heapify, heappop, heappush
from typing import Any

import msgspec

from ..domain.resources import Key, Kind, Observed, Resource


class Action(StrEnum):
    """What a step does."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    ADOPT = "adopt"
    FORGET = "forget"


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A field that differs."""

    field: str
    before: Any
    after: Any


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One change to one resource. `after` holds the ids of the steps that come before it.

    `needs` are the logical keys whose provider ids the call takes. `replaces` marks the two halves
    of a replacement; `irreversible` says what is lost for good, or is empty.
    """

    id: int
    action: Action
    key: Key
    resource: Resource | None = None
    resource_id: str = ""
    needs: tuple[Key, ...] = ()
    changes: tuple[Change, ...] = ()
    reasons: tuple[str, ...] = ()
    after: tuple[int, ...] = ()
    phase: int = 0
    replaces: bool = False
    irreversible: str = ""
    before: Resource | None = None


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The steps that lead from what is known to what is desired; `notes` say what is left as it is."""

    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()

    def count(self, *actions: Action) -> int:
        """Count the steps with one of these actions."""
        return sum(step.action in actions for step in self.steps)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.steps


class Queue:
    """Steps in the order of their ids, each as soon as those before it are done.

    Does for each step what depends on it, and never looks through all of them: a plan may have thousands.
    """

    def __init__(self, steps: Iterable[Step], done: Collection[int] = ()) -> None:
        self._steps = {step.id: step for step in steps}
        self._before = {step.id: set(step.after).difference(done) for step in self._steps.values()}
        self._behind: dict[int, list[int]] = defaultdict(list)
        for number, before in self._before.items():
            for other in before:
                self._behind[other].append(number)
        self._free = [number for number, before in self._before.items() if not before]
        heapify(self._free)

    @property
    def waiting(self) -> list[int]:
        """Return the steps that were not taken."""
        return sorted(self._steps)

    def take(self, most: int) -> list[Step]:
        """Take out so many of the steps that may begin."""
        return [self._steps.pop(heappop(self._free)) for _ in range(min(most, len(self._free)))]

    def done(self, step: Step) -> None:
        """Let those begin that waited for this one last."""
        for number in self._behind.pop(step.id, ()):
            self._before[number].discard(step.id)
            if not self._before[number]:
                heappush(self._free, number)


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A resource that exists: as the cloud shows it, and as the log last applied it (or None).

    `bound` says whether the log has this very provider id, `ready` whether it saw it become usable,
    `owned` whether kubisnap made it.
    """

    key: Key
    observed: Observed
    recorded: Resource | None = None
    bound: bool = True
    ready: bool = True
    owned: bool = True


UPDATABLE: Mapping[Kind, frozenset[str]] = {
    Kind.FIREWALL: frozenset({"rules"}),
    Kind.LOAD_BALANCER: frozenset({"forward"}),
    Kind.VOLUME: frozenset({"size_gib"}),
}
"""Fields that change in place. Any other difference replaces the resource."""

NEW_ONLY: Mapping[Kind, frozenset[str]] = {Kind.SERVER: frozenset({"user_data", "ssh_keys"})}
"""Fields that are read once, at first boot: a difference concerns new resources only."""

LOSSES: Mapping[Kind, str] = {
    Kind.SERVER: "what is on its disk is lost",
    Kind.VOLUME: "its data is lost",
    Kind.RESERVED_IP: "the address is lost",
}
"""What is lost for good when a resource of a kind is deleted."""

REFERENCES: Mapping[str, Kind] = {
    "network": Kind.NETWORK,
    "subnet": Kind.SUBNET,
    "server": Kind.SERVER,
    "volume": Kind.VOLUME,
    "reserved_ip": Kind.RESERVED_IP,
    "load_balancer": Kind.LOAD_BALANCER,
}
"""Fields that hold logical names; what the cloud shows for them stands in `Observed.links`."""


def fields_of(resource: Resource) -> dict[str, Any]:
    """Return all fields of a resource in builtin form, defaults included."""
    return {name: msgspec.to_builtins(getattr(resource, name)) for name in resource.__struct_fields__}


def in_tuples(value: Any) -> Any:
    """Return lists as the tuples that specs hold; an adapter may have read its properties from JSON."""
    if isinstance(value, list | tuple):
        return tuple(in_tuples(item) for item in value)
    if isinstance(value, dict):
        return {key: in_tuples(item) for key, item in value.items()}
    return value
