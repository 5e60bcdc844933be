"""What DigitalOcean's answers mean: HTTP statuses and broken connections as the engine's errors.

Knows no connection: it is given what came back, or the exception that came instead. Sources: the
pages "Introduction", "Rate Limit" and "HTTP Statuses" of DigitalOcean's API reference.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

import msgspec

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
from ..transport.failures import Answer, Provider, clean, retry_after

CLOUD = "digitalocean"
PROVIDER = Provider(CLOUD, "DigitalOcean")
Facts: TypeAlias = tuple[str, str, int, str]
"""Cloud, message, status, request id: the first fields of every `CloudError`."""

ADVICE = "export DIGITALOCEAN_TOKEN=...      a token of the right account, with read and write scopes"

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
