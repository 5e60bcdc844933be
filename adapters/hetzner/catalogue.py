"""What Hetzner offers, as its API tells it, and what it does not say itself.

Sources: the sections "Locations", "Server Types", "Images" and "Pricing" of Hetzner's API reference;
the pages "Networks", "Volumes" and "Load Balancers" of its documentation.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation

from ...engine.domain import catalogue
from ...engine.domain.catalogue import ARM64, X86_64, Feature
from ...engine.domain.resources import Kind
from ..transport.failures import unexpected
from . import wire
from .answers import CLOUD, PROVIDER
from .balancers import TYPE
from .transport import Transport

USD_IN = {"EUR": Decimal("1.16"), "USD": Decimal(1)}
"""US dollars in a unit of a price list's currency: about the euro's rate of September 2026."""

DATED = "2026-09-29"
"""When the prices and the rate in use here were looked up."""

# All open inside of a private network: Hetzner's firewalls hold for public addresses.
FEATURES = frozenset(Feature) - {Feature.FILTERS_WITHIN}

# The section "Rate Limiting": 3,600 requests an hour for a project, and one more comes back each second.
LIMITS = catalogue.Limits(parallel=16, per_second=1.0, burst=3000, requests_for_all=8)

RESERVED_RANGES = ("172.31.1.1/32",)
"""The gateway of servers' public addresses; the page "Networks: FAQ" of Hetzner's documentation."""

MAX_USER_DATA = 32 * 1024
"""Bytes; the operation "Create a Server", field user_data."""

SECONDS = {Kind.SERVER: 30, Kind.LOAD_BALANCER: 15, Kind.VOLUME: 5, Kind.VOLUME_ATTACHMENT: 5}

_ARCHITECTURES = {"x86": X86_64, "arm": ARM64}
_CENT, _HOURLY = Decimal("0.01"), Decimal("0.00001")


def catalogue_of(transport: Transport, kinds: frozenset[Kind]) -> catalogue.Catalogue:
    """Return what is on offer: server types where they can be had now, and system images."""
    locations = transport.listed("locations", "locations", wire.Location, lambda item: item.name)
    types = transport.listed("server_types", "server_types", wire.ServerType, lambda item: item.id)
    query = {"type": "system", "status": "available"}
    images = transport.listed("images", "images", wire.Image, lambda item: item.id, query)
    pricing = transport.fetch("pricing", wire.PricingAnswer).pricing
    known = frozenset(location.name for location in locations)
    prices = _Prices(pricing)
    balancer = prices.least(pricing.load_balancer_types, name=TYPE)
    gib = prices.monthly(pricing.volume.price_per_gb_month)
    return catalogue.Catalogue(
        cloud=CLOUD,
        regions=tuple(_region(location) for location in locations),
        sizes=tuple(offer for item in types if (offer := _size(item, known, prices)) is not None),
        images=_images(images, known),
        kinds=kinds,
        prices=catalogue.Prices(
            volume_gib=gib,
            load_balancer=balancer,
            reserved_ip=prices.least(pricing.floating_ips, type="ipv4"),
        ),
        max_user_data=MAX_USER_DATA,
        limits=LIMITS,
        features=FEATURES,
        reserved_ranges=RESERVED_RANGES,
        network_prefixes=(8, 24),
        volumes=(catalogue.VolumeOffer(name="volume", smallest_gib=10, largest_gib=10240, gib_monthly=gib),),
        balancers=(catalogue.BalancerOffer(name=TYPE, monthly=balancer),),
        seconds=SECONDS,
        dated=DATED,
    )


class _Prices:
    """A price list in US dollars. Raises what a senseless answer raises for prices that are none."""

    def __init__(self, pricing: wire.Pricing) -> None:
        if pricing.currency not in USD_IN:
            raise unexpected(PROVIDER, f"prices in {pricing.currency}", write=False, shape=True)
        self._rate = USD_IN[pricing.currency]
        addresses = next((item for item in pricing.primary_ips or () if item.type == "ipv4"), None)
        self._addresses = {item.location: item for item in addresses.prices} if addresses else {}

    def monthly(self, price: wire.Price) -> Decimal:
        """Return a month's price to the hundredth of a cent: a GiB costs less than a few cents."""
        return self._dollars(price).quantize(_CENT / 100)

    def least(self, offers: Iterable[wire.PricesOf] | None, **which: str) -> Decimal:
        """Return what a month costs where it costs least, of the offer that is named; nothing is free."""
        for offer in offers or ():
            if all(getattr(offer, field) == value for field, value in which.items()) and offer.prices:
                return min(self._dollars(item.price_monthly) for item in offer.prices).quantize(_CENT)
        raise unexpected(PROVIDER, f"no price of {which}", write=False, shape=True)

    def server(self, item: wire.PlacePrice) -> tuple[Decimal, Decimal]:
        """Return what a month and an hour of a server cost, each with its public IPv4 address."""
        month, hour = self._both(item)
        if item.location in self._addresses:
            more_month, more_hour = self._both(self._addresses[item.location])
            month, hour = month + more_month, hour + more_hour
        return month.quantize(_CENT), hour.quantize(_HOURLY)

    def _both(self, item: wire.PlacePrice) -> tuple[Decimal, Decimal]:
        month = self._dollars(item.price_monthly)
        return month, self._dollars(item.price_hourly) if item.price_hourly else month / 730

    def _dollars(self, price: wire.Price) -> Decimal:
        try:
            amount = Decimal(price.net)
        except InvalidOperation:
            amount = Decimal("NaN")
        if not amount.is_finite() or not 0 <= amount < 10**6:
            raise unexpected(PROVIDER, "a price that is none", write=False, shape=True)
        return amount * self._rate


def _region(location: wire.Location) -> catalogue.Region:
    return catalogue.Region(
        name=location.name,
        title=location.city or location.description or location.name,
        latitude=location.latitude,
        longitude=location.longitude,
    )


def _size(item: wire.ServerType, known: frozenset[str], prices: _Prices) -> catalogue.SizeOffer | None:
    """Return a server type where it can be had, None for one that cannot."""
    architecture = _ARCHITECTURES.get(item.architecture or "x86")
    priced = {price.location: prices.server(price) for price in item.prices}
    places = {place: priced[place] for place in sorted(known & _open(item) & priced.keys())}
    if architecture is None or not places:
        return None
    monthly, hourly = min(places.values())
    return catalogue.SizeOffer(
        name=item.name,
        vcpus=item.cores,
        memory_mib=int(item.memory * 1024),
        disk_gib=int(item.disk),
        hourly=hourly,
        monthly=monthly,
        regions=frozenset(places),
        architecture=architecture,
        monthly_in={place: price for place, (price, _) in places.items() if price != monthly},
    )


def _open(item: wire.ServerType) -> frozenset[str]:
    """Return the locations that sell a server type to new servers. Older answers tell it of none."""
    if item.locations is None:
        return frozenset() if item.deprecation else frozenset(price.location for price in item.prices)
    return frozenset(place.name for place in item.locations if place.available and place.deprecation is None)


def _images(images: Iterable[wire.Image], known: frozenset[str]) -> tuple[catalogue.ImageOffer, ...]:
    """Return images by name: there is one of each architecture under the same, and a server gets its own."""
    found: dict[str, catalogue.ImageOffer] = {}
    for image in images:
        system = os_of(image.os_flavor or "", image.os_version or "")
        architecture = _ARCHITECTURES.get(image.architecture or "x86")
        if system is None or architecture is None or not image.name or image.deprecated:
            continue
        others = found[image.name].architectures if image.name in found else frozenset[str]()
        found[image.name] = catalogue.ImageOffer(
            name=image.name, os=system, regions=known, architectures=others | {architecture}
        )
    return tuple(found.values())


_SYSTEMS: Mapping[str, str] = {
    name: name for name in ("alma", "debian", "fedora", "opensuse", "rocky", "ubuntu")
}


def os_of(flavor: str, version: str) -> str | None:
    """Return the neutral name of an operating system, or None for one that has none.

    >>> os_of("ubuntu", "24.04"), os_of("centos", "stream-9"), os_of("unknown", "1")
    ('ubuntu-24.04', 'centos-stream-9', None)
    """
    if flavor == "centos" and version.startswith("stream"):
        flavor, version = "centos-stream", version.removeprefix("stream").lstrip("-")
    name = _SYSTEMS.get(flavor, flavor if flavor == "centos-stream" else None)
    whole, _, part = version.partition(".")
    numbered = whole.isascii() and whole.isdecimal() and (not part or (part.isascii() and part.isdecimal()))
    return f"{name}-{version}" if name and numbered and not version.endswith(".") else None
