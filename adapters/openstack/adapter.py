"""The port `Cloud` on OpenStack: one family of resources per kind, one transport for all.

Knows which family is asked; what a kind is like at OpenStack is in the families' modules.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from ...engine.domain.catalogue import Catalogue
from ...engine.domain.resources import Accepted, ClusterRef, Kind, Observed, Request
from ...engine.errors import Rejected
from ...engine.ports import Account, Allowance
from . import wire
from .access import SshKeys, Tags
from .addresses import ReservedIpAssignments, ReservedIps
from .answers import CLOUD
from .balancers import LoadBalancers
from .family import Family, Site
from .firewalls import Firewalls
from .members import LoadBalancerMembers
from .networking import Networks, Subnets
from .offers import Offers
from .opening import CONNECT_TIMEOUT, READ_TIMEOUT, opened
from .quotas import allowance_of
from .servers import Servers
from .settings import Settings
from .storage import VolumeAttachments, Volumes
from .transport import COMPUTE, Transport


class OpenStack:
    """A project in a region of an OpenStack cloud, as the engine uses it; from any number of threads.

    `connect_timeout` and `read_timeout` are in seconds, `now` tells seconds since 1970 UTC. Raises
    `InvalidInput` for settings that make no sense. Nothing is asked of the cloud before the first call.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        connect_timeout: float = CONNECT_TIMEOUT,
        read_timeout: float = READ_TIMEOUT,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._transport = Transport(opened(settings, (connect_timeout, read_timeout)), now=now)
        self._site = site = Site(self._transport, settings)
        self._offers = Offers(site)
        volumes, addresses, balancers = Volumes(site), ReservedIps(site), LoadBalancers(site)
        families: tuple[Family[Any], ...] = (
            Tags(site),
            SshKeys(site),
            Networks(site),
            Subnets(site),
            Firewalls(site),
            Servers(site, self._offers),
            volumes,
            VolumeAttachments(site, volumes),
            balancers,
            LoadBalancerMembers(site, balancers),
            addresses,
            ReservedIpAssignments(site, addresses),
        )
        self._families: Mapping[Kind, Family[Any]] = {family.kind: family for family in families}

    def __repr__(self) -> str:
        return f"OpenStack({self._transport.auth_url!r})"

    @property
    def name(self) -> str:
        """Return ``openstack``."""
        return CLOUD

    def account(self) -> Account:
        """Return the project and region that the credentials open.

        The region is a part of it: what a project holds in another one is seen by nobody here, and must
        not be taken for gone. Asks Nova, too: a token that was good a while ago proves nothing.
        """
        login, region = self._site.login, self._site.region
        self._transport.fetch(COMPUTE, "/limits", wire.LimitsAnswer)
        host = urlsplit(self._transport.auth_url).netloc
        return Account(id=f"{login.project}/{region}", title=f"{login.project_name}@{host} (region {region})")

    def catalogue(self) -> Catalogue:
        """Return what is on offer."""
        return self._offers.catalogue()

    def allowance(self, region: str) -> Allowance:
        """Return the project's quotas. Its networks may overlap: each has its own router."""
        self._site.here(region)
        return allowance_of(self._site, self._offers.kinds())

    def create(self, request: Request) -> Accepted:
        """Ask for a resource. Load balancers and their members are `Busy` until they are whole."""
        return self._family(request.key.kind).create(request)

    def ready(self, kind: Kind, accepted: Accepted) -> Observed | None:
        """Return the resource once it is usable."""
        return self._family(kind).ready(accepted)

    def update(self, request: Request, resource_id: str, changed: frozenset[str]) -> Accepted:
        """Change a firewall's rules, a load balancer's ports or the size of a volume."""
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
        """Return everything with the cluster's marks or names, in the order of `Kind`."""
        kinds = self._offers.kinds()
        return [seen for kind in Kind if kind in kinds for seen in self._families[kind].of(cluster)]

    def close(self) -> None:
        """Let go of connections."""
        self._transport.close()

    def _family(self, kind: Kind) -> Family[Any]:
        if kind not in self._families:
            raise Rejected(CLOUD, f"OpenStack has no {kind}")
        return self._families[kind]
