"""The bytes of a snapshot archive, format 1.0, which is read for ever and not written any more.

`docs/archive-format-1.md` says the same in prose; the golden file in ``tests/golden`` stays as it is.
"""

import struct
import zlib
from enum import IntEnum
from typing import Annotated, Final, NamedTuple, Self, TypeVar

import msgspec

from ...engine.journal.codec import StoredRow
from ..format import Malformed

MAGIC: Final = b"\x89KSN\r\n\x1a\n"
"""As PNG does: a high bit, a CR LF, a Ctrl-Z and a lone LF each find one way of mangling text."""
END_MAGIC: Final = b"KSNPEND\n"
SYNC: Final = b"KSR\x01"

MAJOR: Final = 1
MINOR: Final = 0
VERSION: Final = f"{MAJOR}.{MINOR}"

PREAMBLE: Final = struct.Struct("<8sHHI")
"""Magic, major, minor, length of the header. This and the header's hash stay in every version."""
HASH_BYTES: Final = 32
TRAILER_BYTES: Final = HASH_BYTES + len(END_MAGIC)

MAX_HEADER_BYTES: Final = 64 * 1024
MAX_RAW_BYTES: Final = 8 * 1024 * 1024
MAX_STORED_BYTES: Final = MAX_RAW_BYTES + 64 * 1024
"""zstd grows what it cannot compress by less than 1/256."""
MAX_ROWS: Final = 65_536
MAX_EVENTS: Final = 1_000_000
MAX_TOTAL_BYTES: Final = 512 * 1024 * 1024
"""Of all events, uncompressed: what a reader that keeps them may have to hold."""
MAX_TAG_LENGTH: Final = 100
MAX_TIME: Final = 253_402_300_799_999_999
"""The last microsecond of the year 9999."""

_Count = Annotated[int, msgspec.Meta(ge=1, le=MAX_EVENTS)]
_Time = Annotated[int, msgspec.Meta(ge=0, le=MAX_TIME)]
_Label = Annotated[str, msgspec.Meta(min_length=1, max_length=63)]
_Id = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{32}\Z")]
_Sha256 = Annotated[bytes, msgspec.Meta(min_length=HASH_BYTES, max_length=HASH_BYTES)]

_T = TypeVar("_T")


class SnapshotHeader(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="format",
    tag="kubisnap-snapshot",
):
    """What an archive says of itself, ahead of the events. Times in microseconds since 1970 UTC.

    `position` is the version of the last event, `events` their number: equal in this format.
    `tool` names the program that wrote it and its version.
    """

    cluster_id: _Id
    cluster_name: _Label
    position: _Count
    events: _Count
    first_time: _Time
    last_time: _Time
    created: _Time
    tool: _Label


class End(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The body of the last record: what the writer counted, for the reader to agree with."""

    events: int
    blocks: int
    uncompressed: int
    digest: _Sha256


class Kind(IntEnum):
    """What a record holds."""

    EVENTS = 0x01
    END = 0x1F


_RECORD = struct.Struct("<4sBBHQIII")
_CRC = struct.Struct("<I")
RECORD_BYTES: Final = _RECORD.size + _CRC.size
_FLAGS = {Kind.EVENTS: 0x01, Kind.END: 0x00}
"""0x01: the body is one zstd frame. Follows from the kind in this format, and is checked."""


class RecordHeader(NamedTuple):
    """The 32 bytes ahead of each body."""

    kind: Kind
    sequence: int
    stored: int
    raw: int
    items: int

    def pack(self) -> bytes:
        """Return the bytes."""
        head = _RECORD.pack(
            SYNC, self.kind, _FLAGS[self.kind], 0, self.sequence, self.stored, self.raw, self.items
        )
        return head + _CRC.pack(zlib.crc32(head))

    @classmethod
    def parse(cls, data: bytes, sequence: int) -> Self:
        """Return the header of the record that should be number `sequence`, every limit checked."""
        sync, kind, flags, reserved, found, stored, raw, items = _RECORD.unpack_from(data)
        if _CRC.unpack_from(data, _RECORD.size) != (zlib.crc32(data[: _RECORD.size]),):
            raise Malformed("the header of a record is damaged")
        if sync != SYNC or kind not in _FLAGS or flags != _FLAGS[Kind(kind)] or reserved:
            raise Malformed(f"a record is none of those of format {VERSION}")
        if found != sequence:
            raise Malformed(f"record {found} is where record {sequence} should be")
        header = cls(Kind(kind), found, stored, raw, items)
        header._check_limits()
        return header

    def _check_limits(self) -> None:
        if self.stored > MAX_STORED_BYTES or self.raw > MAX_RAW_BYTES or self.items > MAX_ROWS:
            raise Malformed("a record claims to be larger than any may be")
        if self.kind is Kind.EVENTS and not self.items:
            raise Malformed("a record holds no events")
        if self.kind is Kind.END and (self.items or self.stored != self.raw):
            raise Malformed("the end record contradicts itself")


_ENCODER = msgspec.msgpack.Encoder()
_HEADERS = msgspec.msgpack.Decoder(SnapshotHeader)
_ENDS = msgspec.msgpack.Decoder(End)
_ROWS = msgspec.msgpack.Decoder(list[StoredRow])
_ARRAY32 = struct.Struct(">BI")

encode_row = _ENCODER.encode


def encode_header(header: SnapshotHeader) -> bytes:
    """Return the header's bytes. Raises Malformed where a reader would refuse them."""
    try:
        data = _ENCODER.encode(header)
    except (OverflowError, UnicodeEncodeError) as error:
        raise Malformed("the header holds a number or a text that cannot be written") from error
    decode_header(data)
    return data


def decode_header(data: bytes) -> SnapshotHeader:
    """Return the header, its values checked."""
    header = _canonical(_HEADERS, data, "the header")
    if not (header.cluster_name.isprintable() and header.tool.isprintable()):
        raise Malformed("the header holds characters that cannot be printed")
    if header.position != header.events:
        raise Malformed(f"the header counts {header.events} events up to number {header.position}")
    return header


def encode_end(end: End) -> bytes:
    """Return the end record's body."""
    return _ENCODER.encode(end)


def decode_end(data: bytes) -> End:
    """Return the end record's body."""
    return _canonical(_ENDS, data, "the end record")


def _canonical(decoder: msgspec.msgpack.Decoder[_T], data: bytes, what: str) -> _T:
    # The decoder's own words are not passed on: they may quote the file, down to control characters.
    try:
        value = decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed(f"{what} is not what format {VERSION} says") from error
    if _ENCODER.encode(value) != data:
        raise Malformed(f"{what} is not in its one encoding")
    return value


def decode_rows(raw: bytes, count: int, first: int) -> list[StoredRow]:
    """Return the `count` rows that `raw` consists of, numbered from `first`.

    In the file rows stand one after the other without an array around them, so that their bytes,
    block after block, do not depend on where blocks begin.
    """
    try:
        rows = _ROWS.decode(_ARRAY32.pack(0xDD, count) + raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Malformed("a block of events is not what its header says") from error
    if b"".join(map(encode_row, rows)) != raw:
        raise Malformed("a block of events is not in its one encoding")
    for version, row in enumerate(rows, first):
        check_row(row, version)
    return rows


def check_row(row: StoredRow, version: int) -> None:
    """Raise Malformed unless the row is event number `version` and has a tag that can be printed."""
    if row.version != version:
        raise Malformed(f"event {row.version} is where event {version} should be")
    if not 0 < len(row.tag) <= MAX_TAG_LENGTH or not row.tag.isprintable():
        raise Malformed(f"event {version} has a kind that is empty, too long or cannot be printed")
