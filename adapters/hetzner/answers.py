"""What Hetzner's answers mean: its error codes as the engine's errors.

Sources: the section "Errors" and the operations' own errors in Hetzner's API reference; the codes that
hcloud's Go library names; reports in the issue trackers of Hetzner's own tools.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from ...engine.errors import (
    CloudError,
    Conflict,
    Denied,
    QuotaExceeded,
    RateLimited,
    Rejected,
    ResourceMissing,
    Unavailable,
)
from ..transport.failures import Answer, Provider, clean, retry_after

CLOUD = "hetzner"
PROVIDER = Provider(CLOUD, "Hetzner")
ADVICE = "export HCLOUD_TOKEN=...      a token of the right project, with permission to read and write"

Facts: TypeAlias = tuple[str, str, int, str]
"""Cloud, message, status, request id: the first fields of every `CloudError`."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,80}")

_BUSY = frozenset({"conflict", "locked"})
"""Something else is at work on it just now, and nothing was done."""
_CONFLICTS = frozenset(
    {
        "firewall_already_applied",
        "firewall_already_removed",
        "firewall_managed_by_label_selector",
        "ip_not_available",
        "must_be_detached",
        "must_be_unassigned",
        "resource_in_use",
        "server_already_added",
        "server_already_attached",
        "server_not_stopped",
        "source_port_already_used",
        "target_already_defined",
        "uniqueness_error",
        "volume_already_attached",
    }
)
"""Something is taken, or in use."""
_DENIALS = frozenset({"forbidden", "token_readonly", "unauthorized"})
_QUOTAS = frozenset({"limit_reached", "resource_limit_exceeded"})
_OUTAGES = frozenset(
    {"bad_gateway", "maintenance", "server_error", "service_error", "timeout", "unavailable"}
)


class _Error(msgspec.Struct):
    code: str = ""
    message: str = ""
    fields: tuple[str, ...] = ()


def refusal(answer: Answer, method: str, *, now: Callable[[], float], secrets: tuple[str, ...]) -> CloudError:
    """Return the error for an answer whose status is not 2xx. `now` tells seconds since 1970 UTC."""
    told = _told(answer)
    status = answer.status_code
    facts: Facts = (CLOUD, clean(_message(told, status), *secrets), status, _request_id(answer, secrets))
    if status == 429 or told.code == "rate_limit_exceeded":
        # Its RateLimit-Reset says when all requests are there again, an hour off at worst; the first is soon.
        asked = {name: answer.headers.get(name, "") for name in ("retry-after",)}
        return RateLimited(*facts, retry_after=retry_after(asked, now))
    if status == 408 or status >= 500 or told.code in _OUTAGES:
        return Unavailable(*facts, ambiguous=method != "GET")
    if told.code in _BUSY or (not told.code and status == 423):
        # Whoever removes something waits for what is in the way; the rest tries again.
        return Conflict(*facts) if method == "DELETE" else Unavailable(*facts)
    return _kind(told.code, status)(facts)


def _message(told: _Error, status: int) -> str:
    if 300 <= status < 400:
        return "a redirect, which is not followed: the token stays here"
    message = told.message or "no explanation"
    if told.fields:
        message += f" [{', '.join(told.fields)}]"
    return f"{message} ({told.code})" if told.code else message


def _kind(code: str, status: int) -> Callable[[Facts], CloudError]:
    """Go by the code, which is for machines; by the status where something in between answered."""
    if code in _DENIALS or (not code and status in {401, 403}):
        return _denied
    if code in _QUOTAS:
        return lambda facts: QuotaExceeded(*facts)
    if code in _CONFLICTS or (not code and status == 409):
        return lambda facts: Conflict(*facts)
    if code == "not_found" or (not code and status in {404, 410}):
        return lambda facts: ResourceMissing(*facts)
    return lambda facts: Rejected(*facts)


def _denied(facts: Facts) -> CloudError:
    return Denied(*facts, advice=ADVICE)


def _told(answer: Answer) -> _Error:
    """Read a refusal's body field by field, so that one odd field does not hide the message."""
    try:
        data = answer.json()
    except ValueError:
        return _Error()  # HTML of a gateway in between; the status still speaks
    error = data.get("error") if isinstance(data, dict) else None
    if not isinstance(error, dict):
        return _Error()
    return _Error(code=_text(error, "code"), message=_text(error, "message"), fields=_fields(error))


def _text(error: Mapping[str, Any], name: str) -> str:
    value = error.get(name)
    return clean(value) if isinstance(value, str) else ""


def _fields(error: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the fields that a refusal of the input complains of."""
    details = error.get("details")
    fields = details.get("fields") if isinstance(details, dict) else None
    if not isinstance(fields, list):
        return ()
    return tuple(name for field in fields[:8] if isinstance(field, dict) and (name := _text(field, "name")))


def _request_id(answer: Answer, secrets: tuple[str, ...]) -> str:
    text = answer.headers.get("x-correlation-id", "")
    return clean(text, *secrets) if _REQUEST_ID.fullmatch(text) else ""
