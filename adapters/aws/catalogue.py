"""What is on offer: the shipped catalogue, and of it what the account may use."""

from functools import cache
from importlib.resources import files

import msgspec

from ...engine.domain.catalogue import Catalogue, SizeOffer
from ...engine.errors import Rejected
from .names import CLOUD


@cache
def shipped() -> Catalogue:
    """Return the catalogue of the package's file, which `make_catalogue` writes."""
    content = files(__package__).joinpath("catalogue.json").read_bytes()
    return msgspec.json.decode(content, type=Catalogue)


def size_offer(name: str) -> SizeOffer:
    """Return a size. Raises `Rejected` for one that is not on offer: nobody would know its root volume."""
    size = shipped().size(name)
    if size is None:
        raise Rejected(CLOUD, f"there is no size {name[:120]!r} on offer")
    return size


def narrowed(regions: frozenset[str]) -> Catalogue:
    """Return what is on offer in the regions named; those that the account has not enabled are left out."""
    every = shipped()
    here = tuple(region for region in every.regions if region.name in regions)
    names = frozenset(region.name for region in here)
    sizes = (msgspec.structs.replace(size, regions=size.regions & names) for size in every.sizes)
    images = (msgspec.structs.replace(image, regions=image.regions & names) for image in every.images)
    return msgspec.structs.replace(
        every,
        regions=here,
        sizes=tuple(size for size in sizes if size.regions),
        images=tuple(image for image in images if image.regions),
    )
