"""Snapshot archives in and out: the engine's captures to files, and verified rows back."""

import sys
from collections.abc import Sequence
from pathlib import Path

from ..archives import (
    SnapshotHeader,
    SnapshotInfo,
    open_snapshot,
    read_snapshot,
    save_snapshot,
    verify_snapshot,
    write_snapshot,
)
from ..engine.errors import StoreUnusable
from ..engine.journal.codec import StoredRow
from ..engine.operations.snapshots import Capture, Written


def to_file(content: Capture, path: Path, *, make_folder: bool = False) -> Written:
    """Write a new archive, read back and verified before it gets its name."""
    if make_folder:
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise StoreUnusable(str(path.parent), error.strerror or str(error)) from error
    info = save_snapshot(path, _header(content), content.rows)
    return Written(digest=info.digest, size=info.size, file=path.name)


def to_stdout(content: Capture) -> Written:
    """Write an archive to stdout in one pass."""
    info = write_snapshot(sys.stdout.buffer, _header(content), content.rows)
    sys.stdout.buffer.flush()
    return Written(digest=info.digest, size=info.size, file="-")


def from_file(path: Path) -> tuple[str, Sequence[StoredRow]]:
    """Return an archive's digest and rows, every byte verified first."""
    with open_snapshot(path) as source:
        snapshot = read_snapshot(source, name=str(path))
    return snapshot.info.digest, snapshot.rows


def check_file(path: Path) -> SnapshotInfo:
    """Verify an archive without keeping it in memory."""
    with open_snapshot(path) as source:
        return verify_snapshot(source, name=str(path))


def _header(content: Capture) -> SnapshotHeader:
    return SnapshotHeader(
        cluster_id=content.cluster_id,
        cluster_name=content.cluster_name,
        position=content.rows[-1].version,
        events=len(content.rows),
        first_time=content.first_time,
        last_time=content.last_time,
        created=content.created,
        tool=content.tool,
    )
