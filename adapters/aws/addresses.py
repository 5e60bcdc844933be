"""Reserved IPs: elastic addresses, and what they point to. Source: "Amazon EC2 User Guide", Elastic IP."""

from collections.abc import Sequence

from ...engine.domain.resources import (
    Accepted,
    ClusterRef,
    Kind,
    Observed,
    Request,
    ReservedIp,
    ReservedIpAssignment,
)
from ...engine.errors import Conflict, ResourceMissing
from . import wire
from .family import Family, Listed, needed, present, tag_specifications
from .names import CLOUD, Place, joined, marks, pair, place
from .talk import Talk


class ReservedIps(Listed[wire.Address, ReservedIp]):
    """Public addresses, with tags like everything else."""

    kind = Kind.RESERVED_IP
    desired = ReservedIp
    id_prefix = "eipalloc-"
    operation, key, id_filter = "ec2.describe_addresses", "Addresses", "allocation-id"
    item = wire.Address

    def region(self, request: Request) -> str:
        """Return the region asked for."""
        return self.resource(request).region

    def create(self, request: Request) -> Accepted:
        """Reserve an address. Raises `Conflict` if there is one of the name."""
        region = self.region(request)
        self.refuse_second(request)
        made = self.talk.call(
            region,
            "ec2.allocate_address",
            wire.AddressAnswer,
            Domain="vpc",
            TagSpecifications=tag_specifications(marks(request), "elastic-ip"),
        )
        return Accepted(id=str(Place(region, made.allocation_id)))

    def delete(self, resource_id: str) -> None:
        """Give it up. Raises `Conflict` while it points anywhere."""
        at = place(resource_id, self.kind)
        if self.get(at).association_id:
            raise Conflict(CLOUD, f"the address {at} is in use")
        self.talk.call(at.region, "ec2.release_address", wire.Nothing, AllocationId=at.id)

    def seen(self, region: str, item: wire.Address) -> Observed:
        """Show its region and the address."""
        return Observed(
            kind=self.kind,
            id=str(Place(region, item.allocation_id)),
            name=item.name,
            properties={"region": region},
            attributes=present(ip=item.public_ip),
        )

    def of(self, region: str, cluster: ClusterRef, ids: Sequence[str]) -> list[Observed]:
        """Return those of a cluster, and what servers they point to."""
        found: list[Observed] = []
        for item in self.items_of(region, cluster, ids):
            found.append(self.seen(region, item))
            if item.instance_id:
                found.append(_assignment(region, item, item.instance_id))
        return found

    def id_of(self, item: wire.Address) -> str:
        """Return AWS's id."""
        return item.allocation_id


class ReservedIpAssignments(Family[ReservedIpAssignment]):
    """A reserved address pointing to a server: an association, whose id here is both ids."""

    kind = Kind.RESERVED_IP_ASSIGNMENT
    desired = ReservedIpAssignment

    def __init__(self, talk: Talk, addresses: ReservedIps) -> None:
        super().__init__(talk)
        self._addresses = addresses

    def create(self, request: Request) -> Accepted:
        """Point the address at the server. Raises `Conflict` while it points anywhere."""
        address, server = self._ends(request)
        if self._addresses.get(address).association_id:
            raise Conflict(CLOUD, f"the address {address} points somewhere already")
        self.talk.call(
            address.region,
            "ec2.associate_address",
            wire.Nothing,
            AllocationId=address.id,
            InstanceId=server.id,
            AllowReassociation=False,
        )
        return Accepted(id=joined(address, server.id))

    def look(self, resource_id: str) -> Observed:
        """Return it, if the address points to that server."""
        address, server = pair(resource_id, Kind.RESERVED_IP, Kind.SERVER)
        item = self._addresses.get(address)
        if item.instance_id != server.id:
            raise ResourceMissing(CLOUD, f"{address} does not point to that server")
        return _assignment(address.region, item, server.id)

    def delete(self, resource_id: str) -> None:
        """Let it point nowhere."""
        address, server = pair(resource_id, Kind.RESERVED_IP, Kind.SERVER)
        item = self._addresses.get(address)
        if item.instance_id != server.id or not item.association_id:
            raise ResourceMissing(CLOUD, f"{address} does not point to that server")
        self.talk.call(
            address.region, "ec2.disassociate_address", wire.Nothing, AssociationId=item.association_id
        )

    def find(self, request: Request) -> list[Observed]:
        """Return the one asked for, if it is there."""
        address, server = self._ends(request)
        observed = self.observe(joined(address, server.id))
        return [observed] if observed is not None else []

    def of(self, region: str, cluster: ClusterRef, ids: Sequence[str]) -> list[Observed]:  # noqa: ARG002
        """Return none: they are told with their addresses."""
        return []

    def _ends(self, request: Request) -> tuple[Place, Place]:
        wanted = self.resource(request)
        address = needed(request, Kind.RESERVED_IP, wanted.reserved_ip)
        return address, needed(request, Kind.SERVER, wanted.server)


def _assignment(region: str, item: wire.Address, server: str) -> Observed:
    at = Place(region, item.allocation_id)
    return Observed(
        kind=Kind.RESERVED_IP_ASSIGNMENT,
        id=joined(at, server),
        name=item.name,
        links={"reserved_ip": str(at), "server": str(Place(region, server))},
    )
