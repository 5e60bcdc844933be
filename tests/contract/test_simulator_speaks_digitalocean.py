"""The simulator answers as DigitalOcean's own description of its API says, operation by operation.

One tour visits every operation the simulator has, with good requests and with bad ones. What was asked and
what was answered is then checked against the description, which is not part of the project: without it at
hand these tests are skipped.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from openapi_core import OpenAPI
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse
from openapi_core.exceptions import OpenAPIError

from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator, FaultRule
from kubisnap.adapters.digitalocean.simulator.api import OPERATIONS

DESCRIPTION = Path(__file__).parents[3] / "shared" / "specs" / "digitalocean-v2-subset.json"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcX tour"
INBOUND = {"protocol": "tcp", "ports": "22", "sources": {"addresses": ["0.0.0.0/0", "::/0"]}}
OUTBOUND = {"protocol": "icmp", "ports": "0", "destinations": {"addresses": ["0.0.0.0/0"]}}
HTTP = {"entry_protocol": "http", "entry_port": 80, "target_protocol": "http", "target_port": 8080}
TCP = {"entry_protocol": "tcp", "entry_port": 6443, "target_protocol": "tcp", "target_port": 6443}

pytestmark = pytest.mark.skipif(
    not DESCRIPTION.exists(), reason=f"DigitalOcean's API description is not at {DESCRIPTION.name}"
)


@dataclass
class Tour:
    """A client that remembers what it asked and what it was answered."""

    endpoint: str
    clock: list[float]
    session: requests.Session
    answers: list[requests.Response] = field(default_factory=list)
    on_purpose: list[requests.Response] = field(default_factory=list)  # their requests are wrong

    def ask(self, method: str, path: str, body: object = None, *, wrong: int | None = None) -> Any:
        """Send a request; give back the JSON, and check the status is a success or the `wrong` one."""
        answer = self.session.request(method, self.endpoint + path, json=body)
        assert answer.status_code == wrong or (wrong is None and answer.ok), (method, path, answer.text)
        (self.answers if wrong is None else self.on_purpose).append(answer)
        return answer.json() if answer.content else None

    def later(self) -> None:
        """Let everything finish that is under way."""
        self.clock[0] += 100


@pytest.fixture(scope="module")
def tour() -> Iterator[Tour]:
    clock = [1_700_000_000.0]
    simulator = DigitalOceanSimulator(
        accounts={"first": "token"}, now=lambda: clock[0], burst_limit=None, seed=7
    )
    with simulator, requests.Session() as session:
        session.headers["Authorization"] = "Bearer token"
        tour = Tour(simulator.endpoint, clock, session)
        visit_offers(tour)
        visit_keys_and_tags(tour)
        visit_vpcs(tour)
        visit_firewalls(tour)
        visit_droplets(tour)
        visit_load_balancers(tour)
        visit_volumes(tour)
        for word in ("reserved_ip", "floating_ip"):
            visit_reserved_ips(tour, word)
        visit_errors(tour, simulator)
        yield tour


@pytest.fixture(scope="module")
def description(tour: Tour) -> OpenAPI:
    content = json.loads(DESCRIPTION.read_text())
    content["servers"] = [{"url": tour.endpoint}]
    for name in ("ssh_key_id", "ssh_key_fingerprint"):
        # Read-only as fields of a key, and used for path parameters as well, where that makes no sense.
        del content["components"]["schemas"][name]["readOnly"]
    return OpenAPI.from_dict(content)


def new_droplet(tour: Tour, name: str, **more: object) -> int:
    body = {"name": name, "region": "fra1", "size": "s-1vcpu-2gb", "image": "debian-12-x64", **more}
    number = tour.ask("POST", "/v2/droplets", body)["droplet"]["id"]
    tour.later()
    assert isinstance(number, int)
    return number


def visit_offers(tour: Tour) -> None:
    tour.ask("GET", "/v2/account")
    for kind in ("regions", "sizes", "images"):
        first = tour.ask("GET", f"/v2/{kind}?per_page=5")
        assert first["meta"]["total"] > 5
        tour.ask("GET", f"/v2/{kind}?per_page=5&page=2")
    image = tour.ask("GET", "/v2/images?type=distribution")["images"][0]
    tour.ask("GET", f"/v2/images/{image['id']}")
    tour.ask("GET", f"/v2/images/{image['slug']}")


def visit_keys_and_tags(tour: Tour) -> None:
    key = tour.ask("POST", "/v2/account/keys", {"name": "tour", "public_key": KEY})["ssh_key"]
    tour.ask("POST", "/v2/account/keys", {"name": "again", "public_key": KEY}, wrong=422)
    tour.ask("GET", "/v2/account/keys")
    tour.ask("GET", f"/v2/account/keys/{key['fingerprint']}")
    tour.ask("PUT", f"/v2/account/keys/{key['id']}", {"name": "renamed"})
    number = new_droplet(tour, "with-key", ssh_keys=[key["id"], key["fingerprint"]])
    tour.ask("DELETE", f"/v2/account/keys/{key['id']}")
    tour.ask("GET", f"/v2/account/keys/{key['id']}", wrong=404)
    tour.ask("POST", "/v2/tags", {"name": "made:by-hand"})
    tour.ask("POST", "/v2/tags", {"name": "not good"}, wrong=400)
    resources = {"resources": [{"resource_id": str(number), "resource_type": "droplet"}]}
    tour.ask("POST", "/v2/tags/made:by-hand/resources", resources)
    tour.ask("GET", "/v2/tags")
    assert tour.ask("GET", "/v2/tags/made:by-hand")["tag"]["resources"]["droplets"]["count"] == 1
    tour.ask("DELETE", "/v2/tags/made:by-hand/resources", resources)
    tour.ask("DELETE", "/v2/tags/made:by-hand")


def visit_vpcs(tour: Tour) -> None:
    body = {"name": "tour", "region": "fra1", "ip_range": "10.20.0.0/20", "description": "on tour"}
    vpc = tour.ask("POST", "/v2/vpcs", body)["vpc"]["id"]
    tour.ask("POST", "/v2/vpcs", body, wrong=422)
    number = new_droplet(tour, "in-vpc", vpc_uuid=vpc)
    tour.ask("GET", "/v2/vpcs")
    tour.ask("GET", f"/v2/vpcs/{vpc}")
    tour.ask("PUT", f"/v2/vpcs/{vpc}", {"name": "tour-2", "description": ""})
    tour.ask("PATCH", f"/v2/vpcs/{vpc}", {"description": "changed"})
    assert tour.ask("GET", f"/v2/vpcs/{vpc}/members")["meta"]["total"] == 1
    tour.ask("DELETE", f"/v2/vpcs/{vpc}", wrong=403)
    tour.ask("DELETE", f"/v2/droplets/{number}")
    tour.ask("DELETE", f"/v2/vpcs/{vpc}")


def visit_firewalls(tour: Tour) -> None:
    number = new_droplet(tour, "walled")
    tour.ask("POST", "/v2/tags", {"name": "walled"})
    body = {"name": "tour", "inbound_rules": [INBOUND], "outbound_rules": [OUTBOUND], "droplet_ids": [number]}
    wall = tour.ask("POST", "/v2/firewalls", body)["firewall"]
    assert wall["status"] == "waiting"
    tour.ask("POST", "/v2/firewalls", body, wrong=409)
    tour.ask("POST", "/v2/firewalls", {**body, "name": "other", "tags": ["none"]}, wrong=422)
    path = f"/v2/firewalls/{wall['id']}"
    tour.ask("POST", f"{path}/tags", {"tags": ["walled"]})
    tour.ask("DELETE", f"{path}/tags", {"tags": ["walled"]})
    tour.ask("DELETE", f"{path}/droplets", {"droplet_ids": [number]})
    tour.ask("POST", f"{path}/droplets", {"droplet_ids": [number]})
    web = {"inbound_rules": [{"protocol": "tcp", "ports": "80-81", "sources": {"tags": ["walled"]}}]}
    tour.ask("POST", f"{path}/rules", web)
    tour.ask("DELETE", f"{path}/rules", web)
    tour.ask("PUT", path, {**body, "tags": ["walled"]})
    tour.later()
    assert tour.ask("GET", path)["firewall"]["status"] == "succeeded"
    tour.ask("GET", "/v2/firewalls")
    assert tour.ask("GET", f"/v2/droplets/{number}/firewalls")["meta"]["total"] == 1
    tour.ask("DELETE", path)
    tour.ask("GET", path, wrong=404)


def visit_droplets(tour: Tour) -> None:
    body = {
        "names": ["node-1", "node-2"],
        "region": "ams3",
        "size": "s-2vcpu-4gb",
        "image": 195932981,
        "tags": ["tour"],
        "user_data": "#cloud-config\n",
        "ipv6": True,
        "monitoring": True,
    }
    made = tour.ask("POST", "/v2/droplets", body)
    action = made["links"]["actions"][0]["id"]
    tour.ask("GET", f"/v2/actions/{action}")
    tour.later()
    assert tour.ask("GET", f"/v2/actions/{action}")["action"]["status"] == "completed"
    tour.ask("GET", "/v2/actions")
    path = f"/v2/droplets/{made['droplets'][0]['id']}"
    tour.ask("GET", path)
    tour.ask("GET", "/v2/droplets?tag_name=tour")
    tour.ask("GET", "/v2/droplets?name=node-2")
    tour.ask("GET", "/v2/droplets?per_page=1&page=2")
    tour.ask("GET", f"{path}/neighbors")
    tour.ask("GET", f"{path}/snapshots")
    doings: list[dict[str, object]] = [
        {"type": "power_off"},
        {"type": "resize", "size": "s-4vcpu-8gb", "disk": True},
        {"type": "power_on"},
        {"type": "reboot"},
        {"type": "rename", "name": "node-9"},
        {"type": "rebuild", "image": "ubuntu-22-04-x64"},
        {"type": "shutdown"},
    ]
    for doing in doings:
        done = tour.ask("POST", f"{path}/actions", doing)["action"]
        tour.later()
        tour.ask("GET", f"{path}/actions/{done['id']}")
    tour.ask("POST", "/v2/droplets/actions?tag_name=tour", {"type": "power_cycle"}, wrong=422)
    tour.ask("POST", f"{path}/actions", {"type": "power_on"})
    tour.later()
    tour.ask("POST", "/v2/droplets/actions?tag_name=tour", {"type": "power_cycle"})
    tour.ask("GET", f"{path}/actions")
    tour.ask("DELETE", path)
    tour.ask("GET", path, wrong=404)
    tour.ask("DELETE", "/v2/droplets?tag_name=tour")


def visit_load_balancers(tour: Tour) -> None:
    number = new_droplet(tour, "balanced", tags=["balanced"])
    body = {"name": "tour", "region": "fra1", "droplet_ids": [number], "forwarding_rules": [HTTP]}
    made = tour.ask("POST", "/v2/load_balancers", body)["load_balancer"]
    assert (made["status"], made["ip"]) == ("new", "")
    path = f"/v2/load_balancers/{made['id']}"
    tour.ask("PUT", path, body, wrong=403)
    tour.later()
    assert tour.ask("GET", path)["load_balancer"]["status"] == "active"
    tour.ask("POST", "/v2/load_balancers", body, wrong=422)
    tour.ask("GET", "/v2/load_balancers")
    tour.ask("DELETE", f"{path}/droplets", {"droplet_ids": [number]})
    tour.ask("POST", f"{path}/droplets", {"droplet_ids": [number]})
    tour.ask("POST", f"{path}/forwarding_rules", {"forwarding_rules": [TCP]})
    tour.ask("DELETE", f"{path}/forwarding_rules", {"forwarding_rules": [HTTP]})
    health = {"protocol": "tcp", "port": 6443}
    by_tag = {"name": "tour", "region": "fra1", "tag": "balanced", "forwarding_rules": [TCP]}
    put = tour.ask("PUT", path, {**by_tag, "health_check": health})["load_balancer"]
    assert put["droplet_ids"] == [number]
    tour.ask("DELETE", path)


def visit_volumes(tour: Tour) -> None:
    number = new_droplet(tour, "with-disk")
    body = {
        "name": "tour",
        "region": "fra1",
        "size_gigabytes": 10,
        "filesystem_type": "ext4",
        "filesystem_label": "data",
        "description": "on tour",
        "tags": ["disk"],
    }
    volume = tour.ask("POST", "/v2/volumes", body)["volume"]["id"]
    path = f"/v2/volumes/{volume}"
    tour.ask("POST", "/v2/volumes", body, wrong=409)
    attach = {"type": "attach", "droplet_id": number, "region": "fra1"}
    action = tour.ask("POST", f"{path}/actions", attach)["action"]["id"]
    tour.ask("GET", f"{path}/actions/{action}")
    tour.later()
    assert tour.ask("GET", path)["volume"]["droplet_ids"] == [number]
    tour.ask("GET", "/v2/volumes?name=tour&region=fra1")
    tour.ask("GET", f"{path}/snapshots")
    tour.ask("DELETE", path, wrong=409)
    tour.ask("POST", f"{path}/actions", {"type": "resize", "size_gigabytes": 5}, wrong=422)
    tour.ask("POST", f"{path}/actions", {"type": "resize", "size_gigabytes": 20, "region": "fra1"})
    tour.later()
    detach = {"type": "detach", "droplet_id": number, "region": "fra1"}
    tour.ask("POST", "/v2/volumes/actions", {**detach, "volume_name": "tour"})
    tour.later()
    tour.ask("GET", f"{path}/actions")
    tour.ask("DELETE", path)
    tour.ask("POST", "/v2/volumes", {**body, "name": "by-name"})
    tour.ask("DELETE", "/v2/volumes?name=by-name&region=fra1")


def visit_reserved_ips(tour: Tour, word: str) -> None:
    number = new_droplet(tour, "with-ip")
    kept = tour.ask("POST", f"/v2/{word}s", {"region": "fra1"})[word]
    path = f"/v2/{word}s/{kept['ip']}"
    action = tour.ask("POST", f"{path}/actions", {"type": "assign", "droplet_id": number})["action"]["id"]
    tour.later()
    tour.ask("GET", f"{path}/actions/{action}")
    assert tour.ask("GET", path)[word]["droplet"]["id"] == number
    tour.ask("POST", f"{path}/actions", {"type": "unassign"})
    tour.later()
    tour.ask("GET", f"{path}/actions")
    tour.ask("DELETE", path)
    other = tour.ask("POST", f"/v2/{word}s", {"droplet_id": number})
    assert other["links"]["actions"][0]["rel"] == "assign_ip"
    tour.later()
    tour.ask("GET", f"/v2/{word}s")
    tour.ask("DELETE", f"/v2/{word}s/{other[word]['ip']}")


def visit_errors(tour: Tour, simulator: DigitalOceanSimulator) -> None:
    tour.session.headers["Authorization"] = "Bearer nobody"
    tour.ask("GET", "/v2/droplets", wrong=401)
    tour.session.headers["Authorization"] = "Bearer token"
    for rule in (
        FaultRule(action="status", status=429),
        FaultRule(action="status", status=500),
        FaultRule(action="error_on_page", status=503, page=1),
    ):
        simulator.inject(rule)
        tour.ask("GET", "/v2/droplets", wrong=rule.status)
        simulator.clear_faults()
    simulator.inject(FaultRule(action="quota"))
    tour.ask("POST", "/v2/volumes", {"name": "full", "region": "fra1", "size_gigabytes": 1}, wrong=422)
    simulator.clear_faults()


def test_every_answer_is_as_described(tour: Tour, description: OpenAPI) -> None:
    wrong = []
    for answer in (*tour.answers, *tour.on_purpose):
        try:
            description.validate_response(
                RequestsOpenAPIRequest(answer.request), RequestsOpenAPIResponse(answer)
            )
        except OpenAPIError as error:
            wrong.append((answer.request.method, answer.request.url, str(error), repr(error.__cause__)))
    assert wrong == []


def test_the_check_notices_an_answer_that_is_not_as_described(tour: Tour, description: OpenAPI) -> None:
    droplets = next(a for a in tour.answers if a.url.endswith("/v2/droplets?tag_name=tour"))
    for broken in ({"vcpus": "two"}, {"status": "sleeping"}, {"created_at": "yesterday"}):
        content = droplets.json()
        content["droplets"][0] |= broken
        answer = requests.Response()
        answer.status_code, answer._content = 200, json.dumps(content).encode()
        answer.headers["Content-Type"] = "application/json"
        answer.request = droplets.request
        with pytest.raises(OpenAPIError):
            description.validate_response(
                RequestsOpenAPIRequest(answer.request), RequestsOpenAPIResponse(answer)
            )


def test_every_request_of_the_tour_is_as_described(tour: Tour, description: OpenAPI) -> None:
    wrong = []
    for answer in tour.answers:
        try:
            description.validate_request(RequestsOpenAPIRequest(answer.request))
        except OpenAPIError as error:
            wrong.append((answer.request.method, answer.request.url, str(error), repr(error.__cause__)))
    assert wrong == []


def test_every_answer_has_what_any_answer_must_have(tour: Tour) -> None:
    for answer in (*tour.answers, *tour.on_purpose):
        assert answer.headers["Server"] == "kubisnap-digitalocean-simulator"
        wanted = {"x-request-id", "ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"}
        assert wanted <= {name.lower() for name in answer.headers}
    for answer in tour.on_purpose:
        assert {"id", "message", "request_id"} <= set(answer.json())
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


def test_the_tour_visits_every_operation_of_the_simulator(tour: Tour) -> None:
    visited = {
        operation
        for answer in tour.answers
        for operation in OPERATIONS
        if operation.method == answer.request.method
        and operation.pattern.fullmatch(str(answer.request.path_url).partition("?")[0])
    }
    assert [f"{each.method} {each.template}" for each in OPERATIONS if each not in visited] == []
