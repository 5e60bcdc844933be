"""Accidents: each is found, and the error says what happened and where."""

import hashlib
import io
import struct

import msgspec
import pytest

from kubisnap.archives import SnapshotHeader, read_snapshot, verify_snapshot, write_snapshot, writer
from kubisnap.engine.errors import ArchiveError, CorruptArchive, UnsupportedArchive
from kubisnap.engine.journal.codec import StoredRow


def problem_of(data: bytes) -> CorruptArchive:
    """The error that both ways of reading raise."""
    with pytest.raises(CorruptArchive) as read:
        read_snapshot(io.BytesIO(data), name="web.ksnap")
    with pytest.raises(CorruptArchive) as verified:
        verify_snapshot(io.BytesIO(data), name="web.ksnap")
    assert str(read.value) == str(verified.value)
    assert read.value.name == "web.ksnap"
    return read.value


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "the file is empty"),
        (b"\x89", "cut off: the file ends within its first bytes"),
        (b"\x89KSN\r\n\x1a", "cut off: the file ends within its first bytes"),
        (b"\x89KSN\r\n\x1a\n", "cut off: the file ends within its first bytes"),
        (b"cluster: web\n", "this is not a snapshot archive"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00", "this is not a snapshot archive"),
        (b"a", "this is not a snapshot archive"),
        (b"\x89KSN\n\x1a\nxxxx", "the first bytes are damaged, as by a transfer in text mode"),
        (b"\x09KSN\r\n\x1a\nxxx", "the first bytes are damaged, as by a transfer in text mode"),
        (b"\xc2\x89KSN\r\n\x1a\n", "the first bytes are damaged, as by a transfer in text mode"),
    ],
)
def test_a_file_that_does_not_begin_as_an_archive_is_called_what_it_is(data: bytes, problem: str) -> None:
    assert problem_of(data).problem == problem


def test_a_cut_off_archive_says_where_it_ends(archive: bytes) -> None:
    error = problem_of(archive[:-10])
    assert error.problem == "cut off: the file ends within its last bytes"
    assert error.offset == len(archive) - 10


def test_a_damaged_block_is_named_with_its_place(
    header: SnapshotHeader, rows: tuple[StoredRow, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "BLOCK_ROWS", 2)
    sink = io.BytesIO()
    write_snapshot(sink, header, rows)
    data = bytearray(sink.getvalue())
    second = data.index(b"KSR\x01", data.index(b"KSR\x01") + 1)
    data[second + 40] ^= 1
    error = problem_of(bytes(data))
    assert error.problem == "record 1 is damaged"
    assert error.offset == second


def test_a_damaged_length_is_found_before_it_is_believed(archive: bytes) -> None:
    data = bytearray(archive)
    data[data.index(b"KSR\x01") + 18] ^= 0x40
    assert problem_of(bytes(data)).problem == "the header of a record is damaged"


def test_a_damaged_trailer_is_found(archive: bytes) -> None:
    for place in (-1, -20):
        data = bytearray(archive)
        data[place] ^= 1
        error = problem_of(bytes(data))
        assert error.problem == "the last bytes are damaged"
        assert error.offset == len(archive) - 40


def test_anything_after_the_end_is_found(archive: bytes) -> None:
    for more in (b"\0", b"\n", archive):
        error = problem_of(archive + more)
        assert error.problem == "there is more after the end of the archive"
        assert error.offset == len(archive)


@pytest.mark.parametrize("length", [65_537, 2**32 - 1])
def test_a_header_longer_than_any_may_be_is_not_read(length: int) -> None:
    source = io.BytesIO(struct.pack("<8sHHI", b"\x89KSN\r\n\x1a\n", 1, 0, length) + bytes(70_000))
    with pytest.raises(CorruptArchive, match="the header claims to be larger"):
        read_snapshot(source, name="x")
    assert source.tell() == 16


@pytest.mark.parametrize("place", [8, 9, 10, 11])
def test_a_flipped_bit_in_the_version_is_damage_and_not_a_newer_format(archive: bytes, place: int) -> None:
    for bit in range(8):
        data = bytearray(archive)
        data[place] ^= 1 << bit
        assert problem_of(bytes(data)).problem == "the format version or the header is damaged"


@pytest.mark.parametrize(("major", "minor"), [(1, 1), (2, 0), (513, 7)])
def test_a_newer_format_is_named_whatever_its_header_holds(major: int, minor: int) -> None:
    body = b"\xffnothing that this version could decode"
    start = struct.pack("<8sHHI", b"\x89KSN\r\n\x1a\n", major, minor, len(body)) + body
    data = start + hashlib.sha256(start).digest() + b"and what comes then"
    for read in (read_snapshot, verify_snapshot):
        with pytest.raises(UnsupportedArchive) as caught:
            read(io.BytesIO(data), name="web.ksnap")
        assert (caught.value.version, caught.value.supported) == (f"{major}.{minor}", "1.0")
        assert caught.value.kind == "corrupt"


def test_the_error_does_not_repeat_what_the_file_says() -> None:
    body = b"\x81\xa6\x1b[31m!\xa0"
    start = struct.pack("<8sHHI", b"\x89KSN\r\n\x1a\n", 1, 0, len(body)) + body
    with pytest.raises(ArchiveError) as caught:
        read_snapshot(io.BytesIO(start + hashlib.sha256(start).digest()), name="x")
    assert "\x1b" not in str(caught.value)


def test_parts_of_two_archives_do_not_mix(
    archive: bytes, header: SnapshotHeader, rows: tuple[StoredRow, ...]
) -> None:
    sink = io.BytesIO()
    write_snapshot(sink, msgspec.structs.replace(header, created=1_700_000_100_000_001), rows)
    other, begin, end = sink.getvalue(), archive.index(b"KSR\x01"), len(archive) - 40
    assert len(other) == len(archive)
    assert problem_of(archive[:begin] + other[begin:]).problem == "record 0 is damaged"
    assert problem_of(archive[:end] + other[end:]).problem == "the last bytes are damaged"
