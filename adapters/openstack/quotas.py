"""What a project may do: quotas of each service, as far as it may ask for them.

Sources: "Limits" of Nova's and Cinder's API references, "Quotas details" of Neutron's, "Quotas" of Octavia's.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from ...engine.domain.resources import Kind
from ...engine.errors import Denied, Rejected, ResourceMissing
from ...engine.ports import Allowance, Room
from . import wire
from .family import Site
from .transport import BALANCER, COMPUTE, NETWORK, VOLUME

WRITERS = frozenset({"member", "_member_", "admin", "manager"})
"""Roles that may make things by the services' own policies, in lower case."""

_NEUTRON = {
    Kind.NETWORK: "router",
    Kind.SUBNET: "network",
    Kind.FIREWALL: "security_group",
    Kind.TAG: "security_group",
    Kind.RESERVED_IP: "floatingip",
}


class _Detail(msgspec.Struct):
    limit: int
    used: int
    reserved: int = 0


class _Details(msgspec.Struct):
    quota: dict[str, _Detail]


class _BalancerQuota(msgspec.Struct):
    load_balancer: int | None = None


class _BalancerQuotas(msgspec.Struct):
    quota: _BalancerQuota


def allowance_of(site: Site, kinds: frozenset[Kind]) -> Allowance:
    """Return what the project may have more of. What a service does not say is among `unasked`."""
    rooms: dict[str, Room] = {}
    denied: list[str] = []
    unasked: list[str] = []
    asked: list[tuple[str, Callable[[], dict[str, Room]]]] = [
        ("servers (Nova)", lambda: _nova(site)),
        ("networks (Neutron)", lambda: _neutron(site)),
    ]
    if Kind.VOLUME in kinds:
        asked.append(("volumes (Cinder)", lambda: _cinder(site)))
    if Kind.LOAD_BALANCER in kinds:
        asked.append(("load balancers (Octavia)", lambda: _octavia(site)))
    for what, ask in asked:
        try:
            rooms |= ask()
        except Denied as error:
            if error.status == 401:
                raise
            unasked.append(f"quotas of {what}: {error.message}")
        except (ResourceMissing, Rejected) as error:
            unasked.append(f"quotas of {what}: {error.message}")
    if Kind.LOAD_BALANCER not in kinds and site.transport.offers(BALANCER):
        denied.append("load balancers: Octavia asks for a role that the credentials lack")
    roles = site.login.roles
    if roles and not {role.lower() for role in roles} & WRITERS:
        denied.append(f"making anything: the roles in this project are {', '.join(sorted(roles))}")
    found = {name: room for name, room in rooms.items() if name not in set(Kind) or Kind(name) in kinds}
    return Allowance(rooms=found, denied=tuple(denied), unasked=tuple(unasked))


def _nova(site: Site) -> dict[str, Room]:
    told = site.transport.fetch(COMPUTE, "/limits", wire.LimitsAnswer).limits.absolute
    return _rooms(
        (Kind.SERVER.value, told.get("maxTotalInstances"), told.get("totalInstancesUsed")),
        ("vcpu", told.get("maxTotalCores"), told.get("totalCoresUsed")),
        ("memory-mib", told.get("maxTotalRAMSize"), told.get("totalRAMUsed")),
    )


def _neutron(site: Site) -> dict[str, Room]:
    path = f"/quotas/{site.login.project}/details.json"
    told = site.transport.fetch(NETWORK, path, _Details).quota
    return _rooms(
        *(
            (kind.value, told[name].limit, told[name].used + told[name].reserved)
            for kind, name in _NEUTRON.items()
            if name in told
        )
    )


def _cinder(site: Site) -> dict[str, Room]:
    told = site.transport.fetch(VOLUME, "/limits", wire.LimitsAnswer).limits.absolute
    return _rooms(
        (Kind.VOLUME.value, told.get("maxTotalVolumes"), told.get("totalVolumesUsed")),
        ("volume-gib", told.get("maxTotalVolumeGigabytes"), told.get("totalGigabytesUsed")),
    )


def _octavia(site: Site) -> dict[str, Room]:
    path = f"/lbaas/quotas/{site.login.project}"
    limit = site.transport.fetch(BALANCER, path, _BalancerQuotas).quota.load_balancer
    if limit is None or limit < 0:
        return {}
    held = site.transport.listed(
        BALANCER, "/lbaas/loadbalancers", "loadbalancers", wire.Reference, site.of_project()
    )
    return _rooms((Kind.LOAD_BALANCER.value, limit, len(held)))


def _rooms(*told: tuple[str, Any, Any]) -> dict[str, Room]:
    """Return those that have a limit: -1 is none, and so is what nobody told."""
    return {
        name: Room(limit=limit, used=max(0, used))
        for name, limit, used in told
        if isinstance(limit, int) and isinstance(used, int) and limit >= 0
    }
