"""From an address to a store."""

import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from ...engine.errors import InvalidInput
from .base import ArchiveStore, checked
from .directory import DirectoryStore

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/")
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_FORMS: Final = "a folder, file:///FOLDER or s3://BUCKET/PREFIX"


def open_store(url: str, *, field: str = "--archives") -> ArchiveStore:
    """Return the store at an address: a folder's path, ``file:///…`` or ``s3://bucket/prefix``.

    Nothing is read, written or asked yet. Raises `InvalidInput`, which never repeats the address: it
    might hold a password.
    """
    scheme = _SCHEME.match(url)
    if not url or "\0" in url:
        raise InvalidInput(field, "this is no address", advice=_FORMS)
    if scheme is None:
        return DirectoryStore(Path(url).expanduser())
    try:
        parts = urlsplit(url)
    except ValueError:
        raise InvalidInput(field, "this is no address", advice=_FORMS) from None
    if parts.query or parts.fragment:
        raise InvalidInput(field, "an address of archives has no ? and no #", advice=_FORMS)
    match scheme[1].lower():
        case "file" if parts.netloc in {"", "localhost"}:
            return DirectoryStore(Path(unquote(parts.path)))
        case "s3":
            return _bucket(parts.netloc, parts.path.strip("/"), field)
        case "file":
            raise InvalidInput(field, "a file:// address names no host", advice=_FORMS)
        case other:
            raise InvalidInput(field, f"archives cannot be kept at {other}://", advice=_FORMS)


def _bucket(bucket: str, prefix: str, field: str) -> ArchiveStore:
    if "@" in bucket:
        raise InvalidInput(
            field,
            "credentials do not belong into an address",
            advice="set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        )
    if not _BUCKET.fullmatch(bucket):
        raise InvalidInput(field, f"{bucket!r} is not the name of a bucket", advice=_FORMS)
    if prefix:
        checked(prefix, field=field)
    from .s3 import S3Store

    return S3Store(bucket, prefix)
