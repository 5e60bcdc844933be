"""Networks and their subnets.

A network is a VPC, an internet gateway, its attachment, and the default route in the VPC's main table. AWS's
DNS resolver is on in every VPC. Source: "Amazon VPC User Guide", internet gateways and route tables.
"""

from ...engine.domain.resources import Accepted, Kind, Network, Observed, Request, Status, Subnet
from ...engine.errors import Conflict, Rejected, Unavailable
from . import wire
from .family import (
    Listed,
    ec2_filters,
    later_request,
    needed,
    status,
    tag_specifications,
    unfinished_mark,
)
from .names import CLOUD, CLUSTER, KIND, PART, UNFINISHED, Place, marks, pairs, part_marks, place
from .talk import Talk

EVERYWHERE = "0.0.0.0/0"


class Networks(Listed[wire.Vpc, Network]):
    """Private networks with a way out."""

    kind = Kind.NETWORK
    desired = Network
    id_prefix = "vpc-"
    operation, key, id_filter = "ec2.describe_vpcs", "Vpcs", "vpc-id"
    item = wire.Vpc

    def region(self, request: Request) -> str:
        """Return the region asked for."""
        return self.resource(request).region

    def create(self, request: Request) -> Accepted:
        """Make a network, or go on with one of this name that was left half made."""
        region = self.region(request)
        standing = sorted(self.named(request), key=self.id_of)
        if any(UNFINISHED not in item.marked for item in standing):
            raise Conflict(CLOUD, f"there is a network {request.name} already")
        if standing:
            with later_request():
                at = Place(region, standing[0].vpc_id)
                return self._complete(request, at, self._gateway(request, at))
        made = self.talk.call(
            region,
            "ec2.create_vpc",
            wire.VpcAnswer,
            CidrBlock=self.resource(request).cidr,
            TagSpecifications=tag_specifications(marks(request, unfinished="yes"), "vpc"),
        ).vpc
        with later_request():
            at = Place(region, made.vpc_id)
            return self._complete(request, at, self._attach(at, self._make_gateway(request, region)))

    def _complete(self, request: Request, at: Place, gateway: str) -> Accepted:
        """Give a VPC its route, as far as it has none, and take the mark away."""
        table = self._main_table(at)
        if not any(route.destination_cidr_block == EVERYWHERE for route in table.routes or ()):
            self.talk.call(
                at.region,
                "ec2.create_route",
                wire.Nothing,
                RouteTableId=table.route_table_id,
                DestinationCidrBlock=EVERYWHERE,
                GatewayId=gateway,
            )
        if CLUSTER not in table.marked:
            tags = pairs(part_marks(request, "routes"))
            self.talk.call(
                at.region, "ec2.create_tags", wire.Nothing, Resources=[table.route_table_id], Tags=tags
            )
        self.finished(at)
        return Accepted(id=str(at))

    def _gateway(self, request: Request, at: Place) -> str:
        """Return the internet gateway of a network; makes and attaches it as needed."""
        attached = self._gateways(at.region, {"attachment.vpc-id": [at.id]})
        if attached:
            return attached[0].internet_gateway_id
        loose = self._loose(at.region, request.cluster.id, part_marks(request, "gateway")["Name"])
        return self._attach(at, loose[0] if loose else self._make_gateway(request, at.region))

    def _make_gateway(self, request: Request, region: str) -> str:
        tags = part_marks(request, "gateway")
        made = self.talk.call(
            region,
            "ec2.create_internet_gateway",
            wire.GatewayAnswer,
            TagSpecifications=tag_specifications(tags, "internet-gateway"),
        )
        return made.internet_gateway.internet_gateway_id

    def _attach(self, at: Place, gateway: str) -> str:
        self.talk.call(
            at.region, "ec2.attach_internet_gateway", wire.Nothing, InternetGatewayId=gateway, VpcId=at.id
        )
        return gateway

    def _gateways(self, region: str, filters: dict[str, list[str]]) -> list[wire.Gateway]:
        return self.talk.listed(
            region,
            "ec2.describe_internet_gateways",
            "InternetGateways",
            wire.Gateway,
            Filters=ec2_filters(filters),
        )

    def _loose(self, region: str, cluster: str, name: str) -> list[str]:
        """Return the gateways of a network that are attached nowhere."""
        found = self._gateways(region, {"tag:Name": [name], f"tag:{CLUSTER}": [cluster]})
        return sorted(item.internet_gateway_id for item in found if not item.attachments)

    def _main_table(self, at: Place) -> wire.RouteTable:
        tables = self.talk.listed(
            at.region,
            "ec2.describe_route_tables",
            "RouteTables",
            wire.RouteTable,
            Filters=ec2_filters({"vpc-id": [at.id], "association.main": ["true"]}),
        )
        if not tables:  # made with the VPC, so it will show
            raise Unavailable(CLOUD, f"the main route table of {at} does not show yet")
        return tables[0]

    def delete(self, resource_id: str) -> None:
        """Remove a network with what was made for it. Raises `Conflict` while anything stands in it."""
        at = place(resource_id, self.kind)
        item = self.get(at)
        self._refuse_in_use(at)
        if UNFINISHED not in item.marked:
            self.unfinished(at)
        with later_request():
            attached = self._gateways(at.region, {"attachment.vpc-id": [at.id]})
            for gateway in attached:
                self._remove_gateway(at, gateway)
            if not attached:  # a process died between two requests
                for loose in self._loose(at.region, item.marked.get(CLUSTER, ""), f"{item.name}.gateway"):
                    self.talk.call(
                        at.region, "ec2.delete_internet_gateway", wire.Nothing, InternetGatewayId=loose
                    )
            self.talk.call(at.region, "ec2.delete_vpc", wire.Nothing, VpcId=at.id)

    def _remove_gateway(self, at: Place, gateway: wire.Gateway) -> None:
        """Detach a gateway, and remove it if it was made with the network."""
        name = gateway.internet_gateway_id
        self.talk.call(
            at.region, "ec2.detach_internet_gateway", wire.Nothing, InternetGatewayId=name, VpcId=at.id
        )
        if gateway.marked.get(KIND, "").startswith(PART):
            self.talk.call(at.region, "ec2.delete_internet_gateway", wire.Nothing, InternetGatewayId=name)

    def _refuse_in_use(self, at: Place) -> None:
        """Raise `Conflict` if anything stands in a network, before it loses its way out.

        What has an address in it, has it in a subnet, so that the subnets tell of servers, too.
        """
        filters = ec2_filters({"vpc-id": [at.id]})
        subnets = self.talk.listed(at.region, "ec2.describe_subnets", "Subnets", wire.Subnet, Filters=filters)
        groups = self.talk.listed(
            at.region, "ec2.describe_security_groups", "SecurityGroups", wire.Group, Filters=filters
        )
        inside = [item.subnet_id for item in subnets]
        inside += [item.group_id for item in groups if item.group_name != "default"]
        if inside:
            raise Conflict(CLOUD, f"the network {at} is in use by {', '.join(sorted(inside)[:5])}")

    def seen(self, region: str, item: wire.Vpc) -> Observed:
        """Show where it is and its range."""
        return Observed(
            kind=self.kind,
            id=str(Place(region, item.vpc_id)),
            name=item.name,
            status=status(item.marked, Status.CREATING if item.state == "pending" else Status.READY),
            properties={"region": region, "cidr": item.cidr_block},
            attributes=unfinished_mark(item.marked),
        )

    def id_of(self, item: wire.Vpc) -> str:
        """Return AWS's id."""
        return item.vpc_id


class Subnets(Listed[wire.Subnet, Subnet]):
    """Parts of networks, all of a cluster's in one availability zone: volumes do not leave theirs."""

    kind = Kind.SUBNET
    desired = Subnet
    id_prefix = "subnet-"
    operation, key, id_filter = "ec2.describe_subnets", "Subnets", "subnet-id"
    item = wire.Subnet

    def __init__(self, talk: Talk) -> None:
        super().__init__(talk)
        self._first_zones: dict[str, str] = {}

    def region(self, request: Request) -> str:
        """Return the network's region."""
        return needed(request, Kind.NETWORK, self.resource(request).network).region

    def create(self, request: Request) -> Accepted:
        """Make a subnet in the zone that the cluster uses."""
        wanted = self.resource(request)
        network = needed(request, Kind.NETWORK, wanted.network)
        others = self.filtered(network.region, {f"tag:{CLUSTER}": [request.cluster.id]})
        if any(item.name == request.name for item in others):
            raise Conflict(CLOUD, f"there is a subnet {request.name} already")
        made = self.talk.call(
            network.region,
            "ec2.create_subnet",
            wire.SubnetAnswer,
            VpcId=network.id,
            CidrBlock=wanted.cidr,
            AvailabilityZone=self._zone(network.region, others),
            TagSpecifications=tag_specifications(marks(request), "subnet"),
        )
        return Accepted(id=str(Place(network.region, made.subnet.subnet_id)))

    def zone(self, region: str, cluster: str) -> str:
        """Return the zone of a cluster's subnets, or where it has none, the first one of the region."""
        return self._zone(region, self.filtered(region, {f"tag:{CLUSTER}": [cluster]}))

    def _zone(self, region: str, subnets: list[wire.Subnet]) -> str:
        used = {item.availability_zone for item in subnets if item.availability_zone}
        if not used and region not in self._first_zones:
            self._first_zones[region] = self._first_zone(region)
        return min(used) if used else self._first_zones[region]

    def _first_zone(self, region: str) -> str:
        zones = self.talk.listed(
            region,
            "ec2.describe_availability_zones",
            "AvailabilityZones",
            wire.Zone,
            Filters=ec2_filters({"state": ["available"], "zone-type": ["availability-zone"]}),
        )
        if not zones:
            raise Rejected(CLOUD, f"{region} has no availability zone")
        return min(zone.zone_name for zone in zones)

    def delete(self, resource_id: str) -> None:
        """Remove a subnet. Raises `Conflict` while anything stands in it."""
        at = place(resource_id, self.kind)
        self.get(at)
        inside = self.talk.listed(
            at.region,
            "ec2.describe_network_interfaces",
            "NetworkInterfaces",
            wire.NetworkInterface,
            Filters=ec2_filters({"subnet-id": [at.id]}),
        )
        if inside:
            raise Conflict(CLOUD, f"the subnet {at} is in use by {inside[0].network_interface_id}")
        self.talk.call(at.region, "ec2.delete_subnet", wire.Nothing, SubnetId=at.id)

    def seen(self, region: str, item: wire.Subnet) -> Observed:
        """Show its range, its network and its zone."""
        return Observed(
            kind=self.kind,
            id=str(Place(region, item.subnet_id)),
            name=item.name,
            status=Status.CREATING if item.state == "pending" else Status.READY,
            properties={"cidr": item.cidr_block},
            links={"network": str(Place(region, item.vpc_id))},
            attributes={"zone": item.availability_zone} if item.availability_zone else {},
        )

    def id_of(self, item: wire.Subnet) -> str:
        """Return AWS's id."""
        return item.subnet_id
