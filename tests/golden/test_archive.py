"""The frozen archive of format 1.0: still read, and read by its document alone."""

import hashlib
import io
import runpy
import struct
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard

from kubisnap.archives import Parent, SnapshotHeader, read_snapshot, verify_snapshot, write_snapshot
from kubisnap.archives.chains import Chain, Found
from kubisnap.engine.journal.codec import StoredRow

FILE = Path(__file__).with_name("archive-v1.ksnap")
SHA256 = "b33296a3cb187e33494423794b0bbfe2fbe8c60d2bbbbca879d8f7728608757c"
DIGEST = "sha256:3d872cc6604b1159b0878f2f1d44d8f43efabf89db29fcbafa57a1056db47241"


@pytest.fixture
def made() -> dict[str, Any]:
    """The script's names."""
    return runpy.run_path(str(FILE.with_name("make_archive.py")))


def test_the_frozen_file_is_the_one_that_was_frozen() -> None:
    assert hashlib.sha256(FILE.read_bytes()).hexdigest() == SHA256


def test_the_frozen_file_is_read(made: dict[str, Any]) -> None:
    snapshot = read_snapshot(io.BytesIO(FILE.read_bytes()), name=FILE.name)
    header, info = made["HEADER"], snapshot.info
    assert snapshot.rows == made["ROWS"]
    assert (snapshot.blobs, snapshot.secrets) == ((), ())
    assert (info.header.cluster_id, info.header.cluster_name) == (header.cluster_id, header.cluster_name)
    assert (info.header.first, info.header.position, info.header.parent) == (1, 10, None)
    assert (info.manifest.events, info.manifest.first_time, info.manifest.last_time) == (
        header.events,
        header.first_time,
        header.last_time,
    )
    assert (info.format, info.digest, info.size) == ("1.0", DIGEST, len(FILE.read_bytes()))
    assert verify_snapshot(io.BytesIO(FILE.read_bytes()), name=FILE.name) == info


def test_an_incremental_snapshot_may_go_on_from_the_frozen_file(made: dict[str, Any]) -> None:
    parent = Parent(bytes.fromhex(DIGEST.removeprefix("sha256:")), 10)
    row = StoredRow(11, "golden-odd", msgspec.msgpack.encode((1, 0, "ada", 1, 0, "", {})))
    header = SnapshotHeader(
        cluster_id=made["HEADER"].cluster_id,
        cluster_name="web",
        first=11,
        position=11,
        parent=parent,
        tool="kubisnap",
    )
    sink = io.BytesIO()
    write_snapshot(sink, header, [row])
    found = Found(FILE.name, lambda: io.BytesIO(FILE.read_bytes()))
    chain = Chain(io.BytesIO(sink.getvalue()), name="child", find=lambda _: found)
    assert tuple(chain.rows()) == (*made["ROWS"], row)


class Following:
    """A reader written from docs/archive-format-1.md with nothing of ours."""

    def __init__(self, data: bytes) -> None:
        self.data, self.place = data, 0
        magic, major, minor, length = struct.unpack("<8sHHI", self.take(16))
        assert (magic, major, minor) == (b"\x89KSN\r\n\x1a\n", 1, 0)
        self.header = msgspec.msgpack.decode(self.take(length))
        self.chain = hashlib.sha256(data[: self.place]).digest()
        assert self.take(32) == self.chain
        self.contents, self.sequence, self.events = b"", 0, 0
        while self.record():
            pass
        total = hashlib.sha256(data[: self.place]).digest()
        assert self.take(40) == total + b"KSNPEND\n"
        assert self.place == len(data)

    def take(self, length: int) -> bytes:
        self.place += length
        return self.data[self.place - length : self.place]

    def record(self) -> bool:
        head = self.take(32)
        sync, kind, flags, zero, sequence, stored, raw, items, crc = struct.unpack("<4sBBHQIIII", head)
        assert (sync, zero, sequence, crc) == (b"KSR\x01", 0, self.sequence, zlib.crc32(head[:28]))
        body = self.take(stored)
        self.chain = hashlib.sha256(self.chain + head + body).digest()
        assert self.take(32) == self.chain
        self.sequence += 1
        if kind == 0x1F:
            events, blocks, length, digest = msgspec.msgpack.decode(body)
            assert (flags, events, blocks, length) == (0, self.events, sequence, len(self.contents))
            assert digest == self.digest()
            return False
        assert (kind, flags) == (0x01, 0x01)
        self.events += items
        self.contents += zstandard.ZstdDecompressor().decompress(body, max_output_size=raw)
        return True

    def digest(self) -> bytes:
        line = b"kubisnap snapshot contents v1\n" + self.header["cluster_id"].encode() + b"\n"
        return hashlib.sha256(line + self.contents).digest()

    def rows(self) -> list[tuple[Any, ...]]:
        array = b"\xdd" + self.events.to_bytes(4, "big") + self.contents
        return [tuple(row) for row in msgspec.msgpack.decode(array)]


def test_a_reader_that_knows_only_the_document_reads_the_same(made: dict[str, Any]) -> None:
    other = Following(FILE.read_bytes())
    assert other.rows() == [tuple(row) for row in made["ROWS"]]
    assert other.header == msgspec.to_builtins(made["HEADER"])
    assert "sha256:" + other.digest().hex() == DIGEST
    assert other.sequence == 4
