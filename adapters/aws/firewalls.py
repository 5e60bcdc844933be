"""Firewalls: security groups with rules, on the servers of a role.

A server is born into the firewalls of its role; one that is there already is put in when the firewall is
made. Source: "Amazon EC2 API Reference", security groups and ModifyNetworkInterfaceAttribute.
"""

from collections.abc import Callable, Sequence
from functools import cache

from ...engine.domain.model import Role
from ...engine.domain.resources import Accepted, ClusterRef, Firewall, Key, Kind, Observed, Request
from ...engine.errors import Conflict
from . import wire
from .family import later_request, needed, present, status, unfinished_mark
from .groups import Groups, RoleGroups
from .names import CLOUD, CLUSTER, ROLE, UNFINISHED, Place, place
from .rules import Entry, entries_in, entries_of, neutral_rules, permissions
from .talk import Talk


class Firewalls(Groups[Firewall]):
    """Groups that let something in."""

    kind = Kind.FIREWALL
    desired = Firewall

    def __init__(self, talk: Talk) -> None:
        super().__init__(talk)
        self._groups = RoleGroups(talk)

    def create(self, request: Request) -> Accepted:
        """Make a firewall and put the role's servers behind it, or go on with one left half made."""
        firewall = self.resource(request)
        wanted = self._entries(request)
        standing = self.named(request)
        if any(UNFINISHED not in item.marked for item in standing):
            raise Conflict(CLOUD, f"there is a firewall {request.name} already")
        network = self.network(request)
        if standing:
            at, have = Place(network.region, standing[0].group_id), standing[0].ip_permissions or ()
        else:
            at, have = self.make(request, role=firewall.role.value, unfinished="yes"), ()
        with later_request():
            self._let_in(at, entries_in(have), wanted)
            members = {"vpc-id": [network.id], f"tag:{CLUSTER}": [request.cluster.id]}
            for server in self.instances_in(at.region, members | {f"tag:{ROLE}": [firewall.role.value]}):
                for interface in server.network_interfaces or ():
                    self._put(at, interface, inside=True)
            self.finished(at)
        return Accepted(id=str(at))

    def update(self, request: Request, resource_id: str, changed: frozenset[str]) -> Accepted:
        """Let in what is missing, then keep out what is too much."""
        if changed != {"rules"}:
            return super().update(request, resource_id, changed)
        at = place(resource_id, self.kind)
        wanted = self._entries(request)
        self._let_in(at, entries_in(self.get(at).ip_permissions or ()), wanted)
        return Accepted(id=resource_id)

    def delete(self, resource_id: str) -> None:
        """Take the servers out of a firewall and remove it. They keep their other groups."""
        at = place(resource_id, self.kind)
        item = self.get(at)
        self._refuse_named(at)
        interfaces = self.interfaces_in(at)
        if interfaces and UNFINISHED not in item.marked:
            self.unfinished(at)
        with later_request():
            for interface in interfaces:
                self._put(at, interface, inside=False)
        self.remove(at)

    def _refuse_named(self, at: Place) -> None:
        users = [item.group_id for item in self.filtered(at.region, {"ip-permission.group-id": [at.id]})]
        if set(users) - {at.id}:
            raise Conflict(CLOUD, f"rules of {', '.join(sorted(users)[:5])} name the firewall {at}")

    def _entries(self, request: Request) -> set[Entry]:
        roles = {source for rule in self.resource(request).rules for source in rule.sources} & set(Role)
        groups = {Role(role): needed(request, Kind.TAG, role).id for role in roles}
        return entries_of(self.resource(request).rules, groups)

    def _let_in(self, at: Place, have: set[Entry], wanted: set[Entry]) -> None:
        """Change what a group lets in: first more, then less, so that nothing wanted is ever kept out."""
        for operation, entries in (
            ("ec2.authorize_security_group_ingress", wanted - have),
            ("ec2.revoke_security_group_ingress", have - wanted),
        ):
            if entries:
                self.talk.call(
                    at.region, operation, wire.Nothing, GroupId=at.id, IpPermissions=permissions(entries)
                )

    def _put(self, at: Place, interface: wire.Interface | wire.NetworkInterface, *, inside: bool) -> None:
        """Put a network interface into a group, or take it out; it must stay in one at least."""
        groups = {group.group_id for group in interface.groups or ()}
        changed = groups | {at.id} if inside else groups - {at.id}
        if changed and changed != groups:
            self.talk.call(
                at.region,
                "ec2.modify_network_interface_attribute",
                wire.Nothing,
                NetworkInterfaceId=interface.network_interface_id,
                Groups=sorted(changed),
            )

    def seen(self, region: str, item: wire.Group) -> Observed:
        """Show whom it protects and what it lets in; looks up whose the groups are that its rules name."""
        return self._shown(
            region, item, lambda network: self._groups.roles(region, network, item.marked.get(CLUSTER, ""))
        )

    def of(self, region: str, cluster: ClusterRef, ids: Sequence[str]) -> list[Observed]:
        """Return those of a cluster; whose groups are whose is looked up once a network."""

        @cache
        def roles(network: str) -> dict[str, str]:
            return self._groups.roles(region, network, cluster.id)

        found = self.items_of(region, cluster, ids)
        return [self._shown(region, item, roles) for item in found]

    def _shown(self, region: str, item: wire.Group, roles: Callable[[str], dict[str, str]]) -> Observed:
        entries = entries_in(item.ip_permissions or ())
        named = any(entry.source.startswith("sg-") for entry in entries)
        return Observed(
            kind=self.kind,
            id=str(Place(region, item.group_id)),
            name=item.group_name,
            status=status(item.marked),
            properties={
                **present(role=item.marked.get(ROLE)),
                # told even when empty: rules that are gone must be seen
                "rules": neutral_rules(entries, roles(item.vpc_id) if named else {}),
            },
            links={"network": str(Place(region, item.vpc_id))} if item.vpc_id else {},
            attributes=unfinished_mark(item.marked),
        )


def firewalls_in(request: Request) -> list[str]:
    """Return AWS's ids of the firewalls that a server is born into: those of its role."""
    keys = sorted(key for key in request.ids if key.kind is Kind.FIREWALL)
    return [needed(request, *Key(*key)).id for key in keys]
