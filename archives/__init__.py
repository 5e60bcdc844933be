"""The snapshot archive: a cluster's event log and what belongs to it as one compressed, verifiable file.

Knows the engine's events and neither clouds nor commands. `docs/archive-format.md` describes the file.
Whoever wants more than protection against accident signs it; whoever wants it read by some only
encrypts it.

    with path.open("xb") as sink:
        write_snapshot(sink, header, rows, sign_with=[key])
    with open_snapshot(path) as source:
        snapshot = read_snapshot(source, name=str(path), access=Access(trusted=(key.public,), signed=True))
"""

from .blobs import Blob, Secret
from .errors import ArchiveUnreadable, ArchiveUnwritable
from .files import open_snapshot, save_snapshot
from .format import Manifest, Parent, SnapshotHeader
from .info import SnapshotInfo
from .opening import Access
from .reader import Snapshot, open_reader, read_snapshot, summary, verify_snapshot
from .sealing import Identities, Recipients
from .seeking import SnapshotFile
from .signing import PublicKey, SigningKey
from .writer import write_snapshot

__all__ = [
    "Access",
    "ArchiveUnreadable",
    "ArchiveUnwritable",
    "Blob",
    "Identities",
    "Manifest",
    "Parent",
    "PublicKey",
    "Recipients",
    "Secret",
    "SigningKey",
    "Snapshot",
    "SnapshotFile",
    "SnapshotHeader",
    "SnapshotInfo",
    "open_reader",
    "open_snapshot",
    "read_snapshot",
    "save_snapshot",
    "summary",
    "verify_snapshot",
    "write_snapshot",
]
