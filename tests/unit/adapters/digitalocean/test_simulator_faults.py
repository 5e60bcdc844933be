"""Faults on order, and what they and their like must not do to the server."""

import re
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator, FaultRule

DROPLET = {"name": "node", "region": "fra1", "size": "s-1vcpu-1gb", "image": "ubuntu-24-04-x64"}


class Clock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.seconds = 1_700_000_000.0

    def __call__(self) -> float:
        return self.seconds


class Client(requests.Session):
    """A session that knows where the simulator is and has a token."""

    def __init__(self, cloud: DigitalOceanSimulator, token: str = "one") -> None:
        super().__init__()
        self.root = cloud.endpoint
        self.headers["Authorization"] = f"Bearer {token}"

    def ask(self, method: str, path: str, body: object = None) -> requests.Response:
        return self.request(method, self.root + path, json=body, timeout=30)

    def json(self, method: str, path: str, body: object = None) -> Any:
        answer = self.ask(method, path, body)
        assert answer.ok, answer.text
        return answer.json()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cloud(clock: Clock) -> Iterator[DigitalOceanSimulator]:
    with DigitalOceanSimulator(accounts={"first": "one", "second": "two"}, now=clock) as cloud:
        yield cloud


@pytest.fixture
def client(cloud: DigitalOceanSimulator) -> Iterator[Client]:
    with Client(cloud) as client:
        yield client


def test_a_status_fault_answers_without_doing_anything(cloud: DigitalOceanSimulator, client: Client) -> None:
    cloud.inject(FaultRule(action="status", method="POST", path="droplets", status=503, times=1))
    assert client.ask("POST", "/v2/droplets", DROPLET).status_code == 503
    assert cloud.inventory("first")["droplets"] == 0
    assert client.ask("POST", "/v2/droplets", DROPLET).status_code == 202


def test_a_fault_can_answer_with_any_body_and_headers(cloud: DigitalOceanSimulator, client: Client) -> None:
    cloud.inject(FaultRule(action="status", status=502, body="<html>bad gateway</html>", times=1))
    page = client.ask("GET", "/v2/account")
    assert (page.status_code, page.text) == (502, "<html>bad gateway</html>")
    assert page.headers["content-type"].startswith("text/html")
    cloud.clear_faults()
    busy = {"id": "busy", "message": "later"}
    cloud.inject(FaultRule(action="status", status=429, body=busy, headers={"retry-after": "7"}))
    answer = client.ask("GET", "/v2/account")
    assert answer.json() == {**busy, "request_id": answer.headers["x-request-id"]}
    assert answer.headers["retry-after"] == "7"


def test_a_reset_does_nothing_and_a_lost_answer_does_it_all(
    cloud: DigitalOceanSimulator, client: Client
) -> None:
    cloud.inject(FaultRule(action="reset", method="POST", times=1))
    with pytest.raises(requests.ConnectionError):
        client.ask("POST", "/v2/droplets", DROPLET)
    assert cloud.inventory("first")["droplets"] == 0
    cloud.inject(FaultRule(action="lose_answer", method="POST", times=1))
    with pytest.raises(requests.ConnectionError):
        client.ask("POST", "/v2/droplets", DROPLET)
    assert cloud.inventory("first")["droplets"] == 1
    assert [(record.status, record.fault) for record in cloud.requests] == [(0, "reset"), (0, "lose_answer")]


def test_the_answer_that_is_lost_may_be_a_refusal(cloud: DigitalOceanSimulator, client: Client) -> None:
    cloud.inject(FaultRule(action="lose_answer", times=1))
    with pytest.raises(requests.ConnectionError):
        client.ask("GET", "/v2/droplets/5")


def statuses(client: Client, count: int) -> list[int]:
    return [client.ask("GET", "/v2/account").status_code for _ in range(count)]


def test_faults_hit_the_matches_they_are_told_to(cloud: DigitalOceanSimulator, client: Client) -> None:
    cloud.inject(FaultRule(action="status", after=1, every=2, times=2))
    assert statuses(client, 7) == [200, 200, 500, 200, 500, 200, 200]
    assert [(count.matched, count.hit) for count in cloud.faults] == [(7, 2)]
    cloud.clear_faults()
    cloud.inject(FaultRule(action="status", nth=3))
    assert statuses(client, 4) == [200, 200, 500, 200]
    cloud.clear_faults()
    cloud.inject(FaultRule(action="status", account="second"))
    assert statuses(client, 1) == [200]


def test_a_path_pattern_fits_the_whole_path(cloud: DigitalOceanSimulator, client: Client) -> None:
    cloud.inject(FaultRule(action="status", path="droplets"))
    cloud.inject(FaultRule(action="status", path="/v2/droplets/[0-9]+", status=418))
    assert client.ask("GET", "/v2/droplets").status_code == 500
    assert client.ask("GET", "/v2/droplets/5").status_code == 418
    assert client.ask("GET", "/v2/droplets/5/actions").status_code == 404


def test_an_error_can_wait_on_a_later_page(cloud: DigitalOceanSimulator, client: Client) -> None:
    cloud.inject(FaultRule(action="error_on_page", path="sizes", page=2, status=500, times=1))
    assert client.ask("GET", "/v2/sizes").status_code == 200
    assert client.ask("GET", "/v2/sizes?page=2").status_code == 500
    assert client.ask("GET", "/v2/sizes?page=2").status_code == 200


def test_a_quota_fault_refuses_creations_only(cloud: DigitalOceanSimulator, client: Client) -> None:
    cloud.inject(FaultRule(action="quota", path="droplets.*"))
    assert client.ask("GET", "/v2/droplets").status_code == 200
    assert client.ask("POST", "/v2/droplets/5/actions", {"type": "reboot"}).status_code == 404
    refused = client.ask("POST", "/v2/droplets", DROPLET)
    assert refused.status_code == 422
    assert refused.json()["message"] == "creating this/these droplet(s) will exceed your droplet limit"


def test_a_hanging_request_goes_on_when_faults_are_cleared(
    cloud: DigitalOceanSimulator, client: Client
) -> None:
    cloud.inject(FaultRule(action="hang", seconds=3600))
    answers: list[int] = []
    asking = threading.Thread(target=lambda: answers.append(client.ask("GET", "/v2/account").status_code))
    asking.start()
    wait_for_hit(cloud)
    cloud.clear_faults()
    asking.join()
    assert answers == [200]


def wait_for_hit(cloud: DigitalOceanSimulator) -> None:
    tick = threading.Event()
    while not any(count.hit for count in cloud.faults):
        tick.wait(0.005)


def test_the_server_stops_promptly_with_requests_hanging_and_clients_idle(clock: Clock) -> None:
    cloud = DigitalOceanSimulator(accounts={"first": "one"}, now=clock)
    cloud.start()
    failures: list[type] = []
    with Client(cloud) as idle, Client(cloud) as hanging:
        idle.ask("GET", "/v2/account")  # and the connection stays open
        cloud.inject(FaultRule(action="hang", seconds=3600))

        def ask() -> None:
            try:
                hanging.ask("GET", "/v2/account")
            except requests.ConnectionError as error:
                failures.append(type(error))

        asking = threading.Thread(target=ask)
        asking.start()
        wait_for_hit(cloud)
        cloud.stop()
        asking.join()
    assert failures == [requests.ConnectionError]
    assert not [thread for thread in threading.enumerate() if "simulator" in thread.name]
    cloud.stop()  # a second time is no matter
    with pytest.raises(RuntimeError):
        _ = cloud.url


def test_clients_that_go_away_in_the_middle_do_no_harm(
    cloud: DigitalOceanSimulator, client: Client, capfd: pytest.CaptureFixture[str]
) -> None:
    cloud.inject(FaultRule(action="hang", seconds=3600, times=1))
    with socket.create_connection(("127.0.0.1", cloud.port)) as impatient:
        impatient.sendall(b"GET /v2/sizes HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer one\r\n\r\n")
        wait_for_hit(cloud)
    with socket.create_connection(("127.0.0.1", cloud.port)) as half:
        half.sendall(b"POST /v2/droplets HTTP/1.1\r\nHost: here\r\nContent-Length: 500\r\n\r\nhalf")
    cloud.clear_faults()
    assert client.ask("GET", "/v2/account").status_code == 200
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "header", ["Content-Length: many", "Transfer-Encoding: chunked", "Content-Length: 99999999"]
)
def test_bodies_without_a_sensible_length_are_refused(cloud: DigitalOceanSimulator, header: str) -> None:
    with socket.create_connection(("127.0.0.1", cloud.port)) as raw:
        raw.sendall(f"POST /v2/droplets HTTP/1.1\r\nHost: here\r\n{header}\r\n\r\n".encode())
        status = int(raw.makefile("rb").readline().split()[1])
    assert status in {411, 413}


def test_faults_come_and_go_over_http(cloud: DigitalOceanSimulator, client: Client) -> None:
    rules = {
        "rules": [
            {"action": "status", "path": "account", "status": 500, "times": 1},
            {"action": "reset", "method": "put"},
        ]
    }
    assert client.ask("POST", "/simulator/faults", rules).status_code == 201
    assert statuses(client, 2) == [500, 200]
    counts = client.json("GET", "/simulator/faults")["faults"]
    assert [(count["matched"], count["hit"]) for count in counts] == [(2, 1), (0, 0)]
    assert counts[1]["rule"]["method"] == "PUT"
    assert client.ask("DELETE", "/simulator/faults").status_code == 204
    assert cloud.faults == ()


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"action": "explode"},
        {"action": "status", "path": "("},
        {"action": "status", "colour": "red"},
        {"action": "status", "every": 0},
        {"action": "hang", "seconds": "long"},
        {"action": "status", "body": 5},
        {"action": "status", "account": 5},
    ],
)
def test_a_fault_rule_that_makes_no_sense_is_refused_whole(client: Client, rule: dict[str, object]) -> None:
    body = {"rules": [{"action": "reset"}, rule]}
    assert client.ask("POST", "/simulator/faults", body).status_code == 422
    assert client.json("GET", "/simulator/faults")["faults"] == []


def test_a_pattern_that_is_none_fails_when_the_rule_is_made() -> None:
    with pytest.raises(re.error):
        FaultRule(action="reset", path="(")
