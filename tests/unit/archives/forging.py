"""A forger's toolbox: archives piece by piece, every checksum and hash right, contents as one likes.

Whoever has no key can do all of this to a plain archive. `keys` are those of an insider, who can read
an encrypted one.
"""

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Self

import msgspec

from kubisnap.archives import Blob, Manifest, SigningKey, SnapshotHeader, columns, frames, merkle
from kubisnap.archives import blobs as contents
from kubisnap.archives.format import END_MAGIC, MAGIC, SYNC, TRAILER, Kind, RecordHeader, decode_header
from kubisnap.archives.index import PREFIX, IndexBuilder
from kubisnap.archives.sealing import RecordKeys
from kubisnap.archives.statement import encode_footer, statement
from kubisnap.engine.journal.codec import StoredRow

encode = msgspec.msgpack.encode


def head_of(
    kind: int,
    flags: int,
    sequence: int,
    stored: int,
    raw: int,
    items: int,
    *,
    klass: int | None = None,
    sync: bytes = SYNC,
) -> bytes:
    """A record's header, its checksum right."""
    klass = int(kind == Kind.SECRET) if klass is None else klass
    head = struct.pack("<4sBBHQIII", sync, kind, flags, klass, sequence, stored, raw, items)
    return head + struct.pack("<I", zlib.crc32(head))


class Forge:
    """Writes an archive, and counts as the writer does; what is `changed` is changed before any hash."""

    def __init__(
        self,
        header: SnapshotHeader | bytes,
        *,
        version: tuple[int, int] = (2, 0),
        keys: RecordKeys | None = None,
    ) -> None:
        body = header if isinstance(header, bytes) else encode(header)
        start = struct.pack("<8sHHI", MAGIC, *version, len(body)) + body
        self.header = header
        self.hash = self.chain = hashlib.sha256(start).digest()
        self.data = start + self.chain
        self.sequence = 0
        self.keys = keys
        self.index = IndexBuilder()
        self.counts = dict.fromkeys(("events", "blobs", "blob_bytes", "secrets", "raw"), 0)
        self.times: list[int] = []

    def record(self, kind: int, raw: bytes, items: int = 0, **changed: Any) -> bytes:
        """One record. `changed` may hold body, flags, sequence, stored, length, klass, sync."""
        packed = kind in {Kind.EVENTS, Kind.BLOBS}
        sealed = self.keys is not None and kind not in {Kind.MANIFEST, Kind.FOOTER}
        body: bytes = changed.get("body", frames.compress(raw, 3) if packed else raw)
        head = head_of(
            kind,
            changed.get("flags", packed | sealed << 1),
            changed.get("sequence", self.sequence),
            changed.get("stored", len(body) + 16 * sealed),
            changed.get("length", len(raw)),
            items,
            klass=changed.get("klass"),
            sync=changed.get("sync", SYNC),
        )
        if sealed and self.keys is not None:
            body = self.keys.encrypt(self.hash, head, self.sequence, int(kind == Kind.SECRET), body)
        self.chain = hashlib.sha256(self.chain + head + body).digest()
        self.data += head + body + self.chain
        self.sequence += 1
        return head

    def content(
        self,
        kind: int,
        raw: bytes,
        items: int,
        *,
        leaf: bytes | None = None,
        time: int = 0,
        prefixes: bytes = b"",
        **changed: Any,
    ) -> Self:
        """A record that counts, and stands in the index."""
        header = RecordHeader.parse(self.record(kind, raw, items, **changed))
        self.index.add(header, leaf or merkle.leaf(kind, raw), time=time, prefixes=prefixes)
        self.counts["raw"] += len(raw)
        return self

    def block(self, raw: bytes, items: int, **changed: Any) -> Self:
        """A block of events of any bytes."""
        first, last = struct.unpack_from(">QQ", raw.ljust(16, b"\0"))
        self.times = [*(self.times or [first])[:1], last]
        self.counts["events"] += items
        return self.content(Kind.EVENTS, raw, items, time=first, **changed)

    def events(self, rows: Sequence[StoredRow], **changed: Any) -> Self:
        """A block of events as it should be."""
        return self.block(columns.pack(rows, rows[0].version).raw, len(rows), **changed)

    def pack(self, blobs: Sequence[Blob], raw: bytes | None = None, **changed: Any) -> Self:
        """A pack of blobs."""
        names = [(blob.label, blob.digest) for blob in blobs]
        self.counts["blobs"] += len(blobs)
        self.counts["blob_bytes"] += sum(len(blob.data) for blob in blobs)
        given = {
            "leaf": merkle.leaf_of_blobs(Kind.BLOBS, names),
            "prefixes": b"".join(digest[:PREFIX] for _, digest in names),
        }
        raw = contents.encode_pack(list(blobs)) if raw is None else raw
        return self.content(Kind.BLOBS, raw, len(blobs), **(given | changed))

    def secret(self, raw: bytes, **changed: Any) -> Self:
        """A secret of any bytes."""
        self.counts["secrets"] += 1
        return self.content(Kind.SECRET, raw, 1, **changed)

    def manifest(self) -> Manifest:
        """What was counted."""
        first, last = self.times or (0, 0)
        return Manifest(
            events=self.counts["events"],
            blobs=self.counts["blobs"],
            blob_bytes=self.counts["blob_bytes"],
            secrets=self.counts["secrets"],
            raw=self.counts["raw"],
            first_time=first,
            last_time=last,
        )

    def close(
        self,
        *,
        parts: Callable[[list[bytes]], list[bytes]] = list,
        manifest: dict[str, Any] | bytes | None = None,
        root: bytes | None = None,
        note: Callable[[str], bytes] | None = None,
        keys: Iterable[SigningKey] = (),
        trailer: Callable[[int, int, bytes], bytes] | None = None,
    ) -> bytes:
        """The archive, closed as it should be but for what is given."""
        index_at = len(self.data)
        self.index.close()
        for part in parts(self.index.parts):
            self.record(Kind.INDEX, part)
        manifest_at = len(self.data)
        raw = (
            manifest
            if isinstance(manifest, bytes)
            else encode(msgspec.structs.replace(self.manifest(), **(manifest or {})))
        )
        self.record(Kind.MANIFEST, raw)
        self.footer(raw, root, note, keys)
        last = (trailer or (lambda *at: TRAILER.pack(*at, END_MAGIC)))(index_at, manifest_at, self.chain)
        return self.data + last

    def footer(
        self,
        manifest: bytes,
        root: bytes | None,
        note: Callable[[str], bytes] | None,
        keys: Iterable[SigningKey],
    ) -> None:
        header = decode_header(self.header) if isinstance(self.header, bytes) else self.header
        parent = None if header.parent is None else header.parent.root
        start = merkle.start_leaf(header.cluster_id, header.first, parent)
        leaves = [start, *self.index.leaves, merkle.leaf(Kind.MANIFEST, manifest)]
        text = statement(header, root or merkle.root(leaves), self.chain)
        self.record(Kind.FOOTER, note(text) if note else encode_footer(text, list(keys)))


class Record(NamedTuple):
    head: bytes
    body: bytes
    chain: bytes

    @property
    def kind(self) -> int:
        return self.head[4]

    def bytes(self) -> bytes:
        return b"".join(self)


class Apart(NamedTuple):
    """An archive in pieces."""

    start: bytes
    records: list[Record]
    trailer: bytes


def apart(data: bytes) -> Apart:
    """Take an archive apart."""
    begin = place = 16 + struct.unpack_from("<I", data, 12)[0] + 32
    records = []
    while place < len(data) - TRAILER.size:
        (length,) = struct.unpack_from("<I", data, place + 16)
        head, body, chain = place + 32, place + 32 + length, place + 64 + length
        records.append(Record(data[place:head], data[head:body], data[body:chain]))
        place = chain
    return Apart(data[:begin], records, data[place:])


def glued(start: bytes, records: Iterable[Record], trailer: bytes) -> bytes:
    """Put pieces together as they are."""
    return start + b"".join(record.bytes() for record in records) + trailer


def rechained(start: bytes, records: Iterable[Record], *, numbered: bool = True) -> bytes:
    """Put pieces together with numbers, checksums, chain, statement and trailer made right.

    What a forger can do who has no key: signatures are left as they are, bodies too.
    """
    data, chain, offsets = start, start[-32:], dict[int, int]()
    for number, record in enumerate(records):
        offsets.setdefault(record.kind, len(data))
        body = record.body
        if record.kind == Kind.FOOTER:
            said = b"chain " + chain.hex().encode()
            body = b"\n".join(said if line.startswith(b"chain ") else line for line in body.split(b"\n"))
        _, kind, flags, klass, sequence, _, raw, items = struct.unpack_from("<4sBBHQIII", record.head)
        raw = raw if flags & 1 else len(body) - 16 * (flags >> 1 & 1)
        head = head_of(kind, flags, number if numbered else sequence, len(body), raw, items, klass=klass)
        chain = hashlib.sha256(chain + head + body).digest()
        data += head + body + chain
    manifest_at = offsets.get(Kind.MANIFEST, 0)
    return data + TRAILER.pack(offsets.get(Kind.INDEX, manifest_at), manifest_at, chain, END_MAGIC)
