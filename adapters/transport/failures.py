"""What broken connections and senseless answers mean, as the engine's errors, whatever the cloud.

Knows no connection: it is given what came back, or the exception that came instead.
"""

import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import msgspec
import requests
import urllib3.exceptions

from ...engine.errors import CloudError, Rejected, Unavailable

LONGEST_MESSAGE = 500
LONGEST_WAIT = 3600.0
"""Seconds: the hourly limits' window, so nothing longer can be meant."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class Provider(NamedTuple):
    """Whose API it is: `name` as errors say it (``digitalocean``), `title` as people do."""

    name: str
    title: str


@dataclass(frozen=True)
class Answer:
    """An HTTP answer, read to its end."""

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


def unexpected(
    provider: Provider, problem: str, *, write: bool, shape: bool = False, status: int | None = None
) -> CloudError:
    """Return the error for an answer that says yes but cannot be understood.

    After a write it is unknown what was done, so the outcome is ambiguous. After a read the answer
    may be another one next time, unless it was the provider's own with the wrong `shape`.
    """
    message = f"{provider.title} answered something unexpected: {clean(problem)}"
    if shape and not write:
        return Rejected(provider.name, message, status)
    return Unavailable(provider.name, message, status, ambiguous=write)


def retry_after(headers: Mapping[str, str], now: Callable[[], float]) -> float | None:
    """Return how many seconds a 429 asks to wait, between 1 and an hour, or None if it does not say.

    By ``Retry-After`` (seconds, or an HTTP date), else by ``RateLimit-Reset``, which holds a moment.
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


def failure(provider: Provider, error: Exception, method: str) -> CloudError:
    """Return the error for a request that got no whole answer.

    It is ambiguous when a write may have arrived: that is anything but a connection that never
    came to be.
    """
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidHeader):
        return Rejected(
            provider.name, "the request could not be sent: the end point or the token is malformed"
        )
    causes = tuple(_causes(error))
    for kinds, message, sent in _FAILURES:
        if any(isinstance(cause, kinds) for cause in causes):
            return Unavailable(provider.name, message, ambiguous=sent and method != "GET")
    message = "the connection broke off before the answer was complete"
    return Unavailable(provider.name, message, ambiguous=method != "GET")


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
