"""What an OpenStack cloud offers: its flavors and images, and what its service catalogue has.

Nobody publishes what a private cloud costs: prices are 0, unless a site writes them into a flavor's extra
specs as `kubisnap:monthly_usd`. Sources: "Flavors" of Nova's API reference, "Images" of Glance's with the
page "Useful image properties", "Volume types" of Cinder's.
"""

import re
from collections import Counter
from decimal import Decimal, InvalidOperation

import msgspec

from ...engine.domain.catalogue import (
    ARM64,
    X86_64,
    BalancerOffer,
    Catalogue,
    Feature,
    ImageOffer,
    Limits,
    Region,
    SizeOffer,
    VolumeOffer,
)
from ...engine.domain.resources import Kind
from ...engine.errors import Denied, Rejected, ResourceMissing
from . import wire
from .answers import CLOUD, clean, today
from .family import Site
from .transport import BALANCER, COMPUTE, IMAGE, VOLUME

ROOT_GIB = 20
"""The disk of a server whose flavor has none, and so starts from a volume."""

MAX_USER_DATA = 65535 // 4 * 3
"""Bytes: Nova takes 65,535 characters of base64."""

PRICE = "kubisnap:monthly_usd"
_HOURS = 730

LIMITS = Limits(parallel=16, requests_for_all=14)
"""Few clouds say what they put up with; a small one has a handful of API workers."""

SECONDS = {
    Kind.NETWORK: 3,
    Kind.SUBNET: 5,
    Kind.FIREWALL: 3,
    Kind.SERVER: 30,
    Kind.VOLUME: 5,
    Kind.VOLUME_ATTACHMENT: 10,
    Kind.LOAD_BALANCER: 180,
    Kind.LOAD_BALANCER_MEMBER: 15,
}

ALWAYS = frozenset({Kind.TAG, Kind.SSH_KEY, Kind.NETWORK, Kind.SUBNET, Kind.FIREWALL, Kind.SERVER})
_SYSTEMS = {
    "ubuntu": "ubuntu",
    "debian": "debian",
    "rocky": "rocky",
    "rockylinux": "rocky",
    "alma": "alma",
    "almalinux": "alma",
    "centos-stream": "centos-stream",
    "centos": "centos",
    "fedora": "fedora",
    "rhel": "rhel",
    "opensuse": "opensuse-leap",
    "opensuse-leap": "opensuse-leap",
    "sles": "sles",
    "flatcar": "flatcar",
}
_WITH_MINOR = {"ubuntu", "opensuse-leap", "sles"}
"""Systems whose releases have two numbers; the others' second is a build of the same release."""

_ARCHITECTURES = {"x86_64": X86_64, "amd64": X86_64, "aarch64": ARM64, "arm64": ARM64}
_VERSION = re.compile(r"([0-9]{1,4})(?:\.([0-9]{1,4}))?(?![0-9])")
_NAMED = re.compile(
    r"(ubuntu|debian|rocky ?linux|rocky|alma ?linux|alma|centos stream|centos|fedora|opensuse leap|opensuse)"
    r"[a-z ]*?(?P<version>[0-9]{1,4}(?:\.[0-9]{1,4})?)(?![0-9])"
)


class Offers:
    """Flavors and images, by the names that they are offered under."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._transport = site.transport

    def kinds(self) -> frozenset[Kind]:
        """Return the kinds of resources that this project can have here, by the service catalogue."""
        found = set(ALWAYS)
        if self._transport.offers(VOLUME):
            found |= {Kind.VOLUME, Kind.VOLUME_ATTACHMENT}
        if self._transport.offers(BALANCER) and self.sees_balancers():
            found |= {Kind.LOAD_BALANCER, Kind.LOAD_BALANCER_MEMBER}
        if self._site.external is not None:
            found |= {Kind.RESERVED_IP, Kind.RESERVED_IP_ASSIGNMENT}
        return frozenset(found)

    def sees_balancers(self) -> bool:
        """Whether the project may use Octavia, which many clouds let only those do who have a role for it."""
        query = {"limit": "1", "fields": "id"}
        try:
            self._transport.fetch(BALANCER, "/lbaas/loadbalancers", wire.Nothing, query)
        except Denied as error:
            if error.status == 401:
                raise
            return False
        return True

    def flavor(self, name: str) -> wire.Flavor:
        """Return the flavor of a name. Raises `Rejected`."""
        for item in self._flavors():
            if item.name == name and not item.disabled:
                return item
        raise Rejected(CLOUD, f"there is no flavor {clean(name)!r}")

    def image(self, name: str) -> str:
        """Return the id of the image that is offered under a name. Raises `Rejected`."""
        for offered, item in self._images():
            if offered == name:
                return item.id
        raise Rejected(CLOUD, f"there is no active image {clean(name)!r}, or more than one")

    def catalogue(self) -> Catalogue:
        """Return what is on offer."""
        here = frozenset({self._site.region})
        kinds = self.kinds()
        place = self._site.settings.place or (None, None)
        sizes = [
            _size(item, here)
            for item in self._flavors()
            if not item.disabled and (item.disk > 0 or Kind.VOLUME in kinds) and min(item.vcpus, item.ram) > 0
        ]
        return Catalogue(
            cloud=CLOUD,
            regions=tuple(
                Region(name=name, title=name, latitude=place[0], longitude=place[1]) for name in here
            ),
            sizes=tuple(sizes),
            images=tuple(
                ImageOffer(name=name, os=system, regions=here, architectures=_architectures(item))
                for name, item in self._images()
                if (system := os_of(item)) is not None
            ),
            kinds=kinds,
            max_user_data=MAX_USER_DATA,
            limits=LIMITS,
            features=frozenset(Feature) - {Feature.PUBLIC_ADDRESSES, Feature.MANY_SSH_KEYS},
            subnet_needed=True,
            network_prefixes=(8, 29),
            volumes=self._volumes() if Kind.VOLUME in kinds else (),
            balancers=(BalancerOffer(name="octavia"),) if Kind.LOAD_BALANCER in kinds else (),
            seconds=SECONDS,
            dated=today(self._transport.now),
        )

    def _flavors(self) -> list[wire.Flavor]:
        return self._transport.listed(COMPUTE, "/flavors/detail", "flavors", wire.Flavor)

    def _images(self) -> list[tuple[str, wire.Image]]:
        """Return active images by the names that they are offered under: ids where one is not unique."""
        found = self._transport.listed(
            IMAGE, "/images", "images", wire.Image, {"status": "active", "limit": "200"}
        )
        usable = [item for item in found if not item.os_hidden and item.image_type != "snapshot"]
        usable.sort(key=lambda item: (item.created_at or "", item.id), reverse=True)
        names = Counter(item.name for item in usable)
        return [(item.name if item.name and names[item.name] == 1 else item.id, item) for item in usable]

    def _volumes(self) -> tuple[VolumeOffer, ...]:
        """Return the types of volumes, the one that new ones are of first."""
        types = self._transport.listed(VOLUME, "/types", "volume_types", wire.VolumeType)
        names = sorted({item.name for item in types if item.is_public is not False})
        try:
            default = self._transport.fetch(VOLUME, "/types/default", _DefaultType).volume_type.name
        except ResourceMissing:
            default = ""
        ordered = sorted(names, key=lambda name: (name != default, name)) or ["default"]
        return tuple(VolumeOffer(name=name) for name in ordered)


class _DefaultType(msgspec.Struct):
    volume_type: wire.VolumeType


def _size(item: wire.Flavor, here: frozenset[str]) -> SizeOffer:
    monthly = price_of(item.extra_specs.get(PRICE, ""))
    return SizeOffer(
        name=item.name,
        vcpus=item.vcpus,
        memory_mib=item.ram,
        disk_gib=item.disk or ROOT_GIB,
        hourly=(monthly / _HOURS).quantize(Decimal("0.00001")),
        monthly=monthly,
        regions=here,
        architecture=_ARCHITECTURES.get(item.extra_specs.get("hw:cpu_arch", "").lower(), X86_64),
    )


def price_of(text: str) -> Decimal:
    """Return a month's price in US dollars, 0 for what is none.

    >>> price_of("12.50"), price_of("a lot")
    (Decimal('12.50'), Decimal('0'))
    """
    try:
        price = Decimal(text or "0")
    except InvalidOperation:
        return Decimal(0)
    return price if price.is_finite() and 0 <= price < 10**7 else Decimal(0)


def os_of(item: wire.Image) -> str | None:
    """Return the neutral name of the system in an image, or None for one that has none.

    Its properties tell, or else its name.
    """
    distribution = (item.os_distro or "").strip().lower().replace(" ", "-").replace("_", "-")
    version = _VERSION.fullmatch((item.os_version or "").strip())
    if version and distribution in _SYSTEMS:
        return _release(_SYSTEMS[distribution], version[1], version[2])
    named = _NAMED.match(re.sub(r"[^a-z0-9.]+", " ", (item.name or "").lower()).strip())
    if named is None:
        return None
    system = _SYSTEMS[named[1].replace(" linux", "").replace("linux", "").replace(" ", "-")]
    major, _, minor = named["version"].partition(".")
    return _release(system, major, minor)


def _release(system: str, major: str, minor: str | None) -> str | None:
    if system in _WITH_MINOR:
        return f"{system}-{major}.{minor}" if minor else None
    return f"{system}-{major}"


def _architectures(item: wire.Image) -> frozenset[str]:
    told = _ARCHITECTURES.get((item.architecture or "").lower())
    if told is None:
        told = ARM64 if re.search(r"arm64|aarch64", (item.name or "").lower()) else X86_64
    return frozenset({told})
