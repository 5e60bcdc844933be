"""Every way in which a call to AWS can fail, named; over HTTP."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from threading import Event

import pytest

from kubisnap.adapters.aws import Aws
from kubisnap.adapters.aws.answers import clean
from kubisnap.adapters.aws.sessions import Access
from kubisnap.adapters.aws.simulator import Answer, AwsSimulator, Call, Cut
from kubisnap.adapters.testing import Bench, new_cluster
from kubisnap.adapters.testing.bench import SAMPLES
from kubisnap.engine.domain.resources import Kind
from kubisnap.engine.errors import (
    CloudError,
    Conflict,
    Denied,
    QuotaExceeded,
    RateLimited,
    Rejected,
    ResourceMissing,
    Unavailable,
)
from tests.unit.adapters.aws.conftest import KEY, REGION, SECRET
from tests.unit.adapters.aws.faults import failing

ADDRESS = SAMPLES[Kind.RESERVED_IP]


def refused(bench: Bench, simulator: AwsSimulator, answer: object) -> CloudError:
    """Return what a write is refused with, when AWS answers so."""
    simulator.before = failing("AllocateAddress", answer)
    with pytest.raises(CloudError) as caught:
        bench.cloud.create(bench.request(ADDRESS))
    assert [call.action for call in simulator.calls].count("AllocateAddress") == 1  # nobody asks twice
    return caught.value


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("RequestLimitExceeded", 503, RateLimited),
        ("Throttling", 400, RateLimited),
        ("AddressLimitExceeded", 400, QuotaExceeded),
        ("VcpuLimitExceeded", 400, QuotaExceeded),
        ("InstanceLimitExceeded", 400, QuotaExceeded),
        ("TooManyLoadBalancers", 400, QuotaExceeded),
        ("InsufficientFreeAddressesInSubnet", 400, QuotaExceeded),
        ("UnauthorizedOperation", 403, Denied),
        ("AuthFailure", 401, Denied),
        ("InvalidClientTokenId", 403, Denied),
        ("ExpiredToken", 400, Denied),
        ("OptInRequired", 401, Denied),
        ("DependencyViolation", 400, Conflict),
        ("VolumeInUse", 400, Conflict),
        ("InvalidGroup.Duplicate", 400, Conflict),
        ("Resource.AlreadyAssociated", 400, Conflict),
        ("InvalidParameterValue", 400, Rejected),
        ("InvalidAMIID.NotFound", 400, Rejected),
        ("Unsupported", 400, Rejected),
        ("MalformedQueryString", 400, Rejected),
    ],
)
def test_a_refusal_is_named(
    bench: Bench, simulator: AwsSimulator, code: str, status: int, kind: type[CloudError]
) -> None:
    error = refused(bench, simulator, Answer.error(code, "because", status))

    assert type(error) is kind
    assert code in error.message
    assert error.status == status
    assert not error.ambiguous


@pytest.mark.parametrize(
    ("code", "ambiguous"),
    [
        ("InternalError", True),
        ("Unavailable", True),
        ("InsufficientAddressCapacity", False),
        ("InsufficientInstanceCapacity", False),
    ],
)
def test_a_server_error_leaves_a_write_in_doubt_but_no_room_is_a_definite_no(
    bench: Bench, simulator: AwsSimulator, code: str, ambiguous: bool
) -> None:
    error = refused(bench, simulator, Answer.error(code, "sorry", 500))

    assert type(error) is Unavailable
    assert error.ambiguous is ambiguous


@pytest.mark.parametrize(
    "answer",
    [
        Cut,
        Answer(500, b"<html>Internal Server Error</html>", (("Content-Type", "text/html"),)),
        Answer(502, b""),
        Answer(200, b"this is no XML"),
        Answer(200, b"<AllocateAddressResponse/>"),
        Answer(200, b"{}"),
    ],
    ids=["cut", "html", "empty", "no-xml", "fields-missing", "json"],
)
def test_an_answer_that_says_nothing_leaves_a_write_in_doubt(
    bench: Bench, simulator: AwsSimulator, answer: object
) -> None:
    error = refused(bench, simulator, answer)

    assert type(error) is Unavailable
    assert error.ambiguous


def test_what_a_request_needs_and_aws_does_not_see_yet_is_worth_another_try(
    bench: Bench, simulator: AwsSimulator
) -> None:
    error = refused(bench, simulator, Answer.error("InvalidVpcID.NotFound", "no such VPC"))

    assert type(error) is Unavailable
    assert not error.ambiguous


def test_a_read_is_never_in_doubt(bench: Bench, simulator: AwsSimulator) -> None:
    simulator.before = failing("DescribeAddresses", Answer.error("InternalError", "sorry", 500))

    with pytest.raises(Unavailable) as caught:
        bench.cloud.find(bench.request(ADDRESS))
    assert not caught.value.ambiguous


def test_a_rate_limit_says_how_long_to_wait(bench: Bench, simulator: AwsSimulator) -> None:
    slow = Answer.error("RequestLimitExceeded", "slow down", 503)._replace(headers=(("Retry-After", "7"),))
    error = refused(bench, simulator, slow)

    assert isinstance(error, RateLimited)
    assert error.retry_after == 7.0


@pytest.fixture
def hasty(simulator: AwsSimulator) -> Iterator[Aws]:
    settings = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ENDPOINT_URL": simulator.url}
    cloud = Aws(replace(Access.of(settings), read_timeout=1.0))
    yield cloud
    cloud.close()


def test_an_answer_that_does_not_come_is_not_waited_for_for_ever(
    hasty: Aws, bench: Bench, simulator: AwsSimulator
) -> None:
    enough = Event()

    def never(call: Call) -> object | None:
        return Cut if call.action == "AllocateAddress" and enough.wait(20) else None

    simulator.before = never
    with pytest.raises(Unavailable, match="in time") as caught:
        hasty.create(bench.request(ADDRESS))
    enough.set()
    assert caught.value.ambiguous


def test_no_error_shows_a_secret(bench: Bench, simulator: AwsSimulator) -> None:
    told = Answer.error("SignatureDoesNotMatch", f"The canonical string was {SECRET}\n\x1b[31m", 403)
    error = refused(bench, simulator, told)

    seen: BaseException | None = error
    while seen is not None:
        assert SECRET not in f"{seen} {seen!r}"
        seen = seen.__cause__ or seen.__context__
    assert "\x1b" not in str(error)
    assert SECRET not in repr(bench.cloud)


def test_a_message_from_outside_is_one_short_line() -> None:
    assert clean("a\n\tb\x00c" + "x" * 1000).startswith("a b c")
    assert len(clean("x" * 10_000)) == 500
    assert clean("no. Encoded authorization failure message: 4GIOHlTkIaWHQD0Q") == "no."


def test_a_list_is_read_to_its_end(bench: Bench, simulator: AwsSimulator) -> None:
    pages = {"": ("i-00000001", "two"), "two": ("i-00000002", "three"), "three": ("i-00000003", "")}

    def paged(call: Call) -> object | None:
        if call.action != "DescribeTags":
            return None
        name, following = pages[call.parameters.get("NextToken", "")]
        more = f"<nextToken>{following}</nextToken>" if following else ""
        item = f"<item><resourceId>{name}</resourceId><resourceType>instance</resourceType></item>"
        return Answer(200, f"<R><tagSet>{item}</tagSet>{more}</R>".encode())

    simulator.before = paged
    bench.cloud.observe_all(bench.cluster)

    asked = [
        call.parameters.get("NextToken", "") for call in simulator.calls if call.action == "DescribeTags"
    ]
    assert sorted(asked) == sorted(["", "two", "three"] * 2)  # in each of two regions


def test_an_error_on_a_later_page_is_raised_never_a_part(bench: Bench, simulator: AwsSimulator) -> None:
    def broken(call: Call) -> object | None:
        if call.action != "DescribeTags":
            return None
        if "NextToken" in call.parameters:
            return Answer.error("InternalError", "sorry", 500)
        return Answer(200, b"<R><tagSet/><nextToken>two</nextToken></R>")

    simulator.before = broken
    with pytest.raises(Unavailable):
        bench.cloud.observe_all(bench.cluster)


def test_pages_that_go_round_in_circles_are_given_up(bench: Bench, simulator: AwsSimulator) -> None:
    round_and_round = Answer(200, b"<R><tagSet/><nextToken>again</nextToken></R>")
    simulator.before = failing("DescribeTags", round_and_round)

    with pytest.raises(Unavailable, match="do not come to an end"):
        bench.cloud.observe_all(bench.cluster)


def test_a_region_that_does_not_answer_is_an_error_not_an_empty_region(
    bench: Bench, simulator: AwsSimulator
) -> None:
    def silent(call: Call) -> object | None:
        return Cut if call.action == "DescribeTags" and call.region == "us-east-1" else None

    simulator.before = silent
    with pytest.raises(Unavailable):
        bench.cloud.observe_all(new_cluster())


@pytest.mark.parametrize(
    "resource_id",
    [
        "",
        "vpc-0123456789abcdef0",
        "eu-central-1/../x",
        "eu-central-1/i-0123",
        "evil.example.com/vpc-0123456789",
    ],
)
def test_what_cannot_be_an_id_is_missing_and_asks_nobody(
    bench: Bench, simulator: AwsSimulator, resource_id: str
) -> None:
    simulator.calls.clear()
    for kind in set(Kind) - {Kind.SSH_KEY}:  # a key pair may be called anything
        assert bench.cloud.observe(kind, resource_id) is None
        with pytest.raises(ResourceMissing):
            bench.cloud.delete(kind, resource_id)
    assert simulator.calls == []


def test_importing_the_package_does_not_load_boto3() -> None:
    code = "import sys, kubisnap.adapters.aws; sys.exit(any(m in sys.modules for m in ('boto3', 'botocore')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_closed_cloud_opens_again_when_it_is_asked(cloud: Aws) -> None:
    cloud.close()
    assert cloud.account().id
    assert REGION in {region.name for region in cloud.catalogue().regions}
