"""Servers behind load balancers: targets, in each of a load balancer's groups.

Source: "Elastic Load Balancing API Reference", RegisterTargets and DescribeTargetHealth.
"""

from collections.abc import Mapping, Sequence

from ...engine.domain.resources import (
    Accepted,
    ClusterRef,
    Key,
    Kind,
    LoadBalancerMember,
    Observed,
    Request,
    Status,
    member_name,
    provider_name,
)
from ...engine.errors import Conflict, ResourceMissing
from . import wire
from .balancers import LoadBalancers
from .family import Family, later_request, needed
from .names import CLOUD, CLUSTER, CLUSTER_NAME, LOGICAL, Place, joined, pair
from .servers import Servers
from .talk import Talk


class LoadBalancerMembers(Family[LoadBalancerMember]):
    """A server registered in every target group of a load balancer; in some only, it is half made."""

    kind = Kind.LOAD_BALANCER_MEMBER
    desired = LoadBalancerMember

    def __init__(self, talk: Talk, balancers: LoadBalancers, servers: Servers) -> None:
        super().__init__(talk)
        self._balancers = balancers
        self._servers = servers

    def create(self, request: Request) -> Accepted:
        """Register the server wherever it is not yet. Raises `Conflict` if it is everywhere."""
        balancer, server = self._ends(request)
        registered = self._registered(balancer)
        missing = [arn for arn, targets in registered.items() if server.id not in targets]
        if not missing:
            raise Conflict(CLOUD, f"{server} is behind {balancer} already")
        self._each(balancer, "register_targets", missing, server)
        return Accepted(id=joined(balancer, server.id))

    def _each(self, balancer: Place, operation: str, arns: list[str], server: Place) -> None:
        """Change one group after the other; from the second on an error leaves something half done."""

        def change(arn: str) -> None:
            self.talk.call(
                balancer.region,
                f"elbv2.{operation}",
                wire.Nothing,
                TargetGroupArn=arn,
                Targets=[{"Id": server.id}],
            )

        change(arns[0])
        with later_request():
            for arn in arns[1:]:
                change(arn)

    def look(self, resource_id: str) -> Observed:
        """Return it, if the server is in any of the groups."""
        balancer, server = pair(resource_id, Kind.LOAD_BALANCER, Kind.SERVER)
        self._balancers.get(balancer)
        registered = self._registered(balancer)
        if not any(server.id in targets for targets in registered.values()):
            raise ResourceMissing(CLOUD, f"{server} is not behind {balancer}")
        tags = self._balancers.tags(balancer.region, [balancer.id]).get(balancer.id, {})
        return _seen(
            balancer,
            server,
            registered,
            self._name(tags, self._logical(balancer.region, [server.id]), server.id),
        )

    def delete(self, resource_id: str) -> None:
        """Take the server out of every group."""
        balancer, server = pair(resource_id, Kind.LOAD_BALANCER, Kind.SERVER)
        self._balancers.get(balancer)
        inside = [arn for arn, targets in self._registered(balancer).items() if server.id in targets]
        if not inside:
            raise ResourceMissing(CLOUD, f"{server} is not behind {balancer}")
        self._each(balancer, "deregister_targets", inside, server)

    def find(self, request: Request) -> list[Observed]:
        """Return the one asked for, if it is there."""
        balancer, server = self._ends(request)
        observed = self.observe(joined(balancer, server.id))
        return [observed] if observed is not None else []

    def of(self, region: str, cluster: ClusterRef, ids: Sequence[str]) -> list[Observed]:  # noqa: ARG002
        """Return a cluster's load balancers and who is behind them: EC2's list of tags has neither."""
        found: list[Observed] = []
        for item, tags in self._balancers.items_of(region, cluster):
            found.append(self._balancers.seen(region, item, tags))
            balancer = Place(region, item.load_balancer_arn)
            registered = self._registered(balancer)
            servers = sorted(set().union(*registered.values()))
            logical = self._logical(region, servers)
            found += [
                _seen(balancer, Place(region, server), registered, self._name(tags, logical, server))
                for server in servers
            ]
        return found

    def _registered(self, balancer: Place) -> dict[str, set[str]]:
        """Return the servers in each target group of a load balancer."""
        listeners = self._balancers.listeners(balancer.region, balancer.id)
        arns = {item.target_group for item in listeners if item.target_group}
        return {arn: self._balancers.targets(balancer.region, arn) for arn in sorted(arns)}

    def _logical(self, region: str, servers: list[str]) -> dict[str, str]:
        """Return the logical names of servers, by AWS's ids."""
        found = self._servers.some(region, servers)
        return {item.instance_id: item.marked.get(LOGICAL, item.instance_id) for item in found}

    def _name(self, balancer: Mapping[str, str], servers: Mapping[str, str], server: str) -> str:
        """Return the name that a member would be given: a target has none at AWS."""
        cluster = ClusterRef(id=balancer.get(CLUSTER, ""), name=balancer.get(CLUSTER_NAME, ""))
        name = member_name(balancer.get(LOGICAL, ""), servers.get(server, server))
        return provider_name(cluster, Key(self.kind, name))

    def _ends(self, request: Request) -> tuple[Place, Place]:
        wanted = self.resource(request)
        balancer = needed(request, Kind.LOAD_BALANCER, wanted.load_balancer)
        return balancer, needed(request, Kind.SERVER, wanted.server)


def _seen(balancer: Place, server: Place, registered: Mapping[str, set[str]], name: str) -> Observed:
    whole = all(server.id in targets for targets in registered.values())
    return Observed(
        kind=Kind.LOAD_BALANCER_MEMBER,
        id=joined(balancer, server.id),
        name=name,
        status=Status.READY if whole else Status.FAILED,
        links={"load_balancer": str(balancer), "server": str(server)},
        attributes={} if whole else {"unfinished": "not behind every port"},
    )
