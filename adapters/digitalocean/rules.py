"""Firewall rules and targets, from ours to DigitalOcean's and back. Pure.

What has no neutral word is not dropped on the way back but shown under a name of its own
(``droplet:3164444``, ``tag:web``), so that a change by hand is seen as drift. Source: the page
"Firewalls" of DigitalOcean's API reference.
"""

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from ...engine.domain.model import Protocol, Role, Rule
from ...engine.domain.resources import Request
from . import wire

_ROLE_TAG = re.compile(rf"kubisnap-([0-9a-f]{{8}})-({'|'.join(Role)})")
_EVERYWHERE = {"addresses": ["0.0.0.0/0", "::/0"]}

ALL_PORTS = "0"
"""Sent, and answered, for "all ports"; for icmp always. Older clients say ``all`` and get ``0`` back."""

OUTBOUND: list[dict[str, Any]] = [
    {"protocol": protocol.value, "ports": ALL_PORTS, "destinations": _EVERYWHERE} for protocol in Protocol
]
"""All may leave: without outbound rules a DigitalOcean firewall keeps everything in."""


def inbound(request: Request, rules: Iterable[Rule]) -> list[dict[str, Any]]:
    """Return rules as DigitalOcean takes them: roles become the tags of the cluster's servers."""
    return [
        {
            "protocol": rule.protocol.value,
            "ports": ALL_PORTS if rule.ports == "all" else rule.ports,
            "sources": _sources(request, rule.sources),
        }
        for rule in rules
    ]


def _sources(request: Request, sources: Iterable[str]) -> dict[str, list[str]]:
    roles = [source for source in sources if source in set(Role)]
    addresses = [source for source in sources if source not in roles]
    found = {"addresses": addresses, "tags": [request.tag(Role(role)) for role in roles]}
    return {name: values for name, values in found.items() if values}


def neutral_rules(rules: Iterable[wire.InboundRule], short: str) -> tuple[dict[str, Any], ...]:
    """Return DigitalOcean's rules as neutral ones in `to_builtins` form, in canonical order.

    `short` is the id of the cluster whose role tags are meant; see `short_of`.
    """
    found = {_key(rule, short) for rule in rules}
    return tuple(_built(*parts) for parts in sorted(found))


def _key(rule: wire.InboundRule, short: str) -> tuple[str, str, tuple[str, ...]]:
    """Return protocol, ports and sources: what `engine.domain.model.canonical` sorts by."""
    ports = "all" if rule.ports in {None, "", ALL_PORTS, "all"} else str(rule.ports)
    return rule.protocol, ports, tuple(sorted(set(_named(rule.sources or wire.Peers(), short))))


def _named(peers: wire.Peers, short: str) -> Iterable[str]:
    yield from peers.addresses or ()
    yield from (role_of(tag, short) or f"tag:{tag}" for tag in peers.tags or ())
    yield from (f"droplet:{droplet}" for droplet in peers.droplet_ids or ())
    yield from (f"load-balancer:{balancer}" for balancer in peers.load_balancer_uids or ())
    yield from (f"kubernetes:{cluster}" for cluster in peers.kubernetes_ids or ())


def _built(protocol: str, ports: str, sources: tuple[str, ...]) -> dict[str, Any]:
    if protocol in set(Protocol):
        built: dict[str, Any] = msgspec.to_builtins(
            Rule(protocol=Protocol(protocol), ports=ports, sources=sources)
        )
        return built
    return {"protocol": protocol, "ports": ports, "sources": sources}


def role_of(tag: str, short: str) -> str | None:
    """Return the role that a tag stands for in the cluster of this short id, or None.

    >>> role_of("kubisnap-7f3a9c21-worker", "7f3a9c21")
    'worker'
    """
    match = _ROLE_TAG.fullmatch(tag)
    return match[2] if match and match[1] == short else None


def short_of(name: str) -> str:
    """Return the cluster's short id that a provider-side name ends in, or an empty string.

    >>> short_of("web-public-7f3a9c21")
    '7f3a9c21'
    """
    match = re.search(r"-([0-9a-f]{8})\Z", name)
    return match[1] if match else ""


def target(name: str, tags: Iterable[str], droplet_ids: Iterable[int]) -> tuple[str, str]:
    """Return the role whose servers something is for, and for what else it is.

    Somebody's additions are not held against it; a role that is not there, or two, are.

    >>> target("web-public-7f3a9c21", ["kubisnap-7f3a9c21-worker", "db"], [12])
    ('worker', 'droplet:12,tag:db')
    """
    short = short_of(name)
    given = {tag for tag in tags if tag}
    roles = sorted(role for tag in given if (role := role_of(tag, short)) is not None)
    others = {f"tag:{tag}" for tag in given if role_of(tag, short) is None}
    others |= {f"droplet:{droplet}" for droplet in droplet_ids}
    return ",".join(roles), ",".join(sorted(others))
