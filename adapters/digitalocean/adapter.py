"""The port `Cloud` on DigitalOcean: one family of resources per kind, one transport for all.

Knows which family is asked; what a kind is like at DigitalOcean is in the families' modules.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any

from ...engine.domain.catalogue import Catalogue
from ...engine.domain.resources import Accepted, ClusterRef, Kind, Observed, Request
from ...engine.errors import Rejected
from ...engine.ports import Account, Allowance, Room
from .access import SshKeys, Tags
from .addresses import ReservedIpAssignments, ReservedIps, assignment
from .answers import CLOUD
from .balancers import LoadBalancers
from .catalogue import catalogue_of
from .family import Family
from .networking import Firewalls, Vpcs
from .paths import DEFAULT_END_POINT
from .servers import Droplets
from .storage import VolumeAttachments, Volumes, attachments
from .transport import CONNECT_TIMEOUT, READ_TIMEOUT, Transport
from .wire import AccountAnswer


class DigitalOcean:
    """DigitalOcean as the engine uses it; from any number of threads.

    `connect_timeout` and `read_timeout` are in seconds, `now` tells seconds since 1970 UTC. Raises
    `InvalidInput` for an end point that is neither https nor on this machine, `Denied` for a token
    that cannot be one. Source: DigitalOcean's API reference.
    """

    def __init__(
        self,
        token: str,
        *,
        end_point: str = DEFAULT_END_POINT,
        connect_timeout: float = CONNECT_TIMEOUT,
        read_timeout: float = READ_TIMEOUT,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._transport = transport = Transport(
            token, end_point=end_point, connect_timeout=connect_timeout, read_timeout=read_timeout, now=now
        )
        self._droplets = Droplets(transport)
        self._volumes = Volumes(transport)
        self._vpcs = Vpcs(transport)
        self._addresses = ReservedIps(transport, self._droplets)
        families: tuple[Family[Any], ...] = (
            Tags(transport),
            SshKeys(transport),
            self._vpcs,
            Firewalls(transport),
            self._droplets,
            self._volumes,
            VolumeAttachments(transport, self._volumes),
            LoadBalancers(transport),
            self._addresses,
            ReservedIpAssignments(transport, self._addresses),
        )
        self._families: Mapping[Kind, Family[Any]] = {family.kind: family for family in families}

    def __repr__(self) -> str:
        return f"DigitalOcean({self._transport.end_point!r})"

    @property
    def name(self) -> str:
        """Return ``digitalocean``."""
        return CLOUD

    def account(self) -> Account:
        """Return the team that the token acts for, or the user where there is none.

        Resources belong to the team: two of its members' tokens open the same account.
        """
        found = self._transport.fetch("account", AccountAnswer).account
        title = found.email or found.uuid
        if found.team is not None and found.team.uuid:
            return Account(id=found.team.uuid, title=f"{title} ({found.team.name or 'team'})")
        return Account(id=found.uuid, title=title)

    def catalogue(self) -> Catalogue:
        """Return what is on offer."""
        return catalogue_of(self._transport, frozenset(self._families))

    def allowance(self, region: str) -> Allowance:
        """Return the account's limits, which hold for all regions, and the ranges of its networks.

        DigitalOcean lets no two networks of an account overlap, wherever they are.
        """
        told = self._transport.fetch("account", AccountAnswer).account
        limits = (
            (Kind.SERVER, told.droplet_limit, self._droplets),
            (Kind.VOLUME, told.volume_limit, self._volumes),
            (Kind.RESERVED_IP, told.floating_ip_limit, self._addresses),
        )
        return Allowance(
            rooms={
                kind.value: Room(limit=limit, used=len(family.all()))
                for kind, limit, family in limits
                if limit is not None
            },
            unasked=(f"what the token may do: DigitalOcean tells no scopes (region {region})",),
            ranges=tuple(sorted(vpc.ip_range for vpc in self._vpcs.all() if vpc.ip_range)),
        )

    def create(self, request: Request) -> Accepted:
        """Ask for a resource."""
        return self._family(request.key.kind).create(request)

    def ready(self, kind: Kind, accepted: Accepted) -> Observed | None:
        """Return the resource once it is usable; the token is a DigitalOcean action's id."""
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
        """Return what exists under the request's name; of reserved IPs, which have none, nothing."""
        return self._family(request.key.kind).find(request)

    def observe_all(self, cluster: ClusterRef) -> list[Observed]:
        """Return everything with the cluster's names or tags, in the order of `Kind`.

        A reserved IP is among it while it points to one of the cluster's servers. Takes one list of
        each kind; attachments and assignments are read off the lists of what they join.
        """
        volumes = self._volumes.items_of(cluster)
        droplets = self._droplets.items_of(cluster)
        numbers = {droplet.id for droplet in droplets}
        addresses = [item for item in self._addresses.all() if item.droplet and item.droplet.id in numbers]
        found: dict[Kind, list[Observed]] = {
            Kind.SERVER: [self._droplets.seen(item) for item in droplets],
            Kind.VOLUME: [self._volumes.seen(item) for item in volumes],
            Kind.VOLUME_ATTACHMENT: [seen for item in volumes for seen in attachments(item)],
            Kind.RESERVED_IP: [self._addresses.seen(item) for item in addresses],
            Kind.RESERVED_IP_ASSIGNMENT: [
                assignment(item.ip, item.droplet.id) for item in addresses if item.droplet
            ],
        }
        found |= {kind: family.of(cluster) for kind, family in self._families.items() if kind not in found}
        return [observed for kind in Kind for observed in found.get(kind, ())]

    def close(self) -> None:
        """Let go of connections."""
        self._transport.close()

    def _family(self, kind: Kind) -> Family[Any]:
        if kind not in self._families:
            raise Rejected(CLOUD, f"DigitalOcean has no {kind}")
        return self._families[kind]
