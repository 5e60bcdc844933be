"""How droplets come up, are listed, changed and destroyed in the simulated cloud."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator

DROPLET = {"name": "node", "region": "fra1", "size": "s-1vcpu-1gb", "image": "ubuntu-24-04-x64"}
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcX"


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
        return answer.json()

    def refused(self, body: dict[str, object]) -> str:
        answer = self.ask("POST", "droplets", {**DROPLET, **body})
        assert answer.status_code == 422, answer.text
        assert answer.json()["id"] == "unprocessable_entity"
        message = answer.json()["message"]
        assert isinstance(message, str)
        return message

    def later(self, seconds: float) -> None:
        self.clock[0] += seconds


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    clock = [1_700_000_000.0]
    simulator = DigitalOceanSimulator(
        accounts={"first": "one"}, now=lambda: clock[0], boot_seconds=10, action_seconds=4, list_lag_seconds=3
    )
    with simulator, requests.Session() as session:
        session.headers["Authorization"] = "Bearer one"
        yield Cloud(simulator, clock, session)


def kinds_of_address(droplet: Any) -> list[str]:
    return [network["type"] for network in droplet["networks"]["v4"]]


def test_a_droplet_comes_up_step_by_step(cloud: Cloud) -> None:
    made = cloud.post("droplets", DROPLET)
    path = f"droplets/{made['droplet']['id']}"
    action = f"actions/{made['links']['actions'][0]['id']}"
    assert made["links"]["actions"][0]["rel"] == "create"
    assert (made["droplet"]["status"], kinds_of_address(made["droplet"])) == ("new", [])
    cloud.later(5)
    halfway = cloud.get(path)["droplet"]
    assert (halfway["status"], halfway["locked"], kinds_of_address(halfway)) == ("new", True, ["private"])
    assert cloud.get(action)["action"]["status"] == "in-progress"
    cloud.later(5)
    ready = cloud.get(path)["droplet"]
    assert (ready["status"], ready["locked"]) == ("active", False)
    assert kinds_of_address(ready) == ["public", "private"]
    done = cloud.get(action)["action"]
    assert (done["status"], done["completed_at"]) == ("completed", "2023-11-14T22:13:30Z")


def test_a_fresh_droplet_is_missing_from_lists_though_not_by_its_number(cloud: Cloud) -> None:
    number = cloud.post("droplets", {**DROPLET, "tags": ["web"]})["droplet"]["id"]
    assert cloud.get(f"droplets/{number}")["droplet"]["id"] == number
    for path in ("droplets", "droplets?tag_name=web", "droplets?name=node"):
        assert cloud.get(path)["meta"]["total"] == 0
    cloud.later(3)
    for path in ("droplets", "droplets?tag_name=web", "droplets?name=NODE"):
        assert cloud.get(path)["meta"]["total"] == 1
    assert cloud.get("droplets?tag_name=other")["meta"]["total"] == 0
    assert cloud.get("droplets?type=gpus")["meta"]["total"] == 0


def test_a_destroyed_droplet_holds_its_network_for_as_long_as_lists_lag(cloud: Cloud) -> None:
    vpc = cloud.post("vpcs", {"name": "net", "region": "fra1"})["vpc"]["id"]
    number = cloud.post("droplets", {**DROPLET, "vpc_uuid": vpc})["droplet"]["id"]
    cloud.ask("DELETE", f"droplets/{number}")
    assert cloud.ask("DELETE", f"vpcs/{vpc}").status_code == 403
    cloud.later(3)
    assert cloud.ask("DELETE", f"vpcs/{vpc}").status_code == 204


def test_several_are_made_at_once_or_none(cloud: Cloud) -> None:
    made = cloud.post("droplets", {**DROPLET, "names": [f"node-{i}" for i in range(10)]})
    assert [droplet["name"] for droplet in made["droplets"]] == [f"node-{i}" for i in range(10)]
    assert {link["rel"] for link in made["links"]["actions"]} == {"multiple_create"}
    assert "at most 10" in cloud.refused({"names": [f"node-{i}" for i in range(11)]})
    cloud.refused({"names": ["good", "not good"]})
    cloud.refused({"names": []})
    vpc = cloud.post("vpcs", {"name": "net", "region": "fra1", "ip_range": "10.20.0.0/28"})["vpc"]["id"]
    cloud.post("droplets", {**DROPLET, "vpc_uuid": vpc, "names": [f"n{i}" for i in range(9)]})
    assert "not enough IP addresses" in cloud.refused({"vpc_uuid": vpc, "names": [f"m{i}" for i in range(5)]})
    assert cloud.simulator.inventory("first")["droplets"] == 19


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"name": None}, "Name Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)"),
        (
            {"name": "under_score"},
            "Name Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)",
        ),
        ({"region": "moon1"}, "You specified an invalid region for Droplet creation."),
        ({"region": "nyc2"}, "You specified an invalid region for Droplet creation."),
        ({"size": "s-99vcpu"}, "You specified an invalid size for Droplet creation."),
        ({"size": None}, "You specified an invalid size for Droplet creation."),
        ({"size": "m-4vcpu-32gb"}, "Size is not available in this region."),
        ({"size": "so-2vcpu-16gb", "region": "blr1"}, "Size is not available in this region."),
        ({"image": "windows"}, "You specified an invalid image for Droplet creation."),
        ({"image": None}, "You specified an invalid image for Droplet creation."),
        ({"ssh_keys": [1, "aa:bb"]}, "1, aa:bb are invalid key identifiers for Droplet creation."),
        ({"vpc_uuid": "none"}, "Failed to resolve VPC"),
        ({"user_data": "x" * 65537}, "User data cannot exceed 64 KiB."),
        ({"volumes": ["none"]}, "volume none can not be attached to this Droplet"),
        ({"size": "s-1vcpu-512mb-10gb", "image": "fedora-42-x64"}, None),
        ({"ssh_keys": "all"}, None),
        ({"tags": ["with space"]}, None),
        ({"ipv6": "yes"}, None),
    ],
)
def test_what_can_not_be_ordered_is_refused_in_the_usual_words(
    cloud: Cloud, body: dict[str, object], message: str | None
) -> None:
    answer = cloud.refused(body)
    assert message in (None, answer)
    assert set(cloud.simulator.inventory("first").values()) == {0}


def test_a_network_of_another_region_is_refused_and_of_none_given_decides_it(cloud: Cloud) -> None:
    vpc = cloud.post("vpcs", {"name": "net", "region": "ams3"})["vpc"]["id"]
    assert "another region" in cloud.refused({"vpc_uuid": vpc})
    made = cloud.post("droplets", {**DROPLET, "region": None, "vpc_uuid": vpc})["droplet"]
    assert made["region"]["slug"] == "ams3"


def test_keys_user_data_and_volumes_go_with_the_order(cloud: Cloud) -> None:
    key = cloud.post("account/keys", {"name": "mine", "public_key": KEY})["ssh_key"]
    volume = cloud.post("volumes", {"name": "v", "region": "fra1", "size_gigabytes": 1})["volume"]["id"]
    body = {**DROPLET, "ssh_keys": [key["id"]], "user_data": "x" * 65536, "volumes": [volume], "ipv6": True}
    number = cloud.post("droplets", body)["droplet"]["id"]
    cloud.later(10)
    shown = cloud.get(f"droplets/{number}")["droplet"]
    assert shown["volume_ids"] == [volume]
    assert shown["networks"]["v6"][0]["ip_address"].startswith("2001:db8:")
    kept = cloud.simulator.snapshot("first")["droplets"][0]
    assert (kept["ssh_keys"], len(kept["user_data"])) == ([key["fingerprint"]], 65536)
    assert "another" not in cloud.refused({"volumes": [volume]})


def test_a_droplet_without_public_networking_has_a_private_address_only(cloud: Cloud) -> None:
    number = cloud.post("droplets", {**DROPLET, "public_networking": False})["droplet"]["id"]
    cloud.later(10)
    assert kinds_of_address(cloud.get(f"droplets/{number}")["droplet"]) == ["private"]


def test_all_with_a_tag_are_destroyed_at_once(cloud: Cloud) -> None:
    cloud.post("droplets", {**DROPLET, "names": ["a", "b"], "tags": ["web"]})
    cloud.post("droplets", DROPLET)
    assert cloud.ask("DELETE", "droplets").status_code == 422
    assert cloud.ask("DELETE", "droplets?tag_name=web").status_code == 204
    assert cloud.simulator.inventory("first")["droplets"] == 1
    cloud.later(10)
    statuses = [action["status"] for action in cloud.get("actions")["actions"]]
    assert sorted(statuses) == ["completed", "errored", "errored"]


def test_a_droplet_is_changed_by_actions_that_take_their_time(cloud: Cloud) -> None:
    number = cloud.post("droplets", DROPLET)["droplet"]["id"]
    path = f"droplets/{number}"
    assert cloud.ask("POST", f"{path}/actions", {"type": "power_off"}).json()["message"] == (
        "Droplet already has a pending event."
    )
    cloud.later(10)
    for doing, expected in (
        ({"type": "power_off"}, {"status": "off"}),
        ({"type": "resize", "size": "s-2vcpu-2gb"}, {"vcpus": 2, "disk": 25}),
        ({"type": "resize", "size": "s-2vcpu-4gb", "disk": True}, {"memory": 4096, "disk": 80}),
        ({"type": "power_on"}, {"status": "active"}),
        ({"type": "rename", "name": "other"}, {"name": "other"}),
        ({"type": "reboot"}, {"status": "active"}),
    ):
        action = cloud.post(f"{path}/actions", doing)["action"]
        assert (action["status"], action["resource_id"]) == ("in-progress", number)
        assert cloud.get(path)["droplet"]["locked"]
        cloud.later(4)
        shown = cloud.get(path)["droplet"]
        assert {name: shown[name] for name in expected} == expected
        assert cloud.get(f"{path}/actions/{action['id']}")["action"]["status"] == "completed"
    assert cloud.get(f"{path}/actions")["meta"]["total"] == 7
    assert cloud.ask("GET", f"{path}/actions/5").status_code == 404


@pytest.mark.parametrize(
    "doing",
    [
        {"type": "power_on"},
        {"type": "resize", "size": "s-2vcpu-4gb"},  # it is not powered off
        {"type": "resize", "size": "none"},
        {"type": "resize", "size": "so-2vcpu-16gb-none"},
        {"type": "rebuild", "image": "none"},
        {"type": "dance"},
        {},
    ],
)
def test_what_can_not_be_done_to_a_running_droplet_is_refused(cloud: Cloud, doing: object) -> None:
    number = cloud.post("droplets", DROPLET)["droplet"]["id"]
    cloud.later(10)
    assert cloud.ask("POST", f"droplets/{number}/actions", doing).status_code == 422


@pytest.mark.parametrize(
    "doing",
    [
        {"type": "power_off"},
        {"type": "reboot"},
        {"type": "resize", "size": "s-1vcpu-2gb"},  # what it has
        {"type": "resize", "size": "s-1vcpu-1gb"},  # a smaller disk
        {"type": "resize", "size": "m-4vcpu-32gb"},  # sold out
    ],
)
def test_what_can_not_be_done_to_a_stopped_droplet_is_refused(cloud: Cloud, doing: object) -> None:
    number = cloud.post("droplets", {**DROPLET, "size": "s-1vcpu-2gb"})["droplet"]["id"]
    cloud.later(10)
    cloud.post(f"droplets/{number}/actions", {"type": "power_off"})
    cloud.later(4)
    assert cloud.ask("POST", f"droplets/{number}/actions", doing).status_code == 422


def test_tags_put_on_while_an_action_goes_on_stay(cloud: Cloud) -> None:
    number = cloud.post("droplets", DROPLET)["droplet"]["id"]
    cloud.later(10)
    cloud.post(f"droplets/{number}/actions", {"type": "reboot"})
    cloud.post("tags", {"name": "late"})
    named = {"resources": [{"resource_id": str(number), "resource_type": "droplet"}]}
    assert cloud.ask("POST", "tags/late/resources", named).status_code == 204
    cloud.later(4)
    assert cloud.get(f"droplets/{number}")["droplet"]["tags"] == ["late"]


def test_an_address_is_given_out_again_only_after_all_others(cloud: Cloud) -> None:
    seen = []
    for _ in range(3):
        number = cloud.post("droplets", DROPLET)["droplet"]["id"]
        cloud.later(10)
        v4 = cloud.get(f"droplets/{number}")["droplet"]["networks"]["v4"]
        seen.append(v4[0]["ip_address"])
        assert v4[1]["ip_address"] == "10.100.0.2"
        cloud.ask("DELETE", f"droplets/{number}")
    assert seen == ["203.0.113.2", "203.0.113.3", "203.0.113.4"]
