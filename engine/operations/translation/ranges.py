"""Address ranges: a network that would collide gets a free range, and what refers to it follows. Pure.

Inside of a network everything keeps its offset. What lies outside is somebody else's and stays.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_network
from typing import NamedTuple

import msgspec

from ...domain.catalogue import Catalogue
from ...domain.events import Choice
from ...domain.mapping import NO_MAPPING, Mapping
from ...domain.model import ClusterSpec, FirewallSpec, Role
from ...domain.resources import Kind
from ...errors import InvalidInput, Rejected

PRIVATE = tuple(map(IPv4Network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
"""Where networks may be (RFC 1918), in the order in which free ranges are looked for."""

_KEPT_ADDRESSES = 5
"""As many addresses of a range as clouds keep for themselves."""

_ADDRESS = re.compile(r"(?<![0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9.])")


class Taken(NamedTuple):
    """A range that a network may not overlap, and why."""

    range: IPv4Network
    why: str


class Renumbered(NamedTuple):
    """A spec whose network fits, how that came, and what does not hold any more."""

    spec: ClusterSpec
    choices: tuple[Choice, ...] = ()
    losses: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def renumber(
    spec: ClusterSpec, catalogue: Catalogue, *, taken: Sequence[str] = (), mapping: Mapping = NO_MAPPING
) -> Renumbered:
    """Give a spec's network another range if its own is reserved, taken or of a size that is not allowed.

    `taken` are ranges that are in use at the target. Raises `InvalidInput` where a mapped range will not do.
    """
    mapped = mapping.find("network", catalogue.cloud, spec.network.cidr)
    made = Kind.NETWORK in catalogue.kinds
    if not made and mapped is None:
        return Renumbered(spec)
    old = IPv4Network(spec.network.cidr)
    blocked = _blocked(catalogue, taken) if made else []
    prefix = min(max(old.prefixlen, catalogue.network_prefixes[0]), catalogue.network_prefixes[1])
    if mapped is not None:
        new, why = IPv4Network(mapped.name), "as mapped"
        if made:
            _refuse(mapped.field, new, catalogue, blocked)
    else:
        why = _why(old, prefix, catalogue, blocked)
        if not why:
            return Renumbered(spec)
        free = first_free(prefix, [*(item.range for item in blocked), *_neighbours(spec, old)])
        if free is None:
            return Renumbered(spec, problems=(f"no private range of /{prefix} is free for its network",))
        new = free
    return _moved_to(spec, old, new, why)


def renumbered(spec: ClusterSpec, cidr: str) -> ClusterSpec:
    """Return a spec with its network at `cidr`, and with what refers to it moved along, as far as it fits."""
    old, new = IPv4Network(spec.network.cidr), IPv4Network(cidr)
    return spec if old == new else _moved_to(spec, old, new, "").spec


def moved(text: str, old: IPv4Network, new: IPv4Network) -> str | None:
    """Return where a range is after `old` became `new`; None if it does not fit into it.

    >>> moved("10.1.2.0/24", IPv4Network("10.1.0.0/16"), IPv4Network("10.9.0.0/16"))
    '10.9.2.0/24'
    >>> moved("8.8.8.8/32", IPv4Network("10.1.0.0/16"), IPv4Network("10.9.0.0/16"))
    '8.8.8.8/32'
    """
    part = ip_network(text)
    if not isinstance(part, IPv4Network) or not part.subnet_of(old):
        return text
    if part == old:
        return str(new)
    offset = int(part.network_address) - int(old.network_address)
    if offset + part.num_addresses > new.num_addresses:
        return None
    return str(IPv4Network((int(new.network_address) + offset, part.prefixlen)))


def is_inside(text: str) -> bool:
    """Tell whether a range is a private one."""
    # `is_private` of Python 3.11 says so of 0.0.0.0/0, too
    part = ip_network(text)
    return isinstance(part, IPv4Network) and any(part.subnet_of(whole) for whole in PRIVATE)


def first_free(prefix: int, blocked: Sequence[IPv4Network]) -> IPv4Network | None:
    """Return the lowest private range of that prefix that overlaps nothing blocked, or None."""
    size = 2 ** (32 - prefix)
    for whole in PRIVATE:
        start, end = int(whole.network_address), int(whole.broadcast_address)
        while prefix >= whole.prefixlen and start + size - 1 <= end:
            found = IPv4Network((start, prefix))
            over = [int(other.broadcast_address) for other in blocked if other.overlaps(found)]
            if not over:
                return found
            start = -(-(max(over) + 1) // size) * size  # the first that begins after all of them
    return None


def _blocked(catalogue: Catalogue, taken: Sequence[str]) -> list[Taken]:
    cloud = catalogue.cloud
    reserved = [(text, f"{cloud} keeps {text} for itself") for text in catalogue.reserved_ranges]
    there = [(text, f"{text} is in use there") for text in taken]
    found = []
    for text, why in (*reserved, *there):
        try:
            part = ip_network(text)
        except ValueError as error:
            raise Rejected(cloud, f"names a range that is none: {text!r:.60}") from error
        if isinstance(part, IPv4Network):
            found.append(Taken(part, why))
    return found


def _why(old: IPv4Network, prefix: int, catalogue: Catalogue, blocked: Sequence[Taken]) -> str:
    """Say why a network cannot keep its range, or nothing."""
    if prefix != old.prefixlen:
        shortest, longest = catalogue.network_prefixes
        return f"networks of {catalogue.cloud} are between /{shortest} and /{longest}"
    return next((item.why for item in blocked if item.range.overlaps(old)), "")


def _refuse(field: str, new: IPv4Network, catalogue: Catalogue, blocked: Sequence[Taken]) -> None:
    """Raise `InvalidInput` for a mapped range that cannot be had."""
    shortest, longest = catalogue.network_prefixes
    if not shortest <= new.prefixlen <= longest:
        problem = f"networks of {catalogue.cloud} are between /{shortest} and /{longest}"
        raise InvalidInput(field, f"{new}: {problem}")
    for item in blocked:
        if item.range.overlaps(new):
            free = first_free(new.prefixlen, [other.range for other in blocked])
            advice = f"free is {free}" if free else ""
            raise InvalidInput(field, f"{new} cannot be had: {item.why}", advice=advice)


def _neighbours(spec: ClusterSpec, old: IPv4Network) -> Iterator[IPv4Network]:
    """Yield private ranges outside the network that rules name: it may not come to lie among them."""
    for text in _sources(spec):
        part = ip_network(text)
        if isinstance(part, IPv4Network) and is_inside(text) and not part.overlaps(old):
            yield part


def _sources(spec: ClusterSpec) -> Iterator[str]:
    for firewall in spec.firewalls:
        for rule in firewall.allow:
            yield from (source for source in rule.sources if source not in set(Role))


def _moved_to(spec: ClusterSpec, old: IPv4Network, new: IPv4Network, why: str) -> Renumbered:
    lost: list[str] = []

    def follow(text: str) -> str:
        found = text if text in set(Role) else moved(text, old, new)
        if found is None:
            lost.append(text)
        return found or text

    subnets = tuple(
        msgspec.structs.replace(subnet, cidr=follow(subnet.cidr)) for subnet in spec.network.subnets
    )
    network = msgspec.structs.replace(spec.network, cidr=str(new), subnets=subnets)
    firewalls = tuple(_followed(firewall, follow) for firewall in spec.firewalls)
    problems = [f"{text} does not fit into the network's new range {new}" for text in dict.fromkeys(lost)]
    if (servers := len(spec.servers())) + _KEPT_ADDRESSES > new.num_addresses:
        problems.append(f"{servers} servers do not fit into the network's new range {new}")
    if problems:
        return Renumbered(spec, problems=tuple(problems))
    choice = Choice(what="network", wanted=str(old), chosen=str(new), note=why)
    found = msgspec.structs.replace(spec, network=network, firewalls=firewalls)
    return Renumbered(found, (choice,), tuple(_not_followed(spec, old, new)))


def _followed(firewall: FirewallSpec, follow: Callable[[str], str]) -> FirewallSpec:
    allow = tuple(
        msgspec.structs.replace(rule, sources=tuple(follow(source) for source in rule.sources))
        for rule in firewall.allow
    )
    return msgspec.structs.replace(firewall, allow=allow)


def _not_followed(spec: ClusterSpec, old: IPv4Network, new: IPv4Network) -> Iterator[str]:
    """Say what referred to the old range and cannot follow."""
    for firewall in spec.firewalls:
        named = {source for rule in firewall.allow for source in rule.sources if source not in set(Role)}
        for text in sorted(named):
            part = ip_network(text)
            if part != old and _covers(part, old) and not _covers(part, new):
                yield f"firewall {firewall.name} lets {text} in; the new range {new} is not in that"
    for pool in spec.pools:
        named = {text for text in _ADDRESS.findall(pool.bootstrap) if _inside(text, old)}
        if named:
            told = ", ".join(sorted(named))
            yield f"the bootstrap script of pool {pool.name} names {told}, of the network's old range"


def _covers(outer: IPv4Network | IPv6Network, inner: IPv4Network) -> bool:
    return isinstance(outer, IPv4Network) and inner.subnet_of(outer)


def _inside(text: str, network: IPv4Network) -> bool:
    try:
        return IPv4Address(text) in network
    except ValueError:
        return False
