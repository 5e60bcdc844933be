"""Tags and SSH keys.

Sources: the pages "Tags" and "SSH Keys" of DigitalOcean's API reference.
"""

import base64
import binascii
import hashlib

from ...engine.domain.resources import Accepted, Kind, Observed, Request, SshKey, Tag
from ...engine.errors import ResourceMissing
from . import wire
from .family import Listed
from .paths import number


class Tags(Listed[wire.Tag, Tag]):
    """Tags: a tag's name is its id."""

    kind = Kind.TAG
    path = "tags"
    key = "tags"
    item = wire.Tag
    desired = Tag

    def create(self, request: Request) -> Accepted:
        """Make a tag, so that firewalls and load balancers can refer to it before any server has it."""
        self.resource(request)
        answer = self.transport.send("POST", self.path, {"name": request.name}, wire.TagAnswer)
        return Accepted(id=answer.tag.name)

    def get(self, resource_id: str) -> wire.Tag:
        """Return one."""
        return self.transport.fetch(f"tags/{self.place(resource_id)}", wire.TagAnswer).tag

    def seen(self, item: wire.Tag) -> Observed:
        """There is nothing to see of a tag but its name."""
        return Observed(kind=self.kind, id=item.name, name=item.name)

    def find(self, request: Request) -> list[Observed]:
        """Look it up: its name is its id, so no list is needed."""
        observed = self.observe(request.name)
        return [observed] if observed is not None else []

    @staticmethod
    def identity(item: wire.Tag) -> object:
        """Tell tags apart by name."""
        return item.name


class SshKeys(Listed[wire.SshKey, SshKey]):
    """Public keys. An account holds each key material once, under any name."""

    kind = Kind.SSH_KEY
    path = "account/keys"
    key = "ssh_keys"
    item = wire.SshKey
    desired = SshKey

    def create(self, request: Request) -> Accepted:
        """Put a key into the account. Raises `Conflict` if its material is there already."""
        body = {"name": request.name, "public_key": self.resource(request).public_key}
        return Accepted(id=str(self.transport.send("POST", self.path, body, wire.SshKeyAnswer).ssh_key.id))

    def get(self, resource_id: str) -> wire.SshKey:
        """Return one."""
        return self.transport.fetch(f"{self.path}/{self.place(resource_id)}", wire.SshKeyAnswer).ssh_key

    def place(self, resource_id: str) -> str:
        """Return a key's number: a fingerprint would do as well, and is not our id."""
        return str(number(resource_id, self.kind))

    def seen(self, item: wire.SshKey) -> Observed:
        """Show type and material; the comment is a label and says nothing."""
        return Observed(
            kind=self.kind,
            id=str(item.id),
            name=item.name,
            properties={"public_key": material(item.public_key)},
        )

    def find(self, request: Request) -> list[Observed]:
        """Return keys of this name or this material: another name's key blocks ours all the same."""
        wanted = material(self.resource(request).public_key)
        found = {item.id: item for item in self.all() if item.name == request.name}
        found |= {item.id: item for item in self.all_of(wanted)}
        return [self.seen(item) for item in found.values()]

    def all_of(self, wanted: str) -> list[wire.SshKey]:
        """Return the key of this material, by fingerprint: unlike the list it does not lag behind."""
        digest = fingerprint(wanted)
        if digest is None:
            return []
        try:
            return [self.transport.fetch(f"{self.path}/{digest}", wire.SshKeyAnswer).ssh_key]
        except ResourceMissing:
            return []


def material(public_key: str) -> str:
    """Return a key without its comment.

    >>> material("ssh-ed25519 AAAA ada@example.com")
    'ssh-ed25519 AAAA'
    """
    return " ".join(public_key.split()[:2])


def fingerprint(public_key: str) -> str | None:
    """Return the MD5 fingerprint that DigitalOcean identifies keys by, or None for what is no key.

    >>> fingerprint("ssh-ed25519 AAAA")
    '69:3e:9a:f8:4d:3d:fc:c7:1e:64:0e:00:5b:dc:5e:2e'
    """
    parts = public_key.split()
    try:
        blob = base64.b64decode(parts[1] if len(parts) > 1 else "", validate=True)
    except binascii.Error:
        return None
    digest = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(digest[at : at + 2] for at in range(0, 32, 2)) if blob else None
