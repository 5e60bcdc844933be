"""Load balancers: network load balancers (NLB), each port with a listener and a target group of its own.

Everything hangs on the load balancer itself: it is made first and removed last, so that whatever a dead
process left is found through it. Source: "Elastic Load Balancing API Reference" (2015-12-01).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from ...engine.domain.model import Forward, ForwardProtocol
from ...engine.domain.resources import Accepted, ClusterRef, Kind, LoadBalancer, Observed, Request, Status
from ...engine.errors import Conflict, ResourceMissing
from . import elb, wire
from .family import Family, later_request, needed, present, status, unfinished_mark
from .names import (
    CLOUD,
    ROLE,
    UNFINISHED,
    Place,
    balancer_name,
    belongs,
    marks,
    pairs,
    part_marks,
    place,
    target_group_name,
)

TAGS_AT_ONCE = 20
_STATUS = {"provisioning": Status.CREATING, "failed": Status.FAILED}


class LoadBalancers(Family[LoadBalancer]):
    """Load balancers that are reached from everywhere, in the cluster's subnet."""

    kind = Kind.LOAD_BALANCER
    desired = LoadBalancer

    def create(self, request: Request) -> Accepted:
        """Make a load balancer with its ports, or go on with one left half made."""
        wanted = self.resource(request)
        subnet = needed(request, Kind.SUBNET, wanted.subnet)
        standing = self._named(request)
        if standing is not None and UNFINISHED not in standing[1]:
            raise Conflict(CLOUD, f"there is a load balancer {request.name} already")
        if standing is None:
            item = self.talk.call(
                wanted.region,
                "elbv2.create_load_balancer",
                elb.Balancers,
                Name=balancer_name(request.cluster.id, request.name),
                Type="network",
                Scheme="internet-facing",
                Subnets=[subnet.id],
                Tags=pairs(marks(request, role=wanted.role.value, unfinished="yes")),
            ).load_balancers[0]
        else:
            item = standing[0]
        with later_request():
            self._forward(request, wanted.region, item)
            self.talk.call(
                wanted.region,
                "elbv2.remove_tags",
                wire.Nothing,
                ResourceArns=[item.load_balancer_arn],
                TagKeys=[UNFINISHED],
            )
        return Accepted(id=str(Place(wanted.region, item.load_balancer_arn)))

    def update(self, request: Request, resource_id: str, changed: frozenset[str]) -> Accepted:
        """Forward to where it is wanted now: new ports first, then what is too much goes."""
        if changed != {"forward"}:
            return super().update(request, resource_id, changed)
        at = place(resource_id, self.kind)
        self._forward(request, at.region, self.get(at))
        return Accepted(id=resource_id)

    def _forward(self, request: Request, region: str, item: elb.Balancer) -> None:
        listeners = {found.port: found for found in self.listeners(region, item.load_balancer_arn)}
        groups = {group.target_group_name: group for group in self._own_groups(region, item)}
        members = self._members(region, groups.values())
        wanted = self.resource(request).forward
        used: set[str] = set()
        for forward in wanted:
            name = target_group_name(item.load_balancer_name, forward.port, forward.target_port)
            group = groups.get(name) or self._make_group(request, region, name, item, forward)
            used.add(name)
            self._fill(region, group, members)
            self._listen(request, region, item, forward.port, group, listeners.get(forward.port))
        ports = {forward.port for forward in wanted}
        for port in sorted(set(listeners) - ports):
            self._call(region, "delete_listener", ListenerArn=listeners[port].listener_arn)
        for name in sorted(set(groups) - used):
            self._call(region, "delete_target_group", TargetGroupArn=groups[name].target_group_arn)

    def _make_group(
        self, request: Request, region: str, name: str, item: elb.Balancer, forward: Forward
    ) -> elb.TargetGroup:
        """Make a target group; AWS returns the one that is there if it is the same."""
        return self.talk.call(
            region,
            "elbv2.create_target_group",
            elb.TargetGroups,
            Name=name,
            Protocol="TCP",
            Port=forward.target_port,
            VpcId=item.vpc_id,
            TargetType="instance",
            HealthCheckProtocol="TCP",
            Tags=pairs(part_marks(request, str(forward.port))),
        ).target_groups[0]

    def _fill(self, region: str, group: elb.TargetGroup, members: Iterable[str]) -> None:
        """Register the load balancer's servers in one of its groups, as far as they are not."""
        missing = sorted(set(members) - self.targets(region, group.target_group_arn))
        if missing:
            targets = [{"Id": server} for server in missing]
            self._call(region, "register_targets", TargetGroupArn=group.target_group_arn, Targets=targets)

    def _listen(
        self,
        request: Request,
        region: str,
        item: elb.Balancer,
        port: int,
        group: elb.TargetGroup,
        listener: elb.Listener | None,
    ) -> None:
        actions = [{"Type": "forward", "TargetGroupArn": group.target_group_arn}]
        if listener is None:
            self._call(
                region,
                "create_listener",
                LoadBalancerArn=item.load_balancer_arn,
                Protocol="TCP",
                Port=port,
                DefaultActions=actions,
                Tags=pairs(part_marks(request, f"listener-{port}")),
            )
        elif listener.target_group != group.target_group_arn or listener.protocol != "TCP":
            self._call(
                region,
                "modify_listener",
                ListenerArn=listener.listener_arn,
                Protocol="TCP",
                DefaultActions=actions,
            )

    def _call(self, region: str, operation: str, **parameters: object) -> None:
        self.talk.call(region, f"elbv2.{operation}", wire.Nothing, **parameters)

    def delete(self, resource_id: str) -> None:
        """Remove a load balancer with its ports. Raises `Conflict` if somebody protected it."""
        at = place(resource_id, self.kind)
        item = self.get(at)
        self._refuse_protected(at)
        if UNFINISHED not in self.tags(at.region, [at.id]).get(at.id, {}):
            self._call(at.region, "add_tags", ResourceArns=[at.id], Tags=pairs({UNFINISHED: "yes"}))
        with later_request():
            for listener in self.listeners(at.region, at.id):
                self._call(at.region, "delete_listener", ListenerArn=listener.listener_arn)
            for group in self._own_groups(at.region, item):
                self._call(at.region, "delete_target_group", TargetGroupArn=group.target_group_arn)
            self._call(at.region, "delete_load_balancer", LoadBalancerArn=at.id)

    def _refuse_protected(self, at: Place) -> None:
        settings = self.talk.balancers(
            at.region,
            "elbv2.describe_load_balancer_attributes",
            "Attributes",
            elb.Attribute,
            LoadBalancerArn=at.id,
        )
        if any(item.key == "deletion_protection.enabled" and item.value == "true" for item in settings):
            raise Conflict(CLOUD, f"the load balancer {at} is protected against deletion")

    def look(self, resource_id: str) -> Observed:
        """Return one by id."""
        at = place(resource_id, self.kind)
        item = self.get(at)
        return self.seen(at.region, item, self.tags(at.region, [at.id]).get(at.id, {}))

    def find(self, request: Request) -> list[Observed]:
        """Return the one of the name; of two in a region none may have the same."""
        standing = self._named(request)
        return [self.seen(self.resource(request).region, *standing)] if standing else []

    def of(self, region: str, cluster: ClusterRef, ids: Sequence[str]) -> list[Observed]:  # noqa: ARG002
        """Return none: they are told with their members."""
        return []

    def items_of(self, region: str, cluster: ClusterRef) -> list[tuple[elb.Balancer, dict[str, str]]]:
        """Return those of a cluster as AWS shows them, with their tags."""
        every = self.talk.balancers(
            region, "elbv2.describe_load_balancers", "LoadBalancers", elb.Balancer, PageSize=400
        )
        tags = self.tags(region, [item.load_balancer_arn for item in every])
        return [
            (item, found)
            for item in every
            if belongs(
                cluster, self.kind, (found := tags.get(item.load_balancer_arn, {})).get("Name", ""), found
            )
        ]

    def get(self, at: Place) -> elb.Balancer:
        """Return one. Raises `ResourceMissing`."""
        found = self.talk.balancers(
            at.region,
            "elbv2.describe_load_balancers",
            "LoadBalancers",
            elb.Balancer,
            LoadBalancerArns=[at.id],
        )
        if not found:
            raise ResourceMissing(CLOUD, f"there is no load balancer {at}")
        return found[0]

    def _named(self, request: Request) -> tuple[elb.Balancer, dict[str, str]] | None:
        """Return the one of a request's name, with its tags. Its name at AWS is short and says little."""
        region, name = self.resource(request).region, balancer_name(request.cluster.id, request.name)
        try:
            found = self.talk.balancers(
                region, "elbv2.describe_load_balancers", "LoadBalancers", elb.Balancer, Names=[name]
            )
        except ResourceMissing:
            return None
        for item in found:
            tags = self.tags(region, [item.load_balancer_arn]).get(item.load_balancer_arn, {})
            if tags.get("Name", request.name) == request.name:
                return item, tags
        return None

    def tags(self, region: str, arns: list[str]) -> Mapping[str, dict[str, str]]:
        """Return the tags of several load balancers."""
        found = (
            item
            for at in range(0, len(arns), TAGS_AT_ONCE)
            for item in self.talk.balancers(
                region,
                "elbv2.describe_tags",
                "TagDescriptions",
                elb.TagsOf,
                ResourceArns=arns[at : at + TAGS_AT_ONCE],
            )
        )
        return {item.resource_arn: item.marked for item in found}

    def listeners(self, region: str, arn: str) -> list[elb.Listener]:
        """Return the ports of a load balancer."""
        return self.talk.balancers(
            region, "elbv2.describe_listeners", "Listeners", elb.Listener, LoadBalancerArn=arn
        )

    def groups(self, region: str, listeners: Iterable[elb.Listener]) -> dict[str, int]:
        """Return the target groups that ports are forwarded to, and the port of each."""
        arns = sorted({item.target_group for item in listeners if item.target_group})
        if not arns:
            return {}
        found = self.talk.balancers(
            region, "elbv2.describe_target_groups", "TargetGroups", elb.TargetGroup, TargetGroupArns=arns
        )
        return {group.target_group_arn: group.port for group in found}

    def targets(self, region: str, arn: str) -> set[str]:
        """Return the servers registered in a target group; one that is being drained is out."""
        found = self.talk.balancers(
            region,
            "elbv2.describe_target_health",
            "TargetHealthDescriptions",
            elb.TargetHealth,
            TargetGroupArn=arn,
        )
        return {
            item.target.id
            for item in found
            if item.target.id.startswith("i-") and (item.target_health or elb.Health()).state != "draining"
        }

    def _members(self, region: str, groups: Iterable[elb.TargetGroup]) -> set[str]:
        return {server for group in groups for server in self.targets(region, group.target_group_arn)}

    def _own_groups(self, region: str, item: elb.Balancer) -> list[elb.TargetGroup]:
        """Return the target groups made for a load balancer, those that no listener uses, too."""
        every = self.talk.balancers(
            region, "elbv2.describe_target_groups", "TargetGroups", elb.TargetGroup, PageSize=400
        )
        start = f"{item.load_balancer_name}-"
        return [
            group
            for group in every
            if group.target_group_name.startswith(start) and group.vpc_id == item.vpc_id
        ]

    def seen(self, region: str, item: elb.Balancer, tags: Mapping[str, str]) -> Observed:
        """Show where it is, for whom, and what it forwards."""
        listeners = self.listeners(region, item.load_balancer_arn)
        state = _STATUS.get((item.state or elb.BalancerState()).code, Status.READY)
        subnets = [zone.subnet_id for zone in item.availability_zones or () if zone.subnet_id]
        links = {"network": str(Place(region, item.vpc_id))} if item.vpc_id else {}
        if len(subnets) == 1:
            links["subnet"] = str(Place(region, subnets[0]))
        return Observed(
            kind=self.kind,
            id=str(Place(region, item.load_balancer_arn)),
            name=tags.get("Name", item.load_balancer_name),
            status=status(tags, state),
            properties={
                "region": region,
                **present(role=tags.get(ROLE)),
                # told even when empty: ports that are gone must be seen
                "forward": tuple(_told(listeners, self.groups(region, listeners))),
            },
            links=links,
            attributes={**present(hostname=item.dns_name), **unfinished_mark(tags)},
        )


def _told(listeners: Iterable[elb.Listener], targets: Mapping[str, int]) -> Iterator[object]:
    """Yield ports as neutral ones; one that has no neutral form shows AWS's protocol."""
    for item in sorted(listeners, key=lambda item: item.port):
        target = targets.get(item.target_group, 0)
        forward = Forward(port=item.port, target_port=target, protocol=ForwardProtocol.TCP)
        told = msgspec.to_builtins(forward)
        yield told if item.protocol == "TCP" else told | {"protocol": item.protocol.lower()}
