"""Reads parts of an archive without the rest: a range of events, one blob, a sample to verify.

The index at the end says where things are; it is bound to the root, and so to the signatures, and what
is read is compared with its leaf in the tree. Bytes that are not read are not verified.
"""

import os
from collections.abc import Callable, Iterator
from typing import BinaryIO, Final, NamedTuple, TypeVar

from ..engine.errors import CorruptArchive, UnsupportedArchive
from . import blobs as contents
from . import merkle
from .columns import EventBlock
from .format import (
    END_MAGIC,
    HASH_BYTES,
    MAJOR,
    RECORD_BYTES,
    TRAILER,
    VERSION,
    Kind,
    Malformed,
    Manifest,
    RecordHeader,
    decode_manifest,
)
from .index import PREFIX, Entry, Index
from .info import SnapshotInfo, digest_text
from .opening import Access, Opener
from .reader import NamedBlock
from .source import Source, read_start
from .statement import Signed

_T = TypeVar("_T")

_LONGEST_TAIL: Final = 1024 * 1024 * 1024
"""An index beyond this is of an archive that no machine of today lists."""


class _Record(NamedTuple):
    offset: int
    header: RecordHeader
    head: bytes
    body: bytes
    before: bytes


class SnapshotFile:
    """An archive of this format, opened at its end. `source` can be sought, `name` stands in the errors.

    Raises what `open_reader` raises; `UnsupportedArchive` also for format 1, which has no index.
    """

    def __init__(self, source: BinaryIO, *, name: str, access: Access | None = None) -> None:
        self._source = source
        self.name = name
        source.seek(0)
        first = Source(source, name)
        start = read_start(first)
        if start.major != MAJOR:
            raise UnsupportedArchive(name, f"{start.major}.{start.minor}", VERSION)
        self._opener = Opener(first, start, access or Access())
        self.header = self._opener.header
        self._start = first.offset
        self._size = source.seek(0, os.SEEK_END)
        self._read_end()

    # ── the end ──────────────────────────────────────────────────────────────────────────────

    def _read_end(self) -> None:
        at = self._size - TRAILER.size
        if at < self._start:
            raise self._corrupt("cut off: the file ends within its first record", self._size)
        index_at, manifest_at, last, magic = TRAILER.unpack(self._at(at, TRAILER.size))
        if magic != END_MAGIC:
            raise self._corrupt("cut off: the file does not end as an archive does", at)
        if not self._start <= index_at <= manifest_at < at or at - index_at > _LONGEST_TAIL:
            raise self._corrupt("the last bytes contradict themselves", at)
        records = list(self._tail(index_at, at))
        kinds = [record.header.kind for record in records]
        if kinds != [*[Kind.INDEX] * (len(records) - 2), Kind.MANIFEST, Kind.FOOTER]:
            raise self._corrupt("the archive has no footer", index_at)
        if records[-2].offset != manifest_at:
            raise self._corrupt("the last bytes contradict themselves", at)
        signed = self._signed(records[-1], records[-1].offset)
        self.manifest = self._manifest(records[-2], manifest_at)
        self._index = self._indexed(records, index_at, signed.root)
        if merkle.link(records[-1].before, records[-1].head, records[-1].body) != last:
            raise self._corrupt("the last bytes are damaged", at)
        self.info = SnapshotInfo(
            header=self.header,
            manifest=self.manifest,
            format=VERSION,
            root=signed.root,
            digest=digest_text(signed.root),
            size=self._size,
            signers=signed.signers,
            strangers=signed.strangers,
            opened=self._opener.opened,
        )

    def _tail(self, offset: int, end: int) -> Iterator[_Record]:
        """Yield the records from `offset` to `end`, each chained to the one before."""
        number: int | None = None
        before = self._at(offset - HASH_BYTES, HASH_BYTES)
        count = 0
        while offset < end:
            record, chain = self._record(offset, before)
            number = record.header.sequence if number is None else number
            if record.header.kind < Kind.INDEX or record.header.sequence != number:
                raise self._corrupt("the index is not where the last bytes say", offset)
            number, before = number + 1, chain
            offset += RECORD_BYTES + len(record.body) + HASH_BYTES
            count += 1
            yield record
        if offset != end or count < 2:
            raise self._corrupt("the last bytes contradict themselves", end)

    def _record(self, offset: int, before: bytes) -> tuple[_Record, bytes]:
        head = self._at(offset, RECORD_BYTES)
        try:
            header = RecordHeader.parse(head)
            header.check(header.sequence, after=0, encrypted=self._opener.encrypted)
        except Malformed as error:
            raise self._corrupt(str(error), offset) from error
        body = self._at(offset + RECORD_BYTES, header.stored)
        chain = merkle.link(before, head, body)
        if self._at(offset + RECORD_BYTES + header.stored, HASH_BYTES) != chain:
            raise self._corrupt(f"record {header.sequence} is damaged", offset)
        return _Record(offset, header, head, body, before), chain

    def _signed(self, footer: _Record, offset: int) -> Signed:
        try:
            return self._opener.footer(footer.body, footer.before)
        except Malformed as error:
            raise self._corrupt(str(error), offset) from error

    def _manifest(self, record: _Record, offset: int) -> Manifest:
        try:
            manifest = decode_manifest(record.body)
        except Malformed as error:
            raise self._corrupt(str(error), offset) from error
        if manifest.events != self.header.events:
            raise self._corrupt("the manifest does not agree with the header", offset)
        return manifest

    def _indexed(self, records: list[_Record], offset: int, root: bytes) -> Index | None:
        """Return the index, once the root over its leaves is the one in the footer; None without a key."""
        if not self._opener.opened:
            return None
        try:
            parts = [self._opener.raw(*record[1:4]) for record in records[:-2]]
            index = Index(parts, self._start, self.header.first)
            index.agree(self.manifest, self.header)
        except Malformed as error:
            raise self._corrupt(str(error), offset) from error
        self._pass_over(index.end, len(index.entries), records[0])
        leaves = (entry.leaf for entry in index.entries)
        if merkle.archive_root(self.header, leaves, records[-2].body) != root:
            raise self._corrupt("the contents are not those that the footer names", offset)
        return index

    def _pass_over(self, offset: int, number: int, first: _Record) -> None:
        """Raise unless all between contents and index are records that this version may pass over."""
        rank = Kind.SECRET + 1
        while offset < first.offset:
            header = self._record(offset, self._at(offset - HASH_BYTES, HASH_BYTES))[0].header
            if not rank <= header.kind < Kind.INDEX or header.sequence != number:
                break
            offset += RECORD_BYTES + header.stored + HASH_BYTES
            number, rank = number + 1, header.kind
        if (offset, number) != (first.offset, first.header.sequence):
            raise self._corrupt("the index does not agree with the records", first.offset)

    # ── parts ────────────────────────────────────────────────────────────────────────────────

    def blocks(self, first: int, last: int) -> Iterator[NamedBlock]:
        """Yield the blocks that hold events `first` to `last`: whole blocks, so a few more than those."""
        for entry, position in self._of().events(first, last):
            yield self._block(entry, position)

    def blob(self, digest: bytes) -> contents.Blob | None:
        """Return the blob whose digest starts with `digest` (8 bytes up), or None."""
        for entry in self._of().blobs(digest):
            for blob in self._pack(entry):
                if blob.digest.startswith(digest):
                    return blob
        return None

    def matching(self, digits: str) -> list[contents.Blob]:
        """Return the blobs whose digest in hexadecimal starts with `digits`, two of them or more."""
        found = {
            blob.digest: blob
            for entry in self._of().blobs(bytes.fromhex(digits[: len(digits) // 2 * 2]))
            for blob in self._pack(entry)
            if blob.digest.hex().startswith(digits)
        }
        return [found[digest] for digest in sorted(found)]

    def blobs(self) -> Iterator[contents.Blob]:
        """Yield every blob, in the order of their labels."""
        before = ""
        for entry in self._of().packs():
            pack = self._pack(entry)
            if pack[0].label < before:
                raise self._corrupt("the blobs are not in the order of their labels", entry.offset)
            before = pack[-1].label
            yield from pack

    def entries(self) -> list[Entry]:
        """Return where the contents are, record by record."""
        return list(self._of().entries)

    def check(self, entry: Entry) -> None:
        """Read and verify one record."""
        if entry.kind == Kind.BLOBS:
            self._pack(entry)
        elif entry.kind == Kind.EVENTS:
            self._block(entry, self._of().position_of(entry)).check()
        else:
            raw = self._raw(entry)
            self._compare(entry, merkle.leaf(entry.kind, raw))
            self._well_formed(entry, lambda: contents.decode_secret(raw))

    def _of(self) -> Index:
        self._opener.require()
        if self._index is None:
            raise ValueError("an archive that can be read has an index")
        return self._index

    def _block(self, entry: Entry, position: int) -> NamedBlock:
        raw = self._raw(entry)
        self._compare(entry, merkle.leaf(entry.kind, raw))
        block = EventBlock(raw, entry.items, position)
        if self._well_formed(entry, block.times)[0] != entry.time:
            raise self._corrupt("a record is not the one that the index lists", entry.offset)
        return NamedBlock(block, self.name, entry.offset, position)

    def _pack(self, entry: Entry) -> list[contents.Blob]:
        raw = self._raw(entry)
        pack = self._well_formed(entry, lambda: contents.decode_pack(raw, entry.items))
        digests = [blob.digest for blob in pack]
        labels = [blob.label for blob in pack]
        self._compare(entry, merkle.leaf_of_blobs(entry.kind, zip(labels, digests, strict=True)))
        if self._of().prefixes_of(entry) != b"".join(digest[:PREFIX] for digest in digests):
            raise self._corrupt("a record is not the one that the index lists", entry.offset)
        return pack

    def _well_formed(self, entry: Entry, decode: Callable[[], _T]) -> _T:
        try:
            return decode()
        except Malformed as error:
            raise self._corrupt(str(error), entry.offset) from error

    def _raw(self, entry: Entry) -> bytes:
        record, _ = self._record(entry.offset, self._at(entry.offset - HASH_BYTES, HASH_BYTES))
        header = record.header
        found = (header.sequence, header.kind, header.stored, header.raw, header.items)
        if found != (entry.sequence, entry.kind, entry.stored, entry.raw, entry.items):
            raise self._corrupt("a record is not the one that the index lists", entry.offset)
        try:
            return self._opener.raw(header, record.head, record.body)
        except Malformed as error:
            raise self._corrupt(str(error), entry.offset) from error

    def _compare(self, entry: Entry, leaf: bytes) -> None:
        if leaf != entry.leaf:
            raise self._corrupt("a record's contents are not those that the footer names", entry.offset)

    def _at(self, offset: int, length: int) -> bytes:
        self._source.seek(offset)
        data = Source(self._source, self.name).read(length)
        if len(data) < length:
            raise self._corrupt("cut off: the file ends too early", offset + len(data))
        return data

    def _corrupt(self, problem: str, offset: int) -> CorruptArchive:
        return CorruptArchive(self.name, problem, offset)
