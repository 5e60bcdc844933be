"""The snapshot archive: one cluster's event log as one compressed, verifiable file.

Knows the engine's rows as bytes and nothing of what is in them; knows neither clouds nor commands.
`docs/archive-format.md` describes the file. An archive is protected against accident, not against
an author: it is not signed yet, so whoever can write the file can write another valid one.

    with path.open("xb") as sink:
        write_snapshot(sink, header, rows)
    with open_snapshot(path) as source:
        snapshot = read_snapshot(source, name=str(path))
"""

from .errors import ArchiveUnreadable, ArchiveUnwritable
from .files import open_snapshot, save_snapshot
from .format import Snapshot, SnapshotHeader, SnapshotInfo
from .reader import read_snapshot, verify_snapshot
from .writer import write_snapshot

__all__ = [
    "ArchiveUnreadable",
    "ArchiveUnwritable",
    "Snapshot",
    "SnapshotHeader",
    "SnapshotInfo",
    "open_snapshot",
    "read_snapshot",
    "save_snapshot",
    "verify_snapshot",
    "write_snapshot",
]
