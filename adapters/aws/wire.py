"""What AWS answers, as far as this adapter reads it; the rest is ignored.

Sources: the data types of the Amazon EC2, ELBv2 and STS API references.
"""

import msgspec


class Wire(msgspec.Struct, rename="pascal", kw_only=True):
    """The base: fields are called as at AWS, VpcId and so on."""


class Tag(Wire, kw_only=True):
    """A tag."""

    key: str
    value: str = ""


class Tagged(Wire, kw_only=True):
    """Something with tags."""

    tags: list[Tag] | None = None

    @property
    def marked(self) -> dict[str, str]:
        """Return the tags as a mapping."""
        return {tag.key: tag.value for tag in self.tags or ()}

    @property
    def name(self) -> str:
        """Return the name, which is a tag like any other."""
        return self.marked.get("Name", "")


class TagOf(Wire, kw_only=True):
    """A tag, and of what it is one."""

    resource_id: str


class Nothing(Wire, kw_only=True):
    """An answer in which nothing matters."""


class Identity(Wire, kw_only=True):
    """Who calls."""

    account: str
    arn: str = ""


class RegionName(Wire, kw_only=True):
    """A region that the account may use."""

    region_name: str


class Zone(Wire, kw_only=True):
    """An availability zone."""

    zone_name: str


class Vpc(Tagged, kw_only=True):
    """A network."""

    vpc_id: str
    cidr_block: str
    state: str = "available"


class VpcAnswer(Wire, kw_only=True):
    """A network that was made."""

    vpc: Vpc


class Subnet(Tagged, kw_only=True):
    """A part of a network."""

    subnet_id: str
    vpc_id: str
    cidr_block: str
    availability_zone: str = ""
    state: str = "available"


class SubnetAnswer(Wire, kw_only=True):
    """A subnet that was made."""

    subnet: Subnet


class GatewayAttachment(Wire, kw_only=True):
    """Where an internet gateway is attached."""

    vpc_id: str


class Gateway(Tagged, kw_only=True):
    """An internet gateway."""

    internet_gateway_id: str
    attachments: list[GatewayAttachment] | None = None


class GatewayAnswer(Wire, kw_only=True):
    """A gateway that was made."""

    internet_gateway: Gateway


class Route(Wire, kw_only=True):
    """A route."""

    destination_cidr_block: str | None = None
    gateway_id: str | None = None


class RouteTable(Tagged, kw_only=True):
    """A table of routes."""

    route_table_id: str
    routes: list[Route] | None = None


class Range(Wire, kw_only=True):
    """A range of IPv4 addresses."""

    cidr_ip: str


class Range6(Wire, kw_only=True):
    """A range of IPv6 addresses."""

    cidr_ipv6: str = msgspec.field(name="CidrIpv6")


class GroupPair(Wire, kw_only=True):
    """A security group as a source."""

    group_id: str = ""


class PrefixList(Wire, kw_only=True):
    """A list of ranges that has a name of its own."""

    prefix_list_id: str = ""


class Permission(Wire, kw_only=True):
    """What a security group lets in."""

    ip_protocol: str
    from_port: int | None = None
    to_port: int | None = None
    ip_ranges: list[Range] | None = None
    ipv6_ranges: list[Range6] | None = msgspec.field(name="Ipv6Ranges", default=None)
    user_id_group_pairs: list[GroupPair] | None = None
    prefix_list_ids: list[PrefixList] | None = None


class Group(Tagged, kw_only=True):
    """A security group."""

    group_id: str
    group_name: str
    vpc_id: str = ""
    ip_permissions: list[Permission] | None = None


class GroupAnswer(Wire, kw_only=True):
    """A group that was made."""

    group_id: str


class KeyPair(Tagged, kw_only=True):
    """A public key."""

    key_name: str
    public_key: str | None = None


class Image(Wire, kw_only=True):
    """A machine image."""

    image_id: str
    name: str = ""
    creation_date: str = ""
    root_device_name: str = "/dev/sda1"


class State(Wire, kw_only=True):
    """A state with a name."""

    name: str = ""


class Reason(Wire, kw_only=True):
    """Why something is in a state."""

    code: str = ""
    message: str = ""


class GroupName(Wire, kw_only=True):
    """A group that something is in."""

    group_id: str


class Attachment(Wire, kw_only=True):
    """How a network interface is attached."""

    device_index: int = 0


class Interface(Wire, kw_only=True):
    """A network interface of an instance."""

    network_interface_id: str
    attachment: Attachment | None = None
    groups: list[GroupName] | None = None


class Ebs(Wire, kw_only=True):
    """A volume of an instance."""

    volume_id: str = ""


class Device(Wire, kw_only=True):
    """A device name that is taken."""

    device_name: str = ""
    ebs: Ebs | None = None


class CpuOptions(Wire, kw_only=True):
    """An instance's processors."""

    core_count: int = 1
    threads_per_core: int = 1


class Instance(Tagged, kw_only=True):
    """A server."""

    instance_id: str
    state: State
    instance_type: str = ""
    image_id: str = ""
    vpc_id: str | None = None
    subnet_id: str | None = None
    public_ip_address: str | None = None
    private_ip_address: str | None = None
    state_reason: Reason | None = None
    network_interfaces: list[Interface] | None = None
    security_groups: list[GroupName] | None = None
    block_device_mappings: list[Device] | None = None
    cpu_options: CpuOptions | None = None

    @property
    def is_gone(self) -> bool:
        """Whether it will never run again."""
        return self.state.name in {"terminated", "shutting-down"}


class Reservation(Wire, kw_only=True):
    """Instances that were asked for together."""

    instances: list[Instance] | None = None


class VolumeAttachment(Wire, kw_only=True):
    """Where a volume is plugged in."""

    instance_id: str | None = None
    state: str = "attached"


class Volume(Tagged, kw_only=True):
    """Block storage."""

    volume_id: str
    size: int
    state: str = "available"
    availability_zone: str = ""
    attachments: list[VolumeAttachment] | None = None


class Address(Tagged, kw_only=True):
    """An elastic IP."""

    allocation_id: str
    public_ip: str = ""
    association_id: str | None = None
    instance_id: str | None = None


class NetworkInterface(Wire, kw_only=True):
    """A network interface, whoever has it."""

    network_interface_id: str
    groups: list[GroupName] | None = None


class Quota(Wire, kw_only=True):
    """A quota."""

    value: float


class QuotaAnswer(Wire, kw_only=True):
    """The quota that was asked for."""

    quota: Quota


class VolumeAnswer(Volume, kw_only=True):
    """A volume that was made: the answer is the volume itself."""


class AddressAnswer(Wire, kw_only=True):
    """An address that was reserved."""

    allocation_id: str


class Instances(Wire, kw_only=True):
    """Instances that were started: one."""

    instances: list[Instance]
