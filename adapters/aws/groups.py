"""Tags of the engine's: what the servers of a role, or of the cluster, have in common is a security group.

Such a group lets nothing in; rules of firewalls name it as a source. Source: "Amazon VPC User Guide",
security groups.
"""

from ...engine.domain.resources import Accepted, Kind, Observed, Request, Tag
from ...engine.errors import Conflict
from . import wire
from .family import Filters, Listed, R, ec2_filters, needed, present, tag_specifications
from .names import CLOUD, KIND, ROLE, Place, marks, place


class Groups(Listed[wire.Group, R]):
    """What holds for security groups of either use."""

    id_prefix = "sg-"
    operation, key, id_filter = "ec2.describe_security_groups", "SecurityGroups", "group-id"
    item = wire.Group

    def network(self, request: Request) -> Place:
        """Return the network that the group is a part of."""
        return needed(request, Kind.NETWORK, getattr(request.resource, "network", ""))

    def region(self, request: Request) -> str:
        """Return the network's region."""
        return self.network(request).region

    def by_name(self, request: Request) -> Filters:
        """Return the filters for a name: of two groups in a VPC none may have the same."""
        return {"group-name": [request.name], "vpc-id": [self.network(request).id]}

    def make(self, request: Request, **more: str) -> Place:
        """Make a group that lets nothing in and everything out. Raises `Conflict` if the name is taken."""
        network = self.network(request)
        made = self.talk.call(
            network.region,
            "ec2.create_security_group",
            wire.GroupAnswer,
            GroupName=request.name,
            Description=f"kubisnap {request.key}",
            VpcId=network.id,
            TagSpecifications=tag_specifications(marks(request, **more), "security-group"),
        )
        return Place(network.region, made.group_id)

    def remove(self, at: Place) -> None:
        """Remove a group."""
        self.talk.call(at.region, "ec2.delete_security_group", wire.Nothing, GroupId=at.id)

    def instances_in(self, region: str, filters: Filters) -> list[wire.Instance]:
        """Return the servers that fit filters and are not gone."""
        found = self.talk.long_listed(
            region, "ec2.describe_instances", "Reservations", wire.Reservation, Filters=ec2_filters(filters)
        )
        every = (item for reservation in found for item in reservation.instances or ())
        return [item for item in every if not item.is_gone]

    def interfaces_in(self, at: Place) -> list[wire.NetworkInterface]:
        """Return the network interfaces in a group, whoever has them: of what is gone there is none."""
        return self.talk.long_listed(
            at.region,
            "ec2.describe_network_interfaces",
            "NetworkInterfaces",
            wire.NetworkInterface,
            Filters=ec2_filters({"group-id": [at.id]}),
        )

    def id_of(self, item: wire.Group) -> str:
        """Return AWS's id."""
        return item.group_id

    @staticmethod
    def name_of(item: wire.Group) -> str:
        """Return the name."""
        return item.group_name


class RoleGroups(Groups[Tag]):
    """Groups that only say who belongs together."""

    kind = Kind.TAG
    desired = Tag

    def create(self, request: Request) -> Accepted:
        """Make an empty group."""
        role = self.resource(request).role
        return Accepted(id=str(self.make(request, role=role.value if role else "")))

    def delete(self, resource_id: str) -> None:
        """Remove a group. Raises `Conflict` while a server is in it or a rule names it."""
        at = place(resource_id, self.kind)
        self.get(at)
        self.refuse_in_use(at)
        self.remove(at)

    def refuse_in_use(self, at: Place) -> None:
        """Raise `Conflict` if a server or a rule needs a group."""
        users = [item.network_interface_id for item in self.interfaces_in(at)]
        users += [item.group_id for item in self.filtered(at.region, {"ip-permission.group-id": [at.id]})]
        if users:
            raise Conflict(CLOUD, f"the group {at} is in use by {', '.join(sorted(users)[:5])}")

    def seen(self, region: str, item: wire.Group) -> Observed:
        """Show whose it is and where."""
        return Observed(
            kind=self.kind,
            id=str(Place(region, item.group_id)),
            name=item.group_name,
            properties=dict(present(role=item.marked.get(ROLE))),
            links={"network": str(Place(region, item.vpc_id))} if item.vpc_id else {},
        )

    def roles(self, region: str, network: str, cluster: str) -> dict[str, str]:
        """Return which role each group of a cluster stands for, in one network."""
        tags = {"tag:kubisnap:cluster": [cluster], f"tag:{KIND}": [Kind.TAG.value]}
        found = self.filtered(region, {"vpc-id": [network], **tags})
        return {item.group_id: role for item in found if (role := item.marked.get(ROLE))}
