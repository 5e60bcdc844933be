"""What identifies a snapshot: a hash of its contents, not of its file (ADR 0007).

Files of the same contents differ in bytes: libzstd versions compress differently, later formats
may encrypt. The identity is over the cluster's id and its uncompressed events, and over nothing else.
"""

import hashlib
from typing import Final

CONTEXT: Final = b"kubisnap snapshot contents v1\n"


class ContentDigest:
    """SHA-256 over a line that says what is hashed, the cluster's id, a line feed, and the rows' bytes."""

    def __init__(self, cluster_id: str) -> None:
        self._hash = hashlib.sha256(CONTEXT + cluster_id.encode() + b"\n")
        self.size = 0

    def update(self, raw: bytes) -> None:
        """Go on with the rows of the next block."""
        self._hash.update(raw)
        self.size += len(raw)

    def bytes(self) -> bytes:
        """Return the 32 bytes of the hash so far."""
        return self._hash.digest()

    def text(self) -> str:
        """Return the hash so far as it is shown."""
        return f"sha256:{self._hash.hexdigest()}"
