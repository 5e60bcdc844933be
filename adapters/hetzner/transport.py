"""The one way to Hetzner: the request method of hcloud's client, replaced by a careful one.

All that hcloud does goes through one method, which is replaced here: it would ask six times, changes
included, with no parameter for asking once; wait for ever for an answer; and share one session among all
threads. Its objects are not used for reading (ADR on hcloud). Knows HTTP; knows no resource.
"""

import re
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any, TypeVar

import hcloud
import requests
import urllib3.exceptions

from ...engine.errors import Denied, Rejected, ResourceMissing, Unavailable
from ..transport.bodies import converted, encoded
from ..transport.connections import Bearer, Sessions, bounded
from ..transport.failures import Answer, clean, failure, unexpected
from ..transport.places import checked_end_point
from . import wire
from .answers import ADVICE, CLOUD, PROVIDER, refusal

T = TypeVar("T")

DEFAULT_END_POINT = "https://api.hetzner.cloud/v1"
CONNECT_TIMEOUT = 10.0
READ_TIMEOUT = 30.0

PAGE_SIZE = 50
"""Hetzner gives no more at once."""
MAX_PAGES = 1000
_WHOLE_ANSWER_TIMEOUTS = 4
"""A server that drips never runs into the read timeout; a whole answer may take this many of them."""

_TOKEN = re.compile(r"[!-~]{1,512}")
_AGENT = f"kubisnap hcloud-python/{version('hcloud')} requests/{requests.__version__}"


class Transport(hcloud.Client):
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
        checked = checked_end_point(end_point, "HCLOUD_ENDPOINT", DEFAULT_END_POINT).rstrip("/")
        super().__init__(token, api_endpoint=checked, timeout=(connect_timeout, read_timeout))
        # The library's own clients of servers, networks and so on hold this, and would pass `request` by.
        self._client.request = self.request  # type: ignore[method-assign]
        self.end_point = checked
        self._bearer = Bearer(token)
        self._timeouts = (connect_timeout, read_timeout)
        self._now = now
        self._sessions = Sessions(PROVIDER, trust_env=checked.startswith("https:"))

    def __repr__(self) -> str:
        return f"Transport({self.end_point!r})"

    __str__ = __repr__

    def close(self) -> None:
        """Close all connections."""
        self._sessions.close()

    def fetch(self, path: str, into: type[T], query: Mapping[str, Any] | None = None) -> T:
        """Return what is at a path. Raises `ResourceMissing` and the other cloud errors."""
        return converted(PROVIDER, self.request("GET", f"/{path}", params=query or {}), into, write=False)

    def send(self, method: str, path: str, body: Mapping[str, Any], into: type[T]) -> T:
        """Send a write and return the answer. After an answer that makes no sense: ambiguous."""
        return converted(PROVIDER, self._sent(method, path, body), into, write=True)

    def make(self, path: str, body: Mapping[str, Any], into: type[T]) -> tuple[T, str]:
        """Ask for something new; return it and, as a token, the actions to follow.

        The list that it is to stand in is always there: what is missing is something that it names.
        """
        try:
            data = self._sent("POST", path, body)
        except ResourceMissing as error:
            message = f"it names something that is not there: {error.message}"
            raise Rejected(CLOUD, message, error.status, error.request_id) from error
        token = converted(PROVIDER, data, wire.Actions, write=True).token
        return converted(PROVIDER, data, into, write=True), token

    def act(self, path: str, body: Mapping[str, Any]) -> str:
        """Ask for a change; return, as a token, the actions to follow."""
        return self.send("POST", path, body, wire.Actions).token

    def delete(self, path: str) -> None:
        """Ask for a removal."""
        self.request("DELETE", f"/{path}")

    def listed(
        self,
        path: str,
        key: str,
        into: type[T],
        identity: Callable[[T], object],
        query: Mapping[str, str] | None = None,
    ) -> list[T]:
        """Return a whole list, or raise: never a part of it.

        Pages are asked for by number. A list that changes meanwhile shows as a wrong count or a repeated
        item, and is read once more; if it changes again, `Unavailable`.
        """
        for _ in range(2):
            items = self._pages(path, key, into, query or {})
            if items is not None and len({identity(item) for item in items}) == len(items):
                return items
        raise Unavailable(CLOUD, f"the list of {path} kept changing while it was read")

    def _pages(self, path: str, key: str, into: type[T], query: Mapping[str, str]) -> list[T] | None:
        """Read all pages once; None if they do not add up."""
        items: list[T] = []
        for number in range(1, MAX_PAGES + 1):
            asked = {**query, "page": str(number), "per_page": str(PAGE_SIZE)}
            data = self.request("GET", f"/{path}", params=asked)
            told = converted(PROVIDER, data, wire.Paged, write=False).meta.pagination
            page = converted(PROVIDER, data.get(key), list[into], write=False)  # type: ignore[valid-type]
            items += page
            if told.page != number:
                raise unexpected(PROVIDER, f"another page of {path} than asked for", write=False, shape=True)
            if told.next_page is None:
                return items if told.total_entries in {None, len(items)} else None
            if not page:
                return None
        raise Rejected(CLOUD, f"the list of {path} has more than {MAX_PAGES} pages")

    def request(self, method: str, url: str, **kwargs: Any) -> dict[str, Any]:
        """Return one answer's JSON object, empty where there is none. Asks once, follows no redirect.

        The signature is the library's: `params` are the query, `json` the body.
        """
        try:
            answer = self._exchange(method, self.end_point + url, kwargs.get("params"), kwargs.get("json"))
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise failure(PROVIDER, error, method) from error
        if not answer.ok:
            raise refusal(answer, method, now=self._now, secrets=(self._bearer.token,))
        if answer.status_code == 204 or (method != "GET" and not answer.content.strip()):
            return {}
        return self._object(answer, write=method != "GET")

    def _object(self, answer: Answer, *, write: bool) -> dict[str, Any]:
        status = answer.status_code
        try:
            data = answer.json()
        except ValueError:
            kind = clean(answer.headers.get("content-type", "no content type"), self._bearer.token)
            raise unexpected(PROVIDER, f"no JSON but {kind}", write=write, status=status) from None
        if not isinstance(data, dict):
            raise unexpected(PROVIDER, "JSON that is no object", write=write, status=status)
        return data

    def _sent(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self.request(method, f"/{path}", json=body)

    def _exchange(
        self, method: str, url: str, query: Mapping[str, Any] | None, body: Mapping[str, Any] | None
    ) -> Answer:
        content_type = {} if body is None else {"Content-Type": "application/json"}
        deadline = time.monotonic() + _WHOLE_ANSWER_TIMEOUTS * self._timeouts[1]
        with (
            self._sessions.borrowed() as session,
            session.request(
                method,
                url,
                params=query,
                data=None if body is None else encoded(PROVIDER, body),
                headers={"User-Agent": _AGENT, "Accept": "application/json", **content_type},
                auth=self._bearer,
                timeout=self._timeouts,
                allow_redirects=False,
                stream=True,
            ) as response,
        ):
            content = bounded(PROVIDER, response, deadline, write=method != "GET")
            return Answer(response.status_code, response.headers, content)
