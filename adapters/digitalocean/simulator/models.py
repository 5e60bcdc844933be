"""The records an account holds, frozen; a change is a new record put in the old one's place.

Knows what is remembered of each resource, and nothing of how it is shown or checked.
"""

from dataclasses import dataclass
from typing import Literal

from .wire import JsonObject

ActionStatus = Literal["in-progress", "completed", "errored"]


@dataclass(frozen=True)
class Action:
    """Something that takes time, as `/v2/actions` tells of it."""

    id: int
    type: str
    status: ActionStatus
    started_at: str
    completed_at: str | None
    resource_id: int | None
    resource_type: str
    region: str
    subject: str  # what it is about inside the simulator: "droplet:12", "volume:<uuid>"


@dataclass(frozen=True)
class SshKey:
    """A public key of the account."""

    id: int
    name: str
    public_key: str
    fingerprint: str


@dataclass(frozen=True)
class Vpc:
    """A private network in one region."""

    id: str
    name: str
    description: str
    region: str
    ip_range: str
    default: bool
    created_at: str


@dataclass(frozen=True)
class Firewall:
    """A set of rules and the droplets or tags it is put on."""

    id: str
    name: str
    created_at: str
    changed: float
    inbound_rules: tuple[JsonObject, ...]
    outbound_rules: tuple[JsonObject, ...]
    droplet_ids: tuple[int, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Droplet:
    """A virtual server."""

    id: int
    name: str
    region: str
    size: str
    disk: int
    image: int
    status: Literal["new", "active", "off"]
    busy: bool  # an action is going on: shown as `locked`, and a second action is refused
    created: float
    created_at: str
    features: tuple[str, ...]
    tags: tuple[str, ...]
    vpc_uuid: str
    private_ip: str
    public_ip: str
    public_ipv6: str
    has_private_ip: bool  # addresses are reserved at once and shown when the droplet has got that far
    has_public_ip: bool
    ssh_keys: tuple[str, ...]
    user_data: str


@dataclass(frozen=True)
class LoadBalancer:
    """A load balancer; `settings` is the part of its body nothing here depends on."""

    id: str
    name: str
    region: str
    vpc_uuid: str
    ip: str
    status: Literal["new", "active"]
    created_at: str
    forwarding_rules: tuple[JsonObject, ...]
    droplet_ids: tuple[int, ...]
    tag: str
    settings: JsonObject


@dataclass(frozen=True)
class Volume:
    """A block storage volume."""

    id: str
    name: str
    description: str
    region: str
    size_gigabytes: int
    created_at: str
    filesystem_type: str
    filesystem_label: str
    tags: tuple[str, ...]
    droplet_id: int | None
    busy: bool


@dataclass(frozen=True)
class ReservedIp:
    """A public address that outlives the droplet it is assigned to."""

    ip: str
    region: str
    project_id: str
    droplet_id: int | None
    busy: bool
