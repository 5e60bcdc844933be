"""What the simulated cloud pretends to offer, in the shape of real catalogues."""

from decimal import Decimal

from ...engine.domain.catalogue import (
    BalancerOffer,
    Catalogue,
    ImageOffer,
    Prices,
    Region,
    SizeOffer,
    VolumeOffer,
)
from ...engine.domain.resources import Kind

CLOUD = "sandbox"

_REGIONS = (
    Region(name="sim-us-east", title="New York (simulated)", latitude=40.71, longitude=-74.01),
    Region(name="sim-us-west", title="San Francisco (simulated)", latitude=37.77, longitude=-122.42),
    Region(name="sim-eu-west", title="London (simulated)", latitude=51.51, longitude=-0.13),
    Region(name="sim-eu-central", title="Frankfurt (simulated)", latitude=50.11, longitude=8.68),
    Region(name="sim-ap-south", title="Bangalore (simulated)", latitude=12.97, longitude=77.59),
    Region(name="sim-ap-southeast", title="Singapore (simulated)", latitude=1.35, longitude=103.82),
)
_EVERYWHERE = frozenset(region.name for region in _REGIONS)
_BIG = _EVERYWHERE - {"sim-ap-south"}
_BIGGEST = frozenset({"sim-us-east", "sim-us-west", "sim-eu-central"})
_HOURS_BILLED = Decimal(672)  # a month costs 28 days of hours, as it does at real clouds


def _size(
    name: str, vcpus: int, gib: int, disk_gib: int, monthly: str, regions: frozenset[str] = _EVERYWHERE
) -> SizeOffer:
    return SizeOffer(
        name=name,
        vcpus=vcpus,
        memory_mib=gib * 1024,
        disk_gib=disk_gib,
        hourly=(Decimal(monthly) / _HOURS_BILLED).quantize(Decimal("0.00001")),
        monthly=Decimal(monthly),
        regions=regions,
    )


CATALOGUE = Catalogue(
    cloud=CLOUD,
    regions=_REGIONS,
    sizes=(
        _size("sb-1x1", 1, 1, 25, "6.00"),
        _size("sb-1x2", 1, 2, 50, "12.00"),
        _size("sb-2x2", 2, 2, 60, "18.00"),
        _size("sb-2x4", 2, 4, 80, "24.00"),
        _size("sb-4x8", 4, 8, 160, "48.00"),
        _size("sb-8x16", 8, 16, 320, "96.00", _BIG),
        _size("sb-16x32", 16, 32, 640, "192.00", _BIGGEST),
        _size("sb-cpu-2x4", 2, 4, 25, "42.00", _BIG),
        _size("sb-cpu-4x8", 4, 8, 50, "84.00", _BIG),
        _size("sb-cpu-8x16", 8, 16, 100, "168.00", _BIGGEST),
        _size("sb-mem-2x16", 2, 16, 50, "84.00", _BIG),
        _size("sb-mem-4x32", 4, 32, 100, "168.00", _BIG),
        _size("sb-mem-8x64", 8, 64, 200, "336.00", _BIGGEST),
    ),
    images=(
        ImageOffer(name="sim-ubuntu-22.04", os="ubuntu-22.04", regions=_EVERYWHERE),
        ImageOffer(name="sim-ubuntu-24.04", os="ubuntu-24.04", regions=_EVERYWHERE),
        ImageOffer(name="sim-debian-12", os="debian-12", regions=_EVERYWHERE),
        ImageOffer(name="sim-rocky-9", os="rocky-9", regions=_BIG),
    ),
    kinds=frozenset(Kind) - {Kind.LOAD_BALANCER_MEMBER},
    prices=Prices(volume_gib=Decimal("0.10"), load_balancer=Decimal("12.00"), reserved_ip=Decimal("4.00")),
    volumes=(VolumeOffer(name="sb-block", gib_monthly=Decimal("0.10")),),
    balancers=(BalancerOffer(name="sb-balancer", monthly=Decimal("12.00")),),
    dated="2026-11-27",
    simulated=True,
)

DEFAULT_QUOTAS: dict[Kind, int] = {
    Kind.TAG: 1000,
    Kind.SSH_KEY: 200,
    Kind.NETWORK: 50,
    Kind.SUBNET: 200,
    Kind.FIREWALL: 100,
    Kind.SERVER: 100,
    Kind.VOLUME: 100,
    Kind.LOAD_BALANCER: 50,
    Kind.RESERVED_IP: 20,
}
"""How many an account may have, unless `Sandbox.set_quota` says otherwise; the rest is not counted."""
