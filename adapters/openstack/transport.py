"""The one way to OpenStack: the client library's sessions, asked carefully.

What is used of openstacksdk is its loader of settings, its login and its way from a catalogue to a
service's address; requests go through keystoneauth's `Adapter.request`. Its objects are not used: their
errors, waits and lists differ from release to release. Every answer is checked against a struct, every list
is read to its end. Knows no resource.
"""

import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, TypeAlias, TypeVar
from urllib.parse import parse_qs, urlsplit

import msgspec
import openstack.exceptions
import requests
from keystoneauth1.adapter import Adapter
from keystoneauth1.exceptions import ClientException, EndpointNotFound

from ...engine.errors import CloudError, Denied, Rejected, Unavailable
from ..transport.bodies import learn
from .answers import ADVICE, CLOUD, Answer, clean, refusal, unexpected
from .opening import secrets_of

T = TypeVar("T")

COMPUTE, NETWORK, IMAGE = "compute", "network", "image"
VOLUME, BALANCER = "block-storage", "load-balancer"

_VERSIONS = {COMPUTE: "2", NETWORK: "2", IMAGE: "2", VOLUME: "3", BALANCER: "2"}
_MICROVERSIONS = {COMPUTE: "2.61", VOLUME: "3.42"}
"""Nova's of Rocky: tags at creation, a flavor's name within a server and its extra specs in a list; Cinder's
of Pike: a volume in use grows."""

_PAGES = 1000
Query: TypeAlias = Mapping[str, str] | Mapping[str, str | tuple[str, ...]]


class Login(msgspec.Struct, frozen=True):
    """What a token opens."""

    project: str
    project_name: str
    roles: tuple[str, ...]
    regions: tuple[str, ...]


class Transport:
    """Calls to one project of one cloud, from any number of threads.

    `now` tells seconds since 1970 UTC. Every method raises the `CloudError` family only.
    """

    def __init__(self, region: Any, *, now: Callable[[], float] = time.time) -> None:
        self._region = region
        self._session = region.get_session()
        self._secrets = secrets_of(region)
        self._lock = Lock()
        self._clients: dict[str, Any] = {}
        self._closed = False
        self.now = now
        self.auth_url = str(region.config["auth"]["auth_url"])

    def __repr__(self) -> str:
        return f"Transport({self.auth_url!r})"

    def close(self) -> None:
        """Close all connections."""
        self._closed = True
        self._session.session.close()

    def login(self) -> Login:
        """Return what the credentials open; asks Keystone the first time, and when a token has run out."""
        access = self._asked(lambda: self._session.auth.get_access(self._session))
        if not access.project_id:
            problem = "the credentials open no project"
            raise Denied(CLOUD, problem, advice="export OS_PROJECT_NAME=...")
        return Login(
            project=str(access.project_id),
            project_name=str(access.project_name or access.project_id),
            roles=tuple(map(str, access.role_names or ())),
            regions=tuple(sorted(_regions(access.service_catalog.catalog))),
        )

    def offers(self, service: str) -> bool:
        """Whether the cloud's catalogue has a service in this region."""

        def ask() -> bool:
            try:
                return self._client(service).get_endpoint() is not None
            except EndpointNotFound:
                return False

        return self._asked(ask)

    @property
    def region(self) -> str:
        """The region that settings name, or an empty string."""
        return str(self._region.get_region_name() or "")

    def fetch(self, service: str, path: str, into: type[T], query: Query | None = None) -> T:
        """Return what is at a path. Raises `ResourceMissing` and the other cloud errors."""
        return _converted(_object(self._request(service, "GET", path, query=query), write=False), into)

    def send(self, service: str, method: str, path: str, body: object, into: type[T], *secrets: str) -> T:
        """Send a write and return the answer. After an answer that makes no sense: ambiguous."""
        answer = self._request(service, method, path, body=body, secrets=secrets)
        return _converted(_object(answer, write=True), into, write=True)

    def tell(self, service: str, method: str, path: str, body: object = None) -> None:
        """Send a write whose answer says nothing more than that it was taken."""
        self._request(service, method, path, body=body)

    def listed(self, service: str, path: str, key: str, into: type[T], query: Query | None = None) -> list[T]:
        """Return a whole list, or raise: never a part of it.

        A page that is not the last says so by a link; what it leads to is asked for by the marker in it,
        not by following it.
        """
        items: list[T] = []
        marker, seen = "", set[str]()
        for _ in range(_PAGES):
            asked = {**(query or {}), **({"marker": marker} if marker else {})}
            data = _object(self._request(service, "GET", path, query=asked), write=False)
            if key not in data:
                raise unexpected(f"no {key} in a list", write=False, shape=True)
            items += _converted(data[key], list[into])  # type: ignore[valid-type]
            marker = _next_marker(data, key)
            if not marker:
                return items
            if marker in seen:
                raise Unavailable(CLOUD, f"the list of {key} goes round in circles")
            seen.add(marker)
        raise Rejected(CLOUD, f"the list of {key} has more than {_PAGES} pages")

    def _request(
        self,
        service: str,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: object = None,
        secrets: tuple[str, ...] = (),
    ) -> Answer:
        """Make one request. Raises for any status but 2xx, and when there is no whole answer."""
        asked = {
            "params": {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in (query or {}).items()
            },
            "json": body,
            "raise_exc": False,
            "connect_retries": 0,
            "status_code_retries": 0,
            "microversion": _MICROVERSIONS.get(service),
            "headers": {"Accept": "application/json"},
        }
        response: requests.Response = self._asked(
            lambda: self._client(service).request(path, method, **asked)
        )
        answer = _answer(response)
        if 200 <= answer.status < 300:
            return answer
        raise refusal(answer, method, now=self.now, secrets=(*self._hidden(), *secrets))

    def _client(self, service: str) -> Any:
        with self._lock:
            if service not in self._clients:
                region = self._region
                self._clients[service] = Adapter(
                    self._session,
                    service_type=service,
                    service_name=region.get_service_name(service),
                    interface=region.get_interface(service),
                    region_name=region.get_region_name(service),
                    endpoint_override=region.get_endpoint(service),
                    version=_VERSIONS[service],
                )
            return self._clients[service]

    def _hidden(self) -> tuple[str, ...]:
        auth = self._session.auth
        token = getattr(getattr(auth, "auth_ref", None), "auth_token", "")
        return (*self._secrets, str(token or ""))

    def _asked(self, ask: Callable[[], T]) -> T:
        """Make the client library's own errors ours: of the login, of the catalogue, of finding a service.

        They are not named as the cause: they quote what a server said, whatever that was.
        """
        if self._closed:
            raise Rejected(CLOUD, "the connection to the cloud has been closed")
        try:
            return ask()
        except (ClientException, openstack.exceptions.SDKException) as error:
            meant = self._meant(error)
        raise meant

    def _meant(self, error: Exception) -> CloudError:
        """Return what an error of the client library means: what an answer said, if it was one."""
        response = getattr(error, "response", None)
        if isinstance(response, requests.Response):
            # of the login or of looking for a service: whatever was to be changed has not been asked for
            return refusal(_answer(response), "GET", now=self.now, secrets=self._hidden())
        if getattr(error, "http_status", None) == 401:
            return Denied(CLOUD, clean(str(error), *self._hidden()), 401, advice=ADVICE)
        return Rejected(CLOUD, clean(str(error), *self._hidden()) or type(error).__name__)


def _regions(catalogue: list[dict[str, Any]]) -> set[str]:
    """Return the regions that have servers."""
    return {
        str(point.get("region_id") or point.get("region"))
        for entry in catalogue
        if entry.get("type") == COMPUTE
        for point in entry.get("endpoints", ())
    }


def _answer(response: requests.Response) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers, response.content or b"")


def _object(answer: Answer, *, write: bool) -> dict[str, Any]:
    try:
        data = answer.json()
    except ValueError:
        kind = clean(answer.headers.get("content-type", "no content type"))
        raise unexpected(f"no JSON but {kind}", write=write, status=answer.status) from None
    if not isinstance(data, dict):
        raise unexpected("JSON that is no object", write=write, status=answer.status)
    return data


def _next_marker(data: Mapping[str, Any], key: str) -> str:
    """Return the marker of the next page, or an empty string: there is no link where there is none."""
    links = data.get(f"{key}_links") or []
    found = [link.get("href") for link in links if isinstance(link, dict) and link.get("rel") == "next"]
    if isinstance(data.get("next"), str):  # Glance
        found.append(data["next"])
    if not found:
        return ""
    try:
        markers = parse_qs(urlsplit(str(found[0])).query).get("marker", [])
    except ValueError:
        markers = []
    if not markers:
        raise unexpected("a link to the next page without a marker", write=False, shape=True)
    return markers[0]


def _converted(data: object, into: type[T], *, write: bool = False) -> T:
    learn(into)
    try:
        return msgspec.convert(data, into)
    except msgspec.ValidationError as error:
        raise unexpected(str(error), write=write, shape=True) from error
