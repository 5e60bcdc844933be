"""Fitting a cluster to its own cloud, when it is declared or changed. Pure."""

import msgspec

from ...domain.catalogue import Catalogue, Region
from ...domain.model import ClusterSpec, Placement
from .fitting import pinned, placed
from .images import own_image
from .regions import own_region
from .sizes import own_size


def complete(spec: ClusterSpec, catalogue: Catalogue, *, declared: ClusterSpec | None = None) -> ClusterSpec:
    """Fit a spec to its own cloud.

    What is `declared` already was chosen then and is not looked up again: a cluster can be scaled down
    although its cloud offers its size or region to nobody any more.
    Raises `InvalidInput` for a region, size or image that the cloud does not have.
    """
    # a literal may say "worker" for Role.WORKER or a list for a tuple; from here on there is one form
    spec = msgspec.convert(msgspec.to_builtins(spec), ClusterSpec)
    stays = declared is not None and _same_place(spec.placement, declared.placement)
    region = own_region(spec.placement, catalogue) if not stays else _kept_region(spec.placement, catalogue)
    pools = []
    for index, pool in enumerate(spec.pools):
        field = f"pools[{index}]"
        old = declared.pool(pool.name) if stays and declared is not None else None
        if old is not None and (old.size, old.image) == (pool.size, pool.image):
            pools.append(pool)
            continue
        size = own_size(f"{field}.size", pool.size, region, catalogue)
        image = own_image(f"{field}.image", pool.image, region, catalogue, size.architecture)
        pools.append(pinned(pool, catalogue.cloud, size, image))
    placement = placed(spec.placement, catalogue, region)
    return msgspec.structs.replace(spec, placement=placement, pools=tuple(pools))


def _same_place(one: Placement, other: Placement) -> bool:
    return (one.cloud, one.region) == (other.cloud, other.region)


def _kept_region(placement: Placement, catalogue: Catalogue) -> Region:
    """Return the region that a cluster is in, open to newcomers or not."""
    return catalogue.region(placement.region) or Region(
        name=placement.region,
        title=placement.region,
        latitude=placement.latitude,
        longitude=placement.longitude,
        available=False,
    )


def inherit(spec: ClusterSpec, declared: ClusterSpec) -> ClusterSpec:
    """Return a newly written spec with the choices that were made when the cluster was declared.

    A pool that asks for the same as before keeps the size and image chosen then, so that a new
    offer in the catalogue does not replace a running server; so does a cluster that names only a
    place or nothing keep its region.
    """
    placement = spec.placement
    before = declared.placement
    if not placement.region and placement.cloud == before.cloud and placement.place in {"", before.place}:
        placement = before
    moves = placement.cloud != before.cloud or placement.region not in {"", before.region}
    pools = []
    for pool in spec.pools:
        old = None if moves else declared.pool(pool.name)
        size, image = pool.size, pool.image
        if old is not None and not size.pins and size == msgspec.structs.replace(old.size, pins={}):
            size = old.size
        if old is not None and not image.pins and image.os == old.image.os:
            image = old.image
        pools.append(msgspec.structs.replace(pool, size=size, image=image))
    return msgspec.structs.replace(spec, placement=placement, pools=tuple(pools))
