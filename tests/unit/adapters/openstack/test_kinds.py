"""Networks, servers and addresses: half made, in use, or not as they were asked for."""

from typing import Any

import pytest

from kubisnap.engine.domain.resources import Accepted, Key, Kind, Status
from kubisnap.engine.errors import Conflict, Unavailable
from kubisnap.engine.ports import Cloud
from tests.unit.adapters.openstack.asking import (
    COMPUTE,
    FIREWALL,
    IDS,
    MARKS,
    NETWORK,
    OURS,
    SERVER,
    SUBNET,
    asked,
    once,
    wanted,
)
from tests.unit.adapters.openstack.life import RESOURCES, request_for
from tests.unit.adapters.openstack.replay import Replay

JOINTS = "&".join(
    f"device_owner=network:{name}"
    for name in (
        "ha_router_replicated_interface",
        "router_interface",
        "router_interface_distributed",
    )
)


# Subnets


def half_a_subnet(server: Replay, *, ranges: list[Any], ports: list[Any]) -> None:
    network = {"id": "n1", "name": "web-nodes-7f3a9c21", "description": MARKS}
    server.answers |= {
        f"GET {NETWORK}/networks?name=web-nodes-7f3a9c21&{OURS}": once({"networks": [network]}),
        f"GET {NETWORK}/networks/n1": once({"network": network}),
        f"GET {NETWORK}/subnets?network_id=n1&{OURS}": once({"subnets": ranges}),
        f"GET {NETWORK}/ports?{JOINTS}&network_id=n1&{OURS}": once({"ports": ports}),
        f"POST {NETWORK}/subnets": once({"subnet": RANGE}, 201),
        f"PUT {NETWORK}/routers/{IDS[Key(Kind.NETWORK, 'main')]}/add_router_interface": once({}),
    }


RANGE = {"id": "s1", "network_id": "n1", "cidr": "10.77.4.0/24"}
JOINT = {"id": "p1", "network_id": "n1", "device_id": "r1", "device_owner": "network:router_interface"}


def test_a_subnet_without_its_joint_is_failed(server: Replay, cloud: Cloud) -> None:
    half_a_subnet(server, ranges=[RANGE], ports=[])
    seen = cloud.observe(Kind.SUBNET, "n1")
    assert seen is not None
    assert (seen.status, seen.properties) == (Status.FAILED, {"cidr": "10.77.4.0/24"})


@pytest.mark.parametrize(("ranges", "steps"), [([], 2), ([RANGE], 1)])
def test_a_subnet_is_gone_on_with(server: Replay, cloud: Cloud, ranges: list[Any], steps: int) -> None:
    half_a_subnet(server, ranges=ranges, ports=[])
    assert cloud.create(wanted(SUBNET)) == Accepted(id="n1")
    assert len(asked(server)) == steps
    assert f"POST {NETWORK}/networks" not in asked(server), "there is one already"


def test_a_whole_subnet_of_the_name_is_a_conflict(server: Replay, cloud: Cloud) -> None:
    half_a_subnet(server, ranges=[RANGE], ports=[JOINT])
    with pytest.raises(Conflict):
        cloud.create(wanted(SUBNET))
    assert asked(server) == []


def test_a_subnet_keeps_its_joint_while_a_server_is_in_it(server: Replay, cloud: Cloud) -> None:
    ports = [JOINT, {"id": "p2", "network_id": "n1", "device_id": "v", "device_owner": "compute:nova"}]
    server.answers[f"GET {NETWORK}/ports?network_id=n1"] = once({"ports": ports})
    with pytest.raises(Conflict):
        cloud.delete(Kind.SUBNET, "n1")
    assert asked(server) == []


def test_a_subnet_whose_joint_is_gone_goes_on_going(server: Replay, cloud: Cloud) -> None:
    server.answers[f"GET {NETWORK}/ports?network_id=n1"] = once({"ports": []})
    server.answers[f"DELETE {NETWORK}/networks/n1"] = once(status=204)
    cloud.delete(Kind.SUBNET, "n1")
    assert asked(server) == [f"DELETE {NETWORK}/networks/n1"]


def test_a_subnet_that_lost_its_joint_and_stays_is_in_doubt(server: Replay, cloud: Cloud) -> None:
    server.answers[f"GET {NETWORK}/ports?network_id=n1"] = once({"ports": [JOINT]})
    server.answers[f"PUT {NETWORK}/routers/r1/remove_router_interface"] = once({})
    server.trouble(
        f"DELETE {NETWORK}/networks/n1", 409, {"NeutronError": {"type": "NetworkInUse", "message": "x"}}
    )
    with pytest.raises(Conflict) as caught:
        cloud.delete(Kind.SUBNET, "n1")
    assert caught.value.ambiguous


# Firewalls


def half_a_firewall(server: Replay, state: str) -> None:
    group = {"id": "g1", "name": "web-nodes-7f3a9c21", "description": f"{MARKS} role=worker {state}"}
    groups = {"security_groups": [group]}
    server.answers |= {
        f"GET {NETWORK}/security-groups?name=web-nodes-7f3a9c21&{OURS}": once(groups),
        f"GET {NETWORK}/security-groups?{OURS}": once(groups),
        f"GET {NETWORK}/security-groups/g1": once({"security_group": group}),
        f"POST {NETWORK}/security-group-rules": once({"security_group_rules": []}, 201),
        f"PUT {NETWORK}/security-groups/g1": once({"security_group": group}),
        f"GET {NETWORK}/ports?{OURS}&security_groups={IDS[Key(Kind.TAG, 'worker')]}": once({"ports": []}),
    }


def test_an_unfinished_firewall_is_failed_and_gone_on_with(server: Replay, cloud: Cloud) -> None:
    half_a_firewall(server, "state=unfinished")
    seen = cloud.observe(Kind.FIREWALL, "g1")
    assert seen is not None
    assert (seen.status, seen.properties) == (Status.FAILED, {"role": "worker", "rules": ()})
    assert cloud.create(wanted(FIREWALL)) == Accepted(id="g1")
    assert asked(server) == [f"POST {NETWORK}/security-group-rules", f"PUT {NETWORK}/security-groups/g1"]
    assert "unfinished" not in str(server.bodies[-1])


def test_a_whole_firewall_of_the_name_is_a_conflict(server: Replay, cloud: Cloud) -> None:
    half_a_firewall(server, "")
    with pytest.raises(Conflict):
        cloud.create(wanted(FIREWALL))
    assert asked(server) == []


def test_a_firewall_whose_rules_were_refused_is_in_doubt(server: Replay, cloud: Cloud) -> None:
    half_a_firewall(server, "state=unfinished")
    server.trouble("security-group-rules", 503, b"<html>")
    with pytest.raises(Unavailable) as caught:
        cloud.create(wanted(FIREWALL))
    assert caught.value.ambiguous


# Servers


def sold(server: Replay, disk: int) -> None:
    flavor = {"id": "f1", "name": "kubisnap-small", "vcpus": 1, "ram": 64, "disk": disk}
    image = {"id": "i1", "name": "kubisnap-ubuntu", "status": "active"}
    server.answers |= {
        f"GET {COMPUTE}/flavors/detail": once({"flavors": [flavor]}),
        "GET /image/v2/images?limit=200&status=active": once({"images": [image]}),
        f"POST {COMPUTE}/servers": once({"server": {"id": "v1"}}, 202),
    }


def test_a_flavor_without_a_disk_starts_from_a_volume_of_its_own(server: Replay, cloud: Cloud) -> None:
    sold(server, disk=0)
    cloud.create(wanted(SERVER))
    body = server.bodies[-1][1]["server"]
    assert "imageRef" not in body
    (root,) = body["block_device_mapping_v2"]
    assert (root["uuid"], root["volume_size"], root["delete_on_termination"]) == ("i1", 20, True)


def test_a_server_is_in_its_role_s_groups_and_firewalls_alone(server: Replay, cloud: Cloud) -> None:
    """Not in the project's default group, which lets everybody in it in."""
    sold(server, disk=1)
    cloud.create(wanted(SERVER))
    body = server.bodies[-1][1]["server"]
    groups = [Key(Kind.TAG, "cluster"), Key(Kind.TAG, "worker"), FIREWALL]
    assert body["security_groups"] == [{"name": IDS[key]} for key in groups]
    assert body["networks"] == [{"uuid": IDS[SUBNET]}]
    assert body["imageRef"] == "i1"


def test_a_server_without_a_script_has_no_user_data(server: Replay, cloud: Cloud) -> None:
    sold(server, disk=1)
    cloud.create(wanted(SERVER, user_data="", ssh_keys=()))
    body = server.bodies[-1][1]["server"]
    assert not {"user_data", "key_name"} & set(body)


def shown(server: Replay, **more: Any) -> None:
    metadata = {"kubisnap-image": "kubisnap-ubuntu", "kubisnap-built": "i1", "kubisnap-subnet": "n1"}
    told = {"id": "v1", "name": "web-workers-0-7f3a9c21", "status": "ACTIVE", "metadata": metadata, **more}
    server.answers[f"GET {COMPUTE}/servers/v1"] = once({"server": told})


@pytest.mark.parametrize(
    ("image", "seen_as"), [({"id": "i1"}, "kubisnap-ubuntu"), ("", "kubisnap-ubuntu"), ({"id": "i2"}, "i2")]
)
def test_a_server_that_somebody_rebuilt_shows_it(
    server: Replay, cloud: Cloud, image: object, seen_as: str
) -> None:
    shown(server, image=image)
    seen = cloud.observe(Kind.SERVER, "v1")
    assert seen is not None
    assert seen.properties["image"] == seen_as


@pytest.mark.parametrize(
    ("more", "status", "power"),
    [
        ({"status": "BUILD"}, Status.CREATING, None),
        ({"status": "SHUTOFF"}, Status.READY, "shutoff"),
        ({"OS-EXT-STS:task_state": "deleting"}, Status.DELETING, None),
        ({"status": "ERROR"}, Status.FAILED, None),
    ],
)
def test_a_server_s_state_is_told(
    server: Replay, cloud: Cloud, more: dict[str, Any], status: Status, power: str | None
) -> None:
    shown(server, **more)
    seen = cloud.observe(Kind.SERVER, "v1")
    assert seen is not None
    assert (seen.status, seen.attributes.get("power")) == (status, power)


def test_a_server_that_runs_without_an_address_is_not_ready(server: Replay, cloud: Cloud) -> None:
    shown(server)
    assert cloud.ready(Kind.SERVER, Accepted(id="v1")) is None


def test_a_server_that_is_remembered_as_deleted_is_gone(server: Replay, cloud: Cloud) -> None:
    shown(server, status="DELETED")
    assert cloud.observe(Kind.SERVER, "v1") is None


# Addresses


def address(server: Replay, port: str | None, server_id: str = "v1") -> None:
    told = {
        "id": "a1",
        "floating_ip_address": "203.0.113.5",
        "port_id": port,
        "port_details": {"device_id": server_id} if port else None,
        "description": f"{MARKS} kind=reserved-ip name=web-entry-7f3a9c21",
    }
    server.answers[f"GET {NETWORK}/floatingips/a1"] = once({"floatingip": told})


def test_an_address_that_points_somewhere_is_not_moved_nor_given_back(server: Replay, cloud: Cloud) -> None:
    """Neutron would do both."""
    address(server, "p9")
    key = Key(Kind.RESERVED_IP_ASSIGNMENT, "entry")
    request = request_for(key, dict(RESOURCES)[key], IDS | {Key(Kind.RESERVED_IP, "entry"): "a1"})
    with pytest.raises(Conflict):
        cloud.create(request)
    with pytest.raises(Conflict):
        cloud.delete(Kind.RESERVED_IP, "a1")
    assert asked(server) == []


def test_an_address_that_points_elsewhere_is_not_the_assignment(server: Replay, cloud: Cloud) -> None:
    address(server, "p9", "v2")
    assert cloud.observe(Kind.RESERVED_IP_ASSIGNMENT, "a1:v1") is None
    seen = cloud.observe(Kind.RESERVED_IP_ASSIGNMENT, "a1:v2")
    assert seen is not None
    assert seen.name == "web-entry-7f3a9c21"
