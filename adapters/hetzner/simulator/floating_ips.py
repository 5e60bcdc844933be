"""Floating IPs: public addresses that are moved from server to server."""

from . import checks
from .models import FloatingIp
from .offers import LOCATIONS
from .routing import Call, Route, began, listed
from .ssh_keys import base, changed, common
from .volumes import server_at
from .wire import NO_CONTENT, Answer, ApiError, JsonObject, invalid


def view(address: FloatingIp) -> JsonObject:
    """A floating IP as the API shows it."""
    return {
        **common(address),
        "type": "ipv4",
        "ip": address.ip,
        "description": address.description,
        "server": address.server,
        "home_location": LOCATIONS[address.location],
        "dns_ptr": [{"ip": address.ip, "dns_ptr": f"static.{address.ip}.simulated.example"}],
        "blocked": False,
        "protection": {"delete": False},
    }


def _create(call: Call) -> Answer:
    addresses, place = call.project.floating_ips, checks.text(call.body, "home_location")
    if place not in LOCATIONS:
        raise invalid("home_location", "not found")
    if call.body.get("type") != "ipv4":
        raise invalid("type", "only ipv4 is simulated")
    address = FloatingIp(
        **base(call, "floating_ip", addresses),
        location=place,
        ip=call.world.public_ip(),
        description=checks.text(call.body, "description", default="") or None,
    )
    addresses[address.id] = address
    return Answer(201, {"floating_ip": view(address)})


def _one(call: Call) -> FloatingIp:
    return call.of(call.project.floating_ips, "floating IP")


def _list(call: Call) -> Answer:
    return listed(call, "floating_ips", call.project.floating_ips.values(), view)


def _get(call: Call) -> Answer:
    return Answer(200, {"floating_ip": view(_one(call))})


def _put(call: Call) -> Answer:
    address = _one(call)
    changed(call, address, call.project.floating_ips)
    return Answer(200, {"floating_ip": view(address)})


def _delete(call: Call) -> Answer:
    address = _one(call)
    if address.server is not None:
        raise ApiError(422, "must_be_unassigned", "floating IP must be unassigned first")
    del call.project.floating_ips[address.id]
    return NO_CONTENT


def _move(call: Call, address: FloatingIp, command: str, server: int | None) -> Answer:
    def moved() -> None:
        address.server = server if server in call.project.servers else None

    others = [("server", number) for number in (server,) if number is not None]
    return began(call.act(command, ("floating_ip", address.id), *others, finish=moved))


def _assign(call: Call) -> Answer:
    return _move(call, _one(call), "assign_floating_ip", server_at(call, None).id)


def _unassign(call: Call) -> Answer:
    return _move(call, _one(call), "unassign_floating_ip", None)


ROUTES = (
    Route("GET", "/floating_ips", _list),
    Route("POST", "/floating_ips", _create),
    Route("GET", "/floating_ips/{id}", _get),
    Route("PUT", "/floating_ips/{id}", _put),
    Route("DELETE", "/floating_ips/{id}", _delete),
    Route("POST", "/floating_ips/{id}/actions/assign", _assign),
    Route("POST", "/floating_ips/{id}/actions/unassign", _unassign),
)
