"""The simulator answers as the published description of Hetzner's API says, operation by operation.

Three visitors: a tour with good requests and with bad ones, which visits every operation the simulator has;
hcloud, Hetzner's own client, which refuses answers that lack what today's API has; and the adapter. What was
asked and what was answered is then checked against the description, which is not part of the project: without
it at hand these tests are skipped. It is of February 2026; newer fields are additional ones to it.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import hcloud
import pytest
import requests
from hcloud.firewalls import FirewallResource, FirewallResourceLabelSelector, FirewallRule
from hcloud.images import Image
from hcloud.load_balancer_types import LoadBalancerType
from hcloud.load_balancers import (
    LoadBalancerAlgorithm,
    LoadBalancerHealthCheck,
    LoadBalancerService,
    LoadBalancerTarget,
    LoadBalancerTargetLabelSelector,
)
from hcloud.locations import Location
from hcloud.networks import NetworkSubnet
from hcloud.server_types import ServerType
from openapi_core import OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse
from openapi_core.exceptions import OpenAPIError

from kubisnap.adapters.hetzner import Hetzner
from kubisnap.adapters.hetzner.simulator import Exchange, FaultRule, HetznerSimulator
from kubisnap.adapters.hetzner.simulator.api import OPERATIONS
from kubisnap.adapters.testing import Bench, ManualClock, new_cluster
from kubisnap.adapters.testing.bench import SAMPLES
from kubisnap.engine.domain.model import Forward, ForwardProtocol, Protocol, Role, Rule
from kubisnap.engine.domain.resources import Firewall, Kind, LoadBalancer, Volume

DESCRIPTION = Path(__file__).parents[3] / "shared" / "specs" / "hcloud-v1-subset.json"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcX tour"
PORT = {
    "protocol": "tcp",
    "listen_port": 443,
    "destination_port": 30443,
    "proxyprotocol": False,
    "health_check": {"protocol": "tcp", "port": 30443, "interval": 15, "timeout": 10, "retries": 3},
}
SSH = {"direction": "in", "protocol": "tcp", "port": "22", "source_ips": ["192.0.2.0/24", "::/0"]}

pytestmark = pytest.mark.skipif(
    not DESCRIPTION.exists(), reason=f"the description of Hetzner's API is not at {DESCRIPTION.name}"
)


@dataclass
class Tour:
    """A client with a clock, and the simulator that remembers what it asked and what it was answered."""

    simulator: HetznerSimulator
    clock: ManualClock
    session: requests.Session

    def ask(self, method: str, path: str, body: object = None, *, wrong: int | None = None) -> Any:
        """Send a request; give back the JSON, and check the status is a success or the `wrong` one."""
        answer = self.session.request(method, self.simulator.url + path, json=body)
        assert answer.status_code == wrong or (wrong is None and answer.ok), (method, path, answer.text)
        return answer.json() if answer.content else None

    def later(self) -> None:
        """Let everything finish that is under way."""
        self.clock.sleep(100)


@pytest.fixture(scope="module")
def tour() -> Iterator[Tour]:
    clock = ManualClock()
    projects = {"first": "token", "second": "library", "third": "adapter"}
    simulator = HetznerSimulator(projects=projects, now=clock.now, seed=7)
    with simulator, requests.Session() as session:
        session.headers["Authorization"] = "Bearer token"
        tour = Tour(simulator, clock, session)
        visit_offers(tour)
        visit_keys_and_networks(tour)
        visit_firewalls(tour)
        visit_servers(tour)
        visit_volumes(tour)
        visit_load_balancers(tour)
        visit_floating_ips(tour)
        visit_errors(tour)
        library_visits(tour)
        adapter_visits(tour)
        yield tour


@pytest.fixture(scope="module")
def description(tour: Tour) -> OpenAPI:
    content = json.loads(DESCRIPTION.read_text())
    content["servers"] = [{"url": tour.simulator.url}]
    schemas = content["components"]["schemas"]
    for path in content["paths"].values():
        path.pop("servers", None)  # Hetzner's own
        for operation in path.values():  # the standard writes ranges of statuses in capitals
            told = operation["responses"]
            operation["responses"] = {status.upper(): answer for status, answer in told.items()}
    # It says in words that keys are named by number or by name, and only lets names through.
    keys = schemas["create_server_request"]["properties"]["ssh_keys"]["items"]
    keys.pop("type")
    keys["oneOf"] = [{"type": "string"}, {"type": "integer"}]
    return OpenAPI.from_dict(_with_nulls(content, schemas))


def _with_nulls(node: Any, schemas: dict[str, Any]) -> Any:
    """Return the description with its nulls: the standard would not have them beside a reference."""
    if isinstance(node, list):
        return [_with_nulls(item, schemas) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("nullable") and "allOf" in node:
        [reference] = node["allOf"]
        node = {**schemas[reference["$ref"].rpartition("/")[2]], "nullable": True}
    return {name: _with_nulls(item, schemas) for name, item in node.items()}


def visit_offers(tour: Tour) -> None:
    for kind in ("locations", "server_types", "images", "load_balancer_types"):
        first = tour.ask("GET", f"/{kind}?per_page=2")
        assert first["meta"]["pagination"]["next_page"] == 2
        one = tour.ask("GET", f"/{kind}?per_page=2&page=2")[kind][0]
        tour.ask("GET", f"/{kind}/{one['id']}")
        assert tour.ask("GET", f"/{kind}?name={first[kind][0]['name']}")[kind]
    tour.ask("GET", "/images?type=system&status=available&architecture=arm")
    tour.ask("GET", "/pricing")


def visit_keys_and_networks(tour: Tour) -> None:
    key = tour.ask("POST", "/ssh_keys", {"name": "tour", "public_key": KEY})["ssh_key"]
    tour.ask("POST", "/ssh_keys", {"name": "again", "public_key": KEY}, wrong=409)
    tour.ask("POST", "/ssh_keys", {"name": "nonsense", "public_key": "nonsense"}, wrong=422)
    assert tour.ask("GET", f"/ssh_keys?fingerprint={key['fingerprint']}")["ssh_keys"] == [key]
    path = f"/ssh_keys/{key['id']}"
    tour.ask("PUT", path, {"name": "renamed", "labels": {"a": "b"}})
    tour.ask("GET", path)
    tour.ask("DELETE", path)
    tour.ask("GET", path, wrong=404)
    subnet = {"type": "cloud", "ip_range": "10.9.0.0/24", "network_zone": "eu-central"}
    body = {"name": "tour", "ip_range": "10.9.0.0/16", "subnets": [subnet], "labels": {"env": "tour"}}
    network = tour.ask("POST", "/networks", body)["network"]
    tour.ask("POST", "/networks", body, wrong=409)
    tour.ask("POST", "/networks", {"name": "public", "ip_range": "203.0.113.0/24"}, wrong=422)
    assert tour.ask("GET", "/networks?label_selector=env%3Dtour")["networks"] == [network]
    assert tour.ask("GET", "/networks?label_selector=env!%3Dtour")["networks"] == []
    path = f"/networks/{network['id']}"
    tour.ask("GET", path)
    tour.ask("PUT", path, {"name": "tour-2"})
    tour.ask("DELETE", path)


def visit_firewalls(tour: Tour) -> None:
    whom = [{"type": "label_selector", "label_selector": {"selector": "walled"}}]
    made = tour.ask("POST", "/firewalls", {"name": "tour", "rules": [SSH], "apply_to": whom})
    path = f"/firewalls/{made['firewall']['id']}"
    number = new_server(tour, "walled", labels={"walled": "yes"})
    assert (
        tour.ask("GET", f"/servers/{number}")["server"]["public_net"]["firewalls"][0]["status"] == "applied"
    )
    tour.ask("GET", path)
    tour.ask("GET", "/firewalls")
    tour.ask("PUT", path, {"name": "tour-2"})
    ping = {"direction": "in", "protocol": "icmp", "source_ips": ["0.0.0.0/0"], "description": "ping"}
    tour.ask("POST", f"{path}/actions/set_rules", {"rules": [SSH, ping]})
    tour.ask("POST", f"{path}/actions/set_rules", {"rules": [{**SSH, "port": "70000"}]}, wrong=422)
    by_number = [{"type": "server", "server": {"id": number}}]
    tour.ask("POST", f"{path}/actions/apply_to_resources", {"apply_to": by_number})
    tour.ask("POST", f"{path}/actions/apply_to_resources", {"apply_to": by_number}, wrong=409)
    tour.ask("DELETE", path, wrong=422)
    tour.ask("POST", f"{path}/actions/remove_from_resources", {"remove_from": [*whom, *by_number]})
    tour.ask("DELETE", path, wrong=422)
    tour.later()
    tour.ask("DELETE", path)


def new_server(tour: Tour, name: str, **more: object) -> int:
    body = {"name": name, "location": "hel1", "server_type": "cx33", "image": "debian-13", **more}
    number = tour.ask("POST", "/servers", body)["server"]["id"]
    tour.later()
    assert isinstance(number, int)
    return number


def visit_servers(tour: Tour) -> None:
    body = {"name": "node-1", "location": "hel1", "server_type": "cax21", "image": "debian-13"}
    made = tour.ask("POST", "/servers", {**body, "labels": {"tour": ""}, "user_data": "#cloud-config\n"})
    assert made["server"]["image"]["architecture"] == "arm"
    begun = [made["action"], *made["next_actions"]]
    tour.ask("GET", "/actions?" + "&".join(f"id={action['id']}" for action in begun))
    tour.ask("POST", "/servers", body, wrong=409)
    for wrong in ({"location": "ash"}, {"server_type": "cx22"}, {"image": "beos-5"}, {"name": "no host"}):
        tour.ask("POST", "/servers", {**body, "name": "node-2", **wrong}, wrong=422)
    path = f"/servers/{made['server']['id']}"
    assert tour.ask("GET", path)["server"]["locked"]
    tour.later()
    assert tour.ask("GET", f"/actions/{made['action']['id']}")["action"]["status"] == "success"
    assert tour.ask("GET", path)["server"]["status"] == "running"
    tour.ask("GET", "/servers?label_selector=tour")
    tour.ask("PUT", path, {"name": "node-9"})
    tour.ask("DELETE", path)
    tour.ask("GET", path, wrong=404)


def visit_volumes(tour: Tour) -> None:
    number = new_server(tour, "with-disk")
    body = {"name": "tour", "location": "hel1", "size": 10, "format": "ext4"}
    path = f"/volumes/{tour.ask('POST', '/volumes', body)['volume']['id']}"
    tour.ask("POST", "/volumes", {**body, "name": "tiny", "size": 1}, wrong=422)
    tour.ask("POST", f"{path}/actions/attach", {"server": number}, wrong=423)
    tour.later()
    tour.ask("POST", f"{path}/actions/attach", {"server": number, "automount": False})
    tour.later()
    assert tour.ask("GET", path)["volume"]["server"] == number
    tour.ask("DELETE", path, wrong=422)
    tour.ask("POST", f"{path}/actions/resize", {"size": 20})
    tour.later()
    tour.ask("POST", f"{path}/actions/detach", {})
    tour.later()
    tour.ask("PUT", path, {"name": "tour-2"})
    tour.ask("GET", "/volumes")
    tour.ask("DELETE", path)


def visit_load_balancers(tour: Tour) -> None:
    whom = [{"type": "label_selector", "label_selector": {"selector": "walled"}}]
    body = {
        "name": "tour",
        "load_balancer_type": "lb11",
        "location": "hel1",
        "services": [PORT],
        "targets": whom,
    }
    made = tour.ask("POST", "/load_balancers", body)["load_balancer"]
    assert made["targets"][0]["targets"][0]["health_status"]
    path = f"/load_balancers/{made['id']}"
    tour.ask("GET", path)
    tour.ask("GET", "/load_balancers")
    tour.ask("PUT", path, {"name": "tour-2"})
    web = {**PORT, "protocol": "http", "listen_port": 80, "http": {"sticky_sessions": True}}
    tour.ask("POST", f"{path}/actions/add_service", web)
    tour.ask("POST", f"{path}/actions/add_service", web, wrong=409)
    tour.ask("POST", f"{path}/actions/update_service", {"listen_port": 80, "destination_port": 30080})
    tour.ask("POST", f"{path}/actions/delete_service", {"listen_port": 443})
    tour.ask("DELETE", path)


def visit_floating_ips(tour: Tour) -> None:
    number = new_server(tour, "with-ip")
    body = {"name": "tour", "type": "ipv4", "home_location": "hel1", "description": "on tour"}
    path = f"/floating_ips/{tour.ask('POST', '/floating_ips', body)['floating_ip']['id']}"
    tour.ask("POST", f"{path}/actions/assign", {"server": number})
    tour.later()
    assert tour.ask("GET", path)["floating_ip"]["server"] == number
    tour.ask("DELETE", path, wrong=422)
    tour.ask("POST", f"{path}/actions/unassign", {})
    tour.later()
    tour.ask("PUT", path, {"name": "tour-2"})
    tour.ask("GET", "/floating_ips")
    tour.ask("DELETE", path)


def visit_errors(tour: Tour) -> None:
    tour.session.headers["Authorization"] = "Bearer nobody"
    tour.ask("GET", "/servers", wrong=401)
    tour.session.headers["Authorization"] = "Bearer token"
    for status in (429, 500, 503):
        tour.simulator.inject(FaultRule(action="status", status=status))
        tour.ask("GET", "/servers", wrong=status)
        tour.simulator.clear_faults()
    tour.simulator.inject(FaultRule(action="quota"))
    tour.ask("POST", "/ssh_keys", {"name": "full", "public_key": KEY}, wrong=403)
    tour.simulator.clear_faults()


def library_visits(tour: Tour) -> None:
    """Let hcloud make one of each kind: it takes every answer apart, and is strict about what is missing."""
    client: Any = hcloud.Client("library", api_endpoint=tour.simulator.url, timeout=10)
    place, selector = Location(name="nbg1"), FirewallResourceLabelSelector("kubisnap")
    for lists in (client.locations, client.server_types, client.images, client.load_balancer_types):
        assert lists.get_all()
    key = client.ssh_keys.create(name="library", public_key=KEY)
    subnet = NetworkSubnet(type="cloud", ip_range="10.8.0.0/24", network_zone="eu-central")
    network = client.networks.create(name="library", ip_range="10.8.0.0/16", subnets=[subnet])
    rule = FirewallRule(direction="in", protocol="tcp", port="22", source_ips=["0.0.0.0/0"])
    whom = FirewallResource(type="label_selector", label_selector=selector)
    wall = client.firewalls.create("library", rules=[rule], resources=[whom]).firewall
    ordered = client.servers.create(
        name="library",
        server_type=ServerType(name="cpx22"),
        image=Image(name="ubuntu-24.04"),
        location=place,
        ssh_keys=[key],
        networks=[network],
        labels={"kubisnap": ""},
    )
    volume = client.volumes.create(10, "library", location=place).volume
    address = client.floating_ips.create("ipv4", name="library", home_location=place).floating_ip
    tour.later()
    server = client.servers.get_by_id(ordered.server.id)
    assert (server.status, server.private_net[0].ip) == ("running", "10.8.0.2")
    volume.attach(server, automount=False)
    address.assign(server)
    health = LoadBalancerHealthCheck(protocol="tcp", port=80, interval=15, timeout=10, retries=3)
    service = LoadBalancerService(
        protocol="tcp", listen_port=80, destination_port=80, proxyprotocol=False, health_check=health
    )
    target = LoadBalancerTarget(
        type="label_selector", label_selector=LoadBalancerTargetLabelSelector("kubisnap"), use_private_ip=True
    )
    balancer = client.load_balancers.create(
        name="library",
        load_balancer_type=LoadBalancerType(name="lb11"),
        location=place,
        algorithm=LoadBalancerAlgorithm("round_robin"),
        network=network,
        services=[service],
        targets=[target],
    ).load_balancer
    tour.later()
    assert client.volumes.get_by_name("library").server.id == server.id
    assert [item.id for item in client.firewalls.get_all()] == [wall.id]
    assert client.load_balancers.get_by_id(balancer.id).private_net[0].network.id == network.id
    assert client.floating_ips.get_all()[0].server.id == server.id
    server.delete()


def adapter_visits(tour: Tour) -> None:
    """Let the adapter make one of each kind, change what can be changed, and remove all of it."""
    cloud = Hetzner("adapter", end_point=tour.simulator.url)
    kinds = frozenset(cloud.catalogue().kinds)
    bench = Bench(
        cloud, tour.later, cluster=new_cluster(), kinds=kinds, offer=("fsn1", "cx23", "ubuntu-24.04")
    )
    for kind in sorted(kinds):
        if SAMPLES[kind] not in bench.ids:
            bench.make(SAMPLES[kind])
    ping = Rule(protocol=Protocol.ICMP, sources=(Role.WORKER, "0.0.0.0/0"))
    web = Forward(port=80, target_port=31080, protocol=ForwardProtocol.HTTP)
    changes: list[tuple[Kind, Firewall | LoadBalancer | Volume, str]] = [
        (Kind.FIREWALL, Firewall(role=Role.WORKER, rules=(ping,)), "rules"),
        (
            Kind.LOAD_BALANCER,
            LoadBalancer(region="fsn1", network="main", role=Role.WORKER, forward=(web,)),
            "forward",
        ),
        (Kind.VOLUME, Volume(region="fsn1", size_gib=11), "size_gib"),
    ]
    for kind, resource, field in changes:
        key = SAMPLES[kind]
        bench.wait(kind, cloud.update(bench.request(key, resource), bench.ids[key], frozenset({field})))
    assert len(cloud.observe_all(bench.cluster)) == len(kinds)
    bench.clear()
    cloud.close()


def as_asked(tour: Tour, exchange: Exchange) -> RequestsOpenAPIRequest:
    url = tour.simulator.url.removesuffix("/v1") + exchange.target
    content = {"Content-Type": "application/json"} if exchange.body else {}
    headers = {"Authorization": "Bearer token", **content}
    return RequestsOpenAPIRequest(
        requests.Request(exchange.method, url, headers=headers, data=exchange.body).prepare()
    )


def as_answered(exchange: Exchange, body: object) -> RequestsOpenAPIResponse:
    assert exchange.answer is not None
    answer = requests.Response()
    answer.status_code = exchange.answer.status
    answer._content = b"" if body is None else json.dumps(body).encode()
    answer.headers["Content-Type"] = "application/json"
    return RequestsOpenAPIResponse(answer)


def why(exchange: Exchange, error: OpenAPIError) -> tuple[str, ...]:
    causes = getattr(error.__cause__, "schema_errors", None) or [error.__cause__]
    return (exchange.method, exchange.target, str(error), *(repr(cause) for cause in causes))


def test_every_answer_is_as_described(tour: Tour, description: OpenAPI) -> None:
    wrong = []
    for exchange in tour.simulator.exchanges:
        assert exchange.answer is not None
        try:
            description.validate_response(
                as_asked(tour, exchange), as_answered(exchange, exchange.answer.body)
            )
        except OpenAPIError as error:
            wrong.append(why(exchange, error))
    assert wrong == []


def test_every_request_that_was_granted_is_as_described(tour: Tour, description: OpenAPI) -> None:
    wrong = []
    for exchange in tour.simulator.exchanges:
        if exchange.answer is None or exchange.answer.status >= 400:
            continue
        try:
            description.validate_request(as_asked(tour, exchange))
        except OpenAPIError as error:
            wrong.append(why(exchange, error))
    assert wrong == []


def test_the_check_notices_an_answer_that_is_not_as_described(tour: Tour, description: OpenAPI) -> None:
    exchange = next(
        item for item in tour.simulator.exchanges if item.target.endswith("/servers?label_selector=tour")
    )
    assert exchange.answer is not None
    for broken in ({"created": 12}, {"status": "sleeping"}, {"public_net": None}):
        content = json.loads(json.dumps(exchange.answer.body))
        content["servers"][0] |= broken
        with pytest.raises(OpenAPIError):
            description.validate_response(as_asked(tour, exchange), as_answered(exchange, content))
    content = json.loads(json.dumps(exchange.answer.body))
    content["servers"][0]["of_tomorrow"] = True
    description.validate_response(as_asked(tour, exchange), as_answered(exchange, content))


def test_every_answer_says_whose_it_is_and_how_many_requests_are_left(tour: Tour) -> None:
    answer = tour.session.get(f"{tour.simulator.url}/locations")
    assert answer.headers["Server"] == "kubisnap-hetzner-simulator"
    assert {"ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", "x-correlation-id"} <= {
        name.lower() for name in answer.headers
    }


def test_the_tour_visits_every_operation_of_the_simulator(tour: Tour) -> None:
    visited = {
        operation
        for exchange in tour.simulator.exchanges
        if exchange.answer is not None and exchange.answer.status < 400
        for operation in OPERATIONS
        if operation.method == exchange.method and operation.pattern.fullmatch(exchange.path)
    }
    assert [f"{each.method} {each.template}" for each in OPERATIONS if each not in visited] == []


def test_every_operation_of_the_simulator_is_in_the_description() -> None:
    paths = cast("dict[str, Any]", json.loads(DESCRIPTION.read_text())["paths"])
    assert [
        f"{each.method} {each.template}"
        for each in OPERATIONS
        if each.method.lower() not in paths.get(each.template, {})
    ] == []
