"""What DigitalOcean's answers mean: HTTP statuses and broken connections as the engine's errors.

Knows no connection: it is given what came back, or the exception that came instead. Sources: the
pages "Introduction", "Rate Limit" and "HTTP Statuses" of DigitalOcean's API reference.
"""

import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeAlias

import msgspec
import requests
import urllib3.exceptions

from ...engine.errors import (
    CloudError,
    Conflict,
    Denied,
    KeptByCloud,
    QuotaExceeded,
    RateLimited,
    Rejected,
    ResourceMissing,
    Unavailable,
)

CLOUD = "digitalocean"
Facts: TypeAlias = tuple[str, str, int, str]
"""Cloud, message, status, request id: the first fields of every `CloudError`."""

ADVICE = "export DIGITALOCEAN_TOKEN=...      a token of the right account, with read and write scopes"

LONGEST_MESSAGE = 500
LONGEST_WAIT = 3600.0
"""Seconds: the hourly limit's window, so nothing longer can be meant."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,80}")
_QUOTA = re.compile(r"\blimits?\b|quota|exceed", re.IGNORECASE)
_TAKEN = re.compile(r"already|duplicate|in use|must be unique", re.IGNORECASE)
_BUSY = re.compile(r"pending event|previous actions", re.IGNORECASE)
_DEFAULT_VPC = re.compile(r"default\b.*\b(vpc|network)|\b(vpc|network)\b.*\bdefault", re.IGNORECASE)
_IN_USE = re.compile(r"\bmembers?\b|in use|attached|contains|not empty", re.IGNORECASE)


class ErrorBody(msgspec.Struct):
    """The body of a refusal."""

    id: str | None = None
    message: str | None = None
    request_id: str | None = None


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, read to its end: as much of `requests.Response` as python-digitalocean uses."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def ok(self) -> bool:
        """Whether the status says that it worked."""
        return 200 <= self.status_code < 300

    def json(self) -> Any:
        """Return the body's JSON. Raises ValueError if it is not JSON."""
        try:
            return msgspec.json.decode(self.content)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


def clean(text: str, *secrets: str) -> str:
    """Return text from outside as one bounded line without control characters and without secrets."""
    for secret in secrets:
        text = text.replace(secret, "***")
    text = _CONTROL.sub(" ", text).strip()
    return text if len(text) <= LONGEST_MESSAGE else f"{text[: LONGEST_MESSAGE - 3]}..."


def unexpected(problem: str, *, write: bool, shape: bool = False, status: int | None = None) -> CloudError:
    """Return the error for an answer that says yes but cannot be understood.

    After a write it is unknown what was done, so the outcome is ambiguous. After a read the answer
    may be another one next time, unless it was DigitalOcean's with the wrong `shape`.
    """
    message = f"DigitalOcean answered something unexpected: {clean(problem)}"
    if shape and not write:
        return Rejected(CLOUD, message, status)
    return Unavailable(CLOUD, message, status, ambiguous=write)


def refusal(answer: Answer, method: str, *, now: Callable[[], float], secrets: tuple[str, ...]) -> CloudError:
    """Return the error for an answer whose status is not 2xx. `now` tells seconds since 1970 UTC."""
    body = _error_body(answer)
    status = answer.status_code
    message = clean(body.message or body.id or "", *secrets) or "no explanation"
    if 300 <= status < 400:
        message = "a redirect, which is not followed: the token stays here"
    found = next(filter(_REQUEST_ID.fullmatch, _request_ids(answer, body)), "")
    facts: Facts = (CLOUD, message, status, clean(found, *secrets))
    if status == 429:
        return RateLimited(*facts, retry_after=retry_after(answer.headers, now))
    if status == 408 or status >= 500:
        return Unavailable(*facts, ambiguous=method != "GET")
    return _KINDS.get(status, _rejected)(facts, method)


def _rejected(facts: Facts, method: str) -> CloudError:  # noqa: ARG001
    return Rejected(*facts)


def _missing(facts: Facts, method: str) -> CloudError:  # noqa: ARG001
    return ResourceMissing(*facts)


def _conflict(facts: Facts, method: str) -> CloudError:  # noqa: ARG001
    return Conflict(*facts)


def _denied(facts: Facts, method: str) -> CloudError:  # noqa: ARG001
    return Denied(*facts, advice=ADVICE)


def _forbidden(facts: Facts, method: str) -> CloudError:
    """Tell the 403s apart: besides missing scopes it means limits, VPCs in use and balancers at work."""
    message = facts[1]
    if method == "DELETE" and _DEFAULT_VPC.search(message):
        return KeptByCloud(*facts)  # DigitalOcean never deletes a region's default VPC, so waiting is no use
    if method != "GET" and _BUSY.search(message):
        return Conflict(*facts)
    if method == "DELETE" and _IN_USE.search(message):
        return Conflict(*facts)
    if method == "POST" and _QUOTA.search(message):
        return QuotaExceeded(*facts)
    return Denied(*facts, advice=ADVICE)


def _unprocessable(facts: Facts, method: str) -> CloudError:
    """Tell the 422s apart by what they say: there is no other mark."""
    message = facts[1]
    if _QUOTA.search(message):
        return QuotaExceeded(*facts)
    return Conflict(*facts) if _TAKEN.search(message) or _BUSY.search(message) else _rejected(facts, method)


_KINDS: Mapping[int, Callable[[Facts, str], CloudError]] = {
    401: _denied,
    403: _forbidden,
    404: _missing,
    409: _conflict,
    410: _missing,
    422: _unprocessable,
    423: _conflict,
}


def _error_body(answer: Answer) -> ErrorBody:
    """Read a refusal's body field by field, so that one odd field does not hide the message."""
    try:
        data = answer.json()
    except ValueError:
        return ErrorBody()  # HTML of a gateway in between; the status still speaks
    if not isinstance(data, dict):
        return ErrorBody()
    texts = {name: data[name] for name in ErrorBody.__struct_fields__ if isinstance(data.get(name), str)}
    return ErrorBody(**texts)


def _request_ids(answer: Answer, body: ErrorBody) -> Iterator[str]:
    yield body.request_id or ""
    yield answer.headers.get("x-request-id", "")


def retry_after(headers: Mapping[str, str], now: Callable[[], float]) -> float | None:
    """Return how many seconds a 429 asks to wait, between 1 and an hour, or None if it does not say.

    ``Retry-After`` (seconds, or an HTTP date) is only sent for a burst; for the hourly limit
    ``RateLimit-Reset`` holds the moment when the oldest request falls out of the window.
    """
    text = headers.get("retry-after", "").strip()
    reset = headers.get("ratelimit-reset", "").strip()
    if re.fullmatch(r"[0-9]{1,12}", text):
        seconds = float(text)
    elif (moment := _http_date(text)) is not None:
        seconds = moment - now()
    elif re.fullmatch(r"[0-9]{1,12}", reset):
        seconds = float(reset) - now()
    else:
        return None
    return min(max(seconds, 1.0), LONGEST_WAIT)


def _http_date(text: str) -> float | None:
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    aware: datetime = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.timestamp()


def failure(error: Exception, method: str) -> CloudError:
    """Return the error for a request that got no whole answer.

    It is ambiguous when a write may have arrived: that is anything but a connection that never
    came to be.
    """
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidHeader):
        return Rejected(CLOUD, "the request could not be sent: the end point or the token is malformed")
    causes = tuple(_causes(error))
    for kinds, message, sent in _FAILURES:
        if any(isinstance(cause, kinds) for cause in causes):
            return Unavailable(CLOUD, message, ambiguous=sent and method != "GET")
    message = "the connection broke off before the answer was complete"
    return Unavailable(CLOUD, message, ambiguous=method != "GET")


_FAILURES: tuple[tuple[tuple[type[Exception], ...], str, bool], ...] = (
    ((ssl.SSLCertVerificationError,), "the server's TLS certificate cannot be verified", False),
    ((urllib3.exceptions.ProxyError,), "the proxy cannot be reached, or refuses", False),
    (  # before the time-out: in urllib3 it is one of its kinds
        (urllib3.exceptions.NewConnectionError,),
        "no connection: refused, unreachable, or the name is unknown",
        False,
    ),
    ((urllib3.exceptions.ConnectTimeoutError,), "no connection in time", False),
    ((requests.exceptions.Timeout, urllib3.exceptions.TimeoutError), "no answer in time", True),
    ((urllib3.exceptions.DecodeError,), "an answer that does not decompress", True),
)
"""Exceptions, what they mean, and whether the request may have arrived; the first that fits counts."""


def _causes(error: object) -> Iterator[BaseException]:
    """Yield an exception and those it wraps: requests and urllib3 put them in `args` and `reason`."""
    waiting, seen = [error], 0
    while waiting and seen < 20:
        current = waiting.pop()
        seen += 1
        if isinstance(current, BaseException):
            yield current
            waiting += [getattr(current, "reason", None), current.__cause__, current.__context__]
            waiting += [argument for argument in current.args if isinstance(argument, BaseException)]
