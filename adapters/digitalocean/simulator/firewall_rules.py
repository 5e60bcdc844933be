"""The rules of a firewall: read, checked, and written the way the API writes them back."""

import re
from ipaddress import ip_network

from . import checks, tags
from .wire import JsonObject, not_found, unprocessable
from .world import Account

FIELDS = {"inbound_rules": "sources", "outbound_rules": "destinations"}
_PROTOCOLS = ("tcp", "udp", "icmp")
_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")
_LARGEST_PORT = 65535


def read(account: Account, body: JsonObject, field: str) -> tuple[JsonObject, ...]:
    """The rules under `inbound_rules` or `outbound_rules`, each checked."""
    return tuple(_rule(account, given, FIELDS[field]) for given in checks.objects(body, field))


def merged(old: tuple[JsonObject, ...], new: tuple[JsonObject, ...]) -> tuple[JsonObject, ...]:
    """The old rules and those of the new ones that are not among them."""
    return (*old, *(rule for rule in new if rule not in old))


def without(old: tuple[JsonObject, ...], gone: tuple[JsonObject, ...]) -> tuple[JsonObject, ...]:
    """The old rules less the given ones, all of which must be there."""
    if any(rule not in old for rule in gone):
        raise not_found("rule not found")
    return tuple(rule for rule in old if rule not in gone)


def _rule(account: Account, given: JsonObject, peers: str) -> JsonObject:
    protocol = checks.text(given, "protocol")
    if protocol not in _PROTOCOLS:
        raise unprocessable(f"protocol must be one of {', '.join(_PROTOCOLS)}")
    ports = _ports(protocol, checks.text(given, "ports", default=""))
    return {"protocol": protocol, "ports": ports, peers: _peers(account, checks.mapping(given, peers), peers)}


def _ports(protocol: str, given: str) -> str:
    # The API answers "0" where "all" was sent, and for icmp: a client that compares texts sees a drift.
    if given in {"all", "0"} or (protocol == "icmp" and not given):
        return "0"
    match = _PORTS.fullmatch(given)
    low, high = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if protocol == "icmp" or not 1 <= low <= high <= _LARGEST_PORT:
        raise unprocessable(f'ports must be a port, a range, or "all": "{given}"')
    return given


def _peers(account: Account, given: JsonObject, field: str) -> JsonObject:
    peers: JsonObject = {
        "addresses": list(checks.texts(given, "addresses")),
        "droplet_ids": list(checks.numbers(given, "droplet_ids")),
        "load_balancer_uids": list(checks.texts(given, "load_balancer_uids")),
        "kubernetes_ids": list(checks.texts(given, "kubernetes_ids")),
        "tags": list(tags.must_exist(account, checks.texts(given, "tags"))),
    }
    for address in peers["addresses"]:
        try:
            ip_network(address, strict=False)
        except ValueError:
            raise unprocessable(f'{field} has an address that is none: "{address}"') from None
    for number in peers["droplet_ids"]:
        if number not in account.droplets:
            raise unprocessable(f"{field} names droplet {number}, which does not exist")
    for uid in peers["load_balancer_uids"]:
        if uid not in account.load_balancers:
            raise unprocessable(f"{field} names load balancer {uid}, which does not exist")
    kept = {name: values for name, values in peers.items() if values}
    if not kept:
        raise unprocessable(f"a rule must have at least one of its {field}")
    return kept
