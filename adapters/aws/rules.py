"""Firewall rules between the neutral form and that of security groups. Pure.

AWS keeps no rules but entries: a protocol, a range of ports, one source. Entries of the same protocol and
ports are one rule here. A role as a source is the role's group. Source: "Amazon EC2 API Reference",
IpPermission.
"""

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from ...engine.domain.model import Protocol, Role, Rule
from . import wire

ICMP6 = "icmpv6"
_ALL_PORTS = (0, 65535)
_NUMBERS = {"6": "tcp", "17": "udp", "1": "icmp", "58": ICMP6}
"""Protocols that AWS may call by number."""


class Entry(NamedTuple):
    """One thing that a group lets in. `source` is a range, a group's id or a prefix list's."""

    protocol: str
    first: int
    last: int
    source: str


def entries_of(rules: Iterable[Rule], groups: Mapping[Role, str]) -> set[Entry]:
    """Return rules as entries; `groups` are the ids of the roles' groups."""
    return {
        Entry(*_traffic(rule, source), groups[Role(source)] if source in set(Role) else source)
        for rule in rules
        for source in rule.sources
    }


def _traffic(rule: Rule, source: str) -> tuple[str, int, int]:
    if rule.protocol is Protocol.ICMP:
        return (ICMP6 if ":" in source else "icmp", -1, -1)
    if rule.ports == "all":
        return (rule.protocol.value, *_ALL_PORTS)
    first, _, last = rule.ports.partition("-")
    return (rule.protocol.value, int(first), int(last or first))


def entries_in(permissions: Iterable[wire.Permission]) -> set[Entry]:
    """Return what a group lets in as entries."""
    return {
        Entry(*_seen_traffic(permission), source)
        for permission in permissions
        for source in _sources(permission)
    }


def _seen_traffic(permission: wire.Permission) -> tuple[str, int, int]:
    protocol = _NUMBERS.get(permission.ip_protocol, permission.ip_protocol)
    first = -1 if permission.from_port is None else permission.from_port
    return protocol, first, -1 if permission.to_port is None else permission.to_port


def _sources(permission: wire.Permission) -> Iterator[str]:
    for item in permission.ip_ranges or ():
        yield _canonical(item.cidr_ip)
    for item6 in permission.ipv6_ranges or ():
        yield _canonical(item6.cidr_ipv6)
    for pair in permission.user_id_group_pairs or ():
        yield pair.group_id
    for listed in permission.prefix_list_ids or ():
        yield listed.prefix_list_id


def _canonical(cidr: str) -> str:
    try:
        return str(ipaddress.ip_network(cidr, strict=False))
    except ValueError:
        return cidr


def permissions(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """Return entries as EC2 takes them, in one order."""
    found: dict[tuple[str, int, int], list[str]] = defaultdict(list)
    for entry in sorted(entries):
        found[entry[:3]].append(entry.source)
    return [_permission(*traffic, sources) for traffic, sources in found.items()]


def _permission(protocol: str, first: int, last: int, sources: list[str]) -> dict[str, Any]:
    ranges6 = [source for source in sources if ":" in source]
    groups = [source for source in sources if source.startswith("sg-")]
    lists = [source for source in sources if source.startswith("pl-")]
    ranges = [source for source in sources if source not in {*ranges6, *groups, *lists}]
    parts: dict[str, list[dict[str, str]]] = {
        "IpRanges": [{"CidrIp": source} for source in ranges],
        "Ipv6Ranges": [{"CidrIpv6": source} for source in ranges6],
        "UserIdGroupPairs": [{"GroupId": source} for source in groups],
        "PrefixListIds": [{"PrefixListId": source} for source in lists],
    }
    kept = {name: values for name, values in parts.items() if values}
    return {"IpProtocol": protocol, "FromPort": first, "ToPort": last, **kept}


def neutral_rules(entries: Iterable[Entry], roles: Mapping[str, str]) -> tuple[dict[str, Any], ...]:
    """Return entries as neutral rules in `to_builtins` form, in canonical order.

    `roles` says which role a group stands for; another group shows as ``group:sg-...``.
    """
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entry in entries:
        found[_neutral_traffic(entry)].add(_named(entry.source, roles))
    keys = sorted((protocol, ports, tuple(sorted(sources))) for (protocol, ports), sources in found.items())
    return tuple(_built(*key) for key in keys)


def _neutral_traffic(entry: Entry) -> tuple[str, str]:
    """Return protocol and ports; what has no neutral form shows as AWS has it."""
    if entry.protocol in {"icmp", ICMP6}:
        return ("icmp", "all") if entry.first == -1 else (entry.protocol, f"type-{entry.first}")
    if (entry.first, entry.last) == _ALL_PORTS or entry.first == -1:
        return entry.protocol, "all"
    return entry.protocol, str(entry.first) if entry.first == entry.last else f"{entry.first}-{entry.last}"


def _named(source: str, roles: Mapping[str, str]) -> str:
    if source.startswith("sg-"):
        return roles.get(source, f"group:{source}")
    return f"list:{source}" if source.startswith("pl-") else source


def _built(protocol: str, ports: str, sources: tuple[str, ...]) -> dict[str, Any]:
    if protocol in set(Protocol):
        rule = Rule(protocol=Protocol(protocol), ports=ports, sources=sources)
        built: dict[str, Any] = msgspec.to_builtins(rule)
        return built
    return {"protocol": protocol, "ports": ports, "sources": sources}
