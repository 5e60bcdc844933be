"""Reserved addresses and where they point: Hetzner's floating IPs.

They can be moved while their servers run, which primary IPs cannot; the server must be told to answer
for them. Source: the section "Floating IPs" of Hetzner's API reference.
"""

from collections.abc import Iterator

from ...engine.domain.resources import Accepted, Kind, Observed, Request, ReservedIp, ReservedIpAssignment
from ...engine.errors import ResourceMissing
from . import wire
from .answers import CLOUD
from .family import Family, Listed, needed, pair, present, region
from .marking import labels
from .transport import Transport


class ReservedIps(Listed[wire.FloatingIp, ReservedIp]):
    """Public IPv4 addresses. Unlike most clouds' they have a name and labels."""

    kind = Kind.RESERVED_IP
    path = "floating_ips"
    key = "floating_ips"
    item = wire.FloatingIp
    desired = ReservedIp

    def create(self, request: Request) -> Accepted:
        """Reserve an address in a region."""
        body = {
            "name": request.name,
            "type": "ipv4",
            "home_location": self.resource(request).region,
            "labels": labels(request),
        }
        made, token = self.transport.make(self.path, body, wire.FloatingIpAnswer)
        return Accepted(id=str(made.floating_ip.id), token=token)

    def get(self, resource_id: str) -> wire.FloatingIp:
        """Return one."""
        return self.transport.fetch(self.at(resource_id), wire.FloatingIpAnswer).floating_ip

    def seen(self, item: wire.FloatingIp) -> Observed:
        """Show its region and, for people, the address."""
        return Observed(
            kind=self.kind,
            id=str(item.id),
            name=item.name,
            properties=dict(region(item.home_location)),
            attributes=present(ip=item.ip),
        )


class ReservedIpAssignments(Family[ReservedIpAssignment]):
    """A floating IP pointing to a server: no thing of its own, so its id is both ids."""

    kind = Kind.RESERVED_IP_ASSIGNMENT
    desired = ReservedIpAssignment

    def __init__(self, transport: Transport, addresses: ReservedIps) -> None:
        super().__init__(transport)
        self.addresses = addresses

    def create(self, request: Request) -> Accepted:
        """Point the address at the server, wherever it pointed before."""
        address, server = self._ends(request)
        token = self.transport.act(f"floating_ips/{address}/actions/assign", {"server": server})
        return Accepted(id=f"{address}:{server}", token=token)

    def look(self, resource_id: str) -> Observed:
        """Return it, if the address points to that server."""
        address, _ = pair(resource_id, self.kind)
        found = (seen for seen in assignments(self.addresses.get(str(address))) if seen.id == resource_id)
        if (observed := next(found, None)) is None:
            raise ResourceMissing(CLOUD, f"floating IP {address} does not point to that server")
        return observed

    def delete(self, resource_id: str) -> None:
        """Let it point nowhere. The work goes on after the answer: `observe` tells when it is done."""
        self.look(resource_id)  # unassigning names no server, so another's assignment would go
        self.transport.act(f"floating_ips/{pair(resource_id, self.kind)[0]}/actions/unassign", {})

    def find(self, request: Request) -> list[Observed]:
        """Return the one asked for, if it is there."""
        observed = self.observe(":".join(map(str, self._ends(request))))
        return [observed] if observed is not None else []

    def _ends(self, request: Request) -> tuple[int, int]:
        wanted = self.resource(request)
        address = needed(request, Kind.RESERVED_IP, wanted.reserved_ip)
        return address, needed(request, Kind.SERVER, wanted.server)


def assignments(item: wire.FloatingIp) -> Iterator[Observed]:
    """Yield where an address points, if it does."""
    if item.server is not None:
        yield Observed(
            kind=Kind.RESERVED_IP_ASSIGNMENT,
            id=f"{item.id}:{item.server}",
            name=item.name,
            links={"reserved_ip": str(item.id), "server": str(item.server)},
        )
