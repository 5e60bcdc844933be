"""Reads and verifies a snapshot archive in one pass, from anything that gives bytes.

The bytes are hostile until proven otherwise: a length is capped before it is used, a body hashed
before it is decompressed, and decoded to types only. Nothing is returned before the last byte was
seen and everything agrees.
"""

import hashlib
from collections.abc import Iterator
from itertools import count
from typing import BinaryIO

from ..engine.errors import CorruptArchive, UnsupportedArchive
from ..engine.journal.codec import StoredRow
from . import frames
from .format import (
    END_MAGIC,
    HASH_BYTES,
    MAGIC,
    MAJOR,
    MAX_HEADER_BYTES,
    MAX_TOTAL_BYTES,
    MINOR,
    PREAMBLE,
    RECORD_BYTES,
    TRAILER_BYTES,
    VERSION,
    End,
    Kind,
    Malformed,
    RecordHeader,
    Snapshot,
    SnapshotHeader,
    SnapshotInfo,
    decode_end,
    decode_header,
    decode_rows,
)
from .identity import ContentDigest


class _Input:
    """The source, with the offset and the hash of what was read."""

    def __init__(self, source: BinaryIO, name: str) -> None:
        self._source = source
        self.name = name
        self.offset = 0
        self.total = hashlib.sha256()

    def _read(self, length: int) -> bytes:
        """Return `length` bytes, fewer only at the end: an unbuffered pipe gives what it has."""
        parts: list[bytes] = []
        while length and (part := self._source.read(length)):
            parts.append(part)
            length -= len(part)
        return b"".join(parts)

    def start(self, length: int) -> bytes:
        """Return the first bytes of the file, as many as there are up to `length`."""
        data = self._read(length)
        self.total.update(data)
        self.offset += len(data)
        return data

    def take(self, length: int, what: str) -> bytes:
        """Return `length` bytes, which are `what`, or raise that the file ends too early."""
        data = self._read(length)
        if len(data) < length:
            raise CorruptArchive(self.name, f"cut off: the file ends within {what}", self.offset + len(data))
        self.total.update(data)
        self.offset += length
        return data

    def finish(self) -> None:
        """Raise if anything is left."""
        if self._read(1):
            raise CorruptArchive(self.name, "there is more after the end of the archive", self.offset)


class _Archive:
    """One pass over one archive."""

    def __init__(self, source: BinaryIO, name: str) -> None:
        self._input = _Input(source, name)
        self._header = self._start()
        self._content = ContentDigest(self._header.cluster_id)
        self._events = 0
        self._blocks = 0

    def _corrupt(self, problem: str, offset: int) -> CorruptArchive:
        return CorruptArchive(self._input.name, problem, offset)

    def _start(self) -> SnapshotHeader:
        """Read preamble and header. Sets the chain's first value."""
        magic = self._input.start(len(MAGIC))
        if magic != MAGIC:
            raise self._corrupt(_what_instead(magic), 0)
        preamble = magic + self._input.take(PREAMBLE.size - len(MAGIC), "its first bytes")
        _, major, minor, length = PREAMBLE.unpack(preamble)
        if length > MAX_HEADER_BYTES:
            raise self._corrupt("the header claims to be larger than any may be", len(preamble) - 4)
        data = self._input.take(length, "the header")
        self._chain = hashlib.sha256(preamble + data).digest()
        if self._input.take(HASH_BYTES, "the header's hash") != self._chain:
            raise self._corrupt("the format version or the header is damaged", len(MAGIC))
        # The hash comes first: a flipped bit in the version is damage, not a newer format.
        if (major, minor) != (MAJOR, MINOR):
            raise UnsupportedArchive(self._input.name, f"{major}.{minor}", VERSION)
        try:
            return decode_header(data)
        except Malformed as error:
            raise self._corrupt(str(error), len(preamble)) from error

    def _record(self, sequence: int) -> tuple[RecordHeader, bytes, int]:
        """Read the next record: its header, its body as stored, and where it begins."""
        offset = self._input.offset
        head = self._input.take(RECORD_BYTES, "the header of a record")
        try:
            header = RecordHeader.parse(head, sequence)
        except Malformed as error:
            raise self._corrupt(str(error), offset) from error
        body = self._input.take(header.stored, "a record")
        self._chain = hashlib.sha256(self._chain + head + body).digest()
        if self._input.take(HASH_BYTES, "the hash of a record") != self._chain:
            raise self._corrupt(f"record {sequence} is damaged", offset)
        return header, body, offset

    def blocks(self) -> Iterator[list[StoredRow]]:
        """Yield the rows block by block. Not to be believed before the last one was taken."""
        for sequence in count():  # ends: each block has an event, and events are counted
            header, body, offset = self._record(sequence)
            try:
                if header.kind is Kind.END:
                    self._agree(decode_end(body))
                    break
                yield self._rows(header, body)
            except Malformed as error:
                raise self._corrupt(str(error), offset) from error
        self._finish()

    def _rows(self, header: RecordHeader, body: bytes) -> list[StoredRow]:
        # Counted before they are decompressed: what is too much is never held.
        self._blocks += 1
        if self._events + header.items > self._header.events:
            raise Malformed(f"there are more than the {self._header.events} events that the header counts")
        if self._content.size + header.raw > MAX_TOTAL_BYTES:
            raise Malformed("the events are larger than one archive may hold")
        raw = frames.decompress(body, header.raw)
        rows = decode_rows(raw, header.items, self._events + 1)
        self._content.update(raw)
        self._events += header.items
        return rows

    def _agree(self, end: End) -> None:
        """Raise unless the end record, the header and what was read say the same."""
        read = End(self._events, self._blocks, self._content.size, self._content.bytes())
        if self._events != self._header.events:
            raise Malformed(f"the header counts {self._header.events} events, there are {self._events}")
        if end != read:
            raise Malformed("the end record does not agree with the events")

    def _finish(self) -> None:
        """Read the trailer."""
        offset, total = self._input.offset, self._input.total.digest()
        if self._input.take(TRAILER_BYTES, "its last bytes") != total + END_MAGIC:
            raise self._corrupt("the last bytes are damaged", offset)
        self._input.finish()

    def info(self) -> SnapshotInfo:
        """Return the summary, once all blocks were taken."""
        return SnapshotInfo(
            header=self._header,
            format=VERSION,
            digest=self._content.text(),
            size=self._input.offset,
            uncompressed=self._content.size,
        )


def _what_instead(magic: bytes) -> str:
    """Say what a file is that does not begin as an archive does."""
    if not magic:
        return "the file is empty"
    if MAGIC.startswith(magic):
        return "cut off: the file ends within its first bytes"
    if b"KSN" in magic:
        return "the first bytes are damaged, as by a transfer in text mode"
    return "this is not a snapshot archive"


def read_snapshot(source: BinaryIO, *, name: str) -> Snapshot:
    """Return the archive's contents, everything verified. `name` stands in the errors.

    Raises `CorruptArchive` for anything that is not a whole, undamaged archive and `UnsupportedArchive`
    for one in another version of the format. An OSError of the source passes through.
    """
    archive = _Archive(source, name)
    rows = tuple(row for block in archive.blocks() for row in block)
    return Snapshot(info=archive.info(), rows=rows)


def verify_snapshot(source: BinaryIO, *, name: str) -> SnapshotInfo:
    """Verify all that `read_snapshot` verifies, holding one block at a time."""
    archive = _Archive(source, name)
    for _ in archive.blocks():
        pass
    return archive.info()
