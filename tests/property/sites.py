"""Catalogues to translate between: those that adapters ship, and two sites that nobody sells."""

from decimal import Decimal

from kubisnap.adapters.registry import clouds, shipped_catalogue
from kubisnap.engine.domain.catalogue import (
    ARM64,
    X86_64,
    Catalogue,
    Feature,
    ImageOffer,
    Region,
    SizeOffer,
    VolumeOffer,
)
from kubisnap.engine.domain.resources import Kind


def _flavor(
    name: str, vcpus: int, gib: int, disk: int, *regions: str, arch: str = X86_64, up_to: int = 0
) -> SizeOffer:
    return SizeOffer(
        name=name,
        vcpus=vcpus,
        memory_mib=gib * 1024,
        disk_gib=disk,
        hourly=Decimal(0),
        monthly=Decimal(0),
        regions=frozenset(regions),
        architecture=arch,
        disk_up_to=up_to,
    )


_HERE = frozenset({"RegionOne"})

STACK = Catalogue(
    cloud="stack",
    regions=(Region(name="RegionOne", title="RegionOne"),),
    sizes=(
        _flavor("m1.tiny", 1, 1, 10, *_HERE),
        _flavor("m1.small", 1, 2, 50, *_HERE),
        _flavor("m1.medium", 2, 4, 20, *_HERE, up_to=500),
        _flavor("m1.large", 4, 16, 160, *_HERE),
        _flavor("m1.xlarge", 8, 32, 320, *_HERE),
        _flavor("r1.xlarge", 8, 64, 320, *_HERE),
        _flavor("a1.large", 4, 16, 160, *_HERE, arch=ARM64),
    ),
    images=(
        ImageOffer(name="noble", os="ubuntu-24.04", regions=_HERE, architectures=frozenset({X86_64, ARM64})),
        ImageOffer(name="jammy", os="ubuntu-22.04", regions=_HERE),
        ImageOffer(name="bookworm", os="debian-12", regions=_HERE),
    ),
    kinds=frozenset(Kind),
    features=frozenset(Feature) - {Feature.PUBLIC_ADDRESSES, Feature.MANY_SSH_KEYS, Feature.HTTP},
    subnet_needed=True,
    own_disks=True,
    reserved_ranges=("10.0.0.0/12",),
    network_prefixes=(18, 28),
    volumes=(VolumeOffer(name="lvm", smallest_gib=4, largest_gib=2048),),
)
"""A private cloud: nobody knows its prices or where it is."""

_SITES = ("barn", "attic")

RACK = Catalogue(
    cloud="rack",
    regions=(
        Region(name="barn", title="The barn", latitude=52.5, longitude=13.4),
        Region(name="attic", title="The attic", latitude=48.1, longitude=11.6),
        Region(name="cellar", title="Flooded", latitude=52.5, longitude=13.4, available=False),
    ),
    sizes=(
        _flavor("2x4", 2, 4, 120, "barn"),
        _flavor("8x32", 8, 32, 500, *_SITES),
        _flavor("16x64", 16, 64, 2000, "attic"),
        _flavor("4x8-arm64", 4, 8, 64, "attic", arch=ARM64),
    ),
    images=(
        ImageOffer(
            name="ubuntu-24.04",
            os="ubuntu-24.04",
            regions=frozenset(_SITES),
            architectures=frozenset({X86_64, ARM64}),
        ),
        ImageOffer(name="debian-12", os="debian-12", regions=frozenset({"barn"})),
    ),
    kinds=frozenset({Kind.SERVER}),
    features=frozenset({Feature.PUBLIC_ADDRESSES}),
)
"""Machines that are there already, and nothing else."""


def _shipped() -> tuple[Catalogue, ...]:
    found = (shipped_catalogue(name) for name in clouds())
    return tuple(catalogue for catalogue in found if catalogue is not None)


ALL = (*_shipped(), STACK, RACK)
