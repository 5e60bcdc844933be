"""Archives of format 1.0 are still read, and whatever is wrong with one is still found."""

import hashlib
import io
import struct
import zlib
from unittest.mock import patch

import msgspec
import pytest

from kubisnap.archives import Access, Parent, SnapshotFile, frames, read_snapshot, verify_snapshot
from kubisnap.archives.chains import Chain, Found
from kubisnap.archives.v1 import reader
from kubisnap.archives.v1.format import End, SnapshotHeader
from kubisnap.engine.errors import CorruptArchive, NotEncrypted, NotSigned, UnsupportedArchive
from kubisnap.engine.journal.codec import Codec, StoredRow
from tests.unit.archives.making import CLUSTER, events, made, stored
from tests.unit.archives.v1 import writer

ROWS = tuple(StoredRow(n, f"kind-{n % 2}", bytes([n]) * 20) for n in range(1, 6))
HEADER = SnapshotHeader(
    cluster_id=CLUSTER,
    cluster_name="web",
    position=5,
    events=5,
    first_time=1_700_000_000_000_000,
    last_time=1_700_000_060_000_000,
    created=1_700_000_100_000_000,
    tool="kubisnap 0.1.0",
)


def written(rows: tuple[StoredRow, ...] = ROWS, header: SnapshotHeader = HEADER, block: int = 2) -> bytes:
    sink = io.BytesIO()
    with patch.object(writer, "BLOCK_ROWS", block):
        writer.write_snapshot(sink, header, rows)
    return sink.getvalue()


SMALL = written()


def refused(data: bytes) -> CorruptArchive:
    """The error that both ways of reading raise."""
    with pytest.raises(CorruptArchive) as read:
        read_snapshot(io.BytesIO(data), name="x")
    with pytest.raises(CorruptArchive) as verified:
        verify_snapshot(io.BytesIO(data), name="x")
    assert str(read.value) == str(verified.value)
    return read.value


@pytest.fixture(params=["small", "golden"])
def archive(request: pytest.FixtureRequest, golden_v1: bytes) -> bytes:
    return SMALL if request.param == "small" else golden_v1


def test_the_log_comes_back_with_what_is_known_of_it() -> None:
    snapshot = read_snapshot(io.BytesIO(SMALL), name="x")
    info = snapshot.info
    assert snapshot.rows == ROWS
    assert (snapshot.blobs, snapshot.secrets) == ((), ())
    assert (info.header.cluster_id, info.header.cluster_name, info.header.tool) == (
        CLUSTER,
        "web",
        "kubisnap 0.1.0",
    )
    assert (info.header.first, info.header.position, info.header.parent) == (1, 5, None)
    assert (info.manifest.events, info.manifest.first_time) == (5, HEADER.first_time)
    assert (info.format, info.size, info.opened, info.encrypted) == ("1.0", len(SMALL), True, False)
    assert verify_snapshot(io.BytesIO(SMALL), name="x") == info


def test_the_frozen_archive_is_read_as_ever(golden_v1: bytes) -> None:
    info = verify_snapshot(io.BytesIO(golden_v1), name="x")
    assert info.digest == "sha256:3d872cc6604b1159b0878f2f1d44d8f43efabf89db29fcbafa57a1056db47241"
    assert info.header.cluster_name == "größe-1"
    rows = read_snapshot(io.BytesIO(golden_v1), name="x").rows
    assert [row.version for row in rows] == list(range(1, 11))
    assert rows[2].state == hashlib.sha256(b"3").digest() * 3


def test_its_events_are_those_of_the_codec_and_an_increment_goes_on_from_it() -> None:
    log = events(6)
    rows = tuple(stored(log))
    old = written(rows[:4], msgspec.structs.replace(HEADER, position=4, events=4))
    root = verify_snapshot(io.BytesIO(old), name="x").root
    grown = made(rows[4:], parent=Parent(root, 4))
    chain = Chain(io.BytesIO(grown.data), name="x", find=lambda _: Found("old", lambda: io.BytesIO(old)))
    assert list(chain.events(Codec())) == log
    assert [link.format for link in chain.links] == ["2.0", "1.0"]


def test_every_flipped_bit_is_found(archive: bytes) -> None:
    for place in range(len(archive)):
        for bit in range(8):
            refused(archive[:place] + bytes([archive[place] ^ 1 << bit]) + archive[place + 1 :])


def test_every_cut_is_found_and_told(archive: bytes) -> None:
    for length in range(8, len(archive)):
        error = refused(archive[:length])
        assert error.offset == length
        assert "cut off" in error.problem


def test_every_missing_or_inserted_byte_is_found(archive: bytes) -> None:
    for place in range(len(archive)):
        refused(archive[:place] + archive[place + 1 :])
        refused(archive[:place] + bytes([archive[place] ^ 255]) + archive[place:])
    refused(archive + b"\0")


def test_the_events_before_the_damage_are_told() -> None:
    places = [place for place in range(len(SMALL)) if SMALL.startswith(b"KSR\x01", place)]
    assert len(places) == 4
    for number, place in enumerate(places):
        error = refused(SMALL[: place + 40] + bytes([SMALL[place + 40] ^ 1]) + SMALL[place + 41 :])
        assert (error.problem, error.offset) == (f"record {number} is damaged", place)
        assert error.intact == (1, min(2 * number, 5))


def test_every_dropped_repeated_or_exchanged_record_is_found() -> None:
    places = [place for place in range(len(SMALL)) if SMALL.startswith(b"KSR\x01", place)]
    start, trailer = SMALL[: places[0]], SMALL[-40:]
    records = [SMALL[one:two] for one, two in zip(places, [*places[1:], len(SMALL) - 40], strict=True)]
    for n in range(4):
        for m in range(4):
            order = list(range(4))
            order[n] = m
            for chosen in (order, [*order[:n], *order[n + 1 :]], [*order[: n + 1], *order[n:]]):
                if chosen != [0, 1, 2, 3]:
                    refused(start + b"".join(records[k] for k in chosen) + trailer)


def test_policies_and_the_index_are_not_of_this_format() -> None:
    for access, error in ((Access(encrypted=True), NotEncrypted), (Access(signed=True), NotSigned)):
        with pytest.raises(error):
            verify_snapshot(io.BytesIO(SMALL), name="x", access=access)
    with pytest.raises(UnsupportedArchive):
        SnapshotFile(io.BytesIO(SMALL), name="x")


def test_a_newer_minor_version_is_named() -> None:
    start = struct.pack("<8sHHI", b"\x89KSN\r\n\x1a\n", 1, 1, 1) + b"?"
    with pytest.raises(UnsupportedArchive) as caught:
        verify_snapshot(io.BytesIO(start + hashlib.sha256(start).digest()), name="x")
    assert (caught.value.version, caught.value.supported) == ("1.1", "1.0")


# ── forgeries ────────────────────────────────────────────────────────────────────────────────


def forged(raw: bytes, items: int, header: SnapshotHeader = HEADER, **changed: int) -> bytes:
    """An archive of one block, every hash right, that ends after it."""
    body = msgspec.msgpack.encode(header)
    data = struct.pack("<8sHHI", b"\x89KSN\r\n\x1a\n", 1, 0, len(body)) + body
    data += hashlib.sha256(data).digest()
    packed = frames.compress(raw, 3)
    fields = {"flags": 1, "zero": 0, "sequence": 0, "stored": len(packed), "length": len(raw)} | changed
    head = struct.pack("<4sBBHQIII", b"KSR\x01", 1, *fields.values(), items)
    head += struct.pack("<I", zlib.crc32(head))
    return data + head + packed + hashlib.sha256(data[-32:] + head + packed).digest()


GOOD = b"".join(msgspec.msgpack.encode(row) for row in ROWS)


def test_the_forger_gets_as_far_as_the_block() -> None:
    assert "cut off: the file ends within the header of a record" in str(refused(forged(GOOD, 5)))


@pytest.mark.parametrize(
    ("raw", "items", "changed"),
    [
        (GOOD + b"\xc0", 5, {}),
        (GOOD[:-1], 5, {}),
        (GOOD, 4, {}),
        (GOOD, 6, {}),
        (GOOD, 0, {}),
        (GOOD, 65_537, {}),
        (GOOD, 5, {"flags": 0}),
        (GOOD, 5, {"zero": 1}),
        (GOOD, 5, {"sequence": 1}),
        (GOOD, 5, {"length": 8 * 1024 * 1024 + 1}),
        (GOOD, 5, {"length": 10}),
        (GOOD.replace(b"\x93\x01", b"\x93\xcc\x01", 1), 5, {}),
        (GOOD.replace(b"\x93\x02", b"\x93\x03", 1), 5, {}),
        (GOOD.replace(b"kind-1", b"kind\x1b1", 1), 5, {}),
        (GOOD.replace(b"kind-1", b"kind\xff1", 1), 5, {}),
        (b"\x91" * 100_000, 5, {}),
        (b"\x80" * 1_000_000, 5, {}),
    ],
)
def test_a_block_that_is_none_is_refused(raw: bytes, items: int, changed: dict[str, int]) -> None:
    assert "cut off" not in refused(forged(raw, items, HEADER, **changed)).problem


@pytest.mark.parametrize("changed", [{"position": 4}, {"cluster_name": "\x1b"}, {"events": 0, "position": 0}])
def test_a_header_that_is_none_is_refused(changed: dict[str, int]) -> None:
    assert "the header" in refused(forged(GOOD, 5, msgspec.structs.replace(HEADER, **changed))).problem


def test_the_sum_of_all_blocks_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_TOTAL_BYTES", 100)
    assert refused(SMALL).problem == "the events are larger than one archive may hold"


@pytest.mark.parametrize("change", [(1, 0, 0, b""), (0, 1, 0, b""), (0, 0, 1, b""), (0, 0, 0, b"x")])
def test_an_end_record_that_counts_otherwise_is_refused(change: tuple[int, int, int, bytes]) -> None:
    def end(events: int, blocks: int, size: int, digest: bytes) -> End:
        more, others, longer, another = change
        return End(events + more, blocks + others, size + longer, (another + digest)[:32])

    with patch.object(writer, "End", end):
        data = written()
    assert refused(data).problem == "the end record does not agree with the events"


def test_fewer_events_than_the_header_counts_are_refused() -> None:
    data = written(ROWS[:4])
    assert refused(data).problem == "the header counts 5 events, there are 4"
    assert (
        "more than the 4 events"
        in refused(written(ROWS, msgspec.structs.replace(HEADER, position=4, events=4))).problem
    )
