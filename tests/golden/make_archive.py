"""Makes archive-v1.ksnap: run it after a change of the format that is meant, and never otherwise.

The file was made once and stays: later versions must read it. Its rows are opaque to the archive
and follow from their number, so nothing here moves with the events that kubisnap knows.
"""

import hashlib
import io
from pathlib import Path
from unittest.mock import patch

from kubisnap.archives import SnapshotHeader, write_snapshot, writer
from kubisnap.engine.journal.codec import StoredRow

FILE = Path(__file__).with_name("archive-v1.ksnap")
ZSTD = (1, 5, 7)
"""The libzstd that compressed the file. Another one may compress to other bytes."""
BLOCK_ROWS = 4
"""Small, so that a small file has several blocks."""

HEADER = SnapshotHeader(
    cluster_id="000102030405060708090a0b0c0d0e0f",
    cluster_name="größe-1",
    position=10,
    events=10,
    first_time=1_704_164_645_000_000,
    last_time=1_704_164_654_000_000,
    created=1_704_165_000_123_456,
    tool="kubisnap 0.1.0",
)
ROWS = tuple(
    StoredRow(n, f"golden-{'even' if n % 2 == 0 else 'odd'}", hashlib.sha256(b"%d" % n).digest() * (n % 4))
    for n in range(1, HEADER.events + 1)
)


def make() -> bytes:
    """Return the archive's bytes."""
    sink = io.BytesIO()
    with patch.object(writer, "BLOCK_ROWS", BLOCK_ROWS):
        write_snapshot(sink, HEADER, ROWS)
    return sink.getvalue()


if __name__ == "__main__":
    FILE.write_bytes(make())
