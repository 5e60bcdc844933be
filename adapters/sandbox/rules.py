"""What the simulated cloud refuses to make, and what a new resource refers to.

`check` raises what a real cloud would answer and returns the links. Knows the catalogue and what
the account holds; changes nothing.
"""

import base64
import binascii
import ipaddress
import re
from collections.abc import Iterable

from ...engine.domain.model import Forward, Role, Rule
from ...engine.domain.resources import (
    Firewall,
    Key,
    Kind,
    LoadBalancer,
    Network,
    Request,
    ReservedIp,
    ReservedIpAssignment,
    Server,
    SshKey,
    Status,
    Subnet,
    Volume,
    VolumeAttachment,
    kind_of,
)
from ...engine.errors import Conflict, QuotaExceeded, Rejected
from .catalogue import CATALOGUE, CLOUD
from .rows import Row
from .store import Session

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_KEY_TYPES = {"ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"}
_MAX_VOLUME_GIB = 16384

UNIQUELY_NAMED = frozenset(
    {Kind.TAG, Kind.NETWORK, Kind.SUBNET, Kind.FIREWALL, Kind.VOLUME, Kind.LOAD_BALANCER, Kind.RESERVED_IP}
)


def check(request: Request, session: Session) -> dict[str, str]:
    """Return a new resource's links; raises `Rejected`, `Conflict` or `QuotaExceeded`."""
    kind = kind_of(request.resource)
    if not _NAME.fullmatch(request.name):
        raise Rejected(CLOUD, f"{request.name!r} is not a name for a {kind}", 422)
    _check_quota(kind, session)
    links = _check_resource(request, session)
    _check_unique(kind, unique_key(request, links), request.name, session)
    return links


def unique_key(request: Request, links: dict[str, str]) -> str | None:
    """Return what no other resource of this kind may have, or None where anything goes."""
    resource = request.resource
    if isinstance(resource, SshKey):
        return key_material(resource.public_key)
    if isinstance(resource, VolumeAttachment):
        return links["volume"]
    if isinstance(resource, ReservedIpAssignment):
        return links["reserved_ip"]
    return request.name if kind_of(resource) in UNIQUELY_NAMED else None


def key_material(public_key: str) -> str:
    """Return "type base64" without the comment; raises `Rejected` for what is no public key."""
    kind, _, rest = public_key.strip().partition(" ")
    material = rest.split(" ")[0]
    try:
        blob = base64.b64decode(material, validate=True)
    except binascii.Error as error:
        raise Rejected(CLOUD, "not an SSH public key", 422) from error
    if kind not in _KEY_TYPES or not blob:
        raise Rejected(CLOUD, "not an SSH public key", 422)
    return f"{kind} {material}"


def _check_quota(kind: Kind, session: Session) -> None:
    quota = session.quota(kind)
    if quota is not None and session.count(kind) >= quota:
        raise QuotaExceeded(CLOUD, f"this account may have {quota} of {kind}", 403)


def _check_unique(kind: Kind, key: str | None, name: str, session: Session) -> None:
    if key is None or (holder := session.holder(kind, key)) is None:
        return
    match kind:
        case Kind.SSH_KEY:
            raise Conflict(CLOUD, f"this public key is there already, named {holder.name}", 409)
        case Kind.VOLUME_ATTACHMENT | Kind.RESERVED_IP_ASSIGNMENT:
            raise Conflict(CLOUD, f"{holder.name} is in use at server {holder.body.links['server']}", 409)
        case _:
            raise Conflict(CLOUD, f"a {kind} named {name} is there already", 409)


def _check_resource(request: Request, session: Session) -> dict[str, str]:  # noqa: PLR0911 - one a kind
    match request.resource:
        case Server() as server:
            return _check_server(server, request, session)
        case Network(region=region, cidr=cidr):
            check_region(region)
            check_cidr(cidr, widest=8, narrowest=28)
            return {}
        case Subnet() as subnet:
            return _check_subnet(subnet, request, session)
        case Firewall(rules=rules):
            check_rules(rules)
            return {}
        case Volume(region=region, size_gib=size):
            check_region(region)
            check_volume_size(size)
            return {}
        case VolumeAttachment(volume=volume, server=server_name):
            return _check_pair(request, session, Key(Kind.VOLUME, volume), server_name)
        case LoadBalancer(region=region, network=network, forward=forward):
            check_region(region)
            check_forward(forward)
            return {"network": _place(request, session, network, region).id}
        case ReservedIp(region=region):
            check_region(region)
            return {}
        case ReservedIpAssignment(reserved_ip=address, server=server_name):
            return _check_pair(request, session, Key(Kind.RESERVED_IP, address), server_name)
        case _:
            return {}


def _check_server(server: Server, request: Request, session: Session) -> dict[str, str]:
    check_region(server.region)
    size = CATALOGUE.size(server.size)
    if size is None or server.region not in size.regions:
        raise Rejected(CLOUD, f"no size {server.size!r} in {server.region}", 422)
    if not any(image.name == server.image and server.region in image.regions for image in CATALOGUE.images):
        raise Rejected(CLOUD, f"no image {server.image!r} in {server.region}", 422)
    if len(server.user_data.encode()) > CATALOGUE.max_user_data:
        raise Rejected(CLOUD, f"user data is longer than {CATALOGUE.max_user_data} bytes", 422)
    for name in server.ssh_keys:
        _needed(request, session, Key(Kind.SSH_KEY, name))
    links = {"network": _place(request, session, server.network, server.region).id}
    if server.subnet:
        subnet = _needed(request, session, Key(Kind.SUBNET, server.subnet))
        if subnet.body.links["network"] != links["network"]:
            raise Rejected(CLOUD, f"subnet {subnet.name} is part of another network", 422)
        links["subnet"] = subnet.id
    return links


def _check_subnet(subnet: Subnet, request: Request, session: Session) -> dict[str, str]:
    inner = check_cidr(subnet.cidr, widest=8, narrowest=29)
    network = _needed(request, session, Key(Kind.NETWORK, subnet.network))
    if not inner.subnet_of(ipaddress.IPv4Network(network.body.properties["cidr"])):
        raise Rejected(CLOUD, f"{subnet.cidr} is not inside {network.name}", 422)
    for other in session.pointing_to(Kind.NETWORK, network.id):
        if other.kind is Kind.SUBNET and inner.overlaps(ipaddress.IPv4Network(other.body.properties["cidr"])):
            raise Conflict(CLOUD, f"{subnet.cidr} overlaps subnet {other.name}", 409)
    return {"network": network.id}


def _check_pair(request: Request, session: Session, thing: Key, server_name: str) -> dict[str, str]:
    row = _needed(request, session, thing)
    server = _needed(request, session, Key(Kind.SERVER, server_name))
    if row.body.properties["region"] != server.body.properties["region"]:
        raise Rejected(CLOUD, f"{row.name} and {server.name} are in different regions", 422)
    return {thing.kind.value.replace("-", "_"): row.id, "server": server.id}


def _place(request: Request, session: Session, network: str, region: str) -> Row:
    row = _needed(request, session, Key(Kind.NETWORK, network))
    if row.body.properties["region"] != region:
        raise Rejected(CLOUD, f"network {row.name} is not in {region}", 422)
    return row


def _needed(request: Request, session: Session, key: Key) -> Row:
    resource_id = request.ids.get(key)
    if resource_id is None:
        raise Rejected(CLOUD, f"{request.name} needs {key}, and the request does not say which that is", 422)
    row = session.get(key.kind, resource_id)
    if row is None:
        raise Rejected(CLOUD, f"{request.name} needs {key.kind} {resource_id}, which is not there", 422)
    if (status := row.status(session.now)) is not Status.READY:
        raise Rejected(CLOUD, f"{request.name} needs {row.name}, which is {status}", 422)
    return row


def check_region(name: str) -> None:
    """Raise `Rejected` for a region that there is not."""
    if CATALOGUE.region(name) is None:
        raise Rejected(CLOUD, f"no region {name!r}", 422)


def check_cidr(cidr: str, *, widest: int, narrowest: int) -> ipaddress.IPv4Network:
    """Return a private IPv4 range; raises `Rejected` for anything else."""
    try:
        network = ipaddress.IPv4Network(cidr)
    except ValueError as error:
        raise Rejected(CLOUD, f"{cidr!r} is not an IPv4 range", 422) from error
    if not widest <= network.prefixlen <= narrowest or not network.is_private:
        raise Rejected(CLOUD, f"{cidr} is not a private range from /{widest} to /{narrowest}", 422)
    return network


def check_rules(rules: Iterable[Rule]) -> None:
    """Raise `Rejected` for a rule with ports or sources that mean nothing."""
    for rule in rules:
        if rule.ports != "all":
            first, dash, last = rule.ports.partition("-")
            _check_ports(first, last if dash else first, rule.ports)
        for source in rule.sources:
            if source in set(Role):
                continue
            try:
                ipaddress.ip_network(source)
            except ValueError as error:
                raise Rejected(CLOUD, f"{source!r} is neither an address range nor a role", 422) from error


def _check_ports(first: str, last: str, text: str) -> None:
    if not (first.isascii() and first.isdigit() and last.isascii() and last.isdigit()):
        raise Rejected(CLOUD, f"{text!r} is not a port, a range of ports or all", 422)
    if not 1 <= int(first) <= int(last) <= 65535:
        raise Rejected(CLOUD, f"{text!r} is not a range of ports from 1 to 65535", 422)


def check_forward(forward: Iterable[Forward]) -> None:
    """Raise `Rejected` for a load balancer that forwards nothing, or one port twice."""
    entries = list(forward)
    ports = [entry.port for entry in entries]
    if not ports or len(set(ports)) < len(ports):
        raise Rejected(CLOUD, "a load balancer forwards at least one port, and each once", 422)
    if not all(1 <= port <= 65535 for entry in entries for port in (entry.port, entry.target_port)):
        raise Rejected(CLOUD, "ports are from 1 to 65535", 422)


def check_volume_size(size_gib: int) -> None:
    """Raise `Rejected` for a volume too small or too large."""
    if not 1 <= size_gib <= _MAX_VOLUME_GIB:
        raise Rejected(CLOUD, f"a volume has 1 to {_MAX_VOLUME_GIB} GiB, not {size_gib}", 422)
