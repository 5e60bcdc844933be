"""Writes `catalogue.json`, what this adapter offers, from the tables below.

    python -m kubisnap.adapters.aws.make_catalogue

AWS does not tell coordinates, and prices only in files of gigabytes. The prices are AWS's public list prices,
on demand, Linux, US dollars, as of `DATED`; other regions' are those of Northern Virginia times a factor that
holds within a few per cent. A server's price is that of the machine, its root volume and its public address.
"""

from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import msgspec

from ...engine.domain.catalogue import (
    ARM64,
    X86_64,
    BalancerOffer,
    Catalogue,
    Feature,
    ImageOffer,
    Limits,
    Prices,
    Region,
    SizeOffer,
    VolumeOffer,
)
from ...engine.domain.model import ForwardProtocol
from ...engine.domain.resources import Kind
from .names import CLOUD
from .systems import DPKG, SYSTEMS, symbolic

DATED = "2025-10-01"
HOURS = Decimal(730)
"""Hours of a month, as AWS counts."""
GIB_MONTHLY = Decimal("0.08")
ADDRESS_HOURLY = Decimal("0.005")
BALANCER_HOURLY = Decimal("0.0225")

REGIONS: dict[str, tuple[str, float, float, str]] = {
    "af-south-1": ("Cape Town", -33.92, 18.42, "1.32"),
    "ap-east-1": ("Hong Kong", 22.32, 114.17, "1.38"),
    "ap-east-2": ("Taipei", 25.03, 121.57, "1.25"),
    "ap-northeast-1": ("Tokyo", 35.68, 139.69, "1.29"),
    "ap-northeast-2": ("Seoul", 37.57, 126.98, "1.23"),
    "ap-northeast-3": ("Osaka", 34.69, 135.50, "1.29"),
    "ap-south-1": ("Mumbai", 19.08, 72.88, "1.05"),
    "ap-south-2": ("Hyderabad", 17.39, 78.49, "1.05"),
    "ap-southeast-1": ("Singapore", 1.35, 103.82, "1.25"),
    "ap-southeast-2": ("Sydney", -33.87, 151.21, "1.25"),
    "ap-southeast-3": ("Jakarta", -6.21, 106.85, "1.25"),
    "ap-southeast-4": ("Melbourne", -37.81, 144.96, "1.25"),
    "ap-southeast-5": ("Malaysia", 3.14, 101.69, "1.12"),
    "ap-southeast-6": ("New Zealand", -36.85, 174.76, "1.25"),
    "ap-southeast-7": ("Thailand", 13.76, 100.50, "1.12"),
    "ca-central-1": ("Montreal", 45.50, -73.57, "1.11"),
    "ca-west-1": ("Calgary", 51.05, -114.07, "1.11"),
    "eu-central-1": ("Frankfurt", 50.11, 8.68, "1.20"),
    "eu-central-2": ("Zurich", 47.37, 8.54, "1.32"),
    "eu-north-1": ("Stockholm", 59.33, 18.07, "1.06"),
    "eu-south-1": ("Milan", 45.46, 9.19, "1.17"),
    "eu-south-2": ("Spain", 41.65, -0.88, "1.11"),
    "eu-west-1": ("Ireland", 53.35, -6.26, "1.11"),
    "eu-west-2": ("London", 51.51, -0.13, "1.16"),
    "eu-west-3": ("Paris", 48.86, 2.35, "1.17"),
    "il-central-1": ("Tel Aviv", 32.09, 34.78, "1.22"),
    "me-central-1": ("United Arab Emirates", 25.20, 55.27, "1.22"),
    "me-south-1": ("Bahrain", 26.07, 50.55, "1.22"),
    "mx-central-1": ("Mexico", 20.59, -100.39, "1.05"),
    "sa-east-1": ("São Paulo", -23.55, -46.63, "1.59"),
    "us-east-1": ("Northern Virginia", 38.95, -77.45, "1"),
    "us-east-2": ("Ohio", 39.96, -83.00, "1"),
    "us-west-1": ("Northern California", 37.35, -121.96, "1.17"),
    "us-west-2": ("Oregon", 45.84, -119.70, "1"),
}
"""City or country, degrees north and east, and how many times as dear as Northern Virginia."""

_NEWEST = frozenset({"ap-east-2", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "mx-central-1"})
_LARGEST = frozenset(
    {
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-west-1",
        "eu-west-2",
        "us-east-1",
        "us-east-2",
        "us-west-2",
    }
)
_EVERYWHERE = frozenset(REGIONS)
_ESTABLISHED = _EVERYWHERE - _NEWEST

_VCPUS = {"medium": 1, "large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32}
_BURSTABLE = {"small": (2, 2), "medium": (2, 4), "large": (2, 8), "xlarge": (4, 16), "2xlarge": (8, 32)}
"""vCPUs and GiB of memory of the sizes of the t families."""

_T_FAMILIES: dict[str, tuple[str, str, frozenset[str]]] = {
    "t3": (X86_64, "0.0208", _EVERYWHERE),
    "t3a": (X86_64, "0.0188", _LARGEST),
    "t4g": (ARM64, "0.0168", _EVERYWHERE),
}
"""Architecture, what an hour of `small` costs (each next size costs double), where it is."""

_FAMILIES: dict[str, tuple[str, int, str, frozenset[str]]] = {
    "m6i": (X86_64, 4, "0.096", _ESTABLISHED),
    "m7i": (X86_64, 4, "0.1008", _LARGEST),
    "m7g": (ARM64, 4, "0.0816", _LARGEST),
    "c6i": (X86_64, 2, "0.085", _ESTABLISHED),
    "c7i": (X86_64, 2, "0.08925", _LARGEST),
    "c7g": (ARM64, 2, "0.0725", _LARGEST),
    "r6i": (X86_64, 8, "0.126", _ESTABLISHED),
    "r7i": (X86_64, 8, "0.1323", _LARGEST),
    "r7g": (ARM64, 8, "0.1071", _LARGEST),
}
"""Architecture, GiB of memory a vCPU, what an hour of `large` costs (in proportion to vCPUs), where it is."""


DISK_GIB = 20
"""Of a root volume for which nobody asks more: EC2's sizes have none of their own."""
LARGEST_DISK_GIB = 16384
"""The page "Amazon EBS general purpose SSD volumes" of AWS's documentation."""


def _machines() -> Iterator[tuple[str, int, Decimal, str, Decimal, frozenset[str]]]:
    """Yield name, vCPUs, GiB of memory, architecture, price of an hour and regions."""
    for family, (architecture, small, regions) in _T_FAMILIES.items():
        for step, (suffix, (vcpus, memory)) in enumerate(_BURSTABLE.items()):
            yield (
                f"{family}.{suffix}",
                vcpus,
                Decimal(memory),
                architecture,
                Decimal(small) * 2**step,
                regions,
            )
    for family, (architecture, ratio, large, regions) in _FAMILIES.items():
        for suffix, vcpus in _VCPUS.items():
            if suffix != "medium" or architecture == ARM64:
                hourly = Decimal(large) * vcpus / 2
                yield f"{family}.{suffix}", vcpus, Decimal(ratio * vcpus), architecture, hourly, regions


def _size(
    name: str, vcpus: int, memory: Decimal, architecture: str, machine: Decimal, regions: frozenset[str]
) -> SizeOffer:
    hourly = machine + GIB_MONTHLY * DISK_GIB / HOURS
    monthly = {
        region: _cents(hourly * HOURS * Decimal(REGIONS[region][3]) + ADDRESS_HOURLY * HOURS)
        for region in sorted(regions)
    }
    usual = monthly["us-east-1"]
    return SizeOffer(
        name=name,
        vcpus=vcpus,
        memory_mib=int(memory * 1024),
        disk_gib=DISK_GIB,
        disk_up_to=LARGEST_DISK_GIB,
        gib_monthly=GIB_MONTHLY,
        hourly=(usual / HOURS).quantize(Decimal("0.00001"), ROUND_HALF_UP),
        monthly=usual,
        regions=regions,
        architecture=architecture,
        monthly_in={region: price for region, price in monthly.items() if price != usual},
    )


def _cents(price: Decimal) -> Decimal:
    return price.quantize(Decimal("0.01"), ROUND_HALF_UP)


def offers() -> Catalogue:
    """Return everything on offer."""
    return Catalogue(
        cloud=CLOUD,
        regions=tuple(
            Region(name=name, title=title, latitude=north, longitude=east)
            for name, (title, north, east, _) in REGIONS.items()
        ),
        sizes=tuple(_size(*machine) for machine in _machines()),
        images=tuple(
            ImageOffer(
                name=symbolic(system, architecture),
                os=system,
                regions=_EVERYWHERE,
                architectures=frozenset({architecture}),
            )
            for system in SYSTEMS
            for architecture in DPKG
        ),
        kinds=frozenset(Kind),
        prices=Prices(
            volume_gib=GIB_MONTHLY,
            load_balancer=_cents(BALANCER_HOURLY * HOURS),
            reserved_ip=_cents(ADDRESS_HOURLY * HOURS),
        ),
        max_user_data=16 * 1024,  # before it is encoded
        limits=Limits(parallel=16, per_second=10.0, burst=100, requests_for_all=40),
        features=frozenset(Feature) - {Feature.HTTP, Feature.MANY_SSH_KEYS},
        subnet_needed=True,
        own_disks=True,
        groups_in_network=True,
        keys_in_region=True,
        reserved_ranges=("169.254.0.0/16", "172.17.0.0/16"),
        network_prefixes=(16, 28),
        volumes=(VolumeOffer(name="gp3", smallest_gib=1, largest_gib=65536, gib_monthly=GIB_MONTHLY),),
        balancers=(
            BalancerOffer(
                name="network",
                protocols=frozenset({ForwardProtocol.TCP}),
                monthly=_cents(BALANCER_HOURLY * HOURS),
            ),
        ),
        seconds={
            Kind.NETWORK: 3,
            Kind.FIREWALL: 2,
            Kind.SERVER: 30,
            Kind.VOLUME: 5,
            Kind.VOLUME_ATTACHMENT: 5,
            Kind.LOAD_BALANCER: 150,
        },
        dated=DATED,
    )


def encoded() -> bytes:
    """Return the file's content."""
    compact = msgspec.json.encode(offers(), order="deterministic")
    return msgspec.json.format(compact, indent=1) + b"\n"


if __name__ == "__main__":
    Path(__file__).with_name("catalogue.json").write_bytes(encoded())
