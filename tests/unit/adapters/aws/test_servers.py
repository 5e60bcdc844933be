"""Servers and volumes: what moto does not know of, and what AWS gives up on."""

import msgspec
import pytest

from kubisnap.adapters.aws import Aws
from kubisnap.adapters.aws.simulator import Answer, AwsSimulator, Call, Cut
from kubisnap.adapters.aws.storage import DEVICES, free_device
from kubisnap.adapters.aws.wire import Device, Instance, State
from kubisnap.adapters.testing import Bench
from kubisnap.adapters.testing.bench import SAMPLES, SERVER, VOLUME
from kubisnap.engine.domain.resources import Accepted, Key, Kind, Volume
from kubisnap.engine.errors import Conflict, QuotaExceeded, Rejected, Unavailable
from tests.unit.adapters.aws.conftest import REGION
from tests.unit.adapters.aws.faults import failing, nothing

RUN = "RunInstances"
ARN = f"arn:aws:elasticloadbalancing:{REGION}:123456789012:loadbalancer/net/ks-a/0123456789abcdef"


def started(simulator: AwsSimulator) -> list[Call]:
    return [call for call in simulator.calls if call.action == RUN]


def instance(name: str, state: str) -> bytes:
    text = f"<instanceId>{name}</instanceId><instanceState><name>{state}</name></instanceState>"
    return f"<item>{text}</item>".encode()


def test_a_server_is_started_as_it_should_be(bench: Bench, simulator: AwsSimulator) -> None:
    bench.make(SERVER)
    (call,) = started(simulator)
    asked = call.parameters

    assert (asked["MinCount"], asked["MaxCount"]) == ("1", "1")
    assert asked["MetadataOptions.HttpTokens"] == "required"
    assert asked["BlockDeviceMapping.1.Ebs.Encrypted"] == "true"
    assert asked["BlockDeviceMapping.1.Ebs.DeleteOnTermination"] == "true"
    assert (asked["BlockDeviceMapping.1.Ebs.VolumeType"], asked["BlockDeviceMapping.1.Ebs.VolumeSize"]) == (
        "gp3",
        "20",
    )
    assert asked["NetworkInterface.1.AssociatePublicIpAddress"] == "true"
    groups = {value for name, value in asked.items() if name.startswith("NetworkInterface.1.SecurityGroupId")}
    assert groups == {bench.ids[key].partition("/")[2] for key in bench.ids if key.kind is Kind.TAG}
    tags = [value for name, value in asked.items() if name.startswith("TagSpecification.1.Tag")]
    assert {bench.cluster.id, bench.cluster.name, "worker", "workers", "workers-0"} <= set(tags)


def test_the_newest_image_of_its_makers_is_taken_whoever_else_publishes_one(
    bench: Bench, simulator: AwsSimulator, cloud: Aws
) -> None:
    bench.make(SERVER)
    (call,) = started(simulator)
    images = cloud._talk._client("ec2", REGION).describe_images(ImageIds=[call.parameters["ImageId"]])[
        "Images"
    ]

    assert images[0]["OwnerId"] == "099720109477"
    assert "noble-24.04-amd64-server-20250901" in images[0]["Name"]


def test_an_image_for_other_processors_is_rejected_before_anything_is_asked(
    bench: Bench, cloud: Aws, simulator: AwsSimulator
) -> None:
    bench.need(Kind.SERVER)
    wrong = msgspec.structs.replace(bench.server, size="t4g.small")

    with pytest.raises(Rejected, match=r"does not run on a t4g\.small"):
        cloud.create(bench.request(SERVER, wrong))
    right = msgspec.structs.replace(wrong, image="ubuntu-24.04-arm64")
    assert bench.make(SERVER, right).properties["image"] == "ubuntu-24.04-arm64"


def test_asked_again_after_a_lost_answer_aws_is_given_the_same_token(
    bench: Bench, cloud: Aws, simulator: AwsSimulator
) -> None:
    bench.need(Kind.SERVER)
    simulator.before = failing(RUN, Cut)
    for _ in range(2):
        with pytest.raises(Unavailable) as caught:
            cloud.create(bench.request(SERVER))
        assert caught.value.ambiguous

    first, second = started(simulator)
    assert first.parameters["ClientToken"] == second.parameters["ClientToken"]


def test_a_server_whose_answer_was_lost_is_found_and_not_started_again(
    bench: Bench, cloud: Aws, simulator: AwsSimulator, account: str
) -> None:
    bench.need(Kind.SERVER)
    simulator.after = failing(RUN, Cut)
    with pytest.raises(Unavailable):
        cloud.create(bench.request(SERVER))
    simulator.after = nothing

    assert len(cloud.find(bench.request(SERVER))) == 1
    with pytest.raises(Conflict):
        cloud.create(bench.request(SERVER))
    assert len(simulator.inventory(account)["instance"]) == 1


def test_a_replacement_under_the_same_name_has_a_token_of_its_own(
    bench: Bench, simulator: AwsSimulator
) -> None:
    first = bench.make(SERVER)
    bench.remove(Kind.SERVER, first.id)
    second = bench.make(SERVER)

    assert second.id != first.id
    assert len({call.parameters["ClientToken"] for call in started(simulator)}) == 2


def test_a_token_that_aws_remembers_a_gone_server_for_is_not_used_again(
    bench: Bench, cloud: Aws, simulator: AwsSimulator
) -> None:
    answers = [instance("i-0000000a", "terminated"), instance("i-0000000b", "pending")]
    bench.need(Kind.SERVER)

    def remembering(call: Call) -> object | None:
        if call.action != RUN:
            return None
        return Answer(200, b"<R><instancesSet>" + answers.pop(0) + b"</instancesSet></R>")

    simulator.before = remembering
    assert cloud.create(bench.request(SERVER)) == Accepted(id=f"{REGION}/i-0000000b")
    assert len({call.parameters["ClientToken"] for call in started(simulator)}) == 2


def test_two_servers_of_one_name_are_both_found(bench: Bench, cloud: Aws) -> None:
    first = bench.make(SERVER)
    client = cloud._talk._client("ec2", REGION)
    told = client.describe_instances(InstanceIds=[first.id.partition("/")[2]])["Reservations"][0][
        "Instances"
    ][0]
    twin = client.run_instances(
        ImageId=told["ImageId"],
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": told["Tags"]}],
    )["Instances"][0]["InstanceId"]

    assert {item.id for item in cloud.find(bench.request(SERVER))} == {first.id, f"{REGION}/{twin}"}
    listed = [item for item in cloud.observe_all(bench.cluster) if item.kind is Kind.SERVER]
    assert {item.id for item in listed} == {first.id, f"{REGION}/{twin}"}


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("VcpuLimitExceeded", 400, QuotaExceeded),
        ("InsufficientInstanceCapacity", 500, Unavailable),
        ("Unsupported", 400, Rejected),
    ],
)
def test_a_server_that_aws_will_not_start_is_in_no_doubt(
    bench: Bench, cloud: Aws, simulator: AwsSimulator, code: str, status: int, kind: type[Exception]
) -> None:
    bench.need(Kind.SERVER)
    simulator.before = failing(RUN, Answer.error(code, "no", status))

    with pytest.raises(kind) as caught:
        cloud.create(bench.request(SERVER))
    assert not getattr(caught.value, "ambiguous", True)
    assert cloud.find(bench.request(SERVER)) == []


def test_why_aws_gave_up_on_a_server_is_told(bench: Bench, cloud: Aws, simulator: AwsSimulator) -> None:
    server = bench.make(SERVER)
    text = (
        "<R><reservationSet><item><instancesSet><item>"
        f"<instanceId>{server.id.partition('/')[2]}</instanceId>"
        "<instanceState><name>terminated</name></instanceState>"
        "<stateReason><message>Volume limit exceeded</message></stateReason>"
        "</item></instancesSet></item></reservationSet></R>"
    )
    simulator.before = failing("DescribeInstances", Answer(200, text.encode()))

    with pytest.raises(Rejected, match="Volume limit exceeded"):
        cloud.ready(Kind.SERVER, Accepted(id=server.id))
    assert cloud.observe(Kind.SERVER, server.id) is None


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Kind.TAG, "sg-0123456789abcdef0"),
        (Kind.SSH_KEY, "web-admin"),
        (Kind.NETWORK, "vpc-0123456789abcdef0"),
        (Kind.SUBNET, "subnet-0123456789abcdef0"),
        (Kind.FIREWALL, "sg-0123456789abcdef0"),
        (Kind.SERVER, "i-0123456789abcdef0"),
        (Kind.VOLUME, "vol-0123456789abcdef0"),
        (Kind.VOLUME_ATTACHMENT, "vol-0123456789abcdef0:i-0123456789abcdef0"),
        (Kind.LOAD_BALANCER, ARN),
        (Kind.RESERVED_IP, "eipalloc-0123456789abcdef0"),
    ],
)
def test_what_aws_does_not_show_yet_is_not_ready_and_not_missing(cloud: Aws, kind: Kind, name: str) -> None:
    assert cloud.ready(kind, Accepted(id=f"{REGION}/{name}")) is None


def test_a_server_that_is_switched_off_says_so_and_is_whole(bench: Bench, cloud: Aws) -> None:
    server = bench.make(SERVER)
    cloud._talk._client("ec2", REGION).stop_instances(InstanceIds=[server.id.partition("/")[2]])
    seen = cloud.observe(Kind.SERVER, server.id)

    assert seen is not None
    assert seen.status == server.status
    assert seen.attributes["power"] == "stopped"
    assert cloud.ready(Kind.SERVER, Accepted(id=server.id)) is None


def test_a_volume_is_in_the_zone_of_the_clusters_subnets(
    bench: Bench, cloud: Aws, simulator: AwsSimulator
) -> None:
    bench.make(SAMPLES[Kind.NETWORK])
    client = cloud._talk._client("ec2", REGION)
    subnet = bench.make(SAMPLES[Kind.SUBNET])
    assert subnet.attributes["zone"] == "eu-central-1a"
    moved = client.create_subnet(
        VpcId=bench.ids[SAMPLES[Kind.NETWORK]].partition("/")[2],
        CidrBlock="10.77.8.0/24",
        AvailabilityZone="eu-central-1b",
    )["Subnet"]["SubnetId"]
    client.create_tags(Resources=[moved], Tags=[{"Key": "kubisnap:cluster", "Value": bench.cluster.id}])
    bench.remove(Kind.SUBNET, subnet.id)

    assert bench.make(VOLUME).attributes["zone"] == "eu-central-1b"
    client.delete_subnet(SubnetId=moved)


def test_a_volume_is_never_in_two_servers(bench: Bench, cloud: Aws, account: str) -> None:
    bench.make(SAMPLES[Kind.VOLUME_ATTACHMENT])
    bench.make(Key(Kind.SERVER, "workers-1"))
    request = bench.request(SAMPLES[Kind.VOLUME_ATTACHMENT])
    elsewhere = msgspec.structs.replace(
        request, resource=msgspec.structs.replace(request.resource, server="workers-1")
    )

    with pytest.raises(Conflict):
        cloud.create(elsewhere)


def test_a_volume_that_is_growing_is_not_ready_until_it_has_grown(
    bench: Bench, cloud: Aws, simulator: AwsSimulator
) -> None:
    volume = bench.make(VOLUME)
    request = bench.request(VOLUME, Volume(region=REGION, size_gib=20))
    yes = Answer(200, b"<R><volumeModification><targetSize>20</targetSize></volumeModification></R>")
    simulator.before = failing("ModifyVolume", yes)
    accepted = cloud.update(request, volume.id, frozenset({"size_gib"}))
    assert cloud.ready(Kind.VOLUME, accepted) is None

    simulator.before = nothing
    accepted = cloud.update(request, volume.id, frozenset({"size_gib"}))
    assert bench.wait(Kind.VOLUME, accepted).properties["size_gib"] == 20


def test_a_device_name_is_the_volumes_own_or_the_next_free_one() -> None:
    def holding(*taken: str) -> Instance:
        devices = [Device(device_name=name) for name in taken]
        return Instance(instance_id="i-00000001", state=State(name="running"), block_device_mappings=devices)

    own = free_device(holding(), "vol-1")
    following = DEVICES[(DEVICES.index(own) + 1) % len(DEVICES)]

    assert free_device(holding(), "vol-1") == own
    assert free_device(holding(own), "vol-1") == following
    with pytest.raises(QuotaExceeded):
        free_device(holding(*DEVICES), "vol-1")
