"""Every cloud adapter keeps the contract: the sandbox, and DigitalOcean's against a simulator of its API."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from kubisnap.adapters import digitalocean
from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator
from kubisnap.adapters.sandbox import Sandbox
from kubisnap.adapters.testing import CloudContract, ManualClock, Settle
from kubisnap.engine.domain.resources import Kind
from kubisnap.engine.errors import Denied
from kubisnap.engine.ports import Cloud


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


class TestSandbox(CloudContract):
    region, size, image = "sim-eu-central", "sb-1x1", "sim-ubuntu-24.04"
    kinds = frozenset(Kind) - {Kind.LOAD_BALANCER_MEMBER}
    unique = kinds - {Kind.SERVER}
    secrets: ClassVar[tuple[str, ...]] = ("#!/bin/sh",)  # it has no credentials; user data may hold some

    @pytest.fixture
    def settle(self, clock: ManualClock) -> Settle:
        return lambda: clock.sleep(5.0)

    @pytest.fixture
    def cloud(self, tmp_path: Path, clock: ManualClock) -> Iterator[Cloud]:
        yield from self._opened(tmp_path, "default", clock)

    @pytest.fixture
    def other_account_cloud(self, tmp_path: Path, clock: ManualClock) -> Iterator[Cloud]:
        yield from self._opened(tmp_path, "another", clock)

    @pytest.fixture
    def cloud_with_wrong_credentials(self, tmp_path: Path, clock: ManualClock) -> Iterator[Cloud]:
        yield from self._opened(tmp_path, "no name for an account", clock)

    @pytest.fixture
    def unreachable_cloud(self, tmp_path: Path, clock: ManualClock) -> Iterator[Cloud]:
        (tmp_path / "file").touch()
        yield from self._opened(tmp_path / "file", "default", clock)

    def _opened(self, folder: Path, account: str, clock: ManualClock) -> Iterator[Cloud]:
        sandbox = Sandbox(folder / "sandbox.sqlite", account=account, clock=clock, latency=1.0)
        yield sandbox
        sandbox.close()


class TestDigitalOcean(CloudContract):
    region, size, image = "fra1", "s-1vcpu-1gb", "ubuntu-24-04-x64"
    many = 210  # DigitalOcean gives lists in pages of 200 at most
    kinds = frozenset(Kind) - {Kind.SUBNET, Kind.LOAD_BALANCER_MEMBER}
    unique = kinds - {Kind.SERVER, Kind.TAG, Kind.RESERVED_IP}
    nameless = frozenset({Kind.RESERVED_IP})  # it keeps an address, neither name nor tags
    secrets: ClassVar[tuple[str, ...]] = ("dop_v1_first", "dop_v1_second", "dop_v1_wrong")

    @pytest.fixture
    def settle(self, clock: ManualClock) -> Settle:
        return lambda: clock.sleep(1.0)

    @pytest.fixture
    def simulator(self, clock: ManualClock) -> Iterator[DigitalOceanSimulator]:
        with DigitalOceanSimulator(now=clock.now, burst_limit=None, hourly_limit=10**6) as simulator:
            simulator.add_account("first", "dop_v1_first", droplet_limit=self.many + 10)
            simulator.add_account("second", "dop_v1_second")
            yield simulator

    @pytest.fixture
    def cloud(self, simulator: DigitalOceanSimulator) -> Iterator[Cloud]:
        yield from self._opened("dop_v1_first", simulator.url)

    @pytest.fixture
    def other_account_cloud(self, simulator: DigitalOceanSimulator) -> Iterator[Cloud]:
        yield from self._opened("dop_v1_second", simulator.url)

    @pytest.fixture
    def cloud_with_wrong_credentials(self, simulator: DigitalOceanSimulator) -> Iterator[Cloud]:
        yield from self._opened("dop_v1_wrong", simulator.url)

    @pytest.fixture
    def unreachable_cloud(self) -> Iterator[Cloud]:
        with DigitalOceanSimulator() as simulator:
            url = simulator.url
        yield from self._opened("dop_v1_first", url)

    def _opened(self, token: str, url: str) -> Iterator[Cloud]:
        cloud = digitalocean.factory({"DIGITALOCEAN_TOKEN": token, "DIGITALOCEAN_END_POINT": url})
        yield cloud
        cloud.close()

    def test_without_a_token_nothing_opens(self) -> None:
        with pytest.raises(Denied):
            digitalocean.factory({})
