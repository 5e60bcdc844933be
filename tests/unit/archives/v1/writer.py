"""Writes a snapshot archive in one pass, to anything that takes bytes.

Holds one block of events at a time and never goes back: the sink may be a pipe. What is cut short,
by an error here or outside, has no end record and no trailer, and is refused by the reader.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import BinaryIO, Final, NamedTuple

from ..engine.journal.codec import StoredRow
from . import frames
from .errors import ArchiveUnwritable
from .format import (
    END_MAGIC,
    MAGIC,
    MAJOR,
    MAX_RAW_BYTES,
    MAX_TOTAL_BYTES,
    MINOR,
    PREAMBLE,
    VERSION,
    End,
    Kind,
    Malformed,
    RecordHeader,
    SnapshotHeader,
    SnapshotInfo,
    check_row,
    encode_end,
    encode_header,
    encode_row,
)
from .identity import ContentDigest

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


def _write(output: _Output, header: SnapshotHeader, rows: Iterable[StoredRow]) -> SnapshotInfo:
    output.start(encode_header(header))
    content = ContentDigest(header.cluster_id)
    events = blocks = 0
    for block in _blocks(rows):
        blocks += 1
        events += block.rows
        content.update(block.raw)
        if events > header.events:
            raise Malformed(f"there are more than the {header.events} events that the header counts")
        if content.size > MAX_TOTAL_BYTES:
            raise Malformed(
                f"the events have more than {MAX_TOTAL_BYTES} bytes, the most that one archive holds"
            )
        output.record(Kind.EVENTS, frames.compress(block.raw), len(block.raw), block.rows)
    if events != header.events:
        raise Malformed(f"the header counts {header.events} events, there are {events}")
    end = encode_end(End(events, blocks, content.size, content.bytes()))
    output.record(Kind.END, end, len(end), 0)
    output.finish()
    return SnapshotInfo(
        header=header, format=VERSION, digest=content.text(), size=output.size, uncompressed=content.size
    )


def write_snapshot(
    sink: BinaryIO, header: SnapshotHeader, rows: Iterable[StoredRow], *, name: str = "the snapshot"
) -> SnapshotInfo:
    """Write the archive to `sink` and return what a reader will find in it.

    The rows are taken one by one and must be events 1 to `header.events`. Same header and rows,
    same bytes. Raises `ArchiveUnwritable` where they do not fit the format; an OSError of the sink
    passes through, as only its owner knows what a closed pipe means.
    """
    try:
        return _write(_Output(sink), header, rows)
    except Malformed as error:
        raise ArchiveUnwritable(name, str(error)) from error
