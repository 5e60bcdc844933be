"""What the simulated cloud refuses, as real ones do."""

import msgspec
import pytest

from kubisnap.adapters.sandbox import Sandbox
from kubisnap.adapters.testing import Bench
from kubisnap.adapters.testing.bench import ADMIN, BALANCER, FIREWALL, MAIN, SAMPLES, SERVER, VOLUME
from kubisnap.engine.domain.model import Forward, Protocol, Role, Rule
from kubisnap.engine.domain.resources import (
    Firewall,
    Key,
    Kind,
    LoadBalancer,
    Network,
    Resource,
    Server,
    SshKey,
    Status,
    Subnet,
    Volume,
    VolumeAttachment,
)
from kubisnap.engine.errors import Conflict, QuotaExceeded, Rejected

INNER = Key(Kind.SUBNET, "inner")
ATTACHED = SAMPLES[Kind.VOLUME_ATTACHMENT]
TCP = Protocol.TCP


def rule(ports: str = "all", *sources: str) -> Firewall:
    return Firewall(
        role=Role.WORKER, rules=(Rule(protocol=TCP, ports=ports, sources=sources or ("10.0.0.0/8",)),)
    )


def balancer(*forward: Forward) -> LoadBalancer:
    return LoadBalancer(region="sim-us-east", network="main", role=Role.WORKER, forward=forward)


@pytest.mark.parametrize(
    ("key", "resource"),
    [
        (MAIN, Network(region="sim-us-east", cidr="8.8.8.0/24")),
        (MAIN, Network(region="sim-us-east", cidr="10.0.0.1/24")),
        (MAIN, Network(region="sim-us-east", cidr="10.0.0.0/29")),
        (MAIN, Network(region="sim-us-east", cidr="fd00::/64")),
        (MAIN, Network(region="sim-us-east", cidr="ten")),
        (MAIN, Network(region="sim-mars", cidr="10.0.0.0/24")),
        (INNER, Subnet(cidr="10.200.0.0/24", network="main")),
        (INNER, Subnet(cidr="10.77.0.0/16", network="main")),
        (FIREWALL, rule("0")),
        (FIREWALL, rule("65536")),
        (FIREWALL, rule("90-80")),
        (FIREWALL, rule("ssh")),
        (FIREWALL, rule("22", "somebody")),
        (FIREWALL, rule("22", "10.0.0.1/8")),
        (VOLUME, Volume(region="sim-us-east", size_gib=0)),
        (VOLUME, Volume(region="sim-us-east", size_gib=16385)),
        (VOLUME, Volume(region="sim-mars", size_gib=10)),
        (BALANCER, balancer()),
        (BALANCER, balancer(Forward(port=80, target_port=1), Forward(port=80, target_port=2))),
        (BALANCER, balancer(Forward(port=0, target_port=1))),
        (BALANCER, balancer(Forward(port=80, target_port=70000))),
        (ADMIN, SshKey(public_key="")),
        (ADMIN, SshKey(public_key="ssh-ed25519 ???")),
        (ADMIN, SshKey(public_key="ssh-ed25519")),
        (ADMIN, SshKey(public_key="pgp AAAA")),
    ],
)
def test_what_means_nothing_is_rejected_and_not_made(bench: Bench, key: Key, resource: Resource) -> None:
    bench.need(key.kind)
    request = bench.request(key, resource)
    before = bench.listed()
    with pytest.raises(Rejected):
        bench.ask(request)
    assert bench.listed() == before


@pytest.mark.parametrize("name", ["", "-web", "a b", "web\n", "ü", "x" * 129])
def test_a_name_that_is_none_is_rejected(bench: Bench, name: str) -> None:
    request = msgspec.structs.replace(bench.request(VOLUME), name=name)
    with pytest.raises(Rejected):
        bench.ask(request)


@pytest.mark.parametrize(
    ("size", "image"), [("sb-16x32", "sim-debian-12"), ("sb-1x1", "sim-rocky-9"), ("", ""), ("sb-1x1", "")]
)
def test_not_everything_is_on_offer_everywhere(bench: Bench, size: str, image: str) -> None:
    network = Network(region="sim-ap-south", cidr="10.9.0.0/24")
    bench.make(MAIN, network)
    bench.need(Kind.SERVER)
    server = msgspec.structs.replace(bench.server, region="sim-ap-south", size=size, image=image)
    with pytest.raises(Rejected):
        bench.ask(bench.request(SERVER, server))


@pytest.mark.parametrize("missing", [MAIN, ADMIN])
def test_a_server_needs_what_it_names(bench: Bench, missing: Key) -> None:
    bench.need(Kind.SERVER)
    bench.cloud.delete(missing.kind, bench.ids[missing])
    with pytest.raises(Rejected, match="not there"):
        bench.ask(bench.request(SERVER))
    del bench.ids[missing]
    with pytest.raises(Rejected, match="does not say"):
        bench.ask(bench.request(SERVER))


def test_a_server_is_in_the_region_of_its_network(bench: Bench) -> None:
    bench.need(Kind.SERVER)
    elsewhere = msgspec.structs.replace(bench.server, region="sim-eu-west")
    with pytest.raises(Rejected, match="not in sim-eu-west"):
        bench.ask(bench.request(SERVER, elsewhere))


def test_user_data_has_a_limit_in_bytes(bench: Bench) -> None:
    bench.need(Kind.SERVER)
    limit = bench.cloud.catalogue().max_user_data
    with pytest.raises(Rejected):
        bench.ask(bench.request(SERVER, msgspec.structs.replace(bench.server, user_data="ü" * limit)))
    bench.ask(bench.request(SERVER, msgspec.structs.replace(bench.server, user_data="x" * limit)))


def test_what_is_not_ready_cannot_be_built_on(slow_bench: Bench) -> None:
    slow_bench.ask(slow_bench.request(MAIN))
    with pytest.raises(Rejected, match="creating"):
        slow_bench.ask(slow_bench.request(INNER))


def test_networks_may_overlap_and_subnets_may_not(bench: Bench) -> None:
    bench.make(MAIN)
    bench.make(Key(Kind.NETWORK, "other"), bench.sample(Kind.NETWORK))
    bench.make(INNER)
    with pytest.raises(Conflict, match="overlaps"):
        bench.ask(bench.request(Key(Kind.SUBNET, "twin"), Subnet(cidr="10.77.4.128/25", network="main")))
    bench.make(Key(Kind.SUBNET, "next"), Subnet(cidr="10.77.5.0/24", network="main"))


def test_a_subnet_of_another_network_is_rejected(bench: Bench) -> None:
    bench.make(INNER)
    bench.make(Key(Kind.NETWORK, "other"), bench.sample(Kind.NETWORK))
    bench.need(Kind.SERVER)
    server = msgspec.structs.replace(bench.server, network="other", subnet="inner")
    with pytest.raises(Rejected, match="another network"):
        bench.ask(bench.request(SERVER, server))


def test_a_volume_is_in_one_server_at_a_time(bench: Bench) -> None:
    bench.make(ATTACHED)
    bench.make(Key(Kind.SERVER, "workers-1"))
    second = bench.request(ATTACHED, VolumeAttachment(volume="data", server="workers-1"))
    with pytest.raises(Conflict, match="in use"):
        bench.ask(second)
    bench.cloud.delete(Kind.VOLUME_ATTACHMENT, bench.ids[ATTACHED])
    assert bench.make(ATTACHED, second.resource).links["server"] == bench.ids[Key(Kind.SERVER, "workers-1")]


def test_a_volume_is_attached_in_its_region(bench: Bench) -> None:
    bench.make(VOLUME, Volume(region="sim-eu-west", size_gib=1))
    bench.make(SERVER)
    with pytest.raises(Rejected, match="different regions"):
        bench.ask(bench.request(ATTACHED))


def test_a_volume_does_not_shrink(bench: Bench) -> None:
    volume = bench.make(VOLUME)
    smaller = bench.request(VOLUME, Volume(region="sim-us-east", size_gib=9))
    with pytest.raises(Rejected, match="cannot shrink"):
        bench.cloud.update(smaller, volume.id, frozenset({"size_gib"}))
    assert bench.cloud.observe(Kind.VOLUME, volume.id) == volume


@pytest.mark.parametrize(
    ("key", "resource", "changed"),
    [
        (VOLUME, Volume(region="sim-us-east", size_gib=99999), "size_gib"),
        (VOLUME, Volume(region="sim-eu-west", size_gib=10), "region"),
        (FIREWALL, rule("none"), "rules"),
        (FIREWALL, Firewall(role=Role.CONTROL_PLANE), "role"),
        (BALANCER, balancer(), "forward"),
    ],
)
def test_a_change_that_means_nothing_is_rejected(
    bench: Bench, key: Key, resource: Resource, changed: str
) -> None:
    seen = bench.make(key)
    with pytest.raises(Rejected):
        bench.cloud.update(bench.request(key, resource), seen.id, frozenset({changed}))
    assert bench.cloud.observe(key.kind, seen.id) == seen


def test_what_is_still_being_made_cannot_be_changed(slow_bench: Bench) -> None:
    accepted = slow_bench.ask(slow_bench.request(VOLUME))
    bigger = slow_bench.request(VOLUME, Volume(region="sim-us-east", size_gib=20))
    with pytest.raises(Rejected, match="creating"):
        slow_bench.cloud.update(bigger, accepted.id, frozenset({"size_gib"}))


def test_a_quota_is_kept_and_room_made_is_room(sandbox: Sandbox, bench: Bench) -> None:
    sandbox.set_quota("default", Kind.VOLUME, 2)
    first = bench.make(Key(Kind.VOLUME, "a"))
    bench.make(Key(Kind.VOLUME, "b"))
    with pytest.raises(QuotaExceeded):
        bench.ask(bench.request(Key(Kind.VOLUME, "c")))
    sandbox.delete(Kind.VOLUME, first.id)
    bench.make(Key(Kind.VOLUME, "c"))
    sandbox.set_quota("default", Kind.VOLUME, 3)
    bench.make(Key(Kind.VOLUME, "a"))


def test_an_account_may_have_a_hundred_servers(bench: Bench) -> None:
    bench.need(Kind.SERVER)
    for number in range(100):
        bench.ask(bench.request(Key(Kind.SERVER, f"workers-{number}")))
    with pytest.raises(QuotaExceeded, match="100"):
        bench.ask(bench.request(Key(Kind.SERVER, "workers-100")))


def test_servers_may_share_a_name(bench: Bench) -> None:
    first, second = bench.make(SERVER), bench.make(SERVER)
    assert {seen.id for seen in bench.cloud.find(bench.request(SERVER))} == {first.id, second.id}


def test_a_tag_in_use_may_be_removed(bench: Bench) -> None:
    server = bench.make(SERVER)
    bench.cloud.delete(Kind.TAG, bench.ids[Key(Kind.TAG, "worker")])
    assert bench.cloud.observe(Kind.SERVER, server.id) == server


@pytest.mark.parametrize("kind", [Kind.SUBNET, Kind.LOAD_BALANCER])
def test_a_network_is_in_use_by_what_is_in_it(bench: Bench, kind: Kind) -> None:
    member = bench.make(SAMPLES[kind])
    with pytest.raises(Conflict, match="in use"):
        bench.cloud.delete(Kind.NETWORK, bench.ids[MAIN])
    bench.cloud.delete(kind, member.id)
    bench.cloud.delete(Kind.NETWORK, bench.ids[MAIN])


def test_a_subnet_is_in_use_by_its_servers(bench: Bench) -> None:
    bench.make(INNER)
    server = msgspec.structs.replace(bench.server, subnet="inner")
    seen = bench.make(SERVER, server)
    assert seen.links["subnet"] == bench.ids[INNER]
    assert seen.attributes["private_ip"].startswith("10.77.4.")
    with pytest.raises(Conflict, match="in use"):
        bench.cloud.delete(Kind.SUBNET, bench.ids[INNER])


def test_a_network_stays_until_its_server_is_really_gone(slow_bench: Bench) -> None:
    server = slow_bench.make(SERVER)
    slow_bench.cloud.delete(Kind.SERVER, server.id)
    leaving = slow_bench.cloud.observe(Kind.SERVER, server.id)
    assert leaving is not None
    assert leaving.status is Status.DELETING
    with pytest.raises(Conflict):
        slow_bench.cloud.delete(Kind.NETWORK, slow_bench.ids[MAIN])
    slow_bench.gone(Kind.SERVER, server.id)
    slow_bench.cloud.delete(Kind.NETWORK, slow_bench.ids[MAIN])


@pytest.mark.parametrize("kind", [Kind.VOLUME_ATTACHMENT, Kind.RESERVED_IP_ASSIGNMENT])
def test_what_is_attached_outlives_its_server(bench: Bench, kind: Kind) -> None:
    attachment = bench.make(SAMPLES[kind])
    thing = Kind.VOLUME if kind is Kind.VOLUME_ATTACHMENT else Kind.RESERVED_IP
    bench.cloud.delete(Kind.SERVER, bench.ids[SERVER])
    assert bench.cloud.observe(kind, attachment.id) is None
    assert bench.cloud.observe(thing, bench.ids[SAMPLES[thing]]) is not None


def test_a_released_address_points_nowhere(bench: Bench) -> None:
    assignment = bench.make(SAMPLES[Kind.RESERVED_IP_ASSIGNMENT])
    bench.cloud.delete(Kind.RESERVED_IP, assignment.links["reserved_ip"])
    assert bench.cloud.observe(Kind.RESERVED_IP_ASSIGNMENT, assignment.id) is None


def test_a_server_without_a_key_is_no_error(bench: Bench) -> None:
    server = msgspec.structs.replace(bench.server, ssh_keys=())
    assert isinstance(server, Server)
    assert bench.make(SERVER, server).status is Status.READY
