"""Addresses: where a token may be sent, and ids as parts of a path. Pure."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from ...engine.domain.resources import Kind
from ...engine.errors import ResourceMissing
from .answers import CLOUD, clean

_SEGMENT = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,254}")


def segment(text: str, what: str) -> str:
    """Return an id as a part of a path. Raises `ResourceMissing` for what cannot be an id.

    Ids come back out of logs and archives: none may lead to another path.
    """
    if not _SEGMENT.fullmatch(text):
        raise ResourceMissing(CLOUD, f"there is no {what} {clean(text)!r}")
    return text


def pair(resource_id: str, kind: Kind) -> tuple[str, str]:
    """Return the two ids that an attachment's id is made of, the second a server's."""
    held, _, server = resource_id.partition(":")
    return segment(held, kind), segment(server, kind)


def in_confidence(url: str) -> bool:
    """Whether a token may be sent there: over https, or to this machine.

    >>> in_confidence("https://cloud.example:5000/v3"), in_confidence("http://127.0.0.1:5000/v3")
    (True, True)
    >>> in_confidence("http://cloud.example:5000/v3")
    False
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    if parts.scheme == "https":
        return bool(host)
    return parts.scheme == "http" and _is_loopback(host)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
