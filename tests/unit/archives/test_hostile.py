"""Forgeries: every hash is right, and the contents are not.

There is no key in this format, so anyone can compute its hashes. What they then claim is still
bounded and checked.
"""

import hashlib
import io
import struct
import tracemalloc
import zlib
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
import zstandard

from kubisnap.archives import SnapshotHeader, frames, read_snapshot, reader, verify_snapshot
from kubisnap.engine.errors import CorruptArchive
from kubisnap.engine.journal.codec import StoredRow

Rows = tuple[StoredRow, ...]
MIB = 1024 * 1024
encode = msgspec.msgpack.encode


def raw_of(rows: Iterable[Any]) -> bytes:
    return b"".join(encode(row) for row in rows)


class Forge:
    """Writes archives piece by piece, hashes always right."""

    def __init__(self, header: object, version: tuple[int, int] = (1, 0)) -> None:
        body = header if isinstance(header, bytes) else encode(header)
        start = struct.pack("<8sHHI", b"\x89KSN\r\n\x1a\n", *version, len(body)) + body
        self.chain = hashlib.sha256(start).digest()
        self.data = start + self.chain
        self.sequence = 0

    def record(
        self,
        kind: int,
        body: bytes,
        raw: int,
        items: int,
        *,
        flags: int | None = None,
        sequence: int | None = None,
        stored: int | None = None,
        sync: bytes = b"KSR\x01",
        reserved: int = 0,
    ) -> "Forge":
        head = struct.pack(
            "<4sBBHQIII",
            sync,
            kind,
            (1 if kind == 1 else 0) if flags is None else flags,
            reserved,
            self.sequence if sequence is None else sequence,
            len(body) if stored is None else stored,
            raw,
            items,
        )
        head += struct.pack("<I", zlib.crc32(head))
        self.chain = hashlib.sha256(self.chain + head + body).digest()
        self.data += head + body + self.chain
        self.sequence += 1
        return self

    def block(self, rows: Iterable[Any], **changed: Any) -> "Forge":
        rows = list(rows)
        raw = raw_of(rows)
        given: dict[str, Any] = {"kind": 1, "body": frames.compress(raw), "raw": len(raw), "items": len(rows)}
        return self.record(**(given | changed))

    def end(self, header: SnapshotHeader, rows: Iterable[Any], blocks: int = 1, **changed: Any) -> bytes:
        raw = raw_of(rows)
        context = f"kubisnap snapshot contents v1\n{header.cluster_id}\n".encode()
        said = {
            "events": header.events,
            "blocks": blocks,
            "uncompressed": len(raw),
            "digest": hashlib.sha256(context + raw).digest(),
        } | changed
        body = encode(list(said.values()))
        return self.record(0x1F, body, len(body), 0).trailer()

    def trailer(self) -> bytes:
        return self.data + hashlib.sha256(self.data).digest() + b"KSNPEND\n"


def refused(data: bytes, problem: str) -> None:
    for read in (read_snapshot, verify_snapshot):
        with pytest.raises(CorruptArchive, match=problem):
            read(io.BytesIO(data), name="x")


def test_the_forge_is_able_to_make_a_good_one(archive: bytes, header: SnapshotHeader, rows: Rows) -> None:
    assert Forge(header).block(rows).end(header, rows) == archive


@pytest.mark.parametrize(
    "changed",
    [
        {"format": "kubisnap-other"},
        {"cluster_id": "../../../../../../../../etc/init"},
        {"cluster_name": "\x1b]0;owned\a"},
        {"cluster_name": ""},
        {"cluster_name": None},
        {"position": 6},
        {"events": 0, "position": 0},
        {"events": True, "position": True},
        {"events": 2**63, "position": 2**63},
        {"created": -1},
        {"created": 1.5},
        {"tool": "x" * 64},
        {"surprise": 1},
    ],
)
def test_a_header_with_a_wrong_value_is_refused(
    header: SnapshotHeader, rows: Rows, changed: dict[str, Any]
) -> None:
    refused(Forge(msgspec.to_builtins(header) | changed).block(rows).end(header, rows), "header")


def test_a_header_in_any_other_encoding_is_refused(header: SnapshotHeader, rows: Rows) -> None:
    fields = msgspec.to_builtins(header)
    good = encode(header)
    others = [
        encode(dict(reversed(fields.items()))),
        encode({key: value for key, value in fields.items() if key != "tool"}),
        good.replace(b"\xa8position\x05", b"\xa8position\xcc\x05"),
        b"\x8a" + good[1:] + b"\xa4tool" + encode("kubisnap 0.1.0"),
        good + b"\xc0",
        b"\xde\x00\x09" + good[1:],
        good.replace(b"\xa3web", b"\xa3w\xffb"),
        b"\x91" * 30_000 + b"\xc0",
        b"\xdf\xff\xff\xff\xff",
        b"",
    ]
    for other in others:
        assert other != good
        refused(Forge(other).block(rows).end(header, rows), "header")


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"kind": 2}, "none of those of format 1.0"),
        ({"kind": 0x81}, "none of those of format 1.0"),
        ({"flags": 0}, "none of those of format 1.0"),
        ({"flags": 3}, "none of those of format 1.0"),
        ({"reserved": 1}, "none of those of format 1.0"),
        ({"sync": b"KSR\x02"}, "none of those of format 1.0"),
        ({"sequence": 1}, "record 1 is where record 0 should be"),
        ({"raw": 8 * MIB + 1}, "larger than any may be"),
        ({"raw": 2**32 - 1}, "larger than any may be"),
        ({"stored": 2**32 - 1}, "larger than any may be"),
        ({"items": 65_537}, "larger than any may be"),
        ({"items": 0}, "holds no events"),
        ({"raw": 100}, "contradicts its header about its length"),
        ({"items": 4}, "not what its header says"),
        ({"items": 6}, "more than the 5 events"),
        ({"body": b""}, "not compressed with zstd"),
        ({"body": b"not zstd at all"}, "not compressed with zstd"),
    ],
)
def test_a_record_with_a_wrong_header_is_refused(
    header: SnapshotHeader, rows: Rows, changed: dict[str, Any], problem: str
) -> None:
    refused(Forge(header).block(rows, **changed).end(header, rows), problem)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ([5, "kind"], "not what its header says"),
        ([5, "kind", b"", 0], "not what its header says"),
        ([5, "kind", "text"], "not what its header says"),
        ([5, b"kind", b""], "not what its header says"),
        ([5.0, "kind", b""], "not what its header says"),
        ([2**64 - 1, "kind", b""], "is where event 5 should be"),
        ([-5, "kind", b""], "is where event 5 should be"),
        ([6, "kind", b""], "event 6 is where event 5 should be"),
        ([4, "kind", b""], "event 4 is where event 5 should be"),
        ([5, "", b""], "event 5 has a kind that"),
        ([5, "\x1b[2J", b""], "event 5 has a kind that"),
        ([5, "x" * 101, b""], "event 5 has a kind that"),
        ({"version": 5}, "not what its header says"),
        (None, "not what its header says"),
    ],
)
def test_a_row_that_is_none_is_refused(header: SnapshotHeader, rows: Rows, row: object, problem: str) -> None:
    body = [*rows[:4], row]
    refused(Forge(header).block(body).end(header, body), problem)


def test_rows_in_any_other_encoding_are_refused(header: SnapshotHeader, rows: Rows) -> None:
    good = raw_of(rows)
    for raw in (
        good.replace(b"\x93\x01", b"\x93\xcc\x01", 1),
        good.replace(b"\x93\x01", b"\xdc\x00\x03\x01", 1),
        good.replace(b"\xa6kind-1", b"\xd9\x06kind-1", 1),
        good.replace(b"\xc4\x14", b"\xc5\x00\x14", 1),
    ):
        forged = Forge(header).record(1, frames.compress(raw), len(raw), 5)
        refused(forged.end(header, rows), "not in its one encoding")
    for raw in (good + b"\xc0", good[:-1], b"\x91" * 100_000, good.replace(b"kind-1", b"kind\xff1", 1)):
        forged = Forge(header).record(1, frames.compress(raw), len(raw), 5)
        refused(forged.end(header, rows), "not what its header says")


def test_blocks_dropped_repeated_or_exchanged_are_refused(header: SnapshotHeader, rows: Rows) -> None:
    first, second = rows[:2], rows[2:]
    refused(Forge(header).block(first).end(header, first), "counts 5 events, there are 2")
    refused(Forge(header).block(second).end(header, second), "event 3 is where event 1 should be")
    refused(Forge(header).block(second).block(first).end(header, rows, 2), "event 3 is where event 1")
    refused(Forge(header).block(first).block(first).end(header, rows, 2), "event 1 is where event 3")
    refused(Forge(header).block(rows).block(second).end(header, rows, 2), "more than the 5 events")


@pytest.mark.parametrize(
    "changed", [{"events": 4}, {"blocks": 2}, {"uncompressed": 0}, {"digest": bytes(32)}, {"digest": b""}]
)
def test_an_end_record_that_counts_otherwise_is_refused(
    header: SnapshotHeader, rows: Rows, changed: dict[str, Any]
) -> None:
    refused(Forge(header).block(rows).end(header, rows, **changed), "the end record")


def test_an_end_record_with_a_false_length_is_refused(header: SnapshotHeader, rows: Rows) -> None:
    for raw, items in ((0, 0), (1, 1)):
        refused(Forge(header).block(rows).record(0x1F, b"x", raw, items).trailer(), "contradicts itself")


def test_records_after_the_end_record_are_refused(header: SnapshotHeader, rows: Rows) -> None:
    forge = Forge(header).block(rows)
    forge.end(header, rows)
    refused(forge.block(rows).trailer(), "the last bytes are damaged")


def test_a_frame_that_claims_gigabytes_costs_nothing(header: SnapshotHeader, rows: Rows) -> None:
    # Magic, a descriptor for an eight-byte content size in a single segment, with checksum, and the size.
    absurd = struct.pack("<IBQ", 0xFD2FB528, 0xE4, 2**62)
    tracemalloc.start()
    refused(Forge(header).record(1, absurd, 1000, 5).end(header, rows), "contradicts its header")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MIB


def test_a_frame_that_holds_more_than_it_may_is_refused_without_unpacking(
    header: SnapshotHeader, rows: Rows
) -> None:
    bomb = zstandard.ZstdCompressor(write_checksum=True).compress(bytes(256 * MIB))
    tracemalloc.start()
    refused(Forge(header).record(1, bomb, 8 * MIB, 5).end(header, rows), "contradicts its header")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * MIB


def test_a_record_that_claims_megabytes_and_ends_is_cut_off(header: SnapshotHeader) -> None:
    data = Forge(header).record(1, b"", 8 * MIB, 5, stored=8 * MIB).data
    refused(data, "cut off")


def test_a_million_tiny_events_in_one_block_are_refused_by_their_number(header: SnapshotHeader) -> None:
    many = msgspec.structs.replace(header, position=1_000_000, events=1_000_000)
    raw = encode([1, "k", b""]) * 1_000_000
    forged = Forge(many).record(1, frames.compress(raw), len(raw), 1_000_000)
    refused(forged.end(many, []), "larger than any may be")


def test_the_sum_of_all_blocks_is_bounded(
    header: SnapshotHeader, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "MAX_TOTAL_BYTES", 100)
    refused(Forge(header).block(rows).end(header, rows), "larger than one archive may hold")


def test_verifying_holds_one_block_at_a_time(header: SnapshotHeader) -> None:
    count = 40
    many = msgspec.structs.replace(header, position=count, events=count)
    rows = [StoredRow(n, "kind", bytes(MIB)) for n in range(1, count + 1)]
    forge = Forge(many)
    for row in rows:
        forge.block([row])
    source = io.BytesIO(forge.end(many, rows, count))
    del rows
    tracemalloc.start()
    verify_snapshot(source, name="x")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * MIB
