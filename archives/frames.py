"""zstd, wrapped: the one place that compresses and decompresses.

python-zstandard trusts a frame's own words about its size: `decompress` allocates what the frame
claims, ignores `max_output_size` and the window limit then, ignores bytes after the frame unless
told otherwise, and its streaming readers end quietly where data is missing. So: the frame's
parameters are compared with the authenticated length first, and only whole frames are decompressed.
"""

from typing import Final

import zstandard

from .format import MAX_RAW_BYTES, MAX_STORED_BYTES, VERSION, Malformed

MAX_WINDOW: Final = 8 * 1024 * 1024


def compress(raw: bytes, level: int) -> bytes:
    """Return `raw` as one frame that states its length and ends with a checksum.

    One thread and fixed parameters: the same bytes each time from the same libzstd.
    """
    compressor = zstandard.ZstdCompressor(
        level=level, write_checksum=True, write_content_size=True, write_dict_id=False, threads=0
    )
    return compressor.compress(raw)


class Decompressor:
    """Decompresses frames, one at a time; each archive that is read has one of its own."""

    def __init__(self) -> None:
        self._decompressor = zstandard.ZstdDecompressor()

    def decompress(self, frame: bytes, raw_length: int) -> bytes:
        """Return the `raw_length` bytes that `frame` holds. Raises Malformed on anything else."""
        if raw_length > MAX_RAW_BYTES or len(frame) > MAX_STORED_BYTES:
            raise Malformed("a compressed block is larger than any may be")
        try:
            parameters = zstandard.get_frame_parameters(frame)
        except zstandard.ZstdError as error:
            raise Malformed("a block is not compressed with zstd") from error
        if parameters.content_size != raw_length:
            raise Malformed("a compressed block contradicts its header about its length")
        if parameters.window_size > MAX_WINDOW or parameters.dict_id or not parameters.has_checksum:
            raise Malformed(f"a block is not compressed as format {VERSION} says")
        try:
            raw = self._decompressor.decompress(frame, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise Malformed("a compressed block is damaged") from error
        if len(raw) != raw_length:
            raise Malformed("a compressed block contradicts its header about its length")
        return raw
