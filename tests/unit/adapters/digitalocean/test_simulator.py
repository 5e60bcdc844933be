"""The simulator as a server: tokens, limits, faults, accounts, and how it starts and stops."""

import ast
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from kubisnap.adapters.digitalocean import simulator as package
from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator

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


# Answers in general


def test_it_says_on_every_answer_that_it_is_a_simulator(client: Client) -> None:
    for path in ("/v2/account", "/v2/nothing", "/simulator", "/simulator/nothing"):
        assert client.ask("GET", path).headers["Server"] == "kubisnap-digitalocean-simulator"


def test_the_face_is_what_the_package_says_it_is() -> None:
    assert all(hasattr(package, name) for name in package.__all__)
    assert "simulator" in (DigitalOceanSimulator.__doc__ or "")


@pytest.mark.parametrize("header", [None, "Bearer nobody", "Bearer", "Basic one", ""])
def test_without_a_known_token_nothing_is_answered(cloud: DigitalOceanSimulator, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = requests.get(cloud.url + "account", headers=headers, timeout=30)
    assert answer.status_code == 401
    assert answer.json()["id"] == "Unauthorized"
    assert answer.json()["message"] == "Unable to authenticate you"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "ratelimit-reset" in answer.headers


def test_a_path_that_does_not_exist_is_404_and_a_wrong_method_405(client: Client) -> None:
    assert client.ask("GET", "/v2/kittens").json()["id"] == "not_found"
    assert client.ask("GET", "/v2/droplets/12345").status_code == 404
    assert client.ask("PATCH", "/v2/regions").status_code == 405


@pytest.mark.parametrize("body", [b"{", b"[1]", b"\xff\xfe", b'"text"'])
def test_a_body_that_is_no_json_object_is_400(client: Client, body: bytes) -> None:
    answer = client.post(client.root + "/v2/droplets", data=body, timeout=30)
    assert (answer.status_code, answer.json()["message"]) == (400, "error parsing request body")


def test_a_slash_at_the_end_and_a_body_with_delete_are_no_matter(client: Client) -> None:
    number = client.json("POST", "/v2/droplets/", DROPLET)["droplet"]["id"]
    assert client.json("GET", "/v2/droplets/")["meta"]["total"] == 1
    assert client.ask("DELETE", f"/v2/droplets/{number}/", {}).status_code == 204
    assert client.ask("DELETE", "/v2/droplets?tag_name=none", {"x": 1}).status_code == 204


def test_pages_link_to_each_other_at_the_host_that_was_asked(client: Client) -> None:
    first = client.json("GET", "/v2/sizes?per_page=8")
    pages = first["links"]["pages"]
    assert set(pages) == {"next", "last"}
    assert pages["next"] == f"{client.root}/v2/sizes?per_page=8&page=2"
    slugs = [size["slug"] for size in first["sizes"]]
    while "next" in pages:
        following = client.get(pages["next"], timeout=30).json()
        slugs += [size["slug"] for size in following["sizes"]]
        pages = following["links"]["pages"]
    assert set(pages) == {"first", "prev"}
    assert len(slugs) == len(set(slugs)) == first["meta"]["total"]
    assert client.json("GET", "/v2/sizes?per_page=200")["links"] == {}
    assert client.json("GET", "/v2/sizes?page=99")["sizes"] == []
    assert client.ask("GET", "/v2/sizes?page=two").status_code == 400


def test_the_same_requests_give_the_same_identifiers(clock: Clock) -> None:
    def run(seed: int) -> Any:
        with (
            DigitalOceanSimulator(accounts={"first": "one"}, now=clock, seed=seed) as cloud,
            Client(cloud) as client,
        ):
            client.json("POST", "/v2/vpcs", {"name": "net", "region": "fra1"})
            client.json("POST", "/v2/droplets", DROPLET)
            return cloud.snapshot("first")

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_accounts_do_not_see_each_other(cloud: DigitalOceanSimulator, client: Client) -> None:
    number = client.json("POST", "/v2/droplets", DROPLET)["droplet"]["id"]
    with Client(cloud, "two") as other:
        assert other.json("GET", "/v2/droplets")["meta"]["total"] == 0
        assert other.ask("GET", f"/v2/droplets/{number}").status_code == 404
        assert other.ask("DELETE", f"/v2/droplets/{number}").status_code == 404
        assert other.json("GET", "/v2/account")["account"]["name"] == "second"


def test_many_clients_at_once_get_a_droplet_each(clock: Clock) -> None:
    with DigitalOceanSimulator(now=clock, burst_limit=None) as cloud:
        cloud.add_account("first", "one", droplet_limit=30)
        statuses: list[int] = []

        def order() -> None:
            with Client(cloud) as client:
                statuses.extend(client.ask("POST", "/v2/droplets", DROPLET).status_code for _ in range(5))

        threads = [threading.Thread(target=order) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [202] * 30 + [422] * 10
        droplets = cloud.snapshot("first")["droplets"]
        assert len({droplet["private_ip"] for droplet in droplets}) == 30
        assert len({droplet["public_ip"] for droplet in droplets}) == 30


# Limits


def test_a_burst_is_refused_with_the_seconds_to_wait(clock: Clock) -> None:
    with (
        DigitalOceanSimulator(accounts={"first": "one"}, now=clock, burst_limit=3) as cloud,
        Client(cloud) as client,
    ):
        for left in (4999, 4998, 4997):
            assert client.ask("GET", "/v2/account").headers["ratelimit-remaining"] == str(left)
            clock.seconds += 10
        refused = client.ask("GET", "/v2/account")
        assert refused.status_code == 429
        assert refused.json()["id"] == "too_many_requests"
        assert refused.json()["message"] == "API Rate limit exceeded."
        assert refused.headers["retry-after"] == "30"
        assert refused.headers["ratelimit-reset"] == str(1_700_003_600)
        clock.seconds += 30
        assert client.ask("GET", "/v2/account").status_code == 200


def test_the_hourly_limit_has_a_reset_and_no_retry_after(clock: Clock) -> None:
    with (
        DigitalOceanSimulator(accounts={"a": "one", "b": "two"}, now=clock, hourly_limit=2) as cloud,
        Client(cloud) as client,
    ):
        assert client.ask("GET", "/v2/account").headers["ratelimit-limit"] == "2"
        client.ask("GET", "/v2/account")
        refused = client.ask("GET", "/v2/account")
        assert refused.status_code == 429
        assert "retry-after" not in refused.headers
        assert refused.headers["ratelimit-remaining"] == "0"
        with Client(cloud, "two") as other:
            assert other.ask("GET", "/v2/account").status_code == 200
        clock.seconds = float(refused.headers["ratelimit-reset"])
        assert client.ask("GET", "/v2/account").status_code == 200


# Accounts and what is behind the scenes


def test_the_droplet_limit_can_be_changed_while_it_runs(cloud: DigitalOceanSimulator, client: Client) -> None:
    cloud.set_droplet_limit("first", 1)
    assert client.json("GET", "/v2/account")["account"]["droplet_limit"] == 1
    assert client.ask("POST", "/v2/droplets", {**DROPLET, "names": ["a", "b"]}).status_code == 422
    assert cloud.inventory("first")["droplets"] == 0
    assert client.ask("POST", "/v2/droplets", DROPLET).status_code == 202
    refused = client.ask("POST", "/v2/droplets", DROPLET).json()
    assert refused["id"] == "unprocessable_entity"
    assert refused["message"] == "creating this/these droplet(s) will exceed your droplet limit"


def test_a_wiped_account_has_nothing_left_and_the_others_everything(
    cloud: DigitalOceanSimulator, client: Client, clock: Clock
) -> None:
    client.json("POST", "/v2/droplets", {**DROPLET, "tags": ["x"]})
    client.json("POST", "/v2/volumes", {"name": "v", "region": "fra1", "size_gigabytes": 1})
    with Client(cloud, "two") as other:
        other.json("POST", "/v2/droplets", DROPLET)
    cloud.wipe("first")
    clock.seconds += 100  # what was under way then has nothing to act on any more
    assert set(cloud.inventory("first").values()) == {0}
    assert client.json("GET", "/v2/vpcs")["vpcs"] == []
    assert client.json("GET", "/v2/actions")["actions"] == []
    assert cloud.inventory("second")["droplets"] == 1
    assert client.ask("POST", "/v2/droplets", DROPLET).status_code == 202


def test_a_snapshot_is_the_same_again_when_all_that_was_made_is_gone(
    cloud: DigitalOceanSimulator, client: Client, clock: Clock
) -> None:
    client.json("POST", "/v2/droplets", {**DROPLET, "name": "old", "user_data": "#!/bin/sh"})
    clock.seconds += 10
    before = cloud.snapshot("first")
    assert before["droplets"][0]["user_data"] == "#!/bin/sh"
    assert json.loads(json.dumps(before)) == before
    number = client.json("POST", "/v2/droplets", {**DROPLET, "name": "new"})["droplet"]["id"]
    assert cloud.snapshot("first") != before
    client.ask("DELETE", f"/v2/droplets/{number}")
    assert cloud.snapshot("first") == before


def test_everything_can_be_done_over_http_too(cloud: DigitalOceanSimulator, client: Client) -> None:
    opened = client.ask(
        "POST", "/simulator/accounts", {"name": "third", "token": "three", "droplet_limit": 2}
    )
    assert opened.status_code == 201
    changed = client.json(
        "POST", "/simulator/accounts", {"name": "third", "burst_limit": 1, "hourly_limit": 9}
    )
    assert changed["account"]["droplet_limit"] == 2
    assert [account["name"] for account in client.json("GET", "/simulator/accounts")["accounts"]] == [
        "first",
        "second",
        "third",
    ]
    with Client(cloud, "three") as third:
        assert third.ask("POST", "/v2/droplets", DROPLET).status_code == 202
        assert third.ask("POST", "/v2/droplets", DROPLET).status_code == 429
    assert client.json("GET", "/simulator/accounts/third/inventory")["inventory"]["droplets"] == 1
    assert len(client.json("GET", "/simulator/accounts/three/snapshot")["snapshot"]["droplets"]) == 1
    assert client.ask("POST", "/simulator/accounts/three/wipe").status_code == 204
    assert cloud.inventory("third")["droplets"] == 0
    assert client.ask("POST", "/simulator/accounts/nobody/wipe").status_code == 404
    asked = client.json("GET", "/simulator/requests")["requests"]
    assert [(record["account"], record["method"], record["status"]) for record in asked] == [
        ("third", "POST", 202),
        ("third", "POST", 429),
    ]
    assert client.ask("DELETE", "/simulator/requests").status_code == 204
    assert cloud.requests == ()


def test_tokens_are_shown_nowhere(cloud: DigitalOceanSimulator) -> None:
    account = cloud.add_account("secretive", "hush-hush")
    with Client(cloud, "hush-hush") as client:
        client.ask("GET", "/v2/account")
        shown = [
            client.ask("GET", f"/simulator{path}").text for path in ("", "/accounts", "/requests", "/faults")
        ]
    shown += [repr(account), repr(cloud.requests), json.dumps(cloud.snapshot("secretive"))]
    assert not [text for text in shown if "hush-hush" in text]


def test_it_listens_on_loopback_only(cloud: DigitalOceanSimulator) -> None:
    assert urlsplit(cloud.url).hostname == "127.0.0.1"
    assert cloud.url == f"http://127.0.0.1:{cloud.port}/v2/"


def test_an_account_needs_a_name_and_a_token_of_its_own(client: Client) -> None:
    for name, token in (("fourth", "one"), ("fourth", "first"), ("fourth", ""), ("", "four")):
        assert client.ask("POST", "/simulator/accounts", {"name": name, "token": token}).status_code == 422


def test_started_again_it_is_where_it_was_with_all_it_knew(clock: Clock) -> None:
    cloud = DigitalOceanSimulator(accounts={"first": "one"}, now=clock)
    with cloud, Client(cloud) as client:
        number = client.json("POST", "/v2/droplets", DROPLET)["droplet"]["id"]
        url = cloud.url
    with pytest.raises(requests.ConnectionError):
        requests.get(url + "account", timeout=30)
    with cloud, Client(cloud) as client:
        assert cloud.url == url
        assert client.json("GET", f"/v2/droplets/{number}")["droplet"]["id"] == number


def test_it_needs_nothing_but_the_standard_library() -> None:
    folder = Path(package.__path__[0])
    imported = {
        name.partition(".")[0]
        for file in folder.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        for name in _absolute_imports(node)
    }
    assert imported - sys.stdlib_module_names == set()


def _absolute_imports(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) and node.level == 0 else []
