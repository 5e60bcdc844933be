"""Checkpoints of the fold: a cache beside the log, so that the state of long ago takes no long fold.

A checkpoint counts only if it was made by exactly this fold (`fingerprint`), from exactly these events (it
carries their chain's hash), and if its bytes are those that were written. Otherwise it is as if it were
not there. All of them may be dropped at any time.
"""

import zlib
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Final, NamedTuple, Protocol

import msgspec

from ..domain.state import ClusterState

EVERY: Final = 4096
"""Events between two checkpoints: some ten milliseconds of folding."""

TABLE: Final = (
    "CREATE TABLE IF NOT EXISTS checkpoints (stream TEXT NOT NULL, version INTEGER NOT NULL, "
    "fold BLOB NOT NULL, hash BLOB NOT NULL, digest BLOB NOT NULL, state BLOB NOT NULL, "
    "PRIMARY KEY (stream, version))"
)
_LARGEST: Final = 256 * 1024 * 1024
"""Bytes of a state that are believed: far more than any cluster's."""
_MODULES: Final = ("state", "cluster", "events", "model", "resources")
_STATES: Final = msgspec.msgpack.Decoder(ClusterState)


class Checkpoint(NamedTuple):
    """A state at a position of a stream, compressed; `hash` is the chain's there."""

    stream: str
    version: int
    fold: bytes
    hash: bytes
    digest: bytes
    state: bytes


class Shelf(Protocol):
    """Where checkpoints are kept."""

    def checkpoint(self, stream: str, until: int) -> Checkpoint | None:
        """Return the newest one at or before a position."""
        ...

    def save_checkpoints(self, items: Sequence[Checkpoint]) -> None:
        """Keep some, instead of those at the same positions. Whether that works out does not matter."""
        ...

    def chain_hash(self, stream: str, version: int) -> bytes | None:
        """Return the chain's hash at a position."""
        ...


@cache
def fingerprint() -> bytes:
    """Return what tells this fold from every other: a digest of the modules that it is made of."""
    package = import_module(ClusterState.__module__).__package__
    digest = sha256()
    for name in _MODULES:
        spec = find_spec(f"{package}.{name}")
        if spec is None or spec.origin is None:
            raise ImportError(f"no source of {name}")
        digest.update(sha256(Path(spec.origin).read_bytes()).digest())
    return digest.digest()


def load(shelf: Shelf, stream: str, until: int) -> ClusterState | None:
    """Return the state of the newest checkpoint at or before `until` that counts, to be folded further."""
    found = shelf.checkpoint(stream, until)
    if found is None or found.fold != fingerprint() or found.digest != _digest(found):
        return None
    if shelf.chain_hash(stream, found.version) != found.hash:
        return None
    try:
        return _STATES.decode(zlib.decompressobj().decompress(found.state, _LARGEST))
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError):
        return None  # whoever may write to the database can write a digest that fits, too


def make(shelf: Shelf, stream: str, state: ClusterState) -> Checkpoint | None:
    """Return a checkpoint of a state, None where the chain does not reach as far."""
    hashed = shelf.chain_hash(stream, state.position)
    if hashed is None:
        return None
    made = Checkpoint(
        stream=stream,
        version=state.position,
        fold=fingerprint(),
        hash=hashed,
        digest=b"",
        state=zlib.compress(msgspec.msgpack.encode(state), 1),
    )
    return made._replace(digest=_digest(made))


def _digest(item: Checkpoint) -> bytes:
    digest = sha256(f"{item.stream} {item.version} ".encode())
    for part in (item.fold, item.hash, item.state):
        digest.update(sha256(part).digest())
    return digest.digest()
