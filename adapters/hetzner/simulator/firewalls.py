"""Firewalls: rules, and the servers that they are for."""

import re

from . import checks
from .models import Firewall, Server
from .routing import Call, Route, listed, selected
from .ssh_keys import base, changed, common
from .wire import NO_CONTENT, Answer, ApiError, JsonObject, invalid, not_found
from .world import Project, action_view

_PORT = re.compile(r"([1-9][0-9]{0,4})(-([1-9][0-9]{0,4}))?")


def under(firewall: Firewall, server: Server) -> bool:
    """Whether a server is under a firewall, by itself or by its labels."""
    return server.id in firewall.servers or any(selected(text, server.labels) for text in firewall.selectors)


def view(project: Project, firewall: Firewall) -> JsonObject:
    """A firewall as the API shows it."""
    servers = project.servers.values()
    by_label: list[JsonObject] = [
        {
            "type": "label_selector",
            "label_selector": {"selector": text},
            "applied_to_resources": [
                {"type": "server", "server": {"id": server.id}}
                for server in servers
                if selected(text, server.labels)
            ],
        }
        for text in firewall.selectors
    ]
    one_by_one: list[JsonObject] = [
        {"type": "server", "server": {"id": number}} for number in firewall.servers
    ]
    return {**common(firewall), "rules": firewall.rules, "applied_to": by_label + one_by_one}


def _port(rule: JsonObject) -> str | None:
    port = rule.get("port")
    if rule["protocol"] not in {"tcp", "udp"}:
        if port is not None:
            raise invalid("rules", "this protocol has no ports")
        return None
    if port == "any":
        return "any"
    match = _PORT.fullmatch(port) if isinstance(port, str) else None
    if match is None or not int(match[1]) <= int(match[3] or match[1]) <= 65535:
        raise invalid("rules", "a port or a range of ports")
    return str(port)


def _rules(call: Call) -> list[JsonObject]:
    made: list[JsonObject] = []
    for rule in checks.objects(call.body, "rules", most=50):
        direction, protocol = rule.get("direction"), rule.get("protocol")
        if direction not in {"in", "out"} or protocol not in {"tcp", "udp", "icmp", "esp", "gre"}:
            raise invalid("rules")
        sources, destinations = checks.cidrs(rule, "source_ips"), checks.cidrs(rule, "destination_ips")
        if bool(sources) != (direction == "in") or bool(destinations) != (direction == "out"):
            raise invalid("rules", "addresses of the wrong side")
        made.append(
            {
                "direction": direction,
                "protocol": protocol,
                "port": _port(rule),
                "source_ips": sources,
                "destination_ips": destinations,
                "description": checks.text(rule, "description", default="") or None,
            }
        )
    return made


def _targets(call: Call, field: str) -> tuple[list[str], list[int]]:
    selectors, servers = [], []
    for target in checks.objects(call.body, field):
        if target.get("type") == "label_selector":
            text = checks.text(checks.inner(target, "label_selector"), "selector")
            selected(text, {})
            selectors.append(text)
        elif target.get("type") == "server":
            number = checks.number(checks.inner(target, "server"), "id")
            if number not in call.project.servers:
                raise not_found("server", number)
            servers.append(number)
        else:
            raise invalid(field)
    return selectors, servers


def _create(call: Call) -> Answer:
    firewalls = call.project.firewalls
    selectors, servers = _targets(call, "apply_to")
    firewall = Firewall(
        **base(call, "firewall", firewalls), rules=_rules(call), selectors=selectors, servers=servers
    )
    firewalls[firewall.id] = firewall
    begun = [
        action_view(call.act(command, ("firewall", firewall.id)))
        for command in ("set_firewall_rules", "apply_firewall")
    ]
    return Answer(201, {"firewall": view(call.project, firewall), "actions": begun})


def _list(call: Call) -> Answer:
    return listed(call, "firewalls", call.project.firewalls.values(), lambda item: view(call.project, item))


def _one(call: Call) -> Firewall:
    return call.of(call.project.firewalls, "firewall")


def _get(call: Call) -> Answer:
    return Answer(200, {"firewall": view(call.project, _one(call))})


def _put(call: Call) -> Answer:
    firewall = _one(call)
    changed(call, firewall, call.project.firewalls)
    return Answer(200, {"firewall": view(call.project, firewall)})


def _delete(call: Call) -> Answer:
    firewall = _one(call)
    if firewall.selectors or firewall.servers or firewall.letting_go & call.project.servers.keys():
        message = f"firewall with ID '{firewall.id}' is still in use"
        raise ApiError(422, "resource_in_use", message)
    del call.project.firewalls[firewall.id]
    return NO_CONTENT


def _set_rules(call: Call) -> Answer:
    firewall = _one(call)
    firewall.rules = _rules(call)
    return Answer(201, {"actions": [action_view(call.act("set_firewall_rules", ("firewall", firewall.id)))]})


def _apply(call: Call) -> Answer:
    firewall = _one(call)
    selectors, servers = _targets(call, "apply_to")
    if set(selectors) & set(firewall.selectors) or set(servers) & set(firewall.servers):
        raise ApiError(409, "firewall_already_applied", "firewall was already applied on resource")
    firewall.selectors += selectors
    firewall.servers += servers
    return Answer(201, {"actions": [action_view(call.act("apply_firewall", ("firewall", firewall.id)))]})


def _remove(call: Call) -> Answer:
    """Take it off: it is shown as being on nothing at once, and servers let go of it a moment later."""
    firewall = _one(call)
    selectors, servers = _targets(call, "remove_from")
    if not set(selectors) <= set(firewall.selectors) or not set(servers) <= set(firewall.servers):
        raise ApiError(409, "firewall_already_removed", "firewall was already removed from resource")
    before = {server.id for server in call.project.servers.values() if under(firewall, server)}
    firewall.selectors = [text for text in firewall.selectors if text not in selectors]
    firewall.servers = [number for number in firewall.servers if number not in servers]
    after = {server.id for server in call.project.servers.values() if under(firewall, server)}
    leaving = before - after
    firewall.letting_go |= leaving

    def gone() -> None:
        firewall.letting_go -= leaving

    action = call.act("remove_firewall", ("firewall", firewall.id), finish=gone)
    return Answer(201, {"actions": [action_view(action)]})


ROUTES = (
    Route("GET", "/firewalls", _list),
    Route("POST", "/firewalls", _create),
    Route("GET", "/firewalls/{id}", _get),
    Route("PUT", "/firewalls/{id}", _put),
    Route("DELETE", "/firewalls/{id}", _delete),
    Route("POST", "/firewalls/{id}/actions/set_rules", _set_rules),
    Route("POST", "/firewalls/{id}/actions/apply_to_resources", _apply),
    Route("POST", "/firewalls/{id}/actions/remove_from_resources", _remove),
)
