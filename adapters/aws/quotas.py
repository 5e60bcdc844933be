"""What an account may do in a region: quotas, and what its credentials may not.

Sources: "Service Quotas" (codes of quotas), "Amazon EC2 API Reference" (DryRun).
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ...engine.domain.catalogue import X86_64
from ...engine.domain.resources import Kind
from ...engine.errors import CloudError, RateLimited, Rejected, Unavailable
from ...engine.ports import Allowance, Room
from . import elb, wire
from .catalogue import shipped
from .family import ec2_filters
from .images import newest
from .systems import SYSTEMS, symbolic
from .talk import Talk


class Code(NamedTuple):
    """A quota: what it counts, whose it is, and how many of ours one of AWS's is."""

    counts: str
    service: str
    code: str
    factor: int = 1


CODES = (
    Code("vcpu", "ec2", "L-1216C47A"),
    Code(Kind.NETWORK.value, "vpc", "L-F678F1CE"),
    Code(Kind.RESERVED_IP.value, "ec2", "L-0263D0A3"),
    Code(Kind.LOAD_BALANCER.value, "elasticloadbalancing", "L-69A177A2"),
    Code("volume-gib", "ebs", "L-7A658B76", 1024),
)
"""Running on-demand standard instances (vCPUs), VPCs, elastic IPs, network load balancers, TiB of gp3."""

_STANDARD = tuple("acdhimrtz")
"""The first letters of the families of instances that the quota of vCPUs is about."""
_ALLOWED, _REFUSED = "DryRunOperation", "UnauthorizedOperation"


def allowance(talk: Talk, region: str) -> Allowance:
    """Return what may be made in a region; what AWS does not tell is said to be unasked."""
    rooms: dict[str, Room] = {}
    unasked: list[str] = []
    for code in CODES:
        limit = _limit(talk, region, code)
        if limit is None:
            unasked.append(f"the quota of {code.counts} (Service Quotas {code.service} {code.code})")
        else:
            rooms[code.counts] = Room(limit=limit, used=_used(talk, region, code.counts))
    denied = []
    for what, refused in _rehearsed(talk, region):
        if refused == _REFUSED:
            denied.append(f"{what} (ec2)")
        elif refused != _ALLOWED:
            unasked.append(f"whether the credentials may {what}: AWS answered {refused or 'nothing'}")
    unasked.append("what the credentials may do with load balancers: there is no rehearsal of that")
    return Allowance(rooms=rooms, denied=tuple(denied), unasked=tuple(unasked))


def _limit(talk: Talk, region: str, code: Code) -> int | None:
    """Return a quota, or None where AWS does not tell, or not to these credentials."""
    try:
        answer = talk.call(
            region,
            "service-quotas.get_service_quota",
            wire.QuotaAnswer,
            ServiceCode=code.service,
            QuotaCode=code.code,
        )
    except (RateLimited, Unavailable):
        raise  # another time it will be told
    except CloudError:
        return None
    return max(0, int(answer.quota.value)) * code.factor


def _used(talk: Talk, region: str, counts: str) -> int:
    match counts:
        case "vcpu":
            return sum(map(_vcpus, _running(talk, region)))
        case Kind.NETWORK:
            return len(talk.listed(region, "ec2.describe_vpcs", "Vpcs", wire.Vpc))
        case Kind.RESERVED_IP:
            return len(talk.listed(region, "ec2.describe_addresses", "Addresses", wire.Address))
        case Kind.LOAD_BALANCER:
            found = talk.balancers(
                region, "elbv2.describe_load_balancers", "LoadBalancers", elb.Balancer, PageSize=400
            )
            return sum(item.type == "network" for item in found)
        case _:
            filters = ec2_filters({"volume-type": ["gp3"]})
            found_volumes = talk.listed(
                region, "ec2.describe_volumes", "Volumes", wire.Volume, Filters=filters
            )
            return sum(item.size for item in found_volumes)


def _running(talk: Talk, region: str) -> Iterator[wire.Instance]:
    found = talk.long_listed(
        region,
        "ec2.describe_instances",
        "Reservations",
        wire.Reservation,
        Filters=ec2_filters({"instance-state-name": ["pending", "running"]}),
    )
    for reservation in found:
        yield from (item for item in reservation.instances or () if item.instance_type.startswith(_STANDARD))


def _vcpus(item: wire.Instance) -> int:
    """Return an instance's vCPUs: AWS tells them, else the catalogue does."""
    if item.cpu_options is not None:
        return item.cpu_options.core_count * item.cpu_options.threads_per_core
    size = shipped().size(item.instance_type)
    return size.vcpus if size is not None else 1


def _rehearsed(talk: Talk, region: str) -> Iterator[tuple[str, str]]:
    """Yield what was rehearsed, and the code that AWS refused it with: a rehearsal is never done."""
    for what, parameters in _rehearsals(talk, region):
        yield what.replace("_", " "), talk.refused_as(region, f"ec2.{what}", **parameters)


def _rehearsals(talk: Talk, region: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "create_vpc", {"CidrBlock": "10.0.0.0/16"}
    yield "create_internet_gateway", {}
    yield "create_security_group", {"GroupName": "kubisnap-rehearsal", "Description": "rehearsal"}
    yield "allocate_address", {"Domain": "vpc"}
    yield (
        "create_volume",
        {"AvailabilityZone": f"{region}a", "Size": 1, "VolumeType": "gp3", "Encrypted": True},
    )
    try:
        image = newest(talk, region, symbolic(next(iter(SYSTEMS)), X86_64))
    except Rejected:
        return
    yield (
        "run_instances",
        {"ImageId": image.image_id, "InstanceType": "t3.small", "MinCount": 1, "MaxCount": 1},
    )
