"""What is particular to Hetzner: firewalls that know no roles, networks that let go of all, ports."""

import doctest
import importlib
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from kubisnap.adapters.hetzner import Hetzner, access, catalogue, marking, rules, wire
from kubisnap.adapters.hetzner.simulator import FaultRule, HetznerSimulator
from kubisnap.adapters.testing import Bench, ManualClock, new_cluster
from kubisnap.adapters.testing.bench import ADMIN, BALANCER, FIREWALL, MAIN, SAMPLES, SERVER, VOLUME
from kubisnap.engine.domain.catalogue import Feature
from kubisnap.engine.domain.model import Forward, ForwardProtocol, Protocol, Role, Rule
from kubisnap.engine.domain.resources import Key, Kind, LoadBalancer, Status
from kubisnap.engine.errors import (
    Conflict,
    Denied,
    QuotaExceeded,
    Rejected,
    ResourceMissing,
    Unavailable,
)

KINDS = frozenset(Kind) - {Kind.TAG, Kind.SUBNET, Kind.LOAD_BALANCER_MEMBER}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def simulator(clock: ManualClock) -> Iterator[HetznerSimulator]:
    with HetznerSimulator(projects={"one": "token"}, now=clock.now) as simulator:
        yield simulator


@pytest.fixture
def cloud(simulator: HetznerSimulator) -> Iterator[Hetzner]:
    cloud = Hetzner("token", end_point=simulator.url, read_timeout=5.0)
    yield cloud
    cloud.close()


@pytest.fixture
def bench(cloud: Hetzner, clock: ManualClock) -> Bench:
    offer = ("fsn1", "cx23", "ubuntu-24.04")
    return Bench(cloud, lambda: clock.sleep(1.0), cluster=new_cluster(), kinds=KINDS, offer=offer)


def sent(simulator: HetznerSimulator, method: str, path: str) -> list[Any]:
    """Return the bodies of the requests to a path."""
    return [
        msgspec.json.decode(item.body) if item.body else None
        for item in simulator.exchanges
        if item.method == method and item.path.endswith(path)
    ]


def by_hand(cloud: Hetzner, method: str, path: str, body: Any = None) -> Any:
    """Do what somebody does in Hetzner's console."""
    return cloud._transport.request(method, path, json=body)


@pytest.mark.parametrize("module", [access, catalogue, marking])
def test_every_example_in_a_docstring_is_true(module: Any) -> None:
    failed, tried = doctest.testmod(importlib.import_module(module.__name__))
    assert tried
    assert failed == 0


# Firewalls


def test_a_rule_for_roles_only_lets_nobody_in_from_outside() -> None:
    [built] = rules.inbound([Rule(protocol=Protocol.TCP, ports="6443", sources=("worker", "control-plane"))])
    assert built["source_ips"] == ["10.0.0.0/8"]
    assert built["description"] == "kubisnap: only from control-plane worker"


def test_roles_beside_addresses_do_not_widen_a_rule() -> None:
    [built] = rules.inbound([Rule(protocol=Protocol.TCP, ports="22", sources=("192.0.2.0/24", "worker"))])
    assert built["source_ips"] == ["192.0.2.0/24"]


@pytest.mark.parametrize(
    ("rule", "shown"),
    [
        ({"description": "kubisnap: only from worker", "source_ips": ["10.0.0.0/8"]}, ("worker",)),
        (
            {"description": "kubisnap: only from worker", "source_ips": ["0.0.0.0/0", "10.0.0.0/8"]},
            ("0.0.0.0/0", "worker"),
        ),
        (
            {"description": "kubisnap: also from worker", "source_ips": ["10.0.0.0/8"]},
            ("10.0.0.0/8", "worker"),
        ),
        ({"description": "only from worker", "source_ips": ["10.0.0.0/8"]}, ("10.0.0.0/8",)),
        ({"description": None, "source_ips": None}, ()),
    ],
)
def test_what_somebody_did_to_a_rule_is_seen(rule: dict[str, Any], shown: tuple[str, ...]) -> None:
    told = msgspec.convert({"direction": "in", "protocol": "tcp", "port": "1", **rule}, wire.Rule)
    [found] = rules.neutral_rules([told])
    assert found["sources"] == shown


def test_rules_without_a_neutral_word_are_shown_and_those_for_going_out_are_told() -> None:
    told = [
        wire.Rule(direction="in", protocol="gre", source_ips=["192.0.2.0/24"]),
        wire.Rule(direction="out", protocol="tcp", port="25"),
    ]
    assert [rule["protocol"] for rule in rules.neutral_rules(told)] == ["gre"]
    assert "1 rules" in rules.outbound_note(told)


def test_a_firewall_with_servers_under_it_goes_when_they_have_let_go(
    bench: Bench, cloud: Hetzner, simulator: HetznerSimulator
) -> None:
    wall = bench.make(FIREWALL)
    bench.make(SERVER)
    with pytest.raises(Conflict):
        cloud.delete(Kind.FIREWALL, wall.id)
    half = cloud.observe(Kind.FIREWALL, wall.id)
    assert half is not None
    assert half.properties["role"] == ""  # so a plan sees that it protects nobody any more
    bench.remove(Kind.FIREWALL, wall.id)
    assert len(sent(simulator, "POST", "remove_from_resources")) == 1


def test_a_firewall_that_somebody_put_on_more_says_so_and_goes_all_the_same(
    bench: Bench, cloud: Hetzner
) -> None:
    wall, server = bench.make(FIREWALL), bench.make(SERVER)
    more = [
        {"type": "server", "server": {"id": int(server.id)}},
        {"type": "label_selector", "label_selector": {"selector": "db"}},
    ]
    by_hand(cloud, "POST", f"/firewalls/{wall.id}/actions/apply_to_resources", {"apply_to": more})
    seen = cloud.observe(Kind.FIREWALL, wall.id)
    assert seen is not None
    assert seen.properties["role"] == "worker"
    assert seen.attributes["also_for"] == f"label:db,server:{server.id}"
    bench.remove(Kind.FIREWALL, wall.id)


def test_another_clusters_selector_is_not_ours() -> None:
    other = wire.Target(
        type="label_selector",
        label_selector=wire.Selector(selector=f"kubisnap-cluster={'0' * 32},kubisnap-role=worker"),
    )
    assert marking.target("web-nodes-7f3a9c21", [other])[0] == ""


# Networks


def test_a_network_is_one_request_with_all_of_it_as_a_subnet(
    bench: Bench, simulator: HetznerSimulator
) -> None:
    bench.make(MAIN)
    [body] = sent(simulator, "POST", "/networks")
    assert body["subnets"] == [{"type": "cloud", "ip_range": body["ip_range"], "network_zone": "eu-central"}]


def test_a_network_is_not_taken_from_under_a_load_balancer(
    bench: Bench, cloud: Hetzner, simulator: HetznerSimulator
) -> None:
    """Hetzner itself would take it out and ask nobody."""
    bench.make(BALANCER)
    with pytest.raises(Conflict):
        cloud.delete(Kind.NETWORK, bench.ids[MAIN])
    assert sent(simulator, "DELETE", f"/networks/{bench.ids[MAIN]}") == []


def test_a_network_that_does_not_say_what_is_in_it_stays(bench: Bench, simulator: HetznerSimulator) -> None:
    network = bench.make(MAIN)
    told: dict[str, Any] = {"network": {"id": int(network.id), "name": "x"}}
    simulator.inject(FaultRule(action="status", status=200, method="GET", path="networks/.*", body=told))
    with pytest.raises(Rejected):
        bench.cloud.delete(Kind.NETWORK, network.id)
    assert sent(simulator, "DELETE", f"/networks/{network.id}") == []


def test_a_region_that_there_is_not_has_no_network(bench: Bench) -> None:
    request = bench.request(MAIN)
    resource = msgspec.structs.replace(request.resource, region="mars1")
    with pytest.raises(Rejected):
        bench.cloud.create(msgspec.structs.replace(request, resource=resource))


# Servers


def test_a_server_is_one_request(bench: Bench, simulator: HetznerSimulator) -> None:
    server = bench.make(SERVER)
    [body] = sent(simulator, "POST", "/servers")
    assert body["networks"] == [int(bench.ids[MAIN])]
    assert body["ssh_keys"] == [int(bench.ids[ADMIN])]
    assert body["labels"] == {
        "kubisnap-cluster": bench.cluster.id,
        "kubisnap-cluster-name": "contract",
        "kubisnap-name": "workers-0",
        "kubisnap-role": "worker",
    }
    assert body["public_net"] == {"enable_ipv4": True, "enable_ipv6": False}
    assert server.attributes["private_ip"].startswith("10.77.")


def test_a_server_that_names_what_is_gone_is_rejected(bench: Bench, cloud: Hetzner) -> None:
    """A 404 to an order is about what it names: were it `ResourceMissing`, the server would count as gone."""
    bench.need(Kind.SERVER)
    cloud.delete(Kind.SSH_KEY, bench.ids[ADMIN])
    with pytest.raises(Rejected):
        cloud.create(bench.request(SERVER))


def test_an_action_that_failed_is_said_to_have(
    bench: Bench, cloud: Hetzner, simulator: HetznerSimulator
) -> None:
    bench.need(Kind.SERVER)
    accepted = bench.ask(bench.request(SERVER))
    failed = {
        "id": 1,
        "status": "error",
        "command": "create_server",
        "error": {"code": "x", "message": "no room"},
    }
    body: dict[str, Any] = {"actions": [failed]}
    simulator.inject(FaultRule(action="status", status=200, path="actions", body=body))
    with pytest.raises(Rejected, match="no room"):
        cloud.ready(Kind.SERVER, accepted)


def test_waiting_for_a_server_takes_one_look_at_its_actions(
    bench: Bench, cloud: Hetzner, simulator: HetznerSimulator
) -> None:
    bench.need(Kind.SERVER)
    accepted = bench.ask(bench.request(SERVER))
    before = len(simulator.exchanges)
    assert cloud.ready(Kind.SERVER, accepted) is None
    assert [item.path for item in simulator.exchanges[before:]] == ["/v1/actions"]


def test_a_server_that_vanished_while_it_was_made_is_missing(
    bench: Bench, cloud: Hetzner, clock: ManualClock
) -> None:
    bench.need(Kind.SERVER)
    accepted = bench.ask(bench.request(SERVER))
    clock.sleep(10)
    by_hand(cloud, "DELETE", f"/servers/{accepted.id}")
    with pytest.raises(ResourceMissing):
        cloud.ready(Kind.SERVER, accepted)


@pytest.mark.parametrize(
    ("status", "seen", "power"),
    [
        ("initializing", Status.CREATING, None),
        ("running", Status.READY, None),
        ("off", Status.READY, "off"),
        ("deleting", Status.DELETING, None),
        ("unknown", Status.READY, "unknown"),
    ],
)
def test_what_a_server_does_is_told(cloud: Hetzner, status: str, seen: Status, power: str | None) -> None:
    """One that is off is whole: taken for failed, it would be replaced, and its disk lost."""
    server = wire.Server(id=1, name="x", status=status)
    observed = cloud._families[Kind.SERVER].seen(server)  # type: ignore[attr-defined]
    assert (observed.status, observed.attributes.get("power")) == (seen, power)


def test_an_older_answer_tells_the_place_by_the_data_centre(cloud: Hetzner) -> None:
    data = {"id": 1, "name": "x", "status": "off", "datacenter": {"location": {"name": "hel1"}}}
    observed = cloud._families[Kind.SERVER].seen(msgspec.convert(data, wire.Server))  # type: ignore[attr-defined]
    assert observed.properties == {"region": "hel1"}


def test_what_lost_its_labels_is_found_by_its_name(bench: Bench, cloud: Hetzner) -> None:
    server = bench.make(SERVER)
    by_hand(cloud, "PUT", f"/servers/{server.id}", {"labels": {}})
    assert server.id not in {item.id for item in cloud.observe_all(bench.cluster)}
    with pytest.raises(Conflict):
        cloud.create(bench.request(SERVER))
    assert [item.id for item in cloud.find(bench.request(SERVER))] == [server.id]


def test_what_somebody_renamed_is_still_the_clusters(bench: Bench, cloud: Hetzner) -> None:
    server = bench.make(SERVER)
    by_hand(cloud, "PUT", f"/servers/{server.id}", {"name": "renamed"})
    assert ("renamed", server.id) in {(item.name, item.id) for item in cloud.observe_all(bench.cluster)}


# Load balancers


def wanted(*forward: Forward) -> LoadBalancer:
    return LoadBalancer(region="fsn1", network="main", role=Role.WORKER, forward=forward)


def test_ports_are_changed_one_by_one_and_what_is_right_is_left(
    bench: Bench, cloud: Hetzner, simulator: HetznerSimulator
) -> None:
    seen = bench.make(BALANCER)
    forward = (Forward(port=80, target_port=30080), Forward(port=6443, target_port=6443))
    accepted = cloud.update(bench.request(BALANCER, wanted(*forward)), seen.id, frozenset({"forward"}))
    assert len(accepted.token.split(",")) == 2
    assert sent(simulator, "POST", "delete_service") == [{"listen_port": 443}]
    assert [body["listen_port"] for body in sent(simulator, "POST", "add_service")] == [6443]
    assert sent(simulator, "POST", "update_service") == []


def test_a_change_of_ports_that_breaks_off_is_ambiguous_and_goes_on_when_asked_again(
    bench: Bench, cloud: Hetzner, simulator: HetznerSimulator
) -> None:
    seen = bench.make(BALANCER)
    web = Forward(port=80, target_port=31080, protocol=ForwardProtocol.HTTP)
    request = bench.request(BALANCER, wanted(web))
    simulator.inject(FaultRule(action="status", status=423, path=".*update_service", times=1))
    with pytest.raises(Unavailable) as error:
        cloud.update(request, seen.id, frozenset({"forward"}))
    assert error.value.ambiguous
    accepted = cloud.update(request, seen.id, frozenset({"forward"}))
    after = bench.wait(Kind.LOAD_BALANCER, accepted)
    assert after.properties["forward"] == (msgspec.to_builtins(web),)
    assert len(sent(simulator, "POST", "delete_service")) == 1


def test_a_port_in_a_protocol_of_its_own_is_shown() -> None:
    from kubisnap.adapters.hetzner.balancers import _forward

    service = wire.Service(protocol="https", listen_port=443, destination_port=80)
    assert _forward(service) == {"port": 443, "target_port": 80, "protocol": "https"}


# Volumes and addresses


def test_an_address_that_points_somewhere_stays(bench: Bench, cloud: Hetzner) -> None:
    bench.make(SAMPLES[Kind.RESERVED_IP_ASSIGNMENT])
    with pytest.raises(Conflict):
        cloud.delete(Kind.RESERVED_IP, bench.ids[SAMPLES[Kind.RESERVED_IP]])


def test_a_volume_is_plugged_in_once_its_server_is_at_rest(
    bench: Bench, cloud: Hetzner, clock: ManualClock
) -> None:
    bench.make(VOLUME)
    bench.need(Kind.SERVER)
    accepted = bench.ask(bench.request(SERVER))
    request = bench.request(SAMPLES[Kind.VOLUME_ATTACHMENT])
    with pytest.raises(Unavailable) as error:
        cloud.create(request)
    assert not error.value.ambiguous
    bench.wait(Kind.SERVER, accepted)
    bench.wait(Kind.VOLUME_ATTACHMENT, bench.ask(request))


# Refusals


def test_what_is_no_id_is_nothing(cloud: Hetzner) -> None:
    for kind in KINDS:
        for text in ("", "x", "-1", "1/..", "1" * 19, "1:é", "é", "1:2:3"):
            assert cloud.observe(kind, text) is None
            with pytest.raises(ResourceMissing):
                cloud.delete(kind, text)


def test_what_cannot_be_changed_in_place_is_refused(bench: Bench) -> None:
    for kind in KINDS:
        with pytest.raises(Rejected):
            bench.cloud.update(bench.request(SAMPLES[kind]), "1", frozenset({"region"}))


def test_a_kind_that_hetzner_has_not_is_rejected(cloud: Hetzner, bench: Bench) -> None:
    with pytest.raises(Rejected):
        cloud.observe(Kind.TAG, "1")
    with pytest.raises(Rejected):
        cloud.create(bench.request(SERVER, bench.sample(Kind.VOLUME)))
    with pytest.raises(Rejected):
        cloud.create(bench.request(Key(Kind.VOLUME_ATTACHMENT, "data")))


def test_a_full_project_is_a_quota(bench: Bench, simulator: HetznerSimulator) -> None:
    simulator.add_project("small", "small", server_limit=0)
    cloud = Hetzner("small", end_point=simulator.url)
    server = msgspec.structs.replace(bench.server, network="", ssh_keys=())
    with pytest.raises(QuotaExceeded):
        cloud.create(bench.request(SERVER, server))
    cloud.close()


def test_a_token_that_may_only_read_is_denied_the_rest(bench: Bench, simulator: HetznerSimulator) -> None:
    simulator.add_token("one", "reader", read_only=True)
    cloud = Hetzner("reader", end_point=simulator.url)
    assert cloud.observe_all(bench.cluster) == []
    with pytest.raises(Denied):
        cloud.create(bench.request(MAIN))
    cloud.close()


def test_no_representation_shows_the_token(cloud: Hetzner) -> None:
    assert "token" not in f"{cloud} {cloud!r}"


def test_a_lost_answer_is_ambiguous_and_what_was_made_is_found(
    bench: Bench, cloud: Hetzner, simulator: HetznerSimulator
) -> None:
    simulator.inject(FaultRule(action="lose_answer", method="POST", path="networks"))
    with pytest.raises(Unavailable) as error:
        cloud.create(bench.request(MAIN))
    assert error.value.ambiguous
    assert len(cloud.find(bench.request(MAIN))) == 1


def test_all_of_a_cluster_is_seven_requests(
    bench: Bench, cloud: Hetzner, simulator: HetznerSimulator
) -> None:
    before = len(simulator.exchanges)
    cloud.observe_all(bench.cluster)
    assert len(simulator.exchanges) - before == 7


def test_what_the_cloud_can_do_is_said(cloud: Hetzner) -> None:
    found = cloud.catalogue()
    assert Feature.FILTERS_WITHIN not in found.features
    assert not found.subnet_needed
