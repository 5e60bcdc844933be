"""The one way to DigitalOcean: python-digitalocean's request method, replaced by a careful one.

The library's objects are not used: they page silently into incomplete lists, hang without a
timeout and hide what an error was (ADR 0006). What is kept is `BaseAPI`, whose every call goes
through one private method; it is overridden here. Knows HTTP; knows no resource.
"""

import re
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, TypeVar

import msgspec
import requests
import urllib3.exceptions
from digitalocean.baseapi import BaseAPI

from ...engine.errors import Denied, Rejected, Unavailable
from ..transport.bodies import converted, encoded
from ..transport.connections import Bearer, Sessions, bounded
from ..transport.failures import Answer, clean, failure, unexpected
from .answers import ADVICE, CLOUD, PROVIDER, refusal
from .paths import DEFAULT_END_POINT, checked_end_point

T = TypeVar("T")

CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 30.0

PAGE_SIZE = 200
MAX_PAGES = 500
_WHOLE_ANSWER_TIMEOUTS = 4
"""A server that drips never runs into the read timeout; a whole answer may take this many of them."""

_TOKEN = re.compile(r"[!-~]{1,512}")
_AGENT = f"kubisnap python-digitalocean/{version('python-digitalocean')} requests/{requests.__version__}"


class Transport(BaseAPI):  # type: ignore[misc]  # the library ships no types
    """Calls to one end point with one token, from any number of threads.

    `connect_timeout` and `read_timeout` are in seconds; `now` tells seconds since 1970 UTC. Raises
    `InvalidInput` for an end point that a token must not be sent to, and `Denied` for a token that
    cannot be one. Every method raises the `CloudError` family only.
    """

    def __init__(
        self,
        token: str,
        *,
        end_point: str = DEFAULT_END_POINT,
        connect_timeout: float = CONNECT_TIMEOUT,
        read_timeout: float = READ_TIMEOUT,
        now: Callable[[], float] = time.time,
    ) -> None:
        if not _TOKEN.fullmatch(token):  # requests would quote a malformed header, token and all
            raise Denied(CLOUD, "the token is empty or has characters that no token has", advice=ADVICE)
        # Both given, so that the library's own environment variables never win.
        super().__init__(token=token, end_point=checked_end_point(end_point))
        self._bearer = Bearer(token)
        self._timeouts = (connect_timeout, read_timeout)
        self._now = now
        self._sessions = Sessions(PROVIDER, trust_env=self.end_point.startswith("https:"))

    def __repr__(self) -> str:
        return f"Transport({self.end_point!r})"

    __str__ = __repr__

    def close(self) -> None:
        """Close all connections."""
        self._session.close()  # the library's, which is never used
        self._sessions.close()

    def fetch(self, path: str, into: type[T]) -> T:
        """Return what is at a path. Raises `ResourceMissing` and the other cloud errors."""
        return converted(PROVIDER, self.get_data(path), into, write=False)

    def send(self, method: str, path: str, body: Mapping[str, Any], into: type[T]) -> T:
        """Send a write and return the answer. After an answer that makes no sense: ambiguous."""
        return converted(PROVIDER, self.get_data(path, method, body), into, write=True)

    def delete(self, path: str) -> None:
        """Ask for a removal."""
        self.get_data(path, "DELETE")

    def listed(
        self,
        path: str,
        key: str,
        into: type[T],
        identity: Callable[[T], object],
        query: Mapping[str, str] | None = None,
    ) -> list[T]:
        """Return a whole list, or raise: never a part of it.

        Pages are asked for by number until `meta.total` items have come; links are not followed.
        A list that changes meanwhile shows as a wrong count or a repeated item, and is read once
        more; if it changes again, `Unavailable`.
        """
        for _ in range(2):
            items = self._pages(path, key, into, query or {})
            if items is not None and len({identity(item) for item in items}) == len(items):
                return items
        raise Unavailable(CLOUD, f"the list of {path} kept changing while it was read")

    def _pages(self, path: str, key: str, into: type[T], query: Mapping[str, str]) -> list[T] | None:
        """Read all pages once; None if they do not add up to the total."""
        items: list[T] = []
        first_total: int | None = None
        for number in range(1, MAX_PAGES + 1):
            data = self.get_data(path, "GET", {**query, "page": str(number), "per_page": str(PAGE_SIZE)})
            total = converted(PROVIDER, data, _Paged, write=False).meta.total
            page = converted(PROVIDER, data.get(key) or [], list[into], write=False)  # type: ignore[valid-type]
            items += page
            if first_total not in {None, total} or len(items) > total:
                return None
            if len(items) == total:
                return items
            if not page:
                return None
            first_total = total
        raise Rejected(CLOUD, f"the list of {path} has more than {MAX_PAGES} pages")

    def get_data(self, url: str, type: str = "GET", params: Mapping[str, Any] | None = None) -> Any:  # noqa: A002
        """Return one answer's JSON object, or True where there is no body. Never pages.

        The signature is the library's: `params` are the query of a GET and the body of the rest.
        """
        answer = self._BaseAPI__perform_request(url, type, params)
        if answer.status_code == 204 or (type != "GET" and not answer.content.strip()):
            return True
        try:
            data = answer.json()
        except ValueError:
            kind = clean(answer.headers.get("content-type", "no content type"), self._bearer.token)
            raise unexpected(
                PROVIDER, f"no JSON but {kind}", write=type != "GET", status=answer.status_code
            ) from None
        if not isinstance(data, dict):
            raise unexpected(
                PROVIDER, "JSON that is no object", write=type != "GET", status=answer.status_code
            )
        return data

    def _BaseAPI__perform_request(  # noqa: N802  # the library's one private method, under its mangled name
        self,
        url: str,
        type: str = "GET",  # noqa: A002
        params: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Make one request. Raises for any status but 2xx, and when there is no whole answer."""
        try:
            answer = self._exchange(type, self.end_point + url, params)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise failure(PROVIDER, error, type) from error
        if answer.ok:
            return answer
        raise refusal(answer, type, now=self._now, secrets=(self._bearer.token,))

    def _exchange(self, method: str, url: str, params: Mapping[str, Any] | None) -> Answer:
        read = method == "GET"
        # No body without content: the description allows none with most DELETEs.
        body = None if read or params is None else encoded(PROVIDER, params)
        headers = {"User-Agent": _AGENT, "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        deadline = time.monotonic() + _WHOLE_ANSWER_TIMEOUTS * self._timeouts[1]
        with (
            self._sessions.borrowed() as session,
            session.request(
                method,
                url,
                params=params if read else None,
                data=body,
                headers=headers,
                auth=self._bearer,
                timeout=self._timeouts,
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            content = bounded(PROVIDER, response, deadline, write=not read)
            return Answer(response.status_code, response.headers, content)


class _Total(msgspec.Struct):
    total: int


class _Paged(msgspec.Struct):
    meta: _Total
