"""What a cloud offers: regions, sizes, images, prices, and which kinds of resource it has.

Prices are US dollars as `Decimal`. Filled by adapters, read by translation and planning.
"""

from decimal import Decimal

import msgspec

from .resources import Kind


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """A place where a cloud has machines. Coordinates in degrees; None where nobody knows."""

    name: str
    title: str
    latitude: float | None = None
    longitude: float | None = None
    available: bool = True


class SizeOffer(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of server on offer, in the regions named. Memory in MiB, disk in GiB."""

    name: str
    vcpus: int
    memory_mib: int
    disk_gib: int
    hourly: Decimal
    monthly: Decimal
    regions: frozenset[str]


class ImageOffer(msgspec.Struct, frozen=True, kw_only=True):
    """An operating system image: `os` is the neutral name (``ubuntu-24.04``)."""

    name: str
    os: str
    regions: frozenset[str]


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """Monthly prices of what is not a server."""

    volume_gib: Decimal = Decimal(0)
    load_balancer: Decimal = Decimal(0)
    reserved_ip: Decimal = Decimal(0)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the cloud puts up with; 0 means that nothing is known.

    `parallel` calls at once; `burst` requests at any moment and `per_second` on and on after that;
    about `requests_for_all` of them for a whole list or catalogue.
    """

    parallel: int = 0
    per_second: float = 0.0
    burst: int = 0
    requests_for_all: int = 1


class Catalogue(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a cloud offers to this account.

    `nameless` are the kinds that cannot be found by name: a call that asked for one and got no answer
    cannot be settled by looking.
    """

    cloud: str
    regions: tuple[Region, ...]
    sizes: tuple[SizeOffer, ...]
    images: tuple[ImageOffer, ...]
    kinds: frozenset[Kind]
    nameless: frozenset[Kind] = frozenset()
    prices: Prices = Prices()
    max_user_data: int = 65536
    limits: Limits = Limits()

    def region(self, name: str) -> Region | None:
        """Return the region of that name, or None."""
        return next((region for region in self.regions if region.name == name), None)

    def size(self, name: str) -> SizeOffer | None:
        """Return the size of that name, or None."""
        return next((size for size in self.sizes if size.name == name), None)
