"""What plans are made of: steps, changes, what is known; and which fields can change how. Pure."""

from collections.abc import Mapping
from enum import StrEnum
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
}
"""Fields that hold logical names; what the cloud shows for them stands in `Observed.links`."""


def fields_of(resource: Resource) -> dict[str, Any]:
    """Return all fields of a resource in builtin form, defaults included."""
    return {name: msgspec.to_builtins(getattr(resource, name)) for name in resource.__struct_fields__}
