"""What a cluster costs, to the cent."""

from decimal import Decimal

import msgspec
import pytest

from kubisnap.engine.domain.model import ClusterSpec, Role
from kubisnap.engine.domain.resources import (
    Kind,
    LoadBalancer,
    Network,
    ReservedIp,
    Resource,
    Server,
    Tag,
    Volume,
)
from kubisnap.engine.operations.cost import HOURS_A_MONTH, Cost, cluster_cost, resource_cost
from kubisnap.engine.operations.translation import complete
from tests.unit.engine.examples import CATALOGUE, SPEC, changed, with_workers

SERVER = Server(region="east", size="small", image="x", role=Role.WORKER, pool="w", network="main")


@pytest.mark.parametrize(
    ("resource", "monthly"),
    [
        (SERVER, "12"),
        (msgspec.structs.replace(SERVER, size="gone"), "0"),
        (Volume(region="east", size_gib=250), "25.00"),
        (LoadBalancer(region="east", network="main", role=Role.WORKER, forward=()), "12"),
        (ReservedIp(region="east"), "4"),
        (Network(region="east", cidr="10.0.0.0/20"), "0"),
        (Tag(), "0"),
    ],
)
def test_a_resource_costs_what_the_catalogue_says(resource: Resource, monthly: str) -> None:
    cost = resource_cost(resource, CATALOGUE)

    assert cost.monthly == Decimal(monthly)
    assert cost.hourly == pytest.approx(Decimal(monthly) / HOURS_A_MONTH)


@pytest.mark.parametrize(
    ("spec", "monthly"),
    [
        (SPEC, "82"),  # 20 + 3 × 12 + 100 GiB × 0.10 + 12 + 4
        (with_workers(count=0), "46"),
        (with_workers(count=1000), "12046"),
        (changed(load_balancers=(), volumes=(), reserved_ips=()), "56"),
    ],
)
def test_a_cluster_costs_the_sum_of_its_parts(spec: ClusterSpec, monthly: str) -> None:
    assert cluster_cost(complete(spec, CATALOGUE), CATALOGUE).monthly == Decimal(monthly)


@pytest.mark.parametrize(
    ("kind", "saved"), [(Kind.VOLUME, 10), (Kind.LOAD_BALANCER, 12), (Kind.RESERVED_IP, 4)]
)
def test_what_the_cloud_does_not_have_costs_nothing(kind: Kind, saved: int) -> None:
    poor = msgspec.structs.replace(CATALOGUE, kinds=CATALOGUE.kinds - {kind})

    assert cluster_cost(complete(SPEC, poor), poor).monthly == 82 - saved


def test_costs_add_up_and_can_be_taken_off() -> None:
    one = Cost(hourly=Decimal("0.1"), monthly=Decimal(70))

    assert one + one == one.times(2)
    assert one + -one == Cost()
