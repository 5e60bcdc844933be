"""What is known of an archive in short, of whatever format it is."""

import msgspec

from .format import Manifest, SnapshotHeader


def digest_text(root: bytes) -> str:
    """Return a root, or another hash, as it is shown."""
    return f"sha256:{root.hex()}"


class SnapshotInfo(msgspec.Struct, frozen=True, kw_only=True):
    """An archive in short. `size` is the file's, in bytes.

    `root` identifies the contents, `digest` is how it is shown: the same for the same log of the same
    cluster, whoever captured it, whenever, with whatever compression, encrypted or not. `signers` names
    the trusted keys whose signatures were checked, `strangers` the names that other signatures give.
    `opened` is False where an encrypted archive was verified without a key: every stored byte is what
    was written, what is in it was not looked at.
    """

    header: SnapshotHeader
    manifest: Manifest
    format: str
    root: bytes
    digest: str
    size: int
    signers: tuple[str, ...] = ()
    strangers: tuple[str, ...] = ()
    opened: bool = True

    @property
    def encrypted(self) -> bool:
        """Whether contents are readable with a key only."""
        return self.header.sealed is not None
