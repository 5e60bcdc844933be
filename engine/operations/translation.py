"""Translation: from what is wanted to what a cloud's catalogue has. Pure.

`complete` fits a spec to its own cloud when it is declared; `translate` fits it to another one when
it is restored. Both pick the cheapest size that satisfies, the nearest region and the image of the
same OS release; both write the choice into the spec as a pin, so that tomorrow's catalogue cannot
change a running cluster, and both list every choice and every loss.
"""

from collections.abc import Iterable

import msgspec

from ..domain.catalogue import Catalogue, ImageOffer, Region, SizeOffer
from ..domain.events import Choice
from ..domain.model import ClusterSpec, Image, Placement, PoolSpec, Size
from ..domain.places import PLACES, distance_km
from ..domain.resources import Kind
from ..errors import CannotTranslate, InvalidInput


class Translation(msgspec.Struct, frozen=True, kw_only=True):
    """A spec that fits a cloud, how it was made to, and what that cloud cannot hold."""

    spec: ClusterSpec
    choices: tuple[Choice, ...]
    losses: tuple[str, ...]


def complete(spec: ClusterSpec, catalogue: Catalogue, *, declared: ClusterSpec | None = None) -> ClusterSpec:
    """Fit a spec to its own cloud.

    What is `declared` already was chosen then and is not looked up again: a cluster can be scaled down
    although its cloud offers its size or region to nobody any more.
    Raises `InvalidInput` for a region, size or image that the cloud does not have.
    """
    # a literal may say "worker" for Role.WORKER or a list for a tuple; from here on there is one form
    spec = msgspec.convert(msgspec.to_builtins(spec), ClusterSpec)
    stays = declared is not None and _same_place(spec.placement, declared.placement)
    region = _region(spec.placement, catalogue) if not stays else _kept_region(spec.placement, catalogue)
    pools = []
    for index, pool in enumerate(spec.pools):
        field = f"pools[{index}]"
        old = declared.pool(pool.name) if stays and declared is not None else None
        if old is not None and (old.size, old.image) == (pool.size, pool.image):
            pools.append(pool)
            continue
        size = _wanted_size(f"{field}.size", pool.size, region, catalogue)
        image = _wanted_image(f"{field}.image", pool.image, region, catalogue)
        pools.append(_pinned(pool, catalogue.cloud, size, image))
    placement = _placed(spec.placement, catalogue, region)
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


def translate(
    spec: ClusterSpec, catalogue: Catalogue, *, region: str = "", holder: str = "a snapshot"
) -> Translation:
    """Fit a complete spec to another cloud or region; without `region`, the nearest one.

    `holder` is what the spec is from, and what does not hold the things that are lost.

    Raises `InvalidInput` for an unknown region, `CannotTranslate` where something has no counterpart.
    """
    source = spec.placement
    same_place = region == "" and source.cloud == catalogue.cloud
    wanted = (
        source
        if same_place
        else Placement(
            cloud=catalogue.cloud,
            region=region,
            place=source.place,
            latitude=source.latitude,
            longitude=source.longitude,
        )
    )
    target = _region(wanted, catalogue)
    choices = [_region_choice(source, catalogue, target)]
    problems: list[str] = []
    pools: list[PoolSpec] = []
    for pool in spec.pools:
        size = _size_for(pool.size, target, catalogue)
        image = _image_for(pool.image, target, catalogue)
        if size is None:
            problems.append(f"no size in {target.name} for pool {pool.name} ({describe_size(pool.size)})")
        if image is None:
            problems.append(f"no image of {pool.image.os or pool.image.pins} for pool {pool.name}")
        if size is not None and image is not None:
            pools.append(_pinned(pool, catalogue.cloud, size, image))
            choices.extend(_pool_choices(pool, source.cloud, size, image))
        if len(pool.bootstrap.encode()) > catalogue.max_user_data:
            problems.append(f"the bootstrap script of pool {pool.name} is too long")
    if problems:
        raise CannotTranslate(catalogue.cloud, tuple(problems))
    fitted = msgspec.structs.replace(spec, placement=_placed(wanted, catalogue, target), pools=tuple(pools))
    return Translation(spec=fitted, choices=tuple(choices), losses=tuple(_losses(spec, catalogue, holder)))


def describe_size(size: Size) -> str:
    """Say a size for people, e.g. ``2 vCPU, 4 GiB, 80 GiB disk``."""
    memory = f"{size.memory_mib / 1024:g} GiB"
    disk = f", {size.disk_gib} GiB disk" if size.disk_gib else ""
    return f"{size.vcpus} vCPU, {memory}{disk}"


def _region(placement: Placement, catalogue: Catalogue) -> Region:
    open_regions = [region for region in catalogue.regions if region.available]
    names = ", ".join(sorted(region.name for region in open_regions))
    if placement.region:
        region = catalogue.region(placement.region)
        if region is None:
            raise InvalidInput(
                "region", f"{catalogue.cloud} has no region {placement.region!r}", advice=f"regions: {names}"
            )
        if not region.available:
            raise InvalidInput(
                "region", f"{placement.region} takes no new servers", advice=f"regions: {names}"
            )
        return region
    if placement.place and placement.place not in PLACES:
        raise InvalidInput(
            "place", f"unknown place {placement.place!r}", advice=f"places: {', '.join(PLACES)}"
        )
    if placement.place:
        point = PLACES[placement.place]
    elif placement.latitude is not None and placement.longitude is not None:
        point = (placement.latitude, placement.longitude)
    else:
        raise InvalidInput("region", "which region, or near which place?", advice=f"regions: {names}")
    known = [
        (distance_km(point, (region.latitude, region.longitude)), region.name, region)
        for region in open_regions
        if region.latitude is not None and region.longitude is not None
    ]
    if not known:
        raise InvalidInput(
            "region", f"nobody knows where {catalogue.cloud}'s regions are", advice=f"regions: {names}"
        )
    return min(known, key=lambda item: item[:2])[2]


def _placed(placement: Placement, catalogue: Catalogue, region: Region) -> Placement:
    return Placement(
        cloud=catalogue.cloud,
        region=region.name,
        place=placement.place,
        latitude=region.latitude,
        longitude=region.longitude,
    )


def _offered(catalogue: Catalogue, region: Region) -> list[SizeOffer]:
    return [size for size in catalogue.sizes if region.name in size.regions]


def _cheapest(size: Size, region: Region, catalogue: Catalogue) -> SizeOffer | None:
    fitting = (
        offer
        for offer in _offered(catalogue, region)
        if offer.vcpus >= size.vcpus
        and offer.memory_mib >= size.memory_mib
        and offer.disk_gib >= size.disk_gib
    )
    return min(
        fitting, key=lambda offer: (offer.monthly, offer.vcpus, offer.memory_mib, offer.name), default=None
    )


def _wanted_size(field: str, size: Size, region: Region, catalogue: Catalogue) -> SizeOffer:
    pin = size.pins.get(catalogue.cloud)
    here = _names(offer.name for offer in _offered(catalogue, region))
    if pin is None:
        offer = _cheapest(size, region, catalogue)
        if offer is None:
            raise InvalidInput(
                field,
                f"{catalogue.cloud} has no size in {region.name} with {describe_size(size)}",
                advice=f"sizes: {here}",
            )
        return offer
    offer = catalogue.size(pin)
    if offer is None or region.name not in offer.regions:
        raise InvalidInput(
            field, f"{catalogue.cloud} has no size {pin!r} in {region.name}", advice=f"sizes: {here}"
        )
    return offer


def _size_for(size: Size, region: Region, catalogue: Catalogue) -> SizeOffer | None:
    offer = catalogue.size(size.pins.get(catalogue.cloud, ""))
    if offer is not None and region.name in offer.regions:
        return offer
    return _cheapest(size, region, catalogue)


def _wanted_image(field: str, image: Image, region: Region, catalogue: Catalogue) -> ImageOffer:
    offer = _image_for(image, region, catalogue)
    if offer is None:
        wanted = image.pins.get(catalogue.cloud) or image.os
        here = _names(item.os for item in catalogue.images if region.name in item.regions)
        raise InvalidInput(
            field, f"{catalogue.cloud} has no image {wanted!r} in {region.name}", advice=f"images: {here}"
        )
    return offer


def _image_for(image: Image, region: Region, catalogue: Catalogue) -> ImageOffer | None:
    pin = image.pins.get(catalogue.cloud)
    for offer in catalogue.images:
        if region.name in offer.regions and (offer.name == pin if pin else offer.os == image.os):
            return offer
    return None


def _pinned(pool: PoolSpec, cloud: str, size: SizeOffer, image: ImageOffer) -> PoolSpec:
    """Write the choice into the pool; a size that was named only by its pin learns what it has."""
    wanted = pool.size
    if not (wanted.vcpus or wanted.memory_mib or wanted.disk_gib):
        wanted = Size(vcpus=size.vcpus, memory_mib=size.memory_mib, disk_gib=size.disk_gib)
    return msgspec.structs.replace(
        pool,
        size=msgspec.structs.replace(wanted, pins={**pool.size.pins, cloud: size.name}),
        image=Image(os=pool.image.os or image.os, pins={**pool.image.pins, cloud: image.name}),
    )


def _region_choice(source: Placement, catalogue: Catalogue, target: Region) -> Choice:
    note = ""
    if None not in (source.latitude, source.longitude, target.latitude, target.longitude):
        here = (float(source.latitude or 0), float(source.longitude or 0))
        there = (float(target.latitude or 0), float(target.longitude or 0))
        note = f"{round(distance_km(here, there)):,} km away"
    return Choice(
        what="region",
        wanted=f"{source.cloud}/{source.region}",
        chosen=f"{catalogue.cloud}/{target.name}",
        note=note,
    )


def _pool_choices(pool: PoolSpec, source: str, size: SizeOffer, image: ImageOffer) -> Iterable[Choice]:
    before = pool.size.pins.get(source)
    yield Choice(
        what=f"size of pool {pool.name}",
        wanted=f"{before} ({describe_size(pool.size)})" if before else describe_size(pool.size),
        chosen=size.name,
        note=f"{describe_size(Size(vcpus=size.vcpus, memory_mib=size.memory_mib, disk_gib=size.disk_gib))}, "
        f"${size.monthly:.2f}/mo each",
    )
    yield Choice(what=f"image of pool {pool.name}", wanted=pool.image.os, chosen=image.name)


def lacking(spec: ClusterSpec, catalogue: Catalogue) -> Iterable[str]:
    """Say what the cloud cannot hold of a spec; the blueprint leaves it out."""
    parts = (
        (Kind.SUBNET, [subnet.name for subnet in spec.network.subnets], "all servers share the network"),
        (Kind.LOAD_BALANCER, [item.name for item in spec.load_balancers], "nothing spreads the traffic"),
        (Kind.VOLUME, [item.name for item in spec.volumes], "the servers have their own disks only"),
        (Kind.RESERVED_IP, [item.name for item in spec.reserved_ips], "servers have their own addresses"),
        (Kind.FIREWALL, [item.name for item in spec.firewalls], "nothing keeps traffic out"),
    )
    for kind, names, meaning in parts:
        if names and kind not in catalogue.kinds:
            yield f"{catalogue.cloud} has no {kind}: {', '.join(names)} left out, {meaning}"


def _losses(spec: ClusterSpec, catalogue: Catalogue, holder: str) -> Iterable[str]:
    """Say what does not come along: what the cloud lacks, and what no log and no snapshot holds."""
    yield from lacking(spec, catalogue)
    yield f"what is on the servers' disks and what ran there: {holder} holds the intended infrastructure"
    yield "the servers' addresses: they are new ones"
    if spec.volumes and Kind.VOLUME in catalogue.kinds:
        yield f"volumes start empty: {holder} holds no volume data ({_names(v.name for v in spec.volumes)})"
    if spec.reserved_ips and Kind.RESERVED_IP in catalogue.kinds:
        yield f"reserved addresses are new ones ({_names(ip.name for ip in spec.reserved_ips)})"


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(set(names)))
