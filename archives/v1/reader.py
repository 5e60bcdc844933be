"""Reads and verifies an archive of format 1.0 in one pass, as `archives.reader` does those of today."""

import hashlib
from collections.abc import Iterator
from itertools import count

from ...engine.domain.events import Recorded
from ...engine.errors import CorruptArchive, NotEncrypted, NotSigned, UnsupportedArchive
from ...engine.journal.codec import Codec, StoredRow
from .. import format as snapshots
from .. import frames
from ..format import Malformed, Manifest
from ..info import SnapshotInfo, digest_text
from ..opening import Access
from ..source import Source, Start
from .format import (
    END_MAGIC,
    HASH_BYTES,
    MAX_TOTAL_BYTES,
    MINOR,
    PREAMBLE,
    RECORD_BYTES,
    TRAILER_BYTES,
    VERSION,
    End,
    Kind,
    RecordHeader,
    decode_end,
    decode_header,
    decode_rows,
)
from .identity import ContentDigest


class _Rows:
    """A block of rows, decoded already."""

    def __init__(self, rows: list[StoredRow], name: str) -> None:
        self._rows = rows
        self._name = name
        self.count = len(rows)
        self.first = rows[0].version

    def check(self) -> None:
        """Nothing is left to be checked."""

    def rows(self) -> list[StoredRow]:
        return self._rows

    def events(self, codec: Codec, stream: str) -> Iterator[Recorded]:
        for row in self._rows:
            yield codec.decode(stream, row)


class ArchiveV1:
    """One pass over one archive of format 1.0: events, a chain and a hash over everything."""

    def __init__(self, source: Source, start: Start, access: Access) -> None:
        if start.minor != MINOR:
            raise UnsupportedArchive(source.name, f"{start.major}.{start.minor}", VERSION)
        if access.encrypted:
            raise NotEncrypted(source.name)
        if access.signed:
            raise NotSigned(source.name)
        self._input = source
        self._chain = start.hash
        source.total, source.hashing = hashlib.sha256(start.raw), True
        try:
            self._header = decode_header(start.header)
        except Malformed as error:
            raise self._corrupt(str(error), PREAMBLE.size) from error
        self._content = ContentDigest(self._header.cluster_id)
        self._frames = frames.Decompressor()
        self._events = 0
        self._blocks = 0
        self.opened = True
        self.info: SnapshotInfo | None = None
        self.header = snapshots.SnapshotHeader(
            cluster_id=self._header.cluster_id,
            cluster_name=self._header.cluster_name,
            first=1,
            position=self._header.position,
            parent=None,
            tool=self._header.tool,
        )

    def _corrupt(self, problem: str, offset: int) -> CorruptArchive:
        return self._input.corrupt(problem, offset)

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

    def contents(self) -> Iterator[_Rows]:
        """Yield the rows block by block. Not to be believed before the last one was taken."""
        try:
            for rows in self._all():
                yield _Rows(rows, self._input.name)
        except CorruptArchive as error:
            error.intact = (1, self._events)
            raise

    def _all(self) -> Iterator[list[StoredRow]]:
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
        raw = self._frames.decompress(body, header.raw)
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
        self.info = self._summary()

    def _summary(self) -> SnapshotInfo:
        manifest = Manifest(
            events=self._events,
            blobs=0,
            blob_bytes=0,
            secrets=0,
            raw=self._content.size,
            first_time=self._header.first_time,
            last_time=self._header.last_time,
        )
        root = self._content.bytes()
        return SnapshotInfo(
            header=self.header,
            manifest=manifest,
            format=VERSION,
            root=root,
            digest=digest_text(root),
            size=self._input.offset,
        )
