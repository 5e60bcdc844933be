"""What each refusal means: bodies as a Zed control plane sends them."""

import json

import pytest
import requests
import urllib3.exceptions

from kubisnap.adapters.openstack.answers import Answer, clean, failure, refusal
from kubisnap.engine.errors import (
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

NOW = 1_800_000_000.0


def meant(status: int, body: object, method: str = "POST", **headers: str) -> CloudError:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return refusal(Answer(status, named, content), method, now=lambda: NOW, secrets=("canary",))


def nova(kind: str, message: str) -> dict[str, object]:
    return {kind: {"code": 400, "message": message}}


def neutron(kind: str, message: str) -> dict[str, object]:
    return {"NeutronError": {"type": kind, "message": message, "detail": ""}}


def octavia(message: str) -> dict[str, object]:
    return {"faultcode": "Client", "faultstring": message, "debuginfo": None}


@pytest.mark.parametrize(
    ("status", "body", "method", "kind"),
    [
        (401, {"error": {"code": 401, "title": "Unauthorized", "message": "no"}}, "GET", Denied),
        (
            403,
            nova("forbidden", "Quota exceeded for instances: Requested 1, but already used 10 of 10"),
            "POST",
            QuotaExceeded,
        ),
        (403, octavia("Quota has been met for resources: Load Balancer"), "POST", QuotaExceeded),
        (403, octavia("Policy does not allow this request to be performed."), "GET", Denied),
        (
            403,
            nova("forbidden", "Policy doesn't allow os_compute_api:servers:create:zero_disk_flavor"),
            "POST",
            Denied,
        ),
        (404, nova("itemNotFound", "Instance x could not be found."), "GET", ResourceMissing),
        (410, b"", "DELETE", ResourceMissing),
        (409, neutron("OverQuota", "Quota exceeded for resources: ['router']."), "POST", QuotaExceeded),
        (
            409,
            neutron("IpAddressGenerationFailure", "No more IP addresses available on network x."),
            "POST",
            QuotaExceeded,
        ),
        (409, neutron("SecurityGroupInUse", "Security Group x in use."), "DELETE", Conflict),
        (409, neutron("RouterInUse", "Router x has ports still attached: y"), "DELETE", Conflict),
        (409, nova("conflictingRequest", "Key pair 'x' already exists."), "POST", Conflict),
        (
            409,
            nova(
                "conflictingRequest", "Cannot 'attach_volume' instance x while it is in task_state deleting"
            ),
            "POST",
            Busy,
        ),
        (409, octavia("Invalid state PENDING_CREATE of loadbalancer resource x"), "DELETE", Busy),
        (409, octavia("Pool x is immutable and cannot be updated."), "POST", Busy),
        (409, octavia("Load Balancer x is immutable and cannot be updated."), "POST", Busy),
        (
            400,
            nova("badRequest", "Invalid volume: Volume status must be available or error"),
            "DELETE",
            Conflict,
        ),
        (
            400,
            nova("badRequest", "Invalid volume: volume x is already attached to instances: y"),
            "POST",
            Conflict,
        ),
        (400, nova("badRequest", "Can not find requested image"), "POST", Rejected),
        (
            400,
            neutron("ExternalIpAddressExhausted", "Unable to find any IP address on external network x."),
            "POST",
            QuotaExceeded,
        ),
        (
            413,
            nova("overLimit", "VolumeSizeExceedsAvailableQuota: exceeds allowed gigabytes quota."),
            "POST",
            QuotaExceeded,
        ),
        (429, nova("overLimit", "Quota exceeded, too many key pairs."), "POST", QuotaExceeded),
        (
            413,
            {"overLimit": {"code": 413, "message": "This request was rate-limited.", "retryAfter": "5"}},
            "GET",
            RateLimited,
        ),
        (429, b"<html>slow down</html>", "GET", RateLimited),
        (503, b"<html><body><h1>503 Service Unavailable</h1></body></html>", "GET", Unavailable),
        (500, nova("computeFault", "Unexpected API Error."), "POST", Unavailable),
        (501, {"message": "not here"}, "POST", Rejected),
        (302, b"", "GET", Rejected),
        (418, b"", "GET", Rejected),
    ],
)
def test_a_refusal_is_told_by_status_and_body(
    status: int, body: object, method: str, kind: type[CloudError]
) -> None:
    error = meant(status, body, method)
    assert type(error) is kind
    assert error.status == status
    assert error.ambiguous == (status >= 500 and status != 501 and method != "GET")


@pytest.mark.parametrize(
    ("header", "body", "seconds"),
    [
        ("7", b"", 7.0),
        ("0.5", b"", 0.5),
        ("Fri, 15 Jan 2027 08:00:10 GMT", b"", 10.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", b"", 0.0),
        ("", {"overLimit": {"message": "slow", "retryAfter": 12}}, 12.0),
        ("999999999", b"", 3600.0),
        ("soon", b"", None),
        ("nan", b"", None),
        ("", [], None),
    ],
)
def test_a_rate_limit_says_when_to_come_back(header: str, body: object, seconds: float | None) -> None:
    error = meant(429, body, retry_after=header)
    assert isinstance(error, RateLimited)
    assert error.retry_after == seconds


def test_the_request_s_id_is_kept_where_it_is_one() -> None:
    assert meant(404, b"", x_openstack_request_id="req-1b2c").request_id == "req-1b2c"
    assert meant(404, b"", x_compute_request_id="req-9").request_id == "req-9"
    assert meant(404, b"", x_openstack_request_id="a b\x07").request_id == ""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"error": null}',
        b'{"message": 5}',
        b'{"NeutronError": "in use"}',
        b'{"errors": [{"detail": "no"}]}',
        b'{"errors": [5]}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
def test_a_body_of_any_shape_is_borne(body: bytes) -> None:
    assert meant(409, body).status == 409


def test_a_message_shows_no_secret_and_stays_on_a_line() -> None:
    error = meant(400, {"badRequest": {"message": "<p>wrong:\n canary\x1b[31m</p>" + "x" * 1000}})
    assert "canary" not in str(error)
    assert error.message.isprintable()
    assert len(error.message) <= 500
    assert clean("Client Error for <br /><br />\n url") == "Client Error for url"


@pytest.mark.parametrize(
    ("error", "words", "arrived"),
    [
        (requests.ConnectTimeout("slow"), "no connection in time", False),
        (requests.ReadTimeout("slow"), "no answer in time", True),
        (requests.ConnectionError(ConnectionRefusedError()), "no connection", False),
        (requests.ConnectionError(ConnectionResetError()), "broke", True),
        (urllib3.exceptions.ProtocolError("cut", ConnectionResetError()), "broke", True),
        (urllib3.exceptions.DecodeError("gzip"), "decompress", True),
        (requests.exceptions.ProxyError("no"), "proxy", False),
    ],
)
def test_a_broken_connection_is_unavailable(error: Exception, words: str, arrived: bool) -> None:
    for write in (False, True):
        found = failure(error, write=write)
        assert isinstance(found, Unavailable)
        assert words in found.message
        assert found.ambiguous == (write and arrived)
