"""The transport: every trap of hcloud's client, closed; every way a call can fail, named."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hcloud.servers import Server

from kubisnap.adapters import hetzner
from kubisnap.adapters.hetzner import transport as module
from kubisnap.adapters.hetzner.transport import Transport
from kubisnap.engine.errors import (
    CloudError,
    Conflict,
    Denied,
    InvalidInput,
    QuotaExceeded,
    RateLimited,
    Rejected,
    ResourceMissing,
    Unavailable,
)
from kubisnap.engine.ports import asked_before_sending
from tests.scripted_server import ScriptedServer, answering

TOKEN = "hcloud-secret"


class Thing(msgspec.Struct):
    id: int


class ThingAnswer(msgspec.Struct):
    thing: Thing


def opened(server: ScriptedServer, read_timeout: float) -> Iterator[Transport]:
    end_point = f"{server.end_point}/v1"
    transport = Transport(TOKEN, end_point=end_point, read_timeout=read_timeout, now=lambda: 1e9)
    yield transport
    transport.close()


@pytest.fixture
def transport(server: ScriptedServer) -> Iterator[Transport]:
    yield from opened(server, 5.0)


@pytest.fixture
def impatient(server: ScriptedServer) -> Iterator[Transport]:
    yield from opened(server, 0.3)


def refusal(code: str, message: str = "no", details: Any = None) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "details": details}}


def caught(transport: Transport, method: str = "GET") -> CloudError:
    calls: dict[str, Callable[[], object]] = {
        "GET": lambda: transport.fetch("things/1", ThingAnswer),
        "DELETE": lambda: transport.delete("things/1"),
    }
    send = partial(transport.send, method, "things", {"name": "x"}, ThingAnswer)
    with pytest.raises(CloudError) as error:
        calls.get(method, send)()
    return error.value


def pages(*sizes: int, total: int | None = None, last: int | None = None) -> list[dict[str, Any]]:
    """Return the pages of a list; each thing has a number of its own."""
    answers, first, known = [], 1, sum(sizes) if total is None else total
    for number, size in enumerate(sizes, 1):
        following = number + 1 if number < (last or len(sizes)) else None
        told = {"page": number, "per_page": 50, "next_page": following, "total_entries": known}
        things = [{"id": item} for item in range(first, first + size)]
        answers.append({"things": things, "meta": {"pagination": told}})
        first += size
    return answers


def listed(transport: Transport) -> list[int]:
    return [thing.id for thing in transport.listed("things", "things", Thing, lambda thing: thing.id)]


# The library


def test_the_librarys_own_clients_take_the_careful_way(server: ScriptedServer, transport: Transport) -> None:
    """Should a version of it go another way, its retries would be back."""
    server.answer(refusal("conflict"), 409)
    with pytest.raises(Unavailable):
        transport.servers.power_on(Server(id=7))
    server.answer({"server": None}, 502)
    with pytest.raises(Unavailable):
        transport.servers.get_by_id(7)
    assert [(seen.method, seen.path) for seen in server.seen] == [
        ("POST", "/v1/servers/7/actions/poweron"),
        ("GET", "/v1/servers/7"),
    ]


def test_the_library_is_loaded_when_a_cloud_is_opened_and_not_before() -> None:
    code = (
        "import sys, kubisnap.adapters.hetzner as package;"
        "assert not {'requests', 'hcloud', 'urllib3'} & set(sys.modules), 'too early';"
        "assert package.Hetzner.__name__ == 'Hetzner';"
        "assert 'hcloud' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[4])


def test_without_the_library_it_is_said_what_to_install() -> None:
    code = (
        "import sys; sys.modules['hcloud'] = None\n"
        "from kubisnap.adapters import hetzner\n"
        "from kubisnap.engine.errors import InvalidInput\n"
        "try: hetzner.factory({'HCLOUD_TOKEN': 'x'})\n"
        "except InvalidInput as error: assert \"'kubisnap[hetzner]'\" in error.hint, error.hint\n"
        "else: raise SystemExit('opened')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[4])


def test_a_module_that_does_not_exist_has_no_attribute() -> None:
    with pytest.raises(AttributeError):
        _ = hetzner.nothing


# Asked once


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize("status", [409, 423, 429, 500, 502, 503, 504])
def test_nothing_is_asked_twice(
    server: ScriptedServer, transport: Transport, method: str, status: int
) -> None:
    """The library asks five times over, creations included."""
    server.answer(refusal({409: "conflict", 423: "locked"}.get(status, "timeout")), status)
    caught(transport, method)
    assert len(server.seen) == 1


def test_no_answer_in_time_is_ambiguous_after_a_change(server: ScriptedServer, impatient: Transport) -> None:
    for method, ambiguous in (("GET", False), ("POST", True), ("DELETE", True)):
        server.hang()
        error = caught(impatient, method)
        assert isinstance(error, Unavailable)
        assert error.ambiguous is ambiguous
    assert len(server.seen) <= 3  # a slow machine may not even see one within the time


def test_an_answer_that_drips_without_end_ends(server: ScriptedServer, impatient: Transport) -> None:
    server.drip()
    assert isinstance(caught(impatient), Unavailable)


def test_a_reset_is_ambiguous_after_a_change(server: ScriptedServer, transport: Transport) -> None:
    for method, ambiguous in (("GET", False), ("POST", True)):
        server.reset()
        error = caught(transport, method)
        assert isinstance(error, Unavailable)
        assert error.ambiguous is ambiguous


def test_where_nobody_listens_nothing_was_done() -> None:
    transport = Transport(TOKEN, end_point="http://127.0.0.1:9/v1", connect_timeout=1.0)
    error = caught(transport, "POST")
    transport.close()
    assert isinstance(error, Unavailable)
    assert not error.ambiguous


class _NoLongerError(Exception):
    pass


def test_what_may_no_longer_be_sent_does_not_arrive(server: ScriptedServer, transport: Transport) -> None:
    def no() -> None:
        raise _NoLongerError

    with pytest.raises(_NoLongerError), asked_before_sending(no):
        transport.send("POST", "things", {}, ThingAnswer)
    assert server.seen == []


def test_threads_do_not_share_a_session(server: ScriptedServer, transport: Transport) -> None:
    server.always = answering({"thing": {"id": 1}})
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: transport.fetch("things/1", ThingAnswer).thing.id, range(40)))
    assert found == [1] * 40


def test_a_closed_one_says_so(transport: Transport) -> None:
    transport.close()
    assert isinstance(caught(transport), Rejected)


# What refusals mean


@pytest.mark.parametrize(
    ("status", "code", "method", "kind"),
    [
        (401, "unauthorized", "GET", Denied),
        (403, "forbidden", "GET", Denied),
        (403, "token_readonly", "POST", Denied),
        (403, "resource_limit_exceeded", "POST", QuotaExceeded),
        (404, "not_found", "GET", ResourceMissing),
        (409, "uniqueness_error", "POST", Conflict),
        (409, "conflict", "POST", Unavailable),
        (409, "conflict", "DELETE", Conflict),
        (423, "locked", "POST", Unavailable),
        (423, "locked", "DELETE", Conflict),
        (422, "resource_in_use", "DELETE", Conflict),
        (422, "must_be_unassigned", "DELETE", Conflict),
        (422, "volume_already_attached", "POST", Conflict),
        (422, "invalid_input", "POST", Rejected),
        (422, "placement_error", "POST", Rejected),
        (423, "protected", "DELETE", Rejected),
        (422, "a_code_of_tomorrow", "POST", Rejected),
        (429, "rate_limit_exceeded", "POST", RateLimited),
        (503, "unavailable", "POST", Unavailable),
        (504, "timeout", "POST", Unavailable),
        (200, "", "GET", None),
    ],
)
def test_a_refusal_is_what_its_code_says(
    server: ScriptedServer, transport: Transport, status: int, code: str, method: str, kind: Any
) -> None:
    if kind is None:
        server.answer({"thing": {"id": 1}})
        transport.fetch("things/1", ThingAnswer)
        return
    server.answer(refusal(code, "because"), status, x_correlation_id="abc-123")
    error = caught(transport, method)
    assert type(error) is kind
    assert (error.status, error.request_id) == (status, "abc-123")
    assert "because" in error.message


@pytest.mark.parametrize("code", ["conflict", "locked"])
def test_what_is_at_work_is_tried_again_and_nothing_was_done(
    server: ScriptedServer, transport: Transport, code: str
) -> None:
    server.answer(refusal(code), 409)
    error = caught(transport, "POST")
    assert error.retryable
    assert not error.ambiguous


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_change_that_a_gateway_answered_for_is_ambiguous(
    server: ScriptedServer, transport: Transport, status: int
) -> None:
    server.answer(b"<html>", status)
    assert caught(transport, "POST").ambiguous


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, Denied),
        (403, Denied),
        (404, ResourceMissing),
        (409, Conflict),
        (423, Unavailable),
        (418, Rejected),
    ],
)
def test_without_a_code_the_status_speaks(
    server: ScriptedServer, transport: Transport, status: int, kind: type[CloudError]
) -> None:
    odd = {"error": {"code": 7, "message": [], "details": 1}}
    bodies: tuple[Any, ...] = (b"<html>", b"", [], {"error": "no"}, odd)
    for body in bodies:
        server.answer(body, status)
        assert type(caught(transport, "POST")) is kind


def test_a_refusal_names_the_fields_it_is_about(server: ScriptedServer, transport: Transport) -> None:
    fields = [{"name": "size", "messages": ["too small"]}, {"name": 7}, "x"]
    server.answer(refusal("invalid_input", "invalid", {"fields": fields}), 422)
    assert "[size]" in caught(transport, "POST").message


def test_how_long_to_wait_is_as_asked_and_never_until_all_requests_are_back(
    server: ScriptedServer, transport: Transport
) -> None:
    """RateLimit-Reset says when the whole hour's requests are there again; one more comes each second."""
    server.answer(refusal("rate_limit_exceeded"), 429, ratelimit_reset="1000003600")
    first = caught(transport)
    server.answer(refusal("rate_limit_exceeded"), 429, retry_after="7")
    second = caught(transport)
    assert isinstance(first, RateLimited)
    assert isinstance(second, RateLimited)
    assert (first.retry_after, second.retry_after) == (None, 7.0)


def test_a_redirect_is_refused_and_the_token_goes_nowhere_else(
    server: ScriptedServer, transport: Transport
) -> None:
    server.answer({}, 302, location=f"{server.end_point}/elsewhere")
    error = caught(transport)
    assert "redirect" in error.message
    assert len(server.seen) == 1


def test_a_token_that_comes_back_in_an_answer_is_not_repeated(
    server: ScriptedServer, transport: Transport
) -> None:
    server.answer(refusal("forbidden", f"not with {TOKEN}"), 403, x_correlation_id=TOKEN)
    error = caught(transport)
    assert TOKEN not in f"{error} {error!r} {error.facts} {error.hint} {transport!r} {transport}"


@pytest.mark.parametrize("token", ["", " ", "two words", "line\nbreak", "tök", "a" * 513])
def test_what_cannot_be_a_token_is_denied_and_not_shown(token: str) -> None:
    with pytest.raises(Denied) as error:
        Transport(token)
    assert not token.strip() or token not in str(error.value)


@pytest.mark.parametrize(
    "text", ["http://192.0.2.1/v1", "ftp://localhost", "https://u:p@h/v1", "https://h/v1?x=1", "nonsense"]
)
def test_a_token_is_not_sent_just_anywhere(text: str) -> None:
    with pytest.raises(InvalidInput) as error:
        hetzner.factory({"HCLOUD_TOKEN": TOKEN, "HCLOUD_ENDPOINT": text})
    assert error.value.field == "HCLOUD_ENDPOINT"


# Answers that make no sense


@pytest.mark.parametrize("body", [b"<html>", b"[1]", b"7", b"{" * 100_000, {"thing": {}}, {"other": 1}])
def test_an_answer_that_makes_no_sense_is_ambiguous_after_a_change(
    server: ScriptedServer, transport: Transport, body: Any
) -> None:
    server.answer(body, 201)
    after_change = caught(transport, "POST")
    server.answer(body, 200)
    after_question = caught(transport)
    assert after_change.ambiguous
    assert not after_question.ambiguous


def test_what_is_larger_than_any_answer_is_not_read(server: ScriptedServer, transport: Transport) -> None:
    server.answer(b" " * (17 * 1024 * 1024))
    assert "16 MiB" in caught(transport).message


def test_text_that_is_not_unicode_is_not_sent(server: ScriptedServer, transport: Transport) -> None:
    with pytest.raises(Rejected):
        transport.send("POST", "things", {"name": "\ud800"}, ThingAnswer)
    assert server.seen == []


# Lists


def test_a_list_is_read_to_its_end(server: ScriptedServer, transport: Transport) -> None:
    for page in pages(50, 50, 3):
        server.answer(page)
    assert listed(transport) == list(range(1, 104))
    assert [seen.query["page"] for seen in server.seen] == [["1"], ["2"], ["3"]]
    assert server.last.query["per_page"] == ["50"]


def test_a_list_whose_length_nobody_knows_is_read_to_its_end(
    server: ScriptedServer, transport: Transport
) -> None:
    for page in pages(50, 1):
        page["meta"]["pagination"]["total_entries"] = None
        server.answer(page)
    assert len(listed(transport)) == 51


def test_an_error_on_a_later_page_is_no_shorter_list(server: ScriptedServer, transport: Transport) -> None:
    server.answer(pages(50, 50)[0])
    server.answer(refusal("unavailable"), 503)
    with pytest.raises(Unavailable):
        listed(transport)


@pytest.mark.parametrize("wrong", [{"total": 5}, {"last": 9}])
def test_a_list_that_does_not_add_up_is_read_once_more(
    server: ScriptedServer, transport: Transport, wrong: dict[str, int]
) -> None:
    for page in (*pages(3, 0, **wrong), *pages(3)):
        server.answer(page)
    assert listed(transport) == [1, 2, 3]


def test_a_list_that_never_adds_up_is_none(server: ScriptedServer, transport: Transport) -> None:
    for page in (*pages(3, total=4), *pages(3, total=4)):
        server.answer(page)
    with pytest.raises(Unavailable):
        listed(transport)


def test_a_list_that_repeats_itself_is_none(server: ScriptedServer, transport: Transport) -> None:
    twice = pages(2)[0]
    twice["things"] = [{"id": 1}, {"id": 1}]
    server.always = answering(twice)
    with pytest.raises(Unavailable):
        listed(transport)


def test_a_list_without_end_ends(
    server: ScriptedServer, transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hcloud follows `next_page` for ever."""
    monkeypatch.setattr(module, "MAX_PAGES", 3)
    for page in pages(1, 1, 1, last=9):
        server.answer(page)
    with pytest.raises(Rejected):
        listed(transport)


def test_another_page_than_asked_for_is_no_answer(server: ScriptedServer, transport: Transport) -> None:
    server.answer(pages(1, 1)[1])
    with pytest.raises(Rejected):
        listed(transport)
