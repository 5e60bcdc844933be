"""Floating IPs, and what they point to.

A floating IP has no name: its description keeps it. Source: "Floating IPs" of Neutron's API reference.
"""

from ...engine.domain.resources import (
    Accepted,
    ClusterRef,
    Kind,
    Observed,
    Request,
    ReservedIp,
    ReservedIpAssignment,
    logical_name,
)
from ...engine.errors import Conflict, Rejected, ResourceMissing
from . import wire
from .answers import CLOUD
from .family import Family, Site, needed
from .marks import described, description
from .paths import pair, segment
from .transport import NETWORK, Transport


class ReservedIps(Family[ReservedIp]):
    """Floating IPs."""

    kind = Kind.RESERVED_IP
    desired = ReservedIp

    def create(self, request: Request) -> Accepted:
        """Ask for an address of the external network's."""
        self.site.here(self.resource(request).region)
        external = self.site.external
        if external is None:
            raise Rejected(CLOUD, f"{request.key}: there is no external network")
        body = {
            "floating_network_id": external.id,
            "description": description(request, kind=self.kind.value, name=request.name),
        }
        made = self.transport.send(
            NETWORK, "POST", "/floatingips", {"floatingip": body}, wire.FloatingIpAnswer
        )
        return Accepted(id=made.floatingip.id)

    def get(self, resource_id: str) -> wire.FloatingIp:
        """Return one as Neutron shows it."""
        path = f"/floatingips/{segment(resource_id, self.kind)}"
        return self.transport.fetch(NETWORK, path, wire.FloatingIpAnswer).floatingip

    def look(self, resource_id: str) -> Observed:
        """Return one."""
        return self.seen(self.get(resource_id))

    def seen(self, item: wire.FloatingIp) -> Observed:
        """Show where it is and what it is."""
        return Observed(
            kind=self.kind,
            id=item.id,
            name=name_of(item),
            properties={"region": self.site.region},
            attributes={"ip": item.floating_ip_address},
        )

    def delete(self, resource_id: str) -> None:
        """Give one back. Raises `Conflict` while it points to a server: Neutron would not mind."""
        item = self.get(resource_id)
        if item.port_id:
            raise Conflict(CLOUD, f"{item.floating_ip_address} points to a server")
        self.transport.tell(NETWORK, "DELETE", f"/floatingips/{item.id}")

    def find(self, request: Request) -> list[Observed]:
        """Return those whose description has the name."""
        return [self.seen(item) for item in self.all() if name_of(item) == request.name]

    def of(self, cluster: ClusterRef) -> list[Observed]:
        """Return those of a cluster."""
        return [self.seen(item) for item in self.items_of(cluster)]

    def items_of(self, cluster: ClusterRef) -> list[wire.FloatingIp]:
        """Return those of a cluster as Neutron shows them."""
        return [item for item in self.all() if logical_name(cluster, self.kind, name_of(item)) is not None]

    def all(self) -> list[wire.FloatingIp]:
        """Return all of the project but those of load balancers."""
        found = self.transport.listed(
            NETWORK, "/floatingips", "floatingips", wire.FloatingIp, self.site.of_project()
        )
        return [item for item in found if described(item.description).get("kind") in {None, self.kind.value}]


class ReservedIpAssignments(Family[ReservedIpAssignment]):
    """Floating IPs pointed at servers: `address:server` is an assignment's id."""

    kind = Kind.RESERVED_IP_ASSIGNMENT
    desired = ReservedIpAssignment

    def __init__(self, site: Site, addresses: ReservedIps) -> None:
        super().__init__(site)
        self._addresses = addresses

    def create(self, request: Request) -> Accepted:
        """Point an address at a server. Raises `Conflict` if it points somewhere: Neutron would move it."""
        address, server = self._ends(request)
        item = self._addresses.get(address)
        if item.port_id:
            raise Conflict(CLOUD, f"{item.floating_ip_address} points to a server already")
        self._point(address, port_of(self.transport, server).id)
        return Accepted(id=f"{address}:{server}")

    def look(self, resource_id: str) -> Observed:
        """Return one."""
        address, server = pair(resource_id, self.kind)
        item = self._addresses.get(address)
        if item.port_id is None or self._server(item) != server:
            raise ResourceMissing(CLOUD, f"{item.floating_ip_address} does not point to {server}")
        return _assignment(item, server)

    def delete(self, resource_id: str) -> None:
        """Let an address point nowhere."""
        self.look(resource_id)
        self._point(pair(resource_id, self.kind)[0], None)

    def find(self, request: Request) -> list[Observed]:
        """Look it up."""
        observed = self.observe(":".join(self._ends(request)))
        return [observed] if observed is not None else []

    def of(self, cluster: ClusterRef) -> list[Observed]:
        """Return those of a cluster's addresses."""
        return [
            _assignment(item, server)
            for item in self._addresses.items_of(cluster)
            if item.port_id and (server := self._server(item))
        ]

    def _ends(self, request: Request) -> tuple[str, str]:
        wanted = self.resource(request)
        address = needed(request, Kind.RESERVED_IP, wanted.reserved_ip)
        return address, needed(request, Kind.SERVER, wanted.server)

    def _point(self, address: str, port: str | None) -> None:
        path = f"/floatingips/{segment(address, Kind.RESERVED_IP)}"
        self.transport.tell(NETWORK, "PUT", path, {"floatingip": {"port_id": port}})

    def _server(self, item: wire.FloatingIp) -> str:
        """Return the server that an address points to; older Neutrons tell the port alone."""
        if item.port_details is not None and item.port_details.device_id:
            return item.port_details.device_id
        try:
            path = f"/ports/{segment(item.port_id or '', 'port')}"
            return self.transport.fetch(NETWORK, path, wire.PortAnswer).port.device_id or ""
        except ResourceMissing:
            return ""


def port_of(transport: Transport, server: str) -> wire.Port:
    """Return a server's port. Raises `ResourceMissing` if it has none."""
    query = {"device_id": segment(server, Kind.SERVER)}
    ports = transport.listed(NETWORK, "/ports", "ports", wire.Port, query)
    usable = [port for port in ports if port.fixed_ips]
    if not usable:
        raise ResourceMissing(CLOUD, f"the server {server} has no port")
    return min(usable, key=lambda port: port.id)


def name_of(item: wire.FloatingIp) -> str:
    """Return the name that an address was given, or an empty string."""
    return described(item.description).get("name", "")


def _assignment(item: wire.FloatingIp, server: str) -> Observed:
    return Observed(
        kind=Kind.RESERVED_IP_ASSIGNMENT,
        id=f"{item.id}:{server}",
        name=name_of(item),
        links={"reserved_ip": item.id, "server": server},
        attributes={"ip": item.floating_ip_address},
    )
