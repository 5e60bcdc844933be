"""Connections: the token on every request, sessions for many threads, bodies with an end.

Knows no cloud: whoever opens them says whose they are, so that errors can name it.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from typing import Any, ClassVar

import requests
import requests.adapters
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from ...engine.errors import Rejected, Unavailable
from ...engine.ports import before_sending
from .failures import Provider, unexpected

MAX_ANSWER_BYTES = 16 * 1024 * 1024
_CHUNK = 64 * 1024


class Bearer(requests.auth.AuthBase):
    """Puts the token on a request. Being an `auth`, it also keeps ~/.netrc from replacing the token."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put it there."""
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request


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
    """Makes connections that ask, to the end point itself and by way of a proxy."""

    _classes: ClassVar = {"http": _Pool, "https": _SecurePool}

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = self._classes

    def proxy_manager_for(self, *arguments: Any, **named: Any) -> urllib3.ProxyManager:
        manager: urllib3.ProxyManager = super().proxy_manager_for(*arguments, **named)
        manager.pool_classes_by_scheme = self._classes
        return manager


class Sessions:
    """Sessions, each used by one thread at a time and kept for the next: as many as calls at once."""

    def __init__(self, provider: Provider, *, trust_env: bool) -> None:
        self._provider = provider
        # Over http, which is for loopback only, an environment's proxy would see the token in clear.
        self._trust_env = trust_env
        self._lock = threading.Lock()
        self._idle: list[requests.Session] = []
        self._closed = False

    @contextmanager
    def borrowed(self) -> Iterator[requests.Session]:
        """Lend a session for one call."""
        with self._lock:
            if self._closed:
                raise Rejected(
                    self._provider.name, f"the connection to {self._provider.title} has been closed"
                )
            session = self._idle.pop() if self._idle else self._new()
        try:
            yield session
        finally:
            with self._lock:
                keep = not self._closed
                if keep:
                    self._idle.append(session)
            if not keep:
                session.close()

    def _new(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = self._trust_env
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Adapter())
        session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        return session

    def close(self) -> None:
        """Close those that are idle now, and those in use when they come back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for session in idle:
            session.close()


def bounded(provider: Provider, response: requests.Response, deadline: float, *, write: bool) -> bytes:
    """Read a body, decompressed, up to a size and a moment."""
    content = bytearray()
    # read1 hands over what has come; the usual reads wait until a whole chunk is together.
    while chunk := response.raw.read1(_CHUNK, decode_content=True):
        content += chunk
        if len(content) > MAX_ANSWER_BYTES:
            problem = f"more than {MAX_ANSWER_BYTES // 1024 // 1024} MiB"
            raise unexpected(provider, problem, write=write, shape=True, status=response.status_code)
        if time.monotonic() > deadline:
            message = "the answer did not end in time"
            raise Unavailable(provider.name, message, response.status_code, ambiguous=write)
    return bytes(content)
