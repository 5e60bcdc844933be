"""What is measured of kubisnap: everything that these benchmarks know of its archives is here."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from benchmarks.archive.manifests import Manifest
from kubisnap.archives import (
    Blob,
    Parent,
    SnapshotFile,
    SnapshotHeader,
    SnapshotInfo,
    open_reader,
    open_snapshot,
    save_snapshot,
    summary,
    verify_snapshot,
    write_snapshot,
)
from kubisnap.archives.format import RECORD_BYTES
from kubisnap.engine.domain.events import Recorded
from kubisnap.engine.journal.codec import Codec, StoredRow

TOOL = "kubisnap benchmark"


def _header(cluster: str, first: int, count: int, parent: Parent | None = None) -> SnapshotHeader:
    return SnapshotHeader(
        cluster_id=cluster,
        cluster_name="shop",
        first=first,
        position=first + count - 1,
        parent=parent,
        tool=TOOL,
    )


def _blobs(given: Iterable[Manifest]) -> Iterator[Blob]:
    return (Blob(item.name, item.data) for item in given)


def capture(
    cluster: str, count: int, rows: Iterable[StoredRow], blobs: Iterable[Manifest], path: Path
) -> SnapshotInfo:
    """Write `count` events and the blobs to a new file, without syncing and reading back."""
    with path.open("wb") as sink:
        return write_snapshot(sink, _header(cluster, 1, count), rows, blobs=_blobs(blobs))


def capture_safely(
    cluster: str, count: int, rows: Iterable[StoredRow], blobs: Iterable[Manifest], path: Path
) -> SnapshotInfo:
    """Do the same as the command does: synced, read back, verified."""
    header = _header(cluster, 1, count)
    return save_snapshot(path, lambda sink: write_snapshot(sink, header, rows, blobs=_blobs(blobs)))


def capture_after(
    parent: Path, rows: Iterable[StoredRow], count: int, blobs: Iterable[Manifest], path: Path
) -> SnapshotInfo:
    """Write what is new since `parent`: `count` rows, and those of the blobs that it does not hold."""
    with open_snapshot(parent) as source:
        before = SnapshotFile(source, name=str(parent))
        known = frozenset(blob.digest for blob in before.blobs())
    end = before.header.position
    goes_on = Parent(root=before.info.root, position=end)
    header = _header(before.header.cluster_id, end + 1, count, goes_on)
    with path.open("wb") as sink:
        return write_snapshot(sink, header, rows, blobs=_blobs(blobs), known=known)


def verify(source: BinaryIO) -> int:
    """Verify everything, from a file or a pipe; return the number of events."""
    return verify_snapshot(source, name="the archive").manifest.events


def read_events(path: Path) -> Iterator[Recorded]:
    """Yield the typed events, everything verified on the way."""
    codec = Codec()
    with open_snapshot(path) as source:
        reader = open_reader(source, name=str(path))
        for item in reader.contents():
            if not isinstance(item, tuple):  # blobs and secrets are
                yield from item.events(codec, reader.header.cluster_id)
        summary(reader)


def frames(path: Path) -> list[bytes]:
    """Return the zstd frames of the contents, as they are stored."""
    with open_snapshot(path) as source:
        entries = SnapshotFile(source, name=str(path)).entries()
        found = []
        for entry in entries:
            source.seek(entry.offset + RECORD_BYTES)
            found.append(source.read(entry.stored))
        return found
