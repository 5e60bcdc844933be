"""How time goes by at the simulated cloud, and that all chance comes from the seed."""

import ipaddress
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from kubisnap.adapters.sandbox import Sandbox
from kubisnap.adapters.sandbox.timing import DEFAULT_SCALE, Timing
from kubisnap.adapters.testing import Bench, ManualClock
from kubisnap.adapters.testing.bench import MAIN, SERVER, VOLUME
from kubisnap.engine.domain.resources import ClusterRef, Key, Kind, Network, Observed, Status, Volume
from kubisnap.engine.errors import QuotaExceeded, ResourceMissing

Opener = Callable[..., Sandbox]


def test_a_server_takes_as_long_as_a_real_one(slow_bench: Bench, clock: ManualClock) -> None:
    slow_bench.need(Kind.SERVER)
    accepted = slow_bench.ask(slow_bench.request(SERVER))
    clock.sleep(19.9)
    assert slow_bench.cloud.ready(Kind.SERVER, accepted) is None
    making = slow_bench.cloud.observe(Kind.SERVER, accepted.id)
    assert making is not None
    assert making.status is Status.CREATING
    clock.sleep(25.2)
    ready = slow_bench.cloud.ready(Kind.SERVER, accepted)
    assert ready == msgspec.structs.replace(making, status=Status.READY)


def test_a_change_takes_a_while_and_leaves_the_thing_usable(slow_bench: Bench, clock: ManualClock) -> None:
    volume = slow_bench.make(VOLUME)
    request = slow_bench.request(VOLUME, Volume(region="sim-us-east", size_gib=20))
    accepted = slow_bench.cloud.update(request, volume.id, frozenset({"size_gib"}))
    assert slow_bench.cloud.ready(Kind.VOLUME, accepted) is None
    seen = slow_bench.cloud.observe(Kind.VOLUME, volume.id)
    assert seen is not None
    assert seen.status is Status.READY
    clock.sleep(8.0)
    assert slow_bench.cloud.ready(Kind.VOLUME, accepted) == seen


def test_a_server_leaves_for_a_while(slow_bench: Bench, clock: ManualClock) -> None:
    server = slow_bench.make(SERVER)
    slow_bench.cloud.delete(Kind.SERVER, server.id)
    clock.sleep(4.9)
    slow_bench.cloud.delete(Kind.SERVER, server.id)  # asking again changes nothing
    assert [seen.status for seen in slow_bench.cloud.find(slow_bench.request(SERVER))] == [Status.DELETING]
    clock.sleep(7.2)
    assert slow_bench.cloud.find(slow_bench.request(SERVER)) == []
    with pytest.raises(ResourceMissing):
        slow_bench.cloud.delete(Kind.SERVER, server.id)


def test_what_left_while_it_was_made_never_becomes_ready(slow_bench: Bench) -> None:
    slow_bench.need(Kind.SERVER)
    accepted = slow_bench.ask(slow_bench.request(SERVER))
    slow_bench.cloud.delete(Kind.SERVER, accepted.id)
    with pytest.raises(ResourceMissing, match="being deleted"):
        slow_bench.cloud.ready(Kind.SERVER, accepted)


def test_without_latency_everything_is_done_at_once(bench: Bench) -> None:
    bench.need(Kind.SERVER)
    accepted = bench.ask(bench.request(SERVER))
    assert bench.cloud.ready(Kind.SERVER, accepted) is not None
    bench.cloud.delete(Kind.SERVER, accepted.id)
    assert bench.cloud.observe(Kind.SERVER, accepted.id) is None


def test_a_small_cluster_takes_about_a_second_by_default() -> None:
    timing = Timing(0, DEFAULT_SCALE)
    slowest = max(timing.seconds("create", Kind.SERVER, f"srv-{number}") for number in range(3))
    assert 0.4 <= slowest + timing.seconds("create", Kind.NETWORK, "net-0") <= 1.0


def test_calls_may_take_time_of_their_own(opened: Opener, clock: ManualClock) -> None:
    sandbox = opened(call_seconds=0.25)
    before = clock.now()
    sandbox.account()
    sandbox.catalogue()
    assert clock.now() == before + 0.5


def _story(bench: Bench, order: list[int]) -> dict[str, tuple[str, dict[str, str]]]:
    bench.need(Kind.SERVER)
    requests = [bench.request(Key(Kind.SERVER, f"workers-{number}")) for number in order]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(bench.ask, requests))
    seen = [item for item in bench.cloud.observe_all(bench.cluster) if item.kind is Kind.SERVER]
    return {item.name: (item.id, item.attributes) for item in seen}


@pytest.mark.parametrize("seed", [0, 7])
def test_one_seed_tells_one_story_in_whatever_order(
    tmp_path: Path, opened: Opener, bench_on: Callable[[Sandbox], Bench], seed: int
) -> None:
    benches = [bench_on(opened(path=tmp_path / str(number), seed=seed)) for number in range(2)]
    # a cluster in which no two servers draw the same address: whoever comes second gets the next one
    benches[0].cluster = ClusterRef(id="0123456789abcdef" * 2, name="web")
    benches[1].cluster, benches[1].key = benches[0].cluster, benches[0].key
    order = list(range(12))
    first = _story(benches[0], order)
    random.Random(1).shuffle(order)
    assert _story(benches[1], order) == first


def test_another_seed_tells_another_story(
    tmp_path: Path, opened: Opener, bench_on: Callable[[Sandbox], Bench]
) -> None:
    benches = [bench_on(opened(path=tmp_path / str(seed), seed=seed)) for seed in range(2)]
    benches[1].cluster = benches[0].cluster
    first, second = (bench.make(VOLUME) for bench in benches)
    assert first.name == second.name
    assert first.id != second.id


def test_an_id_is_never_given_twice(bench: Bench) -> None:
    ids = set()
    for _ in range(3):
        seen = bench.make(VOLUME)
        ids.add(seen.id)
        bench.cloud.delete(Kind.VOLUME, seen.id)
    assert len(ids) == 3


def _servers(bench: Bench, count: int) -> list[Observed]:
    return [bench.make(Key(Kind.SERVER, f"workers-{number}")) for number in range(count)]


def test_addresses_are_distinct_and_where_they_belong(bench: Bench) -> None:
    servers = _servers(bench, 20)
    assert len({seen.attributes["private_ip"] for seen in servers}) == 20
    assert len({seen.attributes["public_ip"] for seen in servers}) == 20
    network = ipaddress.ip_network("10.77.0.0/20")
    documentation = [ipaddress.ip_network(text) for text in ("198.51.100.0/24", "203.0.113.0/24")]
    for seen in servers:
        assert ipaddress.ip_address(seen.attributes["private_ip"]) in network
        assert any(ipaddress.ip_address(seen.attributes["public_ip"]) in home for home in documentation)


def test_a_small_network_fills_up_and_empties_again(bench: Bench) -> None:
    bench.make(MAIN, Network(region="sim-us-east", cidr="10.9.0.0/28"))
    servers = _servers(bench, 13)  # 16 less the network's own, the gateway's and the broadcast address
    private = {ipaddress.ip_address(seen.attributes["private_ip"]) for seen in servers}
    assert private == set(ipaddress.ip_network("10.9.0.0/28").hosts()) - {ipaddress.ip_address("10.9.0.1")}
    with pytest.raises(QuotaExceeded, match="no address"):
        bench.make(Key(Kind.SERVER, "one-more"))
    bench.cloud.delete(Kind.SERVER, servers[0].id)
    assert (
        bench.make(Key(Kind.SERVER, "one-more")).attributes["private_ip"]
        == servers[0].attributes["private_ip"]
    )


def test_benchmarks_get_public_addresses_too(sandbox: Sandbox, bench: Bench) -> None:
    sandbox.set_quota("default", Kind.SERVER, 600)
    bench.make(MAIN, Network(region="sim-us-east", cidr="10.8.0.0/16"))
    servers = _servers(bench, 520)
    assert len({seen.attributes["public_ip"] for seen in servers}) == 520
    assert any(seen.attributes["public_ip"].startswith("198.18.") for seen in servers)
