"""Servers behind load balancers: a member of each of its pools.

A pool takes a change only while its load balancer is at rest, so that a server behind several ports takes
several calls: each makes the next step and says `Busy`. Octavia keeps an address; a member's tags keep its
server.
Source: "Members" of Octavia's API reference, version 2.
"""

from ...engine.domain.resources import (
    Accepted,
    ClusterRef,
    Kind,
    LoadBalancerMember,
    Observed,
    Request,
    Status,
)
from ...engine.errors import Busy, Conflict, Rejected, ResourceMissing
from . import wire
from .addresses import port_of
from .answers import CLOUD
from .balancers import LoadBalancers, target_of
from .family import Family, Site, needed
from .marks import tagged, tags
from .paths import pair, segment
from .transport import BALANCER

_STATUS = {"PENDING_CREATE": Status.CREATING, "PENDING_DELETE": Status.DELETING, "ERROR": Status.FAILED}

_WORST_FIRST = (Status.FAILED, Status.DELETING, Status.CREATING, Status.READY)


class LoadBalancerMembers(Family[LoadBalancerMember]):
    """Members: `balancer:server` is one's id."""

    kind = Kind.LOAD_BALANCER_MEMBER
    desired = LoadBalancerMember

    def __init__(self, site: Site, balancers: LoadBalancers) -> None:
        super().__init__(site)
        self._balancers = balancers

    def create(self, request: Request) -> Accepted:
        """Put a server into the next pool that lacks it. Raises `Busy` while there are more."""
        balancer, server = self._ends(request)
        item = self._balancers.get(balancer)
        pools = self._pools(balancer)
        if not pools:
            raise Rejected(CLOUD, f"{request.key}: the load balancer {item.name} has no ports")
        missing = [pool for pool in pools if not self._of_server(pool.id, server)]
        if not missing:
            raise Conflict(CLOUD, f"{request.key}: it is there already")
        begun = len(missing) < len(pools)
        self._balancers.settled(item, begun=begun)
        place = port_of(self.transport, server).fixed_ips[0]
        body = {
            "name": request.name,
            "address": place.ip_address,
            "subnet_id": place.subnet_id,
            "protocol_port": target_of(missing[0]),
            "tags": tags(request, server=server),
        }
        try:
            self.transport.tell(BALANCER, "POST", f"/lbaas/pools/{missing[0].id}/members", {"member": body})
        except Busy as error:
            error.ambiguous = begun
            raise
        if len(missing) > 1:
            raise _more(len(missing) - 1)
        return Accepted(id=f"{balancer}:{server}")

    def look(self, resource_id: str) -> Observed:
        """Return one."""
        balancer, server = pair(resource_id, self.kind)
        pools = self._pools(balancer)
        found = {pool.id: self._of_server(pool.id, server) for pool in pools}
        return self._seen(balancer, server, list(found.values()))

    def _seen(self, balancer: str, server: str, found: list[list[wire.Member]]) -> Observed:
        """Show one: failed while a pool lacks it."""
        members = [member for inside in found for member in inside]
        if not members:
            raise ResourceMissing(CLOUD, f"the server {server} is not behind the load balancer {balancer}")
        states = {_STATUS.get(member.provisioning_status, Status.READY) for member in members}
        worst = next(state for state in _WORST_FIRST if state in states)
        return Observed(
            kind=self.kind,
            id=f"{balancer}:{server}",
            name=members[0].name or "",
            status=worst if all(found) else Status.FAILED,
            links={"load_balancer": balancer, "server": server},
        )

    def delete(self, resource_id: str) -> None:
        """Take a server out of the next pool that has it. Raises `Busy` while there are more."""
        balancer, server = pair(resource_id, self.kind)
        item = self._balancers.get(balancer)
        found = [
            (pool.id, member) for pool in self._pools(balancer) for member in self._of_server(pool.id, server)
        ]
        if not found:
            raise ResourceMissing(CLOUD, f"the server {server} is not behind the load balancer {balancer}")
        self._balancers.settled(item)
        pool, member = found[0]
        self.transport.tell(BALANCER, "DELETE", f"/lbaas/pools/{pool}/members/{member.id}")
        if len(found) > 1:
            raise _more(len(found) - 1)

    def find(self, request: Request) -> list[Observed]:
        """Look it up."""
        observed = self.observe(":".join(self._ends(request)))
        return [observed] if observed is not None else []

    def of(self, cluster: ClusterRef) -> list[Observed]:
        """Return those behind a cluster's load balancers."""
        shown = []
        for item in self._balancers.items_of(cluster):
            pools = [self._balancers.members(pool.id) for pool in self._pools(item.id)]
            servers = {tagged(member.tags).get("server", "") for inside in pools for member in inside} - {""}
            shown += [
                self._seen(item.id, server, [_only(inside, server) for inside in pools])
                for server in sorted(servers)
            ]
        return shown

    def _pools(self, balancer: str) -> list[wire.Pool]:
        """Return a load balancer's pools that are told which port they lead to, in one order."""
        pools = self.transport.listed(
            BALANCER, "/lbaas/pools", "pools", wire.Pool, {"loadbalancer_id": segment(balancer, self.kind)}
        )
        return sorted((pool for pool in pools if target_of(pool)), key=lambda pool: pool.id)

    def _of_server(self, pool_id: str, server: str) -> list[wire.Member]:
        return _only(self._balancers.members(pool_id), server)

    def _ends(self, request: Request) -> tuple[str, str]:
        wanted = self.resource(request)
        balancer = needed(request, Kind.LOAD_BALANCER, wanted.load_balancer)
        return balancer, needed(request, Kind.SERVER, wanted.server)


def _only(members: list[wire.Member], server: str) -> list[wire.Member]:
    return [member for member in members if tagged(member.tags).get("server") == server]


def _more(left: int) -> Busy:
    problem = f"{left} more of the load balancer's ports to go, and it takes one change at a time"
    return Busy(CLOUD, problem, 409, ambiguous=True)
