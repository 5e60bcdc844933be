"""The life of a small cluster, on what a real OpenStack once answered."""

import json
from typing import Any

import pytest

from kubisnap.adapters import openstack
from kubisnap.engine.domain.resources import Key, Kind
from kubisnap.engine.errors import Busy, Conflict, Denied, QuotaExceeded, Rejected, Unavailable
from kubisnap.engine.ports import Cloud, asked_before_sending
from tests.unit.adapters.openstack.life import RESOURCES, Life, request_for
from tests.unit.adapters.openstack.replay import PASSWORD, RECORDED, TOKEN, Replay, replay

SERVER = Key(Kind.SERVER, "workers-0")
BALANCER = Key(Kind.LOAD_BALANCER, "web")


@pytest.fixture
def server() -> Any:
    with replay() as serving:
        yield serving


@pytest.fixture
def cloud(server: Replay) -> Any:
    opened = openstack.factory(server.settings)
    yield opened
    opened.close()


def recorded() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(RECORDED.read_text())["told"]
    return told


def as_recorded(told: dict[str, Any]) -> dict[str, Any]:
    """Return what was told as it is in the file: JSON has no tuples, and the address differs."""
    read: dict[str, Any] = json.loads(json.dumps(told))
    read["account"].pop("title")
    return read


def test_it_is_seen_as_it_was_on_the_real_cloud(server: Replay, cloud: Cloud) -> None:
    """And every request has the path, the query and the body that the real one took."""
    told = Life(cloud, lambda: None).play()
    assert server.strange == []
    expected = recorded()
    expected["account"].pop("title")
    assert as_recorded(told) == expected


def test_nothing_that_was_recorded_is_secret() -> None:
    text = RECORDED.read_text()
    assert "adminPass" not in text
    assert "X-Subject-Token" not in text


@pytest.mark.parametrize("kind", sorted(Kind))
def test_what_may_no_longer_be_sent_is_not(server: Replay, cloud: Cloud, kind: Kind) -> None:
    """Asked right before the bytes leave: of a whole life only questions come through."""

    class NoLongerError(Exception):
        pass

    def no_longer() -> None:
        raise NoLongerError

    life = Life(cloud, lambda: None)
    key, resource = next(item for item in RESOURCES if item[0].kind is kind)
    life.play_until(key)
    before = [asked for asked in server.asked if not asked.startswith("GET")]
    with pytest.raises(NoLongerError), asked_before_sending(no_longer):
        cloud.create(request_for(key, resource, life.ids))
    assert [asked for asked in server.asked if not asked.startswith("GET")] == before


def test_no_server_for_want_of_room_is_a_quota(server: Replay, cloud: Cloud) -> None:
    life = Life(cloud, lambda: None)
    life.play_until(SERVER)
    told = {"forbidden": {"code": 403, "message": "Quota exceeded for instances: Requested 1, but ..."}}
    server.trouble("POST /compute/v2.1/servers", 403, told)
    with pytest.raises(QuotaExceeded):
        cloud.create(request_for(SERVER, dict(RESOURCES)[SERVER], life.ids))


def test_a_server_that_found_no_host_says_why(server: Replay, cloud: Cloud) -> None:
    life = Life(cloud, lambda: None)
    life.play_until(SERVER)
    accepted = cloud.create(request_for(SERVER, dict(RESOURCES)[SERVER], life.ids))
    failed = {
        "server": {
            "id": accepted.id,
            "name": "web-workers-0-7f3a9c21",
            "status": "ERROR",
            "image": "",
            "fault": {"code": 500, "message": "No valid host was found. "},
        }
    }
    server.trouble("GET /compute/v2.1/servers/", 200, failed)
    with pytest.raises(Rejected) as caught:
        cloud.ready(Kind.SERVER, accepted)
    assert "No valid host was found." in str(caught.value)


def test_user_data_is_not_told_by_a_refusal(server: Replay, cloud: Cloud) -> None:
    """Nova quotes what it does not like."""
    life = Life(cloud, lambda: None)
    life.play_until(SERVER)
    data = "IyEvYmluL3NoCmVjaG8gaGVsbG8K"
    told = {"badRequest": {"code": 400, "message": f"Invalid input for field user_data. Value: {data}"}}
    server.trouble("POST /compute/v2.1/servers", 400, told)
    with pytest.raises(Rejected) as caught:
        cloud.create(request_for(SERVER, dict(RESOURCES)[SERVER], life.ids))
    assert data not in str(caught.value)
    assert "***" in str(caught.value)


@pytest.mark.parametrize("step", ["/networks", "/subnets", "/routers/.*/add_router_interface"])
def test_a_subnet_is_gone_on_with_where_it_broke_off(server: Replay, cloud: Cloud, step: str) -> None:
    key = Key(Kind.SUBNET, "nodes")
    life = Life(cloud, lambda: None)
    life.play_until(key)
    server.trouble(f"(POST|PUT) /network/v2.0{step}", 503, b"<html>later</html>")
    with pytest.raises(Unavailable) as caught:
        cloud.create(request_for(key, dict(RESOURCES)[key], life.ids))
    assert caught.value.ambiguous


def test_a_load_balancer_at_work_is_busy(server: Replay, cloud: Cloud) -> None:
    life = Life(cloud, lambda: None)
    life.play_until(BALANCER)
    with pytest.raises(Busy) as caught:
        cloud.create(request_for(BALANCER, dict(RESOURCES)[BALANCER], life.ids))
    assert caught.value.ambiguous, "something is there"
    assert isinstance(caught.value, Conflict)


def test_a_token_that_ran_out_is_asked_for_again(server: Replay, cloud: Cloud) -> None:
    cloud.account()
    server.trouble("GET /compute/v2.1/limits", 401, {"error": {"code": 401, "message": "expired"}})
    cloud.account()
    assert server.asked.count("POST /identity/v3/auth/tokens") == 2


def test_a_token_that_is_never_good_is_denied_and_not_shown(server: Replay, cloud: Cloud) -> None:
    told = {"error": {"code": 401, "message": f"{TOKEN} of {PASSWORD} is not good"}}
    server.trouble("GET /compute/v2.1/limits", 401, told, times=9)
    with pytest.raises(Denied) as caught:
        cloud.account()
    assert TOKEN not in str(caught.value)
    assert PASSWORD not in str(caught.value)
