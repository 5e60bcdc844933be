r"""The hash chain of a stream: each event's hash covers the one before it, and the bytes as stored.

    genesis = sha256("kubisnap-chain-1\n" + stream)
    hash    = sha256(previous + version (8 bytes, big-endian) + length of the tag (2 bytes) + tag + state)

The stream is in the genesis, so that no event fits into another cluster's chain.
"""

from hashlib import sha256
from struct import Struct
from typing import Final

HASH_BYTES: Final = 32
_HEAD: Final = Struct(">QH")


def genesis(stream: str) -> bytes:
    """Return what the first event of a stream follows."""
    return sha256(b"kubisnap-chain-1\n" + stream.encode()).digest()


def link(before: bytes, version: int, tag: str, state: bytes) -> bytes:
    """Return an event's hash; `before` is the hash of the event ahead of it, or the genesis."""
    name = tag.encode()
    return sha256(b"".join((before, _HEAD.pack(version, len(name)), name, state))).digest()
