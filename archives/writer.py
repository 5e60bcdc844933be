"""Writes a snapshot archive in one pass, to anything that takes bytes.

Holds one record at a time and never goes back: the sink may be a pipe. What is cut short, by an error
here or outside, has no footer and no trailer, and is refused by the reader.
"""

import hashlib
import os
from collections.abc import Callable, Collection, Container, Iterable, Iterator
from functools import partial
from typing import BinaryIO, Final, NamedTuple

import msgspec

from ..engine.journal.codec import StoredRow
from . import blobs as contents
from . import columns, frames, merkle
from .errors import ArchiveUnwritable
from .format import (
    END_MAGIC,
    MAGIC,
    MAJOR,
    MAX_OMITTED,
    MAX_RAW_BYTES,
    MINOR,
    PREAMBLE,
    SECRET_CLASS,
    TAG_BYTES,
    TRAILER,
    VERSION,
    Kind,
    Malformed,
    Manifest,
    RecordHeader,
    SnapshotHeader,
    check_label,
    decode_manifest,
    encode,
    encode_header,
    flags_of,
)
from .hands import Hand
from .index import PREFIX, IndexBuilder
from .info import SnapshotInfo, digest_text
from .sealing import Recipients, RecordKeys, SealingError, seal
from .signing import SigningError, SigningKey
from .statement import encode_footer, statement

EVENTS_LEVEL: Final = 6
BLOBS_LEVEL: Final = 9
"""Of zstd. Events are many and new each time; blobs are few, and stay."""


class _Output:
    """The sink, with the chain that runs along and the number of the next record."""

    def __init__(self, sink: BinaryIO, keys: RecordKeys | None) -> None:
        self._sink = sink
        self._keys = keys
        self.header_hash = b""
        self.chain = b""
        self.size = 0
        self._sequence = 0

    def _write(self, data: bytes) -> None:
        self.size += len(data)
        rest = memoryview(data)
        while rest:
            # An unbuffered pipe may take less than it is given.
            rest = rest[self._sink.write(rest) :]

    def start(self, header: bytes) -> None:
        """Write preamble, header and their hash, with which the chain begins."""
        start = PREAMBLE.pack(MAGIC, MAJOR, MINOR, len(header)) + header
        self.header_hash = self.chain = hashlib.sha256(start).digest()
        self._write(start + self.chain)

    def record(self, kind: Kind, body: bytes, raw: int = -1, items: int = 0) -> RecordHeader:
        """Write one record and go on with the chain. `raw` is its length before it was compressed."""
        raw = len(body) if raw < 0 else raw
        if raw > MAX_RAW_BYTES:
            raise Malformed("more was to be put into one record than fits")
        flags = flags_of(kind, encrypted=self._keys is not None)
        sealed = self._keys is not None and flags != flags_of(kind, encrypted=False)
        stored = len(body) + (TAG_BYTES if sealed else 0)
        header = RecordHeader(kind, flags, self._sequence, stored, raw, items)
        head = header.pack()
        if sealed and self._keys is not None:
            klass = SECRET_CLASS if kind is Kind.SECRET else 0
            body = self._keys.encrypt(self.header_hash, head, self._sequence, klass, body)
        self.chain = merkle.link(self.chain, head, body)
        self._sequence += 1
        self._write(head)
        self._write(body)
        self._write(self.chain)
        return header

    def finish(self, index: int, manifest: int) -> None:
        """Write the trailer."""
        self._write(TRAILER.pack(index, manifest, self.chain, END_MAGIC))


class _Ready(NamedTuple):
    """A record's body as it is stored but for encryption, and its leaf in the tree."""

    body: bytes
    leaf: bytes


def _compressed_events(raw: bytes) -> _Ready:
    return _Ready(frames.compress(raw, EVENTS_LEVEL), merkle.leaf(Kind.EVENTS, raw))


def _compressed_blobs(raw: bytes, pack: list[contents.Hashed]) -> _Ready:
    named = ((item.blob.label, item.digest) for item in pack)
    return _Ready(frames.compress(raw, BLOBS_LEVEL), merkle.leaf_of_blobs(Kind.BLOBS, named))


class _Content:
    """Writes what an archive holds, and counts it."""

    def __init__(self, output: _Output, header: SnapshotHeader) -> None:
        self._output = output
        self._header = header
        self.index = IndexBuilder()
        self.events = self.blobs = self.blob_bytes = self.secrets = self.raw = 0
        self.first_time = self.last_time = 0

    def write_events(self, rows: Iterable[StoredRow]) -> None:
        """Write the log, which must be the events that the header says."""
        due, packed_so_far = self._header.events, 0
        with Hand[_Ready]() as hand:
            for block in columns.blocks(rows):
                packed = columns.pack(block, self._header.first + packed_so_far)
                packed_so_far += packed.events
                if packed_so_far > due:
                    raise Malformed(f"there are more than the {due} events that the header counts")
                job = partial(_compressed_events, packed.raw)
                hand.do(job, partial(self._write_block, packed), size=len(packed.raw))
        if packed_so_far != due:
            raise Malformed(f"the header counts {due} events, there are {packed_so_far}")

    def _write_block(self, packed: columns.Packed, ready: _Ready) -> None:
        if not self.events:
            self.first_time = packed.first_time
        self.last_time = packed.last_time
        self.events += packed.events
        self._write(Kind.EVENTS, ready, len(packed.raw), packed.events, time=packed.first_time)

    def _write(
        self, kind: Kind, ready: _Ready, raw: int, items: int, *, time: int = 0, prefixes: bytes = b""
    ) -> None:
        header = self._output.record(kind, ready.body, raw, items)
        self.index.add(header, ready.leaf, time=time, prefixes=prefixes)
        self.raw += raw

    def write_blobs(self, blobs: Iterable[contents.Blob], known: Container[bytes]) -> None:
        """Write the blobs, each content once, and none that is known from the parents."""
        seen: set[bytes] = set()

        def new() -> Iterator[contents.Hashed]:
            for blob in blobs:
                digest = blob.digest
                if digest not in seen and digest not in known:
                    seen.add(digest)
                    yield contents.Hashed(blob, digest)

        with Hand[_Ready]() as hand:
            for pack in contents.packs(new()):
                raw = contents.encode_pack([item.blob for item in pack])
                job = partial(_compressed_blobs, raw, pack)
                hand.do(job, partial(self._write_pack, pack, len(raw)), size=len(raw))

    def _write_pack(self, pack: list[contents.Hashed], raw: int, ready: _Ready) -> None:
        prefixes = b"".join(item.digest[:PREFIX] for item in pack)
        self._write(Kind.BLOBS, ready, raw, len(pack), prefixes=prefixes)
        self.blobs += len(pack)
        self.blob_bytes += sum(len(item.blob.data) for item in pack)

    def write_secrets(self, secrets: Iterable[contents.Secret], random: Callable[[int], bytes]) -> None:
        """Write the secrets, each alone in its record and under a key of their own."""
        for secret in secrets:
            raw = contents.encode_secret(secret, random(32))
            self._write(Kind.SECRET, _Ready(raw, merkle.leaf(Kind.SECRET, raw)), len(raw), 1)
            self.secrets += 1

    def manifest(self, omitted: tuple[str, ...]) -> Manifest:
        """Return what was written, in numbers."""
        return Manifest(
            events=self.events,
            blobs=self.blobs,
            blob_bytes=self.blob_bytes,
            secrets=self.secrets,
            raw=self.raw,
            first_time=self.first_time,
            last_time=self.last_time,
            omitted=omitted,
        )


def write_snapshot(
    sink: BinaryIO,
    header: SnapshotHeader,
    rows: Iterable[StoredRow],
    *,
    blobs: Iterable[contents.Blob] = (),
    secrets: Collection[contents.Secret] = (),
    known: Container[bytes] = frozenset(),
    recipients: Recipients | None = None,
    sign_with: Collection[SigningKey] = (),
    name: str = "the snapshot",
    random: Callable[[int], bytes] = os.urandom,
) -> SnapshotInfo:
    """Write the archive to `sink` and return what a reader will find in it.

    The rows are taken one by one and must be the events that the header says; blobs come in the order
    of their labels, each content is written once, and those whose digest is `known` from the parents
    not at all. With `recipients` everything but the header, the manifest and the footer is encrypted;
    without, `secrets` are left out, and named in the manifest. Same input, same bytes, unless it is
    encrypted: then `random` is drawn from. Raises `ArchiveUnwritable` where something does not fit the
    format; an OSError of the sink passes through, as only its owner knows what a closed pipe means.
    """
    try:
        sealed, keys = (None, None) if recipients is None else seal(recipients, random=random)
        header = msgspec.structs.replace(header, sealed=sealed)
        output = _Output(sink, keys)
        output.start(encode_header(header))
        content = _Content(output, header)
        content.write_events(rows)
        content.write_blobs(blobs, known)
        ordered = sorted(secrets)
        _check_secrets(ordered)
        if keys is not None:
            content.write_secrets(ordered, random)
        omitted = () if keys is not None else tuple(secret.label for secret in ordered)
        return _end(output, header, content, content.manifest(omitted), sign_with)
    except (Malformed, SealingError, SigningError) as error:
        raise ArchiveUnwritable(name, str(error)) from error


def _check_secrets(ordered: list[contents.Secret]) -> None:
    labels = [secret.label for secret in ordered]
    for label in labels:
        check_label(label)
    if len(set(labels)) < len(labels):
        raise Malformed("two secrets have one label")
    if len(labels) > MAX_OMITTED:
        raise Malformed(f"there are more than {MAX_OMITTED} secrets")


def _end(
    output: _Output,
    header: SnapshotHeader,
    content: _Content,
    manifest: Manifest,
    sign_with: Collection[SigningKey],
) -> SnapshotInfo:
    """Write what closes an archive: index, manifest, footer, trailer."""
    index_at = output.size
    content.index.close()
    for part in content.index.parts:
        output.record(Kind.INDEX, part)
    manifest_at = output.size
    raw = encode(manifest)
    decode_manifest(raw)  # what no reader would take is not written
    output.record(Kind.MANIFEST, raw)
    root = merkle.archive_root(header, content.index.leaves, raw)
    output.record(Kind.FOOTER, encode_footer(statement(header, root, output.chain), sign_with))
    output.finish(index_at, manifest_at)
    return SnapshotInfo(
        header=header,
        manifest=manifest,
        format=VERSION,
        root=root,
        digest=digest_text(root),
        size=output.size,
        signers=tuple(sorted(key.name for key in sign_with)),
    )
