"""What went into archive-v1.ksnap, which kubisnap 0.1 made once in format 1.0.

Nothing here makes it again: the format is read for ever and not written any more. Its rows are opaque to
the archive and follow from their number, so nothing here moves with the events that kubisnap knows.
"""

import hashlib

from kubisnap.archives.v1.format import SnapshotHeader
from kubisnap.engine.journal.codec import StoredRow

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
