"""Networks and subnets.

A network of ours is a router: one request makes it, with its way outside where there is one. A subnet of
ours is a network of Neutron's with one range in it, joined to the router: so Nova is told by a network's id
where a server belongs, and makes and removes the port itself. A router has no range: its
description keeps it. Source: "Networks", "Subnets" and "Routers" of Neutron's API reference.
"""

from collections.abc import Iterable

from ...engine.domain.resources import Accepted, ClusterRef, Kind, Network, Observed, Request, Status, Subnet
from ...engine.errors import Conflict
from . import wire
from .answers import CLOUD
from .family import Family, Steps, needed, present
from .marks import belongs, described, description
from .paths import segment
from .transport import NETWORK

_JOINTS = (
    "network:router_interface",
    "network:router_interface_distributed",
    "network:ha_router_replicated_interface",
)
"""Owners of a router's ports in a network: plain, with distributed routers, with redundant ones."""

_SERVANTS = (*_JOINTS, "network:dhcp", "network:distributed", "network:router_centralized_snat")
"""Owners of ports that Neutron takes away by itself with the network or the joint."""


class Networks(Family[Network]):
    """Routers."""

    kind = Kind.NETWORK
    desired = Network

    def create(self, request: Request) -> Accepted:
        """Make a router, with its gateway outside where there is an outside."""
        network = self.resource(request)
        self.site.here(network.region)
        external = self.site.external
        router: dict[str, object] = {
            "name": request.name,
            "description": description(request, range=network.cidr),
        }
        if external is not None:
            router["external_gateway_info"] = {"network_id": external.id}
        made = self.transport.send(NETWORK, "POST", "/routers", {"router": router}, wire.RouterAnswer)
        return Accepted(id=made.router.id)

    def look(self, resource_id: str) -> Observed:
        """Return one."""
        path = f"/routers/{segment(resource_id, self.kind)}"
        return self.seen(self.transport.fetch(NETWORK, path, wire.RouterAnswer).router)

    def seen(self, item: wire.Router) -> Observed:
        """Show where it is and the range that it was made for."""
        said = described(item.description)
        return Observed(
            kind=self.kind,
            id=item.id,
            name=item.name,
            status=Status.FAILED if item.status == "ERROR" else Status.READY,
            properties=dict(present(region=self.site.region, cidr=said.get("range"))),
        )

    def delete(self, resource_id: str) -> None:
        """Remove one. Neutron refuses while it has subnets."""
        self.transport.tell(NETWORK, "DELETE", f"/routers/{segment(resource_id, self.kind)}")

    def find(self, request: Request) -> list[Observed]:
        """Return those of the name."""
        return [self.seen(item) for item in self._all(name=request.name)]

    def of(self, cluster: ClusterRef) -> list[Observed]:
        """Return those of a cluster."""
        return [
            self.seen(item)
            for item in self._all()
            if belongs(cluster, self.kind, item.name, described(item.description))
        ]

    def _all(self, **query: str) -> list[wire.Router]:
        asked = self.site.of_project(**query)
        return self.transport.listed(NETWORK, "/routers", "routers", wire.Router, asked)


class Subnets(Family[Subnet]):
    """Networks of Neutron's with a range and a joint; one that lacks either is half made."""

    kind = Kind.SUBNET
    desired = Subnet

    def create(self, request: Request) -> Accepted:
        """Make the network, its range and its joint, from where an earlier attempt has come to."""
        subnet = self.resource(request)
        router = needed(request, Kind.NETWORK, subnet.network)
        with Steps() as steps:
            network = self._begun(request, steps)
            ranges = self._ranges(network_id=network)
            if not ranges:
                body = {"network_id": network, "name": request.name, "ip_version": 4, "cidr": subnet.cidr}
                made = self.transport.send(NETWORK, "POST", "/subnets", {"subnet": body}, wire.SubnetAnswer)
                ranges = [made.subnet]
                steps.done()
            path = f"/routers/{segment(router, Kind.NETWORK)}/add_router_interface"
            self.transport.tell(NETWORK, "PUT", path, {"subnet_id": ranges[0].id})
        return Accepted(id=network)

    def _begun(self, request: Request, steps: Steps) -> str:
        """Return the id of a network to go on with. Raises `Conflict` if a whole subnet has the name."""
        for item in self.find(request):
            if item.status is Status.READY:
                raise Conflict(CLOUD, f"there is a subnet {item.name!r} already: {item.id}")
            steps.done()
            return item.id
        body = {"network": {"name": request.name, "description": description(request)}}
        made = self.transport.send(NETWORK, "POST", "/networks", body, wire.NetworkAnswer)
        steps.done()
        return made.network.id

    def look(self, resource_id: str) -> Observed:
        """Return one."""
        path = f"/networks/{segment(resource_id, self.kind)}"
        network = self.transport.fetch(NETWORK, path, wire.NetworkAnswer).network
        return self._all_seen([network], network_id=network.id)[0]

    def delete(self, resource_id: str) -> None:
        """Take the joint away, then the network with its range. Raises `Conflict` while servers are in it."""
        network = segment(resource_id, self.kind)
        ports = self.transport.listed(NETWORK, "/ports", "ports", wire.Port, {"network_id": network})
        others = sorted({port.device_owner or "nobody" for port in ports} - set(_SERVANTS))
        if others:
            raise Conflict(CLOUD, f"the subnet {network} is in use by {', '.join(others)}")
        with Steps() as steps:
            for port in ports:
                if port.device_owner in _JOINTS and port.device_id:
                    path = f"/routers/{segment(port.device_id, Kind.NETWORK)}/remove_router_interface"
                    self.transport.tell(NETWORK, "PUT", path, {"port_id": port.id})
                    steps.done()
            self.transport.tell(NETWORK, "DELETE", f"/networks/{network}")

    def find(self, request: Request) -> list[Observed]:
        """Return those of the name."""
        return self._seen_each(self._all(name=request.name))

    def of(self, cluster: ClusterRef) -> list[Observed]:
        """Return those of a cluster."""
        found = [
            item
            for item in self._all()
            if not item.external and belongs(cluster, self.kind, item.name, described(item.description))
        ]
        return self._all_seen(found) if found else []

    def _seen_each(self, networks: Iterable[wire.NetworkInfo]) -> list[Observed]:
        return [seen for item in networks for seen in self._all_seen([item], network_id=item.id)]

    def _all_seen(self, networks: list[wire.NetworkInfo], **query: str) -> list[Observed]:
        """Show networks with their ranges and joints: one list of each, however many there are."""
        asked: dict[str, str | tuple[str, ...]] = {**self.site.of_project(**query), "device_owner": _JOINTS}
        ports = self.transport.listed(NETWORK, "/ports", "ports", wire.Port, asked)
        joints = {port.network_id: port for port in ports}
        ranges = {item.network_id: item for item in self._ranges(**query)}
        return [self._seen(item, ranges.get(item.id), joints.get(item.id)) for item in networks]

    def _seen(
        self, item: wire.NetworkInfo, held: wire.SubnetInfo | None, joint: wire.Port | None
    ) -> Observed:
        return Observed(
            kind=self.kind,
            id=item.id,
            name=item.name,
            status=Status.READY if held and joint else Status.FAILED,
            properties=dict(present(cidr=held.cidr if held else None)),
            links=present(network=joint.device_id if joint else None),
        )

    def _all(self, **query: str) -> list[wire.NetworkInfo]:
        asked = self.site.of_project(**query)
        return self.transport.listed(NETWORK, "/networks", "networks", wire.NetworkInfo, asked)

    def _ranges(self, **query: str) -> list[wire.SubnetInfo]:
        asked = self.site.of_project(**query)
        found = self.transport.listed(NETWORK, "/subnets", "subnets", wire.SubnetInfo, asked)
        return [item for item in found if item.ip_version == 4]
