"""Firewalls: security groups with rules, on the ports of a role's servers.

A server gets its role's firewalls when it is made; a firewall that comes later is put on the servers that are
there. It takes several requests: until the last, its description says that it is unfinished. Source:
"Security groups", "Security group rules" and "Ports" of Neutron's API reference.
"""

from collections.abc import Mapping

from ...engine.domain.model import Role
from ...engine.domain.resources import (
    Accepted,
    ClusterRef,
    Firewall,
    Key,
    Kind,
    Observed,
    Request,
    Status,
    logical_name,
    provider_name,
)
from ...engine.errors import Conflict, ResourceMissing
from . import wire
from .access import groups
from .answers import CLOUD
from .family import Family, Steps, needed, present
from .marks import UNFINISHED, belongs, described, description
from .paths import segment
from .rules import body, effect_of, effects, neutral_rules
from .transport import NETWORK


class Firewalls(Family[Firewall]):
    """Security groups that have rules."""

    kind = Kind.FIREWALL
    desired = Firewall

    def create(self, request: Request) -> Accepted:
        """Make the group, its rules, and put it on the role's servers; from where an attempt has come to."""
        firewall = self.resource(request)
        with Steps() as steps:
            group = self._begun(request, steps)
            self._rule(request, group)
            steps.done()
            role_group = needed(request, Kind.TAG, firewall.role.value)
            for port in self._ports(role_group):
                if group.id not in port.security_groups:
                    self._put_on(port, [*port.security_groups, group.id])
            self._describe(group.id, description(request))
        return Accepted(id=group.id)

    def _begun(self, request: Request, steps: Steps) -> wire.Group:
        """Return a group to go on with. Raises `Conflict` if a whole firewall has the name."""
        for item in groups(self.site, name=request.name):
            if not _unfinished(item):
                raise Conflict(CLOUD, f"there is a firewall {item.name!r} already: {item.id}")
            steps.done()
            return item
        told = {"name": request.name, "description": description(request, state=UNFINISHED)}
        made = self.transport.send(
            NETWORK, "POST", "/security-groups", {"security_group": told}, wire.GroupAnswer
        )
        steps.done()
        return made.security_group

    def update(self, request: Request, resource_id: str, changed: frozenset[str]) -> Accepted:  # noqa: ARG002
        """Bring the rules to what they are to be; what stays is not touched."""
        self._rule(request, self._group(resource_id))
        return Accepted(id=resource_id)

    def _rule(self, request: Request, group: wire.Group) -> None:
        """Add what rules are missing, take away what is too much; first what is in the way of a new one."""
        wanted = effects(self.resource(request).rules, lambda role: needed(request, Kind.TAG, role.value))
        here = {effect_of(rule): rule for rule in group.security_group_rules if rule.direction == "ingress"}
        stale = {effect for effect, rule in here.items() if (rule.description or "") != wanted.get(effect)}
        for effect in sorted(stale & wanted.keys()):
            self._unrule(here[effect].id)
        new = [
            body(effect, note, group.id)
            for effect, note in wanted.items()
            if effect not in here.keys() - stale
        ]
        if new:
            told = {"security_group_rules": new}
            self.transport.tell(NETWORK, "POST", "/security-group-rules", told)
        for effect in stale - wanted.keys():
            self._unrule(here[effect].id)

    def _unrule(self, rule_id: str) -> None:
        try:
            self.transport.tell(NETWORK, "DELETE", f"/security-group-rules/{segment(rule_id, 'rule')}")
        except ResourceMissing:
            return  # somebody else was quicker

    def delete(self, resource_id: str) -> None:
        """Take it off the servers, then away."""
        group = self._group(resource_id)
        with Steps() as steps:
            ports = self._ports(group.id)
            if ports and not _unfinished(group):
                self._describe(group.id, f"{group.description or ''} state={UNFINISHED}"[-255:])
                steps.done()
            for port in ports:
                self._put_on(port, [other for other in port.security_groups if other != group.id])
                steps.done()
            self.transport.tell(NETWORK, "DELETE", f"/security-groups/{group.id}")

    def look(self, resource_id: str) -> Observed:
        """Return one."""
        group = self._group(resource_id)
        return self._seen(group, _names(groups(self.site)))

    def find(self, request: Request) -> list[Observed]:
        """Return those of the name."""
        names = {request.ids.get(Key(Kind.TAG, role.value), ""): request.tag(role) for role in Role}
        return [self._seen(item, names) for item in groups(self.site, name=request.name)]

    def of(self, cluster: ClusterRef) -> list[Observed]:
        """Return those of a cluster: not its roles' groups."""
        found = groups(self.site)
        names = _names(found)
        return [
            self._seen(item, names)
            for item in found
            if logical_name(cluster, Kind.TAG, item.name) is None
            and belongs(cluster, self.kind, item.name, described(item.description))
        ]

    def _seen(self, item: wire.Group, names: Mapping[str, str]) -> Observed:
        """Show whom it protects and what it lets in. `names` are those of the groups that may be sources."""
        said = described(item.description)
        cluster = ClusterRef(id=said.get("cluster", ""), name=said.get("of", ""))
        role_of = {provider_name(cluster, Key(Kind.TAG, role.value)): role.value for role in Role}
        roles = {group: role_of[name] for group, name in names.items() if name in role_of}
        return Observed(
            kind=self.kind,
            id=item.id,
            name=item.name,
            status=Status.FAILED if _unfinished(item) else Status.READY,
            properties={
                **present(role=said.get("role")),
                # Told even when empty: rules that are gone must be seen.
                "rules": neutral_rules(item.security_group_rules, roles),
            },
        )

    def _group(self, resource_id: str) -> wire.Group:
        path = f"/security-groups/{segment(resource_id, self.kind)}"
        return self.transport.fetch(NETWORK, path, wire.GroupAnswer).security_group

    def _ports(self, group_id: str) -> list[wire.Port]:
        """Return the ports of servers that are in a group."""
        query = self.site.of_project(security_groups=segment(group_id, Kind.TAG))
        found = self.transport.listed(NETWORK, "/ports", "ports", wire.Port, query)
        # where Neutron is too old for the filter it returns all
        return [port for port in found if group_id in port.security_groups]

    def _put_on(self, port: wire.Port, group_ids: list[str]) -> None:
        path = f"/ports/{segment(port.id, 'port')}"
        try:
            self.transport.tell(NETWORK, "PUT", path, {"port": {"security_groups": group_ids}})
        except ResourceMissing:
            return  # its server is gone

    def _describe(self, group_id: str, text: str) -> None:
        path = f"/security-groups/{segment(group_id, self.kind)}"
        self.transport.tell(NETWORK, "PUT", path, {"security_group": {"description": text}})


def _unfinished(item: wire.Group) -> bool:
    return described(item.description).get("state") == UNFINISHED


def _names(found: list[wire.Group]) -> dict[str, str]:
    return {item.id: item.name for item in found}
