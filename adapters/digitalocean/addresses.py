"""Reserved IPs and where they point.

DigitalOcean keeps neither a name nor tags with a reserved address (only the project that it is
filed under), so one that points nowhere cannot be told from anybody else's: it is known by what
the journal recorded of it, and found again by its address only. Sources: the pages "Reserved IPs"
and "Reserved IP Actions" of DigitalOcean's API reference.
"""

from ipaddress import AddressValueError, IPv4Address
from typing import Any

from ...engine.domain.resources import (
    Accepted,
    ClusterRef,
    Kind,
    Observed,
    Request,
    ReservedIp,
    ReservedIpAssignment,
)
from ...engine.errors import ResourceMissing
from ..transport.failures import clean
from . import wire
from .answers import CLOUD
from .family import Family, Listed, needed, pair, present, region
from .paths import number
from .servers import Droplets
from .transport import Transport


class ReservedIps(Listed[wire.ReservedIp, ReservedIp]):
    """Public addresses. An address is its own id and, for want of another, its own name."""

    kind = Kind.RESERVED_IP
    path = "reserved_ips"
    key = "reserved_ips"
    item = wire.ReservedIp
    desired = ReservedIp

    def __init__(self, transport: Transport, droplets: Droplets) -> None:
        super().__init__(transport)
        self.droplets = droplets

    def create(self, request: Request) -> Accepted:
        """Reserve an address in a region."""
        body = {"region": self.resource(request).region}
        answer = self.transport.send("POST", self.path, body, wire.ReservedIpAnswer)
        return Accepted(id=answer.reserved_ip.ip)

    def get(self, resource_id: str) -> wire.ReservedIp:
        """Return one."""
        path = f"{self.path}/{self.place(resource_id)}"
        return self.transport.fetch(path, wire.ReservedIpAnswer).reserved_ip

    def ready(self, accepted: Accepted) -> Observed | None:
        """Return it once it is not locked: until then it could not be assigned."""
        try:
            item = self.get(accepted.id)
        except ResourceMissing:
            return None
        return None if item.locked else self.seen(item)

    def seen(self, item: wire.ReservedIp) -> Observed:
        """Show its region and, for people, the address."""
        return Observed(
            kind=self.kind,
            id=item.ip,
            name=item.ip,
            properties={**region(item.region)},
            attributes=present(ip=item.ip),
        )

    def find(self, request: Request) -> list[Observed]:  # noqa: ARG002
        """Return nothing: DigitalOcean cannot say which address was reserved under which name."""
        return []

    def items_of(self, cluster: ClusterRef) -> list[wire.ReservedIp]:
        """Return those that point to the cluster's droplets."""
        mine = {item.id for item in self.droplets.items_of(cluster)}
        return [item for item in self.all() if item.droplet is not None and item.droplet.id in mine]

    def place(self, resource_id: str) -> str:
        """Return an address."""
        try:
            return str(IPv4Address(resource_id))
        except AddressValueError:
            raise ResourceMissing(CLOUD, f"there is no reserved IP {clean(resource_id)!r}") from None

    @staticmethod
    def identity(item: wire.ReservedIp) -> object:
        """Tell addresses apart by themselves."""
        return item.ip


class ReservedIpAssignments(Family[ReservedIpAssignment]):
    """A reserved address pointing to a droplet: no thing of its own, so its id is both ids."""

    kind = Kind.RESERVED_IP_ASSIGNMENT
    desired = ReservedIpAssignment

    def __init__(self, transport: Transport, addresses: ReservedIps) -> None:
        super().__init__(transport)
        self.addresses = addresses

    def create(self, request: Request) -> Accepted:
        """Point the address at the droplet, wherever it pointed before."""
        address, droplet = self._ends(request)
        body = {"type": "assign", "droplet_id": number(droplet, Kind.SERVER)}
        action = self._act(address, body)
        return Accepted(id=f"{address}:{droplet}", token=str(action.id))

    def look(self, resource_id: str) -> Observed:
        """Return it, if the address points to that droplet."""
        address, droplet = pair(resource_id, self.kind)
        item = self.addresses.get(address)
        if item.droplet is None or item.droplet.id != droplet:
            raise ResourceMissing(CLOUD, f"{address} does not point to that droplet")
        return assignment(item.ip, droplet)

    def delete(self, resource_id: str) -> None:
        """Let it point nowhere. The work goes on after the answer: `observe` tells when it is done."""
        self.look(resource_id)  # unassigning needs no droplet, so another's assignment would go
        self._act(pair(resource_id, self.kind)[0], {"type": "unassign"})

    def find(self, request: Request) -> list[Observed]:
        """Return the one asked for, if it is there."""
        observed = self.observe(":".join(self._ends(request)))
        return [observed] if observed is not None else []

    def of(self, cluster: ClusterRef) -> list[Observed]:
        """Return those of the cluster's droplets."""
        items = self.addresses.items_of(cluster)
        return [assignment(item.ip, item.droplet.id) for item in items if item.droplet is not None]

    def _ends(self, request: Request) -> tuple[str, str]:
        wanted = self.resource(request)
        address = needed(request, Kind.RESERVED_IP, wanted.reserved_ip)
        return address, needed(request, Kind.SERVER, wanted.server)

    def _act(self, address: str, body: dict[str, Any]) -> wire.Action:
        path = f"{self.addresses.path}/{self.addresses.place(address)}/actions"
        return self.transport.send("POST", path, body, wire.ActionAnswer).action


def assignment(address: str, droplet: int) -> Observed:
    """Return an assignment as the engine sees it."""
    return Observed(
        kind=Kind.RESERVED_IP_ASSIGNMENT,
        id=f"{address}:{droplet}",
        name=address,
        links={"reserved_ip": address, "server": str(droplet)},
    )
