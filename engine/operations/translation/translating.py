"""Fitting a cluster to another cloud or region: every choice with its reason, every loss. Pure."""

from collections.abc import Iterator, Sequence

import msgspec

from ...domain.catalogue import Catalogue, Region
from ...domain.events import Choice
from ...domain.mapping import NO_MAPPING, Mapping
from ...domain.model import ClusterSpec, Placement, PoolSpec
from ...domain.places import PLACES
from ...domain.resources import Kind
from ...errors import CannotTranslate, LossesRefused
from ..cost import Cost, cluster_cost
from . import images, sizes
from .fitting import pinned, placed
from .losses import lacking, left_behind
from .ranges import renumber
from .regions import FoundRegion, open_regions, own_region, target_region


class Translation(msgspec.Struct, frozen=True, kw_only=True):
    """A spec that fits a cloud, how it was made to, and what does not come along.

    `losses` are what that cloud cannot hold or holds worse, `left` is what is never carried over.
    `unused` are entries of the mapping that are about nothing in this cluster. `source_cost` is what
    it costs where it is, where that cloud's prices are known.
    """

    spec: ClusterSpec
    choices: tuple[Choice, ...]
    losses: tuple[str, ...]
    left: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    source_cost: Cost | None = None


def destination(
    spec: ClusterSpec, catalogue: Catalogue, *, region: str = "", mapping: Mapping = NO_MAPPING
) -> Region:
    """Return the region that `translate` would choose, to ask the cloud what is there. Raises as it does."""
    return target_region(spec.placement, catalogue, text=region, mapping=mapping).region


def translate(
    spec: ClusterSpec,
    catalogue: Catalogue,
    *,
    region: str = "",
    holder: str = "a snapshot",
    mapping: Mapping = NO_MAPPING,
    taken: Sequence[str] = (),
    source: Catalogue | None = None,
) -> Translation:
    """Fit a complete spec to another cloud or region; without `region`, the nearest one.

    `region` may be a name, a place or a part of one region's name or title. `holder` is what the spec is
    from, and what does not hold the things that are left. `taken` are address ranges that are in use at
    the target, `source` is the catalogue of the cloud that the cluster is on.

    Raises `InvalidInput` for an unknown or ambiguous region and a mapped name that is not there,
    `CannotTranslate` where something has no counterpart.
    """
    found = target_region(spec.placement, catalogue, text=region, mapping=mapping)
    target = found.region
    choices = [_region_choice(spec.placement, catalogue, found)]
    losses: list[str] = []
    problems: list[str] = []
    advice: list[str] = []
    pools: list[PoolSpec] = []
    for pool in spec.pools:
        fitted = _pool(pool, spec.placement, target, catalogue, mapping)
        choices += fitted.choices
        losses += fitted.losses
        problems += fitted.problems
        advice += fitted.advice
        pools.append(fitted.pool)
    numbered = renumber(spec, catalogue, taken=taken, mapping=mapping)
    choices += numbered.choices
    choices += _volume_choices(spec, catalogue)
    problems += [*numbered.problems, *_volume_problems(spec, catalogue)]
    if problems:
        raise CannotTranslate(catalogue.cloud, tuple(problems), tuple(dict.fromkeys(advice)))
    return Translation(
        spec=msgspec.structs.replace(
            numbered.spec,
            placement=placed(_near(spec.placement, catalogue, target), catalogue, target),
            pools=tuple(pools),
        ),
        choices=tuple(choices),
        losses=(*lacking(spec, catalogue), *losses, *numbered.losses),
        left=tuple(left_behind(spec, catalogue, holder)),
        unused=tuple(_unused(spec, catalogue, mapping)),
        source_cost=None if source is None else cluster_cost(spec, source),
    )


def refuse_losses(translation: Translation) -> None:
    """Raise `LossesRefused` if anything is lost, for those who want all or nothing."""
    if translation.losses:
        raise LossesRefused(translation.spec.placement.cloud, translation.losses)


class _Fitted(msgspec.Struct, frozen=True, kw_only=True):
    """A pool that was fitted, as far as it could be."""

    pool: PoolSpec
    choices: tuple[Choice, ...] = ()
    losses: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()


def _pool(
    pool: PoolSpec, source: Placement, target: Region, catalogue: Catalogue, mapping: Mapping
) -> _Fitted:
    size = sizes.target_size(pool, source, target, catalogue, mapping)
    architecture = sizes.architecture_of(pool.size) if size is None else size.offer.architecture
    image = images.target_image(pool, source, target, catalogue, architecture, mapping)
    problems = []
    advice = []
    if size is None:
        problems.append(sizes.too_large(pool, target, catalogue))
    if image is None:
        problems.append(images.gone(pool, target, catalogue, architecture))
        newer = images.next_release(pool.image.os, (item.os for item in catalogue.images))
        advice += [f"--mapping FILE      with images: {{{pool.image.os}: {newer}}}"] if newer else []
    if len(pool.bootstrap.encode()) > catalogue.max_user_data:
        problems.append(f"the bootstrap script of pool {pool.name} is too long")
    if size is None or image is None or problems:
        return _Fitted(pool=pool, problems=tuple(problems), advice=tuple(advice))
    return _Fitted(
        pool=pinned(pool, catalogue.cloud, size.offer, image.offer),
        choices=tuple(_pool_choices(pool, source.cloud, target, size, image)),
        losses=tuple(_pool_losses(pool, catalogue, size)),
    )


def _pool_choices(
    pool: PoolSpec, source: str, target: Region, size: sizes.FoundSize, image: images.FoundImage
) -> Iterator[Choice]:
    before, has = pool.size.pins.get(source), sizes.describe_size(sizes.size_of(size.offer))
    needed = sizes.describe_size(pool.size)
    yield Choice(
        what=f"size of pool {pool.name}",
        wanted=f"{before} ({needed})" if before else needed,
        chosen=size.offer.name,
        note=f"{has}; {size.note}; {sizes.describe_price(size.offer, target.name)}",
    )
    other = image.offer.os if image.offer.os != pool.image.os else ""
    yield Choice(
        what=f"image of pool {pool.name}",
        wanted=pool.image.os,
        chosen=image.offer.name,
        note="; ".join(filter(None, (other, image.note))),
    )


def _pool_losses(pool: PoolSpec, catalogue: Catalogue, size: sizes.FoundSize) -> Iterator[str]:
    """Say what a size that was named has less of than is needed."""
    need, offer = pool.size, size.offer
    if sizes.is_named_only(need) or sizes.satisfies(offer, need):
        return
    has, needed = sizes.describe_size(sizes.size_of(offer)), sizes.describe_size(need)
    yield f"{catalogue.cloud}'s {offer.name} has {has}; pool {pool.name} needs {needed} ({size.note})"


def _region_choice(source: Placement, catalogue: Catalogue, found: FoundRegion) -> Choice:
    return Choice(
        what="region",
        wanted=f"{source.cloud}/{source.region}",
        chosen=f"{catalogue.cloud}/{found.region.name}",
        note=found.note,
    )


def _near(source: Placement, catalogue: Catalogue, target: Region) -> Placement:
    """Return the placement whose place still holds: what is told to go elsewhere is not near it."""
    known = any(region.latitude is not None for region in open_regions(catalogue))
    if source.place in PLACES and (not known or own_region(_at(source.place), catalogue) == target):
        return source
    return msgspec.structs.replace(source, place="")


def _at(place: str) -> Placement:
    return Placement(cloud="", place=place)


def _volume_choices(spec: ClusterSpec, catalogue: Catalogue) -> Iterator[Choice]:
    if Kind.VOLUME not in catalogue.kinds or not catalogue.volumes:
        return
    smallest = catalogue.volumes[0].smallest_gib
    for volume in spec.volumes:
        if volume.size_gib < smallest:
            yield Choice(
                what=f"volume {volume.name}",
                wanted=f"{volume.size_gib} GiB",
                chosen=f"{smallest} GiB",
                note="the smallest there is",
            )


def _volume_problems(spec: ClusterSpec, catalogue: Catalogue) -> Iterator[str]:
    if Kind.VOLUME not in catalogue.kinds or not catalogue.volumes:
        return
    largest = catalogue.volumes[0].largest_gib
    for volume in spec.volumes:
        if volume.size_gib > largest:
            yield f"volume {volume.name} of {volume.size_gib} GiB is larger than the largest, {largest} GiB"


def _unused(spec: ClusterSpec, catalogue: Catalogue, mapping: Mapping) -> Iterator[str]:
    """Name what a mapping says of nothing in this cluster: a slip of the pen, or another cluster's."""
    source = spec.placement
    about = {
        "regions": {f"{source.cloud}/{source.region}", source.region},
        "sizes": {key for pool in spec.pools for key in sizes.keys_of(pool, source)},
        "images": {key for pool in spec.pools for key in images.keys_of(pool)},
        "network": {spec.network.cidr},
    }
    for entry in mapping.of(catalogue.cloud):
        if entry.key not in about[entry.section]:
            yield f"{entry.section}: {entry.key}"
