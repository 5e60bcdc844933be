"""What is written is what is read, through anything that carries bytes."""

import hashlib
import io
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from kubisnap import archives
from kubisnap.archives import SnapshotHeader, read_snapshot, verify_snapshot, write_snapshot, writer
from kubisnap.engine.journal.codec import StoredRow

Rows = tuple[StoredRow, ...]


class Trickle(io.BytesIO):
    """A pipe at its worst: takes and gives a few bytes at a time and cannot seek."""

    def write(self, data: Any, /) -> int:
        return super().write(bytes(data[:7]))

    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size or 0, 5))

    def seek(self, *_: object) -> int:
        raise io.UnsupportedOperation

    tell = seekable = seek  # type: ignore[assignment]


def test_reading_returns_the_header_and_the_rows_that_were_written(
    archive: bytes, header: SnapshotHeader, rows: Rows
) -> None:
    snapshot = read_snapshot(io.BytesIO(archive), name="web.ksnap")
    assert snapshot.rows == rows
    assert all(type(row) is StoredRow for row in snapshot.rows)
    assert snapshot.info.header == header


def test_writer_reader_and_verifier_tell_the_same(archive: bytes, header: SnapshotHeader, rows: Rows) -> None:
    written = write_snapshot(io.BytesIO(), header, rows)
    assert read_snapshot(io.BytesIO(archive), name="").info == written
    assert verify_snapshot(io.BytesIO(archive), name="") == written
    assert written.size == len(archive)
    assert written.format == "1.0"


def test_same_header_and_rows_give_the_same_bytes(archive: bytes, header: SnapshotHeader, rows: Rows) -> None:
    sink = io.BytesIO()
    write_snapshot(sink, header, iter(rows))
    assert sink.getvalue() == archive


def test_pipes_that_take_and_give_a_few_bytes_are_enough(
    archive: bytes, header: SnapshotHeader, rows: Rows
) -> None:
    sink = Trickle()
    write_snapshot(sink, header, rows)
    assert sink.getvalue() == archive
    assert read_snapshot(Trickle(archive), name="").rows == rows


def test_the_digest_is_the_one_that_the_document_describes(header: SnapshotHeader, rows: Rows) -> None:
    info = write_snapshot(io.BytesIO(), header, rows)
    contents = b"".join(msgspec.msgpack.encode([*row]) for row in rows)
    line = f"kubisnap snapshot contents v1\n{header.cluster_id}\n".encode()
    assert info.digest == "sha256:" + hashlib.sha256(line + contents).hexdigest()
    assert info.uncompressed == len(contents)


def test_the_digest_does_not_depend_on_who_captured_when_and_in_which_blocks(
    header: SnapshotHeader, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = write_snapshot(io.BytesIO(), header, rows)
    monkeypatch.setattr(writer, "BLOCK_ROWS", 2)
    later = msgspec.structs.replace(header, created=header.created + 1, tool="kubisnap 9.0.0")
    sink = io.BytesIO()
    second = write_snapshot(sink, later, rows)
    assert second.digest == first.digest
    assert second.size > first.size
    assert read_snapshot(io.BytesIO(sink.getvalue()), name="").rows == rows


def test_the_digest_depends_on_the_cluster_and_on_every_row(header: SnapshotHeader, rows: Rows) -> None:
    other = msgspec.structs.replace(header, cluster_id="f" * 32)
    changed = (*rows[:-1], rows[-1]._replace(state=b"else"))
    digests = {
        write_snapshot(io.BytesIO(), head, body).digest
        for head, body in ((header, rows), (other, rows), (header, changed))
    }
    assert len(digests) == 3


def test_writing_holds_one_block_and_not_the_log(
    header: SnapshotHeader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "BLOCK_ROWS", 10)
    sink = io.BytesIO()
    sizes: list[int] = []

    def log() -> Iterator[StoredRow]:
        for version in range(1, 101):
            sizes.append(len(sink.getvalue()))
            yield StoredRow(version, "kind", b"")

    write_snapshot(sink, msgspec.structs.replace(header, position=100, events=100), log())
    assert len(set(sizes)) == 10


def test_a_block_is_closed_before_it_becomes_larger_than_its_size(
    header: SnapshotHeader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "BLOCK_BYTES", 1000)
    body = tuple(StoredRow(n, "kind", bytes(size)) for n, size in enumerate([400, 400, 400, 3000, 1], 1))
    sink = io.BytesIO()
    write_snapshot(sink, header, body)
    assert sink.getvalue().count(b"KSR\x01") == 5  # 2 rows, 1, 1, 1, and the end
    assert read_snapshot(io.BytesIO(sink.getvalue()), name="").rows == body


def test_an_event_of_nearly_eight_mebibytes_fits(header: SnapshotHeader) -> None:
    one = msgspec.structs.replace(header, position=1, events=1)
    body = (StoredRow(1, "kind", bytes(8 * 1024 * 1024 - 20)),)
    sink = io.BytesIO()
    write_snapshot(sink, one, body)
    assert read_snapshot(io.BytesIO(sink.getvalue()), name="").rows == body


def test_the_package_names_what_it_offers() -> None:
    assert archives.__all__ == sorted(archives.__all__, key=lambda name: (name[0].islower(), name))
    assert all(hasattr(archives, name) for name in archives.__all__)
