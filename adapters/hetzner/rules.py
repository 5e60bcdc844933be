"""Firewall rules, from ours to Hetzner's and back. Pure.

Hetzner's firewalls hold for public addresses only, and know no groups of servers: what comes from servers
of a role comes through the private network, where all is open. So that a rule is shown as it was asked
for, such sources stand in its description, and a rule with no others gets a range that never arrives
from outside. What has no neutral word is not dropped on the way back but shown under a name of its own,
so that a change by hand is seen as drift. Source: the section "Firewalls" of Hetzner's API reference.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from ...engine.domain.model import Protocol, Role, Rule
from . import wire

NOWHERE = "10.0.0.0/8"
"""Private addresses: on a public interface nothing comes from there."""

_ROLES = "|".join(Role)
_NOTE = re.compile(rf"kubisnap: (also|only) from ((?:{_ROLES})(?: (?:{_ROLES}))*)")


def inbound(rules: Iterable[Rule]) -> list[dict[str, Any]]:
    """Return rules as Hetzner takes them. All may leave, as long as no rule is about that."""
    return [_inbound(rule) for rule in rules]


def _inbound(rule: Rule) -> dict[str, Any]:
    roles = sorted(source for source in rule.sources if source in set(Role))
    addresses = [source for source in rule.sources if source not in roles]
    built: dict[str, Any] = {
        "direction": "in",
        "protocol": rule.protocol.value,
        "source_ips": addresses or [NOWHERE],
    }
    if rule.protocol is not Protocol.ICMP:
        built["port"] = "any" if rule.ports == "all" else rule.ports
    if roles:
        built["description"] = f"kubisnap: {'also' if addresses else 'only'} from {' '.join(roles)}"
    return built


def neutral_rules(rules: Iterable[wire.Rule]) -> tuple[dict[str, Any], ...]:
    """Return Hetzner's rules for what comes in as neutral ones in `to_builtins` form, in canonical order."""
    found = {_key(rule) for rule in rules if rule.direction == "in"}
    return tuple(_built(*parts) for parts in sorted(found))


def _key(rule: wire.Rule) -> tuple[str, str, tuple[str, ...]]:
    """Return protocol, ports and sources: what `engine.domain.model.canonical` sorts by."""
    ports = "all" if rule.port in {None, "", "any"} else str(rule.port)
    return rule.protocol, ports, tuple(sorted(_sources(rule)))


def _sources(rule: wire.Rule) -> set[str]:
    addresses = set(rule.source_ips or ())
    note = _NOTE.fullmatch(rule.description or "")
    if note is None:
        return addresses
    if note[1] == "only":
        addresses -= {NOWHERE}
    return addresses | set(note[2].split())


def _built(protocol: str, ports: str, sources: tuple[str, ...]) -> dict[str, Any]:
    if protocol in set(Protocol):
        built: dict[str, Any] = msgspec.to_builtins(
            Rule(protocol=Protocol(protocol), ports=ports, sources=sources)
        )
        return built
    return {"protocol": protocol, "ports": ports, "sources": sources}


def outbound_note(rules: Iterable[wire.Rule]) -> str:
    """Return a word on rules for what goes out, which kubisnap never makes, or an empty string."""
    count = sum(rule.direction == "out" for rule in rules)
    return f"{count} rules of somebody's hold back what goes out" if count else ""
