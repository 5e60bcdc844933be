"""The cluster that the tests of the core change a little, and a small catalogue to fit it to."""

from decimal import Decimal
from typing import Any

import msgspec

from kubisnap.engine.domain.catalogue import Catalogue, ImageOffer, Prices, Region, SizeOffer
from kubisnap.engine.domain.model import (
    ClusterSpec,
    FirewallSpec,
    Forward,
    Image,
    LoadBalancerSpec,
    NetworkSpec,
    Placement,
    PoolSpec,
    Protocol,
    ReservedIpSpec,
    Role,
    Rule,
    Size,
    SshKeySpec,
    SubnetSpec,
    VolumeSpec,
)
from kubisnap.engine.domain.resources import ClusterRef, Kind

CLUSTER = ClusterRef(id="7f3a9c21" * 4, name="web")
KEY = "ssh-ed25519 " + "A" * 68

CONTROL_PLANE = PoolSpec(name="cp", role=Role.CONTROL_PLANE, count=1, size=Size(vcpus=2, memory_mib=4096))
WORKERS = PoolSpec(
    name="workers", role=Role.WORKER, count=3, size=Size(vcpus=1, memory_mib=2048), subnet="back"
)
SPEC = ClusterSpec(
    name="web",
    kubernetes="1.34",
    placement=Placement(cloud="acme", region="east"),
    network=NetworkSpec(cidr="10.160.0.0/20", subnets=(SubnetSpec(name="back", cidr="10.160.1.0/24"),)),
    ssh_keys=(SshKeySpec(name="admin", public_key=f"{KEY} ada@example.com"),),
    firewalls=(
        FirewallSpec(
            name="guard",
            role=Role.WORKER,
            allow=(
                Rule(protocol=Protocol.TCP, ports="22", sources=("0.0.0.0/0",)),
                Rule(protocol=Protocol.TCP, sources=("worker", "control-plane")),
            ),
        ),
    ),
    pools=(CONTROL_PLANE, WORKERS),
    load_balancers=(
        LoadBalancerSpec(name="entry", role=Role.WORKER, forward=(Forward(port=443, target_port=30443),)),
    ),
    volumes=(VolumeSpec(name="data", size_gib=100, server="workers-0"),),
    reserved_ips=(ReservedIpSpec(name="api", server="cp-0"),),
)


def changed(spec: ClusterSpec = SPEC, **fields: Any) -> ClusterSpec:
    """Return the spec with other fields."""
    return msgspec.structs.replace(spec, **fields)


def with_workers(**fields: Any) -> ClusterSpec:
    """Return the spec with fields of its worker pool changed."""
    return changed(pools=(CONTROL_PLANE, msgspec.structs.replace(WORKERS, **fields)))


def size(name: str, vcpus: int, gib: int, disk: int, monthly: str, *regions: str) -> SizeOffer:
    """Return an offer, in both regions if none is named."""
    return SizeOffer(
        name=name,
        vcpus=vcpus,
        memory_mib=gib * 1024,
        disk_gib=disk,
        hourly=Decimal(monthly) / 730,
        monthly=Decimal(monthly),
        regions=frozenset(regions or ("east", "west")),
    )


def image(name: str, os: str, *regions: str) -> ImageOffer:
    """Return an image, in both regions if none is named."""
    return ImageOffer(name=name, os=os, regions=frozenset(regions or ("east", "west")))


CATALOGUE = Catalogue(
    cloud="acme",
    regions=(
        Region(name="east", title="New York", latitude=40.7, longitude=-74.0),
        Region(name="west", title="San Francisco", latitude=37.8, longitude=-122.4),
        Region(name="full", title="Chicago", latitude=41.9, longitude=-87.6, available=False),
        Region(name="moon", title="Nobody knows where"),
    ),
    sizes=(
        size("large", 8, 16, 320, "96"),
        size("small", 1, 2, 50, "12"),
        size("tiny", 1, 1, 25, "6"),
        size("medium", 2, 4, 80, "24"),
        size("medium-east", 2, 4, 80, "20", "east"),
    ),
    images=(
        image("ubuntu-noble-1", "ubuntu-24.04"),
        image("debian-west", "debian-12", "west"),
        image("ubuntu-noble-2", "ubuntu-24.04"),
    ),
    kinds=frozenset(Kind) - {Kind.LOAD_BALANCER_MEMBER},
    prices=Prices(volume_gib=Decimal("0.10"), load_balancer=Decimal(12), reserved_ip=Decimal(4)),
)
UBUNTU = Image(os="ubuntu-24.04")
