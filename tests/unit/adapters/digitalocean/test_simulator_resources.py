"""What the simulated cloud does with keys, tags, networks, firewalls and balancers."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator

DROPLET = {"name": "node", "region": "fra1", "size": "s-1vcpu-1gb", "image": "ubuntu-24-04-x64"}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcX me@here"
SSH = {"protocol": "tcp", "ports": "22", "sources": {"addresses": ["0.0.0.0/0"]}}
HTTP = {"entry_protocol": "http", "entry_port": 80, "target_protocol": "http", "target_port": 80}
VOLUME = {"name": "data", "region": "fra1", "size_gigabytes": 10}


class Cloud:
    """A simulator with one account, a clock that only moves when told to, and a client."""

    def __init__(
        self, simulator: DigitalOceanSimulator, clock: list[float], session: requests.Session
    ) -> None:
        self.simulator = simulator
        self.clock = clock
        self.session = session

    def ask(self, method: str, path: str, body: object = None) -> requests.Response:
        return self.session.request(method, self.simulator.url + path, json=body, timeout=30)

    def get(self, path: str) -> Any:
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: object) -> Any:
        answer = self.ask("POST", path, body)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def refused(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        answer = self.ask(method, path, body)
        return answer.status_code, answer.json()["message"]

    def droplet(self, **more: object) -> int:
        number = self.post("droplets", {**DROPLET, **more})["droplet"]["id"]
        self.later(2)
        assert isinstance(number, int)
        return number

    def later(self, seconds: float) -> None:
        self.clock[0] += seconds


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    clock = [1_700_000_000.0]
    simulator = DigitalOceanSimulator(accounts={"first": "one"}, now=lambda: clock[0])
    with simulator, requests.Session() as session:
        session.headers["Authorization"] = "Bearer one"
        yield Cloud(simulator, clock, session)


# Keys


def test_a_key_is_known_by_the_md5_of_its_bytes(cloud: Cloud) -> None:
    key = cloud.post("account/keys", {"name": "mine", "public_key": KEY})["ssh_key"]
    assert key["fingerprint"] == "2c:e7:36:ac:01:e0:fb:b4:35:95:3e:6e:5c:00:7e:d5"
    assert cloud.get(f"account/keys/{key['fingerprint']}") == cloud.get(f"account/keys/{key['id']}")


def test_a_key_can_be_there_only_once_whatever_its_name_and_comment(cloud: Cloud) -> None:
    cloud.post("account/keys", {"name": "mine", "public_key": KEY})
    again = {"name": "other", "public_key": KEY.replace("me@here", "elsewhere")}
    assert cloud.refused("POST", "account/keys", again) == (422, "SSH Key is already in use on your account")


@pytest.mark.parametrize(
    "text", ["", "nonsense", "ssh-ed25519 !!!", "ssh-rsa " + KEY.split()[1], "ssh-dss AAAA"]
)
def test_what_is_no_key_is_refused(cloud: Cloud, text: str) -> None:
    assert cloud.ask("POST", "account/keys", {"name": "bad", "public_key": text}).status_code == 422


# Tags


def test_making_a_tag_that_exists_is_no_mistake(cloud: Cloud) -> None:
    for _ in range(2):
        assert cloud.ask("POST", "tags", {"name": "web"}).status_code == 201
    assert cloud.get("tags")["meta"]["total"] == 1


def test_a_tag_counts_what_has_it_and_goes_from_everything_at_once(cloud: Cloud) -> None:
    number = cloud.droplet(tags=["web"])
    volume = cloud.post("volumes", VOLUME)["volume"]["id"]
    named = [{"resource_id": volume, "resource_type": "volume"}]
    assert cloud.ask("POST", "tags/web/resources", {"resources": named}).status_code == 204
    wall = cloud.post("firewalls", {"name": "wall", "inbound_rules": [SSH], "tags": ["web"]})["firewall"][
        "id"
    ]
    resources = cloud.get("tags/web")["tag"]["resources"]
    assert (resources["count"], resources["droplets"]["count"], resources["volumes"]["count"]) == (2, 1, 1)
    assert resources["droplets"]["last_tagged_uri"].endswith(f"/v2/droplets/{number}")
    assert cloud.ask("DELETE", "tags/web").status_code == 204
    assert cloud.get(f"droplets/{number}")["droplet"]["tags"] == []
    assert cloud.get(f"volumes/{volume}")["volume"]["tags"] == []
    assert cloud.get(f"firewalls/{wall}")["firewall"]["tags"] == []
    assert cloud.ask("GET", "tags/web").status_code == 404


def test_only_what_exists_can_be_tagged(cloud: Cloud) -> None:
    cloud.post("tags", {"name": "web"})
    missing = {"resources": [{"resource_id": "5", "resource_type": "droplet"}]}
    assert cloud.ask("POST", "tags/web/resources", missing).status_code == 404
    assert cloud.ask("POST", "tags/none/resources", missing).status_code == 404
    assert cloud.ask("POST", "tags/web/resources", {}).status_code == 422
    assert cloud.ask("POST", "tags", {"name": "with space"}).status_code == 400


# Networks


@pytest.mark.parametrize(
    "ip_range",
    ["10.20.8.0/24", "10.0.0.0/8", "10.30.0.0/29", "8.8.8.0/24", "10.20.0.1/20", "nonsense", "10.244.0.0/20"],
)
def test_a_range_must_be_private_of_good_size_and_free(cloud: Cloud, ip_range: str) -> None:
    cloud.post("vpcs", {"name": "net", "region": "fra1", "ip_range": "10.20.0.0/20"})
    body = {"name": "other", "region": "ams3", "ip_range": ip_range}
    assert cloud.ask("POST", "vpcs", body).status_code == 422


def test_a_network_without_a_range_gets_one_of_its_own(cloud: Cloud) -> None:
    made = [cloud.post("vpcs", {"name": f"net-{i}", "region": "fra1"})["vpc"]["ip_range"] for i in range(3)]
    assert made == ["10.100.0.0/20", "10.100.16.0/20", "10.100.32.0/20"]


def test_names_of_networks_are_unique_and_regions_exist(cloud: Cloud) -> None:
    cloud.post("vpcs", {"name": "net", "region": "fra1"})
    other = cloud.post("vpcs", {"name": "other", "region": "fra1"})["vpc"]["id"]
    assert cloud.ask("POST", "vpcs", {"name": "net", "region": "ams3"}).status_code == 422
    assert cloud.ask("POST", "vpcs", {"name": "moon", "region": "moon1"}).status_code == 422
    assert cloud.ask("POST", "vpcs", {"name": "bad name", "region": "fra1"}).status_code == 422
    assert cloud.ask("PATCH", f"vpcs/{other}", {"name": "net"}).status_code == 422
    assert cloud.ask("PUT", f"vpcs/{other}", {"description": "x"}).status_code == 422
    assert cloud.ask("PATCH", f"vpcs/{other}", {"description": "x"}).json()["vpc"]["name"] == "other"


def test_a_network_with_members_stays_and_so_does_the_default_one(cloud: Cloud) -> None:
    vpc = cloud.post("vpcs", {"name": "net", "region": "fra1"})["vpc"]["id"]
    number = cloud.droplet(vpc_uuid=vpc)
    assert cloud.refused("DELETE", f"vpcs/{vpc}") == (403, "Can not delete VPC with members")
    assert [member["urn"] for member in cloud.get(f"vpcs/{vpc}/members")["members"]] == [
        f"do:droplet:{number}"
    ]
    assert cloud.get(f"vpcs/{vpc}/members?resource_type=loadbalancer")["members"] == []
    cloud.ask("DELETE", f"droplets/{number}")
    assert cloud.ask("DELETE", f"vpcs/{vpc}").status_code == 204
    cloud.droplet()
    default = cloud.get("vpcs")["vpcs"][0]
    assert (default["name"], default["default"]) == ("default-fra1", True)
    assert cloud.refused("DELETE", f"vpcs/{default['id']}") == (403, "Can not delete default VPCs")
    assert cloud.simulator.inventory("first")["vpcs"] == 0


def test_another_network_can_be_made_the_default(cloud: Cloud) -> None:
    cloud.droplet()
    vpc = cloud.post("vpcs", {"name": "net", "region": "fra1"})["vpc"]["id"]
    assert cloud.ask("PATCH", f"vpcs/{vpc}", {"default": True}).json()["vpc"]["default"]
    assert [each["name"] for each in cloud.get("vpcs")["vpcs"] if each["default"]] == ["net"]


# Firewalls


def test_a_firewall_writes_its_rules_back_the_way_the_real_one_does(cloud: Cloud) -> None:
    rules = [
        {"protocol": "tcp", "ports": "all", "sources": {"addresses": ["10.0.0.0/8"]}},
        {"protocol": "icmp", "sources": {"addresses": ["::/0"], "tags": None}},
        {"protocol": "udp", "ports": "8000-9000", "sources": {"addresses": ["192.0.2.1"]}},
    ]
    shown = cloud.post("firewalls", {"name": "wall", "inbound_rules": rules})["firewall"]
    assert [rule["ports"] for rule in shown["inbound_rules"]] == ["0", "0", "8000-9000"]
    assert shown["inbound_rules"][1]["sources"] == {"addresses": ["::/0"]}
    assert (shown["status"], shown["pending_changes"]) == ("succeeded", [])


@pytest.mark.parametrize(
    "broken",
    [
        {"protocol": "sctp"},
        {"ports": "70000"},
        {"ports": "90-80"},
        {"ports": None},
        {"ports": "ssh"},
        {"sources": {}},
        {"sources": {"addresses": ["everywhere"]}},
        {"sources": {"tags": ["no-such-tag"]}},
        {"sources": {"droplet_ids": [5]}},
        {"sources": {"load_balancer_uids": ["none"]}},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(cloud: Cloud, broken: dict[str, object]) -> None:
    body = {"name": "wall", "inbound_rules": [{**SSH, **broken}]}
    assert cloud.ask("POST", "firewalls", body).status_code == 422
    assert cloud.simulator.inventory("first")["firewalls"] == 0


def test_names_of_firewalls_are_unique_and_tags_must_exist(cloud: Cloud) -> None:
    body = {"name": "wall", "inbound_rules": [SSH]}
    first = cloud.post("firewalls", body)["firewall"]["id"]
    assert cloud.refused("POST", "firewalls", body) == (409, "duplicate name")
    assert cloud.ask("PUT", f"firewalls/{first}", body).status_code == 200
    assert cloud.ask("POST", "firewalls", {**body, "name": "w2", "tags": ["none"]}).status_code == 422
    assert cloud.ask("POST", "firewalls", {**body, "name": "-bad"}).status_code == 422
    assert cloud.ask("POST", "firewalls", {"name": "empty"}).status_code == 422


def test_a_firewall_takes_ten_droplets_five_tags_and_fifty_rules(cloud: Cloud) -> None:
    numbers = [cloud.droplet() for _ in range(11)]
    for index in range(6):
        cloud.post("tags", {"name": f"tag-{index}"})
    tags = [f"tag-{index}" for index in range(6)]
    many = [{**SSH, "ports": str(port)} for port in range(1, 52)]
    body = {"name": "wall", "inbound_rules": [SSH]}
    assert cloud.ask("POST", "firewalls", {**body, "droplet_ids": numbers}).status_code == 422
    assert cloud.ask("POST", "firewalls", {**body, "tags": tags}).status_code == 422
    assert cloud.ask("POST", "firewalls", {**body, "inbound_rules": many}).status_code == 422
    full = {"name": "full", "inbound_rules": many[:50], "droplet_ids": numbers[:10], "tags": tags[:5]}
    path = f"firewalls/{cloud.post('firewalls', full)['firewall']['id']}"
    assert cloud.ask("POST", f"{path}/droplets", {"droplet_ids": numbers[10:]}).status_code == 422
    assert cloud.ask("DELETE", f"{path}/rules", {"inbound_rules": [many[50]]}).status_code == 404


def test_a_destroyed_droplet_leaves_its_firewall(cloud: Cloud) -> None:
    number = cloud.droplet()
    body = {"name": "wall", "inbound_rules": [SSH], "droplet_ids": [number]}
    wall = cloud.post("firewalls", body)["firewall"]
    assert wall["pending_changes"] == [{"droplet_id": number, "removing": False, "status": "waiting"}]
    cloud.ask("DELETE", f"droplets/{number}")
    assert cloud.get(f"firewalls/{wall['id']}")["firewall"]["droplet_ids"] == []


# Load balancers


def test_a_load_balancer_comes_up_and_only_then_can_be_changed(cloud: Cloud) -> None:
    body = {"name": "front", "region": "fra1", "forwarding_rules": [HTTP]}
    path = f"load_balancers/{cloud.post('load_balancers', body)['load_balancer']['id']}"
    busy = "Load Balancer can't be updated while it processes previous actions"
    assert cloud.refused("PUT", path, body) == (403, busy)
    cloud.later(2)
    shown = cloud.get(path)["load_balancer"]
    assert shown["status"] == "active"
    assert shown["ip"].startswith("192.0.2.")
    changed = {**shown, "algorithm": "least_connections"}  # a client sends back what it was shown
    assert cloud.ask("PUT", path, changed).json()["load_balancer"] == changed
    assert cloud.ask("PUT", path, {**body, "region": "ams3"}).status_code == 422
    assert cloud.ask("DELETE", path).status_code == 204


@pytest.mark.parametrize(
    "broken",
    [
        {"name": "taken"},
        {"name": ""},
        {"region": "moon1"},
        {"forwarding_rules": []},
        {"forwarding_rules": [HTTP, HTTP]},
        {"forwarding_rules": [{**HTTP, "entry_protocol": "https"}]},
        {"forwarding_rules": [{**HTTP, "target_port": 0}]},
        {"forwarding_rules": [{**HTTP, "target_protocol": "udp"}]},
        {"droplet_ids": [5]},
        {"droplet_ids": [5], "tag": "both"},
        {"tag": "not a tag"},
        {"vpc_uuid": "none"},
        {"algorithm": "random"},
        {"size_unit": 1000},
        {"health_check": {"protocol": "smoke"}},
        {"sticky_sessions": {"type": "cookies"}},
    ],
)
def test_a_load_balancer_that_makes_no_sense_is_refused(cloud: Cloud, broken: dict[str, object]) -> None:
    body = {"name": "front", "region": "fra1", "forwarding_rules": [HTTP]}
    cloud.post("load_balancers", {**body, "name": "taken"})
    assert cloud.ask("POST", "load_balancers", {**body, **broken}).status_code == 422


def test_a_load_balancer_with_a_tag_finds_its_droplets_by_itself(cloud: Cloud) -> None:
    body = {"name": "front", "region": "fra1", "forwarding_rules": [HTTP], "tag": "web"}
    path = f"load_balancers/{cloud.post('load_balancers', body)['load_balancer']['id']}"
    assert cloud.get(path)["load_balancer"]["droplet_ids"] == []
    number = cloud.droplet(tags=["web"])
    cloud.droplet(tags=["web"], region="ams3")
    assert cloud.get(path)["load_balancer"]["droplet_ids"] == [number]
    assert cloud.ask("POST", f"{path}/droplets", {"droplet_ids": [number]}).status_code == 422


def test_an_internal_load_balancer_has_an_address_of_its_network(cloud: Cloud) -> None:
    vpc = cloud.post("vpcs", {"name": "net", "region": "fra1", "ip_range": "10.20.0.0/24"})["vpc"]["id"]
    body = {"name": "in", "vpc_uuid": vpc, "forwarding_rules": [HTTP], "network": "INTERNAL"}
    path = f"load_balancers/{cloud.post('load_balancers', body)['load_balancer']['id']}"
    cloud.later(2)
    assert cloud.get(path)["load_balancer"]["ip"] == "10.20.0.2"
    assert cloud.ask("DELETE", f"vpcs/{vpc}").status_code == 403
