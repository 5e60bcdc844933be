"""What things are called at AWS: our ids, the marks on everything that is made, short names.

An id of ours is ``region/id``: AWS's own say nothing about where to ask. Sources: "Amazon EC2 API
Reference" (tag restrictions), "Elastic Load Balancing API Reference" (names of 32 characters).
"""

import hashlib
import re
from collections.abc import Mapping
from typing import NamedTuple

from ...engine.domain.resources import ClusterRef, Kind, Request, logical_name
from ...engine.errors import ResourceMissing

CLOUD = "aws"

CLUSTER, CLUSTER_NAME = "kubisnap:cluster", "kubisnap:cluster-name"
KIND, LOGICAL, ROLE = "kubisnap:kind", "kubisnap:name", "kubisnap:role"
POOL, IMAGE = "kubisnap:pool", "kubisnap:image"
UNFINISHED = "kubisnap:unfinished"
"""Stands on what takes several requests until the last of them is done, and again while it is taken apart."""
PART = "part-of-"
"""What the kind of a part begins with: a root disk, a gateway. It is no resource of its own."""

Tags = Mapping[str, str]

_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-[0-9]{1,2}")
_IDS: Mapping[Kind, re.Pattern[str]] = {
    Kind.TAG: re.compile(r"sg-[0-9a-f]{8,17}"),
    Kind.SSH_KEY: re.compile(r"[ -~]{1,255}"),
    Kind.NETWORK: re.compile(r"vpc-[0-9a-f]{8,17}"),
    Kind.SUBNET: re.compile(r"subnet-[0-9a-f]{8,17}"),
    Kind.FIREWALL: re.compile(r"sg-[0-9a-f]{8,17}"),
    Kind.SERVER: re.compile(r"i-[0-9a-f]{8,17}"),
    Kind.VOLUME: re.compile(r"vol-[0-9a-f]{8,17}"),
    Kind.LOAD_BALANCER: re.compile(
        r"arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9/_-]+"
    ),
    Kind.RESERVED_IP: re.compile(r"eipalloc-[0-9a-f]{8,17}"),
}


class Place(NamedTuple):
    """Where something is, and AWS's id of it."""

    region: str
    id: str

    def __str__(self) -> str:
        return "/".join(self)


def is_region(name: str) -> bool:
    """Whether a text has the form of a region's name."""
    return _REGION.fullmatch(name) is not None


def place(resource_id: str, kind: Kind) -> Place:
    """Return where a resource is. Raises `ResourceMissing` for what cannot be an id of that kind.

    >>> place("eu-central-1/vpc-0123456789abcdef0", Kind.NETWORK).region
    'eu-central-1'
    """
    region, _, rest = resource_id.partition("/")
    if not is_region(region) or not _IDS[kind].fullmatch(rest):
        raise ResourceMissing(CLOUD, f"{resource_id[:120]!r} is no id of a {kind}")
    return Place(region, rest)


def pair(resource_id: str, held: Kind, holder: Kind) -> tuple[Place, Place]:
    """Return the two places of what joins two things of one region, such as a volume and a server."""
    first, _, second = resource_id.rpartition(":")
    held_at = place(first, held)
    return held_at, place(f"{held_at.region}/{second}", holder)


def joined(held: Place, holder: str) -> str:
    """Return the id of what joins two things; `holder` is AWS's id."""
    return f"{held}:{holder}"


def marks(request: Request, **more: str) -> dict[str, str]:
    """Return the tags of what a request makes. `more` are further ones, by their names in this module."""
    return {
        "Name": request.name,
        CLUSTER: request.cluster.id,
        CLUSTER_NAME: request.cluster.name,
        KIND: request.key.kind.value,
        LOGICAL: request.key.name,
        **{f"kubisnap:{name}": value for name, value in more.items() if value},
    }


def part_marks(request: Request, part: str) -> dict[str, str]:
    """Return the tags of a part of what a request makes: found with the cluster, shown with the whole."""
    return marks(request) | {"Name": f"{request.name}.{part}", KIND: f"{PART}{request.key.kind.value}"}


def belongs(cluster: ClusterRef, kind: Kind, name: str, tags: Tags) -> bool:
    """Whether something of a cluster is of this kind: its tags say so, or where they are gone its name."""
    told = tags.get(KIND, kind.value)
    ours = tags.get(CLUSTER) == cluster.id or logical_name(cluster, kind, name) is not None
    return ours and told == kind.value


def pairs(tags: Tags) -> list[dict[str, str]]:
    """Return tags as AWS takes them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def digest(*parts: str, length: int) -> str:
    """Return the first hexadecimal digits of a hash of texts."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:length]


def balancer_name(cluster: str, name: str) -> str:
    """Return the name of a load balancer, of at most 32 characters; `cluster` is the cluster's id."""
    return f"ks-{digest(cluster, name, length=14)}"


def target_group_name(balancer: str, port: int, target_port: int) -> str:
    """Return the name of a target group of a load balancer, of at most 32 characters.

    >>> len(target_group_name(balancer_name("7f3a9c21" * 4, "web"), 65535, 65535))
    29
    """
    return f"{balancer}-{port}-{target_port}"
