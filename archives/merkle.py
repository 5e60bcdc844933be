"""An archive's hashes: the tree over its contents, RFC 6962's with one leaf a record, and the chain.

The root is what identifies a snapshot. It is over uncompressed contents, so it does not depend on
the version of libzstd, on encryption or on who can read the file.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

from .format import Kind, SnapshotHeader

_LEAF: Final = b"\x00"
_NODE: Final = b"\x01"
START: Final = 0x00
"""The kind of the leaf that says whose contents these are; no record has it."""


def leaf(kind: int, raw: bytes) -> bytes:
    """Return a leaf's hash: of 0x00, one byte for the record's kind, and the record's raw bytes."""
    found = hashlib.sha256(_LEAF + bytes((kind,)))
    found.update(raw)
    return found.digest()


def leaf_of_blobs(kind: int, blobs: Iterable[tuple[str, bytes]]) -> bytes:
    """Return the hash for a pack of blobs: over each one's label and digest, so each is hashed once.

    A digest list is enough to prove a blob; the rest of its pack is not needed.
    """
    parts = [_LEAF, bytes((kind,))]
    for label, digest in blobs:
        name = label.encode()
        parts += (len(name).to_bytes(2), name, digest)
    return hashlib.sha256(b"".join(parts)).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the tree's hash (RFC 6962, section 2.1). There is at least one leaf."""
    level = list(leaves)
    while len(level) > 1:
        # pairs from the left; one that is left over goes up as it is: the same tree as RFC 6962's
        paired = [
            hashlib.sha256(_NODE + level[at] + level[at + 1]).digest() for at in range(0, len(level) - 1, 2)
        ]
        level = paired + level[len(paired) * 2 :]
    return level[0]


def start_leaf(cluster_id: str, first: int, parent: bytes | None) -> bytes:
    """Return the first leaf: the cluster, where in its log the contents begin, and the parent's root."""
    return leaf(START, bytes.fromhex(cluster_id) + first.to_bytes(8) + (parent or b""))


def archive_root(header: SnapshotHeader, leaves: Iterable[bytes], manifest: bytes) -> bytes:
    """Return what identifies an archive: over its beginning, its content records and its manifest's bytes."""
    parent = None if header.parent is None else header.parent.root
    start = start_leaf(header.cluster_id, header.first, parent)
    return root([start, *leaves, leaf(Kind.MANIFEST, manifest)])


def link(before: bytes, head: bytes, body: bytes) -> bytes:
    """Return a record's chain value: over the one before, the record's header and its stored body."""
    found = hashlib.sha256(before + head)
    found.update(body)
    return found.digest()
