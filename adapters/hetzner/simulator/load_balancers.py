"""Load balancers: services, and the servers that they are for."""

from . import checks, networks
from .models import LoadBalancer
from .offers import BALANCER_SERVICES, BALANCER_TYPES, LOCATIONS
from .routing import Call, Route, began, listed, selected
from .ssh_keys import base, changed, common
from .wire import NO_CONTENT, Answer, ApiError, JsonObject, invalid, not_found
from .world import Project, action_view


def view(project: Project, balancer: LoadBalancer) -> JsonObject:
    """A load balancer as the API shows it."""
    return {
        **common(balancer),
        "load_balancer_type": BALANCER_TYPES[balancer.type],
        "location": LOCATIONS[balancer.location],
        "algorithm": {"type": balancer.algorithm},
        "public_net": {
            "enabled": True,
            "ipv4": {"ip": balancer.ip, "dns_ptr": f"static.{balancer.ip}.simulated.example"},
            "ipv6": {"ip": "2001:db8::1", "dns_ptr": None},
        },
        "private_net": [{"network": number, "ip": address} for number, address in balancer.inside.items()],
        "services": balancer.services,
        "targets": [_target_view(project, balancer, target) for target in balancer.targets],
        "included_traffic": 20 * 1024**4,
        "ingoing_traffic": None,
        "outgoing_traffic": None,
        "protection": {"delete": False},
    }


def _target_view(project: Project, balancer: LoadBalancer, target: JsonObject) -> JsonObject:
    health = [{"listen_port": service["listen_port"], "status": "healthy"} for service in balancer.services]
    found = [
        {
            "type": "server",
            "server": {"id": server.id},
            "use_private_ip": target["use_private_ip"],
            "health_status": health,
        }
        for server in project.servers.values()
        if selected(target["label_selector"]["selector"], server.labels)
    ]
    return {**target, "targets": found}


def _service(given: JsonObject, *, port: bool = True) -> JsonObject:
    """A service, with what is not given as Hetzner would have it."""
    protocol = given.get("protocol")
    if protocol not in {"tcp", "http"}:
        raise invalid("protocol", "https needs certificates, which are not simulated")
    health = checks.inner(given, "health_check")
    if health.get("protocol") not in {"tcp", "http"}:
        raise invalid("health_check")
    limits = (("port", 65535), ("interval", 60), ("timeout", 60), ("retries", 5))
    made: JsonObject = {
        "protocol": protocol,
        "listen_port": checks.number(given, "listen_port", high=65535) if port else given["listen_port"],
        "destination_port": checks.number(given, "destination_port", high=65535),
        "proxyprotocol": checks.flag(given, "proxyprotocol", default=False),
        "health_check": {
            "protocol": health["protocol"],
            **{name: checks.number(health, name, high=most) for name, most in limits},
        },
    }
    if protocol == "http":
        sticky = checks.flag(checks.inner(given, "http"), "sticky_sessions", default=False)
        made["http"] = {"sticky_sessions": sticky, "cookie_name": "HCLBSTICKY", "cookie_lifetime": 300}
    return made


def _services(call: Call, kind: str) -> list[JsonObject]:
    made = [_service(given) for given in checks.objects(call.body, "services")]
    if len({service["listen_port"] for service in made}) < len(made):
        raise ApiError(409, "source_port_already_used", "the source port is already in use")
    if len(made) > BALANCER_SERVICES[kind]:
        raise invalid("services", "more than this type has")
    return made


def _targets(call: Call, *, inside: bool) -> list[JsonObject]:
    made = []
    for given in checks.objects(call.body, "targets"):
        if given.get("type") != "label_selector":
            raise invalid("targets", "only label selectors are simulated")
        text = checks.text(checks.inner(given, "label_selector"), "selector")
        selected(text, {})
        private = checks.flag(given, "use_private_ip", default=False)
        if private and not inside:
            message = "the load balancer is not attached to a network"
            raise ApiError(422, "load_balancer_not_attached_to_network", message)
        made.append(
            {"type": "label_selector", "label_selector": {"selector": text}, "use_private_ip": private}
        )
    return made


def _inside(call: Call, place: str) -> dict[int, str]:
    if "network" not in call.body:
        return {}
    number = checks.number(call.body, "network")
    if number not in call.project.networks:
        raise not_found("network", number)
    zone = str(LOCATIONS[place]["network_zone"])
    return {number: networks.free_ip(call.project, call.project.networks[number], zone)}


def _create(call: Call) -> Answer:
    balancers, place = call.project.load_balancers, checks.text(call.body, "location")
    kind = checks.text(call.body, "load_balancer_type")
    if place not in LOCATIONS:
        raise invalid("location", "not found")
    if kind not in BALANCER_TYPES:
        raise invalid("load_balancer_type", "not found")
    algorithm = checks.inner(call.body, "algorithm").get("type", "round_robin")
    if algorithm not in {"round_robin", "least_connections"}:
        raise invalid("algorithm")
    inside = _inside(call, place)
    balancer = LoadBalancer(
        **base(call, "load_balancer", balancers),
        location=place,
        type=kind,
        algorithm=algorithm,
        ip=call.world.public_ip(),
        services=_services(call, kind),
        targets=_targets(call, inside=bool(inside)),
        inside=inside,
    )
    balancers[balancer.id] = balancer
    action = call.act("create_load_balancer", ("load_balancer", balancer.id))
    return Answer(201, {"load_balancer": view(call.project, balancer), "action": action_view(action)})


def _one(call: Call) -> LoadBalancer:
    return call.of(call.project.load_balancers, "load balancer")


def _list(call: Call) -> Answer:
    balancers = call.project.load_balancers.values()
    return listed(call, "load_balancers", balancers, lambda item: view(call.project, item))


def _get(call: Call) -> Answer:
    return Answer(200, {"load_balancer": view(call.project, _one(call))})


def _put(call: Call) -> Answer:
    balancer = _one(call)
    changed(call, balancer, call.project.load_balancers)
    return Answer(200, {"load_balancer": view(call.project, balancer)})


def _delete(call: Call) -> Answer:
    del call.project.load_balancers[_one(call).id]
    return NO_CONTENT


def _known(call: Call, balancer: LoadBalancer) -> JsonObject:
    port = checks.number(call.body, "listen_port", high=65535)
    for service in balancer.services:
        if service["listen_port"] == port:
            return service
    raise not_found("service", port)


def _begin(call: Call, balancer: LoadBalancer, command: str, services: list[JsonObject]) -> Answer:
    balancer.services = services
    return began(call.act(command, ("load_balancer", balancer.id)))


def _add(call: Call) -> Answer:
    balancer, service = _one(call), _service(call.body)
    if any(other["listen_port"] == service["listen_port"] for other in balancer.services):
        raise ApiError(409, "source_port_already_used", "the source port is already in use")
    if len(balancer.services) >= BALANCER_SERVICES[balancer.type]:
        raise ApiError(403, "resource_limit_exceeded", "no more services on a load balancer of this type")
    return _begin(call, balancer, "add_service", [*balancer.services, service])


def _update(call: Call) -> Answer:
    balancer = _one(call)
    old = _known(call, balancer)
    new = _service({**old, **call.body})
    return _begin(
        call, balancer, "update_service", [new if item is old else item for item in balancer.services]
    )


def _remove(call: Call) -> Answer:
    balancer = _one(call)
    old = _known(call, balancer)
    return _begin(call, balancer, "delete_service", [item for item in balancer.services if item is not old])


ROUTES = (
    Route("GET", "/load_balancers", _list),
    Route("POST", "/load_balancers", _create),
    Route("GET", "/load_balancers/{id}", _get),
    Route("PUT", "/load_balancers/{id}", _put),
    Route("DELETE", "/load_balancers/{id}", _delete),
    Route("POST", "/load_balancers/{id}/actions/add_service", _add),
    Route("POST", "/load_balancers/{id}/actions/update_service", _update),
    Route("POST", "/load_balancers/{id}/actions/delete_service", _remove),
)
