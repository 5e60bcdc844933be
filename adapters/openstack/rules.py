"""Firewall rules, from ours to Neutron's and back. Pure.

One rule of ours is one of Neutron's for each source; a role is a group, in IPv4 and in IPv6. What has no
neutral word is shown under a name of its own (``group:1b2c``), so that a change by hand is seen as
drift. Neutron takes the ports 1 to 65535 for all ports, and forgets that somebody wrote them so: the rule's
description keeps it. Source: the section "Security group rules" of Neutron's API reference.
"""

from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_network
from typing import Any, NamedTuple

import msgspec

from ...engine.domain.model import Protocol, Role, Rule
from .wire import GroupRule

_ICMP = {"IPv4": "icmp", "IPv6": "ipv6-icmp"}
_ICMP_NAMES = {"icmp", "ipv6-icmp", "icmpv6", "1", "58"}
_PROTOCOLS = {"6": "tcp", "17": "udp"}
_ALL = (1, 65535)
_EVERYWHERE = {"IPv4": "0.0.0.0/0", "IPv6": "::/0"}


class Effect(NamedTuple):
    """What a rule of Neutron's does; no two of a group may do the same."""

    ethertype: str
    protocol: str
    ports: tuple[int, int] | None
    prefix: str
    group: str


def effects(rules: Iterable[Rule], group_of: Callable[[Role], str]) -> dict[Effect, str]:
    """Return what rules come to at Neutron, each with its description; `group_of` gives a role's group."""
    written: dict[Effect, set[str]] = {}
    for rule in rules:
        for source in rule.sources:
            for effect in _effects_of(rule, source, group_of):
                written.setdefault(effect, set()).add(rule.ports)
    return {effect: _note(effect, texts) for effect, texts in written.items()}


def _effects_of(rule: Rule, source: str, group_of: Callable[[Role], str]) -> Iterable[Effect]:
    if source in set(Role):
        targets = [(family, "", group_of(Role(source))) for family in ("IPv4", "IPv6")]
    else:
        targets = [("IPv6" if ":" in source else "IPv4", source, "")]
    for family, prefix, group in targets:
        if rule.protocol is Protocol.ICMP:
            yield Effect(family, _ICMP[family], None, prefix, group)
            continue
        low, _, high = rule.ports.partition("-")
        ports = None if rule.ports == "all" else (int(low), int(high or low))
        yield Effect(family, rule.protocol.value, None if ports == _ALL else ports, prefix, group)


def _note(effect: Effect, texts: set[str]) -> str:
    """Return what the description must keep: nothing, mostly."""
    plain = texts == {"all"} or effect.ports is not None or "icmp" in effect.protocol
    return "" if plain else f"ports={','.join(sorted(texts))}"


def body(effect: Effect, note: str, group_id: str) -> dict[str, Any]:
    """Return a rule as Neutron takes it."""
    told: dict[str, Any] = {
        "security_group_id": group_id,
        "direction": "ingress",
        "ethertype": effect.ethertype,
        "protocol": effect.protocol,
        "description": note,
    }
    if effect.ports is not None:
        told["port_range_min"], told["port_range_max"] = effect.ports
    if effect.group:
        told["remote_group_id"] = effect.group
    else:
        told["remote_ip_prefix"] = effect.prefix
    return told


def effect_of(rule: GroupRule) -> Effect:
    """Return what a rule of Neutron's does, in the words of `effects`."""
    family = rule.ethertype or "IPv4"
    name = "any" if rule.protocol is None else str(rule.protocol)
    protocol = _ICMP.get(family, "icmp") if name in _ICMP_NAMES else _PROTOCOLS.get(name, name)
    low, high = rule.port_range_min, rule.port_range_max
    ports = None if low is None and high is None else (low if low is not None else 0, high or low or 0)
    group = rule.remote_group_id or (
        f"addresses:{rule.remote_address_group_id}" if rule.remote_address_group_id else ""
    )
    prefix = "" if group else _canonical(rule.remote_ip_prefix or _EVERYWHERE.get(family, ""))
    return Effect(family, protocol, ports, prefix, group)


def neutral_rules(rules: Iterable[GroupRule], role_of: Mapping[str, str]) -> tuple[dict[str, Any], ...]:
    """Return the rules of a group that let something in as neutral ones, in canonical order.

    `role_of` has the roles of the cluster's groups, by id.
    """
    sources: dict[tuple[str, str], set[str]] = {}
    for rule in rules:
        if rule.direction != "ingress":
            continue
        effect = effect_of(rule)
        source = role_of.get(effect.group, f"group:{effect.group}") if effect.group else effect.prefix
        protocol = "icmp" if effect.protocol in _ICMP_NAMES else effect.protocol
        for ports in _ports_of(effect, rule.description or ""):
            sources.setdefault((protocol, ports), set()).add(source)
    return tuple(_built(*key, tuple(sorted(sources[key]))) for key in _ordered(sources))


def _ordered(sources: Mapping[tuple[str, str], set[str]]) -> list[tuple[str, str]]:
    return sorted(sources, key=lambda key: (*key, tuple(sorted(sources[key]))))


def _ports_of(effect: Effect, note: str) -> list[str]:
    if effect.ports is None:
        kept = note.removeprefix("ports=").split(",") if note.startswith("ports=") else []
        return [text for text in kept if text in {"all", "1-65535"}] or ["all"]
    low, high = effect.ports
    return [str(low) if low == high else f"{low}-{high}"]


def _canonical(prefix: str) -> str:
    try:
        return str(ip_network(prefix, strict=False))
    except ValueError:
        return prefix


def _built(protocol: str, ports: str, sources: tuple[str, ...]) -> dict[str, Any]:
    if protocol in set(Protocol):
        built: dict[str, Any] = msgspec.to_builtins(
            Rule(protocol=Protocol(protocol), ports=ports, sources=sources)
        )
        return built
    return {"protocol": protocol, "ports": ports, "sources": sources}
