"""What differs between two archives: the intent of their clusters, and the blobs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ..archives import Access
from ..archives.info import digest_text
from ..engine.domain.comparing import Difference, Sign, compare
from ..engine.errors import InvalidInput
from ..engine.journal.codec import Codec
from ..engine.operations.snapshots import ArchivedCluster, unpack_events
from .archiving import chained, name_of


class _Side(NamedTuple):
    cluster: ArchivedCluster
    blobs: Mapping[str, bytes]


def compare_files(
    before: str, after: str, parents: Sequence[Path] = (), access: Access | None = None
) -> list[Difference]:
    """Return what differs, once both archives and those that they go on from were verified."""
    if before == after == "-":
        raise InvalidInput("FILE", "stdin can be read once: one of the two must be a file")
    old, new = (_read(file, parents, access) for file in (before, after))
    found = [*compare(old.cluster.spec, new.cluster.spec)]
    if old.cluster.retired != new.cluster.retired:
        wanted = [not side.cluster.retired for side in (old, new)]
        found.append(
            Difference(sign=Sign.CHANGED, part="cluster", field="wanted", before=wanted[0], after=wanted[1])
        )
    return [*found, *_blobs(old.blobs, new.blobs)]


def _read(file: str, parents: Sequence[Path], access: Access | None) -> _Side:
    with chained(file, parents, access=access) as chain:
        cluster = unpack_events(name_of(file), "", chain.events(Codec()))
        blobs: dict[str, bytes] = {}
        for digest, label in chain.blobs.items():  # the newest archive's come first
            blobs.setdefault(label, digest)
    return _Side(cluster, blobs)


def _blobs(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[Difference]:
    found = []
    for label in sorted(before.keys() | after.keys()):
        old, new = before.get(label), after.get(label)
        if old == new:
            continue
        sign = Sign.ADDED if old is None else Sign.REMOVED if new is None else Sign.CHANGED
        values = [None if digest is None else digest_text(digest) for digest in (old, new)]
        found.append(
            Difference(sign=sign, part=f"blob {label}", field="digest", before=values[0], after=values[1])
        )
    return found
