"""Servers: being ordered, booting, and going away with all that hangs on them."""

from . import checks, firewalls, networks
from .models import Server
from .offers import (
    IMAGES,
    LOCATIONS,
    SERVER_TYPES,
    datacenter_view,
    image_view,
    server_type_view,
)
from .routing import Call, Route, listed
from .ssh_keys import base, changed, common
from .wire import Answer, ApiError, JsonObject, invalid, not_found
from .world import Project, action_view

_LARGEST_USER_DATA = 32 * 1024


def view(project: Project, server: Server) -> JsonObject:
    """A server as the API shows it."""
    private = [
        {
            "network": number,
            "ip": address,
            "alias_ips": [],
            "mac_address": f"86:00:00:{server.id % 256:02x}:{number % 256:02x}:01",
        }
        for number, address in server.inside.items()
    ]
    return {
        **common(server),
        "status": server.status,
        "server_type": server_type_view(SERVER_TYPES[server.server_type]),
        "image": image_view(IMAGES[server.image]),
        "location": LOCATIONS[server.location],
        "datacenter": datacenter_view(server.location),
        "public_net": _public(project, server),
        "private_net": private,
        "volumes": [item.id for item in project.volumes.values() if item.server == server.id],
        "load_balancers": [],
        "placement_group": None,
        "iso": None,
        "locked": server.locked,
        "rescue_enabled": False,
        "backup_window": None,
        "primary_disk_size": SERVER_TYPES[server.server_type].disk,
        "included_traffic": 20 * 1024**4,
        "ingoing_traffic": None,
        "outgoing_traffic": None,
        "protection": {"delete": False, "rebuild": False},
    }


def _public(project: Project, server: Server) -> JsonObject:
    on = [item for item in project.firewalls.values() if firewalls.under(item, server)]
    status = "pending" if server.status == "initializing" else "applied"
    return {
        "ipv4": {
            "id": server.ip_id,
            "ip": server.ip,
            "blocked": False,
            "dns_ptr": f"static.{server.ip}.simulated.example",
        },
        "ipv6": None,
        "floating_ips": [item.id for item in project.floating_ips.values() if item.server == server.id],
        "firewalls": [{"id": item.id, "status": status} for item in on],
    }


def _image(call: Call, architecture: str) -> int:
    wanted = checks.text(call.body, "image")
    for number, image in IMAGES.items():
        if (image["name"] == wanted or str(number) == wanted) and image["architecture"] == architecture:
            return number
    raise invalid("image", "not found")


def _order(call: Call) -> tuple[str, str, int]:
    """Return location, server type and image of an order, if there is such a thing."""
    place, wanted = checks.text(call.body, "location"), checks.text(call.body, "server_type")
    if place not in LOCATIONS:
        raise invalid("location", "not found")
    if wanted not in SERVER_TYPES:
        raise invalid("server_type", "not found")
    server_type = SERVER_TYPES[wanted]
    if place not in server_type.prices or server_type.withdrawn:
        raise invalid("location", "unsupported location for server type")
    return place, wanted, _image(call, server_type.architecture)


def _references(call: Call) -> tuple[tuple[int, ...], tuple[int, ...]]:
    keys, inside = checks.numbers(call.body, "ssh_keys"), checks.numbers(call.body, "networks")
    for number in keys:
        if number not in call.project.ssh_keys:
            raise not_found("SSH key", number)
    for number in inside:
        if number not in call.project.networks:
            raise not_found("network", number)
    return keys, inside


def _create(call: Call) -> Answer:
    servers = call.project.servers
    name = checks.text(call.body, "name", longest=63)
    if not checks.HOST.fullmatch(name):
        raise invalid("name", "must be a host name")
    place, server_type, image = _order(call)
    keys, inside = _references(call)
    user_data = checks.text(call.body, "user_data", default="", longest=_LARGEST_USER_DATA)
    if not checks.flag(checks.inner(call.body, "public_net"), "enable_ipv4", default=True):
        raise invalid("public_net", "servers without an address are not simulated")
    if len(servers) >= call.project.server_limit:
        raise ApiError(403, "resource_limit_exceeded", "server limit reached")
    zone = str(LOCATIONS[place]["network_zone"])
    addresses = {
        number: networks.free_ip(call.project, call.project.networks[number], zone) for number in inside
    }
    server = Server(
        **base(call, "server", servers, name=name),
        location=place,
        server_type=server_type,
        image=image,
        ip=call.world.public_ip(),
        ip_id=call.world.new_id("primary_ip"),
        ssh_keys=keys,
        user_data=user_data,
        inside=addresses,
    )
    servers[server.id] = server
    return Answer(201, _begin(call, server))


def _begin(call: Call, server: Server) -> JsonObject:
    start = checks.flag(call.body, "start_after_create", default=True)

    def made() -> None:
        server.status, server.locked = ("running" if start else "off"), False

    about, boot = ("server", server.id), call.world.timing.boot_seconds
    action = call.act("create_server", about, seconds=boot, finish=made)
    later = [call.act("attach_to_network", about, ("network", number)) for number in server.inside]
    if start:
        later.insert(0, call.act("start_server", about, seconds=boot))
    return {
        "server": view(call.project, server),
        "action": action_view(action),
        "next_actions": [action_view(item) for item in later],
        "root_password": None if server.ssh_keys else "simulated-password",
    }


def _list(call: Call) -> Answer:
    return listed(call, "servers", call.project.servers.values(), lambda item: view(call.project, item))


def _get(call: Call) -> Answer:
    return Answer(200, {"server": view(call.project, call.of(call.project.servers, "server"))})


def _put(call: Call) -> Answer:
    server = call.of(call.project.servers, "server")
    changed(call, server, call.project.servers)
    return Answer(200, {"server": view(call.project, server)})


def _delete(call: Call) -> Answer:
    """Remove it at once; volumes and floating IPs stay, attached to nothing."""
    server = call.of(call.project.servers, "server")
    for volume in call.project.volumes.values():
        volume.server = None if volume.server == server.id else volume.server
    for address in call.project.floating_ips.values():
        address.server = None if address.server == server.id else address.server
    for firewall in call.project.firewalls.values():
        firewall.servers = [number for number in firewall.servers if number != server.id]
    del call.project.servers[server.id]
    return Answer(200, {"action": action_view(call.act("delete_server", ("server", server.id)))})


def _actions(call: Call) -> Answer:
    """Actions by their numbers; others are not told."""
    wanted = call.query.get("id") or []
    if not wanted or not all(text.isdecimal() for text in wanted):
        raise invalid("id", "which actions?")
    known = call.project.actions
    shown = [action_view(known[int(text)]) for text in wanted if int(text) in known]
    return Answer(200, {"actions": shown})


def _action(call: Call) -> Answer:
    if call.id not in call.project.actions:
        raise not_found("action", call.id)
    return Answer(200, {"action": action_view(call.project.actions[call.id])})


ROUTES = (
    Route("GET", "/servers", _list),
    Route("POST", "/servers", _create),
    Route("GET", "/servers/{id}", _get),
    Route("PUT", "/servers/{id}", _put),
    Route("DELETE", "/servers/{id}", _delete),
    Route("GET", "/actions", _actions),
    Route("GET", "/actions/{id}", _action),
)
