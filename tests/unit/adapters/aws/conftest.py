"""One simulator for all of these tests; each works in accounts that are empty, and as a new cluster."""

from collections.abc import Iterator

import pytest

from kubisnap.adapters.aws import Aws
from kubisnap.adapters.aws.sessions import Access
from kubisnap.adapters.aws.simulator import AwsSimulator
from kubisnap.adapters.testing import Bench, new_cluster
from kubisnap.engine.domain.resources import Kind

KEY, SECRET = "AKIATEST", "a-secret-that-nobody-may-see"
REGION, IMAGE = "eu-central-1", "ubuntu-24.04-amd64"


@pytest.fixture(scope="session")
def server() -> Iterator[AwsSimulator]:
    with AwsSimulator(regions=(REGION, "us-east-1")) as server:
        server.add_account(KEY)
        yield server


@pytest.fixture(scope="session")
def opened(server: AwsSimulator) -> Iterator[Aws]:
    settings = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ENDPOINT_URL": server.url}
    cloud = Aws(Access.of(settings))
    yield cloud
    cloud.close()


@pytest.fixture
def simulator(server: AwsSimulator) -> Iterator[AwsSimulator]:
    before, after = server.before, server.after
    yield server
    server.before, server.after = before, after
    server.accounts[KEY].denied.clear()
    server.reset()


@pytest.fixture
def cloud(opened: Aws, simulator: AwsSimulator) -> Aws:
    return opened


@pytest.fixture
def bench(cloud: Aws) -> Bench:
    return new_bench(cloud)


def new_bench(cloud: Aws) -> Bench:
    return Bench(
        cloud,
        lambda: None,
        cluster=new_cluster("web"),
        kinds=frozenset(Kind),
        offer=(REGION, "t3.small", IMAGE),
        needs_subnet=True,
        needs_network=True,
        keys_in_region=True,
    )


@pytest.fixture
def account(simulator: AwsSimulator) -> str:
    return simulator.accounts[KEY].number
