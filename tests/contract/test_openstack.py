"""OpenStack's adapter keeps the contract on a real control plane.

Servers are Nova's, made by a hypervisor that only pretends, in seconds: time passes by waiting.
"""

import time
from collections.abc import Callable, Iterator
from typing import ClassVar

import pytest

from kubisnap.adapters import openstack
from kubisnap.adapters.testing import Bench, CloudContract, Settle, new_cluster
from kubisnap.adapters.testing.bench import BALANCER, SAMPLES, SERVER, VOLUME
from kubisnap.engine.domain.resources import ClusterRef, Kind
from kubisnap.engine.ports import Cloud
from tests.contract.openstack_site import NONE_THERE, OpenStackSite, configuration, site

if configuration() is None:
    pytest.skip(NONE_THERE, allow_module_level=True)

pytestmark = [pytest.mark.openstack, pytest.mark.long]

_NAP = 0.3
"""Seconds between looks at a real cloud."""


_GROUND = frozenset({Kind.TAG, Kind.SSH_KEY, Kind.NETWORK, Kind.SUBNET})
_JOINS = frozenset({Kind.VOLUME_ATTACHMENT, Kind.LOAD_BALANCER_MEMBER, Kind.RESERVED_IP_ASSIGNMENT})
_ALONE = frozenset({"test_a_network_in_use_stays", "test_a_key_is_compared_without_its_comment"})
"""Tests that take away what others stand on."""


def _nap() -> None:
    time.sleep(_NAP)


@pytest.fixture(scope="module")
def cloud_site() -> Iterator[OpenStackSite]:
    with site() as made:
        yield made


class Ground:
    """What many tests stand on: a router takes seconds, a server and a load balancer many."""

    def __init__(self, cloud_site: OpenStackSite) -> None:
        self._site = cloud_site
        self._cloud = openstack.factory(cloud_site.settings[0])
        self._benches: dict[bool, Bench] = {}

    def bench(self, cloud: Cloud, cluster: ClusterRef) -> Bench:
        """Return a bench with nothing on it."""
        offer = (self._site.region, self._site.size, self._site.image)
        return Bench(cloud, _nap, cluster=cluster, kinds=frozenset(Kind), offer=offer, needs_subnet=True)

    def lent(self, cloud: Cloud, *, ends: bool) -> Bench:
        """Return a bench on which the ground is laid, and both ends of what joins two things if asked for."""
        if ends not in self._benches:
            self._benches[ends] = base = self.bench(self._cloud, new_cluster())
            base.need(Kind.SERVER)
            base.need(Kind.FIREWALL)
            for key in (SERVER, VOLUME, BALANCER, SAMPLES[Kind.RESERVED_IP]) if ends else ():
                base.make(key)
        base = self._benches[ends]
        bench = self.bench(cloud, base.cluster)
        bench.ids, bench.key = dict(base.ids), base.key
        return bench

    def clear(self) -> None:
        for bench in self._benches.values():
            bench.clear()
        self._cloud.close()


@pytest.fixture(scope="module")
def ground(cloud_site: OpenStackSite) -> Iterator[Ground]:
    laid = Ground(cloud_site)
    yield laid
    laid.clear()


class TestOpenStack(CloudContract):
    kinds = frozenset(Kind)
    # names are unique for keys only; what takes several steps, and what joins two things, is looked for first
    unique: ClassVar[frozenset[Kind]] = frozenset(
        {
            Kind.SSH_KEY,
            Kind.SUBNET,
            Kind.FIREWALL,
            Kind.VOLUME_ATTACHMENT,
            Kind.LOAD_BALANCER,
            Kind.LOAD_BALANCER_MEMBER,
            Kind.RESERVED_IP_ASSIGNMENT,
        }
    )
    needs_subnet = True
    many = 4  # a real server takes seconds; paging is tested on recorded answers

    @pytest.fixture(autouse=True)
    def offers(self, cloud_site: OpenStackSite, monkeypatch: pytest.MonkeyPatch) -> None:
        """Name what the site offers."""
        cls = type(self)
        monkeypatch.setattr(cls, "region", cloud_site.region, raising=False)
        monkeypatch.setattr(cls, "size", cloud_site.size, raising=False)
        monkeypatch.setattr(cls, "image", cloud_site.image, raising=False)
        monkeypatch.setattr(cls, "secrets", (*cloud_site.passwords, "#!/bin/sh"))

    @pytest.fixture
    def settle(self) -> Settle:
        return _nap

    @pytest.fixture
    def bench(
        self,
        request: pytest.FixtureRequest,
        new_bench: Callable[[ClusterRef], Bench],
        cloud: Cloud,
        ground: Ground,
    ) -> Iterator[Bench]:
        """Give a bench on laid ground, where a test is not about that itself."""
        called = getattr(request.node, "callspec", None)
        params = called.params if called is not None else {}
        kind = params.get("kind", params.get("unique_kind"))
        if kind in _GROUND or request.node.originalname in _ALONE:
            yield new_bench(new_cluster())
            return
        lent = ground.lent(cloud, ends=kind in _JOINS)
        yield lent
        lent.clear()

    @pytest.fixture
    def cloud(self, cloud_site: OpenStackSite) -> Iterator[Cloud]:
        yield from _opened(cloud_site.settings[0])

    @pytest.fixture
    def other_account_cloud(self, cloud_site: OpenStackSite) -> Iterator[Cloud]:
        yield from _opened(cloud_site.settings[1])

    @pytest.fixture
    def cloud_with_wrong_credentials(self, cloud_site: OpenStackSite) -> Iterator[Cloud]:
        yield from _opened({**cloud_site.settings[0], "OS_PASSWORD": "not-the-password"})

    @pytest.fixture
    def unreachable_cloud(self, cloud_site: OpenStackSite) -> Iterator[Cloud]:
        yield from _opened({**cloud_site.settings[0], "OS_AUTH_URL": "http://127.0.0.1:9/v3"})


def _opened(settings: dict[str, str]) -> Iterator[Cloud]:
    cloud = openstack.factory(settings)
    yield cloud
    cloud.close()
