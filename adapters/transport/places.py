"""Places: which end points may be given a token, and ids as parts of a path. Pure."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from ...engine.errors import InvalidInput, ResourceMissing
from .failures import Provider, clean

_SEGMENT = re.compile(r"[A-Za-z0-9_:-][A-Za-z0-9_.:-]{0,254}")
_SPACE = re.compile(r"[\s\x00-\x1f\\]")


def segment(provider: Provider, text: str, what: str) -> str:
    """Return an id as a part of a path. Raises `ResourceMissing` for what cannot be an id.

    Ids come back out of logs and archives: none may lead to another path.
    """
    if not _SEGMENT.fullmatch(text):
        raise ResourceMissing(provider.name, f"there is no {what} {clean(text)!r}")
    return text


def number(provider: Provider, text: str, what: str) -> int:
    """Return an id that must be a number. Raises `ResourceMissing` for what cannot be one."""
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise ResourceMissing(provider.name, f"there is no {what} {clean(text)!r}")
    return int(text)


def checked_end_point(text: str, setting: str, example: str) -> str:
    """Return an end point, which a setting of that name holds.

    Raises `InvalidInput` unless it is https, or http to this machine: a token must not travel in clear.
    """

    def wrong(problem: str) -> InvalidInput:
        return InvalidInput(setting, problem, advice=f"for example {example}")

    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise wrong("not a URL") from None
    if parts.scheme not in {"http", "https"} or not host:
        raise wrong("not an absolute http or https URL")
    if parts.username is not None or parts.query or parts.fragment or _SPACE.search(text):
        raise wrong("a user, a query, a fragment or a space has no place in it")
    if parts.scheme == "http" and not _is_loopback(host):
        raise wrong(f"http to {host} would show the token to everybody on the way; use https")
    return text


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
