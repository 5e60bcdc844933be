"""What is on offer: the machines that answer, as sizes and images in sites. Pure."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from ...engine.domain.catalogue import Catalogue, Feature, ImageOffer, Limits, SizeOffer
from ...engine.domain.resources import Kind
from .answers import CLOUD
from .facts import Facts
from .inventory import Host, Inventory

KINDS = frozenset({Kind.SERVER})
FEATURES = frozenset({Feature.PUBLIC_ADDRESSES})
"""No server is made and no script is run at a first boot; its address is where it is reached."""

_AT_ONCE = 8


def catalogue_of(inventory: Inventory, facts: Mapping[Host, Facts], dated: str) -> Catalogue:
    """Return what the hosts are that told it; a site where none did takes no servers."""
    usable = {host: told for host, told in facts.items() if not told.lacking}
    sizes: dict[str, SizeOffer] = {}
    images: dict[str, ImageOffer] = {}
    for host, told in usable.items():
        size, image = sizes.get(told.size), images.get(told.os)
        regions = size.regions if size else frozenset()
        sizes[told.size] = _size(told, regions | {host.site})
        images[told.os] = ImageOffer(
            name=told.os,
            os=told.os,
            regions=(image.regions if image else frozenset()) | {host.site},
            architectures=(image.architectures if image else frozenset()) | {told.architecture},
        )
    open_sites = {host.site for host in usable}
    return Catalogue(
        cloud=CLOUD,
        regions=tuple(
            msgspec.structs.replace(region, available=region.name in open_sites)
            for region in inventory.regions()
        ),
        sizes=tuple(sizes[name] for name in sorted(sizes, key=lambda name: _order(sizes[name]))),
        images=tuple(images[name] for name in sorted(images)),
        kinds=KINDS,
        features=FEATURES,
        limits=Limits(parallel=_AT_ONCE),
        seconds={Kind.SERVER: 1},
        dated=dated,
    )


def _size(told: Facts, regions: frozenset[str]) -> SizeOffer:
    return SizeOffer(
        name=told.size,
        vcpus=told.vcpus,
        memory_mib=told.memory_mib,
        disk_gib=told.disk_gib,
        hourly=Decimal(0),
        monthly=Decimal(0),
        regions=regions,
        architecture=told.architecture,
    )


def _order(size: SizeOffer) -> tuple[int, int, int, str]:
    return (size.vcpus, size.memory_mib, size.disk_gib, size.name)
