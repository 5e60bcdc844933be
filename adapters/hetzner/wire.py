"""The parts of Hetzner's answers that are used, as types.

Fields that are not named here are ignored; all but what things are told apart by may be missing or null.
Named after the objects of Hetzner's API reference.
"""

from typing import Any

import msgspec


class Nothing(msgspec.Struct):
    """An answer whose contents do not matter."""


class Named(msgspec.Struct):
    """Something of which only the name matters: a location, a server type, an image."""

    name: str | None = None


class ActionError(msgspec.Struct):
    """Why an action failed."""

    code: str | None = None
    message: str | None = None


class Action(msgspec.Struct):
    """Work that takes time. `status` is ``running``, ``success`` or ``error``."""

    id: int
    status: str
    command: str | None = None
    error: ActionError | None = None


class Actions(msgspec.Struct):
    """What an answer says of the work that it began: one action, or several."""

    action: Action | None = None
    actions: list[Action] | None = None
    next_actions: list[Action] | None = None

    @property
    def token(self) -> str:
        """The ids of all of them, to be followed."""
        found = [self.action] if self.action else []
        found += [*(self.actions or ()), *(self.next_actions or ())]
        return ",".join(str(action.id) for action in found)


class ActionList(msgspec.Struct):
    """Actions that were asked for by id."""

    actions: list[Action]


class Pagination(msgspec.Struct):
    """Where a page stands in its list."""

    page: int
    next_page: int | None = None
    total_entries: int | None = None


class Meta(msgspec.Struct):
    """What is told about a list."""

    pagination: Pagination


class Paged(msgspec.Struct):
    """A page of a list, whatever it holds."""

    meta: Meta


class Location(msgspec.Struct):
    """A place with data centres. Degrees north and east."""

    name: str
    city: str | None = None
    description: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    network_zone: str | None = None


class SshKey(msgspec.Struct):
    """A public key of the project."""

    id: int
    name: str
    public_key: str


class SshKeyAnswer(msgspec.Struct):
    """One key."""

    ssh_key: SshKey


class Network(msgspec.Struct):
    """A private network. `servers` and `load_balancers` are the ids of what stands in it."""

    id: int
    name: str
    ip_range: str | None = None
    servers: list[int] | None = None
    load_balancers: list[int] | None = None


class NetworkAnswer(msgspec.Struct):
    """One network."""

    network: Network


class Selector(msgspec.Struct):
    """Servers by their labels."""

    selector: str


class Id(msgspec.Struct):
    """A reference by id."""

    id: int


class Target(msgspec.Struct):
    """Whom a firewall or a load balancer is for; `type` is ``label_selector``, ``server`` or ``ip``."""

    type: str
    label_selector: Selector | None = None
    server: Id | None = None
    ip: dict[str, Any] | None = None


class Rule(msgspec.Struct):
    """A firewall rule."""

    direction: str
    protocol: str
    port: str | None = None
    source_ips: list[str] | None = None
    description: str | None = None


class Firewall(msgspec.Struct):
    """A firewall."""

    id: int
    name: str
    rules: list[Rule] | None = None
    applied_to: list[Target] | None = None


class FirewallAnswer(msgspec.Struct):
    """One firewall."""

    firewall: Firewall


class Address(msgspec.Struct):
    """A public address."""

    ip: str | None = None


class PublicNet(msgspec.Struct):
    """Public addresses."""

    ipv4: Address | None = None


class PrivateNet(msgspec.Struct):
    """A place in a private network."""

    network: int | None = None
    ip: str | None = None


class Datacenter(msgspec.Struct):
    """Where older answers had the location."""

    location: Named | None = None


def name_of(thing: Named | None) -> str:
    """Return a thing's name, or an empty string."""
    return (thing.name if thing is not None else None) or ""


def address_of(net: PublicNet | None) -> str:
    """Return the public IPv4 address, or an empty string."""
    return (net.ipv4.ip if net is not None and net.ipv4 is not None else None) or ""


class Server(msgspec.Struct):
    """A server."""

    id: int
    name: str
    status: str
    server_type: Named | None = None
    image: Named | None = None
    location: Named | None = None
    datacenter: Datacenter | None = None
    public_net: PublicNet | None = None
    private_net: list[PrivateNet] | None = None


class ServerAnswer(msgspec.Struct):
    """One server."""

    server: Server


class Volume(msgspec.Struct):
    """Block storage, `size` in GB. `status` is ``creating`` or ``available``; `server` is where it is."""

    id: int
    name: str
    size: float | None = None
    status: str | None = None
    server: int | None = None
    location: Named | None = None


class VolumeAnswer(msgspec.Struct):
    """One volume."""

    volume: Volume


class Service(msgspec.Struct):
    """One port of a load balancer."""

    protocol: str
    listen_port: int
    destination_port: int


class LoadBalancer(msgspec.Struct):
    """A load balancer. It has no status; its address comes when it is there."""

    id: int
    name: str
    location: Named | None = None
    public_net: PublicNet | None = None
    private_net: list[PrivateNet] | None = None
    services: list[Service] | None = None
    targets: list[Target] | None = None


class LoadBalancerAnswer(msgspec.Struct):
    """One load balancer."""

    load_balancer: LoadBalancer


class FloatingIp(msgspec.Struct):
    """A public address that can be moved; `server` is the id of where it points."""

    id: int
    name: str
    ip: str | None = None
    server: int | None = None
    home_location: Named | None = None


class FloatingIpAnswer(msgspec.Struct):
    """One floating IP."""

    floating_ip: FloatingIp


class Image(msgspec.Struct):
    """An operating system."""

    id: int
    name: str | None = None
    os_flavor: str | None = None
    os_version: str | None = None
    architecture: str | None = None
    status: str | None = None
    deprecated: str | None = None


class Price(msgspec.Struct):
    """A price without taxes, in the currency of the price list, as text."""

    net: str


class PlacePrice(msgspec.Struct):
    """What something costs in a location."""

    location: str
    price_monthly: Price
    price_hourly: Price | None = None


class TypeLocation(msgspec.Struct):
    """Whether a server type can be had in a location: not once it is deprecated, nor while it is sold out."""

    name: str
    available: bool = True
    deprecation: dict[str, Any] | None = None


class ServerType(msgspec.Struct):
    """A size of server. Memory and disk in GB."""

    id: int
    name: str
    cores: int
    memory: float
    disk: float
    prices: list[PlacePrice]
    architecture: str | None = None
    deprecation: dict[str, Any] | None = None
    locations: list[TypeLocation] | None = None


class PricesOf(msgspec.Struct):
    """Prices of a kind, by location; `type` of addresses, `name` of load balancers."""

    prices: list[PlacePrice]
    type: str | None = None
    name: str | None = None


class VolumePrice(msgspec.Struct):
    """What a GB of a volume costs a month."""

    price_per_gb_month: Price


class Pricing(msgspec.Struct):
    """The price list."""

    currency: str
    volume: VolumePrice
    primary_ips: list[PricesOf] | None = None
    floating_ips: list[PricesOf] | None = None
    load_balancer_types: list[PricesOf] | None = None


class PricingAnswer(msgspec.Struct):
    """The price list."""

    pricing: Pricing
