"""What clouds offer, as `clouds` and its commands show it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from ...engine.domain.amounts import mebibytes
from ...engine.domain.catalogue import ARM64, X86_64, Catalogue, Feature, Region, SizeOffer
from ...engine.domain.catalogues import differences, lowest
from ...engine.domain.model import Size
from ...engine.domain.places import distance_km
from ...engine.domain.resources import Kind
from ...engine.errors import InvalidInput, KubisnapError
from ...engine.operations.translation.sizes import satisfies
from ..catalogues import Known
from .style import printable, table

_PARTS = (
    Kind.NETWORK,
    Kind.SUBNET,
    Kind.FIREWALL,
    Kind.SSH_KEY,
    Kind.VOLUME,
    Kind.LOAD_BALANCER,
    Kind.RESERVED_IP,
)
"""What people know of the kinds of resources; the rest is the engine's."""
_SHOWN = 12
"""Differences of one sort that are named in text; ``-o json`` names all."""


# ── clouds ───────────────────────────────────────────────────────────────────────────────────────


def clouds_text(found: Sequence[Known]) -> str:
    """Return a line for each cloud."""
    rows = []
    for cloud, catalogue, source in found:
        if catalogue is None:
            rows.append([cloud, "", "", "", "", "needs refresh", ""])
            continue
        counts = (len(_open(catalogue)), len(catalogue.sizes), len(catalogue.images))
        rows.append([cloud, *map(str, counts), catalogue.dated, source, _has(catalogue)])
    header = ("CLOUD", "REGIONS", "SIZES", "IMAGES", "DATED", "OFFERS", "HAS")
    return table(rows, header=header)


def cloud_document(item: Known) -> dict[str, Any]:
    """Return a cloud as JSON; what is not known is null."""
    catalogue = item.catalogue
    counts = (None, None, None)
    if catalogue is not None:
        counts = (len(_open(catalogue)), len(catalogue.sizes), len(catalogue.images))  # type: ignore[assignment]
    regions, sizes, images = counts
    return {
        "cloud": item.cloud,
        "source": item.source or None,
        "dated": None if catalogue is None else catalogue.dated,
        "regions": regions,
        "sizes": sizes,
        "images": images,
        "kinds": None if catalogue is None else sorted(kind.value for kind in catalogue.kinds),
        "features": None if catalogue is None else sorted(item.value for item in catalogue.features),
    }


def _open(catalogue: Catalogue) -> list[Region]:
    return [region for region in catalogue.regions if region.available]


def _has(catalogue: Catalogue) -> str:
    """Say what a cloud has, or what it has not, whichever is shorter."""
    has = [part.value for part in _PARTS if part in catalogue.kinds]
    lacks = [part.value for part in _PARTS if part not in catalogue.kinds]
    lacks += [feature.value for feature in Feature if feature not in catalogue.features]
    if not lacks:
        return "all"
    if len(has) <= 2:
        return f"{', '.join(['servers', *has])} only"
    return f"all but {', '.join(lacks)}"


# ── regions ──────────────────────────────────────────────────────────────────────────────────────


class FoundRegion(NamedTuple):
    """A region of a cloud, and how far it is, in km, from where was asked about."""

    cloud: str
    region: Region
    km: int | None


def found_regions(known: Iterable[Known], near: tuple[float, float] | None) -> list[FoundRegion]:
    """Return the regions that take new servers: by cloud and name, or the nearest first."""
    found = [
        FoundRegion(item.cloud, region, _km(region, near))
        for item in known
        if item.catalogue is not None
        for region in _open(item.catalogue)
    ]

    def order(item: FoundRegion) -> tuple[bool, int, str, str]:
        far = item.km is None and near is not None
        return (far, item.km or 0, item.cloud, item.region.name)

    return sorted(found, key=order)


def _km(region: Region, near: tuple[float, float] | None) -> int | None:
    if near is None or region.latitude is None or region.longitude is None:
        return None
    return round(distance_km(near, (region.latitude, region.longitude)))


def regions_text(found: Sequence[FoundRegion]) -> str:
    """Return a line for each region."""
    far = any(item.km is not None for item in found)
    rows = [
        [
            item.cloud,
            item.region.name,
            printable(item.region.title),
            _degrees(item.region),
            *([f"{item.km:,} km" if item.km is not None else ""] if far else []),
        ]
        for item in found
    ]
    header = ["CLOUD", "REGION", "TITLE", "WHERE", *(["AWAY"] if far else [])]
    return table(rows, header=header) if rows else ""


def _degrees(region: Region) -> str:
    if region.latitude is None or region.longitude is None:
        return "unknown"
    north, east = "S" if region.latitude < 0 else "N", "W" if region.longitude < 0 else "E"
    return f"{abs(region.latitude):.1f}°{north} {abs(region.longitude):.1f}°{east}"


def region_document(item: FoundRegion) -> dict[str, Any]:
    """Return a region as JSON."""
    region = item.region
    return {
        "cloud": item.cloud,
        "region": region.name,
        "title": region.title,
        "latitude": region.latitude,
        "longitude": region.longitude,
        "km": item.km,
    }


# ── sizes ────────────────────────────────────────────────────────────────────────────────────────


class FoundSize(NamedTuple):
    """A size of a cloud, and what it costs a month in `region`, or where it is cheapest."""

    cloud: str
    offer: SizeOffer
    region: str
    monthly: Decimal


def need_of(vcpus: int, memory: str, disk: str, architecture: str) -> Size:
    """Return what was asked for. Raises `InvalidInput`."""
    if architecture not in {"", X86_64, ARM64}:
        raise InvalidInput("--arch", f"{architecture!r} is neither {X86_64} nor {ARM64}")
    amounts = {}
    for field, text in (("--memory", memory), ("--disk", disk)):
        amount = mebibytes(text) if text else 0
        if amount is None:
            raise InvalidInput(field, f"{text!r} is not an amount such as 4GiB or 512MiB")
        amounts[field] = amount
    return Size(vcpus=vcpus, memory_mib=amounts["--memory"], disk_gib=-(-amounts["--disk"] // 1024))


def found_sizes(known: Iterable[Known], need: Size, *, architecture: str, region: str) -> list[FoundSize]:
    """Return the sizes that satisfy, the cheapest first. Raises `InvalidInput` for an unknown region."""
    known = [item for item in known if item.catalogue is not None]
    there = [item for item in known if item.catalogue is not None and item.catalogue.region(region)]
    if region and not there:
        names = {
            found.name for item in known if item.catalogue is not None for found in _open(item.catalogue)
        }
        told = ", ".join(sorted(names)[:30])
        raise InvalidInput("--region", f"no cloud has a region {region!r}", advice=f"regions: {told}")
    found = [
        FoundSize(item.cloud, offer, region, offer.monthly_at(region) if region else lowest(offer))
        for item in (there if region else known)
        if item.catalogue is not None
        for offer in (size.with_disk(need.disk_gib) for size in item.catalogue.sizes)
        if (region in offer.regions if region else offer.regions)
        if satisfies(offer, _of(need, architecture or offer.architecture))
    ]

    def order(item: FoundSize) -> tuple[object, ...]:
        offer = item.offer
        return (not item.monthly, item.monthly, offer.vcpus, offer.memory_mib, item.cloud, offer.name)

    return sorted(found, key=order)


def _of(need: Size, architecture: str) -> Size:
    return msgspec.structs.replace(need, architecture="" if architecture == X86_64 else architecture)


def sizes_text(found: Sequence[FoundSize]) -> str:
    """Return a line for each size."""
    rows = [
        [
            item.cloud,
            item.offer.name,
            str(item.offer.vcpus),
            f"{item.offer.memory_mib / 1024:g} GiB",
            f"{item.offer.disk_gib} GiB" if item.offer.disk_gib else "",
            item.offer.architecture,
            f"${item.monthly:,.2f}" if item.monthly else "unknown",
            item.region or _where(item),
        ]
        for item in found
    ]
    return table(rows, header=_SIZES) if rows else "no size is large enough"


_SIZES = ("CLOUD", "SIZE", "VCPU", "MEMORY", "DISK", "ARCH", "MONTHLY", "REGIONS")


def _where(item: FoundSize) -> str:
    """Say how many regions have it, and where the price is that is shown if it is not the same everywhere."""
    offer = item.offer
    prices = {offer.monthly_at(region) for region in offer.regions}
    if len(prices) == 1:
        return str(len(offer.regions))
    first = min(region for region in offer.regions if offer.monthly_at(region) == item.monthly)
    return f"{len(offer.regions)}, cheapest in {first}"


def size_document(item: FoundSize) -> dict[str, Any]:
    """Return a size as JSON."""
    offer = item.offer
    regions = [item.region] if item.region else sorted(offer.regions)
    return {
        "cloud": item.cloud,
        "size": offer.name,
        "vcpus": offer.vcpus,
        "memory_mib": offer.memory_mib,
        "disk_gib": offer.disk_gib,
        "architecture": offer.architecture,
        "monthly_usd": f"{item.monthly:f}" if item.monthly else None,
        "regions": regions,
        "monthly_usd_in": {region: f"{price:f}" for region in regions if (price := offer.monthly_at(region))},
    }


# ── what refreshing brought ──────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Refreshed:
    """A cloud that was asked: what was known `before`, what it says `now`, or why it said nothing."""

    cloud: str
    before: Catalogue | None = None
    now: Catalogue | None = None
    error: KubisnapError | None = None


def refreshed_text(item: Refreshed) -> str:
    """Say what one cloud offers now, and what changed."""
    if item.now is None:
        return f"{item.cloud}: not refreshed: {item.error}"
    counts = f"{len(_open(item.now))} regions, {len(item.now.sizes)} sizes, {len(item.now.images)} images"
    lines = [f"{item.cloud}: {counts}"]
    if item.before is None:
        return lines[0]
    lines += [f"  {line}" for line in _changes(item.before, item.now)]
    return "\n".join(lines if len(lines) > 1 else [f"{lines[0]}, as before"])


def _changes(before: Catalogue, now: Catalogue) -> Iterator[str]:
    found = differences(before, now)
    for sign, what, names in (
        ("+", "region", found.regions_added),
        ("-", "region", found.regions_removed),
        ("+", "size", found.sizes_added),
        ("-", "size", found.sizes_removed),
        ("+", "image", found.images_added),
        ("-", "image", found.images_removed),
    ):
        if names:
            more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
            yield f"{sign} {what} {', '.join(names[:_SHOWN])}{more}"
    for name, old, new in found.prices[:_SHOWN]:
        yield f"~ size {name} ${old:,.2f} → ${new:,.2f} a month"
    if len(found.prices) > _SHOWN:
        yield f"~ and {len(found.prices) - _SHOWN} more prices"


def refreshed_document(item: Refreshed) -> dict[str, Any]:
    """Return what one cloud was asked for as JSON."""
    changes = None
    if item.before is not None and item.now is not None:
        found = differences(item.before, item.now)
        changes = {
            **{
                name: list(getattr(found, name)) for name in type(found).__struct_fields__ if name != "prices"
            },
            "prices": [
                {"size": name, "before_usd": f"{old:f}", "now_usd": f"{new:f}"}
                for name, old, new in found.prices
            ],
        }
    now = item.now
    return {
        "cloud": item.cloud,
        "error": None if item.error is None else str(item.error),
        "dated": None if now is None else now.dated,
        "regions": None if now is None else len(_open(now)),
        "sizes": None if now is None else len(now.sizes),
        "images": None if now is None else len(now.images),
        "changes": changes,
    }
