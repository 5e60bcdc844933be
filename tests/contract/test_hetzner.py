"""Hetzner's adapter keeps the contract, against a simulator of its API."""

from collections.abc import Iterator
from typing import ClassVar

import pytest

from kubisnap.adapters import hetzner
from kubisnap.adapters.hetzner.simulator import HetznerSimulator
from kubisnap.adapters.testing import CloudContract, ManualClock, Settle
from kubisnap.engine.domain.resources import Kind
from kubisnap.engine.errors import Denied
from kubisnap.engine.ports import Cloud


class TestHetzner(CloudContract):
    region, size, image = "fsn1", "cx23", "ubuntu-24.04"
    many = 55  # Hetzner gives lists in pages of 50 at most
    kinds = frozenset(Kind) - {Kind.TAG, Kind.SUBNET, Kind.LOAD_BALANCER_MEMBER}
    # an address goes on pointing where it points when it is pointed there again
    unique = kinds - {Kind.RESERVED_IP_ASSIGNMENT}
    secrets: ClassVar[tuple[str, ...]] = ("hcloud-first", "hcloud-second", "hcloud-wrong")

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock()

    @pytest.fixture
    def settle(self, clock: ManualClock) -> Settle:
        return lambda: clock.sleep(1.0)

    @pytest.fixture
    def simulator(self, clock: ManualClock) -> Iterator[HetznerSimulator]:
        with HetznerSimulator(now=clock.now, hourly_limit=10**6) as simulator:
            simulator.add_project("first", "hcloud-first", server_limit=self.many + 10)
            simulator.add_project("second", "hcloud-second")
            yield simulator

    @pytest.fixture
    def cloud(self, simulator: HetznerSimulator) -> Iterator[Cloud]:
        yield from self._opened("hcloud-first", simulator.url)

    @pytest.fixture
    def other_account_cloud(self, simulator: HetznerSimulator) -> Iterator[Cloud]:
        yield from self._opened("hcloud-second", simulator.url)

    @pytest.fixture
    def cloud_with_wrong_credentials(self, simulator: HetznerSimulator) -> Iterator[Cloud]:
        yield from self._opened("hcloud-wrong", simulator.url)

    @pytest.fixture
    def unreachable_cloud(self) -> Iterator[Cloud]:
        with HetznerSimulator() as simulator:
            url = simulator.url
        yield from self._opened("hcloud-first", url)

    def _opened(self, token: str, url: str) -> Iterator[Cloud]:
        cloud = hetzner.factory({"HCLOUD_TOKEN": token, "HCLOUD_ENDPOINT": url})
        yield cloud
        cloud.close()

    def test_without_a_token_nothing_opens(self) -> None:
        with pytest.raises(Denied):
            hetzner.factory({})
