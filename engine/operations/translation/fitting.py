"""Writing choices into a spec, so that tomorrow's catalogue cannot change a running cluster. Pure."""

import msgspec

from ...domain.catalogue import Catalogue, ImageOffer, Region, SizeOffer
from ...domain.model import Image, Placement, PoolSpec
from .sizes import architecture_of, is_named_only, size_of


def placed(placement: Placement, catalogue: Catalogue, region: Region) -> Placement:
    """Return where a cluster is, with what the catalogue knows of the region."""
    return Placement(
        cloud=catalogue.cloud,
        region=region.name,
        place=placement.place,
        latitude=region.latitude,
        longitude=region.longitude,
    )


def pinned(pool: PoolSpec, cloud: str, size: SizeOffer, image: ImageOffer) -> PoolSpec:
    """Write a size and an image into a pool; a size that was named only by its pin learns what it has.

    Another system or architecture than before was asked for by name (a mapping): what other clouds
    call the old one is forgotten.
    """
    need = size_of(size) if is_named_only(pool.size) else pool.size
    if size.architecture == architecture_of(need):
        sizes, images = pool.size.pins, pool.image.pins
    else:
        need = msgspec.structs.replace(need, architecture=size_of(size).architecture)
        sizes, images = {}, {}
    if pool.image.os not in {"", image.os}:
        images = {}
    return msgspec.structs.replace(
        pool,
        size=msgspec.structs.replace(need, pins={**sizes, cloud: size.name}),
        image=Image(os=image.os, pins={**images, cloud: image.name}),
    )
