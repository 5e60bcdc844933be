"""What a cloud holds for a cluster: one struct per kind of resource, and what is seen of them.

A *desired* resource carries the provider's own names for region, size and image, and refers to
other resources by logical name. An *observed* one carries provider ids. The two meet in planning.

Knows: the specs. Knows no cloud.
"""

from enum import StrEnum
from typing import Any, NamedTuple

import msgspec

from .model import Forward, Role, Rule


class Kind(StrEnum):
    """Kinds of resources, in the order in which people expect to read them."""

    TAG = "tag"
    SSH_KEY = "ssh-key"
    NETWORK = "network"
    SUBNET = "subnet"
    FIREWALL = "firewall"
    SERVER = "server"
    VOLUME = "volume"
    VOLUME_ATTACHMENT = "volume-attachment"
    LOAD_BALANCER = "load-balancer"
    LOAD_BALANCER_MEMBER = "load-balancer-member"
    RESERVED_IP = "reserved-ip"
    RESERVED_IP_ASSIGNMENT = "reserved-ip-assignment"


class Key(NamedTuple):
    """A resource's logical identity within its cluster, e.g. ``server/workers-0``."""

    kind: Kind
    name: str

    def __str__(self) -> str:
        return "/".join(self)


class ClusterRef(msgspec.Struct, frozen=True, kw_only=True):
    """Which cluster a resource belongs to: `id` is a UUID's 32 hex digits, `name` the cluster's name."""

    id: str
    name: str

    @property
    def short(self) -> str:
        """The eight hex digits that names at the cloud end in."""
        return self.id[:8]


def provider_name(cluster: ClusterRef, key: Key) -> str:
    """Return the one name that this resource has at any cloud (law 3: deterministic).

    >>> provider_name(ClusterRef(id="7f3a9c21" * 4, name="web"), Key(Kind.SERVER, "workers-0"))
    'web-workers-0-7f3a9c21'
    """
    if key.kind is Kind.TAG:
        return (
            f"kubisnap-{cluster.short}" if key.name == "cluster" else f"kubisnap-{cluster.short}-{key.name}"
        )
    return f"{cluster.name}-{key.name}-{cluster.short}"


def logical_name(cluster: ClusterRef, kind: Kind, name: str) -> str | None:
    """Return the logical name that `provider_name` made `name` from, or None if it is not one of ours."""
    if kind is Kind.TAG:
        stem = f"kubisnap-{cluster.short}"
        if name == stem:
            return "cluster"
        rest = name.removeprefix(f"{stem}-") if name.startswith(f"{stem}-") else ""
        return rest if rest not in {"", "cluster"} else None
    start, end = f"{cluster.name}-", f"-{cluster.short}"
    if len(name) > len(start) + len(end) and name.startswith(start) and name.endswith(end):
        return name[len(start) : -len(end)]
    return None


def member_name(load_balancer: str, server: str) -> str:
    """Return the logical name of a server behind a load balancer; no name of theirs has a dot.

    >>> member_name("web", "workers-0")
    'web.workers-0'
    """
    return f"{load_balancer}.{server}"


class _Resource(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True, gc=False):
    """The base of desired resources; the tag is the `Kind`."""


class Tag(_Resource, frozen=True, kw_only=True, tag=Kind.TAG.value):
    """What servers of a role have in common, where it must exist before it can be used: a label, a group.

    Role None: all of the cluster. `network` is a logical name, where groups are parts of a network.
    """

    role: Role | None = None
    network: str = ""


class SshKey(_Resource, frozen=True, kw_only=True, tag=Kind.SSH_KEY.value):
    """A public key in OpenSSH's one-line form. `region` is empty where keys belong to the whole account."""

    public_key: str
    region: str = ""


class Network(_Resource, frozen=True, kw_only=True, tag=Kind.NETWORK.value):
    """A private network in a region."""

    region: str
    cidr: str


class Subnet(_Resource, frozen=True, kw_only=True, tag=Kind.SUBNET.value):
    """A part of a network; `network` is its logical name."""

    cidr: str
    network: str


class Firewall(_Resource, frozen=True, kw_only=True, tag=Kind.FIREWALL.value):
    """Rules for the servers of a role. `network` as for `Tag`."""

    role: Role
    rules: tuple[Rule, ...] = ()
    network: str = ""


class Server(_Resource, frozen=True, kw_only=True, tag=Kind.SERVER.value):
    """A machine. `network`, `subnet` and `ssh_keys` are logical names.

    `disk_gib` is that of a disk that is larger than the size's own; 0 means the size's own.
    """

    region: str
    size: str
    image: str
    role: Role
    pool: str
    network: str
    subnet: str = ""
    ssh_keys: tuple[str, ...] = ()
    user_data: str = ""
    disk_gib: int = 0


class Volume(_Resource, frozen=True, kw_only=True, tag=Kind.VOLUME.value):
    """Block storage."""

    region: str
    size_gib: int


class VolumeAttachment(_Resource, frozen=True, kw_only=True, tag=Kind.VOLUME_ATTACHMENT.value):
    """A volume plugged into a server; logical names."""

    volume: str
    server: str


class LoadBalancer(_Resource, frozen=True, kw_only=True, tag=Kind.LOAD_BALANCER.value):
    """A load balancer in front of the servers of a role. `subnet` is empty where none is needed."""

    region: str
    network: str
    role: Role
    forward: tuple[Forward, ...]
    subnet: str = ""


class LoadBalancerMember(_Resource, frozen=True, kw_only=True, tag=Kind.LOAD_BALANCER_MEMBER.value):
    """A server behind a load balancer, for clouds that do not find out by a tag; logical names."""

    load_balancer: str
    server: str


class ReservedIp(_Resource, frozen=True, kw_only=True, tag=Kind.RESERVED_IP.value):
    """A public address held for the cluster."""

    region: str


class ReservedIpAssignment(_Resource, frozen=True, kw_only=True, tag=Kind.RESERVED_IP_ASSIGNMENT.value):
    """A reserved address pointed at a server; logical names."""

    reserved_ip: str
    server: str


Resource = (
    Tag
    | SshKey
    | Network
    | Subnet
    | Firewall
    | Server
    | Volume
    | VolumeAttachment
    | LoadBalancer
    | LoadBalancerMember
    | ReservedIp
    | ReservedIpAssignment
)

_KIND_OF: dict[type[_Resource], Kind] = {
    cls: Kind(str(cls.__struct_config__.tag)) for cls in _Resource.__subclasses__()
}


def kind_of(resource: Resource) -> Kind:
    """Return a resource's kind."""
    return _KIND_OF[type(resource)]


class Desired(msgspec.Struct, frozen=True, kw_only=True):
    """A resource that should exist, and the logical keys that must exist before it."""

    key: Key
    resource: Resource
    needs: tuple[Key, ...] = ()


class Status(StrEnum):
    """How far along an observed resource is."""

    CREATING = "creating"
    READY = "ready"
    FAILED = "failed"
    DELETING = "deleting"


class Observed(msgspec.Struct, frozen=True, kw_only=True):
    """A resource as a cloud shows it.

    `id` is the provider's, `name` the provider-side name (an attachment has its volume's or
    address's). `properties` holds what this cloud tells of the resource, under the field names of
    its struct in this module and in `msgspec.to_builtins` form; a field that the cloud does not
    tell is left out. `links` holds provider ids of what it refers to (``network``, ``server``,
    ``volume``, ``reserved_ip``). `attributes` is for people: addresses and the like.
    """

    kind: Kind
    id: str
    name: str
    status: Status = Status.READY
    properties: dict[str, Any] = {}
    links: dict[str, str] = {}
    attributes: dict[str, str] = {}


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that an adapter needs to create or update one resource.

    `name` is the provider-side name to use, `ids` the provider ids of everything in `Desired.needs`.
    """

    cluster: ClusterRef
    key: Key
    resource: Resource
    name: str
    ids: dict[Key, str]

    def tag(self, role: Role | None = None) -> str:
        """Return the provider-side name of the cluster's tag, or of a role's."""
        return provider_name(self.cluster, Key(Kind.TAG, "cluster" if role is None else role.value))


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """A cloud took a request. The resource exists from now on under `id`, ready or not.

    `token` is whatever the adapter needs to follow the work (an action's id), opaque to the engine.
    """

    id: str
    token: str = ""
