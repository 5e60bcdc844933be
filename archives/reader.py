"""Reads and verifies a snapshot archive in one pass, from anything that gives bytes.

A length is capped before it is used, a body hashed before it is decrypted, decrypted before it is
decompressed, and decoded to types only. What is handed out on the way is what the writer wrote, but
may be a part: nothing is to be done with it before the last record was taken without an error.
"""

from collections.abc import Iterator
from functools import partial
from typing import BinaryIO, NamedTuple, Protocol

from ..engine.domain.events import Recorded
from ..engine.errors import CorruptArchive, UnsupportedArchive
from ..engine.journal.codec import Codec, StoredRow
from . import blobs as contents
from . import merkle
from .columns import EventBlock
from .format import (
    CONTENT,
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
    SnapshotHeader,
    decode_manifest,
)
from .hands import Hand
from .index import PREFIX, IndexBuilder
from .info import SnapshotInfo, digest_text
from .opening import Access, Opener
from .source import Source, Start, read_start
from .statement import Signed
from .v1.reader import ArchiveV1


class Block(Protocol):
    """Some events of a log: `count` of them from position `first` on."""

    count: int
    first: int

    def check(self) -> None:
        """Raise `CorruptArchive` unless `rows` would return."""
        ...

    def rows(self) -> list[StoredRow]:
        """Return them as the journal keeps them. Raises `CorruptArchive`."""
        ...

    def events(self, codec: Codec, stream: str) -> Iterator[Recorded]:
        """Yield them in today's schemas. Raises `CorruptArchive`, and what `Codec.decode` raises."""
        ...


Content = Block | contents.Blob | contents.Secret


class Reader(Protocol):
    """One pass over one archive. `info` is there once the last of `contents` was taken."""

    header: SnapshotHeader
    info: SnapshotInfo | None
    opened: bool
    """Whether contents are handed out: False for an encrypted archive that is verified without a key."""

    def contents(self) -> Iterator[Content]:
        """Yield what the archive holds, in its order."""
        ...


def open_reader(source: BinaryIO, *, name: str, access: Access | None = None) -> Reader:
    """Begin to read an archive of any format. `name` stands in the errors.

    Raises `CorruptArchive`, `UnsupportedArchive` for a newer format, `WrongKey`; an OSError of the
    source passes through.
    """
    bytes_in = Source(source, name)
    start = read_start(bytes_in)
    access = access or Access()
    if start.major == 1:
        return ArchiveV1(bytes_in, start, access)
    if start.major != MAJOR:
        raise UnsupportedArchive(name, f"{start.major}.{start.minor}", VERSION)
    return ArchiveV2(bytes_in, start, access)


class NamedBlock:
    """A block whose errors name the file, the place, and the events before it, from `start` on."""

    def __init__(self, block: EventBlock, name: str, offset: int, start: int) -> None:
        self._block = block
        self._name = name
        self._offset = offset
        self._start = start
        self.count = block.count
        self.first = block.first

    def check(self) -> None:
        """Raise unless `rows` would return."""
        try:
            self._block.check()
        except Malformed as error:
            raise self._corrupt(error) from error

    def rows(self) -> list[StoredRow]:
        """Return the rows as the journal keeps them."""
        try:
            return self._block.rows()
        except Malformed as error:
            raise self._corrupt(error) from error

    def events(self, codec: Codec, stream: str) -> Iterator[Recorded]:
        """Yield the events in today's schemas."""
        return self._block.events(codec, stream, self._corrupt)

    def _corrupt(self, error: Malformed) -> CorruptArchive:
        return CorruptArchive(self._name, str(error), self._offset, (self._start, self.first - 1))


class _Leaf(NamedTuple):
    """A record's leaf, and the first bytes of its blobs' digests."""

    hash: bytes
    prefixes: bytes = b""


def _hashed(kind: int, raw: bytes) -> _Leaf:
    return _Leaf(merkle.leaf(kind, raw))


def _hashed_pack(pack: list[contents.Blob]) -> _Leaf:
    digests = [blob.digest for blob in pack]
    named = zip((blob.label for blob in pack), digests, strict=True)
    return _Leaf(merkle.leaf_of_blobs(Kind.BLOBS, named), b"".join(digest[:PREFIX] for digest in digests))


class ArchiveV2:
    """One pass over an archive of this format."""

    def __init__(self, source: Source, start: Start, access: Access) -> None:
        self._source = source
        self._opener = Opener(source, start, access)
        self.header = self._opener.header
        self.opened = self._opener.opened
        self.info: SnapshotInfo | None = None
        self._chain = start.hash
        self._sequence = 0
        self._index = IndexBuilder()
        self._rank = 0
        self._events = self._blobs = self._blob_bytes = self._secrets = self._raw = 0
        self._times: list[int] = []
        self._label = self._secret = ""

    def contents(self) -> Iterator[Content]:
        """Yield blocks of events, blobs, secrets; nothing of an encrypted archive without a key."""
        try:
            with Hand[_Leaf]() as hand:
                yield from self._contents(hand)
        except CorruptArchive as error:
            error.intact = (self.header.first, self.header.first + self._events - 1)
            raise

    def _contents(self, hand: Hand[_Leaf]) -> Iterator[Content]:
        while True:
            offset = self._source.offset
            header, head, body = self._record(offset)
            if header.kind not in CONTENT:
                break
            try:
                yield from self._content(hand, header, head, body, offset)
            except Malformed as error:
                raise self._source.corrupt(str(error), offset) from error
        hand.finish()
        self._end(offset, header, head, body)

    def _record(self, offset: int) -> tuple[RecordHeader, bytes, bytes]:
        """Read the next record: its header, parsed and as bytes, and its body as stored."""
        head = self._source.take(RECORD_BYTES, "the header of a record")
        try:
            header = RecordHeader.parse(head)
            header.check(self._sequence, after=self._rank, encrypted=self._opener.encrypted)
        except Malformed as error:
            raise self._source.corrupt(str(error), offset) from error
        body = self._source.take(header.stored, "a record")
        self._before, self._chain = self._chain, merkle.link(self._chain, head, body)
        if self._source.take(HASH_BYTES, "the hash of a record") != self._chain:
            raise self._source.corrupt(f"record {self._sequence} is damaged", offset)
        self._sequence += 1
        self._rank = header.kind
        return header, head, body

    def _content(
        self, hand: Hand[_Leaf], header: RecordHeader, head: bytes, body: bytes, offset: int
    ) -> Iterator[Content]:
        # Counted before they are decompressed: what is too much is never held.
        if header.kind == Kind.EVENTS and self._events + header.items > self.header.events:
            raise Malformed(f"there are more than the {self.header.events} events that the header counts")
        if not self._opener.opened:
            self._count(header)
            return
        raw = self._opener.raw(header, head, body)
        if header.kind == Kind.EVENTS:
            block = EventBlock(raw, header.items, self.header.first + self._events)
            times = block.times()
            self._times = [*(self._times or times)[:1], times[1]]
            note = partial(self._note, header, times[0])
            hand.do(partial(_hashed, header.kind, raw), note, size=len(raw))
            yield NamedBlock(block, self._source.name, offset, self.header.first)
        elif header.kind == Kind.BLOBS:
            pack = contents.decode_pack(raw, header.items)
            if pack[0].label < self._label:
                raise Malformed("the blobs are not in the order of their labels")
            self._label = pack[-1].label
            hand.do(partial(_hashed_pack, pack), partial(self._note, header, 0), size=len(raw))
            self._blob_bytes += sum(len(blob.data) for blob in pack)
            yield from pack
        else:
            hand.do(partial(_hashed, header.kind, raw), partial(self._note, header, 0), size=len(raw))
            secret = contents.decode_secret(raw)
            if secret.label <= self._secret:
                raise Malformed("the secrets are not in the order of their labels, each once")
            self._secret = secret.label
            yield secret
        self._count(header)

    def _note(self, header: RecordHeader, time: int, leaf: _Leaf) -> None:
        self._index.add(header, leaf.hash, time=time, prefixes=leaf.prefixes)

    def _count(self, header: RecordHeader) -> None:
        self._events += header.items * (header.kind == Kind.EVENTS)
        self._blobs += header.items * (header.kind == Kind.BLOBS)
        self._secrets += header.items * (header.kind == Kind.SECRET)
        self._raw += header.raw

    def _end(self, offset: int, header: RecordHeader, head: bytes, body: bytes) -> None:
        """Read what closes the archive; everything must agree with what was read."""
        while header.kind not in Kind.__members__.values():
            offset = self._source.offset
            header, head, body = self._record(offset)
        index_at, parts = offset, []
        while header.kind == Kind.INDEX:
            if self._opener.opened:
                parts.append(self._raw_of(header, head, body, offset))
            offset = self._source.offset
            header, head, body = self._record(offset)
        self._index.close()
        if self._opener.opened and parts != self._index.parts:
            raise self._source.corrupt("the index does not agree with the records", index_at)
        manifest_at, manifest = offset, self._manifest(header, body, offset)
        offset = self._source.offset
        header, head, note = self._record(offset)
        if header.kind != Kind.FOOTER:
            raise self._source.corrupt("the archive has no footer", offset)
        signed = self._signed(body, note, offset)
        self._trailer(index_at, manifest_at)
        self.info = SnapshotInfo(
            header=self.header,
            manifest=manifest,
            format=VERSION,
            root=signed.root,
            digest=digest_text(signed.root),
            size=self._source.offset,
            signers=signed.signers,
            strangers=signed.strangers,
            opened=self._opener.opened,
        )

    def _raw_of(self, header: RecordHeader, head: bytes, body: bytes, offset: int) -> bytes:
        try:
            return self._opener.raw(header, head, body)
        except Malformed as error:
            raise self._source.corrupt(str(error), offset) from error

    def _manifest(self, header: RecordHeader, body: bytes, offset: int) -> Manifest:
        if header.kind != Kind.MANIFEST:
            raise self._source.corrupt("the archive has no manifest", offset)
        try:
            manifest = decode_manifest(body)
        except Malformed as error:
            raise self._source.corrupt(str(error), offset) from error
        unread = not self._opener.opened
        unknown = (manifest.first_time, manifest.last_time) if unread else (0, 0)
        first, last = self._times or unknown
        counted = Manifest(
            events=self._events,
            blobs=self._blobs,
            blob_bytes=manifest.blob_bytes if unread else self._blob_bytes,
            secrets=self._secrets,
            raw=self._raw,
            first_time=first,
            last_time=last,
            omitted=manifest.omitted,
        )
        if manifest != counted or self._events != self.header.events:
            raise self._source.corrupt("the manifest does not agree with the records", offset)
        return manifest

    def _signed(self, raw: bytes, note: bytes, offset: int) -> Signed:
        try:
            signed = self._opener.footer(note, self._before)
        except Malformed as error:
            raise self._source.corrupt(str(error), offset) from error
        root = merkle.archive_root(self.header, self._index.leaves, raw)
        if self._opener.opened and root != signed.root:
            raise self._source.corrupt("the contents are not those that the footer names", offset)
        return signed

    def _trailer(self, index_at: int, manifest_at: int) -> None:
        offset = self._source.offset
        found = self._source.take(TRAILER.size, "its last bytes")
        if found != TRAILER.pack(index_at, manifest_at, self._chain, END_MAGIC):
            raise self._source.corrupt("the last bytes are damaged", offset)
        self._source.finish()


class Snapshot(NamedTuple):
    """A verified archive in full, in memory. `rows` are the events as the journal keeps them."""

    info: SnapshotInfo
    rows: tuple[StoredRow, ...]
    blobs: tuple[contents.Blob, ...]
    secrets: tuple[contents.Secret, ...]


def read_snapshot(source: BinaryIO, *, name: str, access: Access | None = None) -> Snapshot:
    """Return the archive's contents, everything verified. Raises what `open_reader` and its reading raise."""
    rows: list[StoredRow] = []
    blobs: list[contents.Blob] = []
    secrets: list[contents.Secret] = []
    reader = open_reader(source, name=name, access=access)
    for item in reader.contents():
        match item:
            case contents.Blob():
                blobs.append(item)
            case contents.Secret():
                secrets.append(item)
            case _:
                rows += item.rows()
    return Snapshot(summary(reader), tuple(rows), tuple(blobs), tuple(secrets))


def verify_snapshot(
    source: BinaryIO, *, name: str, access: Access | None = None, thorough: bool = False
) -> SnapshotInfo:
    """Verify every byte, holding one record at a time: that they are what was written, and signed.

    What somebody wrote may still be no events; `thorough` sees to that, too, as `read_snapshot` does.
    With `Access.keyless` an encrypted archive is verified as far as that goes: see `SnapshotInfo.opened`.
    """
    reader = open_reader(source, name=name, access=access)
    for item in reader.contents():
        if thorough and not isinstance(item, contents.Blob | contents.Secret):
            item.check()
    return summary(reader)


def summary(reader: Reader) -> SnapshotInfo:
    """Return what is known of an archive that was read to its end."""
    if reader.info is None:
        raise ValueError("the archive was not read to its end")
    return reader.info
