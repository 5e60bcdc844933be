"""Clients that others wrote for the real thing work with the simulator: pydo and python-digitalocean."""

import json
from collections.abc import Iterator
from typing import Any

import digitalocean
import pytest
from azure.core.credentials import AzureKeyCredential
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import AzureKeyCredentialPolicy
from pydo import Client

from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator, FaultRule

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcX"
DROPLET = {"name": "node", "region": "fra1", "size": "s-1vcpu-1gb", "image": "ubuntu-24-04-x64"}
SSH = {"protocol": "tcp", "ports": "22", "sources": {"addresses": ["0.0.0.0/0"]}}
HTTP = {"entry_protocol": "http", "entry_port": 80, "target_protocol": "http", "target_port": 80}

# python-digitalocean calls jsonpickle in a way that version 5 of it will take differently.
pytestmark = pytest.mark.filterwarnings("ignore:keys will default to True in jsonpickle:DeprecationWarning")


class Clock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.seconds = 1_700_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cloud(clock: Clock) -> Iterator[DigitalOceanSimulator]:
    with DigitalOceanSimulator(accounts={"first": "one"}, now=clock) as cloud:
        yield cloud


def pydo_client(cloud: DigitalOceanSimulator, token: str) -> Any:
    # Its own policy for tokens refuses http. Retries are off: faults are to be seen, and nobody is to sleep.
    policy = AzureKeyCredentialPolicy(AzureKeyCredential(token), "Authorization", prefix="Bearer")
    return Client(token=token, endpoint=cloud.endpoint, authentication_policy=policy, retry_total=0)


@pytest.fixture
def pydo(cloud: DigitalOceanSimulator) -> Iterator[Any]:
    with pydo_client(cloud, "one") as client:
        yield client


def refusal(call: Any, *arguments: Any, **named: Any) -> tuple[int, str]:
    """The status and the id of the error that a call gets."""
    try:
        answer = call(*arguments, **named)
    except HttpResponseError as refused:
        response: Any = refused.response
        return response.status_code, json.loads(response.text())["id"]
    # Where the description names a 404, pydo gives it back as if it were an answer like any other.
    assert answer["id"] == "not_found"
    return 404, answer["id"]


def test_pydo_reads_what_is_on_offer(pydo: Any) -> None:
    assert pydo.account.get()["account"]["name"] == "first"
    assert "fra1" in [region["slug"] for region in pydo.regions.list()["regions"]]
    assert pydo.sizes.list(per_page=200)["meta"]["total"] == len(pydo.sizes.list(per_page=200)["sizes"])
    assert pydo.images.list(type="distribution", per_page=3)["links"]["pages"]["next"]
    assert pydo.images.get("debian-12-x64")["image"]["distribution"] == "Debian"


def test_pydo_handles_keys(pydo: Any) -> None:
    key = pydo.ssh_keys.create(body={"name": "mine", "public_key": KEY})["ssh_key"]
    assert refusal(pydo.ssh_keys.create, body={"name": "again", "public_key": KEY})[0] == 422
    assert pydo.ssh_keys.list()["ssh_keys"] == [key]
    pydo.ssh_keys.update(key["id"], body={"name": "renamed"})
    assert pydo.ssh_keys.get(key["fingerprint"])["ssh_key"]["name"] == "renamed"
    pydo.ssh_keys.delete(key["id"])
    assert pydo.ssh_keys.list()["ssh_keys"] == []


def test_pydo_handles_tags(pydo: Any) -> None:
    number = str(pydo.droplets.create(body=DROPLET)["droplet"]["id"])
    pydo.tags.create(body={"name": "web"})
    named = {"resources": [{"resource_id": number, "resource_type": "droplet"}]}
    pydo.tags.assign_resources("web", body=named)
    assert pydo.tags.get("web")["tag"]["resources"]["count"] == 1
    pydo.tags.unassign_resources("web", body=named)
    assert [tag["name"] for tag in pydo.tags.list()["tags"]] == ["web"]
    pydo.tags.delete("web")
    assert pydo.tags.list()["tags"] == []


def test_pydo_handles_networks(pydo: Any) -> None:
    vpc = pydo.vpcs.create(body={"name": "net", "region": "fra1", "ip_range": "10.20.0.0/20"})["vpc"]
    assert pydo.vpcs.list()["vpcs"] == [vpc]
    pydo.vpcs.update(vpc["id"], body={"name": "new", "description": "whole"})
    pydo.vpcs.patch(vpc["id"], body={"description": "part"})
    changed = pydo.vpcs.get(vpc["id"])["vpc"]
    assert (changed["name"], changed["description"]) == ("new", "part")
    number = pydo.droplets.create(body={**DROPLET, "vpc_uuid": vpc["id"]})["droplet"]["id"]
    assert pydo.vpcs.list_members(vpc["id"])["members"][0]["urn"] == f"do:droplet:{number}"
    assert refusal(pydo.vpcs.delete, vpc["id"])[0] == 403
    pydo.droplets.destroy(number)
    pydo.vpcs.delete(vpc["id"])
    assert pydo.vpcs.list()["vpcs"] == []


def test_pydo_handles_firewalls(pydo: Any) -> None:
    pydo.tags.create(body={"name": "web"})
    number = pydo.droplets.create(body=DROPLET)["droplet"]["id"]
    body = {"name": "wall", "inbound_rules": [SSH]}
    wall = pydo.firewalls.create(body=body)["firewall"]["id"]
    assert refusal(pydo.firewalls.create, body=body)[0] == 409
    pydo.firewalls.assign_droplets(wall, body={"droplet_ids": [number]})
    pydo.firewalls.add_tags(wall, body={"tags": ["web"]})
    pydo.firewalls.add_rules(wall, body={"inbound_rules": [{**SSH, "ports": "80"}]})
    shown = pydo.firewalls.get(wall)["firewall"]
    assert (shown["droplet_ids"], shown["tags"], len(shown["inbound_rules"])) == ([number], ["web"], 2)
    pydo.firewalls.delete_rules(wall, body={"inbound_rules": [SSH]})
    pydo.firewalls.delete_tags(wall, body={"tags": ["web"]})
    pydo.firewalls.delete_droplets(wall, body={"droplet_ids": [number]})
    assert pydo.firewalls.list()["firewalls"][0]["inbound_rules"][0]["ports"] == "80"
    pydo.firewalls.update(wall, body=body)
    pydo.firewalls.delete(wall)
    assert pydo.firewalls.list()["firewalls"] == []


def test_pydo_handles_droplets_and_their_actions(pydo: Any, clock: Clock) -> None:
    made = pydo.droplets.create(body={**DROPLET, "names": ["a", "b"], "tags": ["web"]})
    action = made["links"]["actions"][0]["id"]
    assert pydo.actions.get(action)["action"]["status"] == "in-progress"
    clock.seconds += 2
    assert [droplet["status"] for droplet in pydo.droplets.list(tag_name="web")["droplets"]] == ["active"] * 2
    number = made["droplets"][0]["id"]
    begun = pydo.droplet_actions.post(number, body={"type": "power_off"})["action"]
    clock.seconds += 1
    assert pydo.droplet_actions.get(number, begun["id"])["action"]["status"] == "completed"
    assert pydo.droplets.get(number)["droplet"]["status"] == "off"
    pydo.droplets.destroy(number)
    assert refusal(pydo.droplets.destroy, number)[0] == 404
    pydo.droplets.destroy_by_tag(tag_name="web")
    assert pydo.droplets.list()["meta"]["total"] == 0
    assert pydo.actions.list()["meta"]["total"] == 3


def test_pydo_handles_load_balancers(pydo: Any, clock: Clock) -> None:
    number = pydo.droplets.create(body=DROPLET)["droplet"]["id"]
    body = {"name": "front", "region": "fra1", "forwarding_rules": [HTTP], "droplet_ids": [number]}
    balancer = pydo.load_balancers.create(body=body)["load_balancer"]["id"]
    assert refusal(pydo.load_balancers.create, body=body)[0] == 422
    assert refusal(pydo.load_balancers.update, balancer, body=body)[0] == 403
    clock.seconds += 2
    assert pydo.load_balancers.list()["load_balancers"][0]["status"] == "active"
    changed = pydo.load_balancers.update(balancer, body={**body, "algorithm": "least_connections"})
    assert changed["load_balancer"]["algorithm"] == "least_connections"
    pydo.load_balancers.remove_droplets(balancer, body={"droplet_ids": [number]})
    pydo.load_balancers.add_droplets(balancer, body={"droplet_ids": [number]})
    assert pydo.load_balancers.get(balancer)["load_balancer"]["droplet_ids"] == [number]
    pydo.load_balancers.delete(balancer)
    assert pydo.load_balancers.list()["load_balancers"] == []


def test_pydo_handles_volumes(pydo: Any, clock: Clock) -> None:
    number = pydo.droplets.create(body=DROPLET)["droplet"]["id"]
    volume = pydo.volumes.create(body={"name": "data", "region": "fra1", "size_gigabytes": 5})["volume"]["id"]
    pydo.volume_actions.post_by_id(volume, body={"type": "attach", "droplet_id": number})
    clock.seconds += 1
    assert pydo.volumes.list(name="data")["volumes"][0]["droplet_ids"] == [number]
    assert refusal(pydo.volumes.delete, volume)[0] == 409
    pydo.volume_actions.post_by_id(volume, body={"type": "resize", "size_gigabytes": 9})
    clock.seconds += 1
    assert pydo.volumes.get(volume)["volume"]["size_gigabytes"] == 9
    detach = {"type": "detach", "droplet_id": number, "volume_name": "data", "region": "fra1"}
    pydo.volume_actions.post(body=detach)
    clock.seconds += 1
    assert pydo.volume_actions.list(volume)["meta"]["total"] == 3
    pydo.volumes.delete_by_name(name="data", region="fra1")
    assert pydo.volumes.list()["meta"]["total"] == 0


def test_pydo_handles_reserved_ips(pydo: Any, clock: Clock) -> None:
    number = pydo.droplets.create(body=DROPLET)["droplet"]["id"]
    address = pydo.reserved_ips.create(body={"region": "fra1"})["reserved_ip"]["ip"]
    pydo.reserved_ips_actions.post(address, body={"type": "assign", "droplet_id": number})
    clock.seconds += 1
    assert pydo.reserved_ips.get(address)["reserved_ip"]["droplet"]["id"] == number
    assert pydo.reserved_ips.list()["meta"]["total"] == 1
    pydo.reserved_ips.delete(address)
    assert refusal(pydo.reserved_ips.delete, address)[0] == 404


def test_pydo_understands_the_refusals(cloud: DigitalOceanSimulator, pydo: Any) -> None:
    cloud.set_droplet_limit("first", 0)
    assert refusal(pydo.droplets.create, body=DROPLET) == (422, "unprocessable_entity")
    with pydo_client(cloud, "nobody") as stranger:
        assert refusal(stranger.account.get) == (401, "Unauthorized")
    cloud.inject(FaultRule(action="status", status=500))
    assert refusal(pydo.droplets.list)[0] == 500


def test_python_digitalocean_makes_finds_and_destroys(cloud: DigitalOceanSimulator, clock: Clock) -> None:
    connect = {"token": "one", "end_point": cloud.url}
    key = digitalocean.SSHKey(name="mine", public_key=KEY, **connect)
    key.create()
    vpc = digitalocean.VPC(name="net", region="fra1", ip_range="10.20.0.0/20", **connect)
    vpc.create()
    digitalocean.Tag(name="web", **connect).create()
    droplet = digitalocean.Droplet(
        name="node",
        region="fra1",
        image="ubuntu-24-04-x64",
        size_slug="s-1vcpu-1gb",
        ssh_keys=[key.id],
        tags=["web"],
        vpc_uuid=vpc.id,
        **connect,
    )
    droplet.create()
    clock.seconds += 2
    droplet.load()
    assert (droplet.status, droplet.private_ip_address) == ("active", "10.20.0.2")
    assert droplet.ip_address == "203.0.113.2"
    rule = digitalocean.InboundRule(
        protocol="tcp", ports="22", sources=digitalocean.Sources(addresses=["0.0.0.0/0"])
    )
    wall = digitalocean.Firewall(name="wall", inbound_rules=[rule], tags=["web"], droplet_ids=[], **connect)
    wall.create()
    assert wall.load().inbound_rules[0].sources.addresses == ["0.0.0.0/0"]
    wall.add_droplets([droplet.id])
    assert wall.load().droplet_ids == [droplet.id]
    assert wall.destroy()
    assert droplet.destroy()
    assert vpc.destroy()
    assert key.destroy()
    assert cloud.inventory("first") == dict.fromkeys(cloud.inventory("first"), 0) | {"tags": 1}


def test_python_digitalocean_reads_lists_through_all_pages_and_tells_of_errors(
    cloud: DigitalOceanSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a manager hands out does not learn the endpoint from it, and would call the real cloud.
    monkeypatch.setenv("DIGITALOCEAN_END_POINT", cloud.url)
    manager = digitalocean.Manager(token="one")
    assert manager.get_account().droplet_limit == 25
    assert {size.slug for size in manager.get_all_sizes()} >= {"s-1vcpu-1gb", "so-2vcpu-16gb"}
    assert len(manager.get_all_regions()) == 12
    with pytest.raises(digitalocean.NotFoundError):
        digitalocean.Droplet(id=5, token="one", end_point=cloud.url).load()
    cloud.set_droplet_limit("first", 0)
    droplet = digitalocean.Droplet(
        name="node",
        region="fra1",
        image="debian-12-x64",
        size_slug="s-1vcpu-1gb",
        token="one",
        end_point=cloud.url,
    )
    with pytest.raises(digitalocean.DataReadError, match="exceed your droplet limit"):
        droplet.create()


def test_python_digitalocean_handles_volumes_and_floating_ips(
    cloud: DigitalOceanSimulator, clock: Clock
) -> None:
    connect = {"token": "one", "end_point": cloud.url}
    droplet = digitalocean.Droplet(
        name="node", region="fra1", image="debian-12-x64", size_slug="s-1vcpu-1gb", **connect
    )
    droplet.create()
    clock.seconds += 2
    volume = digitalocean.Volume(
        name="data", region="fra1", size_gigabytes=5, description="", filesystem_type="ext4", **connect
    )
    volume.create()
    volume.attach(droplet.id, "fra1")
    clock.seconds += 1
    volume.load()
    assert volume.droplet_ids == [droplet.id]
    address = digitalocean.FloatingIP(droplet_id=droplet.id, **connect)
    address.create()
    clock.seconds += 1
    address.load()
    assert address.droplet["id"] == droplet.id
    rule = digitalocean.ForwardingRule(
        entry_protocol="http", entry_port=80, target_protocol="http", target_port=80, certificate_id=""
    )
    balancer = digitalocean.LoadBalancer(
        name="front",
        region="fra1",
        forwarding_rules=[rule],
        health_check=digitalocean.HealthCheck(),
        sticky_sessions=digitalocean.StickySessions(),
        droplet_ids=[droplet.id],
        **connect,
    )
    balancer.create()
    clock.seconds += 2
    balancer.load()
    assert balancer.status == "active"
    assert balancer.forwarding_rules[0].entry_port == 80
    assert balancer.destroy()
    assert address.destroy()
