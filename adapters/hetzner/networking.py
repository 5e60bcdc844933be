"""Networks and firewalls.

Sources: the sections "Networks" and "Firewalls" of Hetzner's API reference.
"""

from typing import Any

from ...engine.domain.resources import Accepted, Firewall, Kind, Network, Observed, Request
from ...engine.errors import Conflict, Rejected
from ..transport.failures import unexpected
from . import wire
from .answers import CLOUD, PROVIDER
from .family import Listed, number, present
from .marking import labels, selector, target
from .rules import inbound, neutral_rules, outbound_note


class Networks(Listed[wire.Network, Network]):
    """Private networks, each with one subnet: all of it.

    A network alone holds no servers. A new server comes into whichever subnet of its network Hetzner
    chooses, and between subnets all is open: several would be names without a meaning.
    """

    kind = Kind.NETWORK
    path = "networks"
    key = "networks"
    item = wire.Network
    desired = Network

    def create(self, request: Request) -> Accepted:
        """Make a network that the servers of a region can be in. It takes one request."""
        network = self.resource(request)
        subnet = {"type": "cloud", "ip_range": network.cidr, "network_zone": self._zone(network.region)}
        body = {
            "name": request.name,
            "ip_range": network.cidr,
            "subnets": [subnet],
            "labels": labels(request),
        }
        made, token = self.transport.make(self.path, body, wire.NetworkAnswer)
        return Accepted(id=str(made.network.id), token=token)

    def get(self, resource_id: str) -> wire.Network:
        """Return one."""
        return self.transport.fetch(self.at(resource_id), wire.NetworkAnswer).network

    def delete(self, resource_id: str) -> None:
        """Remove one that nothing is in. Hetzner would take whatever is in it out, and ask nobody."""
        network = self.get(resource_id)
        if network.servers is None or network.load_balancers is None:
            raise unexpected(PROVIDER, "a network that does not say what is in it", write=False, shape=True)
        if network.servers or network.load_balancers:
            count = len(network.servers) + len(network.load_balancers)
            raise Conflict(CLOUD, f"the network {network.name} has {count} servers and load balancers in it")
        super().delete(resource_id)

    def seen(self, item: wire.Network) -> Observed:
        """Show its range. It is in a zone of several regions, so it shows none."""
        return Observed(
            kind=self.kind, id=str(item.id), name=item.name, properties=dict(present(cidr=item.ip_range))
        )

    def _zone(self, name: str) -> str:
        found = self.transport.listed(
            "locations", "locations", wire.Location, lambda item: item.name, {"name": name}
        )
        zone = next((item.network_zone for item in found if item.name == name), None)
        if not zone:
            raise Rejected(CLOUD, f"there is no location {name!r}")
        return zone


class Firewalls(Listed[wire.Firewall, Firewall]):
    """Firewalls, put on the servers that carry a role's label."""

    kind = Kind.FIREWALL
    path = "firewalls"
    key = "firewalls"
    item = wire.Firewall
    desired = Firewall

    def create(self, request: Request) -> Accepted:
        """Make a firewall. It holds for servers that are there and for those that come."""
        firewall = self.resource(request)
        whom = {"selector": selector(request.cluster, firewall.role)}
        body = {
            "name": request.name,
            "rules": inbound(firewall.rules),
            "apply_to": [{"type": "label_selector", "label_selector": whom}],
            "labels": labels(request, firewall.role),
        }
        made, token = self.transport.make(self.path, body, wire.FirewallAnswer)
        return Accepted(id=str(made.firewall.id), token=token)

    def get(self, resource_id: str) -> wire.Firewall:
        """Return one."""
        return self.transport.fetch(self.at(resource_id), wire.FirewallAnswer).firewall

    def update(self, request: Request, resource_id: str, changed: frozenset[str]) -> Accepted:
        """Set the rules, all at once."""
        if changed != {"rules"}:
            return super().update(request, resource_id, changed)
        body = {"rules": inbound(self.resource(request).rules)}
        return Accepted(
            id=resource_id, token=self.transport.act(f"{self.at(resource_id)}/actions/set_rules", body)
        )

    def delete(self, resource_id: str) -> None:
        """Take it off whatever it is on, then remove it; `Conflict` until the servers have let go of it.

        Hetzner removes none that is on something, be it a selector that selects nothing.
        """
        if targets := self.get(resource_id).applied_to:
            body = {"remove_from": [_without_details(item) for item in targets]}
            self.transport.act(f"{self.at(resource_id)}/actions/remove_from_resources", body)
        super().delete(resource_id)

    def seen(self, item: wire.Firewall) -> Observed:
        """Show whom it protects and what it lets in."""
        role, also = target(item.name, item.applied_to or ())
        rules = item.rules or ()
        return Observed(
            kind=self.kind,
            id=str(item.id),
            name=item.name,
            # Rules are told even when there are none: rules that are gone must be seen.
            properties={"role": role, "rules": neutral_rules(rules)},
            attributes=present(also_for=also, outbound=outbound_note(rules)),
        )


def _without_details(item: wire.Target) -> dict[str, Any]:
    """Return what a firewall is on in the form for taking it off."""
    if item.label_selector is not None:
        return {"type": item.type, "label_selector": {"selector": item.label_selector.selector}}
    if item.server is not None:
        return {"type": item.type, "server": {"id": number(str(item.server.id), Kind.SERVER)}}
    raise unexpected(PROVIDER, f"a firewall on a {item.type}", write=False, shape=True)
