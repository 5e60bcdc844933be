"""The adapter against the simulator: what lives only there, beyond the contract that all adapters keep."""

from collections.abc import Iterator
from decimal import Decimal

import msgspec
import pytest

from kubisnap.adapters import digitalocean
from kubisnap.adapters.digitalocean import DigitalOcean
from kubisnap.adapters.digitalocean.access import fingerprint
from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator, FaultRule
from kubisnap.adapters.testing import Bench, ManualClock, new_cluster, public_key
from kubisnap.adapters.testing.bench import ADMIN, BALANCER, FIREWALL, MAIN, SAMPLES, SERVER, VOLUME
from kubisnap.engine.domain.model import Role
from kubisnap.engine.domain.resources import Accepted, Key, Kind, Network, SshKey, Tag
from kubisnap.engine.errors import Conflict, Denied, QuotaExceeded, RateLimited, Rejected, Unavailable

TOKEN = "dop_v1_first"
IP = SAMPLES[Kind.RESERVED_IP]
ASSIGNMENT = SAMPLES[Kind.RESERVED_IP_ASSIGNMENT]
ATTACHMENT = SAMPLES[Kind.VOLUME_ATTACHMENT]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def simulator(clock: ManualClock) -> Iterator[DigitalOceanSimulator]:
    with DigitalOceanSimulator(accounts={"first": TOKEN}, now=clock.now, burst_limit=None) as simulator:
        yield simulator


@pytest.fixture
def cloud(simulator: DigitalOceanSimulator, clock: ManualClock) -> Iterator[DigitalOcean]:
    cloud = DigitalOcean(TOKEN, end_point=simulator.url, now=clock.now)
    yield cloud
    cloud.close()


@pytest.fixture
def bench(cloud: DigitalOcean, clock: ManualClock) -> Bench:
    return bench_on(cloud, clock)


def bench_on(cloud: DigitalOcean, clock: ManualClock, name: str = "web") -> Bench:
    offer = ("fra1", "s-1vcpu-1gb", "ubuntu-24-04-x64")
    kinds = frozenset(Kind) - {Kind.SUBNET, Kind.LOAD_BALANCER_MEMBER}
    return Bench(cloud, lambda: clock.sleep(1.0), cluster=new_cluster(name), kinds=kinds, offer=offer)


# Opening it


def test_the_first_token_that_is_set_opens_it(simulator: DigitalOceanSimulator) -> None:
    settings = {
        "DIGITALOCEAN_TOKEN": " \n",
        "DIGITALOCEAN_ACCESS_TOKEN": f"{TOKEN}\n",
        "DIGITALOCEAN_END_POINT": simulator.url.removesuffix("/"),
    }
    cloud = digitalocean.factory(settings)
    assert cloud.name == "digitalocean"
    assert cloud.account().title.startswith("first")
    cloud.close()


def test_settings_win_over_the_environment(
    simulator: DigitalOceanSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITALOCEAN_ACCESS_TOKEN", "another")
    monkeypatch.setenv("DIGITALOCEAN_END_POINT", "https://elsewhere.invalid/v2/")
    cloud = digitalocean.factory({"DIGITALOCEAN_TOKEN": TOKEN, "DIGITALOCEAN_END_POINT": simulator.url})
    assert cloud.account().id
    cloud.close()
    with pytest.raises(Denied) as error:
        digitalocean.factory({"DIGITALOCEAN_TOKEN": ""})
    assert error.value.hint == "export DIGITALOCEAN_TOKEN=..."


def test_without_an_end_point_it_is_digitaloceans_own() -> None:
    cloud = digitalocean.factory({"DIGITALOCEAN_TOKEN": TOKEN})
    assert repr(cloud) == "DigitalOcean('https://api.digitalocean.com/v2/')"
    cloud.close()


def test_the_package_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Droplet'"):
        _ = digitalocean.Droplet


# What is on offer


def test_the_catalogue_speaks_neutral_names(cloud: DigitalOcean) -> None:
    catalogue = cloud.catalogue()
    systems = {image.os for image in catalogue.images}
    assert {"ubuntu-24.04", "debian-12", "rocky-9", "alma-9", "centos-stream-9", "fedora-42"} <= systems
    frankfurt = catalogue.region("fra1")
    assert frankfurt is not None
    assert (frankfurt.latitude, frankfurt.longitude) == (50.11, 8.68)
    small = catalogue.size("s-1vcpu-1gb")
    assert small is not None
    assert (small.memory_mib, small.disk_gib, small.monthly) == (1024, 25, Decimal(6))
    assert small.hourly == Decimal("0.00893")
    assert catalogue.prices.volume_gib == Decimal("0.10")
    assert catalogue.max_user_data == 65536


def test_what_is_sold_out_is_not_on_offer(cloud: DigitalOcean) -> None:
    catalogue = cloud.catalogue()
    assert catalogue.size("m-4vcpu-32gb") is None
    closed = catalogue.region("nyc2")
    assert closed is not None
    assert not closed.available


# Servers


def test_a_server_becomes_ready_when_its_address_is_known(bench: Bench, clock: ManualClock) -> None:
    bench.need(Kind.SERVER)
    accepted = bench.ask(bench.request(SERVER))
    assert accepted.token
    assert bench.cloud.ready(Kind.SERVER, accepted) is None
    clock.sleep(1.5)
    assert bench.cloud.ready(Kind.SERVER, accepted) is None
    clock.sleep(1.0)
    seen = bench.cloud.ready(Kind.SERVER, accepted)
    assert seen is not None
    assert set(seen.attributes) == {"public_ip", "private_ip"}
    assert bench.cloud.ready(Kind.SERVER, Accepted(id=accepted.id)) == seen


def test_a_server_carries_the_tags_that_firewalls_go_by(
    bench: Bench, simulator: DigitalOceanSimulator
) -> None:
    bench.make(SERVER)
    (droplet,) = simulator.snapshot("first")["droplets"]
    short = bench.cluster.short
    assert sorted(droplet["tags"]) == [f"kubisnap-{short}", f"kubisnap-{short}-worker"]


def test_a_fresh_server_is_ready_though_the_list_lags(clock: ManualClock) -> None:
    """digitalocean/api-v2#202: a droplet just made is missing from the list for seconds."""
    with DigitalOceanSimulator(accounts={"first": TOKEN}, now=clock.now, list_lag_seconds=60.0) as simulator:
        cloud = DigitalOcean(TOKEN, end_point=simulator.url)
        bench = bench_on(cloud, clock)
        seen = bench.make(SERVER)
        assert cloud.find(bench.request(SERVER)) == []
        clock.sleep(60.0)
        assert cloud.find(bench.request(SERVER)) == [seen]
        cloud.close()


def test_a_server_whose_answer_was_lost_is_found_again(
    bench: Bench, simulator: DigitalOceanSimulator
) -> None:
    bench.need(Kind.SERVER)
    simulator.inject(FaultRule(action="lose_answer", method="POST", path="droplets"))
    with pytest.raises(Unavailable) as error:
        bench.ask(bench.request(SERVER))
    assert error.value.ambiguous
    assert [seen.name for seen in bench.cloud.find(bench.request(SERVER))] == [bench.request(SERVER).name]


def test_too_many_servers_are_a_matter_of_quota(bench: Bench, simulator: DigitalOceanSimulator) -> None:
    bench.need(Kind.SERVER)
    simulator.set_droplet_limit("first", 0)
    with pytest.raises(QuotaExceeded):
        bench.ask(bench.request(SERVER))


def test_too_many_requests_say_how_long_to_wait(clock: ManualClock) -> None:
    accounts = {"first": TOKEN}
    with DigitalOceanSimulator(accounts=accounts, now=clock.now, burst_limit=2, hourly_limit=3) as simulator:
        cloud = DigitalOcean(TOKEN, end_point=simulator.url, now=clock.now)
        cloud.account()
        cloud.account()
        with pytest.raises(RateLimited) as burst:
            cloud.account()
        assert burst.value.retry_after == 60.0
        clock.sleep(60.0)
        cloud.account()
        with pytest.raises(RateLimited) as hourly:
            cloud.account()
        assert hourly.value.retry_after == 3540.0
        cloud.close()


# Keys


def test_a_key_that_somebody_else_put_there_is_found_under_its_own_name(
    cloud: DigitalOcean, bench: Bench, clock: ManualClock
) -> None:
    theirs = bench_on(cloud, clock, "other")
    key = SshKey(public_key=f"{bench.key.public_key} ada@example.com")
    seen = theirs.make(ADMIN, key)
    with pytest.raises(Conflict):
        bench.ask(bench.request(ADMIN))
    assert bench.cloud.find(bench.request(ADMIN)) == [seen]
    assert seen.name != bench.request(ADMIN).name


def test_a_fingerprint_is_what_digitalocean_calls_a_key_by() -> None:
    assert fingerprint("ssh-ed25519 AAAA comment") == "69:3e:9a:f8:4d:3d:fc:c7:1e:64:0e:00:5b:dc:5e:2e"
    assert fingerprint("ssh-ed25519 not*base64") is None
    assert fingerprint("ssh-ed25519") is None
    assert fingerprint(public_key()) is not None


# Networks


def test_a_network_that_overlaps_another_is_rejected(bench: Bench) -> None:
    bench.make(MAIN)
    with pytest.raises(Rejected, match="overlaps"):
        bench.ask(bench.request(Key(Kind.NETWORK, "second"), Network(region="fra1", cidr="10.77.0.0/20")))


def test_a_default_network_is_not_waited_for(bench: Bench, simulator: DigitalOceanSimulator) -> None:
    """DigitalOcean never removes it, so it is no conflict that time would settle."""
    bench.need(Kind.SERVER)
    request = bench.request(SERVER, msgspec.structs.replace(bench.server, network=""))
    seen = bench.wait(Kind.SERVER, bench.ask(request))
    with pytest.raises(Rejected, match="default"):
        bench.cloud.delete(Kind.NETWORK, seen.links["network"])


# Attachments and addresses


def test_a_volume_in_one_server_cannot_go_into_another(bench: Bench) -> None:
    attachment = bench.make(ATTACHMENT)
    second = Key(Kind.SERVER, "workers-1")
    server = bench.make(second, bench.server)
    elsewhere = bench.request(ATTACHMENT)
    elsewhere = msgspec.structs.replace(elsewhere, ids=elsewhere.ids | {SERVER: server.id})
    with pytest.raises(Conflict):
        bench.cloud.create(elsewhere)
    assert bench.cloud.find(elsewhere) == []
    assert bench.cloud.observe(Kind.VOLUME_ATTACHMENT, f"{attachment.links['volume']}:{server.id}") is None


def test_a_resize_that_fails_is_rejected(bench: Bench, simulator: DigitalOceanSimulator) -> None:
    seen = bench.make(VOLUME)
    body = {"action": {"id": 12, "status": "errored", "type": "resize"}}
    simulator.inject(FaultRule(action="status", status=200, path="actions/12", body=body))
    with pytest.raises(Rejected, match="resize 12 failed"):
        bench.cloud.ready(Kind.VOLUME, Accepted(id=seen.id, token="12"))


def test_only_what_changes_in_place_is_changed_in_place(bench: Bench) -> None:
    seen = bench.make(MAIN)
    with pytest.raises(Rejected, match="cidr cannot be changed in place"):
        bench.cloud.update(bench.request(MAIN), seen.id, frozenset({"cidr"}))
    with pytest.raises(Rejected, match="region, size_gib cannot be changed"):
        bench.cloud.update(bench.request(VOLUME), "x", frozenset({"region", "size_gib"}))


def test_an_address_is_listed_while_it_points_to_the_cluster(bench: Bench) -> None:
    """DigitalOcean keeps neither name nor tags with it: pointing nowhere it is anybody's."""
    address = bench.make(IP)
    assert (Kind.RESERVED_IP, address.id) not in bench.listed()
    assert bench.cloud.find(bench.request(IP)) == []
    assignment = bench.make(ASSIGNMENT)
    assert {(Kind.RESERVED_IP, address.id), (Kind.RESERVED_IP_ASSIGNMENT, assignment.id)} <= bench.listed()
    assert assignment.links == {"reserved_ip": address.id, "server": bench.ids[SERVER]}
    bench.remove(Kind.RESERVED_IP_ASSIGNMENT, assignment.id)
    assert bench.cloud.observe(Kind.RESERVED_IP, address.id) == address


def test_an_assignment_to_another_server_is_left_alone(bench: Bench) -> None:
    assignment = bench.make(ASSIGNMENT)
    stale = f"{assignment.links['reserved_ip']}:999"
    assert bench.cloud.observe(Kind.RESERVED_IP_ASSIGNMENT, stale) is None
    bench.remove(Kind.RESERVED_IP_ASSIGNMENT, stale)
    assert bench.cloud.observe(Kind.RESERVED_IP_ASSIGNMENT, assignment.id) == assignment


@pytest.mark.parametrize(
    "resource_id", ["", "x", "..", "1.2.3", "1.2.3.4:", "1.2.3.4:x", "a/b:1", ":1", "01.2.3.4", "é:1"]
)
@pytest.mark.parametrize("kind", sorted(set(Kind) - {Kind.SUBNET, Kind.LOAD_BALANCER_MEMBER}))
def test_what_is_no_id_is_nothing(cloud: DigitalOcean, kind: Kind, resource_id: str) -> None:
    assert cloud.observe(kind, resource_id) is None


# The whole


def test_everything_of_a_cluster_is_listed_once_and_in_order(bench: Bench) -> None:
    bench.need(Kind.SERVER)
    for key in (FIREWALL, VOLUME, ATTACHMENT, BALANCER, IP, ASSIGNMENT):
        bench.make(key)
    seen = bench.cloud.observe_all(bench.cluster)
    assert [item.kind for item in seen] == sorted((item.kind for item in seen), key=list(Kind).index)
    assert sorted((item.kind, item.id) for item in seen) == sorted(
        (key.kind, resource_id) for key, resource_id in bench.ids.items()
    )
    assert all(item == bench.cloud.observe(item.kind, item.id) for item in seen)


def test_a_list_of_everything_takes_one_list_of_each_kind(
    cloud: DigitalOcean, simulator: DigitalOceanSimulator
) -> None:
    """250 requests a minute are soon used up."""
    cloud.observe_all(new_cluster())
    paths = [request.path for request in simulator.requests]
    assert len(paths) == 9
    assert paths.count("/v2/droplets") == 2  # GPU droplets are a list of their own


@pytest.mark.parametrize(
    "path",
    ["tags", "account/keys", "vpcs", "firewalls", "droplets", "volumes", "load_balancers", "reserved_ips"],
)
def test_no_list_of_everything_leaves_out_a_kind_that_failed(
    cloud: DigitalOcean, simulator: DigitalOceanSimulator, path: str
) -> None:
    simulator.inject(FaultRule(action="status", status=503, path=path))
    with pytest.raises(Unavailable):
        cloud.observe_all(new_cluster())


def test_a_page_that_fails_fails_the_whole_list(
    bench: Bench, simulator: DigitalOceanSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kubisnap.adapters.digitalocean.transport.PAGE_SIZE", 2)
    for role in (None, *Role):
        bench.make(Key(Kind.TAG, role or "cluster"), Tag(role=role))
    assert len(bench.listed()) == 3
    simulator.inject(FaultRule(action="error_on_page", page=2, status=429, path="tags"))
    with pytest.raises(RateLimited):
        bench.cloud.observe_all(bench.cluster)


def test_there_are_no_subnets(bench: Bench) -> None:
    assert Kind.SUBNET not in bench.cloud.catalogue().kinds
    with pytest.raises(Rejected, match="has no subnet"):
        bench.cloud.create(bench.request(Key(Kind.SUBNET, "inner")))


def test_a_request_must_name_what_it_needs(bench: Bench) -> None:
    with pytest.raises(Rejected, match="network/main, whose id is not known"):
        bench.cloud.create(msgspec.structs.replace(bench.request(SERVER), ids={ADMIN: "12"}))
    with pytest.raises(Rejected, match="is no server"):
        bench.cloud.create(msgspec.structs.replace(bench.request(SERVER), resource=Tag()))
