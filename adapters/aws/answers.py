"""What AWS's refusals mean: error codes and broken connections as the engine's errors.

Knows no client: it is given what was answered, or the exception that came instead. Sources: "Error codes for
the Amazon EC2 API", "Common Errors" of the ELBv2, STS and Service Quotas API references.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from botocore import exceptions as boto
from botocore.parsers import ResponseParserError

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
from .names import CLOUD

ADVICE = "export AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=...      or AWS_PROFILE=..."
REGION_ADVICE = "enable the region in the account's settings, or use another one"
LONGEST_MESSAGE = 500
LONGEST_WAIT = 3600.0

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_ENCODED = re.compile(r"\s*Encoded authorization failure message:.*", re.DOTALL)
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,80}")

_THROTTLED = re.compile(r"RequestLimitExceeded|.*Thrott.*|TooManyRequests.*|PriorRequestNotComplete|SlowDown")
_NO_ROOM = re.compile(r"Insufficient.*Capacity|InsufficientCapacity.*")
_QUOTA = re.compile(
    r".*(LimitExceeded|QuotaExceeded|MaximumExceeded|RateExceeded)(Exception)?"
    r"|TooMany.*|ResourceCountExceeded.*|InsufficientFreeAddressesInSubnet"
)
_DENIED = re.compile(
    r"UnauthorizedOperation|AuthFailure|AccessDenied.*|InvalidClientTokenId|ExpiredToken.*|RequestExpired"
    r"|SignatureDoesNotMatch|IncompleteSignature.*|MissingAuthenticationToken.*|UnrecognizedClient.*"
    r"|InvalidSecurityToken.*|NotAuthorized.*|Blocked|PendingVerification"
)
_CONFLICT = re.compile(
    r".*\.Duplicate|Duplicate.*|.*\.InUse|.*\.Conflict|VolumeInUse|ResourceInUse.*|DependencyViolation"
    r"|Incorrect(Instance|Volume|Modification)?State|Resource\.Already(Associated|Assigned)"
    r"|IdempotentParameterMismatch|RouteAlreadyExists"
)
_MISSING = re.compile(r".*\.?NotFound(Exception)?|.*\.Malformed|NoSuchResource.*")
_IN_USE = re.compile(r"already in use|already attached|still attached", re.IGNORECASE)


def clean(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Return text from outside as one bounded line without control characters and without secrets."""
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    text = _CONTROL.sub(" ", _ENCODED.sub("", text)).strip()
    return text if len(text) <= LONGEST_MESSAGE else f"{text[: LONGEST_MESSAGE - 3]}..."


def unexpected(problem: str, *, write: bool) -> CloudError:
    """Return the error for an answer that says yes but cannot be understood: a write may have happened."""
    message = f"AWS answered something unexpected: {clean(problem)}"
    return Unavailable(CLOUD, message, ambiguous=True) if write else Rejected(CLOUD, message)


def code_of(error: boto.ClientError) -> str:
    """Return the code of a refusal, or an empty string."""
    return _text(_part(error.response, "Error").get("Code"))


def refusal(error: boto.ClientError, *, write: bool, secrets: tuple[str, ...]) -> CloudError:
    """Return the error for a refusal."""
    said, meta = _part(error.response, "Error"), _part(error.response, "ResponseMetadata")
    code = clean(_text(said.get("Code")), secrets)
    number = meta.get("HTTPStatusCode")
    status = number if isinstance(number, int) else None
    told = clean(_text(said.get("Message")), secrets)
    message = f"{told or 'no explanation'} ({code})" if code else told or "no explanation"
    request_id = _text(meta.get("RequestId"))
    facts = (message, status, request_id if _REQUEST_ID.fullmatch(request_id) else "")
    if _THROTTLED.fullmatch(code) or status == 429:
        return RateLimited(CLOUD, *facts, retry_after=_retry_after(_part(meta, "HTTPHeaders")))
    if _NO_ROOM.fullmatch(code):
        return Unavailable(CLOUD, *facts)  # a definite no, whatever the status: there may be room later
    for codes, make in _KINDS:
        if codes.fullmatch(code):
            return make(facts)
    if code == "OptInRequired":
        return Denied(CLOUD, *facts, advice=REGION_ADVICE)
    if (status or 0) >= 500 or not code or code.isdecimal():
        return Unavailable(CLOUD, *facts, ambiguous=write)  # without a code it was not AWS that answered
    return Conflict(CLOUD, *facts) if _IN_USE.search(told) else Rejected(CLOUD, *facts)


Facts = tuple[str, int | None, str]


def _denied(facts: Facts) -> CloudError:
    return Denied(CLOUD, *facts, advice=ADVICE)


_KINDS: tuple[tuple[re.Pattern[str], Callable[[Facts], CloudError]], ...] = (
    (_QUOTA, lambda facts: QuotaExceeded(CLOUD, *facts)),
    (_DENIED, _denied),
    (_CONFLICT, lambda facts: Conflict(CLOUD, *facts)),
    (re.compile(r"InvalidAMIID\..*"), lambda facts: Rejected(CLOUD, *facts)),
    (_MISSING, lambda facts: ResourceMissing(CLOUD, *facts)),
)
"""Codes and what they mean; the first that fits counts."""


def failure(error: Exception, *, write: bool) -> CloudError:
    """Return the error for a request that got no answer that can be read, or that never left.

    It is ambiguous when a write may have arrived: that is anything but a connection that never came to be.
    """
    if isinstance(
        error, boto.NoCredentialsError | boto.PartialCredentialsError | boto.CredentialRetrievalError
    ):
        return Denied(CLOUD, "no credentials, or incomplete ones", advice=ADVICE)
    if isinstance(error, boto.TokenRetrievalError | boto.UnauthorizedSSOTokenError | boto.SSOTokenLoadError):
        return Denied(CLOUD, "the login of this profile has ended", advice="aws sso login")
    for kinds, message, sent in _FAILURES:
        if isinstance(error, kinds):
            return Unavailable(CLOUD, message, ambiguous=sent and write)
    if isinstance(error, boto.ParamValidationError):  # its text quotes what was sent, user data and all
        return Rejected(CLOUD, "the request is not one that AWS takes")
    return Rejected(CLOUD, f"the request could not be made: {type(error).__name__}")


_FAILURES: tuple[tuple[tuple[type[Exception], ...], str, bool], ...] = (
    ((boto.SSLError,), "the server's TLS certificate cannot be verified", False),
    ((boto.ProxyConnectionError,), "the proxy cannot be reached, or refuses", False),
    ((boto.ConnectTimeoutError,), "no connection in time", False),
    ((boto.EndpointConnectionError,), "no connection: refused, unreachable, or the name is unknown", False),
    ((boto.ReadTimeoutError,), "no answer in time", True),
    ((ResponseParserError,), "AWS, or something in between, answered what cannot be read", True),
    ((boto.HTTPClientError,), "the connection broke off before the answer was complete", True),
)
"""Exceptions, what they mean, and whether the request may have arrived; the first that fits counts."""


def _part(data: object, name: str) -> Mapping[str, Any]:
    part = data.get(name) if isinstance(data, Mapping) else None
    return part if isinstance(part, Mapping) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _retry_after(headers: Mapping[str, Any]) -> float | None:
    text = _text(headers.get("retry-after")).strip()
    return min(max(float(text), 1.0), LONGEST_WAIT) if re.fullmatch(r"[0-9]{1,12}", text) else None
