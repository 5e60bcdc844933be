"""Sizes: the one that is pinned or mapped, or the cheapest that satisfies, with the reason. Pure.

Where nobody knows prices it is the smallest that satisfies. A size that the catalogue has no price of
comes after those with one.
"""

from collections.abc import Iterable
from typing import NamedTuple

from ...domain.catalogue import X86_64, Catalogue, Region, SizeOffer
from ...domain.mapping import Mapping
from ...domain.model import Placement, PoolSpec, Size
from ...errors import InvalidInput
from .words import some


class FoundSize(NamedTuple):
    """A size and why it is that one."""

    offer: SizeOffer
    note: str


def architecture_of(size: Size) -> str:
    """Return the architecture that is needed; what nobody says is x86_64."""
    return size.architecture or X86_64


def is_named_only(size: Size) -> bool:
    """Tell whether nothing is said of a size but clouds' own names for it."""
    return not (size.vcpus or size.memory_mib or size.disk_gib)


def satisfies(offer: SizeOffer, size: Size) -> bool:
    """Tell whether an offer has at least what is needed, for the same programs."""
    return (
        offer.architecture == architecture_of(size)
        and offer.vcpus >= size.vcpus
        and offer.memory_mib >= size.memory_mib
        and offer.with_disk(size.disk_gib).disk_gib >= size.disk_gib
    )


def offered(catalogue: Catalogue, region: Region) -> list[SizeOffer]:
    """Return the sizes that a region has."""
    return [size for size in catalogue.sizes if region.name in size.regions]


def ordered(offers: Iterable[SizeOffer], region: str) -> list[SizeOffer]:
    """Return offers with the cheapest in a region first; of equally dear ones the smallest."""

    def order(offer: SizeOffer) -> tuple[object, ...]:
        price = offer.monthly_at(region)
        return (not price, price, offer.vcpus, offer.memory_mib, offer.disk_gib, offer.name)

    return sorted(offers, key=order)


def cheapest(size: Size, region: Region, catalogue: Catalogue) -> FoundSize | None:
    """Return the cheapest offer that satisfies, or None."""
    fits = (item for item in offered(catalogue, region) if satisfies(item, size))
    fitting = ordered((item.with_disk(size.disk_gib) for item in fits), region.name)
    if not fitting:
        return None
    first = fitting[0]
    what = "cheapest" if first.monthly_at(region.name) else "smallest"
    one = "the only one that does"
    return FoundSize(first, one if len(fitting) == 1 else f"{what} of {len(fitting)} that do")


def own_size(field: str, size: Size, region: Region, catalogue: Catalogue) -> SizeOffer:
    """Return the size for a pool that is declared on this cloud: the one it names, or the cheapest.

    Raises `InvalidInput` where there is none, or the one that is named is of another architecture.
    """
    pin = size.pins.get(catalogue.cloud)
    here = some(offer.name for offer in offered(catalogue, region))
    if pin is None:
        found = cheapest(size, region, catalogue)
        if found is None:
            problem = f"{catalogue.cloud} has no size in {region.name} with {describe_size(size)}"
            raise InvalidInput(field, problem, advice=f"sizes: {here}")
        return found.offer
    offer = catalogue.size(pin)
    if offer is None or region.name not in offer.regions:
        problem = f"{catalogue.cloud} has no size {pin!r} in {region.name}"
        raise InvalidInput(field, problem, advice=f"sizes: {here}")
    stated = size.architecture or (not is_named_only(size) and X86_64)
    if stated and stated != offer.architecture:
        advice = f"architecture: {offer.architecture}      or another size"
        raise InvalidInput(field, f"{pin!r} is {offer.architecture}, not {stated}", advice=advice)
    return offer


def target_size(
    pool: PoolSpec, source: Placement, region: Region, catalogue: Catalogue, mapping: Mapping
) -> FoundSize | None:
    """Return the size for a pool that comes from somewhere else, or None where none is large enough.

    Raises `InvalidInput` where a mapped size is not there.
    """
    pin = pool.size.pins.get(catalogue.cloud, "")
    mapped = mapping.find("sizes", catalogue.cloud, *keys_of(pool, source))
    if mapped is not None:
        offer = catalogue.size(mapped.name)
        if offer is None or region.name not in offer.regions:
            problem = f"{catalogue.cloud} has no size {mapped.name!r} in {region.name}"
            here = some((item.name for item in offered(catalogue, region)), like=mapped.name)
            raise InvalidInput(mapped.field, problem, advice=f"sizes: {here}")
        return FoundSize(offer.with_disk(pool.size.disk_gib), "as mapped")
    offer = catalogue.size(pin)
    if offer is not None and region.name in offer.regions:
        return FoundSize(
            offer.with_disk(pool.size.disk_gib),
            "as before" if source.cloud == catalogue.cloud else "as pinned",
        )
    found = cheapest(pool.size, region, catalogue)
    if found is not None and pin:
        return FoundSize(found.offer, f"{pin} is not to be had; {found.note}")
    return found


def keys_of(pool: PoolSpec, source: Placement) -> tuple[str, ...]:
    """Return how a mapping may call a pool's size."""
    pin = pool.size.pins.get(source.cloud)
    return (pool.name, f"{source.cloud}/{pin}") if pin else (pool.name,)


def too_large(pool: PoolSpec, region: Region, catalogue: Catalogue) -> str:
    """Say that no size is large enough for a pool, and what the largest is."""
    need = pool.size
    told = f"no size in {region.name} for pool {pool.name} ({describe_size(need)})"
    here = [
        item.with_disk(item.disk_up_to)
        for item in offered(catalogue, region)
        if item.architecture == architecture_of(need)
    ]
    if not here:
        return f"{told}: it has none that is {architecture_of(need)}"
    most = [
        max(here, key=lambda item: (item.vcpus, item.memory_mib, item.disk_gib, item.name)),
        max(here, key=lambda item: (item.memory_mib, item.vcpus, item.disk_gib, item.name)),
        max(here, key=lambda item: (item.disk_gib, item.vcpus, item.memory_mib, item.name)),
    ]
    named = dict.fromkeys(f"{item.name} ({describe_size(size_of(item))})" for item in most)
    return f"{told}; the largest: {', '.join(named)}"


def size_of(offer: SizeOffer) -> Size:
    """Return what an offer has, as a need."""
    return Size(
        vcpus=offer.vcpus,
        memory_mib=offer.memory_mib,
        disk_gib=offer.disk_gib,
        architecture="" if offer.architecture == X86_64 else offer.architecture,
    )


def describe_size(size: Size) -> str:
    """Say a size for people, e.g. ``2 vCPU, 4 GiB, 80 GiB disk, arm64``."""
    memory = f"{size.memory_mib / 1024:g} GiB"
    disk = f", {size.disk_gib} GiB disk" if size.disk_gib else ""
    return f"{size.vcpus} vCPU, {memory}{disk}{f', {size.architecture}' if size.architecture else ''}"


def describe_price(offer: SizeOffer, region: str) -> str:
    """Say what a size costs in a region."""
    price = offer.monthly_at(region)
    return f"${price:.2f}/mo each" if price else "price unknown"
