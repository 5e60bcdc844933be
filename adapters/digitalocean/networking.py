"""VPCs and firewalls.

Sources: the pages "VPCs" and "Firewalls" of DigitalOcean's API reference.
"""

from typing import Any

from ...engine.domain.resources import Accepted, Firewall, Kind, Network, Observed, Request, Status
from . import wire
from .family import MANAGED, Listed, present
from .rules import OUTBOUND, inbound, neutral_rules, short_of, target


class Vpcs(Listed[wire.Vpc, Network]):
    """Private networks."""

    kind = Kind.NETWORK
    path = "vpcs"
    key = "vpcs"
    item = wire.Vpc
    desired = Network

    def create(self, request: Request) -> Accepted:
        """Make a network. The first of a region becomes its default and can then never be removed."""
        network = self.resource(request)
        body = {
            "name": request.name,
            "description": MANAGED,
            "region": network.region,
            "ip_range": network.cidr,
        }
        return Accepted(id=self.transport.send("POST", self.path, body, wire.VpcAnswer).vpc.id)

    def get(self, resource_id: str) -> wire.Vpc:
        """Return one."""
        return self.transport.fetch(f"vpcs/{self.place(resource_id)}", wire.VpcAnswer).vpc

    def seen(self, item: wire.Vpc) -> Observed:
        """Show where it is and its range."""
        return Observed(
            kind=self.kind,
            id=item.id,
            name=item.name,
            properties=dict(present(region=item.region, cidr=item.ip_range)),
        )


class Firewalls(Listed[wire.Firewall, Firewall]):
    """Firewalls, put on the servers that carry a role's tag."""

    kind = Kind.FIREWALL
    path = "firewalls"
    key = "firewalls"
    item = wire.Firewall
    desired = Firewall

    def create(self, request: Request) -> Accepted:
        """Make a firewall. The role's tag must exist."""
        answer = self.transport.send("POST", self.path, self._body(request), wire.FirewallAnswer)
        return Accepted(id=answer.firewall.id)

    def get(self, resource_id: str) -> wire.Firewall:
        """Return one."""
        path = f"firewalls/{self.place(resource_id)}"
        return self.transport.fetch(path, wire.FirewallAnswer).firewall

    def update(self, request: Request, resource_id: str, changed: frozenset[str]) -> Accepted:  # noqa: ARG002
        """Put the whole firewall: DigitalOcean resets what is not sent."""
        path = f"firewalls/{self.place(resource_id)}"
        answer = self.transport.send("PUT", path, self._body(request), wire.FirewallAnswer)
        return Accepted(id=answer.firewall.id)

    def seen(self, item: wire.Firewall) -> Observed:
        """Show whom it protects and what it lets in.

        A status of `waiting` is that of some server where the rules are not yet in force, as after
        each change: the firewall is there all the same.
        """
        role, also = target(item.name, item.tags or (), item.droplet_ids or ())
        return Observed(
            kind=self.kind,
            id=item.id,
            name=item.name,
            status=Status.FAILED if item.status == "failed" else Status.READY,
            properties={
                "role": role,
                # Told even when empty: rules that are gone must be seen.
                "rules": neutral_rules(item.inbound_rules or (), short_of(item.name)),
            },
            attributes=present(also_for=also),
        )

    def _body(self, request: Request) -> dict[str, Any]:
        firewall = self.resource(request)
        return {
            "name": request.name,
            "droplet_ids": [],
            "tags": [request.tag(firewall.role)],
            "inbound_rules": inbound(request, firewall.rules),
            "outbound_rules": OUTBOUND,
        }
