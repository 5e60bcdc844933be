"""The parts of DigitalOcean's answers that are used, as types.

Fields that are not named here are ignored; all but identities may be missing or null, because
they sometimes are. Named after the objects of DigitalOcean's API reference.
"""

from decimal import Decimal

import msgspec


class Named(msgspec.Struct):
    """Something of which only the slug matters: a region, an image."""

    slug: str | None = None


class Link(msgspec.Struct):
    """A reference to an action."""

    id: int


class Links(msgspec.Struct):
    """What else an answer refers to."""

    actions: list[Link] | None = None


class Action(msgspec.Struct):
    """Work that takes time. `status` is ``in-progress``, ``completed`` or ``errored``."""

    id: int
    status: str
    type: str | None = None


class ActionAnswer(msgspec.Struct):
    """One action."""

    action: Action


class Team(msgspec.Struct):
    """A team."""

    uuid: str | None = None
    name: str | None = None


class AccountBody(msgspec.Struct):
    """Whom a token belongs to."""

    uuid: str
    email: str | None = None
    team: Team | None = None
    droplet_limit: int | None = None
    floating_ip_limit: int | None = None
    volume_limit: int | None = None


class AccountAnswer(msgspec.Struct):
    """The account."""

    account: AccountBody


class Tag(msgspec.Struct):
    """A tag; its name is its identity."""

    name: str


class TagAnswer(msgspec.Struct):
    """One tag."""

    tag: Tag


class SshKey(msgspec.Struct):
    """A public key of the account."""

    id: int
    name: str
    public_key: str


class SshKeyAnswer(msgspec.Struct):
    """One key."""

    ssh_key: SshKey


class Vpc(msgspec.Struct):
    """A private network."""

    id: str
    name: str
    region: str | None = None
    ip_range: str | None = None


class VpcAnswer(msgspec.Struct):
    """One network."""

    vpc: Vpc


class Peers(msgspec.Struct):
    """Where a firewall rule lets traffic come from."""

    addresses: list[str] | None = None
    tags: list[str] | None = None
    droplet_ids: list[int] | None = None
    load_balancer_uids: list[str] | None = None
    kubernetes_ids: list[str] | None = None


class InboundRule(msgspec.Struct):
    """A firewall rule."""

    protocol: str
    ports: str | None = None
    sources: Peers | None = None


class Firewall(msgspec.Struct):
    """A firewall."""

    id: str
    name: str
    status: str | None = None
    inbound_rules: list[InboundRule] | None = None
    tags: list[str] | None = None
    droplet_ids: list[int] | None = None


class FirewallAnswer(msgspec.Struct):
    """One firewall."""

    firewall: Firewall


class Address(msgspec.Struct):
    """An IPv4 address of a droplet; `type` is ``public`` or ``private``."""

    ip_address: str
    type: str


class Networks(msgspec.Struct):
    """A droplet's addresses."""

    v4: list[Address] | None = None


class Droplet(msgspec.Struct):
    """A server. `status` is ``new``, ``active``, ``off`` or ``archive``."""

    id: int
    name: str
    status: str
    region: Named | None = None
    size_slug: str | None = None
    image: Named | None = None
    networks: Networks | None = None
    vpc_uuid: str | None = None
    tags: list[str] | None = None

    def ip(self, of_type: str) -> str:
        """Return the first IPv4 address of a type, or an empty string."""
        known = (self.networks and self.networks.v4) or []
        return next((address.ip_address for address in known if address.type == of_type), "")


class DropletAnswer(msgspec.Struct):
    """One droplet, and after its creation the action to follow."""

    droplet: Droplet
    links: Links | None = None


class Volume(msgspec.Struct):
    """Block storage. Sizes in GiB."""

    id: str
    name: str
    size_gigabytes: int | None = None
    region: Named | None = None
    droplet_ids: list[int] | None = None
    tags: list[str] | None = None


class VolumeAnswer(msgspec.Struct):
    """One volume."""

    volume: Volume


class ForwardingRule(msgspec.Struct):
    """One port of a load balancer."""

    entry_protocol: str
    entry_port: int
    target_protocol: str
    target_port: int


class LoadBalancer(msgspec.Struct):
    """A load balancer. `status` is ``new``, ``active`` or ``errored``."""

    id: str
    name: str
    status: str | None = None
    ip: str | None = None
    region: Named | None = None
    vpc_uuid: str | None = None
    tag: str | None = None
    droplet_ids: list[int] | None = None
    forwarding_rules: list[ForwardingRule] | None = None


class LoadBalancerAnswer(msgspec.Struct):
    """One load balancer."""

    load_balancer: LoadBalancer


class Holder(msgspec.Struct):
    """The droplet that a reserved address points to."""

    id: int


class ReservedIp(msgspec.Struct):
    """A reserved address; it is its own identity. `locked` while an action is going on."""

    ip: str
    region: Named | None = None
    droplet: Holder | None = None
    locked: bool | None = None


class ReservedIpAnswer(msgspec.Struct):
    """One reserved address."""

    reserved_ip: ReservedIp


class Region(msgspec.Struct):
    """A place with data centres."""

    slug: str
    name: str
    available: bool = True


class Size(msgspec.Struct):
    """A size of droplet. Memory in MiB, disk in GiB, prices in US dollars."""

    slug: str
    memory: int
    vcpus: int
    disk: int
    price_hourly: Decimal
    price_monthly: Decimal
    regions: list[str] | None = None
    available: bool = True


class Image(msgspec.Struct):
    """An operating system."""

    id: int
    slug: str | None = None
    regions: list[str] | None = None
    status: str | None = None
