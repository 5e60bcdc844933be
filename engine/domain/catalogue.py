"""What a cloud offers: regions, sizes, images, prices, and what it can and cannot do.

Prices are US dollars as `Decimal`. Filled by adapters, read by translation and planning.
"""

from decimal import Decimal
from enum import StrEnum

import msgspec

from .model import ForwardProtocol
from .resources import Kind

_HOURS_A_MONTH = Decimal(730)

X86_64, ARM64 = "x86_64", "arm64"
"""Architectures of processors, as Linux calls them (arm64: AArch64)."""


class Feature(StrEnum):
    """What clouds differ in beyond the kinds of resources that they have; a plan says what follows."""

    NEW_SERVERS = "new-servers"
    """Servers are made. Without: some that are there already are taken and given back."""
    PUBLIC_ADDRESSES = "public-addresses"
    """Each server has a public address of its own. Without: only one with a reserved address has."""
    USER_DATA = "user-data"
    """A script runs at the first boot."""
    MANY_SSH_KEYS = "many-ssh-keys"
    """Any number of SSH keys opens a server. Without: the first one does."""
    FILTERS_WITHIN = "filters-within"
    """Firewalls hold inside of the private network, too. Without: between its servers all is open."""
    HTTP = "http"
    """Load balancers understand HTTP. Without: they forward it as TCP."""


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """A place where a cloud has machines. Coordinates in degrees; None where nobody knows."""

    name: str
    title: str
    latitude: float | None = None
    longitude: float | None = None
    available: bool = True


class SizeOffer(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of server on offer, in the regions named. Memory in MiB, disk in GiB.

    `monthly_in` has the price where it is another one than `monthly`. A larger disk than `disk_gib`
    can be had up to `disk_up_to`, for `gib_monthly` each GiB more; 0: it is what it is.
    """

    name: str
    vcpus: int
    memory_mib: int
    disk_gib: int
    hourly: Decimal
    monthly: Decimal
    regions: frozenset[str]
    architecture: str = X86_64
    monthly_in: dict[str, Decimal] = {}
    disk_up_to: int = 0
    gib_monthly: Decimal = Decimal(0)

    def monthly_at(self, region: str) -> Decimal:
        """Return what a month costs in a region."""
        return self.monthly_in.get(region, self.monthly)

    def hourly_at(self, region: str) -> Decimal:
        """Return what an hour costs in a region: dearer or cheaper there as a month is."""
        if region not in self.monthly_in or not self.monthly:
            return self.hourly
        return self.hourly * self.monthly_in[region] / self.monthly

    def with_disk(self, gib: int) -> "SizeOffer":
        """Return the offer with a disk of so many GiB, in its price, too; itself if there is none."""
        more = gib - self.disk_gib
        if more <= 0 or gib > self.disk_up_to:
            return self
        extra = more * self.gib_monthly
        return msgspec.structs.replace(
            self,
            disk_gib=gib,
            hourly=self.hourly + extra / _HOURS_A_MONTH,
            monthly=self.monthly + extra,
            monthly_in={region: price + extra for region, price in self.monthly_in.items()},
        )


class ImageOffer(msgspec.Struct, frozen=True, kw_only=True):
    """An operating system image: `os` is the neutral name (``ubuntu-24.04``)."""

    name: str
    os: str
    regions: frozenset[str]
    architectures: frozenset[str] = frozenset({X86_64})


class VolumeOffer(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of block storage, from `smallest_gib` to `largest_gib`; the price is of a GiB and month."""

    name: str
    smallest_gib: int = 1
    largest_gib: int = 16384
    gib_monthly: Decimal = Decimal(0)


class BalancerOffer(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of load balancer, what it understands and what a month costs."""

    name: str
    protocols: frozenset[ForwardProtocol] = frozenset(ForwardProtocol)
    monthly: Decimal = Decimal(0)


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

    `features` are what else it can do. `subnet_needed`: a network alone holds no servers and no load
    balancers. `groups_in_network`: firewalls and tags are parts of a network. `keys_in_region`: an SSH key
    is there in one region only. `own_disks`: a server's disk is as large as is asked for.
    `reserved_ranges` are address ranges that no network may overlap,
    `network_prefixes` the shortest and longest prefix of one.
    `volumes` and `balancers` are what there is, the one in use first. `seconds` is how long things of a
    kind take to make, roughly. `dated` (ISO 8601) is the day that offers and prices are of. At a
    `simulated` cloud nothing answers.
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
    features: frozenset[Feature] = frozenset(Feature)
    subnet_needed: bool = False
    groups_in_network: bool = False
    own_disks: bool = False
    keys_in_region: bool = False
    reserved_ranges: tuple[str, ...] = ()
    network_prefixes: tuple[int, int] = (8, 28)
    volumes: tuple[VolumeOffer, ...] = ()
    balancers: tuple[BalancerOffer, ...] = ()
    seconds: dict[Kind, int] = {}
    dated: str = ""
    simulated: bool = False

    def region(self, name: str) -> Region | None:
        """Return the region of that name, or None."""
        return next((region for region in self.regions if region.name == name), None)

    def size(self, name: str) -> SizeOffer | None:
        """Return the size of that name, or None."""
        return next((size for size in self.sizes if size.name == name), None)
