"""The wrapper around zstd, against what the library itself lets through."""

import struct

import pytest
import zstandard

from kubisnap.archives import frames
from kubisnap.archives.format import Malformed

RAW = b"an event, " * 100
MIB = 1024 * 1024


def compressed(raw: bytes = RAW, **options: bool | int) -> bytes:
    return zstandard.ZstdCompressor(**({"write_checksum": True} | options)).compress(raw)  # type: ignore[arg-type]


def test_a_frame_states_its_length_and_has_a_checksum_and_no_dictionary() -> None:
    parameters = zstandard.get_frame_parameters(frames.compress(RAW, 3))
    assert parameters.content_size == len(RAW)
    assert parameters.has_checksum
    assert parameters.dict_id == 0


@pytest.mark.parametrize("raw", [b"", b"x", RAW, bytes(8 * MIB)])
def test_what_is_compressed_comes_back(raw: bytes) -> None:
    assert frames.Decompressor().decompress(frames.compress(raw, 3), len(raw)) == raw


def test_what_does_not_compress_stays_below_the_limit_for_stored_bytes() -> None:
    noise = b"".join(i.to_bytes(4, "little") for i in range(2 * MIB))
    assert frames.Decompressor().decompress(frames.compress(noise, 3), len(noise)) == noise


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        compressed()[:3],
        compressed()[:-1],
        compressed()[:-4],
        compressed() + b"x",
        compressed() + compressed(),
        compressed() + b"\x50\x2a\x4d\x18\x00\x00\x00\x00",
        b"\x50\x2a\x4d\x18\x00\x00\x00\x00" + compressed(),
        compressed(write_checksum=False),
        compressed(write_content_size=False),
        compressed(RAW + b"x"),
        compressed(RAW[:-1]),
    ],
)
def test_anything_but_one_whole_frame_of_that_length_is_refused(frame: bytes) -> None:
    with pytest.raises(Malformed):
        frames.Decompressor().decompress(frame, len(RAW))


def test_a_frame_made_with_a_dictionary_is_refused() -> None:
    samples: list[bytes | bytearray | memoryview] = [b"event %d of the cluster " % n * 20 for n in range(500)]
    dictionary = zstandard.train_dictionary(1024, samples)
    frame = zstandard.ZstdCompressor(dict_data=dictionary, write_checksum=True).compress(RAW)
    with pytest.raises(Malformed, match="not compressed as format"):
        frames.Decompressor().decompress(frame, len(RAW))


def test_a_frame_that_needs_a_large_window_is_refused() -> None:
    good = frames.compress(RAW, 3)
    # A descriptor for a four-byte content size, a window and a checksum; a window of 128 MiB; the size.
    start = struct.pack("<IBBI", 0xFD2FB528, 0x84, (27 - 10) << 3, len(RAW))
    greedy = start + good[zstandard.frame_header_size(good) :]
    assert zstandard.ZstdDecompressor(max_window_size=MIB).decompress(greedy) == RAW  # the limit is ignored
    with pytest.raises(Malformed, match="not compressed as format"):
        frames.Decompressor().decompress(greedy, len(RAW))


@pytest.mark.parametrize("level", [1, 3, 9, 19])
def test_any_level_gives_what_is_read(level: int) -> None:
    assert frames.Decompressor().decompress(frames.compress(RAW * 100, level), len(RAW) * 100) == RAW * 100
    assert frames.compress(RAW, level) == frames.compress(RAW, level)


def test_a_length_above_the_limit_is_refused_before_the_frame_is_looked_at() -> None:
    with pytest.raises(Malformed, match="larger than any may be"):
        frames.Decompressor().decompress(b"", 8 * MIB + 1)
    with pytest.raises(Malformed, match="larger than any may be"):
        frames.Decompressor().decompress(bytes(8 * MIB + 64 * 1024 + 1), len(RAW))


def test_every_flipped_bit_of_a_frame_is_found_or_harmless() -> None:
    frame = frames.compress(RAW, 3)
    for place in range(len(frame) * 8):
        flipped = bytearray(frame)
        flipped[place // 8] ^= 1 << place % 8
        try:
            assert frames.Decompressor().decompress(bytes(flipped), len(RAW)) == RAW
        except Malformed:
            continue
