"""What the simulated cloud does with volumes and reserved IPs."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator

DROPLET = {"name": "node", "region": "fra1", "size": "s-1vcpu-1gb", "image": "ubuntu-24-04-x64"}
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


# Volumes


def test_a_volume_is_attached_after_a_while_and_let_go_with_its_droplet(cloud: Cloud) -> None:
    number = cloud.droplet()
    path = f"volumes/{cloud.post('volumes', VOLUME)['volume']['id']}"
    attach = {"type": "attach", "droplet_id": number}
    assert cloud.post(f"{path}/actions", attach)["action"]["status"] == "in-progress"
    assert cloud.get(path)["volume"]["droplet_ids"] == []
    assert cloud.ask("POST", f"{path}/actions", attach).status_code == 409
    cloud.later(1)
    assert cloud.get(path)["volume"]["droplet_ids"] == [number]
    assert cloud.get(f"droplets/{number}")["droplet"]["volume_ids"] == [path.removeprefix("volumes/")]
    other = cloud.droplet()
    assert cloud.ask("POST", f"{path}/actions", {**attach, "droplet_id": other}).status_code == 422
    assert cloud.ask("DELETE", path).status_code == 409
    cloud.ask("DELETE", f"droplets/{number}")
    assert cloud.get(path)["volume"]["droplet_ids"] == []
    assert cloud.ask("DELETE", path).status_code == 204


def test_a_droplet_that_goes_before_its_volume_arrives_leaves_it_free(cloud: Cloud) -> None:
    number = cloud.droplet()
    path = f"volumes/{cloud.post('volumes', VOLUME)['volume']['id']}"
    cloud.post(f"{path}/actions", {"type": "attach", "droplet_id": number})
    cloud.ask("DELETE", f"droplets/{number}")
    cloud.later(1)
    assert cloud.get(path)["volume"]["droplet_ids"] == []


@pytest.mark.parametrize(
    ("doing", "status"),
    [
        ({"type": "resize", "size_gigabytes": 10}, 422),
        ({"type": "resize", "size_gigabytes": 99999}, 422),
        ({"type": "detach", "droplet_id": 5}, 422),
        ({"type": "attach", "droplet_id": 5}, 404),
        ({"type": "attach"}, 422),
        ({"type": "polish"}, 422),
        ({"type": "resize", "size_gigabytes": 20, "region": "ams3"}, 422),
    ],
)
def test_what_can_not_be_done_to_a_volume_is_refused(cloud: Cloud, doing: object, status: int) -> None:
    path = f"volumes/{cloud.post('volumes', VOLUME)['volume']['id']}"
    assert cloud.ask("POST", f"{path}/actions", doing).status_code == status


def test_a_volume_goes_only_to_droplets_of_its_region(cloud: Cloud) -> None:
    path = f"volumes/{cloud.post('volumes', VOLUME)['volume']['id']}"
    number = cloud.droplet(region="ams3")
    assert cloud.ask("POST", f"{path}/actions", {"type": "attach", "droplet_id": number}).status_code == 422


@pytest.mark.parametrize(
    ("broken", "status"),
    [
        ({}, 409),
        ({"name": "Data"}, 422),
        ({"name": None}, 422),
        ({"region": "moon1"}, 422),
        ({"region": "nyc2"}, 422),
        ({"name": "big", "size_gigabytes": 20000}, 422),
        ({"name": "fs", "filesystem_type": "zfs"}, 422),
        ({"name": "fs", "filesystem_type": "xfs", "filesystem_label": "thirteen-long"}, 422),
        ({"name": "snap", "snapshot_id": "x"}, 404),
        ({"region": "ams3"}, 201),
    ],
)
def test_volumes_are_checked_and_their_names_unique_in_a_region(
    cloud: Cloud, broken: dict[str, object], status: int
) -> None:
    cloud.post("volumes", VOLUME)
    assert cloud.ask("POST", "volumes", {**VOLUME, **broken}).status_code == status


# Reserved IPs


def test_a_reserved_ip_moves_from_droplet_to_droplet(cloud: Cloud) -> None:
    one, two = cloud.droplet(), cloud.droplet()
    made = cloud.post("reserved_ips", {"droplet_id": one})["reserved_ip"]
    path = f"reserved_ips/{made['ip']}"
    assert (made["droplet"], made["locked"]) == (None, True)
    assert cloud.ask("DELETE", path).status_code == 422
    cloud.later(1)
    assert cloud.get(path)["reserved_ip"]["droplet"]["id"] == one
    assert cloud.get(f"floating_ips/{made['ip']}")["floating_ip"]["droplet"]["id"] == one
    cloud.post(f"{path}/actions", {"type": "assign", "droplet_id": two})
    cloud.later(1)
    assert cloud.get(path)["reserved_ip"]["droplet"]["id"] == two
    cloud.ask("DELETE", f"droplets/{two}")
    assert cloud.get(path)["reserved_ip"]["droplet"] is None
    assert cloud.ask("POST", f"{path}/actions", {"type": "unassign"}).status_code == 422
    assert cloud.ask("DELETE", path).status_code == 204


def test_reserved_ips_are_few_and_stay_in_their_region(cloud: Cloud) -> None:
    number = cloud.droplet(region="ams3")
    path = f"reserved_ips/{cloud.post('reserved_ips', {'region': 'fra1'})['reserved_ip']['ip']}"
    assert cloud.ask("POST", f"{path}/actions", {"type": "assign", "droplet_id": number}).status_code == 422
    assert cloud.ask("POST", f"{path}/actions", {"type": "assign", "droplet_id": 5}).status_code == 422
    assert cloud.ask("POST", f"{path}/actions", {"type": "polish"}).status_code == 422
    assert cloud.ask("POST", "reserved_ips", {"region": "moon1"}).status_code == 422
    for _ in range(4):
        cloud.post("reserved_ips", {"region": "fra1"})
    assert cloud.ask("POST", "reserved_ips", {"region": "fra1"}).status_code == 422
