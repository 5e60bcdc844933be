"""The transport: every trap of python-digitalocean, closed; every way a call can fail, named."""

import gzip
import json
import re
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any

import digitalocean.baseapi
import msgspec
import pytest
import requests
import urllib3.exceptions

from kubisnap.adapters.digitalocean import transport as module
from kubisnap.adapters.digitalocean.answers import PROVIDER
from kubisnap.adapters.digitalocean.paths import checked_end_point, number, segment
from kubisnap.adapters.digitalocean.transport import Transport
from kubisnap.adapters.transport.failures import clean, failure, retry_after
from kubisnap.engine.errors import (
    CloudError,
    Conflict,
    Denied,
    InvalidInput,
    KeptByCloud,
    QuotaExceeded,
    RateLimited,
    Rejected,
    ResourceMissing,
    Unavailable,
)
from kubisnap.engine.ports import asked_before_sending
from tests.scripted_server import ScriptedServer

TOKEN = "dop_v1_secret"
NOW = 1_800_000_000.0


class Thing(msgspec.Struct):
    id: int


class ThingAnswer(msgspec.Struct):
    thing: Thing


@pytest.fixture
def transport(server: ScriptedServer) -> Iterator[Transport]:
    transport = Transport(TOKEN, end_point=server.url, connect_timeout=5.0, read_timeout=5.0, now=lambda: NOW)
    yield transport
    transport.close()


@pytest.fixture
def hasty(server: ScriptedServer) -> Iterator[Transport]:
    transport = Transport(TOKEN, end_point=server.url, connect_timeout=5.0, read_timeout=0.1)
    yield transport
    transport.close()


def caught(transport: Transport, method: str = "GET") -> CloudError:
    def call() -> ThingAnswer:
        if method == "GET":
            return transport.fetch("things/1", ThingAnswer)
        return transport.send(method, "things", {"name": "x"}, ThingAnswer)

    with pytest.raises(CloudError) as error:
        call()
    return error.value


# The library underneath


def test_the_library_is_the_one_whose_private_method_is_replaced() -> None:
    """ADR 0006: an upgrade must be looked at, not slipped in."""
    assert version("python-digitalocean") == "1.17.0"
    assert "_BaseAPI__perform_request" in vars(digitalocean.baseapi.BaseAPI)
    assert "_BaseAPI__perform_request" in vars(Transport)


def test_the_librarys_own_calls_go_through_ours(server: ScriptedServer, transport: Transport) -> None:
    server.answer({"id": "Unauthorized", "message": "no"}, 401)
    with pytest.raises(Denied):
        digitalocean.baseapi.BaseAPI.get_data(transport, "account")
    server.answer({"thing": {"id": 7}})
    assert digitalocean.baseapi.BaseAPI.get_data(transport, "things/7") == {"thing": {"id": 7}}


def test_importing_the_package_loads_neither_the_library_nor_requests() -> None:
    code = (
        "import sys, kubisnap.adapters.digitalocean as package;"
        "assert not {'requests', 'digitalocean', 'urllib3'} & set(sys.modules), 'too early';"
        "assert package.DigitalOcean.__name__ == 'DigitalOcean';"
        "assert 'digitalocean' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[4])


def test_the_environment_changes_neither_token_nor_end_point_nor_timeout(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITALOCEAN_ACCESS_TOKEN", "other")
    monkeypatch.setenv("DIGITALOCEAN_END_POINT", "https://elsewhere.invalid/v2/")
    monkeypatch.setenv("PYTHON_DIGITALOCEAN_REQUEST_TIMEOUT_SEC", "0.000001")
    server.answer({"thing": {"id": 1}})
    transport = Transport(TOKEN, end_point=server.url)
    assert transport.fetch("things/1", ThingAnswer) == ThingAnswer(Thing(1))
    assert server.last.headers["authorization"] == f"Bearer {TOKEN}"
    transport.close()


# The last question


class _NoLongerError(Exception):
    pass


@pytest.mark.parametrize("yes", [0, 1])
def test_after_a_no_no_whole_request_arrives(server: ScriptedServer, transport: Transport, yes: int) -> None:
    """Head and body leave one after the other; a process may be stopped for long before either."""
    answers = iter([None] * yes)
    connected: list[int] = []

    def question() -> None:
        connected.append(server.connections)
        if next(answers, _NoLongerError) is _NoLongerError:
            raise _NoLongerError

    server.answer({"thing": {"id": 1}})
    transport.fetch("things/1", ThingAnswer)  # so that the connection is there and would be used again
    with pytest.raises(_NoLongerError), asked_before_sending(question):
        transport.send("POST", "things", {"name": "x"}, ThingAnswer)
    assert connected == [1] * (yes + 1)
    server.answer({"thing": {"id": 2}})
    assert transport.fetch("things/2", ThingAnswer).thing.id == 2
    assert [seen.method for seen in server.seen] == ["GET", "GET"]


# Where the token goes


def test_a_netrc_file_does_not_replace_the_token(
    server: ScriptedServer, transport: Transport, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    transport._sessions._trust_env = True  # as it is with https
    server.answer({"thing": {"id": 1}})
    transport.fetch("things/1", ThingAnswer)
    assert server.last.headers["authorization"] == f"Bearer {TOKEN}"


def test_a_proxy_of_the_environment_never_sees_the_token_in_clear(
    server: ScriptedServer, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server.answer({"thing": {"id": 1}})
    assert transport.fetch("things/1", ThingAnswer).thing.id == 1


def test_a_redirect_is_refused_and_the_token_goes_nowhere_else(
    server: ScriptedServer, transport: Transport
) -> None:
    for status in (301, 302, 303, 307, 308):
        server.answer({}, status, location=f"{server.url}elsewhere")
        error = caught(transport)
        assert isinstance(error, Rejected)
        assert "redirect" in error.message
    assert [seen.path for seen in server.seen] == ["/v2/things/1"] * 5


def test_cookies_are_not_kept(server: ScriptedServer, transport: Transport) -> None:
    server.answer({"thing": {"id": 1}}, set_cookie="tracked=yes")
    server.answer({"thing": {"id": 1}})
    transport.fetch("things/1", ThingAnswer)
    transport.fetch("things/1", ThingAnswer)
    assert "cookie" not in server.last.headers


def test_no_representation_shows_the_token(transport: Transport) -> None:
    assert TOKEN not in f"{transport} {transport!r}"


def test_a_token_that_comes_back_in_an_answer_is_not_repeated(
    server: ScriptedServer, transport: Transport
) -> None:
    body = {"id": TOKEN, "message": f"no token {TOKEN} here", "request_id": TOKEN}
    server.answer(body, 401)
    error = caught(transport)
    assert TOKEN not in f"{error} {error!r} {error.facts} {error.hint}"
    server.answer(b"<html>", 200, content_type=f"text/{TOKEN}")
    assert TOKEN not in str(caught(transport))


@pytest.mark.parametrize("token", ["", " ", "two words", "line\nbreak", "tök", "\x00", "a" * 513])
def test_what_cannot_be_a_token_is_denied_and_not_shown(token: str) -> None:
    with pytest.raises(Denied) as error:
        Transport(token)
    assert not token.strip() or token not in str(error.value)
    assert "DIGITALOCEAN_TOKEN" in error.value.hint


@pytest.mark.parametrize(
    ("text", "checked"),
    [
        ("https://api.digitalocean.com/v2/", "https://api.digitalocean.com/v2/"),
        ("https://api.digitalocean.com/v2", "https://api.digitalocean.com/v2/"),
        ("http://127.0.0.1:8080/v2", "http://127.0.0.1:8080/v2/"),
        ("http://127.9.9.9/", "http://127.9.9.9/"),
        ("http://localhost:1", "http://localhost:1/"),
        ("http://[::1]:8080/v2", "http://[::1]:8080/v2/"),
    ],
)
def test_an_end_point_ends_in_a_slash(text: str, checked: str) -> None:
    assert checked_end_point(text) == checked


@pytest.mark.parametrize(
    "text",
    [
        "http://api.digitalocean.com/v2/",
        "http://127.0.0.1.evil.example/v2/",
        "http://localhost.evil.example/",
        "http://10.0.0.1/v2/",
        "ftp://127.0.0.1/",
        "api.digitalocean.com/v2",
        "/v2/",
        "",
        "https://",
        "https://user:password@api.digitalocean.com/v2/",
        "https://@api.digitalocean.com/v2/",
        "https://api.digitalocean.com/v2/?page=1",
        "https://api.digitalocean.com/v2/#part",
        "https://api.digitalocean.com:port/v2/",
        "https://api.digitalocean.com/v2 /",
        "http://127.0.0.1\\@evil.example/",
        "http://[::1/",
    ],
)
def test_an_end_point_that_a_token_must_not_go_to_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as error:
        Transport(TOKEN, end_point=text)
    assert error.value.field == "DIGITALOCEAN_END_POINT"
    assert "password" not in str(error.value)


@pytest.mark.parametrize(
    "text", ["", ".", "..", "../account", "a/b", "a?b", "a#b", "a b", "é", "a\n", "x" * 300]
)
def test_an_id_never_leads_to_another_path(text: str) -> None:
    with pytest.raises(ResourceMissing):
        segment(text, "thing")
    with pytest.raises(ResourceMissing):
        number(text, "thing")


# What refusals mean


@pytest.mark.parametrize(
    ("status", "method", "message", "kind"),
    [
        (400, "POST", "error parsing request body", Rejected),
        (401, "GET", "Unable to authenticate you", Denied),
        (403, "GET", "You are not authorized to perform this operation", Denied),
        (403, "POST", "missing scope droplet:create", Denied),
        (403, "DELETE", "You are not authorized to perform this operation", Denied),
        (403, "DELETE", "Can not delete VPC with members", Conflict),
        (403, "DELETE", "Can not delete default VPCs", KeptByCloud),
        (403, "PUT", "Load Balancer can't be updated while it processes previous actions", Conflict),
        (403, "POST", "you have reached the limit of load balancers", QuotaExceeded),
        (404, "GET", "The resource you were accessing could not be found.", ResourceMissing),
        (409, "DELETE", "A volume that's attached to a Droplet can't be deleted", Conflict),
        (410, "GET", "gone", ResourceMissing),
        (412, "POST", "precondition", Rejected),
        (418, "GET", "teapot", Rejected),
        (422, "POST", "creating this/these droplet(s) will exceed your droplet limit", QuotaExceeded),
        (422, "POST", "failed to create volume: volume limit exceeded", QuotaExceeded),
        (422, "POST", "SSH Key is already in use on your account", Conflict),
        (422, "POST", 'a VPC with the name "web" already exists in your account', Conflict),
        (422, "POST", "name must be unique", Conflict),
        (422, "POST", "duplicate name", Conflict),
        (422, "DELETE", "Droplet already has a pending event.", Conflict),
        (422, "POST", "You specified an invalid size for Droplet creation.", Rejected),
        (423, "POST", "locked", Conflict),
        (429, "GET", "API Rate limit exceeded.", RateLimited),
        (500, "GET", "Server Error", Unavailable),
        (502, "POST", "Bad Gateway", Unavailable),
        (503, "DELETE", "Service Unavailable", Unavailable),
    ],
)
def test_a_refusal_is_named(
    server: ScriptedServer,
    transport: Transport,
    status: int,
    method: str,
    message: str,
    kind: type[CloudError],
) -> None:
    server.answer({"id": "some_id", "message": message, "request_id": "4d9d8375-3c56"}, status)
    error = caught(transport, method)
    assert type(error) is kind
    assert (error.cloud, error.message, error.status) == ("digitalocean", message, status)
    assert error.request_id == "4d9d8375-3c56"
    assert error.ambiguous == (status >= 500 and method != "GET")


def test_a_denial_names_the_setting(server: ScriptedServer, transport: Transport) -> None:
    server.answer({"id": "Unauthorized", "message": "Unable to authenticate you"}, 401)
    assert "DIGITALOCEAN_TOKEN" in caught(transport).hint


def test_a_request_id_is_taken_from_the_header_if_the_body_has_none(
    server: ScriptedServer, transport: Transport
) -> None:
    server.answer({"id": "x", "message": "y"}, 500, x_request_id="515850a0-a812")
    assert caught(transport).request_id == "515850a0-a812"
    server.answer({"id": "x", "message": "y", "request_id": "evil id"}, 500, x_request_id="evil\x1b[0m")
    assert caught(transport).request_id == ""


@pytest.mark.parametrize(
    "body",
    [
        b"<html><h1>502 Bad Gateway</h1></html>",
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"message": 12, "id": null}',
        b'{"message": {"deep": 1}}',
        b"[" * 100_000,
        b"\xff\xfe",
    ],
)
@pytest.mark.parametrize(("status", "kind"), [(502, Unavailable), (422, Rejected), (403, Denied)])
def test_a_refusal_without_an_explanation_is_named_by_its_status(
    server: ScriptedServer, transport: Transport, body: bytes, status: int, kind: type[CloudError]
) -> None:
    server.answer(body, status)
    error = caught(transport)
    assert type(error) is kind
    assert str(error) == f"digitalocean: no explanation (HTTP {status})"


def test_a_message_from_outside_is_one_short_line(server: ScriptedServer, transport: Transport) -> None:
    server.answer({"id": "x", "message": "red\x1b[31m\r\nnew line\u2028" + "x" * 10_000}, 422)
    message = caught(transport).message
    assert message.startswith("red [31m new line")
    assert len(message) == 500


def test_cleaning_keeps_ordinary_text() -> None:
    assert clean("name “web” is taken: größe") == "name “web” is taken: größe"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "30"}, 30.0),
        ({"retry-after": "0"}, 1.0),
        ({"retry-after": "99999"}, 3600.0),
        ({"retry-after": "Fri, 15 Jan 2027 08:00:20 GMT"}, 20.0),
        ({"retry-after": "Fri, 15 Jan 2027 08:00:20"}, 20.0),
        ({"retry-after": "Fri, 15 Jan 2020 08:00:20 GMT"}, 1.0),
        ({"ratelimit-reset": str(int(NOW) + 90)}, 90.0),
        ({"ratelimit-reset": str(int(NOW) + 9_000_000)}, 3600.0),
        ({"ratelimit-reset": "0"}, 1.0),
        ({"retry-after": "7", "ratelimit-reset": str(int(NOW) + 90)}, 7.0),
        ({"retry-after": "soon", "ratelimit-reset": str(int(NOW) + 90)}, 90.0),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "1e9"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "9" * 400}, None),
        ({"retry-after": "Fri, 15 Jan 99999999 08:00:20 GMT"}, None),
        ({"ratelimit-reset": "never"}, None),
        ({}, None),
    ],
)
def test_a_rate_limit_says_how_long_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, lambda: NOW) == seconds


def test_a_rate_limit_carries_what_the_header_says(server: ScriptedServer, transport: Transport) -> None:
    server.answer({"id": "too_many_requests", "message": "slow"}, 429, Retry_After="12")
    error = caught(transport)
    assert isinstance(error, RateLimited)
    assert error.retry_after == 12.0
    assert error.retryable


# No whole answer


def test_a_refused_connection_did_nothing(server: ScriptedServer, transport: Transport) -> None:
    server.stop()
    for method in ("GET", "POST"):
        error = caught(transport, method)
        assert isinstance(error, Unavailable)
        assert not error.ambiguous
        assert "refused" in error.message


@pytest.mark.parametrize(
    ("error", "ambiguous"),
    [
        (requests.ConnectTimeout(urllib3.exceptions.ConnectTimeoutError()), False),
        (
            requests.ConnectionError(
                urllib3.exceptions.MaxRetryError(
                    None,  # type: ignore[arg-type]
                    "/",
                    urllib3.exceptions.NameResolutionError("host", None, OSError()),  # type: ignore[arg-type]
                )
            ),
            False,
        ),
        (requests.exceptions.ProxyError(urllib3.exceptions.ProxyError("no", OSError())), False),
        (requests.exceptions.SSLError(ssl.SSLCertVerificationError("bad")), False),
        (requests.exceptions.SSLError(ssl.SSLEOFError("cut")), True),
        (requests.ReadTimeout(), True),
        (requests.ConnectionError(urllib3.exceptions.ProtocolError("x", ConnectionResetError())), True),
    ],
)
def test_only_a_connection_that_never_was_is_unambiguous(error: Exception, ambiguous: bool) -> None:
    after_write, after_read = failure(PROVIDER, error, "POST"), failure(PROVIDER, error, "GET")
    assert isinstance(after_write, Unavailable)
    assert (after_write.ambiguous, after_read.ambiguous) == (ambiguous, False)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_a_reset_after_sending_leaves_a_write_in_doubt(
    server: ScriptedServer, transport: Transport, method: str
) -> None:
    server.reset()
    error = caught(transport, method)
    assert isinstance(error, Unavailable)
    assert error.ambiguous == (method != "GET")
    assert len(server.seen) == 1  # nothing is retried here


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_answer_that_does_not_come_is_not_waited_for_for_ever(
    server: ScriptedServer, hasty: Transport, method: str
) -> None:
    server.hang()
    error = caught(hasty, method)
    assert isinstance(error, Unavailable)
    assert error.message == "no answer in time"
    assert error.ambiguous == (method != "GET")


def test_an_answer_that_drips_is_not_waited_for_for_ever(server: ScriptedServer, hasty: Transport) -> None:
    """Each byte comes within the read timeout, so that alone would never end it."""
    server.drip()
    started = time.monotonic()
    error = caught(hasty, "POST")
    assert isinstance(error, Unavailable)
    assert error.ambiguous
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "text",
    [
        b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"thing": ',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nzzzz",
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 1000 + b"\r\n{}",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_half_an_answer_is_none(
    server: ScriptedServer, transport: Transport, text: bytes, method: str
) -> None:
    server.raw(text)
    error = caught(transport, method)
    assert isinstance(error, Unavailable)
    assert error.ambiguous == (method != "GET")


def test_a_body_in_chunks_is_read_whole(server: ScriptedServer, transport: Transport) -> None:
    server.raw(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'8\r\n{"thing"\r\nc\r\n: {"id": 12}\r\n1\r\n}\r\n0\r\n\r\n'
    )
    assert transport.fetch("things/1", ThingAnswer).thing.id == 12


def test_a_compressed_body_is_read(server: ScriptedServer, transport: Transport) -> None:
    server.answer(gzip.compress(b'{"thing": {"id": 3}}'), content_encoding="gzip")
    assert transport.fetch("things/1", ThingAnswer).thing.id == 3


@pytest.mark.parametrize(("method", "kind"), [("GET", Rejected), ("POST", Unavailable)])
def test_an_answer_that_is_too_large_is_not_read(
    server: ScriptedServer, transport: Transport, method: str, kind: type[CloudError]
) -> None:
    server.answer(gzip.compress(b" " * (17 * 1024 * 1024)), content_encoding="gzip")
    error = caught(transport, method)
    assert type(error) is kind
    assert "more than 16 MiB" in error.message


# Answers that say yes and make no sense


@pytest.mark.parametrize(
    ("body", "after_read"),
    [
        (b"<html>captive portal</html>", Unavailable),
        (b"{", Unavailable),
        (b"[" * 100_000, Unavailable),
        (b"\xff\xfe", Unavailable),
        (b"[]", Unavailable),
        (b"12", Unavailable),
        (b"{}", Rejected),
        (b'{"thing": null}', Rejected),
        (b'{"thing": []}', Rejected),
        (b'{"thing": {"id": "12"}}', Rejected),
        (b'{"thing": {"id": true}}', Rejected),
        (b'{"thing": {"id": 1.5}}', Rejected),
    ],
)
def test_nonsense_is_an_error_and_after_a_write_leaves_it_in_doubt(
    server: ScriptedServer, transport: Transport, body: bytes, after_read: type[CloudError]
) -> None:
    server.answer(body)
    error = caught(transport)
    assert type(error) is after_read
    assert error.message.startswith("DigitalOcean answered something unexpected")
    assert not error.ambiguous
    server.answer(body, 201)
    error = caught(transport, "POST")
    assert type(error) is Unavailable
    assert error.ambiguous


def test_a_yes_without_a_body_is_no_answer_to_a_question(
    server: ScriptedServer, transport: Transport
) -> None:
    server.answer(None, 204)
    assert isinstance(caught(transport), Rejected)
    server.answer(b"", 200)
    assert isinstance(caught(transport), Unavailable)


def test_fields_that_nobody_knows_are_ignored(server: ScriptedServer, transport: Transport) -> None:
    server.answer({"thing": {"id": 1, "token": "x", "load": 1}, "links": None, "new": []})
    assert transport.fetch("things/1", ThingAnswer) == ThingAnswer(Thing(1))


# What is sent


def test_a_read_has_no_body_and_a_deletion_neither(server: ScriptedServer, transport: Transport) -> None:
    """The published description allows no body with DELETE; the library sends one with each."""
    server.answer({"thing": {"id": 1}})
    server.answer(None, 204)
    server.answer(b"", 202)
    transport.fetch("things/1", ThingAnswer)
    transport.delete("things/1")
    transport.delete("things/2")
    assert [(seen.method, seen.path) for seen in server.seen] == [
        ("GET", "/v2/things/1"),
        ("DELETE", "/v2/things/1"),
        ("DELETE", "/v2/things/2"),
    ]
    for seen in server.seen:
        assert seen.body == b""
        assert seen.query == {}
        assert "content-type" not in seen.headers


def test_a_write_has_a_json_body(server: ScriptedServer, transport: Transport) -> None:
    server.answer({"thing": {"id": 1}}, 202)
    transport.send("POST", "things", {"name": "größe", "tags": ["a"]}, ThingAnswer)
    assert server.last.json == {"name": "größe", "tags": ["a"]}
    assert server.last.headers["content-type"] == "application/json"
    assert server.last.headers["user-agent"].startswith("kubisnap ")


def test_text_that_cannot_be_sent_is_rejected(server: ScriptedServer, transport: Transport) -> None:
    with pytest.raises(Rejected):
        transport.send("POST", "things", {"name": "\ud800"}, ThingAnswer)
    assert server.seen == []


# Lists


def page(numbers: list[int], total: Any, **links: str) -> dict[str, Any]:
    return {
        "things": [{"id": number} for number in numbers],
        "links": {"pages": links},
        "meta": {"total": total},
    }


def listed(transport: Transport) -> list[int]:
    return [thing.id for thing in transport.listed("things", "things", Thing, lambda item: item.id)]


def test_a_list_is_read_to_its_end_without_following_links(
    server: ScriptedServer, transport: Transport
) -> None:
    """A `next` that never goes away, and one to another host: the library would follow both."""
    link = "https://api.elsewhere.invalid/v2/things?page=2"
    server.answer(page(list(range(200)), 450, next=link))
    server.answer(page(list(range(200, 400)), 450, next=link))
    server.answer(page(list(range(400, 450)), 450, next=link))
    assert listed(transport) == list(range(450))
    assert [seen.query for seen in server.seen] == [
        {"page": [str(number)], "per_page": ["200"]} for number in (1, 2, 3)
    ]


def test_a_list_may_be_empty(server: ScriptedServer, transport: Transport) -> None:
    server.answer(page([], 0))
    server.answer({"things": None, "meta": {"total": 0}, "links": None})
    server.answer({"meta": {"total": 0}})
    assert [listed(transport) for _ in range(3)] == [[], [], []]


def test_pages_may_be_smaller_than_asked_for(server: ScriptedServer, transport: Transport) -> None:
    for start in (0, 2, 4):
        server.answer(page([start, start + 1], 6))
    assert listed(transport) == list(range(6))


@pytest.mark.parametrize("status", [500, 429, 401, 404])
def test_an_error_on_a_later_page_is_raised_never_a_part(
    server: ScriptedServer, transport: Transport, status: int
) -> None:
    """The library gives page 1 as the whole list: for a capture, silent loss."""
    server.answer(page(list(range(200)), 400))
    server.answer({"id": "x", "message": "page 2 is not to be had"}, status)
    with pytest.raises(CloudError, match="page 2 is not to be had"):
        listed(transport)


@pytest.mark.parametrize(
    "first",
    [
        [page([1, 2], 3), page([], 3)],  # one vanished
        [page([1, 2], 3), page([3], 4)],  # one came
        [page([1, 2], 3), page([2], 3)],  # one slipped over to the next page
        [page([1, 2], 1)],  # more than there are
        [page([1, 1], 2)],
    ],
    ids=["vanished", "grew", "slipped", "too-many", "twice"],
)
def test_a_list_that_changes_while_it_is_read_is_read_again(
    server: ScriptedServer, transport: Transport, first: list[dict[str, Any]]
) -> None:
    for answer in first:
        server.answer(answer)
    server.answer(page([1, 2, 3], 3))
    assert listed(transport) == [1, 2, 3]
    assert len(server.seen) == len(first) + 1


def test_a_list_that_never_adds_up_is_unavailable(server: ScriptedServer, transport: Transport) -> None:
    for _ in range(4):
        server.answer(page([1, 2], 3))
    with pytest.raises(Unavailable, match="kept changing"):
        listed(transport)
    assert len(server.seen) == 4


@pytest.mark.parametrize(
    "body",
    [
        {"things": []},
        {"things": [], "meta": None},
        {"things": [], "meta": {"total": "3"}},
        {"things": {}, "meta": {"total": 3}, "x": 1} | {"things": {"a": 1}},
        {"things": [None], "meta": {"total": 1}},
        {"things": [{"id": None}], "meta": {"total": 1}},
    ],
)
def test_a_list_of_the_wrong_shape_is_rejected(
    server: ScriptedServer, transport: Transport, body: dict[str, Any]
) -> None:
    server.answer(body)
    with pytest.raises(Rejected, match="something unexpected"):
        listed(transport)


def test_a_list_without_end_is_given_up(
    server: ScriptedServer, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_PAGES", 3)
    for each in range(3):
        server.answer(page([each], 10**9))
    with pytest.raises(Rejected, match="more than 3 pages"):
        listed(transport)


# Many threads


def test_threads_share_few_connections_and_none_is_left_open(
    server: ScriptedServer, transport: Transport
) -> None:
    def step(handler: Any) -> None:
        body = json.dumps({"thing": {"id": int(handler.path.rpartition("/")[2])}}).encode()
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    server.always = step
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: transport.fetch(f"things/{n}", ThingAnswer).thing.id, range(200)))
    assert answers == list(range(200))
    assert 1 <= server.connections <= 8
    transport.close()
    assert transport._sessions._idle == []


def test_a_failed_call_gives_its_session_back(server: ScriptedServer, transport: Transport) -> None:
    for _ in range(5):
        server.answer({"id": "x", "message": "y"}, 500)
        caught(transport)
    assert len(transport._sessions._idle) == 1
    assert server.connections == 1


def test_a_closed_transport_says_so(server: ScriptedServer, transport: Transport) -> None:
    transport.close()
    transport.close()
    with pytest.raises(Rejected, match="closed"):
        transport.fetch("things/1", ThingAnswer)
    assert server.seen == []


def test_the_agent_names_versions() -> None:
    assert re.fullmatch(r"kubisnap python-digitalocean/1\.17\.0 requests/[0-9.]+", module._AGENT)


_TOGETHER = """
import sys, threading, types
import msgspec
from kubisnap.adapters.digitalocean.answers import PROVIDER
from kubisnap.adapters.transport import bodies

sys.setswitchinterval(1e-6)
parts = "".join(f"class Part{n}(msgspec.Struct):\\n    value: 'int | None' = None\\n" for n in range(20))
fields = "".join(f"    f{n}: 'Part{n} | None' = None\\n" for n in range(20))
whole = "class Whole(msgspec.Struct):\\n" + fields
for _ in range(300):
    shapes = sys.modules["shapes"] = types.ModuleType("shapes")
    shapes.msgspec = msgspec
    exec(parts + whole, vars(shapes))
    start = threading.Barrier(4)

    def convert():
        start.wait()
        bodies.converted(PROVIDER, {"f3": {"value": 1}}, shapes.Whole, write=False)

    threads = [threading.Thread(target=convert) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
"""


def test_answers_of_a_kind_never_seen_before_may_come_to_several_threads_at_once() -> None:
    """Two threads that meet at msgspec's first use of a type end the process with a segmentation fault."""
    done = subprocess.run([sys.executable, "-c", _TOGETHER], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
