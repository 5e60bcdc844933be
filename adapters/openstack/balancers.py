"""Load balancers: one of Octavia's, with a listener, a pool and a health monitor for each port.

Octavia takes one change at a time, and a load balancer that is at work takes none: each call here makes the
next step and then says `Busy`, until nothing is left to do. (Octavia can make the whole tree in one request,
but in its release Zed the listeners of such a tree are never brought to life.) A pool has no port: its tags
keep the port that servers listen at. Source: Octavia's API reference, version 2.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from ...engine.domain.model import Forward, ForwardProtocol
from ...engine.domain.resources import (
    Accepted,
    ClusterRef,
    Kind,
    LoadBalancer,
    Observed,
    Request,
    Status,
)
from ...engine.errors import Busy, Conflict, Rejected, ResourceMissing
from . import wire
from .answers import CLOUD
from .family import Family, needed, present
from .marks import UNFINISHED, belongs, description, tagged, tags
from .paths import segment
from .transport import BALANCER, NETWORK

ROOT = "/lbaas/loadbalancers"
ACTIVE = "ACTIVE"
_STATUS = {
    "PENDING_CREATE": Status.CREATING,
    "PENDING_DELETE": Status.DELETING,
    "DELETED": Status.DELETING,
    "ERROR": Status.FAILED,
}
_MONITOR = {"type": "TCP", "delay": 10, "timeout": 5, "max_retries": 3}


class Parts(NamedTuple):
    """What a load balancer is made of."""

    listeners: list[wire.Listener]
    pools: dict[str, wire.Pool]


class LoadBalancers(Family[LoadBalancer]):
    """Load balancers, with a public address where there is an outside."""

    kind = Kind.LOAD_BALANCER
    desired = LoadBalancer

    def create(self, request: Request) -> Accepted:
        """Make the next step towards a whole one. Raises `Busy` until there is none left."""
        balancer = self.resource(request)
        self.site.here(balancer.region)
        here = [item for item in self._all(name=request.name) if item.name == request.name]
        here = [item for item in here if _status(item) is not Status.DELETING]
        if not here:
            self._make(request, balancer)
            raise _busy("the load balancer is being made", begun=True)
        item = here[0]
        if not _unfinished(item):
            raise Conflict(CLOUD, f"there is a load balancer {item.name!r} already: {item.id}")
        self.settled(item, begun=True)
        if self._step(request, item, balancer.forward) or self._publish(request, item):
            raise _busy("a part of the load balancer is being made", begun=True)
        self._finish(item.id)
        return Accepted(id=item.id)

    def _make(self, request: Request, balancer: LoadBalancer) -> None:
        """Ask for one without any ports."""
        network = needed(request, Kind.SUBNET, balancer.subnet)
        query = {"network_id": segment(network, Kind.SUBNET)}
        ranges = self.transport.listed(NETWORK, "/subnets", "subnets", wire.SubnetInfo, query)
        if not ranges:
            raise Rejected(CLOUD, f"{request.key}: the subnet {network} has no addresses")
        body = {
            "name": request.name,
            "description": description(request),
            "vip_subnet_id": ranges[0].id,
            "tags": tags(request, state=UNFINISHED, subnet=network),
        }
        self.transport.send(BALANCER, "POST", ROOT, {"loadbalancer": body}, wire.BalancerAnswer)

    def _publish(self, request: Request, item: wire.Balancer) -> bool:
        """Give it a public address; return whether that was still to do.

        Some providers keep the port of a load balancer to themselves: then there is nothing to point at.
        """
        external = self.site.external
        if external is None or not item.vip_port_id or self._public(item.vip_port_id):
            return False
        try:
            path = f"/ports/{segment(item.vip_port_id, 'port')}"
            self.transport.fetch(NETWORK, path, wire.PortAnswer)
        except ResourceMissing:
            return False
        body = {
            "floating_network_id": external.id,
            "port_id": item.vip_port_id,
            "description": description(request, kind=self.kind.value, name=request.name),
        }
        self.transport.tell(NETWORK, "POST", "/floatingips", {"floatingip": body})
        return True

    def _finish(self, balancer_id: str) -> None:
        """Say that it is whole."""
        found = [tag for tag in self.get(balancer_id).tags or [] if tag != f"state={UNFINISHED}"]
        self.transport.tell(BALANCER, "PUT", f"{ROOT}/{balancer_id}", {"loadbalancer": {"tags": found}})

    def update(self, request: Request, resource_id: str, changed: frozenset[str]) -> Accepted:  # noqa: ARG002
        """Make the next step towards other ports. Raises `Busy` until there is none left."""
        item = self.get(resource_id)
        self.settled(item)
        if self._step(request, item, self.resource(request).forward):
            raise _busy("a part of the load balancer is being changed")
        return Accepted(id=item.id)

    def settled(self, item: wire.Balancer, *, begun: bool = False) -> None:
        """Raise `Busy` while a load balancer is at work, `Rejected` if Octavia gave up on it."""
        if item.provisioning_status == "ERROR":
            raise Rejected(CLOUD, f"Octavia gave up on the load balancer {item.name}", ambiguous=begun)
        if item.provisioning_status != ACTIVE:
            raise _busy(f"the load balancer {item.name} is at work", begun=begun)

    def _step(self, request: Request, item: wire.Balancer, forwards: Iterable[Forward]) -> bool:
        """Make one change towards these ports; return whether there was one to make.

        What is in the way goes first; then each pool is made whole before its listener sends anything there.
        """
        wanted = {forward.port: forward for forward in forwards}
        parts = self.parts(item.id)
        for listener in parts.listeners:
            forward = wanted.get(listener.protocol_port)
            if forward is None or listener.protocol != forward.protocol.value.upper():
                self.transport.tell(BALANCER, "DELETE", f"/lbaas/listeners/{listener.id}")
                return True
        used: set[str] = set()
        for forward in wanted.values():
            pool = _pool_of(parts, forward)
            if pool is None:
                self._add_pool(request, item.id, forward)
                return True
            used.add(pool.id)
            if self._complete(pool, forward, parts) or self._listen(request, item.id, forward, pool, parts):
                return True
        for pool_id in parts.pools.keys() - used:
            self.transport.tell(BALANCER, "DELETE", f"/lbaas/pools/{pool_id}")
            return True
        return False

    def _add_pool(self, request: Request, balancer_id: str, forward: Forward) -> None:
        body = {
            "loadbalancer_id": balancer_id,
            "name": f"{request.name}-{forward.port}",
            "protocol": forward.protocol.value.upper(),
            "lb_algorithm": "ROUND_ROBIN",
            "tags": [f"port={forward.port}", f"target={forward.target_port}"],
        }
        self.transport.tell(BALANCER, "POST", "/lbaas/pools", {"pool": body})

    def _complete(self, pool: wire.Pool, forward: Forward, parts: Parts) -> bool:
        """Give a new pool its health monitor, and the servers that the others have."""
        if pool.healthmonitor_id is None:
            body = {"healthmonitor": {"pool_id": pool.id, **_MONITOR}}
            self.transport.tell(BALANCER, "POST", "/lbaas/healthmonitors", body)
            return True
        if any(listener.default_pool_id == pool.id for listener in parts.listeners):
            return False
        others = [other for other in parts.pools.values() if other.id != pool.id]
        members = next((found for other in others if (found := self.members(other.id))), [])
        missing = {member.address for member in members} - {
            member.address for member in self.members(pool.id)
        }
        if not missing:
            return False
        told = [
            {
                "name": member.name,
                "address": member.address,
                "protocol_port": forward.target_port,
                "tags": member.tags or [],
            }
            for member in members
        ]
        self.transport.tell(BALANCER, "PUT", f"/lbaas/pools/{pool.id}/members", {"members": told})
        return True

    def _listen(
        self, request: Request, balancer_id: str, forward: Forward, pool: wire.Pool, parts: Parts
    ) -> bool:
        """Let a port lead to its pool."""
        here = next((item for item in parts.listeners if item.protocol_port == forward.port), None)
        if here is not None and here.default_pool_id == pool.id:
            return False
        body: dict[str, Any] = {"default_pool_id": pool.id}
        if here is not None:
            self.transport.tell(BALANCER, "PUT", f"/lbaas/listeners/{here.id}", {"listener": body})
            return True
        body |= {
            "loadbalancer_id": balancer_id,
            "name": f"{request.name}-{forward.port}",
            "protocol": forward.protocol.value.upper(),
            "protocol_port": forward.port,
        }
        self.transport.tell(BALANCER, "POST", "/lbaas/listeners", {"listener": body})
        return True

    def get(self, balancer_id: str) -> wire.Balancer:
        """Return one as Octavia shows it. Raises `ResourceMissing` also for one that it still remembers."""
        path = f"{ROOT}/{segment(balancer_id, self.kind)}"
        item = self.transport.fetch(BALANCER, path, wire.BalancerAnswer).loadbalancer
        if item.provisioning_status == "DELETED":
            raise ResourceMissing(CLOUD, f"the load balancer {item.id} is deleted", 404)
        return item

    def parts(self, balancer_id: str) -> Parts:
        """Return a load balancer's listeners and pools."""
        listeners = self.transport.listed(
            BALANCER, "/lbaas/listeners", "listeners", wire.Listener, {"load_balancer_id": balancer_id}
        )
        pools = self.transport.listed(
            BALANCER, "/lbaas/pools", "pools", wire.Pool, {"loadbalancer_id": balancer_id}
        )
        listeners.sort(key=lambda item: item.protocol_port)
        return Parts(listeners, {pool.id: pool for pool in pools})

    def members(self, pool_id: str) -> list[wire.Member]:
        """Return the servers in a pool."""
        path = f"/lbaas/pools/{segment(pool_id, 'pool')}/members"
        return self.transport.listed(BALANCER, path, "members", wire.Member)

    def look(self, resource_id: str) -> Observed:
        """Return one."""
        return self._seen(self.get(resource_id))

    def ready(self, accepted: Accepted) -> Observed | None:
        """Return it once it is at rest."""
        item = self.get(accepted.id)
        if item.provisioning_status.startswith("PENDING"):
            return None
        return super().ready(accepted)

    def _seen(self, item: wire.Balancer) -> Observed:
        """Show its ports, its subnet and its address: the public one where it has one."""
        said = tagged(item.tags)
        parts = self.parts(item.id)
        public = self._public(item.vip_port_id or "")
        return Observed(
            kind=self.kind,
            id=item.id,
            name=item.name,
            status=_status(item),
            properties={
                **present(region=self.site.region, role=said.get("role")),
                "forward": _forwards(parts),
            },
            links=present(subnet=said.get("subnet")),
            attributes=present(
                ip=public.floating_ip_address if public else item.vip_address,
                private_ip=item.vip_address if public else None,
            ),
        )

    def _public(self, port_id: str) -> wire.FloatingIp | None:
        if not port_id:
            return None
        query = {"port_id": segment(port_id, "port")}
        found = self.transport.listed(NETWORK, "/floatingips", "floatingips", wire.FloatingIp, query)
        return found[0] if found else None

    def delete(self, resource_id: str) -> None:
        """Give the public address back, then remove it with all its parts."""
        item = self.get(resource_id)
        if item.provisioning_status.startswith("PENDING"):
            raise _busy(f"the load balancer {item.name} is at work")
        public = self._public(item.vip_port_id or "")
        if public is not None:
            self.transport.tell(NETWORK, "DELETE", f"/floatingips/{public.id}")
        try:
            self.transport.tell(BALANCER, "DELETE", f"{ROOT}/{item.id}?cascade=true")
        except Busy as error:
            error.ambiguous = public is not None
            raise

    def find(self, request: Request) -> list[Observed]:
        """Return those of the name."""
        return [self._seen(item) for item in self._all(name=request.name) if item.name == request.name]

    def of(self, cluster: ClusterRef) -> list[Observed]:
        """Return those of a cluster."""
        return [self._seen(item) for item in self.items_of(cluster)]

    def items_of(self, cluster: ClusterRef) -> list[wire.Balancer]:
        """Return those of a cluster as Octavia shows them."""
        return [item for item in self._all() if belongs(cluster, self.kind, item.name, tagged(item.tags))]

    def _all(self, **query: str) -> list[wire.Balancer]:
        asked = self.site.of_project(**query)
        found = self.transport.listed(BALANCER, ROOT, "loadbalancers", wire.Balancer, asked)
        return [item for item in found if item.provisioning_status != "DELETED"]


def _busy(problem: str, *, begun: bool = False) -> Busy:
    return Busy(CLOUD, f"{problem}, and takes one change at a time", 409, ambiguous=begun)


def _status(item: wire.Balancer) -> Status:
    """Return how far along one is: what is unfinished must not be taken for one that only takes its time."""
    status = _STATUS.get(item.provisioning_status, Status.READY)
    return Status.FAILED if _unfinished(item) and status is not Status.DELETING else status


def _unfinished(item: wire.Balancer) -> bool:
    return tagged(item.tags).get("state") == UNFINISHED


def target_of(pool: wire.Pool) -> int:
    """Return the port at which the servers of a pool listen, 0 where nobody said it."""
    text = tagged(pool.tags).get("target", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0


def _pool_of(parts: Parts, forward: Forward) -> wire.Pool | None:
    for pool in sorted(parts.pools.values(), key=lambda item: item.id):
        said = tagged(pool.tags)
        same = pool.protocol == forward.protocol.value.upper() and target_of(pool) == forward.target_port
        if same and said.get("port") == str(forward.port):
            return pool
    return None


def _forwards(parts: Parts) -> tuple[dict[str, Any], ...]:
    """Return what listeners do as rules of ours; what has no neutral word is shown by its own."""
    shown = []
    for listener in parts.listeners:
        pool = parts.pools.get(listener.default_pool_id or "")
        target = target_of(pool) if pool is not None else 0
        protocol = listener.protocol.lower()
        if protocol in set(ForwardProtocol):
            forward = Forward(
                port=listener.protocol_port, target_port=target, protocol=ForwardProtocol(protocol)
            )
            shown.append(msgspec.to_builtins(forward))
        else:
            shown.append({"port": listener.protocol_port, "target_port": target, "protocol": protocol})
    return tuple(shown)
