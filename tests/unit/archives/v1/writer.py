"""Writes archives of format 1.0, as the first version of kubisnap did: nothing else makes any today."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final, NamedTuple

from kubisnap.archives import frames
from kubisnap.archives.format import Malformed
from kubisnap.archives.v1.format import (
    END_MAGIC,
    MAGIC,
    MAJOR,
    MAX_RAW_BYTES,
    MINOR,
    PREAMBLE,
    End,
    Kind,
    RecordHeader,
    SnapshotHeader,
    check_row,
    encode_end,
    encode_header,
    encode_row,
)
from kubisnap.archives.v1.identity import ContentDigest
from kubisnap.engine.journal.codec import StoredRow

BLOCK_ROWS: Final = 4096
BLOCK_BYTES: Final = 1024 * 1024
"""Where a block is closed. The larger, the smaller the file, and the more is lost with one bad sector."""


class _Block(NamedTuple):
    rows: int
    raw: bytes


class _Output:
    """The sink, with the hashes that run along and the number of the next record."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._total = hashlib.sha256()
        self._chain = b""
        self._sequence = 0
        self.size = 0

    def _write(self, data: bytes) -> None:
        self._total.update(data)
        self.size += len(data)
        rest = memoryview(data)
        while rest:
            # An unbuffered pipe may take less than it is given.
            rest = rest[self._sink.write(rest) :]

    def start(self, header: bytes) -> None:
        """Write preamble, header and their hash, with which the chain begins."""
        start = PREAMBLE.pack(MAGIC, MAJOR, MINOR, len(header)) + header
        self._chain = hashlib.sha256(start).digest()
        self._write(start + self._chain)

    def record(self, kind: Kind, body: bytes, raw_length: int, items: int) -> None:
        """Write one record and go on with the chain."""
        head = RecordHeader(kind, self._sequence, len(body), raw_length, items).pack()
        self._chain = hashlib.sha256(self._chain + head + body).digest()
        self._sequence += 1
        self._write(head + body + self._chain)

    def finish(self) -> None:
        """Write the trailer: the hash of every byte so far, and the end magic."""
        self._write(self._total.digest() + END_MAGIC)


def _blocks(rows: Iterable[StoredRow]) -> Iterator[_Block]:
    """Check and encode the rows, and gather them into blocks."""
    pending: list[bytes] = []
    length = 0
    for version, row in enumerate(rows, 1):
        check_row(row, version)
        data = encode_row(row)
        if len(data) > MAX_RAW_BYTES:
            raise Malformed(f"event {version} has {len(data)} bytes, more than a block may have")
        if pending and (len(pending) == BLOCK_ROWS or length + len(data) > BLOCK_BYTES):
            yield _Block(len(pending), b"".join(pending))
            pending, length = [], 0
        pending.append(data)
        length += len(data)
    if pending:
        yield _Block(len(pending), b"".join(pending))


def write_snapshot(sink: BinaryIO, header: SnapshotHeader, rows: Iterable[StoredRow]) -> bytes:
    """Write the archive to `sink` and return its digest."""
    output = _Output(sink)
    output.start(encode_header(header))
    content = ContentDigest(header.cluster_id)
    events = blocks = 0
    for block in _blocks(rows):
        blocks += 1
        events += block.rows
        content.update(block.raw)
        output.record(Kind.EVENTS, frames.compress(block.raw, 3), len(block.raw), block.rows)
    end = encode_end(End(events, blocks, content.size, content.bytes()))
    output.record(Kind.END, end, len(end), 0)
    output.finish()
    return content.bytes()
