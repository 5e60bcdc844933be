"""The account: what it is, what it may do, and what is not its own."""

import pytest

from kubisnap.engine.domain.resources import Key, Kind, Server
from kubisnap.engine.errors import Denied, Rejected
from kubisnap.engine.ports import Cloud, Room
from tests.unit.adapters.openstack.asking import (
    COMPUTE,
    IDS,
    NETWORK,
    SERVER,
    SUBNET,
    asked,
    once,
    wanted,
)
from tests.unit.adapters.openstack.life import RESOURCES, request_for
from tests.unit.adapters.openstack.replay import PROJECT, Replay


def quotas(server: Replay) -> None:
    server.services = ("compute", "network", "image")
    absolute = {"maxTotalInstances": 10, "totalInstancesUsed": 3, "maxTotalCores": -1, "totalCoresUsed": 4}
    details = {"router": {"limit": 5, "used": 1, "reserved": 1}, "network": {"limit": -1, "used": 0}}
    server.answers |= {
        f"GET {COMPUTE}/limits": once({"limits": {"absolute": absolute}}),
        f"GET {NETWORK}/quotas/{PROJECT}/details.json": once({"quota": details}),
    }


def test_quotas_without_a_limit_are_no_rooms(server: Replay, cloud: Cloud) -> None:
    quotas(server)
    assert cloud.allowance("RegionOne").rooms == {
        "server": Room(limit=10, used=3),
        "network": Room(limit=5, used=2),
    }


def test_who_only_reads_is_told_so(server: Replay, cloud: Cloud) -> None:
    quotas(server)
    server.roles = ("reader",)
    (denied,) = cloud.allowance("RegionOne").denied
    assert "reader" in denied


def test_quotas_that_may_not_be_asked_are_unasked(server: Replay, cloud: Cloud) -> None:
    quotas(server)
    refused = {"NeutronError": {"type": "AdminRequired", "message": "no"}}
    server.trouble("/quotas/", 403, refused)
    found = cloud.allowance("RegionOne")
    assert "Neutron" in found.unasked[0]
    assert set(found.rooms) == {"server"}
    server.trouble("/limits", 401, {"error": {"message": "no"}}, times=9)
    with pytest.raises(Denied):
        cloud.allowance("RegionOne")


def test_an_account_is_a_project_in_a_region(server: Replay, cloud: Cloud) -> None:
    """What it holds elsewhere is not seen, and must not be taken for gone."""
    quotas(server)
    account = cloud.account()
    assert account.id == f"{PROJECT}/RegionOne"
    assert account.title.startswith("demo@127.0.0.1:")


def test_another_region_is_not_here(server: Replay, cloud: Cloud) -> None:
    with pytest.raises(Rejected):
        cloud.allowance("RegionTwo")
    with pytest.raises(Rejected):
        cloud.create(wanted(Key(Kind.NETWORK, "main"), region="RegionTwo"))
    assert asked(server) == []


def test_what_it_is_asked_for_must_be_of_the_kind(cloud: Cloud) -> None:
    server = dict(RESOURCES)[SERVER]
    assert isinstance(server, Server)
    with pytest.raises(Rejected):
        cloud.create(request_for(Key(Kind.VOLUME, "data"), server, IDS))
    with pytest.raises(Rejected):
        cloud.update(wanted(SERVER), "v1", frozenset({"size"}))
    with pytest.raises(Rejected):
        cloud.create(request_for(SUBNET, dict(RESOURCES)[SUBNET], {}))
