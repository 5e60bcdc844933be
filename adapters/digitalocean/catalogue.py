"""What DigitalOcean offers, and what it does not say itself: coordinates and prices of the rest.

Sources: the pages "Regions", "Sizes" and "Images" of DigitalOcean's API reference; the page
"Regional Availability" of its documentation; its price list (volumes, load balancers, reserved IPs).
"""

import re
from decimal import Decimal

from ...engine.domain import catalogue
from ...engine.domain.resources import Kind
from ..transport.failures import unexpected
from . import wire
from .answers import CLOUD, PROVIDER
from .transport import Transport

CITIES: dict[str, tuple[str, float, float]] = {
    "ams": ("Amsterdam", 52.37, 4.90),
    "atl": ("Atlanta", 33.75, -84.39),
    "blr": ("Bangalore", 12.97, 77.59),
    "fra": ("Frankfurt", 50.11, 8.68),
    "lon": ("London", 51.51, -0.13),
    "nyc": ("New York", 40.71, -74.01),
    "ric": ("Richmond", 37.54, -77.44),
    "sfo": ("San Francisco", 37.77, -122.42),
    "sgp": ("Singapore", 1.35, 103.82),
    "syd": ("Sydney", -33.87, 151.21),
    "tor": ("Toronto", 43.65, -79.38),
}
"""City, degrees north, degrees east; a region's slug is a city's code and a number."""

# DigitalOcean's price list, US dollars a month: block storage $0.10 a GiB, a regional load balancer
# $12 a node, a reserved IP nothing while it points to a droplet ($5 when it does not).
PRICES = catalogue.Prices(
    volume_gib=Decimal("0.10"), load_balancer=Decimal("12.00"), reserved_ip=Decimal("0.00")
)

# The page "Rate Limit": 5,000 requests an hour and 250 a minute. Kept to by the minute, ahead of time;
# the hour is minded by waiting when a 429 says so.
LIMITS = catalogue.Limits(parallel=32, per_second=125 / 60, burst=125, requests_for_all=8)

DATED = "2025-10-01"
"""The day that these prices are of, as they were known then; nobody has looked them up since."""

RESERVED_RANGES = ("10.229.0.0/16", "10.244.0.0/16", "10.245.0.0/16", "10.246.0.0/24")
"""Ranges that no VPC may overlap; the page "Plan your VPC network" of DigitalOcean's documentation."""

MAX_USER_DATA = 64 * 1024
"""Bytes; the page "Droplets", field user_data."""

_SLUG = re.compile(r"([a-z-]+?)-(\d+)(?:-(\d+))?-x64")
_SYSTEMS = {
    "almalinux": "alma",
    "centos-stream": "centos-stream",
    "debian": "debian",
    "fedora": "fedora",
    "rockylinux": "rocky",
    "ubuntu": "ubuntu",
}


def catalogue_of(transport: Transport, kinds: frozenset[Kind]) -> catalogue.Catalogue:
    """Return what is on offer: sizes that can be had now, and distribution images with a known name."""
    regions = transport.listed("regions", "regions", wire.Region, lambda item: item.slug)
    sizes = transport.listed("sizes", "sizes", wire.Size, lambda item: item.slug)
    query = {"type": "distribution"}
    images = transport.listed("images", "images", wire.Image, lambda item: item.id, query)
    known = frozenset(region.slug for region in regions)  # sizes and images go on naming closed regions
    return assembled(
        regions=tuple(_region(region) for region in regions),
        sizes=tuple(_size(size, known) for size in sizes if size.available),
        images=tuple(offer for image in images if (offer := _image(image, known)) is not None),
        kinds=kinds,
    )


def assembled(
    *,
    regions: tuple[catalogue.Region, ...],
    sizes: tuple[catalogue.SizeOffer, ...],
    images: tuple[catalogue.ImageOffer, ...],
    kinds: frozenset[Kind],
) -> catalogue.Catalogue:
    """Return the catalogue of these offers, with what the API does not say."""
    return catalogue.Catalogue(
        cloud=CLOUD,
        regions=regions,
        sizes=sizes,
        images=images,
        kinds=kinds,
        nameless=frozenset({Kind.RESERVED_IP}),  # an address has no name and no tags
        prices=PRICES,
        max_user_data=MAX_USER_DATA,
        limits=LIMITS,
        reserved_ranges=RESERVED_RANGES,
        network_prefixes=(16, 28),
        volumes=(catalogue.VolumeOffer(name="block-storage", gib_monthly=PRICES.volume_gib),),
        balancers=(catalogue.BalancerOffer(name="regional", monthly=PRICES.load_balancer),),
        dated=DATED,
    )


def _region(region: wire.Region) -> catalogue.Region:
    city = CITIES.get(region.slug.rstrip("0123456789"))
    return catalogue.Region(
        name=region.slug,
        title=region.name or (city[0] if city else region.slug),
        latitude=city[1] if city else None,
        longitude=city[2] if city else None,
        available=region.available,
    )


def _size(size: wire.Size, known: frozenset[str]) -> catalogue.SizeOffer:
    if not all(price.is_finite() and price >= 0 for price in (size.price_hourly, size.price_monthly)):
        raise unexpected(PROVIDER, f"a price of {size.slug} that is none", write=False, shape=True)
    return catalogue.SizeOffer(
        name=size.slug,
        vcpus=size.vcpus,
        memory_mib=size.memory,
        disk_gib=size.disk,
        hourly=size.price_hourly,
        monthly=size.price_monthly,
        regions=known.intersection(size.regions or ()),
    )


def _image(image: wire.Image, known: frozenset[str]) -> catalogue.ImageOffer | None:
    name = os_of(image.slug or "")
    if name is None or image.status not in {None, "available"}:
        return None
    regions = known.intersection(image.regions or ())
    return catalogue.ImageOffer(name=image.slug or "", os=name, regions=regions)


def os_of(slug: str) -> str | None:
    """Return the neutral name of the system in an image, or None for one that has none.

    >>> os_of("ubuntu-24-04-x64"), os_of("rockylinux-9-x64"), os_of("docker-20-04")
    ('ubuntu-24.04', 'rocky-9', None)
    """
    match = _SLUG.fullmatch(slug)
    if match is None or match[1] not in _SYSTEMS:
        return None
    release = f"{match[2]}.{match[3]}" if match[3] else match[2]
    return f"{_SYSTEMS[match[1]]}-{release}"
