"""What DigitalOcean's API says where a fault on order makes it answer, and rules as they come over HTTP."""

import re
from typing import cast, get_args

from ...simulation.faults import FaultAction, FaultBook, FaultCount, FaultRule
from . import checks
from .wire import Answer, JsonObject, unprocessable

__all__ = ["FaultBook", "FaultCount", "FaultRule", "answer", "rule_from_json"]

_QUOTA_MESSAGES = {
    "droplets": "creating this/these droplet(s) will exceed your droplet limit",
    "volumes": "failed to create volume: volume limit exceeded",
    "load_balancers": "you have reached your load balancer limit",
    "reserved_ips": "you have reached your reserved IP limit",
}
_ERROR_IDS = {
    400: "bad_request",
    401: "Unauthorized",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    422: "unprocessable_entity",
    429: "too_many_requests",
    503: "service_unavailable",
}


def _error(error_id: str, message: str, request_id: str) -> JsonObject:
    return {"id": error_id, "message": message, "request_id": request_id}


def answer(rule: FaultRule, path: str, request_id: str) -> Answer:
    """The answer a fault of the answering kinds gives."""
    if rule.action == "quota":
        message = _QUOTA_MESSAGES.get(path.rpartition("/")[2], "you have reached a limit of your account")
        return Answer(422, _error("unprocessable_entity", message, request_id))
    if isinstance(rule.body, str):
        return Answer(rule.status, text=rule.body, headers=rule.headers)
    if rule.body is not None:
        return Answer(rule.status, {"request_id": request_id, **rule.body}, headers=rule.headers)
    error_id = _ERROR_IDS.get(rule.status, "server_error")
    message = "Server Error" if rule.status >= 500 else error_id.replace("_", " ")
    return Answer(rule.status, _error(error_id, message, request_id), headers=rule.headers)


def rule_from_json(body: JsonObject) -> FaultRule:
    """A rule as it comes over HTTP; the fields are those of `FaultRule`."""
    unknown = set(body) - set(FaultRule.__dataclass_fields__)
    if unknown:
        raise unprocessable(f"a fault rule has no {', '.join(sorted(unknown))}")
    action = checks.text(body, "action")
    if action not in get_args(FaultAction):
        raise unprocessable(f"action must be one of {', '.join(get_args(FaultAction))}")
    path = checks.text(body, "path", default=".*")
    try:
        re.compile(path)
    except re.error as problem:
        raise unprocessable(f"path is no regular expression: {problem}") from None
    seconds, content = body.get("seconds", 60.0), body.get("body")
    if not isinstance(seconds, int | float) or not isinstance(content, dict | str | None):
        raise unprocessable("seconds must be a number, and body an object or a string")
    headers = {name: str(value) for name, value in checks.mapping(body, "headers").items()}
    most = 10**9
    return FaultRule(
        action=cast("FaultAction", action),
        method=checks.text(body, "method", default="*").upper(),
        path=path,
        account=None if body.get("account") is None else checks.text(body, "account"),
        after=checks.number(body, "after", low=0, high=most, default=0),
        every=checks.number(body, "every", low=1, high=most, default=1),
        times=None if body.get("times") is None else checks.number(body, "times", low=1, high=most),
        nth=None if body.get("nth") is None else checks.number(body, "nth", low=1, high=most),
        status=checks.number(body, "status", low=200, high=599, default=500),
        body=content,
        headers=headers,
        seconds=float(seconds),
        page=checks.number(body, "page", low=1, high=most, default=2),
    )
