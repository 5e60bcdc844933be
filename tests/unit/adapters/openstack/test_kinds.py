"""Kinds of resources where something is half made, in use, or not as it was asked for."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from kubisnap.adapters import openstack
from kubisnap.engine.domain.resources import Accepted, Key, Kind, Request, Server, Status
from kubisnap.engine.errors import Busy, Conflict, Denied, Rejected, Unavailable
from kubisnap.engine.ports import Cloud, Room
from tests.unit.adapters.openstack.life import CLUSTER, RESOURCES, request_for
from tests.unit.adapters.openstack.replay import PROJECT, Replay, replay

OURS = f"project_id={PROJECT}"
NETWORK, BALANCER, COMPUTE = "/network/v2.0", "/balancer/v2/lbaas", "/compute/v2.1"
IDS = {key: f"id-{key.kind.value}-{key.name}".replace(".", "-") for key, _ in RESOURCES}
SUBNET, FIREWALL = Key(Kind.SUBNET, "nodes"), Key(Kind.FIREWALL, "nodes")
SERVER, LB = Key(Kind.SERVER, "workers-0"), Key(Kind.LOAD_BALANCER, "web")
MARKS = f"Made by kubisnap: cluster={CLUSTER.id} of=web"
JOINTS = "&".join(
    f"device_owner=network:{name}"
    for name in (
        "ha_router_replicated_interface",
        "router_interface",
        "router_interface_distributed",
    )
)


@pytest.fixture
def server() -> Iterator[Replay]:
    with replay({}) as serving:
        serving.answers[f"GET {NETWORK}/networks?router:external=true"] = once(
            {"networks": [{"id": "outside", "name": "public"}]}
        )
        yield serving


@pytest.fixture
def cloud(server: Replay) -> Iterator[Cloud]:
    opened = openstack.factory(server.settings)
    yield opened
    opened.close()


def once(answer: object = None, status: int = 200) -> list[dict[str, Any]]:
    return [{"status": status, "answer": answer}]


def asked(server: Replay) -> list[str]:
    """Return what was asked to change something."""
    return [key for key in server.asked if not key.startswith("GET") and not key.endswith("/auth/tokens")]


def wanted(key: Key, **changes: Any) -> Request:
    resource = msgspec.structs.replace(dict(RESOURCES)[key], **changes)
    return request_for(key, resource, IDS)


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


# Load balancers


def balancer(server: Replay, *, status: str = "ACTIVE", tags: tuple[str, ...] = (), **more: Any) -> None:
    told = {
        "id": "b1",
        "name": "web-web-7f3a9c21",
        "provisioning_status": status,
        "vip_address": "10.77.4.9",
        "vip_port_id": "vip",
        "tags": [f"cluster={CLUSTER.id}", *tags],
        **more,
    }
    pool = {
        "id": "o1",
        "protocol": "TCP",
        "tags": ["port=80", "target=30080"],
        "healthmonitor_id": "h1",
    }
    listener = {"id": "l1", "protocol": "TCP", "protocol_port": 80, "default_pool_id": "o1"}
    server.answers |= {
        f"GET {BALANCER}/loadbalancers?name=web-web-7f3a9c21&{OURS}": once({"loadbalancers": [told]}),
        f"GET {BALANCER}/loadbalancers/b1": once({"loadbalancer": told}),
        f"GET {BALANCER}/listeners?load_balancer_id=b1": once({"listeners": [listener]}),
        f"GET {BALANCER}/pools?loadbalancer_id=b1": once({"pools": [pool]}),
        f"GET {NETWORK}/floatingips?port_id=vip": once({"floatingips": []}),
        f"GET {NETWORK}/ports/vip": once({"port": {"id": "vip"}}),
        f"POST {NETWORK}/floatingips": once({}, 201),
        f"PUT {BALANCER}/loadbalancers/b1": once({}),
    }


UNFINISHED = ("state=unfinished", "subnet=n1")


def test_a_load_balancer_gets_a_public_address_last(server: Replay, cloud: Cloud) -> None:
    balancer(server, tags=UNFINISHED)
    with pytest.raises(Busy) as caught:
        cloud.create(wanted(LB))
    assert caught.value.ambiguous
    assert asked(server) == [f"POST {NETWORK}/floatingips"]
    body = server.bodies[-1][1]["floatingip"]
    assert (body["floating_network_id"], body["port_id"]) == ("outside", "vip")
    public = {"id": "a1", "floating_ip_address": "203.0.113.5"}
    server.answers[f"GET {NETWORK}/floatingips?port_id=vip"] = once({"floatingips": [public]})
    assert cloud.create(wanted(LB)) == Accepted(id="b1")
    assert "state=unfinished" not in server.bodies[-1][1]["loadbalancer"]["tags"]


def test_a_load_balancer_whose_port_is_hidden_stays_inside(server: Replay, cloud: Cloud) -> None:
    balancer(server, tags=UNFINISHED)
    server.answers[f"GET {NETWORK}/ports/vip"] = once({"NeutronError": {"message": "no"}}, 404)
    assert cloud.create(wanted(LB)) == Accepted(id="b1")
    assert asked(server) == [f"PUT {BALANCER}/loadbalancers/b1"]


@pytest.mark.parametrize("status", ["ACTIVE", "PENDING_CREATE", "PENDING_UPDATE"])
def test_an_unfinished_load_balancer_is_failed(server: Replay, cloud: Cloud, status: str) -> None:
    """Shown as being made, it would be waited for, and nobody would make the rest."""
    balancer(server, status=status, tags=UNFINISHED)
    seen = cloud.observe(Kind.LOAD_BALANCER, "b1")
    assert seen is not None
    assert (seen.status, seen.links) == (Status.FAILED, {"subnet": "n1"})


def test_a_public_address_goes_with_its_load_balancer(server: Replay, cloud: Cloud) -> None:
    balancer(server)
    public = {"id": "a1", "floating_ip_address": "203.0.113.5"}
    server.answers |= {
        f"GET {NETWORK}/floatingips?port_id=vip": once({"floatingips": [public]}),
        f"DELETE {NETWORK}/floatingips/a1": once(status=204),
        f"DELETE {BALANCER}/loadbalancers/b1?cascade=true": once(status=204),
    }
    seen = cloud.observe(Kind.LOAD_BALANCER, "b1")
    assert seen is not None
    assert seen.attributes == {"ip": "203.0.113.5", "private_ip": "10.77.4.9"}
    cloud.delete(Kind.LOAD_BALANCER, "b1")
    assert asked(server) == [
        f"DELETE {NETWORK}/floatingips/a1",
        f"DELETE {BALANCER}/loadbalancers/b1?cascade=true",
    ]


def test_a_load_balancer_at_work_keeps_everything(server: Replay, cloud: Cloud) -> None:
    balancer(server, status="PENDING_UPDATE")
    for call in (
        lambda: cloud.delete(Kind.LOAD_BALANCER, "b1"),
        lambda: cloud.update(wanted(LB), "b1", frozenset({"forward"})),
    ):
        with pytest.raises(Busy) as caught:
            call()
        assert not caught.value.ambiguous
    assert cloud.ready(Kind.LOAD_BALANCER, Accepted(id="b1")) is None
    assert asked(server) == []


def test_a_load_balancer_that_octavia_gave_up_is_rejected(server: Replay, cloud: Cloud) -> None:
    balancer(server, status="ERROR", tags=UNFINISHED)
    with pytest.raises(Rejected):
        cloud.create(wanted(LB))
    with pytest.raises(Rejected):
        cloud.ready(Kind.LOAD_BALANCER, Accepted(id="b1"))


def test_a_listener_of_another_protocol_is_shown(server: Replay, cloud: Cloud) -> None:
    balancer(server)
    told = [{"id": "l1", "protocol": "TERMINATED_HTTPS", "protocol_port": 443}]
    server.answers[f"GET {BALANCER}/listeners?load_balancer_id=b1"] = once({"listeners": told})
    seen = cloud.observe(Kind.LOAD_BALANCER, "b1")
    assert seen is not None
    assert seen.properties["forward"] == ({"port": 443, "target_port": 0, "protocol": "terminated_https"},)


@pytest.mark.parametrize("status", ["ACTIVE", "PENDING_CREATE"])
def test_a_server_behind_some_of_the_ports_is_failed(server: Replay, cloud: Cloud, status: str) -> None:
    balancer(server)
    pools = [{"id": f"o{n}", "protocol": "TCP", "tags": [f"target=3008{n}"]} for n in (0, 1)]
    member = {
        "id": "m1",
        "name": "web-web.workers-0-7f3a9c21",
        "address": "10.77.4.7",
        "protocol_port": 30080,
        "provisioning_status": status,
        "tags": ["server=v1"],
    }
    server.answers |= {
        f"GET {BALANCER}/pools?loadbalancer_id=b1": once({"pools": pools}),
        f"GET {BALANCER}/pools/o0/members": once({"members": [member]}),
        f"GET {BALANCER}/pools/o1/members": once({"members": []}),
    }
    seen = cloud.observe(Kind.LOAD_BALANCER_MEMBER, "b1:v1")
    assert seen is not None
    assert seen.status is Status.FAILED


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


# The account


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
