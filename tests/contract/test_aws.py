"""AWS's adapter keeps the contract against moto, over HTTP on loopback.

What moto does not simulate (a removal refused for what is in use, throttling, client tokens, quotas, slow
starts) is no evidence here: see the unit tests of the adapter.
"""

from collections.abc import Iterator
from typing import ClassVar

import boto3
import msgspec
import pytest

from kubisnap.adapters import aws
from kubisnap.adapters.aws import Aws
from kubisnap.adapters.aws.sessions import Access
from kubisnap.adapters.aws.simulator import AwsSimulator
from kubisnap.adapters.testing import Bench, CloudContract, Settle
from kubisnap.adapters.testing.bench import SERVER
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


def opened(key: str, url: str) -> Cloud:
    settings = {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": _SECRET, "AWS_ENDPOINT_URL": url}
    return Aws(Access.of(settings), page_size=10)


@pytest.fixture(scope="module")
def clouds(simulator: AwsSimulator) -> Iterator[dict[str, Cloud]]:
    """One of each for all tests: boto3 reads megabytes of descriptions for a session."""
    clouds = {key: opened(key, simulator.url) for key in ("AKIAFIRST", "AKIASECOND", "AKIAWRONG")}
    yield clouds
    for cloud in clouds.values():
        cloud.close()


class TestAws(CloudContract):
    region, size, image = "eu-central-1", "t3.small", "ubuntu-24.04-amd64"
    kinds = frozenset(Kind)
    unique = kinds
    many = 23  # pages are of 10 here: AWS gives 1,000, which moto takes seconds for
    needs_subnet = needs_network = keys_in_region = True
    secrets: ClassVar[tuple[str, ...]] = (_SECRET, "#!/bin/sh")

    @pytest.fixture
    def settle(self) -> Settle:
        return lambda: None

    @pytest.fixture
    def cloud(self, clouds: dict[str, Cloud], simulator: AwsSimulator) -> Iterator[Cloud]:
        yield clouds["AKIAFIRST"]
        simulator.reset()  # moto shows what is terminated for ever, and gets slower with it

    @pytest.fixture
    def other_account_cloud(self, clouds: dict[str, Cloud]) -> Cloud:
        return clouds["AKIASECOND"]

    @pytest.fixture
    def cloud_with_wrong_credentials(self, clouds: dict[str, Cloud]) -> Cloud:
        return clouds["AKIAWRONG"]

    @pytest.fixture
    def unreachable_cloud(self) -> Iterator[Cloud]:
        with AwsSimulator() as simulator:
            url = simulator.url
        cloud = opened("AKIAFIRST", url)
        yield cloud
        cloud.close()

    def test_without_half_of_a_key_nothing_opens(self) -> None:
        with pytest.raises(Denied):
            aws.factory({"AWS_ACCESS_KEY_ID": "AKIAFIRST"})

    def test_a_server_has_as_large_a_disk_as_was_asked_for(
        self, bench: Bench, simulator: AwsSimulator
    ) -> None:
        made = bench.make(SERVER, msgspec.structs.replace(bench.server, disk_gib=77))
        client = boto3.client(
            "ec2",
            region_name=self.region,
            endpoint_url=simulator.url,
            aws_access_key_id="AKIAFIRST",
            aws_secret_access_key=_SECRET,
        )
        instance = made.id.rpartition("/")[2]
        (volume,) = client.describe_volumes(
            Filters=[{"Name": "attachment.instance-id", "Values": [instance]}]
        )["Volumes"]
        assert volume["Size"] == 77
        client.close()
