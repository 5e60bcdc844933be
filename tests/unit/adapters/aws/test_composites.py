"""What takes several requests: killed between any two of them, it is gone on with, and never made twice."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
import pytest

from kubisnap.adapters.aws import Aws
from kubisnap.adapters.aws.names import place
from kubisnap.adapters.aws.servers import Servers
from kubisnap.adapters.aws.simulator import Answer, AwsSimulator, Cut
from kubisnap.adapters.testing import Bench
from kubisnap.adapters.testing.bench import BALANCER, FIREWALL, MAIN, SAMPLES, SERVER
from kubisnap.engine.domain.model import Forward
from kubisnap.engine.domain.resources import Key, Kind, Status
from kubisnap.engine.errors import CloudError, Conflict, Unavailable
from kubisnap.engine.ports import asked_before_sending
from tests.unit.adapters.aws.faults import failing, nothing

COMPOSITES = (Kind.NETWORK, Kind.FIREWALL, Kind.LOAD_BALANCER, Kind.LOAD_BALANCER_MEMBER)
MANY = 30


class DeadError(Exception):
    """The process is gone."""


@contextmanager
def dying_after(requests: int) -> Iterator[None]:
    """Let so many changing requests leave, and then the process die."""
    left = iter(range(requests))

    def question() -> None:
        if next(left, None) is None:
            raise DeadError

    with asked_before_sending(question):
        yield


def everything(simulator: AwsSimulator, account: str) -> dict[str, int]:
    return {kind: len(found) for kind, found in simulator.inventory(account).items()}


@pytest.mark.parametrize("kind", COMPOSITES)
def test_a_process_that_dies_anywhere_while_making_one_leaves_what_the_next_one_goes_on_with(
    bench: Bench, cloud: Aws, simulator: AwsSimulator, account: str, kind: Kind
) -> None:
    if kind is Kind.FIREWALL:
        bench.make(SERVER)  # its interface is one more thing to change
    bench.need(kind)
    before = everything(simulator, account)
    request = bench.request(SAMPLES[kind])
    whole: dict[str, int] = {}
    for requests in range(MANY):
        try:
            with dying_after(requests):
                accepted = cloud.create(request)
        except DeadError:
            found = cloud.find(request)
            assert [item.status for item in found] == ([Status.FAILED] if requests else [])
            assert found == [item for item in cloud.observe_all(bench.cluster) if item.name == request.name]
            accepted = cloud.create(request)
            again = bench.wait(kind, accepted)
            assert cloud.find(request) == [again]
            assert not found or again.id == found[0].id
            left = everything(simulator, account)
            assert whole in ({}, left)  # the same things, however often it was begun
            whole = left
            bench.remove(kind, accepted.id)
            assert everything(simulator, account) == before
        else:
            bench.remove(kind, accepted.id)
            break
    else:
        pytest.fail("it never came to an end")
    assert requests > 1


@pytest.mark.parametrize("kind", [Kind.NETWORK, Kind.FIREWALL, Kind.LOAD_BALANCER])
def test_a_process_that_dies_anywhere_while_removing_one_leaves_what_the_next_one_removes(
    bench: Bench, cloud: Aws, simulator: AwsSimulator, account: str, kind: Kind
) -> None:
    if kind is Kind.FIREWALL:
        bench.make(SERVER)
    bench.need(kind)
    before = everything(simulator, account)
    for requests in range(MANY):
        accepted = cloud.create(bench.request(SAMPLES[kind]))
        bench.wait(kind, accepted)
        try:
            with dying_after(requests):
                cloud.delete(kind, accepted.id)
        except DeadError:
            seen = cloud.observe(kind, accepted.id)
            assert seen is not None
            assert seen.status is (Status.FAILED if requests else Status.READY)
            bench.remove(kind, accepted.id)
            assert everything(simulator, account) == before
        else:
            break
    else:
        pytest.fail("it never came to an end")
    assert everything(simulator, account) == before


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        (Kind.NETWORK, "AttachInternetGateway"),
        (Kind.FIREWALL, "AuthorizeSecurityGroupIngress"),
        (Kind.LOAD_BALANCER, "CreateListener"),
    ],
)
def test_an_error_of_a_later_request_is_ambiguous(
    bench: Bench, cloud: Aws, simulator: AwsSimulator, kind: Kind, action: str
) -> None:
    bench.need(kind)
    simulator.before = failing(action, Answer.error("InvalidParameterValue", "no"))

    with pytest.raises(CloudError, match="no") as caught:
        cloud.create(bench.request(SAMPLES[kind]))
    assert caught.value.ambiguous


def test_a_network_whose_first_answer_is_lost_is_found_half_made_and_gone_on_with(
    bench: Bench, cloud: Aws, simulator: AwsSimulator, account: str
) -> None:
    simulator.after = failing("CreateVpc", Cut)
    request = bench.request(MAIN)
    with pytest.raises(Unavailable) as caught:
        cloud.create(request)
    simulator.after = nothing

    assert caught.value.ambiguous
    assert [item.status for item in cloud.find(request)] == [Status.FAILED]
    bench.wait(Kind.NETWORK, cloud.create(request))
    assert everything(simulator, account) == {"vpc": 1, "internet-gateway": 1}


@pytest.mark.parametrize("kind", [Kind.NETWORK, Kind.FIREWALL, Kind.LOAD_BALANCER])
def test_one_that_is_whole_is_not_made_again(bench: Bench, cloud: Aws, kind: Kind) -> None:
    bench.make(SAMPLES[kind])
    with pytest.raises(Conflict):
        cloud.create(bench.request(SAMPLES[kind]))


def test_the_mark_of_the_unfinished_may_show_for_a_while_after_it_is_gone(
    bench: Bench, cloud: Aws, simulator: AwsSimulator
) -> None:
    yes = Answer(200, b"<DeleteTagsResponse><return>true</return></DeleteTagsResponse>")
    simulator.before = failing("DeleteTags", yes)
    accepted = cloud.create(bench.request(MAIN))

    assert cloud.ready(Kind.NETWORK, accepted) is None
    seen = cloud.observe(Kind.NETWORK, accepted.id)
    assert seen is not None
    assert seen.status is Status.FAILED


def test_a_network_keeps_its_way_out_while_anything_stands_in_it(
    bench: Bench, cloud: Aws, simulator: AwsSimulator
) -> None:
    bench.make(SERVER)
    simulator.calls.clear()

    with pytest.raises(Conflict):
        cloud.delete(Kind.NETWORK, bench.ids[MAIN])
    assert [call.action for call in simulator.calls if call.changes] == []


def test_servers_that_are_there_get_behind_a_new_firewall_and_leave_it_when_it_goes(
    bench: Bench, cloud: Aws, simulator: AwsSimulator
) -> None:
    server = bench.make(SERVER)
    groups = server_groups(bench, cloud, server.id)
    firewall = bench.make(FIREWALL)
    inside = server_groups(bench, cloud, server.id)
    later = bench.make(Key(Kind.SERVER, "workers-1"))
    bench.remove(Kind.FIREWALL, firewall.id)

    group = firewall.id.partition("/")[2]
    assert inside - groups == {group}
    assert server_groups(bench, cloud, server.id) == server_groups(bench, cloud, later.id) == groups


def server_groups(bench: Bench, cloud: Aws, server: str) -> set[str]:
    item = Servers(cloud._talk).get(place(server, Kind.SERVER))
    return {group.group_id for found in item.network_interfaces or () for group in found.groups or ()}


def test_a_load_balancer_that_moves_a_port_takes_its_servers_along(bench: Bench, cloud: Aws) -> None:
    member = bench.make(SAMPLES[Kind.LOAD_BALANCER_MEMBER])
    wanted = msgspec.structs.replace(
        bench.sample(Kind.LOAD_BALANCER), forward=(Forward(port=80, target_port=31080),)
    )
    balancer = bench.ids[BALANCER]
    cloud.update(bench.request(BALANCER, wanted), balancer, frozenset({"forward"}))

    assert cloud.observe(Kind.LOAD_BALANCER_MEMBER, member.id) == member
    bench.remove(Kind.LOAD_BALANCER, balancer)


def test_a_protected_load_balancer_loses_nothing(bench: Bench, cloud: Aws, simulator: AwsSimulator) -> None:
    balancer = bench.make(BALANCER)
    arn = balancer.id.partition("/")[2]
    cloud._talk._client("elbv2", "eu-central-1").modify_load_balancer_attributes(
        LoadBalancerArn=arn, Attributes=[{"Key": "deletion_protection.enabled", "Value": "true"}]
    )

    with pytest.raises(Conflict, match="protected"):
        cloud.delete(Kind.LOAD_BALANCER, balancer.id)
    assert cloud.observe(Kind.LOAD_BALANCER, balancer.id) == balancer
