"""SSH keys.

Source: the section "SSH Keys" of Hetzner's API reference.
"""

import base64
import binascii
import hashlib

from ...engine.domain.resources import Accepted, Kind, Observed, Request, SshKey
from . import wire
from .family import Listed
from .marking import labels


class SshKeys(Listed[wire.SshKey, SshKey]):
    """Public keys. A project holds each name and each key material once."""

    kind = Kind.SSH_KEY
    path = "ssh_keys"
    key = "ssh_keys"
    item = wire.SshKey
    desired = SshKey

    def create(self, request: Request) -> Accepted:
        """Put a key into the project. Raises `Conflict` if its material is there already."""
        body = {
            "name": request.name,
            "public_key": self.resource(request).public_key,
            "labels": labels(request),
        }
        made, token = self.transport.make(self.path, body, wire.SshKeyAnswer)
        return Accepted(id=str(made.ssh_key.id), token=token)

    def get(self, resource_id: str) -> wire.SshKey:
        """Return one."""
        return self.transport.fetch(self.at(resource_id), wire.SshKeyAnswer).ssh_key

    def seen(self, item: wire.SshKey) -> Observed:
        """Show type and material; the comment is a label and says nothing."""
        return Observed(
            kind=self.kind,
            id=str(item.id),
            name=item.name,
            properties={"public_key": " ".join(item.public_key.split()[:2])},
        )

    def find(self, request: Request) -> list[Observed]:
        """Return keys of this name or this material: another name's key blocks ours all the same."""
        found = {item.id: item for item in self.all(name=request.name)}
        if (digest := fingerprint(self.resource(request).public_key)) is not None:
            found |= {item.id: item for item in self.all(fingerprint=digest)}
        return [self.seen(item) for item in found.values()]


def fingerprint(public_key: str) -> str | None:
    """Return the MD5 fingerprint that Hetzner knows keys by, or None for what is no key.

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
