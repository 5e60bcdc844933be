"""What boto3 raises, said in our words: kinds, codes and numbers, never a server's or a library's free text.

Texts of botocore may hold addresses with passwords, and servers may say what they like.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from boto3.exceptions import Boto3Error
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004 - botocore's own, and only here
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    ReadTimeoutError,
    ResponseStreamingError,
    SSLError,
    SSOError,
    TokenRetrievalError,
)
from urllib3.exceptions import HTTPError

from ...engine.errors import KubisnapError, NotFound
from .errors import NameTaken, NotExclusive, StoreDenied, StoreFailed

FAILURES: Final = (BotoCoreError, ClientError, Boto3Error, HTTPError, OSError)
_NETWORK: Final = (
    HTTPClientError,
    ConnectionError,
    IncompleteReadError,
    ResponseStreamingError,
    HTTPError,
    OSError,
)
_NO_CREDENTIALS: Final = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    TokenRetrievalError,
    SSOError,
    ProfileNotFound,
)
_DENIED: Final = frozenset(
    {
        "AccessDenied",
        "AllAccessDisabled",
        "AuthorizationHeaderMalformed",
        "ExpiredToken",
        "InvalidAccessKeyId",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnauthorizedAccess",
    }
)
_PROBLEMS: Final = (
    (NoRegionError, "no region is set: AWS_REGION, or region in the profile"),
    (SSLError, "the server's certificate is not trusted"),
    (ReadTimeoutError, "the server does not answer in time"),
    (_NETWORK, "the connection failed"),
)
_CODE: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


def code_of(error: BaseException) -> str:
    """Return the server's word for an error, if it is a word."""
    if not isinstance(error, ClientError):
        return ""
    code = str(error.response.get("Error", {}).get("Code", ""))
    return code if _CODE.fullmatch(code) else "unreadable"


def status_of(error: BaseException) -> int:
    """Return the HTTP status of an answer, or 0."""
    if not isinstance(error, ClientError):
        return 0
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)


def outcome_unknown(error: BaseException) -> bool:
    """Tell whether what was to be written may be there: the name is taken, or no answer told."""
    if isinstance(error, _NETWORK):
        return True
    return status_of(error) in {404, 409, 412} or status_of(error) >= 500


class Talk:
    """Translates errors for one store: ``with talk(name): ...``."""

    def __init__(self, url: str, bucket: str) -> None:
        self.url = url
        self._bucket = bucket

    @contextmanager
    def __call__(self, name: str = "", *, writing: bool = False) -> Iterator[None]:
        """Raise our errors instead of boto3's, about the object `name`."""
        try:
            yield
        except FAILURES as error:
            raise self.told(error, name, writing=writing) from error

    def told(self, error: Exception, name: str = "", *, writing: bool = False) -> KubisnapError:
        """Return our error for one of boto3's."""
        if isinstance(error, ClientError):
            return self._answered(error, name, writing=writing)
        if isinstance(error, _NO_CREDENTIALS):
            return StoreDenied(self.url, "no usable credentials were found", type(error).__name__)
        known = (problem for kinds, problem in _PROBLEMS if isinstance(error, kinds))
        return StoreFailed(self.url, next(known, "the request could not be made"), type(error).__name__)

    def _answered(self, error: ClientError, name: str, *, writing: bool) -> KubisnapError:
        code, status = code_of(error), status_of(error)
        request = str(error.response.get("ResponseMetadata", {}).get("RequestId", ""))
        request = request if _CODE.fullmatch(request) else ""
        if code == "NoSuchBucket":
            return NotFound(
                "bucket", self._bucket, advice="kubisnap makes no buckets: make it, or check the address"
            )
        if status == 412:
            return NameTaken(self.url, name)
        if status == 501 and writing:
            return NotExclusive(self.url)
        if code in _DENIED or status in {401, 403}:
            return StoreDenied(self.url, "the server refused", code, request)
        if code in {"NoSuchKey", "NoSuchUpload", "404"}:
            return NotFound("snapshot", name, advice="kubisnap snapshots      lists what is there")
        return StoreFailed(self.url, f"the server answered {status}", code, request)
