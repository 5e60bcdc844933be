"""What ELBv2 answers, as `wire` is what EC2 does. Source: the data types of its API reference."""

import msgspec

from .wire import Tagged, Wire


class BalancerState(Wire, kw_only=True):
    """How far along a load balancer is."""

    code: str = ""
    reason: str = ""


class Balancer(Wire, kw_only=True):
    """A load balancer. Its tags come in another answer."""

    load_balancer_arn: str
    load_balancer_name: str
    vpc_id: str = ""
    dns_name: str = msgspec.field(name="DNSName", default="")
    type: str = ""
    state: BalancerState | None = None
    availability_zones: list["BalancerZone"] | None = None


class BalancerZone(Wire, kw_only=True):
    """Where a load balancer stands."""

    subnet_id: str | None = None


class TagsOf(Tagged, kw_only=True):
    """The tags of something of ELBv2's."""

    resource_arn: str


class Action(Wire, kw_only=True):
    """What a listener does."""

    target_group_arn: str | None = None


class Listener(Wire, kw_only=True):
    """A port of a load balancer."""

    listener_arn: str
    port: int = 0
    protocol: str = "TCP"
    default_actions: list[Action] | None = None

    @property
    def target_group(self) -> str:
        """Return the ARN of where it forwards, or an empty string."""
        return next(
            (action.target_group_arn for action in self.default_actions or () if action.target_group_arn), ""
        )


class TargetGroup(Wire, kw_only=True):
    """Where a port is forwarded to."""

    target_group_arn: str
    target_group_name: str
    port: int = 0
    vpc_id: str = ""


class Target(Wire, kw_only=True):
    """What is in a target group."""

    id: str


class Health(Wire, kw_only=True):
    """How a target is."""

    state: str = ""


class TargetHealth(Wire, kw_only=True):
    """A target, and how it is."""

    target: Target
    target_health: Health | None = None


class Attribute(Wire, kw_only=True):
    """A setting of a load balancer."""

    key: str
    value: str = ""


class Balancers(Wire, kw_only=True):
    """Load balancers that were made: one."""

    load_balancers: list[Balancer]


class TargetGroups(Wire, kw_only=True):
    """Target groups that were made: one."""

    target_groups: list[TargetGroup]
