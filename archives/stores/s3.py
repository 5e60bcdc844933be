"""Archives in a bucket of S3 or of a server that speaks it.

Conditional from end to end: created with ``If-None-Match: *``, read with ``If-Match``. Credentials,
region and end point come from where boto3 always takes them. Only this package knows boto3, and it is
loaded with the first request.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO, TypeVar

from ...engine.errors import NotFound
from .base import PROBE, Leftover, Stored, checked, write_probe
from .errors import ExtraMissing, HeldByLock, NameTaken, NotExclusive, StoreDenied, StoreFailed

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

    from .s3_errors import Talk
    from .s3_upload import Upload

T = TypeVar("T")
ATTEMPTS = 4
_CONNECT_SECONDS, _READ_SECONDS = 10, 60
_OURS = "kubisnap-upload"
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class S3Store:
    """A bucket, or what starts with a prefix in it."""

    def __init__(self, bucket: str, prefix: str = "") -> None:
        self._bucket = bucket
        self._base = f"{prefix}/" if prefix else ""

    @property
    def url(self) -> str:
        """Return the bucket and the prefix."""
        return f"s3://{self._bucket}/{self._base}".rstrip("/")

    @cached_property
    def _talk(self) -> "Talk":
        try:
            from .s3_errors import Talk
        except ImportError:
            raise ExtraMissing(self.url) from None
        return Talk(self.url, self._bucket)

    @cached_property
    def _client(self) -> "S3Client":
        with self._talk():
            import boto3
            from botocore.config import Config

            settings = Config(
                retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
                connect_timeout=_CONNECT_SECONDS,
                read_timeout=_READ_SECONDS,
                user_agent_extra="kubisnap",
            )
            return boto3.session.Session().client("s3", config=settings)

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """Yield the objects."""
        with self._talk():
            pages = self._client.get_paginator("list_objects_v2")
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._base + prefix):
                for item in page.get("Contents", []):
                    name = item["Key"].removeprefix(self._base)
                    if name and not name.endswith("/"):  # consoles make "folders" of no bytes
                        yield Stored(name, item["Size"], _microseconds(item["LastModified"]))

    def put(self, name: str, write: Callable[[BinaryIO], T]) -> T:
        """Upload a new object: in one request if it is small, else in parts."""
        from .s3_upload import Upload

        key = self._key(name)
        if self._whose(name) == "theirs":  # before much is sent; what counts is the condition at the end
            raise NameTaken(self.url, name)
        mark = secrets.token_hex(16)
        upload = Upload(self._client, self._bucket, key, {_OURS: mark}, self._talk)
        try:
            result = write(upload.sink)
            self._finish(upload, name, mark)
        except BaseException:
            upload.abort()
            raise
        return result

    def _finish(self, upload: "Upload", name: str, mark: str) -> None:
        """Give the object its name, and find out whose it is where the answer leaves that open.

        A request that arrived may be sent again because its answer was lost: then the server says that
        the name is taken, and it is taken by us.
        """
        from .s3_errors import FAILURES, outcome_unknown

        try:
            upload.finish()
        except FAILURES as error:
            whose = self._whose(name, mark) if outcome_unknown(error) else ""
            if whose == "theirs":
                raise NameTaken(self.url, name) from None
            if whose != "ours":
                raise self._talk.told(error, name, writing=True) from error
        else:
            # Some servers look first and write then when parts are put together: see who came last.
            # One that does not answer now has said yes before.
            with suppress(StoreFailed):
                if upload.in_parts and self._whose(name, mark) == "theirs":
                    raise NameTaken(self.url, name)

    def open(self, name: str) -> BinaryIO:
        """Return the object, read in ranges; it must stay the one that it is now."""
        key = self._key(name)
        with self._talk(name):
            from .s3_reading import reader

            head = self._client.head_object(Bucket=self._bucket, Key=key)
        return reader(self._client, self._talk, self._bucket, key, name, head["ContentLength"], head["ETag"])

    def delete(self, name: str) -> None:
        """Remove an object. In a bucket with versions the bytes stay for its lifecycle rule."""
        key = self._key(name)
        head = self._head(name)
        if head is None:
            return
        until = head.get("ObjectLockRetainUntilDate", _LONG_AGO)  # only where there is a lock
        if until > datetime.now(UTC):
            raise HeldByLock(self.url, name, until.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        if head.get("ObjectLockLegalHoldStatus") == "ON":
            raise HeldByLock(self.url, name)
        with self._talk(name):
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def leftovers(self) -> Iterator[Leftover]:
        """Yield uploads in parts that were never ended."""
        with self._talk():
            pages = self._client.get_paginator("list_multipart_uploads")
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._base):
                for item in page.get("Uploads", []):
                    name = item["Key"].removeprefix(self._base)
                    yield Leftover(name, _microseconds(item["Initiated"]), item["UploadId"])

    def discard(self, leftover: Leftover) -> None:
        """Abort an upload; its parts cost money until then."""
        try:
            with self._talk(leftover.name):
                self._client.abort_multipart_upload(
                    Bucket=self._bucket, Key=self._base + leftover.name, UploadId=leftover.token
                )
        except NotFound as error:
            if error.what == "bucket":
                raise

    def check(self) -> None:
        """Write a probe, once, and see that the server refuses to write it again."""
        for expected in (False, True):
            try:
                self._put_probe()
            except NameTaken:
                return
            if expected:
                raise NotExclusive(self.url)

    def _put_probe(self) -> None:
        """Put the probe without looking first: what is tried is the server's own care."""
        from .s3_upload import Upload

        upload = Upload(self._client, self._bucket, self._key(PROBE), {}, self._talk)
        write_probe(upload.sink)
        with self._talk(PROBE, writing=True):
            upload.finish()

    def _key(self, name: str) -> str:
        return self._base + checked(name)

    def _whose(self, name: str, mark: str = "") -> str:
        """Return ``ours``, ``theirs``, ``nobody's``, or nothing for those who may write and not look."""
        try:
            head = self._head(name)
        except StoreDenied:
            return ""
        if head is None:
            return "nobody's"
        return "ours" if head["Metadata"].get(_OURS) == mark else "theirs"

    def _head(self, name: str) -> "HeadObjectOutputTypeDef | None":
        try:
            with self._talk(name):
                return self._client.head_object(Bucket=self._bucket, Key=self._key(name))
        except NotFound as error:
            if error.what == "bucket":
                raise
            return None


def _microseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
