"""Images: the one that is pinned or mapped, or the one of the same system's release. Pure."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from ...domain.catalogue import Catalogue, ImageOffer, Region
from ...domain.mapping import Mapped, Mapping
from ...domain.model import Image, Placement, PoolSpec
from ...errors import InvalidInput
from .words import some


class FoundImage(NamedTuple):
    """An image and why it is that one."""

    offer: ImageOffer
    note: str


def fitting(catalogue: Catalogue, region: Region, architecture: str) -> list[ImageOffer]:
    """Return the images that a region has for an architecture."""
    return [
        offer
        for offer in catalogue.images
        if region.name in offer.regions and architecture in offer.architectures
    ]


def own_image(
    field: str, image: Image, region: Region, catalogue: Catalogue, architecture: str
) -> ImageOffer:
    """Return the image for a pool that is declared on this cloud. Raises `InvalidInput`."""
    offer = _image(image, region, catalogue, architecture)
    if offer is None:
        wanted = image.pins.get(catalogue.cloud) or image.os
        here = some(item.os for item in fitting(catalogue, region, architecture))
        problem = f"{catalogue.cloud} has no image {wanted!r} in {region.name}"
        raise InvalidInput(field, problem, advice=f"images: {here}")
    return offer


def target_image(
    pool: PoolSpec,
    source: Placement,
    region: Region,
    catalogue: Catalogue,
    architecture: str,
    mapping: Mapping,
) -> FoundImage | None:
    """Return the image for a pool that comes from somewhere else, or None where its system is not there.

    Raises `InvalidInput` where a mapped image or system is not there.
    """
    mapped = mapping.find("images", catalogue.cloud, *keys_of(pool))
    if mapped is not None:
        return FoundImage(_mapped(mapped, region, catalogue, architecture), "as mapped")
    image = pool.image
    offer = _image(image, region, catalogue, architecture)
    if offer is None and image.os:  # what was pinned may be gone, and a newer image of the release be there
        offer = _image(Image(os=image.os), region, catalogue, architecture)
    if offer is None:
        return None
    kept = "as before" if source.cloud == catalogue.cloud else "as pinned"
    return FoundImage(offer, kept if image.pins.get(catalogue.cloud) == offer.name else "")


def keys_of(pool: PoolSpec) -> tuple[str, ...]:
    """Return how a mapping may call a pool's image."""
    return (pool.name, pool.image.os)


def gone(pool: PoolSpec, region: Region, catalogue: Catalogue, architecture: str) -> str:
    """Say that a pool's image is not there, what is, and which release follows."""
    wanted = pool.image.os or ", ".join(pool.image.pins.values())
    here = {item.os for item in fitting(catalogue, region, architecture)}
    told = f"no {architecture} image of {wanted} for pool {pool.name}"
    newer = next_release(wanted, here)
    hint = f" ({newer} is the next newer release)" if newer else ""
    return f"{told}; there are: {some(here, like=wanted)}{hint}" if here else told


def next_release(wanted: str, known: Iterable[str]) -> str:
    """Return the nearest newer release of the same system, or nothing.

    >>> next_release("ubuntu-22.04", ["ubuntu-24.04", "ubuntu-26.04", "debian-13"])
    'ubuntu-24.04'
    """
    system, release = _release(wanted)
    others = [(_release(name)[1], name) for name in known if _release(name)[0] == system]
    newer = [item for item in others if item[0] > release]
    return min(newer)[1] if newer else ""


def _release(os: str) -> tuple[str, tuple[int, ...]]:
    system, _, release = os.rpartition("-")
    return system, tuple(int(part) for part in re.findall(r"[0-9]{1,9}", release))


def _image(image: Image, region: Region, catalogue: Catalogue, architecture: str) -> ImageOffer | None:
    pin = image.pins.get(catalogue.cloud)
    for offer in fitting(catalogue, region, architecture):
        if offer.name == pin if pin else offer.os == image.os:
            return offer
    return None


def _mapped(mapped: Mapped, region: Region, catalogue: Catalogue, architecture: str) -> ImageOffer:
    here = fitting(catalogue, region, architecture)
    for offer in here:
        if mapped.name in {offer.os, offer.name}:
            return offer
    problem = f"{catalogue.cloud} has no {architecture} image {mapped.name!r} in {region.name}"
    systems = some((item.os for item in here), like=mapped.name)
    raise InvalidInput(mapped.field, problem, advice=f"images: {systems}")
