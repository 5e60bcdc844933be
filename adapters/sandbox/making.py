"""From a request that is in order to its row: ids, addresses, what is told and what is hidden.

Everything is a function of seed, account, names and what is there already: the same requests give
the same ids and addresses, in whichever order threads bring them (but for collisions).
"""

import hashlib
import ipaddress
from typing import Any

import msgspec

from ...engine.domain.model import (
    ClusterSpec,
    FirewallSpec,
    Forward,
    LoadBalancerSpec,
    Placement,
    Role,
    Rule,
    canonical,
)
from ...engine.domain.resources import Kind, Request, Resource, SshKey, kind_of
from ...engine.errors import QuotaExceeded
from .catalogue import CLOUD
from .rows import Body, Row
from .rules import key_material, unique_key
from .store import Session

TOLD: dict[Kind, tuple[str, ...]] = {
    Kind.SSH_KEY: ("public_key",),
    Kind.NETWORK: ("region", "cidr"),
    Kind.SUBNET: ("cidr",),
    Kind.FIREWALL: ("role", "rules"),
    Kind.SERVER: ("region", "size", "image", "role"),
    Kind.VOLUME: ("region", "size_gib"),
    Kind.LOAD_BALANCER: ("region", "role", "forward"),
    Kind.RESERVED_IP: ("region",),
}
"""The fields that this cloud tells of each kind; the rest it keeps, or shows as links."""

_PREFIX: dict[Kind, str] = {
    Kind.TAG: "tag",
    Kind.SSH_KEY: "key",
    Kind.NETWORK: "net",
    Kind.SUBNET: "sub",
    Kind.FIREWALL: "fw",
    Kind.SERVER: "srv",
    Kind.VOLUME: "vol",
    Kind.LOAD_BALANCER: "lb",
    Kind.RESERVED_IP: "rip",
}
_HIDDEN = ("pool", "user_data")
_PUBLIC = tuple(
    map(ipaddress.IPv4Network, ("198.51.100.0/24", "203.0.113.0/24"))
)  # for documentation, RFC 5737
_PUBLIC_SPARE = ipaddress.IPv4Network(
    "198.18.0.0/15"
)  # for benchmarks, RFC 2544; benchmarks do outgrow the others


def row_of(
    request: Request, links: dict[str, str], session: Session, seed: int
) -> tuple[Row, dict[str, str]]:
    """Return the new row, times not yet set, and the addresses that it takes, by scope."""
    kind = kind_of(request.resource)
    addresses = _addresses(request, links, session)
    row = Row(
        kind=kind,
        id=_new_id(request, links, session, seed),
        name=_name(request, links, session),
        cluster=request.cluster.id,
        unique_key=unique_key(request, links),
        body=Body(
            properties=told(request.resource),
            links=links,
            attributes={title: address for title, _, address in addresses},
            hidden=_hidden(request),
        ),
    )
    return row, {scope: address for _, scope, address in addresses}


def told(resource: Resource) -> dict[str, Any]:
    """Return what the cloud tells of a resource, in one canonical form."""
    values = {name: getattr(resource, name) for name in TOLD.get(kind_of(resource), ())}
    if isinstance(resource, SshKey):
        values["public_key"] = key_material(resource.public_key)
    if "rules" in values:
        values["rules"] = canonical_rules(values["rules"])
    if "forward" in values:
        values["forward"] = canonical_forward(values["forward"])
    return {name: msgspec.to_builtins(value) for name, value in values.items()}


def canonical_rules(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Return firewall rules in the order that the domain compares them in."""
    spec = FirewallSpec(name="", role=Role.WORKER, allow=rules)
    return canonical(_spec(firewalls=(spec,))).firewalls[0].allow


def canonical_forward(forward: tuple[Forward, ...]) -> tuple[Forward, ...]:
    """Return a load balancer's ports in the order that the domain compares them in."""
    spec = LoadBalancerSpec(name="", role=Role.WORKER, forward=forward)
    return canonical(_spec(load_balancers=(spec,))).load_balancers[0].forward


def _spec(**parts: Any) -> ClusterSpec:
    return ClusterSpec(name="", kubernetes="", placement=Placement(cloud=""), **parts)


def _hidden(request: Request) -> dict[str, Any]:
    values = {name: getattr(request.resource, name, "") for name in _HIDDEN}
    keys = getattr(request.resource, "ssh_keys", ())
    values["ssh_keys"] = [
        request.ids[key] for key in request.ids if key.kind is Kind.SSH_KEY and key.name in keys
    ]
    return {name: value for name, value in values.items() if value}


def _new_id(request: Request, links: dict[str, str], session: Session, seed: int) -> str:
    kind = kind_of(request.resource)
    if kind not in _PREFIX:
        return ":".join(links.values())  # an attachment is its two ends
    number = session.next_number(f"{kind}/{request.name}")
    digest = hashlib.sha256(f"{seed}/{session.account}/{kind}/{request.name}/{number}".encode()).hexdigest()
    return f"{_PREFIX[kind]}-{digest[:16]}"


def _name(request: Request, links: dict[str, str], session: Session) -> str:
    # An attachment has no name of its own: it shows as the thing that is attached.
    for kind, link in ((Kind.VOLUME_ATTACHMENT, "volume"), (Kind.RESERVED_IP_ASSIGNMENT, "reserved_ip")):
        if kind_of(request.resource) is kind:
            thing = session.get(Kind(link.replace("_", "-")), links[link])
            return thing.name if thing else request.name
    return request.name


def _addresses(request: Request, links: dict[str, str], session: Session) -> list[tuple[str, str, str]]:
    """Return (title, scope, address) for each address that a new resource gets."""
    match kind_of(request.resource):
        case Kind.SERVER:
            private = _private(request.name, links, session)
            return [("public_ip", "public", _public(request.name, session)), ("private_ip", *private)]
        case Kind.LOAD_BALANCER:
            return [("ip", "public", _public(f"lb/{request.name}", session))]
        case Kind.RESERVED_IP:
            return [("ip", "public", _public(f"ip/{request.name}", session))]
        case _:
            return []


def _public(name: str, session: Session) -> str:
    used = session.addresses("public")
    start = _number(name)
    usable = [_usable(network) for network in _PUBLIC]
    for choice in (usable[start % 2], usable[1 - start % 2], _usable(_PUBLIC_SPARE)):
        if address := _free(choice, start // 2, used):
            return address
    raise QuotaExceeded(CLOUD, "no public address is left", 403)


def _private(name: str, links: dict[str, str], session: Session) -> tuple[str, str]:
    kind = Kind.SUBNET if "subnet" in links else Kind.NETWORK
    home = session.get(kind, links[kind])
    cidr = home.body.properties["cidr"] if home else ""
    scope = f"network/{links['network']}"  # subnets share their network's scope
    address = _free(_usable(ipaddress.IPv4Network(cidr)), _number(name), session.addresses(scope))
    if address is None:
        raise QuotaExceeded(CLOUD, f"no address is left in {cidr}", 403)
    return scope, address


def _usable(network: ipaddress.IPv4Network) -> tuple[int, int]:
    """Return the first address to give out and how many; the lowest is the gateway's."""
    return int(network.network_address) + 2, network.num_addresses - 3


def _free(usable: tuple[int, int], start: int, used: frozenset[str]) -> str | None:
    first, count = usable
    for offset in range(min(count, len(used) + 1)):
        address = str(ipaddress.IPv4Address(first + (start + offset) % count))
        if address not in used:
            return address
    return None


def _number(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:6])
