"""An object as a file to read: in ranges, each of the very object that was opened.

A jump fetches little, reading on fetches more each time: an index is found with a few small requests,
and a whole archive is read in large ones.
"""

import io
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from botocore.exceptions import ClientError, IncompleteReadError

from .errors import Replaced
from .s3_errors import FAILURES, status_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from .s3_errors import Talk

SMALLEST: Final = 128 * 1024
LARGEST: Final = 8 * 1024 * 1024
_ATTEMPTS: Final = 3
_BUFFER: Final = 64 * 1024


def reader(
    client: "S3Client", talk: "Talk", bucket: str, key: str, name: str, size: int, etag: str
) -> BinaryIO:
    """Return the object as a buffered, seekable file."""
    raw = _Ranges(client, talk, bucket, key, name, size, etag)
    return cast("BinaryIO", io.BufferedReader(raw, _BUFFER))


class _Ranges(io.RawIOBase):
    def __init__(
        self, client: "S3Client", talk: "Talk", bucket: str, key: str, name: str, size: int, etag: str
    ) -> None:
        self._client = client
        self._talk = talk
        self._bucket = bucket
        self._key = key
        self.name = name
        self._size = size
        self._etag = etag
        self._position = 0
        self._start = 0
        self._block = b""
        self._ahead = SMALLEST

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError("a position before the start")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: "bytearray | memoryview", /) -> int:  # type: ignore[override]
        wanted = min(len(buffer), self._size - self._position)
        if wanted <= 0:
            return 0
        if not self._start <= self._position < self._start + len(self._block):
            self._fetch(wanted)
        at = self._position - self._start
        piece = memoryview(self._block)[at : at + wanted]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _fetch(self, wanted: int) -> None:
        reads_on = self._position == self._start + len(self._block)
        self._ahead = min(self._ahead * 2, LARGEST) if reads_on and self._block else SMALLEST
        last = min(self._position + max(wanted, self._ahead), self._position + LARGEST, self._size)
        self._block = b""  # before the next one comes: one at a time in memory
        self._block = self._range(self._position, last)
        self._start = self._position

    def _range(self, first: int, last: int) -> bytes:
        """Return the bytes from `first` up to `last`; a connection that is cut is made again."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                answer = self._client.get_object(
                    Bucket=self._bucket, Key=self._key, Range=f"bytes={first}-{last - 1}", IfMatch=self._etag
                )
                with answer["Body"] as body:
                    data = body.read(last - first + 1)
                if len(data) != last - first:
                    raise IncompleteReadError(actual_bytes=len(data), expected_bytes=last - first)
            except ClientError as error:
                if status_of(error) in {404, 412, 416}:
                    raise Replaced(self._talk.url, self.name) from error
                raise self._talk.told(error, self.name) from error
            except FAILURES as error:
                if attempt == _ATTEMPTS:
                    raise self._talk.told(error, self.name) from error
            else:
                return data
        raise AssertionError("a loop that returns or raises")
