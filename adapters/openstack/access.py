"""Roles' groups and SSH keys.

A tag is a security group without rules of its own: servers are members, and rules name it as a source. Its
two default rules let everything out. Sources: "Security groups" of Neutron's API reference, "Keypairs" of
Nova's.
"""

from ...engine.domain.resources import (
    Accepted,
    ClusterRef,
    Kind,
    Observed,
    Request,
    SshKey,
    Tag,
    logical_name,
)
from . import wire
from .family import Family, Site
from .marks import description
from .paths import segment
from .transport import COMPUTE, NETWORK


class Tags(Family[Tag]):
    """A group for each role and one for the cluster."""

    kind = Kind.TAG
    desired = Tag

    def create(self, request: Request) -> Accepted:
        """Make a group."""
        self.resource(request)
        body = {"security_group": {"name": request.name, "description": description(request)}}
        made = self.transport.send(NETWORK, "POST", "/security-groups", body, wire.GroupAnswer)
        return Accepted(id=made.security_group.id)

    def look(self, resource_id: str) -> Observed:
        """Return one."""
        path = f"/security-groups/{segment(resource_id, self.kind)}"
        return self.seen(self.transport.fetch(NETWORK, path, wire.GroupAnswer).security_group)

    def seen(self, item: wire.Group) -> Observed:
        """There is nothing to see of a group but its name."""
        return Observed(kind=self.kind, id=item.id, name=item.name)

    def delete(self, resource_id: str) -> None:
        """Remove one. Neutron refuses while a server is in it."""
        self.transport.tell(NETWORK, "DELETE", f"/security-groups/{segment(resource_id, self.kind)}")

    def find(self, request: Request) -> list[Observed]:
        """Return those of the name."""
        return [self.seen(item) for item in groups(self.site, name=request.name)]

    def of(self, cluster: ClusterRef) -> list[Observed]:
        """Return those of a cluster: a firewall, which is a group, too, has another name."""
        return [
            self.seen(item)
            for item in groups(self.site)
            if logical_name(cluster, self.kind, item.name) is not None
        ]


def groups(site: Site, **query: str) -> list[wire.Group]:
    """Return the project's security groups."""
    asked = site.of_project(**query)
    return site.transport.listed(NETWORK, "/security-groups", "security_groups", wire.Group, asked)


class SshKeys(Family[SshKey]):
    """Public keys. They belong to a user, not to the project; a key's name is its id."""

    kind = Kind.SSH_KEY
    desired = SshKey

    def create(self, request: Request) -> Accepted:
        """Put a key into the user's account. Raises `Conflict` where the name is taken."""
        key = {"name": request.name, "public_key": self.resource(request).public_key}
        made = self.transport.send(COMPUTE, "POST", "/os-keypairs", {"keypair": key}, wire.KeyPairAnswer)
        return Accepted(id=made.keypair.name)

    def look(self, resource_id: str) -> Observed:
        """Return one."""
        path = f"/os-keypairs/{segment(resource_id, self.kind)}"
        return self.seen(self.transport.fetch(COMPUTE, path, wire.KeyPairAnswer).keypair)

    def seen(self, item: wire.KeyPair) -> Observed:
        """Show type and material; the comment is a label and says nothing."""
        material = " ".join(item.public_key.split()[:2])
        return Observed(kind=self.kind, id=item.name, name=item.name, properties={"public_key": material})

    def delete(self, resource_id: str) -> None:
        """Remove one. Servers keep what they were given."""
        self.transport.tell(COMPUTE, "DELETE", f"/os-keypairs/{segment(resource_id, self.kind)}")

    def find(self, request: Request) -> list[Observed]:
        """Look it up: its name is its id. The same material under another name is no obstacle."""
        observed = self.observe(request.name)
        return [observed] if observed is not None else []

    def of(self, cluster: ClusterRef) -> list[Observed]:
        """Return those of a cluster."""
        return [
            self.seen(item) for item in self.all() if logical_name(cluster, self.kind, item.name) is not None
        ]

    def all(self) -> list[wire.KeyPair]:
        """Return all of the user."""
        wrapped = self.transport.listed(COMPUTE, "/os-keypairs", "keypairs", wire.KeyPairAnswer)
        return [item.keypair for item in wrapped]
