"""What belongs to a cluster, in which region ever; quotas and permissions; the simulator's own gate."""

import pytest

from kubisnap.adapters.aws import Aws
from kubisnap.adapters.aws.sessions import Access
from kubisnap.adapters.aws.simulator import Answer, AwsSimulator, Call
from kubisnap.adapters.testing import Bench
from kubisnap.adapters.testing.bench import FIREWALL, MAIN, SAMPLES, SERVER, VOLUME
from kubisnap.engine.domain.resources import Key, Kind, Network
from kubisnap.engine.errors import Denied
from kubisnap.engine.ports import Room
from tests.unit.adapters.aws.conftest import KEY, REGION, SECRET


def test_a_cluster_is_listed_in_whatever_region_it_is(bench: Bench, cloud: Aws) -> None:
    here = bench.make(MAIN)
    there = bench.make(Key(Kind.NETWORK, "other"), Network(region="us-east-1", cidr="10.99.0.0/20"))

    assert {item.id for item in cloud.observe_all(bench.cluster)} == {here.id, there.id}


def test_what_lost_its_tags_is_known_by_its_name(bench: Bench, cloud: Aws) -> None:
    bench.make(FIREWALL)
    volume = bench.make(VOLUME)
    client = cloud._talk._client("ec2", REGION)
    every = [bench.ids[key].partition("/")[2] for key in bench.ids if key.kind is not Kind.SSH_KEY]
    tags = ("cluster", "cluster-name", "kind", "name", "role")
    client.delete_tags(Resources=every, Tags=[{"Key": f"kubisnap:{tag}"} for tag in tags])

    listed = {(item.kind, item.id) for item in cloud.observe_all(bench.cluster)}
    assert listed == {(key.kind, resource_id) for key, resource_id in bench.ids.items()}
    assert cloud.find(bench.request(VOLUME)) == [volume]


def test_a_root_disk_is_a_part_of_its_server_and_no_volume(bench: Bench, cloud: Aws, account: str) -> None:
    bench.make(SERVER)

    assert [item for item in cloud.observe_all(bench.cluster) if item.kind is Kind.VOLUME] == []


def test_one_request_a_region_tells_that_nothing_is_there(
    bench: Bench, cloud: Aws, simulator: AwsSimulator
) -> None:
    simulator.calls.clear()
    assert cloud.observe_all(bench.cluster) == []
    assert sorted(call.action for call in simulator.calls) == [
        "DescribeRegions",
        "DescribeTags",
        "DescribeTags",
    ]


def test_a_quota_that_is_told_counts_what_is_there(bench: Bench, cloud: Aws, simulator: AwsSimulator) -> None:
    def quotas(call: Call) -> object | None:
        if call.action != "GetServiceQuota":
            return None
        return Answer(200, b'{"Quota": {"Value": 8.0}}')

    simulator.before = quotas
    bench.make(SERVER)
    bench.make(SAMPLES[Kind.LOAD_BALANCER])
    bench.make(SAMPLES[Kind.RESERVED_IP])
    rooms = cloud.allowance(REGION).rooms

    assert rooms["vcpu"] == Room(limit=8, used=2)
    assert rooms["reserved-ip"] == Room(limit=8, used=1)
    assert rooms["load-balancer"] == Room(limit=8, used=1)
    assert rooms["volume-gib"].limit == 8 * 1024


def test_a_quota_that_is_not_told_is_said_to_be_unasked(cloud: Aws) -> None:
    allowance = cloud.allowance(REGION)

    assert "vcpu" not in allowance.rooms
    assert any("L-1216C47A" in text for text in allowance.unasked)
    assert allowance.denied == ()


def test_what_the_credentials_may_not_do_is_told_without_doing_it(
    cloud: Aws, simulator: AwsSimulator, account: str
) -> None:
    simulator.deny(KEY, "RunInstances", "CreateVpc")

    assert set(cloud.allowance(REGION).denied) == {"create vpc (ec2)", "run instances (ec2)"}
    assert simulator.inventory(account) == {}


def test_a_key_that_opens_nothing_is_denied_everywhere(simulator: AwsSimulator, bench: Bench) -> None:
    stranger = Aws(
        Access.of(
            {
                "AWS_ACCESS_KEY_ID": "AKIASTRANGER",
                "AWS_SECRET_ACCESS_KEY": SECRET,
                "AWS_ENDPOINT_URL": simulator.url,
            }
        )
    )
    for ask in (
        stranger.account,
        stranger.catalogue,
        lambda: stranger.allowance(REGION),
        lambda: stranger.create(bench.request(MAIN)),
        lambda: stranger.observe_all(bench.cluster),
    ):
        with pytest.raises(Denied):
            ask()
    stranger.close()


def test_a_reset_empties_accounts(bench: Bench, simulator: AwsSimulator, account: str) -> None:
    bench.make(SERVER)
    assert simulator.inventory(account)["instance"]
    simulator.reset()

    assert simulator.inventory(account) == {}
