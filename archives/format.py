"""The bytes of a snapshot archive, format 2: constants, limits, structs and their encodings.

Knows neither files nor compression nor keys. `docs/archive-format.md` says the same in prose;
whoever changes a value here changes the format, and the golden files in ``tests/golden`` say so.
"""

import struct
import zlib
from enum import IntEnum
from typing import Annotated, Final, NamedTuple, Self, TypeVar

import msgspec

from .sealing import Sealed

MAGIC: Final = b"\x89KSN\r\n\x1a\n"
"""As PNG does: a high bit, a CR LF, a Ctrl-Z and a lone LF each find one way of mangling text."""
END_MAGIC: Final = b"KSNPEND\n"
SYNC: Final = b"KSR\x01"

MAJOR: Final = 2
MINOR: Final = 0
VERSION: Final = f"{MAJOR}.{MINOR}"

PREAMBLE: Final = struct.Struct("<8sHHI")
"""Magic, major, minor, length of the header. This and the header's hash stay in every version."""
HASH_BYTES: Final = 32
TAG_BYTES: Final = 16
"""What encryption adds to a body."""

MAX_HEADER_BYTES: Final = 64 * 1024
MAX_RAW_BYTES: Final = 8 * 1024 * 1024
"""Of one record, uncompressed: what a reader has to hold at once."""
MAX_STORED_BYTES: Final = MAX_RAW_BYTES + 64 * 1024
"""zstd grows what it cannot compress by less than 1/256."""
MAX_ITEMS: Final = 65_536
MAX_RECORDS: Final = 1 << 24
"""At the usual 1 MiB each 16 TiB: more than anybody has, few enough to list."""
MAX_EVENTS: Final = 1 << 40
MAX_BYTES: Final = 1 << 62
"""More than all records together can hold, and safe to add to."""
MAX_BLOB_BYTES: Final = 4 * 1024 * 1024
"""etcd takes 1.5 MiB for one object; an event may have as much."""
MAX_SECRET_BYTES: Final = 1024 * 1024
MAX_LABEL: Final = 512
MAX_OMITTED: Final = 10_000
MAX_TIME: Final = 253_402_300_799_999_999
"""The last microsecond of the year 9999."""
MAX_NOTE_BYTES: Final = 16 * 1024

Digest = Annotated[bytes, msgspec.Meta(min_length=HASH_BYTES, max_length=HASH_BYTES)]
Time = Annotated[int, msgspec.Meta(ge=0, le=MAX_TIME)]
_Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_EVENTS)]
_Bytes = Annotated[int, msgspec.Meta(ge=0, le=MAX_BYTES)]
_Position = Annotated[int, msgspec.Meta(ge=1, le=MAX_EVENTS)]
_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=63)]
_Id = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
_Label = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_LABEL)]

_T = TypeVar("_T")


class Malformed(ValueError):
    """Bytes that are not what the format says. The reader adds the file's name and the place."""


class Parent(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The archive that an incremental one goes on from: its root and the position of its last event."""

    root: Digest
    position: _Position


class SnapshotHeader(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="format",
    tag="kubisnap-snapshot",
):
    """What an archive says of itself, ahead of the events, readable by everybody.

    It holds the events `first` to `position` of the cluster's log; `parent` is what it goes on from,
    None for a whole log. `tool` names the program that wrote it. `must` lists features that a reader
    has to know; format 2.0 has none. `sealed` holds the wrapped key of an encrypted archive.
    """

    cluster_id: _Id
    cluster_name: _Name
    first: _Position
    position: _Position
    parent: Parent | None
    tool: _Name
    must: tuple[str, ...] = ()
    sealed: Sealed | None = None

    @property
    def events(self) -> int:
        """Return how many events the archive holds."""
        return self.position - self.first + 1


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an archive holds, in numbers; readable by everybody, part of the root.

    `first_time` and `last_time` are those of the first and the last event, in microseconds since 1970
    UTC (the second may be the smaller: clocks differ). `raw` is the contents' length uncompressed,
    `omitted` names the secrets that were left out because nobody asked for encryption.
    """

    events: _Count
    blobs: _Count
    blob_bytes: _Bytes
    secrets: _Count
    raw: _Bytes
    first_time: Time
    last_time: Time
    omitted: Annotated[tuple[_Label, ...], msgspec.Meta(max_length=MAX_OMITTED)] = ()


class Kind(IntEnum):
    """What a record holds. They stand in this order in a file."""

    EVENTS = 0x01
    BLOBS = 0x02
    SECRET = 0x03
    INDEX = 0x12
    MANIFEST = 0x13
    FOOTER = 0x1F


CONTENT: Final = frozenset({Kind.EVENTS, Kind.BLOBS, Kind.SECRET})
SECRET_CLASS: Final = 1

_COMPRESSED: Final = 0x01
_ENCRYPTED: Final = 0x02
IGNORABLE: Final = 0x80
"""A record that a reader who does not know its kind may pass over: between the last kind of content and
the index. No such kind is defined yet."""

_PUBLIC: Final = frozenset({Kind.MANIFEST, Kind.FOOTER})
_RECORD = struct.Struct("<4sBBHQIII")
_CRC = struct.Struct("<I")
RECORD_BYTES: Final = _RECORD.size + _CRC.size

TRAILER: Final = struct.Struct("<QQ32s8s")
"""Where the index and the manifest begin, the last chain value, the end magic."""


def flags_of(kind: Kind, *, encrypted: bool) -> int:
    """Return the flags that a record must have: they follow from its kind and from the file."""
    compressed = _COMPRESSED if kind in {Kind.EVENTS, Kind.BLOBS} else 0
    return compressed | (_ENCRYPTED if encrypted and kind not in _PUBLIC else 0)


class RecordHeader(NamedTuple):
    """The 32 bytes ahead of each body. `items` are events, or blobs."""

    kind: int
    flags: int
    sequence: int
    stored: int
    raw: int
    items: int

    def pack(self) -> bytes:
        """Return the bytes."""
        klass = SECRET_CLASS if self.kind == Kind.SECRET else 0
        head = _RECORD.pack(
            SYNC, self.kind, self.flags, klass, self.sequence, self.stored, self.raw, self.items
        )
        return head + _CRC.pack(zlib.crc32(head))

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Return the header: its checksum, its mark and every limit checked."""
        sync, kind, flags, klass, sequence, stored, raw, items = _RECORD.unpack_from(data)
        if _CRC.unpack_from(data, _RECORD.size) != (zlib.crc32(data[: _RECORD.size]),):
            raise Malformed("the header of a record is damaged")
        if sync != SYNC or klass != (SECRET_CLASS if kind == Kind.SECRET else 0):
            raise Malformed(f"a record is none of those of format {VERSION}")
        if stored > MAX_STORED_BYTES or raw > MAX_RAW_BYTES or items > MAX_ITEMS:
            raise Malformed("a record claims to be larger than any may be")
        if sequence >= MAX_RECORDS:
            raise Malformed("there are more records than an archive may have")
        return cls(kind, flags, sequence, stored, raw, items)

    def check(self, sequence: int, *, after: int, encrypted: bool) -> None:
        """Raise Malformed unless this may be record number `sequence`, and follow one of kind `after`."""
        if self.sequence != sequence:
            raise Malformed(f"record {self.sequence} is where record {sequence} should be")
        if self.kind < after:
            raise Malformed(f"record {sequence} stands after what it must stand before")
        if self.kind not in Kind.__members__.values():
            if self.flags & IGNORABLE and Kind.SECRET < self.kind < Kind.INDEX:
                return
            raise Malformed(f"a record is none of those of format {VERSION}")
        kind = Kind(self.kind)
        expected = flags_of(kind, encrypted=encrypted)
        if (self.flags ^ expected) & _ENCRYPTED:
            raise Malformed(
                "a record is not encrypted in an encrypted archive"
                if encrypted
                else "a record is encrypted in an archive that is not"
            )
        if self.flags != expected:
            raise Malformed(f"a record is none of those of format {VERSION}")
        if kind is Kind.SECRET and not encrypted:
            raise Malformed("a secret is not encrypted")
        extra = TAG_BYTES if expected & _ENCRYPTED else 0
        if not expected & _COMPRESSED and self.stored != self.raw + extra:
            raise Malformed("a record contradicts itself about its length")
        if bool(self.items) != (kind in CONTENT):
            raise Malformed("a record contradicts itself about what it holds")


_ENCODER = msgspec.msgpack.Encoder()
_HEADERS = msgspec.msgpack.Decoder(SnapshotHeader)
_MANIFESTS = msgspec.msgpack.Decoder(Manifest)

encode = _ENCODER.encode


def encode_header(header: SnapshotHeader) -> bytes:
    """Return the header's bytes. Raises Malformed where a reader would refuse them."""
    data = encoded(header, "the header")
    if len(data) > MAX_HEADER_BYTES:
        raise Malformed("the header, with the keys of those who can read, is larger than any may be")
    decode_header(data)
    return data


def encoded(value: object, what: str) -> bytes:
    """Return msgpack. Raises Malformed for a number or a text that msgpack has no form for."""
    try:
        return _ENCODER.encode(value)
    except (OverflowError, UnicodeEncodeError) as error:
        raise Malformed(f"{what} holds a number or a text that cannot be written") from error


def decode_header(data: bytes) -> SnapshotHeader:
    """Return the header, its values checked."""
    header = canonical(_HEADERS, data, "the header")
    if not (header.cluster_name.isprintable() and header.tool.isprintable()):
        raise Malformed("the header holds characters that cannot be printed")
    before = 0 if header.parent is None else header.parent.position
    if header.first != before + 1 or header.position < header.first - (header.parent is not None):
        raise Malformed(f"the header counts from {header.first} to {header.position} after {before}")
    return header


def decode_manifest(data: bytes) -> Manifest:
    """Return the manifest, its values checked."""
    manifest = canonical(_MANIFESTS, data, "the manifest")
    if not all(map(str.isprintable, manifest.omitted)):
        raise Malformed("the manifest holds characters that cannot be printed")
    return manifest


def canonical(decoder: msgspec.msgpack.Decoder[_T], data: bytes, what: str) -> _T:
    """Return what `data` decodes to, refused unless it is in its one encoding."""
    # The decoder's own words are not passed on: they may quote the file, down to control characters.
    try:
        value = decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"{what} is not what format {VERSION} says") from error
    if _ENCODER.encode(value) != data:
        raise Malformed(f"{what} is not in its one encoding")
    return value


def check_label(label: str) -> None:
    """Raise Malformed unless a label may stand in an archive, and on a screen."""
    if not 0 < len(label) <= MAX_LABEL or not label.isprintable():
        raise Malformed("a label is empty, too long, or cannot be printed")
