"""Connections: what the client library's session stands on.

Each request asks whether it may still leave, has its time-outs, follows no redirect, goes in clear to
this machine only, and its answer has an end. Broken connections are the engine's errors from here on,
so that no retry of the library ever sees them. Knows requests and urllib3; knows no service.
"""

import time
from http.cookiejar import DefaultCookiePolicy
from typing import Any, ClassVar
from urllib.parse import urlsplit

import requests
import requests.adapters
import urllib3
import urllib3.exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection

from ...engine.errors import Denied, Unavailable
from ...engine.ports import before_sending
from .answers import CLOUD, failure, unexpected
from .paths import in_confidence

MAX_ANSWER_BYTES = 32 * 1024 * 1024
_CHUNK = 64 * 1024
_WHOLE_ANSWER_TIMEOUTS = 4
_POOL = 64
"""Connections kept for each host: as many as calls at once."""

_TOKENS = "/auth/tokens"


class _Asking(HTTPConnection):
    """Asks whether it may when only the bytes have to leave: before the head and before the body."""

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        before_sending()
        super().send(data)


class _AskingSecurely(_Asking, HTTPSConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Asking  # type: ignore[mutable-override]  # how urllib3 wants it


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _AskingSecurely  # type: ignore[mutable-override]  # how urllib3 wants it


class _Adapter(requests.adapters.HTTPAdapter):
    """Makes connections that ask, to a service itself and by way of a proxy."""

    _classes: ClassVar = {"http": _Pool, "https": _SecurePool}

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = self._classes

    def proxy_manager_for(self, *arguments: Any, **named: Any) -> urllib3.ProxyManager:
        manager: urllib3.ProxyManager = super().proxy_manager_for(*arguments, **named)
        manager.pool_classes_by_scheme = self._classes
        return manager


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep ~/.netrc from adding anything: an `auth` is given."""
    return request


class Wire(requests.Session):
    """A requests session for keystoneauth. `timeouts` are seconds to connect and to read."""

    def __init__(self, timeouts: tuple[float, float], *, trust_env: bool) -> None:
        super().__init__()
        self._timeouts = timeouts
        # Over http, which is for loopback only, an environment's proxy would see the token in clear.
        self.trust_env = trust_env
        self.auth = _as_it_is
        for scheme in ("http://", "https://"):
            self.mount(scheme, _Adapter(pool_connections=16, pool_maxsize=_POOL))
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))

    def send(self, request: requests.PreparedRequest, **named: Any) -> requests.Response:
        """Send one request and read its answer to the end. Raises the `CloudError` family only."""
        url = request.url or ""
        if not in_confidence(url):
            host = urlsplit(url).hostname or "?"
            raise Denied(CLOUD, f"http to {host} would show the token to everybody on the way", advice="")
        write = request.method not in {"GET", "HEAD"} and not urlsplit(url).path.endswith(_TOKENS)
        named |= {"stream": True, "timeout": self._timeouts, "allow_redirects": False}
        deadline = time.monotonic() + _WHOLE_ANSWER_TIMEOUTS * self._timeouts[1]
        try:
            response = super().send(request, **named)
            with response:
                response._content = _bounded(response, deadline, write=write)  # noqa: SLF001  # as requests itself does
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise failure(error, write=write) from error
        return response


def _bounded(response: requests.Response, deadline: float, *, write: bool) -> bytes:
    """Read a body, decompressed, up to a size and a moment."""
    content = bytearray()
    # read1 hands over what has come; the usual reads wait until a whole chunk is together.
    while chunk := response.raw.read1(_CHUNK, decode_content=True):
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            problem = f"more than {MAX_ANSWER_BYTES // 1024 // 1024} MiB"
            raise unexpected(problem, write=write, shape=True, status=response.status_code)
        if time.monotonic() > deadline:
            raise Unavailable(CLOUD, "the answer did not end in time", response.status_code, ambiguous=write)
    return bytes(content)
