"""Private networks: their subnets, and addresses in them."""

from ipaddress import IPv4Network
from itertools import islice

from . import checks
from .models import Network
from .offers import LOCATIONS
from .routing import Call, Route, listed
from .ssh_keys import base, changed, common
from .wire import NO_CONTENT, Answer, ApiError, JsonObject, invalid
from .world import Project

_ZONES = {str(location["network_zone"]) for location in LOCATIONS.values()}


def view(project: Project, network: Network) -> JsonObject:
    """A network as the API shows it."""
    first = str(IPv4Network(network.ip_range)[1])
    return {
        **common(network),
        "ip_range": network.ip_range,
        "subnets": [{**subnet, "gateway": first, "vswitch_id": None} for subnet in network.subnets],
        "routes": [],
        "servers": [item.id for item in project.servers.values() if network.id in item.inside],
        "load_balancers": [item.id for item in project.load_balancers.values() if network.id in item.inside],
        "protection": {"delete": False},
        "expose_routes_to_vswitch": False,
    }


def free_ip(project: Project, network: Network, zone: str) -> str:
    """The next address of a subnet in the zone; the first of the network is its gateway's."""
    subnets = [IPv4Network(item["ip_range"]) for item in network.subnets if item["network_zone"] == zone]
    taken = {IPv4Network(network.ip_range)[1]}
    places = [item.inside for item in project.servers.values()]
    places += [item.inside for item in project.load_balancers.values()]
    texts = {str(address) for address in taken} | {place.get(network.id, "") for place in places}
    for subnet in subnets:
        free = (str(host) for host in subnet.hosts() if str(host) not in texts)
        if found := next(islice(free, 1), None):
            return found
    raise ApiError(409, "no_subnet_available", f"no subnet with a free address in {zone}")


def _subnets(call: Call, whole: IPv4Network) -> list[JsonObject]:
    made: list[JsonObject] = []
    for given in checks.objects(call.body, "subnets"):
        part = checks.private_range(checks.text(given, "ip_range"), "subnets")
        overlapping = any(part.overlaps(IPv4Network(other["ip_range"])) for other in made)
        if given.get("network_zone") not in _ZONES or given.get("type") not in {"cloud", "server"}:
            raise invalid("subnets")
        if not part.subnet_of(whole) or part.prefixlen > 30 or overlapping:
            raise invalid("subnets", "outside of the network, too small, or overlapping")
        made.append({"type": given["type"], "ip_range": str(part), "network_zone": given["network_zone"]})
    return made


def _create(call: Call) -> Answer:
    whole = checks.private_range(checks.text(call.body, "ip_range"))
    if whole.prefixlen > 24:
        raise invalid("ip_range", "smaller than /24")
    networks = call.project.networks
    network = Network(**base(call, "network", networks), ip_range=str(whole), subnets=_subnets(call, whole))
    networks[network.id] = network
    return Answer(201, {"network": view(call.project, network)})


def _list(call: Call) -> Answer:
    return listed(call, "networks", call.project.networks.values(), lambda item: view(call.project, item))


def _get(call: Call) -> Answer:
    return Answer(200, {"network": view(call.project, call.of(call.project.networks, "network"))})


def _put(call: Call) -> Answer:
    network = call.of(call.project.networks, "network")
    changed(call, network, call.project.networks)
    return Answer(200, {"network": view(call.project, network)})


def _delete(call: Call) -> Answer:
    """Remove it, and whatever is in it from it: nobody is asked."""
    network = call.of(call.project.networks, "network")
    for server in call.project.servers.values():
        server.inside.pop(network.id, None)
    for balancer in call.project.load_balancers.values():
        balancer.inside.pop(network.id, None)
    del call.project.networks[network.id]
    return NO_CONTENT


ROUTES = (
    Route("GET", "/networks", _list),
    Route("POST", "/networks", _create),
    Route("GET", "/networks/{id}", _get),
    Route("PUT", "/networks/{id}", _put),
    Route("DELETE", "/networks/{id}", _delete),
)
