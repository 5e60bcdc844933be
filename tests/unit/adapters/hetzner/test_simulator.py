"""The simulator by itself: what it does where the contract and the description do not look."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
import requests

from kubisnap.adapters.hetzner.simulator import FaultRule, HetznerSimulator
from kubisnap.adapters.hetzner.simulator.__main__ import main
from kubisnap.adapters.hetzner.simulator.routing import selected
from kubisnap.adapters.hetzner.simulator.wire import ApiError
from kubisnap.adapters.testing import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def simulator(clock: ManualClock) -> Iterator[HetznerSimulator]:
    with HetznerSimulator(projects={"one": "token"}, now=clock.now, hourly_limit=60) as simulator:
        yield simulator


def ask(simulator: HetznerSimulator, method: str, path: str, body: Any = None) -> requests.Response:
    headers = {"Authorization": "Bearer token"}
    return requests.request(method, simulator.url + path, json=body, headers=headers, timeout=10)


def order(simulator: HetznerSimulator, **more: Any) -> requests.Response:
    body = {"name": "node", "location": "fsn1", "server_type": "cx23", "image": "debian-13"}
    return ask(simulator, "POST", "/servers", {**body, **more})


def test_inventory_snapshot_and_wipe(simulator: HetznerSimulator) -> None:
    assert order(simulator).status_code == 201
    assert simulator.inventory("one")["servers"] == 1
    assert simulator.snapshot("one")["servers"][0]["name"] == "node"
    simulator.wipe("one")
    assert set(simulator.inventory("one").values()) == {0}
    with pytest.raises(KeyError):
        simulator.inventory("nobody's")


def test_a_name_and_a_token_are_used_once(simulator: HetznerSimulator) -> None:
    for name, token in (("one", "new"), ("new", "token"), ("", "x"), ("x", "")):
        with pytest.raises(ValueError, match="new"):
            simulator.add_project(name, token)
    with pytest.raises(ValueError, match="new"):
        simulator.add_token("one", "token")


def test_started_again_it_is_where_it_was_with_all_it_knew(simulator: HetznerSimulator) -> None:
    url = simulator.url
    order(simulator)
    simulator.stop()
    simulator.stop()
    with pytest.raises(RuntimeError):
        _ = simulator.url
    simulator.start()
    assert simulator.url == url
    assert simulator.inventory("one")["servers"] == 1


def test_requests_come_back_second_by_second(simulator: HetznerSimulator, clock: ManualClock) -> None:
    statuses = {ask(simulator, "GET", "/locations").status_code for _ in range(60)}
    refused = ask(simulator, "GET", "/locations")
    assert (statuses, refused.status_code) == ({200}, 429)
    assert refused.json()["error"]["code"] == "rate_limit_exceeded"
    clock.sleep(60)
    again = ask(simulator, "GET", "/locations")
    assert (again.status_code, again.headers["RateLimit-Remaining"]) == (200, "0")


def test_a_network_that_is_removed_lets_go_of_what_is_in_it(simulator: HetznerSimulator) -> None:
    """As the description says; clients have to look first."""
    subnet = {"type": "cloud", "ip_range": "10.1.0.0/24", "network_zone": "eu-central"}
    made = ask(simulator, "POST", "/networks", {"name": "n", "ip_range": "10.1.0.0/16", "subnets": [subnet]})
    number = made.json()["network"]["id"]
    server = order(simulator, networks=[number]).json()["server"]
    assert server["private_net"][0]["ip"] == "10.1.0.2"
    assert ask(simulator, "DELETE", f"/networks/{number}").status_code == 204
    assert ask(simulator, "GET", f"/servers/{server['id']}").json()["server"]["private_net"] == []


def test_a_network_without_a_subnet_holds_no_server(simulator: HetznerSimulator) -> None:
    made = ask(simulator, "POST", "/networks", {"name": "n", "ip_range": "10.1.0.0/16"})
    refused = order(simulator, networks=[made.json()["network"]["id"]])
    assert refused.json()["error"]["code"] == "no_subnet_available"


@pytest.mark.parametrize(
    ("selector", "holds"),
    [
        ("", True),
        ("a", True),
        ("!a", False),
        ("b", False),
        ("!b", True),
        ("a=1", True),
        ("a==1", True),
        ("a!=1", False),
        ("b!=1", True),
        ("a=1,b=1", False),
        (" a = 1 , c= ", True),
    ],
)
def test_a_selector_selects(selector: str, *, holds: bool) -> None:
    assert selected(selector, {"a": "1", "c": ""}) is holds


def test_a_selector_that_is_none_is_refused() -> None:
    with pytest.raises(ApiError):
        selected("a in (1,2)", {})


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/nothing", None, 404),
        ("PATCH", "/servers", None, 405),
        ("GET", "/servers?page=0", None, 422),
        ("GET", "/servers?label_selector=%28", None, 422),
        ("GET", "/actions", None, 422),
        ("GET", "/actions/1", None, 404),
        ("POST", "/servers", {"name": "x", "location": 7}, 422),
        ("POST", "/ssh_keys", {"name": "-", "public_key": "x"}, 422),
        ("POST", "/networks", {"name": "n", "ip_range": "10.0.0.1/8"}, 422),
        ("POST", "/networks", {"name": "n", "ip_range": "10.0.0.0/25"}, 422),
        ("POST", "/networks", {"name": "n", "ip_range": "10.0.0.0/16", "subnets": [{}]}, 422),
        ("POST", "/firewalls", {"name": "f", "rules": [{"direction": "in"}]}, 422),
        ("POST", "/firewalls", {"name": "f", "apply_to": [{"type": "moon"}]}, 422),
        ("POST", "/firewalls", {"name": "f", "labels": {"a b": "c"}}, 422),
        ("POST", "/volumes", {"name": "v", "location": "fsn1", "size": True}, 422),
        ("POST", "/load_balancers", {"name": "l", "location": "fsn1", "load_balancer_type": "lb99"}, 422),
        ("POST", "/floating_ips", {"name": "f", "home_location": "fsn1", "type": "ipv6"}, 422),
    ],
)
def test_nonsense_is_refused(
    simulator: HetznerSimulator, method: str, path: str, body: Any, status: int
) -> None:
    answer = ask(simulator, method, path, body)
    assert answer.status_code == status
    assert answer.json()["error"]["code"]


def test_broken_json_is_refused(simulator: HetznerSimulator) -> None:
    for data in (b"{", b"[]", b"[" * 100_000):
        answer = requests.post(
            f"{simulator.url}/servers", data=data, headers={"Authorization": "Bearer token"}, timeout=10
        )
        assert answer.json()["error"]["code"] == "json_error"


def test_faults_come_on_order(simulator: HetznerSimulator) -> None:
    simulator.inject(FaultRule(action="status", status=503, body="<html>", path="servers", times=1))
    assert ask(simulator, "GET", "/servers").text == "<html>"
    assert simulator.faults[0].hit == 1
    simulator.clear_faults()
    for action in ("reset", "lose_answer"):
        simulator.inject(FaultRule(action=action, method="POST", path="servers", times=1))
        with pytest.raises(requests.ConnectionError):
            order(simulator)
        simulator.clear_faults()
    assert simulator.inventory("one")["servers"] == 1
    assert [item.fault for item in simulator.exchanges if item.answer is None] == ["reset", "lose_answer"]


def test_a_request_that_hangs_is_let_go_when_it_stops(simulator: HetznerSimulator) -> None:
    simulator.inject(FaultRule(action="hang", path="servers"))
    ended: SimpleQueue[bool] = SimpleQueue()

    def wait() -> None:
        try:
            ask(simulator, "GET", "/servers")
        except requests.ConnectionError:
            ended.put(True)

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not simulator.faults[0].hit:
        pass
    simulator.stop()
    waiting.join(5)
    assert ended.get(timeout=5)


def test_it_runs_by_itself_until_it_is_told_to_stop(capsys: pytest.CaptureFixture[str]) -> None:
    stop: SimpleQueue[None] = SimpleQueue()
    stop.put(None)
    assert main(["--port", "0", "--project", "mine=my-token"], stop=stop) == 0
    told = capsys.readouterr().out
    assert "nothing here is real" in told
    assert "export HCLOUD_TOKEN=my-token  # project 'mine'" in told
    assert "export HCLOUD_ENDPOINT=http://127.0.0.1:" in told


def test_a_port_in_use_is_said_to_be(simulator: HetznerSimulator, capsys: pytest.CaptureFixture[str]) -> None:
    port = simulator.url.rpartition(":")[2].partition("/")[0]
    assert main(["--port", port]) == 1
    assert "can not listen" in capsys.readouterr().err


def test_a_project_is_written_with_its_token(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--project", "mine"])
    assert "NAME=TOKEN" in capsys.readouterr().err


def test_ctrl_c_ends_it() -> None:
    command = [sys.executable, "-m", "kubisnap.adapters.hetzner.simulator", "--port", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[4]
    ) as process:
        assert process.stdout is not None
        while "HCLOUD_TOKEN" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "all it held is gone" in rest
