"""What can go wrong between here and a service, and what is made of it."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from kubisnap.adapters import openstack
from kubisnap.adapters.openstack.opening import opened
from kubisnap.adapters.openstack.settings import read
from kubisnap.adapters.openstack.transport import COMPUTE, NETWORK, Transport
from kubisnap.adapters.openstack.wire import (
    Group,
    KeyPairAnswer,
    LimitsAnswer,
    Reference,
    ServerAnswer,
    ServerMade,
)
from kubisnap.engine.errors import (
    CloudError,
    Denied,
    RateLimited,
    Rejected,
    ResourceMissing,
    Unavailable,
)
from tests.unit.adapters.openstack.replay import PASSWORD, TOKEN, Replay, replay

LIMITS = "GET /compute/v2.1/limits"


@pytest.fixture
def server() -> Iterator[Replay]:
    with replay({}) as serving:
        yield serving


@pytest.fixture
def transport(server: Replay) -> Iterator[Transport]:
    made = Transport(opened(read(server.settings), (2.0, 0.5)), now=lambda: 1_800_000_000.0)
    yield made
    made.close()


def limits(transport: Transport) -> object:
    return transport.fetch(COMPUTE, "/limits", LimitsAnswer)


def make(transport: Transport) -> object:
    return transport.send(COMPUTE, "POST", "/servers", {"server": {}}, ServerMade)


@pytest.mark.parametrize(
    "body",
    [b"<html>oops</html>", b"", b"[]", b"null", b'"text"', b"{", b"\xff", b"[" * 100_000],
)
def test_an_answer_that_is_no_json_object_is_not_believed(
    server: Replay, transport: Transport, body: bytes
) -> None:
    server.trouble(LIMITS, 200, body)
    with pytest.raises(Unavailable) as caught:
        limits(transport)
    assert not caught.value.ambiguous
    server.trouble("POST /compute/v2.1/servers", 202, body)
    with pytest.raises(Unavailable) as caught:
        make(transport)
    assert caught.value.ambiguous, "nobody knows whether there is a server now"


@pytest.mark.parametrize("answer", [{}, {"server": {}}, {"server": {"id": 5}}, {"server": None}])
def test_an_answer_without_what_matters_is_not_believed(
    server: Replay, transport: Transport, answer: object
) -> None:
    server.trouble("GET /compute/v2.1/servers/1", 200, answer)
    with pytest.raises(Rejected):
        transport.fetch(COMPUTE, "/servers/1", ServerAnswer)
    server.trouble("POST /compute/v2.1/servers", 202, answer)
    with pytest.raises(Unavailable) as caught:
        make(transport)
    assert caught.value.ambiguous


def test_a_connection_that_is_cut_is_not_tried_again_here(server: Replay, transport: Transport) -> None:
    limits_before = len(server.asked)
    server.trouble("POST /compute/v2.1/servers", 0)
    with pytest.raises(Unavailable) as caught:
        make(transport)
    assert caught.value.ambiguous
    assert [asked for asked in server.asked[limits_before:] if asked.endswith("/servers")] == [
        "POST /compute/v2.1/servers"
    ]


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_service_that_is_not_there_is_asked_once(server: Replay, transport: Transport, status: int) -> None:
    """The client library would ask again on its own for some of these."""
    server.trouble(LIMITS, status, b"<html><body>nginx</body></html>", times=9)
    with pytest.raises(Unavailable) as caught:
        limits(transport)
    assert caught.value.status == status
    assert server.asked.count(LIMITS) == 1


def test_a_rate_limit_is_told_and_not_waited_out(server: Replay, transport: Transport) -> None:
    server.trouble(LIMITS, 429, b"", Retry_After="17")
    with pytest.raises(RateLimited) as caught:
        limits(transport)
    assert caught.value.retry_after == 17.0


def test_a_redirect_is_not_followed(server: Replay, transport: Transport) -> None:
    server.trouble(LIMITS, 302, b"", Location="http://127.0.0.1:9/elsewhere")
    with pytest.raises(Rejected) as caught:
        limits(transport)
    assert "redirect" in str(caught.value)


def test_a_service_of_the_catalogue_in_clear_gets_no_token(server: Replay, transport: Transport) -> None:
    """Whoever writes the catalogue decides where the token goes, but for this."""
    server.plain_host = "http://192.0.2.1"
    with pytest.raises(Denied) as caught:
        limits(transport)
    assert "192.0.2.1" in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_wrong_credentials_are_denied_and_not_shown(server: Replay, transport: Transport) -> None:
    told = {"error": {"code": 401, "message": f"{PASSWORD} is not it", "title": "Unauthorized"}}
    server.trouble("POST /identity/v3/auth/tokens", 401, told, times=9)
    with pytest.raises(Denied) as caught:
        make(transport)
    error: BaseException | None = caught.value
    assert not caught.value.ambiguous
    while error is not None:
        assert PASSWORD not in f"{error} {error!r}"
        error = error.__cause__ or error.__context__


def test_keystone_that_is_down_made_nothing(server: Replay, transport: Transport) -> None:
    server.trouble("POST /identity/v3/auth/tokens", 503, b"<html>", times=9)
    with pytest.raises(Unavailable) as caught:
        make(transport)
    assert not caught.value.ambiguous


def test_keystone_s_answer_of_another_shape_is_not_believed(server: Replay, transport: Transport) -> None:
    server.trouble("POST /identity/v3/auth/tokens", 201, b"<html>captive portal</html>", times=9)
    with pytest.raises(CloudError):
        limits(transport)


def test_credentials_that_open_no_project_are_told(server: Replay, transport: Transport) -> None:
    token = server._token()
    del token["token"]["project"]
    server.trouble("POST /identity/v3/auth/tokens", 201, token, X_Subject_Token=TOKEN)
    with pytest.raises(Denied) as caught:
        transport.login()
    assert "project" in str(caught.value)


def test_a_service_that_the_catalogue_lacks_is_told(server: Replay, transport: Transport) -> None:
    server.services = ("network",)
    with pytest.raises(Rejected) as caught:
        limits(transport)
    assert "compute" in str(caught.value)


def test_a_list_is_read_to_its_end_and_no_link_is_followed(server: Replay, transport: Transport) -> None:
    """A link may lead anywhere: what counts is the marker in it."""
    path = "/network/v2.0/security-groups"
    for marker, item, after in (("", "a", "a"), ("a", "b", "b"), ("b", "c", "")):
        link = [{"rel": "next", "href": f"http://192.0.2.1/security-groups?marker={after}"}] if after else []
        told = {"security_groups": [{"id": item}], "security_groups_links": link}
        key = f"GET {path}?{f'marker={marker}&' if marker else ''}project_id=p"
        server.answers[key] = [{"status": 200, "answer": told}]
    found = transport.listed(NETWORK, "/security-groups", "security_groups", Group, {"project_id": "p"})
    assert [item.id for item in found] == ["a", "b", "c"]
    assert server.strange == []


def test_an_error_in_the_middle_of_a_list_is_an_error(server: Replay, transport: Transport) -> None:
    first = {"keypairs": [], "keypairs_links": [{"rel": "next", "href": "?marker=a"}]}
    server.trouble("os-keypairs$", 200, first)
    server.trouble("os-keypairs.marker=a", 500, b"<html>")
    with pytest.raises(Unavailable):
        transport.listed(COMPUTE, "/os-keypairs", "keypairs", KeyPairAnswer)


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"networks": None},
        {"networks": [{"name": "without an id"}]},
        {"networks": [], "networks_links": [{"rel": "next", "href": "http://x/networks"}]},
        {"networks": [], "networks_links": [{"rel": "next", "href": "http://[::1"}]},
        {"networks": [], "networks_links": [{"rel": "next", "href": "?marker=a"}]},
    ],
)
def test_a_list_that_makes_no_sense_is_not_taken_for_empty(
    server: Replay, transport: Transport, told: object
) -> None:
    server.trouble("GET /network/v2.0/networks", 200, told, times=5)
    with pytest.raises((Rejected, Unavailable)):
        transport.listed(NETWORK, "/networks", "networks", Reference)


def test_glance_s_own_way_to_the_next_page(server: Replay, transport: Transport) -> None:
    first: dict[str, Any] = {"images": [{"id": "a"}], "next": "/v2/images?marker=a&limit=1"}
    server.answers["GET /image/v2/images"] = [{"status": 200, "answer": first}]
    server.answers["GET /image/v2/images?marker=a"] = [{"status": 200, "answer": {"images": [{"id": "b"}]}}]
    found = transport.listed("image", "/images", "images", Reference)
    assert [item.id for item in found] == ["a", "b"]


@pytest.mark.parametrize("resource_id", ["../../etc", "a/b", "", "a b", "a?x=1", "%2e%2e"])
def test_an_id_leads_to_no_other_path(server: Replay, resource_id: str) -> None:
    from kubisnap.engine.domain.resources import Kind

    cloud = openstack.factory(server.settings)
    for kind in Kind:
        if kind is Kind.RESERVED_IP_ASSIGNMENT or not resource_id:
            continue
        assert cloud.observe(kind, resource_id) is None
        with pytest.raises(ResourceMissing):
            cloud.delete(kind, resource_id)
    assert server.asked == []
    cloud.close()


def test_what_is_closed_answers_no_more(server: Replay, transport: Transport) -> None:
    transport.close()
    transport.close()
    with pytest.raises(Rejected):
        limits(transport)
    assert server.asked == []


def test_nobody_listening_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    settings = {
        "OS_AUTH_URL": f"http://127.0.0.1:{port}/v3",
        "OS_USERNAME": "ada",
        "OS_PASSWORD": PASSWORD,
        "OS_PROJECT_NAME": "demo",
    }
    transport = Transport(opened(read(settings), (1.0, 1.0)))
    with pytest.raises(Unavailable) as caught:
        limits(transport)
    assert not caught.value.ambiguous
    transport.close()


def test_an_answer_that_never_comes_is_given_up(server: Replay, transport: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        transport.login()
        transport._clients[COMPUTE] = _Silent(transport, silent.getsockname()[1])
        with pytest.raises(Unavailable) as caught:
            make(transport)
    assert "no answer in time" in str(caught.value)
    assert caught.value.ambiguous


class _Silent:
    """A client that asks where nobody answers."""

    def __init__(self, transport: Transport, port: int) -> None:
        self._session = transport._session
        self._url = f"http://127.0.0.1:{port}"

    def request(self, path: str, method: str, **named: Any) -> Any:
        return self._session.request(self._url + path, method, microversion_service_type="compute", **named)
