"""The port `Cloud` on Hetzner: one family of resources per kind, one transport for all.

Knows which family is asked; what a kind is like at Hetzner is in the families' modules.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from ...engine.domain.catalogue import Catalogue
from ...engine.domain.resources import Accepted, ClusterRef, Kind, Observed, Request
from ...engine.errors import Rejected
from ...engine.ports import Account, Allowance
from . import identity
from .access import SshKeys
from .addresses import ReservedIpAssignments, ReservedIps, assignments
from .answers import CLOUD
from .balancers import LoadBalancers
from .catalogue import catalogue_of
from .family import Family, Listed
from .networking import Firewalls, Networks
from .servers import Servers
from .storage import VolumeAttachments, Volumes, attachments
from .transport import CONNECT_TIMEOUT, DEFAULT_END_POINT, READ_TIMEOUT, Transport


class Hetzner:
    """Hetzner Cloud as the engine uses it; from any number of threads.

    `same_project` is ``OLD=NEW`` where a project was known as OLD; see `identity`. `connect_timeout` and
    `read_timeout` are in seconds, `now` tells seconds since 1970 UTC. Raises `InvalidInput` for an end
    point that is neither https nor on this machine, `Denied` for a token that cannot be one. Source:
    Hetzner's API reference.
    """

    def __init__(
        self,
        token: str,
        *,
        end_point: str = DEFAULT_END_POINT,
        same_project: str = "",
        connect_timeout: float = CONNECT_TIMEOUT,
        read_timeout: float = READ_TIMEOUT,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._same = identity.same_project(same_project)
        self._transport = transport = Transport(
            token, end_point=end_point, connect_timeout=connect_timeout, read_timeout=read_timeout, now=now
        )
        self._token = token
        self._volumes = Volumes(transport)
        self._addresses = ReservedIps(transport)
        self._listed: tuple[Listed[Any, Any], ...] = (
            SshKeys(transport),
            Networks(transport),
            Firewalls(transport),
            Servers(transport),
            LoadBalancers(transport),
        )
        families: tuple[Family[Any], ...] = (
            *self._listed,
            self._volumes,
            VolumeAttachments(transport, self._volumes),
            self._addresses,
            ReservedIpAssignments(transport, self._addresses),
        )
        self._families: Mapping[Kind, Family[Any]] = {family.kind: family for family in families}

    def __repr__(self) -> str:
        return f"Hetzner({self._transport.end_point!r})"

    @property
    def name(self) -> str:
        """Return ``hetzner``."""
        return CLOUD

    def account(self) -> Account:
        """Return the project that the token opens, as far as that can be told; see `identity`."""
        return identity.account(self._transport, self._token, self._same)

    def catalogue(self) -> Catalogue:
        """Return what is on offer."""
        return catalogue_of(self._transport, frozenset(self._families))

    def allowance(self, region: str) -> Allowance:
        """Return what is not known: Hetzner tells no limits. Networks may overlap, so no range is taken."""
        self.account()  # at least that the token opens something
        return Allowance(
            unasked=(
                f"how much the project may hold: Hetzner tells no limits (region {region})",
                "whether the token may write: Hetzner tells no permissions",
            )
        )

    def create(self, request: Request) -> Accepted:
        """Ask for a resource."""
        return self._family(request.key.kind).create(request)

    def ready(self, kind: Kind, accepted: Accepted) -> Observed | None:
        """Return the resource once it is usable; the token holds the ids of Hetzner's actions."""
        return self._family(kind).ready(accepted)

    def update(self, request: Request, resource_id: str, changed: frozenset[str]) -> Accepted:
        """Change a firewall, a load balancer or the size of a volume."""
        return self._family(request.key.kind).update(request, resource_id, changed)

    def delete(self, kind: Kind, resource_id: str) -> None:
        """Ask for a resource's removal."""
        self._family(kind).delete(resource_id)

    def observe(self, kind: Kind, resource_id: str) -> Observed | None:
        """Return one resource by id, or None."""
        return self._family(kind).observe(resource_id)

    def find(self, request: Request) -> list[Observed]:
        """Return what exists under the request's name."""
        return self._family(request.key.kind).find(request)

    def observe_all(self, cluster: ClusterRef) -> list[Observed]:
        """Return everything with the cluster's label, in the order of `Kind`.

        Takes one list of each kind; attachments and assignments are read off the lists of what they join.
        """
        volumes = self._volumes.items_of(cluster)
        addresses = self._addresses.items_of(cluster)
        found: dict[Kind, list[Observed]] = {
            Kind.VOLUME: [self._volumes.seen(item) for item in volumes],
            Kind.VOLUME_ATTACHMENT: [seen for item in volumes for seen in attachments(item)],
            Kind.RESERVED_IP: [self._addresses.seen(item) for item in addresses],
            Kind.RESERVED_IP_ASSIGNMENT: [seen for item in addresses for seen in assignments(item)],
        }
        for family in self._listed:
            found[family.kind] = [family.seen(item) for item in family.items_of(cluster)]
        return [observed for kind in Kind for observed in found.get(kind, ())]

    def close(self) -> None:
        """Let go of connections."""
        self._transport.close()

    def _family(self, kind: Kind) -> Family[Any]:
        if kind not in self._families:
            raise Rejected(CLOUD, f"Hetzner has no {kind}")
        return self._families[kind]
