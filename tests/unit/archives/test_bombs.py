"""Archives that cost far more than their bytes to whoever believes them."""

import resource
import struct
import subprocess
import sys
import tracemalloc
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard

from kubisnap.archives import Access, Blob, columns, frames
from kubisnap.archives.format import Kind, encode
from kubisnap.engine.errors import CorruptArchive
from tests.unit.archives.forging import Forge
from tests.unit.archives.making import (
    events,
    header_of,
    made,
    read,
    sought,
    stored,
    thorough,
    verified,
)

MIB = 1024 * 1024
ROWS = stored(events(4))
HEADER = header_of(ROWS)
RAW = columns.pack(ROWS, 1).raw


def forge(header: Any = HEADER, **changed: Any) -> Forge:
    return Forge(header, **changed)


ABSURD = struct.pack("<IBQ", 0xFD2FB528, 0xE4, 2**62)
"""Magic, a descriptor for an eight-byte content size in a single segment, with checksum, and the size."""


def bombs() -> dict[str, bytes]:
    """Each is an archive that costs far more than its bytes to whoever believes it."""
    gigabyte = zstandard.ZstdCompressor(write_checksum=True).compress(bytes(256 * MIB))
    found = {}
    for name, body, length in (
        ("a size of exabytes", ABSURD, 1000),
        ("a size of exabytes at the limit", ABSURD, 8 * MIB),
        ("256 MiB in 8 KiB", gigabyte, 8 * MIB),
        ("256 MiB in 8 KiB, said to be little", gigabyte, 10),
    ):
        forged = forge()
        forged.record(Kind.EVENTS, b"", 4, body=body, length=length)
        found[name] = forged.data
    for name, raw in (
        ("empty maps", RAW[:16] + b"\x80" * (8 * MIB - 16)),
        ("maps in an array", RAW[:16] + b"\x9b" + b"\xdd\x00\x7f\x00\x00" + b"\x80" * (8 * MIB - 32)),
        ("arrays in arrays", RAW[:16] + b"\x91" * (8 * MIB - 16)),
        ("four billion items", RAW[:16] + b"\x9b\xdd\xff\xff\xff\xff"),
        ("four gigabytes of bytes", RAW[:16] + b"\x9b\xc6\xff\xff\xff\xff"),
    ):
        found[name] = forge().block(raw, 4).close()
    many = 8 * MIB - 2000
    items = b"\xdd" + many.to_bytes(4) + b"\x80" * many
    found["maps in a payload"] = forge().block(_with_payloads(items), 4).close()
    found["maps for payloads"] = forge().block(RAW[: RAW.rindex(b"\x94")] + items, 4).close()
    return found


def _with_payloads(data: bytes) -> bytes:
    fields = msgspec.msgpack.decode(RAW[16:])
    fields[-1][0] = msgspec.Raw(data)
    return RAW[:16] + encode(fields)


def defuse() -> None:
    """Refuse every bomb with little memory more than there is now."""
    found = bombs()
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + 96 * MIB
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for name, data in found.items():
        with suppress(CorruptArchive):
            verified(data, Access())
        for look in (thorough, read, sought):
            try:
                look(data, Access())
            except CorruptArchive:
                continue
            raise SystemExit(f"{name}: not refused by {look.__name__}")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux")
def test_no_bomb_takes_more_than_96_mebibytes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from tests.unit.archives.test_bombs import defuse; defuse()"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_frame_is_not_unpacked_before_its_size_is_known_to_be_right() -> None:
    for name in ("a size of exabytes at the limit", "256 MiB in 8 KiB"):
        data = bombs()[name]
        tracemalloc.start()
        with pytest.raises(CorruptArchive, match="contradicts its header"):
            verified(data, Access())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 2 * MIB


def test_verifying_holds_one_record_at_a_time() -> None:
    from tests.unit.archives.making import row_of

    rows = [row_of(n, MIB) for n in range(1, 31)]
    archive = made(rows, blobs=[Blob(f"{n:03}", bytes([n]) * MIB) for n in range(30)])
    del rows
    tracemalloc.start()
    verified(archive.data, Access())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 9 * MIB


def test_frames_that_the_format_does_not_know_are_refused() -> None:
    good = frames.compress(RAW, 3)
    for body in (
        good + b"x",
        good + good,
        good + b"\x50\x2a\x4d\x18\x00\x00\x00\x00",
        b"\x50\x2a\x4d\x18\x00\x00\x00\x00" + good,
        zstandard.ZstdCompressor(write_checksum=False).compress(RAW),
        zstandard.ZstdCompressor(write_checksum=True, write_content_size=False).compress(RAW),
    ):
        forged = forge()
        forged.content(Kind.EVENTS, RAW, 4, body=body)
        with pytest.raises(CorruptArchive, match="compressed"):
            verified(forged.close(manifest={"events": 4}), Access())
