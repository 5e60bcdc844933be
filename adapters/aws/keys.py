"""SSH keys: EC2's key pairs, of which only the public half was ever there.

A key pair is a region's own; its name is its id. Source: "Amazon EC2 API Reference", ImportKeyPair.
"""

from ...engine.domain.resources import Accepted, Kind, Observed, Request, SshKey
from . import wire
from .family import Filters, Listed, ec2_filters, tag_specifications
from .names import Place, marks, place


class SshKeys(Listed[wire.KeyPair, SshKey]):
    """Public keys."""

    kind = Kind.SSH_KEY
    desired = SshKey
    id_prefix = "key-"
    operation, key, id_filter = "ec2.describe_key_pairs", "KeyPairs", "key-name"
    tagged_filter = "key-pair-id"
    item = wire.KeyPair

    def region(self, request: Request) -> str:
        """Return the region that the key is for, or where nobody says, the one of account-wide questions."""
        return self.resource(request).region or self.talk.access.home

    def create(self, request: Request) -> Accepted:
        """Bring a key in. Raises `Conflict` if there is one of the name."""
        region = self.region(request)
        made = self.talk.call(
            region,
            "ec2.import_key_pair",
            wire.KeyPair,
            KeyName=request.name,
            PublicKeyMaterial=self.resource(request).public_key.encode(),
            TagSpecifications=tag_specifications(marks(request), "key-pair"),
        )
        return Accepted(id=str(Place(region, made.key_name)))

    def delete(self, resource_id: str) -> None:
        """Remove a key. AWS does not say whether there was one, so it is looked for first."""
        at = place(resource_id, self.kind)
        self.get(at)
        self.talk.call(at.region, "ec2.delete_key_pair", wire.Nothing, KeyName=at.id)

    def filtered(self, region: str, filters: Filters) -> list[wire.KeyPair]:
        """Return what fits, with the material."""
        return self.talk.listed(
            region,
            self.operation,
            self.key,
            self.item,
            IncludePublicKey=True,
            Filters=ec2_filters(filters),
        )

    def seen(self, region: str, item: wire.KeyPair) -> Observed:
        """Show type and material; the comment is a label and says nothing."""
        told = " ".join((item.public_key or "").split()[:2])
        return Observed(
            kind=self.kind,
            id=str(Place(region, item.key_name)),
            name=item.key_name,
            properties={"region": region, **({"public_key": told} if told else {})},
        )

    def by_name(self, request: Request) -> Filters:
        """Return the filter for a name."""
        return {"key-name": [request.name]}

    def id_of(self, item: wire.KeyPair) -> str:
        """Return the name, which is unique in a region."""
        return item.key_name

    @staticmethod
    def name_of(item: wire.KeyPair) -> str:
        """Return the name."""
        return item.key_name
