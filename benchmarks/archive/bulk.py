"""As much data as an archive of a given size on disk holds, made while it is taken and never kept.

A tenth of it events, the rest blobs of up to 1 MiB that do not compress: so the size of the file is
known before, and nobody can make it flat by compressing it away.
"""

from collections.abc import Iterator
from random import Random

from benchmarks.archive.log import events
from benchmarks.archive.manifests import Manifest
from kubisnap.engine.journal.codec import StoredRow

SEED = 7
LARGEST = 1024 * 1024
_EVENT = 16
"""Bytes of an event on disk, about."""
_MOST_EVENTS = 400_000


def row_count(size: int) -> int:
    """Return how many events an archive of `size` bytes has here."""
    return min(_MOST_EVENTS, size // 10 // _EVENT)


def rows(size: int) -> Iterator[StoredRow]:
    """Yield the events for an archive of `size` bytes."""
    return events(row_count(size), seed=SEED)


def blobs(size: int) -> Iterator[Manifest]:
    """Yield the blobs for an archive of `size` bytes, in the order of their names."""
    random = Random(SEED)
    left = size - row_count(size) * _EVENT
    number = 0
    while left > 0:
        length = min(left, 1 << random.randint(10, 20))
        yield Manifest(f"v1/Secret/bulk/blob-{number:09}", random.randbytes(length))
        left -= length
        number += 1
