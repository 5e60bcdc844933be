"""What a cluster costs, from the catalogue's prices. Pure; US dollars."""

from decimal import Decimal

import msgspec

from ..domain.catalogue import Catalogue, SizeOffer
from ..domain.model import ClusterSpec
from ..domain.resources import Kind, LoadBalancer, ReservedIp, Resource, Server, Volume
from .blueprint import at_least

HOURS_A_MONTH = Decimal(730)
"""The mean month, for what has only a monthly price."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """US dollars an hour and a month."""

    hourly: Decimal = Decimal(0)
    monthly: Decimal = Decimal(0)

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(hourly=self.hourly + other.hourly, monthly=self.monthly + other.monthly)

    def __neg__(self) -> "Cost":
        return Cost(hourly=-self.hourly, monthly=-self.monthly)

    def times(self, count: int) -> "Cost":
        """Return the cost of `count` of these."""
        return Cost(hourly=self.hourly * count, monthly=self.monthly * count)


def resource_cost(resource: Resource, catalogue: Catalogue) -> Cost:
    """Return what one resource costs; nothing for kinds that clouds do not charge for."""
    prices = catalogue.prices
    match resource:
        case Server(size=name, region=region, disk_gib=disk_gib):
            return _server(catalogue.size(name), region, disk_gib)
        case Volume(size_gib=size_gib):
            return _monthly(prices.volume_gib * size_gib)
        case LoadBalancer():
            return _monthly(prices.load_balancer)
        case ReservedIp():
            return _monthly(prices.reserved_ip)
        case _:
            return Cost()


def cluster_cost(spec: ClusterSpec, catalogue: Catalogue) -> Cost:
    """Return what a complete spec costs on its cloud."""
    total = Cost()
    for pool in spec.pools:
        size = catalogue.size(pool.size.pins.get(catalogue.cloud, ""))
        total += _server(size, spec.placement.region, pool.size.disk_gib).times(pool.count)
    prices, kinds = catalogue.prices, catalogue.kinds
    if Kind.VOLUME in kinds:
        total += _monthly(
            prices.volume_gib * sum(at_least(volume.size_gib, catalogue) for volume in spec.volumes)
        )
    if Kind.LOAD_BALANCER in kinds:
        total += _monthly(prices.load_balancer * len(spec.load_balancers))
    if Kind.RESERVED_IP in kinds:
        total += _monthly(prices.reserved_ip * len(spec.reserved_ips))
    return total


def _server(size: SizeOffer | None, region: str, disk_gib: int) -> Cost:
    if size is None:
        return Cost()
    offer = size.with_disk(disk_gib)
    return Cost(hourly=offer.hourly_at(region), monthly=offer.monthly_at(region))


def _monthly(amount: Decimal) -> Cost:
    return Cost(hourly=amount / HOURS_A_MONTH, monthly=amount)


def knows_prices(catalogue: Catalogue) -> bool:
    """Tell whether there is a price of any size; a private cloud tells none."""
    return any(size.monthly or size.monthly_in for size in catalogue.sizes)
