"""The port `Cloud` on AWS: one family of resources per kind, one way to talk for all.

Knows which family is asked; what a kind is like at AWS is in the families' modules.
"""

from collections.abc import Mapping
from typing import Any

from ...engine.domain.catalogue import Catalogue
from ...engine.domain.resources import Accepted, ClusterRef, Key, Kind, Observed, Request, provider_name
from ...engine.errors import Rejected, ResourceMissing, Unavailable
from ...engine.ports import Account, Allowance
from . import wire
from .addresses import ReservedIpAssignments, ReservedIps
from .balancers import LoadBalancers
from .catalogue import narrowed, shipped
from .family import Family, ec2_filters
from .firewalls import Firewalls
from .groups import RoleGroups
from .keys import SshKeys
from .members import LoadBalancerMembers
from .names import CLOUD, CLUSTER, is_region
from .networks import Networks, Subnets
from .quotas import allowance
from .servers import Servers
from .sessions import Access
from .storage import VolumeAttachments, Volumes
from .talk import PAGE_SIZE, Talk


class Aws:
    """AWS as the engine uses it; from any number of threads. `page_size` is that of EC2's longer lists.

    Ids are ``region/id``: what is asked by id says where, too.
    """

    def __init__(self, access: Access, *, page_size: int = PAGE_SIZE) -> None:
        self._talk = talk = Talk(access, page_size=page_size)
        servers, volumes, addresses = Servers(talk), Volumes(talk), ReservedIps(talk)
        balancers = LoadBalancers(talk)
        families: tuple[Family[Any], ...] = (
            RoleGroups(talk),
            SshKeys(talk),
            Networks(talk),
            Subnets(talk),
            Firewalls(talk),
            servers,
            volumes,
            VolumeAttachments(talk, volumes, servers),
            balancers,
            LoadBalancerMembers(talk, balancers, servers),
            addresses,
            ReservedIpAssignments(talk, addresses),
        )
        self._families: Mapping[Kind, Family[Any]] = {family.kind: family for family in families}

    def __repr__(self) -> str:
        return f"Aws(home={self._talk.access.home!r})"

    @property
    def name(self) -> str:
        """Return ``aws``."""
        return CLOUD

    def account(self) -> Account:
        """Return the account that the credentials belong to."""
        found = self._talk.call(self._talk.access.home, "sts.get_caller_identity", wire.Identity)
        return Account(id=found.account, title=found.arn or found.account)

    def catalogue(self) -> Catalogue:
        """Return what is on offer in the regions that the account has enabled."""
        return narrowed(frozenset(self._regions()))

    def allowance(self, region: str) -> Allowance:
        """Return quotas of a region and what the credentials may not do there. Networks may overlap."""
        self._check_region(region)
        return allowance(self._talk, region)

    def create(self, request: Request) -> Accepted:
        """Ask for a resource.

        AWS may not yet know everywhere what it made a moment ago: what a request builds on and AWS does not
        find is worth another try, so it is `Unavailable`.
        """
        region = getattr(request.resource, "region", None)
        if region:
            self._check_region(region)
        problem: Unavailable
        try:
            return self._family(request.key.kind).create(request)
        except ResourceMissing as error:
            problem = Unavailable(
                CLOUD,
                f"something that {request.key} needs is not there, or not yet: {error.message}",
                error.status,
                error.request_id,
                ambiguous=error.ambiguous,
            )
        raise problem

    def ready(self, kind: Kind, accepted: Accepted) -> Observed | None:
        """Return the resource once it is usable; the token is the size that a volume grows to."""
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
        """Return what exists under the request's name, in the region that it is about."""
        region = getattr(request.resource, "region", None)
        if region and shipped().region(region) is None:
            return []
        return self._family(request.key.kind).find(request)

    def observe_all(self, cluster: ClusterRef) -> list[Observed]:
        """Return everything with the cluster's tags or names, in the order of `Kind`.

        Every region that the account has enabled is asked, several at once, for EC2's list of tags: one
        request says of all kinds in it what carries the cluster's. Where something does, each kind is read.
        A load balancer has its tags elsewhere, but never stands in a region without the cluster's network.
        """
        found = self._talk.everywhere(self._regions(), lambda region: self._of(region, cluster))
        order = {kind: number for number, kind in enumerate(Kind)}
        return sorted(found, key=lambda item: order[item.kind])

    def close(self) -> None:
        """Let go of connections."""
        self._talk.close()

    def _of(self, region: str, cluster: ClusterRef) -> list[Observed]:
        """Return a cluster's resources in a region."""
        tags = self._talk.long_listed(
            region,
            "ec2.describe_tags",
            "Tags",
            wire.TagOf,
            Filters=ec2_filters({"key": ["Name", CLUSTER], "value": [cluster.id, *_names(cluster)]}),
        )
        if not tags:
            return []
        ids = sorted({tag.resource_id for tag in tags})
        return [
            observed
            for family in self._families.values()
            for observed in family.of(region, cluster, [name for name in ids if family.has(name)])
        ]

    def _regions(self) -> list[str]:
        """Return the regions that the account has enabled."""
        found = self._talk.listed(
            self._talk.access.home, "ec2.describe_regions", "Regions", wire.RegionName, AllRegions=False
        )
        names = sorted({region.region_name for region in found if is_region(region.region_name)})
        if not names:
            raise Unavailable(CLOUD, "AWS names no region that the account may use")
        return names

    def _check_region(self, region: str) -> None:
        if shipped().region(region) is None:
            raise Rejected(CLOUD, f"there is no region {region[:60]!r}")

    def _family(self, kind: Kind) -> Family[Any]:
        if kind not in self._families:
            raise Rejected(CLOUD, f"AWS has no {kind}")
        return self._families[kind]


def _names(cluster: ClusterRef) -> list[str]:
    """Return what the names of a cluster's resources look like, as values of a filter."""
    tag = provider_name(cluster, Key(Kind.TAG, "cluster"))
    return [provider_name(cluster, Key(Kind.SERVER, "*")), tag, f"{tag}-*"]
