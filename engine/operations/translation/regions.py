"""Regions: the one that is named, in whatever words, or the nearest that takes new servers. Pure."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ...domain.catalogue import Catalogue, Region
from ...domain.mapping import Mapping
from ...domain.model import Placement
from ...domain.places import PLACES, distance_km
from ...errors import InvalidInput

_Point = tuple[float, float]


class FoundRegion(NamedTuple):
    """A region and why it is that one."""

    region: Region
    note: str


def own_region(placement: Placement, catalogue: Catalogue) -> Region:
    """Return the region for a cluster that is declared on this cloud: by its exact name, or the nearest.

    Raises `InvalidInput` for one that the cloud does not have, or that takes no new servers.
    """
    here = open_regions(catalogue)
    advice = f"regions: {_names(here)}"
    if placement.region:
        region = catalogue.region(placement.region)
        if region is None:
            problem = f"{catalogue.cloud} has no region {placement.region!r}"
            raise InvalidInput("region", problem, advice=advice)
        return _taking(region, advice)
    point = _wanted_point(placement)
    if len(here) == 1:
        return here[0]
    if point is None:
        raise InvalidInput("region", "which region, or near which place?", advice=advice)
    return _nearest(point, here, catalogue)


def target_region(
    source: Placement, catalogue: Catalogue, *, text: str, mapping: Mapping, field: str = "region"
) -> FoundRegion:
    """Return the region that a cluster goes to: what `text` says, else what is mapped, else the nearest.

    A text is a region's name, else a place's, else a part of one region's name or title.
    Raises `InvalidInput` for a text that means none or several, and where nobody knows which is nearest.
    """
    far = _Distance(source)
    here = far.sorted(open_regions(catalogue))
    mapped = mapping.find("regions", catalogue.cloud, f"{source.cloud}/{source.region}", source.region)
    if text:
        found = _meant(text, here, catalogue, field=field, far=far)
        return FoundRegion(found.region, _joined(found.note, far.told(found.region)))
    if mapped is not None:
        region = catalogue.region(mapped.name)
        if region is None:
            problem = f"{catalogue.cloud} has no region {mapped.name!r}"
            raise InvalidInput(mapped.field, problem, advice=far.advice(here))
        return FoundRegion(_taking(region, far.advice(here)), _joined("as mapped", far.told(region)))
    if source.cloud == catalogue.cloud:
        return FoundRegion(own_region(source, catalogue), "as it was")
    if len(here) == 1:
        return FoundRegion(here[0], _joined("the only one", far.told(here[0])))
    point = _wanted_point(source)
    if point is None:
        problem = f"nobody knows where {source.cloud}/{source.region} is, and so what is near: which region?"
        raise InvalidInput(field, problem, advice=far.advice(here))
    region = _nearest(point, here, catalogue)
    to = f" to {source.place}" if source.place else ""
    return FoundRegion(region, _joined(f"nearest{to} of {len(here)}", far.told(region)))


def open_regions(catalogue: Catalogue) -> list[Region]:
    """Return the regions that take new servers."""
    return [region for region in catalogue.regions if region.available]


def _meant(
    text: str, here: Sequence[Region], catalogue: Catalogue, *, field: str, far: "_Distance"
) -> FoundRegion:
    exact = catalogue.region(text)
    if exact is not None:
        return FoundRegion(_taking(exact, far.advice(here), field), "")
    words = text.casefold().strip()
    place = re.sub(r"[\s_]+", "-", words)
    if place in PLACES and any(_point_of(region) for region in here):
        region = _nearest(PLACES[place], here, catalogue)
        return FoundRegion(region, f"nearest to {place} of {len(here)}")
    matching = [region for region in catalogue.regions if words[:1].isalnum() and _matches(words, region)]
    found = [region for region in matching if region.available]
    if len(found) > 1:
        problem = f"{text!r} is ambiguous: {_titled(found)}"
        raise InvalidInput(field, problem, advice=f"regions that it may mean: {_names(found)}")
    if not matching:
        problem = f"{catalogue.cloud} has no region {text!r}"
        raise InvalidInput(field, problem, advice=far.advice(here))
    region = (found or matching)[0]
    return FoundRegion(_taking(region, far.advice(here), field), region.title)


def _matches(words: str, region: Region) -> bool:
    """Tell whether words begin a region's name, or stand at the beginning of a word of its title."""
    return (
        region.name.casefold().startswith(words)
        or re.search(rf"(?<!\w){re.escape(words)}", region.title.casefold()) is not None
    )


def _taking(region: Region, advice: str, field: str = "region") -> Region:
    if not region.available:
        raise InvalidInput(field, f"{region.name} takes no new servers", advice=advice)
    return region


def _wanted_point(placement: Placement) -> _Point | None:
    """Return what a cluster is to be near to: the place that it names, else where it is."""
    if placement.place:
        if placement.place not in PLACES:
            advice = f"places: {', '.join(PLACES)}"
            raise InvalidInput("place", f"unknown place {placement.place!r}", advice=advice)
        return PLACES[placement.place]
    if placement.latitude is None or placement.longitude is None:
        return None
    return (placement.latitude, placement.longitude)


def _point_of(region: Region) -> _Point | None:
    if region.latitude is None or region.longitude is None:
        return None
    return (region.latitude, region.longitude)


def _nearest(point: _Point, here: Iterable[Region], catalogue: Catalogue) -> Region:
    known = [(distance_km(point, at), region.name, region) for region in here if (at := _point_of(region))]
    if not known:
        problem = f"nobody knows where {catalogue.cloud}'s regions are"
        raise InvalidInput("region", problem, advice=f"regions: {_names(here)}")
    return min(known, key=lambda item: item[:2])[2]


class _Distance:
    """How far regions are from where a cluster is, if that is known."""

    def __init__(self, source: Placement) -> None:
        at = (source.latitude, source.longitude)
        self._from: _Point | None = None if at[0] is None or at[1] is None else (at[0], at[1])

    def km(self, region: Region) -> float | None:
        at = _point_of(region)
        return None if self._from is None or at is None else distance_km(self._from, at)

    def told(self, region: Region) -> str:
        far = self.km(region)
        return "" if far is None else f"{round(far):,} km away"

    def sorted(self, regions: Iterable[Region]) -> list[Region]:
        """Return the nearest first; those of which nobody knows last."""

        def order(region: Region) -> tuple[bool, float, str]:
            far = self.km(region)
            return (far is None, far or 0.0, region.name)

        return sorted(regions, key=order)

    def advice(self, here: Sequence[Region]) -> str:
        """List regions that are sorted already."""
        nearest = "regions, the nearest first" if self._from is not None else "regions"
        return f"{nearest}: {', '.join(region.name for region in here)}"


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _names(regions: Iterable[Region]) -> str:
    return ", ".join(sorted(region.name for region in regions))


def _titled(regions: Iterable[Region]) -> str:
    told = sorted(f"{region.name} ({region.title})" for region in regions)
    return ", ".join(told)
