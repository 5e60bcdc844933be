"""Where an incremental snapshot's parents are looked for: what was named, and what lies beside it."""

from collections.abc import Sequence
from pathlib import Path

from ..archives import Access, Parent, SnapshotFile, open_snapshot, verify_snapshot
from ..archives.chains import Finder, Found
from ..engine.errors import ArchiveError, UnsupportedArchive

_PATTERN = "*.ksnap"


def finder(tip: str, given: Sequence[Path]) -> Finder:
    """Return what finds parents of the archive `tip`: among those `given`, then in its folder.

    A file that was named must be an archive; one that only lies there may be anything.
    """
    roots: dict[bytes, Path] = {}

    def find(parent: Parent) -> Found | None:
        if not roots:
            roots.update({root_of(path): path for path in given})
        path = roots.get(parent.root) or _beside(tip, parent)
        return None if path is None else Found(str(path), lambda: open_snapshot(path))

    return find


def _beside(tip: str, parent: Parent) -> Path | None:
    if tip == "-":
        return None
    for path in sorted(Path(tip).parent.glob(_PATTERN)):
        try:
            if root_of(path) == parent.root:
                return path
        except ArchiveError:
            continue  # not ours to judge: somebody asked for another file
    return None


def root_of(path: Path) -> bytes:
    """Return the root that an archive says it has; whether that is so shows when it is read."""
    keyless = Access(keyless=True)
    with open_snapshot(path) as source:
        try:
            return SnapshotFile(source, name=str(path), access=keyless).info.root
        except UnsupportedArchive:
            source.seek(0)
            return verify_snapshot(source, name=str(path), access=keyless).root  # format 1 has no index
