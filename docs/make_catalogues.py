# ruff: noqa: INP001 - a script, not a package
"""Writes the catalogues that are shipped with adapters: ``python docs/make_catalogues.py``.

A test compares, so that the files cannot say anything else than these tables. They serve where nobody
is asked: `kubisnap clouds`, and what a cluster costs where it comes from. A plan asks the cloud.
"""

from decimal import Decimal
from pathlib import Path

from kubisnap.adapters.digitalocean.catalogue import CITIES, assembled, os_of
from kubisnap.adapters.sandbox.catalogue import CATALOGUE as SANDBOX
from kubisnap.engine.domain.catalogue import Catalogue, ImageOffer, Region, SizeOffer
from kubisnap.engine.domain.catalogues import write_catalogue
from kubisnap.engine.domain.resources import Kind

ADAPTERS = Path(__file__).parents[1] / "adapters"

# ── DigitalOcean: its pages "Regional Availability" and "Droplet Pricing" ────────────────────────

_REGIONS = (
    "ams3", "atl1", "blr1", "fra1", "lon1", "nyc1", "nyc2", "nyc3", "sfo2", "sfo3", "sgp1", "syd1", "tor1",
)  # fmt: skip
_CLOSED = frozenset({"nyc2", "sfo2"})
"""For accounts that had nothing there when they were closed."""
_OPEN = frozenset(_REGIONS) - _CLOSED
_NO_MEMORY_OPTIMISED = frozenset({"atl1"})
_HOURS_BILLED = Decimal(672)

# slug, vCPUs, GiB of memory, GiB of disk, US dollars a month
_BASIC = (
    ("s-1vcpu-512mb-10gb", 1, "0.5", 10, 4),
    ("s-1vcpu-1gb", 1, "1", 25, 6),
    ("s-1vcpu-2gb", 1, "2", 50, 12),
    ("s-2vcpu-2gb", 2, "2", 60, 18),
    ("s-2vcpu-4gb", 2, "4", 80, 24),
    ("s-4vcpu-8gb", 4, "8", 160, 48),
    ("s-8vcpu-16gb", 8, "16", 320, 96),
    ("s-1vcpu-1gb-amd", 1, "1", 25, 7),
    ("s-1vcpu-2gb-amd", 1, "2", 50, 14),
    ("s-2vcpu-2gb-amd", 2, "2", 60, 21),
    ("s-2vcpu-4gb-amd", 2, "4", 80, 28),
    ("s-2vcpu-8gb-amd", 2, "8", 100, 42),
    ("s-4vcpu-8gb-amd", 4, "8", 160, 56),
    ("s-4vcpu-16gb-amd", 4, "16", 200, 84),
    ("s-8vcpu-16gb-amd", 8, "16", 320, 112),
    ("s-8vcpu-32gb-amd", 8, "32", 400, 168),
    ("s-1vcpu-1gb-35gb-intel", 1, "1", 35, 8),
    ("s-1vcpu-2gb-70gb-intel", 1, "2", 70, 16),
    ("s-2vcpu-2gb-90gb-intel", 2, "2", 90, 24),
    ("s-2vcpu-4gb-120gb-intel", 2, "4", 120, 32),
    ("s-2vcpu-8gb-160gb-intel", 2, "8", 160, 48),
    ("s-4vcpu-8gb-240gb-intel", 4, "8", 240, 64),
    ("s-4vcpu-16gb-320gb-intel", 4, "16", 320, 96),
    ("s-8vcpu-16gb-480gb-intel", 8, "16", 480, 128),
    ("s-8vcpu-32gb-640gb-intel", 8, "32", 640, 192),
)
_CPU_OPTIMISED = (
    ("c-2", 2, "4", 25, 42),
    ("c-4", 4, "8", 50, 84),
    ("c-8", 8, "16", 100, 168),
    ("c-16", 16, "32", 200, 336),
    ("c-32", 32, "64", 400, 672),
    ("c2-2vcpu-4gb", 2, "4", 50, 47),
    ("c2-4vcpu-8gb", 4, "8", 100, 94),
    ("c2-8vcpu-16gb", 8, "16", 200, 188),
    ("c2-16vcpu-32gb", 16, "32", 400, 376),
    ("c2-32vcpu-64gb", 32, "64", 800, 752),
)
_GENERAL_PURPOSE = (
    ("g-2vcpu-8gb", 2, "8", 25, 63),
    ("g-4vcpu-16gb", 4, "16", 50, 126),
    ("g-8vcpu-32gb", 8, "32", 100, 252),
    ("g-16vcpu-64gb", 16, "64", 200, 504),
    ("g-32vcpu-128gb", 32, "128", 400, 1008),
    ("g-40vcpu-160gb", 40, "160", 500, 1260),
    ("gd-2vcpu-8gb", 2, "8", 50, 68),
    ("gd-4vcpu-16gb", 4, "16", 100, 136),
    ("gd-8vcpu-32gb", 8, "32", 200, 272),
    ("gd-16vcpu-64gb", 16, "64", 400, 544),
    ("gd-32vcpu-128gb", 32, "128", 800, 1088),
    ("gd-40vcpu-160gb", 40, "160", 1000, 1360),
)
_MEMORY_OPTIMISED = (
    ("m-2vcpu-16gb", 2, "16", 50, 84),
    ("m-4vcpu-32gb", 4, "32", 100, 168),
    ("m-8vcpu-64gb", 8, "64", 200, 336),
    ("m-16vcpu-128gb", 16, "128", 400, 672),
    ("m-24vcpu-192gb", 24, "192", 600, 1008),
    ("m-32vcpu-256gb", 32, "256", 800, 1344),
)
_IMAGES = (
    "almalinux-8-x64", "almalinux-9-x64", "centos-stream-9-x64", "debian-12-x64", "debian-13-x64",
    "fedora-42-x64", "rockylinux-8-x64", "rockylinux-9-x64", "ubuntu-22-04-x64", "ubuntu-24-04-x64",
)  # fmt: skip


def digitalocean() -> Catalogue:
    """Return what DigitalOcean offers to a new account."""
    families = (
        (_BASIC, _OPEN),
        (_CPU_OPTIMISED, _OPEN),
        (_GENERAL_PURPOSE, _OPEN),
        (_MEMORY_OPTIMISED, _OPEN - _NO_MEMORY_OPTIMISED),
    )
    return assembled(
        regions=tuple(_region(slug) for slug in _REGIONS),
        sizes=tuple(_size(*row, regions) for rows, regions in families for row in rows),
        images=tuple(ImageOffer(name=slug, os=os_of(slug) or "", regions=_OPEN) for slug in _IMAGES),
        kinds=frozenset(Kind) - {Kind.SUBNET, Kind.LOAD_BALANCER_MEMBER},
    )


def _region(slug: str) -> Region:
    city, latitude, longitude = CITIES[slug.rstrip("0123456789")]
    number = slug.lstrip("abcdefghijklmnopqrstuvwxyz")
    return Region(
        name=slug,
        title=f"{city} {number}",
        latitude=latitude,
        longitude=longitude,
        available=slug not in _CLOSED,
    )


def _size(
    slug: str, vcpus: int, memory: str, disk_gib: int, monthly: int, regions: frozenset[str]
) -> SizeOffer:
    return SizeOffer(
        name=slug,
        vcpus=vcpus,
        memory_mib=int(Decimal(memory) * 1024),
        disk_gib=disk_gib,
        hourly=(Decimal(monthly) / _HOURS_BILLED).quantize(Decimal("0.00001")),
        monthly=Decimal(monthly),
        regions=regions,
    )


def catalogues() -> dict[Path, bytes]:
    """Return each file and what is in it."""
    return {
        ADAPTERS / found.cloud / "catalogue.json": write_catalogue(found)
        for found in (digitalocean(), SANDBOX)
    }


if __name__ == "__main__":
    for path, content in catalogues().items():
        path.write_bytes(content)
