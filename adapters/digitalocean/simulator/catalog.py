"""What the simulated cloud has on offer: regions, sizes and images, as tables.

The figures are DigitalOcean's public price list as of 2025, a part of it. Not every size is in every
region and a few are sold out, because clients must cope with that.
"""

from dataclasses import dataclass

from .wire import JsonObject

REGIONS = {
    "nyc1": "New York 1",
    "nyc2": "New York 2",
    "nyc3": "New York 3",
    "sfo2": "San Francisco 2",
    "sfo3": "San Francisco 3",
    "ams3": "Amsterdam 3",
    "lon1": "London 1",
    "fra1": "Frankfurt 1",
    "tor1": "Toronto 1",
    "blr1": "Bangalore 1",
    "sgp1": "Singapore 1",
    "syd1": "Sydney 1",
}
CLOSED_REGIONS = frozenset({"nyc2"})  # exists, and takes no new droplets
OPEN_REGIONS = tuple(slug for slug in REGIONS if slug not in CLOSED_REGIONS)
_FEATURES = ["backups", "ipv6", "metadata", "install_agent", "storage", "image_transfer"]
_NEWEST = ("nyc1", "nyc3", "sfo3", "ams3", "lon1", "fra1", "tor1", "sgp1")
_FEW = ("nyc1", "nyc3", "sfo3", "fra1")


@dataclass(frozen=True)
class Size:
    """A kind of droplet one can order."""

    slug: str
    memory: int
    vcpus: int
    disk: int
    transfer: float
    monthly: float
    hourly: float
    family: str
    regions: tuple[str, ...] = OPEN_REGIONS
    available: bool = True


_SIZES = (
    Size("s-1vcpu-512mb-10gb", 512, 1, 10, 0.5, 4, 0.00595, "Basic", _NEWEST),
    Size("s-1vcpu-1gb", 1024, 1, 25, 1, 6, 0.00893, "Basic"),
    Size("s-1vcpu-1gb-amd", 1024, 1, 25, 1, 7, 0.01042, "Basic AMD", _NEWEST),
    Size("s-1vcpu-1gb-intel", 1024, 1, 25, 1, 7, 0.01042, "Basic Intel", _NEWEST),
    Size("s-1vcpu-2gb", 2048, 1, 50, 2, 12, 0.01786, "Basic"),
    Size("s-1vcpu-2gb-amd", 2048, 1, 50, 2, 14, 0.02083, "Basic AMD", _NEWEST),
    Size("s-2vcpu-2gb", 2048, 2, 60, 3, 18, 0.02679, "Basic"),
    Size("s-2vcpu-4gb", 4096, 2, 80, 4, 24, 0.03571, "Basic"),
    Size("s-2vcpu-4gb-amd", 4096, 2, 80, 4, 28, 0.04167, "Basic AMD", _NEWEST),
    Size("s-2vcpu-4gb-intel", 4096, 2, 80, 4, 28, 0.04167, "Basic Intel", _NEWEST, available=False),
    Size("s-4vcpu-8gb", 8192, 4, 160, 5, 48, 0.07143, "Basic"),
    Size("s-4vcpu-8gb-amd", 8192, 4, 160, 5, 56, 0.08333, "Basic AMD", _NEWEST),
    Size("s-8vcpu-16gb", 16384, 8, 320, 6, 96, 0.14286, "Basic"),
    Size("c-2", 4096, 2, 25, 4, 42, 0.0625, "CPU-Optimized"),
    Size("c-4", 8192, 4, 50, 5, 84, 0.125, "CPU-Optimized"),
    Size("c-8", 16384, 8, 100, 6, 168, 0.25, "CPU-Optimized", _NEWEST),
    Size("g-2vcpu-8gb", 8192, 2, 25, 4, 63, 0.09375, "General Purpose"),
    Size("g-4vcpu-16gb", 16384, 4, 50, 5, 126, 0.1875, "General Purpose"),
    Size("gd-2vcpu-8gb", 8192, 2, 50, 4, 68, 0.10119, "General Purpose — 2x SSD", _NEWEST),
    Size("m-2vcpu-16gb", 16384, 2, 50, 4, 84, 0.125, "Memory-Optimized", _NEWEST),
    Size("m-4vcpu-32gb", 32768, 4, 100, 6, 168, 0.25, "Memory-Optimized", _FEW, available=False),
    Size("so-2vcpu-16gb", 16384, 2, 300, 4, 131, 0.19494, "Storage-Optimized", _FEW),
)
SIZES = {size.slug: size for size in _SIZES}


@dataclass(frozen=True)
class Image:
    """A system one can order a droplet with."""

    id: int
    slug: str
    name: str
    distribution: str
    min_disk: int
    gigabytes: float
    created_at: str
    kind: str = "distribution"


_IMAGES = (
    Image(129211873, "ubuntu-22-04-x64", "22.04 (LTS) x64", "Ubuntu", 7, 0.69, "2025-02-13T12:00:00Z"),
    Image(195932981, "ubuntu-24-04-x64", "24.04 (LTS) x64", "Ubuntu", 7, 0.78, "2025-07-17T12:00:00Z"),
    Image(193012012, "ubuntu-25-04-x64", "25.04 x64", "Ubuntu", 7, 0.82, "2025-06-30T12:00:00Z"),
    Image(185929342, "debian-12-x64", "12 x64", "Debian", 7, 0.52, "2025-05-19T12:00:00Z"),
    Image(199501101, "debian-13-x64", "13 x64", "Debian", 7, 0.55, "2025-09-02T12:00:00Z"),
    Image(184512003, "rockylinux-9-x64", "9 x64", "Rocky Linux", 10, 0.97, "2025-05-08T12:00:00Z"),
    Image(184512001, "rockylinux-8-x64", "8 x64", "Rocky Linux", 10, 1.02, "2025-05-08T12:00:00Z"),
    Image(184519007, "almalinux-9-x64", "AlmaLinux 9", "Unknown", 10, 0.96, "2025-05-08T13:00:00Z"),
    Image(184519001, "almalinux-8-x64", "AlmaLinux 8", "Unknown", 10, 0.99, "2025-05-08T13:00:00Z"),
    Image(184530405, "centos-stream-9-x64", "9 Stream x64", "CentOS", 10, 1.11, "2025-05-08T14:00:00Z"),
    Image(186001200, "fedora-41-x64", "41 x64", "Fedora", 15, 0.49, "2025-05-20T12:00:00Z"),
    Image(190112233, "fedora-42-x64", "42 x64", "Fedora", 15, 0.51, "2025-06-10T12:00:00Z"),
    Image(
        187900100,
        "docker-20-04",
        "Docker on Ubuntu",
        "Ubuntu",
        25,
        2.36,
        "2025-05-30T12:00:00Z",
        "application",
    ),
)
IMAGES = {image.id: image for image in _IMAGES}


def find_image(id_or_slug: object) -> Image | None:
    """The image by its number (as a number or as text) or by its slug."""
    for image in _IMAGES:
        if id_or_slug in (image.id, str(image.id), image.slug):
            return image
    return None


def region_view(slug: str) -> JsonObject:
    """A region as the API shows it, wherever it is shown."""
    is_open = slug not in CLOSED_REGIONS
    sizes = [size.slug for size in _SIZES if size.available and slug in size.regions]
    return {
        "name": REGIONS[slug],
        "slug": slug,
        "features": list(_FEATURES),
        "available": is_open,
        "sizes": sizes if is_open else [],
    }


def size_view(size: Size) -> JsonObject:
    """A size as the API shows it; one that is sold out is in no region."""
    return {
        "slug": size.slug,
        "memory": size.memory,
        "vcpus": size.vcpus,
        "disk": size.disk,
        "transfer": float(size.transfer),
        "price_monthly": float(size.monthly),
        "price_hourly": float(size.hourly),
        "regions": sorted(size.regions) if size.available else [],
        "available": size.available,
        "description": size.family,
        "disk_info": [{"type": "local", "size": {"amount": size.disk, "unit": "gib"}}],
    }


def image_view(image: Image) -> JsonObject:
    """An image as the API shows it."""
    return {
        "id": image.id,
        "name": image.name,
        "type": "base" if image.kind == "distribution" else "snapshot",
        "distribution": image.distribution,
        "slug": image.slug,
        "public": True,
        "regions": sorted(REGIONS),
        "created_at": image.created_at,
        "min_disk_size": image.min_disk,
        "size_gigabytes": image.gigabytes,
        "description": f"{image.distribution} {image.name}",
        "tags": [],
        "status": "available",
        "error_message": "",
    }
