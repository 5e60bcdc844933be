"""The part of the contract that is about many: many servers, many threads, several clusters and accounts."""
# ruff: noqa: S101 - a suite of tests asserts

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ...engine.domain.resources import Accepted, ClusterRef, Key, Kind
from ...engine.errors import ResourceMissing
from ...engine.ports import Cloud
from .bench import SERVER, Bench, new_cluster
from .hooks import Hooks

_THREADS = 8


def _ask_at_once(bench: Bench, names: list[str]) -> list[Accepted]:
    """Ask for servers from several threads at once."""
    bench.need(Kind.SERVER)
    requests = [bench.request(Key(Kind.SERVER, name)) for name in names]
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(bench.ask, requests))


def _servers(bench: Bench) -> set[str]:
    return {resource_id for kind, resource_id in bench.listed() if kind is Kind.SERVER}


def _everything_is_listed(bench: Bench) -> bool:
    return {(key.kind, resource_id) for key, resource_id in bench.ids.items()} <= bench.listed()


class Crowds(Hooks):
    """Rules about many things at once."""

    def test_many_servers_are_listed_completely(self, bench: Bench) -> None:
        """A list is complete, however many pages the cloud gives it in."""
        asked = _ask_at_once(bench, [f"workers-{number}" for number in range(self.many)])
        ids = {accepted.id for accepted in asked}
        assert len(ids) == self.many
        bench.until(lambda: ids <= _servers(bench), "not every server was listed")
        assert _servers(bench) == ids

    def test_threads_do_not_lose_each_others_servers(self, bench: Bench) -> None:
        """Eight threads that create at once get a server each, of the name that they asked for."""
        names = [f"workers-{number}" for number in range(_THREADS)]
        for name, accepted in zip(names, _ask_at_once(bench, names), strict=True):
            seen = bench.wait(Kind.SERVER, accepted)
            assert seen.id == accepted.id
            assert seen.name == bench.request(Key(Kind.SERVER, name)).name

    def test_clusters_with_similar_names_do_not_mix(self, new_bench: Callable[[ClusterRef], Bench]) -> None:
        """Each cluster lists its own only, though one's name begins like the other's."""
        web, web_2 = new_bench(new_cluster("web")), new_bench(new_cluster("web-2"))
        for kind in sorted(self.kinds & {Kind.FIREWALL, Kind.SERVER, Kind.VOLUME}):
            web.make(Key(kind, "2-a"))
            web_2.make(Key(kind, "a"))
        for bench in (web, web_2):
            bench.until(partial(_everything_is_listed, bench), "not everything was listed")
            assert bench.listed() == {(key.kind, resource_id) for key, resource_id in bench.ids.items()}
        assert not web.listed() & web_2.listed()

    def test_accounts_do_not_see_each_other(self, bench: Bench, other_account_cloud: Cloud) -> None:
        """What one account holds is neither listed, found, shown nor removed in another."""
        server = bench.make(SERVER)
        request = bench.request(SERVER)
        assert other_account_cloud.observe_all(bench.cluster) == []
        assert other_account_cloud.find(request) == []
        assert other_account_cloud.observe(Kind.SERVER, server.id) is None
        with self.refused(ResourceMissing, other_account_cloud):
            other_account_cloud.delete(Kind.SERVER, server.id)
        assert bench.cloud.observe(Kind.SERVER, server.id) is not None
