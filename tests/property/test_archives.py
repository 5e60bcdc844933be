"""Archives: every log comes back, every change of any byte is found, no bytes do worse than an error."""

import hashlib
import io
import struct
import zlib
from unittest.mock import patch

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kubisnap.archives import SnapshotHeader, frames, read_snapshot, verify_snapshot, write_snapshot, writer
from kubisnap.archives.format import MAGIC, RECORD_BYTES, RecordHeader
from kubisnap.engine.errors import ArchiveError, CorruptArchive, UnsupportedArchive
from kubisnap.engine.journal.codec import StoredRow

times = st.integers(0, 253_402_300_799_999_999)
printable = st.characters(exclude_categories=("C", "Z"), include_characters=" ")
labels = st.text(printable, min_size=1, max_size=63)
logs = st.lists(
    st.tuples(st.text(printable, min_size=1, max_size=100), st.binary(max_size=200)),
    min_size=1,
    max_size=60,
).map(lambda events: tuple(StoredRow(n, *event) for n, event in enumerate(events, 1)))


def header_for(count: int, **changed: object) -> SnapshotHeader:
    fields: dict[str, object] = {
        "cluster_id": "0123456789abcdef" * 2,
        "cluster_name": "web",
        "position": count,
        "events": count,
        "first_time": 1,
        "last_time": 2,
        "created": 3,
        "tool": "kubisnap 0.1.0",
    }
    return msgspec.convert({"format": "kubisnap-snapshot", **fields, **changed}, SnapshotHeader)


def written(header: SnapshotHeader, rows: tuple[StoredRow, ...], block: int = 4096) -> bytes:
    sink = io.BytesIO()
    with patch.object(writer, "BLOCK_ROWS", block):
        write_snapshot(sink, header, rows)
    return sink.getvalue()


SMALL = written(header_for(3), tuple(StoredRow(n, "kind", b"state") for n in (1, 2, 3)), block=1)


def refused(data: bytes) -> None:
    """Both ways of reading raise one of the two errors, and nothing else."""
    for read in (read_snapshot, verify_snapshot):
        with pytest.raises((CorruptArchive, UnsupportedArchive)):
            read(io.BytesIO(data), name="x")


def records_of(data: bytes) -> tuple[bytes, list[bytes], bytes]:
    """Return what stands before the records, the records, and the trailer."""
    begin = place = 16 + struct.unpack_from("<I", data, 12)[0] + 32
    records: list[bytes] = []
    while place < len(data) - 40:
        head = RecordHeader.parse(data[place : place + RECORD_BYTES], len(records))
        length = RECORD_BYTES + head.stored + 32
        records.append(data[place : place + length])
        place += length
    return data[:begin], records, data[place:]


@given(logs, labels, labels, times, times, times, st.integers(1, 70))
def test_any_log_comes_back_as_it_was(
    rows: tuple[StoredRow, ...], name: str, tool: str, first: int, last: int, created: int, block: int
) -> None:
    header = header_for(
        len(rows), cluster_name=name, tool=tool, first_time=first, last_time=last, created=created
    )
    data = written(header, rows, block)
    snapshot = read_snapshot(io.BytesIO(data), name="x")
    assert snapshot.rows == rows
    assert snapshot.info.header == header
    assert snapshot.info.size == len(data)
    assert verify_snapshot(io.BytesIO(data), name="x") == snapshot.info
    assert written(header, rows, block) == data


@given(logs, logs)
def test_two_logs_have_the_same_digest_only_if_they_are_the_same(
    one: tuple[StoredRow, ...], two: tuple[StoredRow, ...]
) -> None:
    digests = [write_snapshot(io.BytesIO(), header_for(len(rows)), rows).digest for rows in (one, two)]
    assert (digests[0] == digests[1]) == (one == two)


def test_every_single_flipped_bit_is_found() -> None:
    for place in range(len(SMALL) * 8):
        flipped = bytearray(SMALL)
        flipped[place // 8] ^= 1 << place % 8
        refused(bytes(flipped))


def test_every_single_changed_inserted_or_missing_byte_is_found() -> None:
    for place in range(len(SMALL)):
        before, after = SMALL[:place], SMALL[place + 1 :]
        refused(before + after)
        for value in (0x00, 0x0A, 0xFF):
            refused(before + bytes([value]) + SMALL[place:])
            if SMALL[place] != value:
                refused(before + bytes([value]) + after)


def test_every_truncation_is_found() -> None:
    for length in range(len(SMALL)):
        refused(SMALL[:length])


def test_every_dropped_repeated_or_exchanged_record_is_found() -> None:
    start, records, trailer = records_of(SMALL)
    assert len(records) == 4
    numbers = range(len(records))
    orders = [
        *([n for n in numbers if n != dropped] for dropped in numbers),
        *([*range(twice + 1), *range(twice, len(records))] for twice in numbers),
        *(sorted(numbers, key=lambda n: {a: b, b: a}.get(n, n)) for a in numbers for b in numbers if a < b),
        [],
    ]
    assert start + b"".join(records) + trailer == SMALL
    for order in orders:
        refused(start + b"".join(records[n] for n in order) + trailer)


@given(st.binary(min_size=1))
@example(b"\0")
@example(SMALL)
@example(SMALL[-40:])
def test_appended_bytes_are_found(more: bytes) -> None:
    refused(SMALL + more)


@given(st.data())
def test_any_exchange_of_any_part_is_found(data: st.DataObject) -> None:
    begin, end = sorted(data.draw(st.tuples(st.integers(0, len(SMALL)), st.integers(0, len(SMALL)))))
    other = data.draw(
        st.binary(max_size=64) | st.sampled_from([SMALL[end:], SMALL[:begin], SMALL[begin:end] * 2])
    )
    changed = SMALL[:begin] + other + SMALL[end:]
    if changed != SMALL:
        refused(changed)


@given(st.binary())
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    refused(data)
    refused(MAGIC + data)


@given(st.integers(0, 3), st.integers(0, 3), st.binary(max_size=300))
def test_an_arbitrary_header_with_the_right_hash_is_refused(major: int, minor: int, header: bytes) -> None:
    start = struct.pack("<8sHHI", MAGIC, major, minor, len(header)) + header
    with pytest.raises(ArchiveError) as caught:
        read_snapshot(io.BytesIO(start + hashlib.sha256(start).digest()), name="x")
    assert isinstance(caught.value, UnsupportedArchive) == ((major, minor) != (1, 0))


numbers32 = st.integers(0, 2**32 - 1) | st.integers(0, 100)


@given(
    kind=st.sampled_from([0x01, 0x1F]) | st.integers(0, 255),
    flags=st.integers(0, 1) | st.integers(0, 255),
    lengths=st.none() | st.tuples(numbers32, numbers32),
    items=numbers32,
    raw=st.binary(max_size=100),
    packed=st.booleans(),
)
def test_an_arbitrary_record_with_the_right_hashes_is_refused(
    kind: int, flags: int, lengths: tuple[int, int] | None, items: int, raw: bytes, packed: bool
) -> None:
    start, _, _ = records_of(SMALL)
    body = frames.compress(raw) if packed else raw
    head = struct.pack(
        "<4sBBHQIII", b"KSR\x01", kind, flags, 0, 0, *(lengths or (len(body), len(raw))), items
    )
    head += struct.pack("<I", zlib.crc32(head))
    data = start + head + body + hashlib.sha256(start[-32:] + head + body).digest()
    refused(data + hashlib.sha256(data).digest() + b"KSNPEND\n")
