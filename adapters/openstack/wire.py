"""What OpenStack's services answer, as far as anybody here looks: msgspec structs of the fields that matter.

Unknown fields are ignored. Nulls are borne where a service may answer them.
"""

from typing import Any

import msgspec


class Wire(msgspec.Struct, frozen=True, kw_only=True):
    """The base: answers are read, never written."""


class Nothing(Wire, frozen=True, kw_only=True):
    """An answer that is an object, whatever is in it."""


class Reference(Wire, frozen=True, kw_only=True):
    """Something of which an answer tells the id alone."""

    id: str


# Neutron


class NetworkInfo(Wire, frozen=True, kw_only=True):
    """A network of Neutron's: one layer-2 segment."""

    id: str
    name: str = ""
    description: str | None = None
    subnets: list[str] = []
    external: bool = msgspec.field(name="router:external", default=False)
    is_default: bool | None = None


class NetworkAnswer(Wire, frozen=True, kw_only=True):
    """One."""

    network: NetworkInfo


class SubnetInfo(Wire, frozen=True, kw_only=True):
    """A range of addresses in a network."""

    id: str
    network_id: str
    cidr: str
    ip_version: int = 4


class SubnetAnswer(Wire, frozen=True, kw_only=True):
    """One."""

    subnet: SubnetInfo


class Gateway(Wire, frozen=True, kw_only=True):
    """The way out of a router."""

    network_id: str


class Router(Wire, frozen=True, kw_only=True):
    """A router."""

    id: str
    name: str = ""
    description: str | None = None
    status: str | None = None
    external_gateway_info: Gateway | None = None


class RouterAnswer(Wire, frozen=True, kw_only=True):
    """One."""

    router: Router


class FixedIp(Wire, frozen=True, kw_only=True):
    """An address of a port."""

    subnet_id: str
    ip_address: str


class Port(Wire, frozen=True, kw_only=True):
    """A place on a network."""

    id: str
    network_id: str = ""
    device_id: str | None = None
    device_owner: str | None = None
    fixed_ips: list[FixedIp] = []
    security_groups: list[str] = []


class PortAnswer(Wire, frozen=True, kw_only=True):
    """One."""

    port: Port


class GroupRule(Wire, frozen=True, kw_only=True):
    """A rule of a security group. Null means any."""

    id: str
    direction: str
    ethertype: str | None = None
    protocol: str | int | None = None
    port_range_min: int | None = None
    port_range_max: int | None = None
    remote_ip_prefix: str | None = None
    remote_group_id: str | None = None
    remote_address_group_id: str | None = None
    description: str | None = None


class Group(Wire, frozen=True, kw_only=True):
    """A security group."""

    id: str
    name: str = ""
    description: str | None = None
    security_group_rules: list[GroupRule] = []


class GroupAnswer(Wire, frozen=True, kw_only=True):
    """One."""

    security_group: Group


class PortDetails(Wire, frozen=True, kw_only=True):
    """What a floating IP tells of the port that it points to."""

    device_id: str | None = None


class FloatingIp(Wire, frozen=True, kw_only=True):
    """A public address."""

    id: str
    floating_ip_address: str
    description: str | None = None
    status: str | None = None
    port_id: str | None = None
    port_details: PortDetails | None = None


class FloatingIpAnswer(Wire, frozen=True, kw_only=True):
    """One."""

    floatingip: FloatingIp


# Nova


class FlavorOfServer(Wire, frozen=True, kw_only=True):
    """The flavor within a server: since 2.47 its name, no id."""

    original_name: str | None = None


class Address(Wire, frozen=True, kw_only=True):
    """An address of a server."""

    addr: str
    version: int = 4
    type: str | None = msgspec.field(name="OS-EXT-IPS:type", default=None)


class Fault(Wire, frozen=True, kw_only=True):
    """Why a server is in ERROR."""

    message: str | None = None


class ServerInfo(Wire, frozen=True, kw_only=True):
    """A server. `image` is an empty text for one that was made from a volume."""

    id: str
    name: str = ""
    status: str
    metadata: dict[str, str] = {}
    image: Reference | str | None = None
    flavor: FlavorOfServer | None = None
    addresses: dict[str, list[Address]] = {}
    fault: Fault | None = None
    task: str | None = msgspec.field(name="OS-EXT-STS:task_state", default=None)


class ServerAnswer(Wire, frozen=True, kw_only=True):
    """One."""

    server: ServerInfo


class ServerMade(Wire, frozen=True, kw_only=True):
    """What Nova answers to a request for a server."""

    server: Reference


class Flavor(Wire, frozen=True, kw_only=True):
    """A size. Memory in MiB, disk in GiB. A project may not always read the extra specs."""

    id: str
    name: str
    vcpus: int
    ram: int
    disk: int
    extra_specs: dict[str, str] = {}
    disabled: bool = msgspec.field(name="OS-FLV-DISABLED:disabled", default=False)


class KeyPair(Wire, frozen=True, kw_only=True):
    """A public key."""

    name: str
    public_key: str


class KeyPairAnswer(Wire, frozen=True, kw_only=True):
    """One."""

    keypair: KeyPair


class Limits(Wire, frozen=True, kw_only=True):
    """Absolute limits, of Nova and of Cinder; -1 for none."""

    absolute: dict[str, Any]


class LimitsAnswer(Wire, frozen=True, kw_only=True):
    """Both services answer so."""

    limits: Limits


# Glance


class Image(Wire, frozen=True, kw_only=True):
    """An image. Properties are fields beside the others."""

    id: str
    name: str | None = None
    status: str | None = None
    architecture: str | None = None
    os_distro: str | None = None
    os_version: str | None = None
    os_hidden: bool | None = None
    image_type: str | None = None
    created_at: str | None = None
    min_disk: int | None = None


# Cinder


class AttachmentInfo(Wire, frozen=True, kw_only=True):
    """Where a volume is plugged in."""

    server_id: str


class VolumeInfo(Wire, frozen=True, kw_only=True):
    """A volume. Size in GiB."""

    id: str
    name: str | None = None
    status: str
    size: int
    metadata: dict[str, str] = {}
    attachments: list[AttachmentInfo] = []


class VolumeAnswer(Wire, frozen=True, kw_only=True):
    """One."""

    volume: VolumeInfo


class VolumeType(Wire, frozen=True, kw_only=True):
    """A kind of volume."""

    name: str
    is_public: bool | None = None


# Octavia


class Balancer(Wire, frozen=True, kw_only=True):
    """A load balancer."""

    id: str
    name: str = ""
    provisioning_status: str
    vip_address: str | None = None
    vip_port_id: str | None = None
    tags: list[str] | None = None


class BalancerAnswer(Wire, frozen=True, kw_only=True):
    """One."""

    loadbalancer: Balancer


class Listener(Wire, frozen=True, kw_only=True):
    """A port of a load balancer."""

    id: str
    protocol: str
    protocol_port: int
    default_pool_id: str | None = None
    loadbalancers: list[Reference] = []


class Pool(Wire, frozen=True, kw_only=True):
    """Where a listener's traffic goes."""

    id: str
    protocol: str
    tags: list[str] | None = None
    healthmonitor_id: str | None = None
    loadbalancers: list[Reference] = []


class Member(Wire, frozen=True, kw_only=True):
    """A server in a pool."""

    id: str
    name: str | None = None
    address: str
    protocol_port: int
    provisioning_status: str
    tags: list[str] | None = None
