"""What OpenStack's answers mean: HTTP statuses and broken connections as the engine's errors.

By status and body only: the client library's exception classes differ from release to release. Knows
no connection: it is given what came back, or the exception that came instead. Sources: the API
references of Keystone, Nova, Neutron, Glance, Cinder and Octavia, and what a Zed control plane answers.
"""

import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

import msgspec

from ...engine.errors import (
    Busy,
    CloudError,
    Conflict,
    Denied,
    QuotaExceeded,
    RateLimited,
    Rejected,
    ResourceMissing,
    Unavailable,
)

CLOUD = "openstack"
ADVICE = "export OS_CLOUD=...      a cloud of clouds.yaml; or OS_AUTH_URL and what an openrc file exports"

LONGEST_MESSAGE = 500
LONGEST_WAIT = 3600.0

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_MARKUP = re.compile(r"<[^<>]{0,200}>")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,80}")
_QUOTA = re.compile(r"quota|maximum number|\bexceeds allowed\b|no more ip addresses", re.IGNORECASE)
_AT_WORK = re.compile(
    r"immutable|invalid state pending|while it is in (task|vm)_state|\bpending_(create|update)\b",
    re.IGNORECASE,
)
_IN_USE = re.compile(
    r"status must be|already attached|in[- ]use|still attached|has children|still in use", re.IGNORECASE
)


class Answer(NamedTuple):
    """An HTTP answer, read to its end. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """Return the body's JSON. Raises ValueError if it is not JSON."""
        try:
            return msgspec.json.decode(self.content)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


def clean(text: str, *secrets: str) -> str:
    """Return text from outside as one bounded line without markup, control characters or secrets."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    text = " ".join(_CONTROL.sub(" ", _MARKUP.sub(" ", text)).split())
    return text if len(text) <= LONGEST_MESSAGE else f"{text[: LONGEST_MESSAGE - 3]}..."


def unexpected(problem: str, *, write: bool, shape: bool = False, status: int | None = None) -> CloudError:
    """Return the error for an answer that says yes but cannot be understood.

    After a write it is unknown what was done, so the outcome is ambiguous. After a read the answer
    may be another one next time, unless it was the service's with the wrong `shape`.
    """
    message = f"the cloud answered something unexpected: {clean(problem)}"
    if shape and not write:
        return Rejected(CLOUD, message, status)
    return Unavailable(CLOUD, message, status, ambiguous=write)


def refusal(answer: Answer, method: str, *, now: Callable[[], float], secrets: tuple[str, ...]) -> CloudError:
    """Return the error for an answer whose status is not 2xx. `now` tells seconds since 1970 UTC."""
    status = answer.status
    kind, text = _explained(answer)
    message = clean(text, *secrets) or "no explanation"
    if 300 <= status < 400:
        message = "a redirect, which is not followed: the token stays here"
    headers = answer.headers
    found = headers.get("x-openstack-request-id", "") or headers.get("x-compute-request-id", "")
    request = clean(found, *secrets) if _REQUEST_ID.fullmatch(found) else ""
    facts = (CLOUD, message, status, request)
    if status in {413, 429} and not _QUOTA.search(text):
        return RateLimited(*facts, retry_after=_retry_after(answer, now))
    if status == 408 or (status >= 500 and status != 501):
        return Unavailable(*facts, ambiguous=method != "GET")
    if status == 401:
        return Denied(*facts, advice=ADVICE)
    return _KINDS.get(status, _rejected)(facts, kind, method)


_Facts = tuple[str, str, int, str]


def _rejected(facts: _Facts, kind: str, method: str) -> CloudError:  # noqa: ARG001
    return Rejected(*facts)


def _missing(facts: _Facts, kind: str, method: str) -> CloudError:  # noqa: ARG001
    return ResourceMissing(*facts)


def _forbidden(facts: _Facts, kind: str, method: str) -> CloudError:
    """Tell a quota, which Nova and Octavia answer as 403, from a policy that says no."""
    if method != "GET" and (kind == "OverQuota" or _QUOTA.search(facts[1])):
        return QuotaExceeded(*facts)
    return Denied(*facts, advice="the project's roles do not allow it: ask for the role member")


def _conflict(facts: _Facts, kind: str, method: str) -> CloudError:  # noqa: ARG001
    """Tell the 409s apart: Neutron says so of quotas, Octavia and Nova of what is at work."""
    if kind in {"OverQuota", "IpAddressGenerationFailure"} or _QUOTA.search(facts[1]):
        return QuotaExceeded(*facts)
    return Busy(*facts) if _AT_WORK.search(facts[1]) else Conflict(*facts)


def _bad(facts: _Facts, kind: str, method: str) -> CloudError:
    """Tell what is in use, which Cinder and Nova answer as 400, from what is wrong for ever."""
    if kind == "ExternalIpAddressExhausted" or (method == "POST" and _QUOTA.search(facts[1])):
        return QuotaExceeded(*facts)
    if method != "GET" and _IN_USE.search(facts[1]):
        return Conflict(*facts)
    return Rejected(*facts)


def _too_many(facts: _Facts, kind: str, method: str) -> CloudError:  # noqa: ARG001
    return QuotaExceeded(*facts)  # Cinder's 413 when there is no quota left


_KINDS: Mapping[int, Callable[[_Facts, str, str], CloudError]] = {
    400: _bad,
    403: _forbidden,
    404: _missing,
    409: _conflict,
    410: _missing,
    413: _too_many,
    429: _too_many,
}


def _explained(answer: Answer) -> tuple[str, str]:
    """Return the kind of a refusal and its text; each service puts them elsewhere, gateways send HTML."""
    try:
        data = answer.json()
    except ValueError:
        return "", ""
    found = data.items() if isinstance(data, dict) else ()
    for name, told in found:
        if name in {"faultstring", "message"} and isinstance(told, str):  # Octavia; Glance
            return "", told
        if name == "NeutronError" and isinstance(told, str):
            return "", told
        # {"itemNotFound": {...}}, {"NeutronError": {...}}, {"error": {...}}; Placement's {"errors": [...]}
        inner = told[0] if isinstance(told, list) and told else told
        text = inner.get("message", inner.get("detail")) if isinstance(inner, dict) else None
        if isinstance(text, str):
            kind = inner.get("type")
            return kind if isinstance(kind, str) else str(name), text
    return "", ""


def _retry_after(answer: Answer, now: Callable[[], float]) -> float | None:
    """Return the seconds that a rate limit asks for: a header, or a field of Nova's body."""
    texts = [answer.headers.get("retry-after", "")]
    try:
        data = answer.json()
    except ValueError:
        data = None
    if isinstance(data, dict):
        texts += [str(inner.get("retryAfter", "")) for inner in data.values() if isinstance(inner, dict)]
    for text in texts:
        seconds = _seconds(text.strip(), now)
        if seconds is not None:
            return min(max(seconds, 0.0), LONGEST_WAIT)
    return None


def _seconds(text: str, now: Callable[[], float]) -> float | None:
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - now()
    except (ValueError, OverflowError):
        return None


def today(now: Callable[[], float]) -> str:
    """Return the day, ISO 8601: what a cloud offers is asked of it each time."""
    return datetime.fromtimestamp(now(), UTC).date().isoformat()


def failure(error: BaseException, *, write: bool) -> CloudError:
    """Return the error for a connection that broke, or never was. The causes are looked through."""
    names = {type(cause).__name__ for cause in _causes(error)}
    for known, message, arrived in _FAILURES:
        if names & known:
            return Unavailable(CLOUD, message, ambiguous=write and arrived)
    if any(isinstance(cause, ssl.SSLError) for cause in _causes(error)):
        return Unavailable(CLOUD, "no TLS connection", ambiguous=False)
    return Unavailable(CLOUD, "the connection broke before a whole answer had come", ambiguous=write)


_FAILURES: tuple[tuple[frozenset[str], str, bool], ...] = (
    (frozenset({"SSLCertVerificationError"}), "the server's TLS certificate cannot be verified", False),
    (frozenset({"ProxyError"}), "the proxy cannot be reached, or refuses", False),
    (
        frozenset({"NewConnectionError", "NameResolutionError", "ConnectionRefusedError", "gaierror"}),
        "no connection: refused, unreachable, or the name is unknown",
        False,
    ),
    (frozenset({"ConnectTimeoutError", "ConnectTimeout"}), "no connection in time", False),
    (frozenset({"ReadTimeoutError", "ReadTimeout", "Timeout", "TimeoutError"}), "no answer in time", True),
    (frozenset({"DecodeError", "ContentDecodingError"}), "an answer that does not decompress", True),
)
"""Exceptions by name, what they mean, and whether the request may have arrived; the first that fits."""


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
