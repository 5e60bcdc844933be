"""Where a snapshot is: a file, stdin, an object of a bucket, or one of the archive store by its digest.

web.ksnap      -      s3://BUCKET/PREFIX/...ksnap      snap:latest      snap:1a2b3c4d
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from ..archives import Access, Parent, SnapshotFile, open_snapshot, verify_snapshot
from ..archives.chains import Finder, Found
from ..archives.stores import ArchiveStore, open_store
from ..archives.stores.names import SnapshotName
from ..archives.stores.trash import Item, listing
from ..engine.errors import ArchiveError, InvalidInput, NotFound, UnsupportedArchive
from .archives_at import archive_store, of_cluster

_SNAP: Final = "snap:"
_S3: Final = "s3://"
_PATTERN: Final = "*.ksnap"
_SHORTEST: Final = 4
_CHECK: Final = "check the address; kubisnap snapshots --archives s3://BUCKET/PREFIX      lists what is there"


def locate(text: str, archives: str = "", *, cluster: str = "") -> str:
    """Return the file or the address that is meant; ``snap:…`` is looked up in the archive store.

    Raises `NotFound`, and `InvalidInput` where several fit.
    """
    if not text.startswith(_SNAP):
        return text
    store = archive_store(archives)
    items = of_cluster(listing(store).snapshots, cluster)
    found = _matching(items, text.removeprefix(_SNAP), store)
    return address_of(store, str(found.name))


def _matching(items: Sequence[Item], wanted: str, store: ArchiveStore) -> Item:
    advice = "kubisnap snapshots      lists what there is"
    if wanted == "latest":
        newest = {item.name.folder: item for item in reversed(items)}
        if len(newest) > 1:
            clusters = ", ".join(sorted(newest))
            raise InvalidInput(
                "snap:latest",
                f"of which cluster? there are {clusters}",
                advice="name one by its digest, snap:1a2b3c4d: kubisnap snapshots lists them",
            )
        found = list(newest.values())
    else:
        if len(wanted) < _SHORTEST or set(wanted) - set("0123456789abcdef"):
            raise InvalidInput(
                f"snap:{wanted}", "that is no digest; it takes 4 hex digits or more", advice=advice
            )
        found = [item for item in items if item.name.root.startswith(wanted)]
    if not found:
        raise NotFound("snapshot", f"snap:{wanted}", advice=f"in {store.url}: {advice}")
    # the same contents may have been stored twice; any of them is as good
    if len({item.name.root for item in found}) > 1:
        raise InvalidInput(f"snap:{wanted}", f"{len(found)} snapshots begin so", advice=advice)
    return found[0]


def address_of(store: ArchiveStore, name: str) -> str:
    """Return how a snapshot in a store is called outside of it."""
    return f"{store.url}/{name}"


def open_at(address: str) -> BinaryIO:
    """Open a file or an object to read and seek in; the caller closes it. Raises `NotFound` and others."""
    if not address.startswith(_S3):
        return open_snapshot(Path(address))
    bucket, _, name = address.removeprefix(_S3).partition("/")
    try:
        return open_store(_S3 + bucket, field="FILE").open(name)
    except NotFound as error:
        if error.what == "bucket":
            raise
        raise NotFound("snapshot", address, advice=_CHECK) from error  # by its whole name, as it was typed


@contextmanager
def opened(address: str) -> Iterator[tuple[BinaryIO, str]]:
    """Open an archive, or stdin for ``-``; give the bytes and what to call them."""
    if address == "-":
        yield sys.stdin.buffer, "stdin"
        return
    with open_at(address) as source:
        yield source, address


def finder(tip: str, given: Sequence[Path]) -> Finder:
    """Return what finds parents of the archive `tip`: among those `given`, then where it lies.

    A file that was named must be an archive; one that only lies there may be anything.
    """
    roots: dict[bytes, str] = {}

    def find(parent: Parent) -> Found | None:
        if not roots:
            roots.update({root_of(str(path)): str(path) for path in given})
        address = roots.get(parent.root) or _beside(tip, parent)
        return None if address is None else Found(address, lambda: open_at(address))

    return find


def _beside(tip: str, parent: Parent) -> str | None:
    if tip == "-":
        return None
    for address in _neighbours(tip, parent.root.hex()[:32]):
        try:
            if root_of(address) == parent.root:
                return address
        except ArchiveError:
            continue  # not ours to judge: somebody asked for another file
    return None


def _neighbours(tip: str, root: str) -> Iterator[str]:
    """Yield the archives in the same folder; those first whose name says that they are the one."""
    if tip.startswith(_S3):
        bucket, _, name = tip.removeprefix(_S3).partition("/")
        store: ArchiveStore = open_store(_S3 + bucket, field="FILE")
        folder = name.rpartition("/")[0]
        names = [item.name for item in store.list(f"{folder}/" if folder else "")]
        yield from (f"{_S3}{bucket}/{name}" for name in names if claim_of(name) == root)
        return
    paths = sorted(Path(tip).parent.glob(_PATTERN), key=lambda path: (claim_of(str(path)) != root, path))
    for path in paths:
        yield str(path)
        if claim_of(str(path)) == root:
            return


def called(address: str) -> str:
    """Return what to call a snapshot in few words: its digest in a store, else the file's name."""
    claim = claim_of(address)
    return f"{_SNAP}{claim[:12]}" if claim else "stdin" if address == "-" else address.rpartition("/")[2]


def claim_of(address: str) -> str:
    """Return what a root begins with according to a snapshot's name in a store; empty for other names."""
    name = SnapshotName.parse("/".join(address.split("/")[-2:]))
    return "" if name is None else name.root


def root_of(address: str) -> bytes:
    """Return the root that an archive says it has; whether that is so shows when it is read."""
    keyless = Access(keyless=True)
    with open_at(address) as source:
        try:
            return SnapshotFile(source, name=address, access=keyless).info.root
        except UnsupportedArchive:
            source.seek(0)
            return verify_snapshot(source, name=address, access=keyless).root  # format 1 has no index
