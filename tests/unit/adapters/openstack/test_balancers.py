"""Load balancers: one step at a time, and what becomes of those that stay half made."""

from typing import Any

import pytest

from kubisnap.engine.domain.resources import Accepted, Kind, Status
from kubisnap.engine.errors import Busy, Rejected
from kubisnap.engine.ports import Cloud
from tests.unit.adapters.openstack.asking import (
    BALANCER,
    LB,
    NETWORK,
    OURS,
    asked,
    once,
    wanted,
)
from tests.unit.adapters.openstack.life import CLUSTER
from tests.unit.adapters.openstack.replay import Replay


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
