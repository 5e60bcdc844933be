"""A stream into a bucket: a small one in one request, a large one in parts of 8 MiB, one at a time.

Nothing has the name before `finish`; at most one part is in memory.
"""

import io
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from .errors import StoreFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

    from .s3_errors import Talk

PART_BYTES: Final = 8 * 1024 * 1024
MOST_PARTS: Final = 10_000


class Upload:
    """One object on its way. After `finish` or `abort` it is over."""

    def __init__(
        self, client: "S3Client", bucket: str, key: str, metadata: "Mapping[str, str]", talk: "Talk"
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._key = key
        self._metadata = metadata
        self._talk = talk
        self._id = ""
        self._parts: list[CompletedPartTypeDef] = []
        self._kept = bytearray()
        self.sink = cast("BinaryIO", _Sink(self))

    @property
    def in_parts(self) -> bool:
        """Whether it was too large for one request."""
        return bool(self._id)

    def add(self, data: memoryview) -> None:
        """Take bytes; sends a part whenever there is more than one."""
        while len(self._kept) + len(data) > PART_BYTES:
            room = PART_BYTES - len(self._kept)
            self._kept += data[:room]
            data = data[room:]
            with self._talk():
                self._send_part()
        self._kept += data

    def _send_part(self) -> None:
        if not self._id:
            answer = self._client.create_multipart_upload(
                Bucket=self._bucket, Key=self._key, Metadata=self._metadata
            )
            self._id = answer["UploadId"]
        number = len(self._parts) + 1
        if number > MOST_PARTS:
            raise StoreFailed(f"s3://{self._bucket}", f"an object has at most {MOST_PARTS} parts of 8 MiB")
        part = self._client.upload_part(
            Bucket=self._bucket, Key=self._key, UploadId=self._id, PartNumber=number, Body=bytes(self._kept)
        )
        self._parts.append({"PartNumber": number, "ETag": part["ETag"]})
        self._kept.clear()

    def finish(self) -> None:
        """Give the object its name, if that is free. Raises what boto3 raises: the caller looks into it."""
        if not self._id:
            self._client.put_object(
                Bucket=self._bucket,
                Key=self._key,
                Body=bytes(self._kept),
                Metadata=self._metadata,
                IfNoneMatch="*",
            )
            return
        if self._kept:
            with self._talk():
                self._send_part()
        self._client.complete_multipart_upload(
            Bucket=self._bucket,
            Key=self._key,
            UploadId=self._id,
            MultipartUpload={"Parts": self._parts},
            IfNoneMatch="*",
        )

    def abort(self) -> None:
        """Leave nothing. Where that does not succeed either, `kubisnap gc` does it a day later."""
        from .s3_errors import FAILURES

        self._kept.clear()
        if self._id:
            with suppress(*FAILURES):
                self._client.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=self._id)


class _Sink(io.RawIOBase):
    """The file object that a writer sees: it takes everything, in order."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | bytearray | memoryview", /) -> int:  # type: ignore[override]
        view = memoryview(data).cast("B")
        self._upload.add(view)
        self._position += len(view)
        return len(view)

    def tell(self) -> int:
        return self._position
