"""The least that anybody has to do: decompress frames, decode rows to typed events. Nothing is checked."""

import importlib
import importlib.util
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import zstandard

from benchmarks.journal import decoders
from kubisnap.engine.domain.events import AnyEvent
from kubisnap.engine.journal.codec import StoredRow

CHUNK = 4096
_ROWS = msgspec.msgpack.Decoder(list[tuple[int, int, str, int, int, str, AnyEvent]])


def decompress(frames: Iterable[bytes]) -> int:
    """Decompress the frames one by one; return the bytes that came of them."""
    decompressor = zstandard.ZstdDecompressor()
    return sum(len(decompressor.decompress(frame)) for frame in frames)


def chunks(rows: Sequence[StoredRow]) -> list[tuple[int, bytes]]:
    """Return the rows' bytes as msgpack arrays of up to 4,096, and how many are in each."""
    parts = [rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK)]
    return [
        (len(part), b"\xdd" + len(part).to_bytes(4) + b"".join(row.state for row in part)) for part in parts
    ]


def by_union(given: Iterable[tuple[int, bytes]]) -> int:
    """Decode chunks of rows, each event by the tag in it."""
    return sum(len(_ROWS.decode(data)) for _, data in given)


def by_kind(rows: Iterable[StoredRow]) -> int:
    """Decode row by row with a decoder for each kind."""
    prepared, count = decoders(), 0
    for _, tag, data in rows:
        prepared[tag](data)
        count += 1
    return count


def by_msgpack(given: Iterable[tuple[int, bytes]]) -> Callable[[], object] | None:
    """Return a call that decodes chunks to dictionaries with msgpack; None without it."""
    if importlib.util.find_spec("msgpack") is None:
        return None
    unpack: Any = importlib.import_module("msgpack").unpackb
    return lambda: [len(unpack(data)) for _, data in given]
