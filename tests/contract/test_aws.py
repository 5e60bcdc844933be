"""AWS's adapter keeps the contract against moto, over HTTP on loopback.

What moto does not simulate (a removal refused for what is in use, throttling, client tokens, quotas, slow starts)
is no evidence here: see the unit tests of the adapter.
"""

from collections.abc import Iterator
from typing import ClassVar

import pytest

from kubisnap.adapters import aws
from kubisnap.adapters.aws import Aws
from kubisnap.adapters.aws.sessions import Access
from kubisnap.adapters.aws.simulator import AwsSimulator
from kubisnap.adapters.testing import CloudContract, Settle
from kubisnap.engine.domain.resources import Kind
from kubisnap.engine.errors import Denied
from kubisnap.engine.ports import Cloud

_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


@pytest.fixture(scope="module")
def simulator() -> Iterator[AwsSimulator]:
    with AwsSimulator(regions=("eu-central-1", "us-east-1")) as simulator:
        simulator.add_account("AKIAFIRST")
        simulator.add_account("AKIASECOND")
        yield simulator


def opened(key: str, url: str) -> Iterator[Cloud]:
    settings = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": _SECRET, "AWS_ENDPOINT_URL": url}
    cloud = Aws(Access.of(settings), page_size=20)
    yield cloud
    cloud.close()


class TestAws(CloudContract):
    region, size, image = "eu-central-1", "t3.small", "ubuntu-24.04-amd64"
    kinds = frozenset(Kind)
    unique = kinds
    needs_subnet = needs_network = keys_in_region = True
    secrets: ClassVar[tuple[str, ...]] = (_SECRET, "#!/bin/sh")

    @pytest.fixture
    def settle(self) -> Settle:
        return lambda: None

    @pytest.fixture
    def cloud(self, simulator: AwsSimulator) -> Iterator[Cloud]:
        yield from opened("AKIAFIRST", simulator.url)

    @pytest.fixture
    def other_account_cloud(self, simulator: AwsSimulator) -> Iterator[Cloud]:
        yield from opened("AKIASECOND", simulator.url)

    @pytest.fixture
    def cloud_with_wrong_credentials(self, simulator: AwsSimulator) -> Iterator[Cloud]:
        yield from opened("AKIAWRONG", simulator.url)

    @pytest.fixture
    def unreachable_cloud(self) -> Iterator[Cloud]:
        with AwsSimulator() as simulator:
            url = simulator.url
        yield from opened("AKIAFIRST", url)

    def test_without_half_of_a_key_nothing_opens(self) -> None:
        with pytest.raises(Denied):
            aws.factory({"AWS_ACCESS_KEY_ID": "AKIAFIRST"})
