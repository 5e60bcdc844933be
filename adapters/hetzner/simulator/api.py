"""From a request to an answer: whose token, how often, with which fault, to which handler.

Knows no socket: `Api.handle` takes a `RawRequest` and gives an `Answer`, or a `Silence`.
"""

import json
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import ceil
from urllib.parse import parse_qs

from ...simulation.faults import FaultBook, FaultRule
from ...simulation.serving import RawRequest
from . import firewalls, floating_ips, load_balancers, networks, offers, servers, ssh_keys, volumes
from .routing import Call, Route, found
from .wire import Answer, ApiError, JsonObject, Silence, error_body
from .world import Project, World

_FAMILIES = (offers, ssh_keys, networks, firewalls, servers, volumes, load_balancers, floating_ips)
OPERATIONS: tuple[Route, ...] = tuple(route for family in _FAMILIES for route in family.ROUTES)
_REMEMBERED = 2_000
_CODES = {
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    409: "conflict",
    422: "invalid_input",
    423: "locked",
    429: "rate_limit_exceeded",
    502: "bad_gateway",
    503: "unavailable",
    504: "timeout",
}


@dataclass(frozen=True)
class Exchange:
    """One request to the API and what came of it: no answer is None. Tokens are not kept."""

    method: str
    target: str
    body: bytes
    answer: Answer | None
    project: str
    fault: str | None

    @property
    def path(self) -> str:
        """The path that was asked for."""
        return self.target.partition("?")[0]


@dataclass
class Allowed:
    """How many requests are left to a project: a bucket that one comes back into each so many seconds."""

    most: int
    left: float
    since: float

    def take(self, now: float) -> bool:
        """Take one, if there is one."""
        self.left = min(self.most, self.left + (now - self.since) * self.most / 3600)
        self.since = now
        if self.left < 1:
            return False
        self.left -= 1
        return True

    def headers(self, now: float) -> Mapping[str, str]:
        """What is said of it on every answer; the reset is when all are there again."""
        full = now + (self.most - self.left) * 3600 / self.most
        return {
            "RateLimit-Limit": str(self.most),
            "RateLimit-Remaining": str(int(self.left)),
            "RateLimit-Reset": str(ceil(full)),
        }


class Api:
    """The whole API, between the server in front of it and the world behind it."""

    def __init__(self, world: World, *, hourly_limit: int) -> None:
        self.world = world
        self.faults = FaultBook()
        self.log: deque[Exchange] = deque(maxlen=_REMEMBERED)
        self._hourly = hourly_limit
        self._allowed: dict[str, Allowed] = {}

    def handle(self, request: RawRequest) -> Answer | Silence:
        """Answer a request, or fail to as a fault rule demands."""
        path, _, query_text = request.target.partition("?")
        query = parse_qs(query_text, keep_blank_values=True)
        project, rule = None, None
        outcome: Answer | Silence
        try:
            project = self._admit(request)
            page = (query.get("page") or ["1"])[0]
            rule = self.faults.strike(request.method, path, page, project.name)
            outcome = self._outcome(request, project, path, query, rule)
        except ApiError as error:
            outcome = error.answer()
        name = project.name if project else ""
        answer = None if isinstance(outcome, Silence) else self._with_headers(outcome, name)
        fault = rule.action if rule else None
        self.log.append(Exchange(request.method, request.target, request.body, answer, name, fault))
        return outcome if answer is None else answer

    def _admit(self, request: RawRequest) -> Project:
        scheme, _, token = request.authorization.partition(" ")
        with self.world.lock:
            project = self.world.by_token(token.strip()) if scheme.lower() == "bearer" else None
            if project is None:
                raise ApiError(401, "unauthorized", "unable to authenticate")
            if not self._limit(project.name).take(self.world.now()):
                raise ApiError(429, "rate_limit_exceeded", "limit of requests per hour reached")
            if request.method != "GET" and token.strip() in project.read_only:
                raise ApiError(403, "token_readonly", "the token is only allowed to perform GET requests")
        return project

    def _limit(self, name: str) -> Allowed:
        return self._allowed.setdefault(name, Allowed(self._hourly, self._hourly, self.world.now()))

    def _outcome(
        self,
        request: RawRequest,
        project: Project,
        path: str,
        query: Mapping[str, Sequence[str]],
        rule: FaultRule | None,
    ) -> Answer | Silence:
        if rule is not None and rule.action == "reset":
            return Silence(abrupt=True)
        if rule is not None and rule.action in {"status", "error_on_page", "quota"}:
            return _fault_answer(rule)
        if rule is not None and rule.action == "hang" and not self.faults.wait(rule.seconds):
            return Silence()
        if rule is not None and rule.action == "lose_answer":
            with suppress(ApiError):  # a refusal is lost as well
                self._do(request, project, path, query)
            return Silence()
        return self._do(request, project, path, query)

    def _do(
        self, request: RawRequest, project: Project, path: str, query: Mapping[str, Sequence[str]]
    ) -> Answer:
        route, args = found(OPERATIONS, request.method, path)
        body = _json_body(request.body) if request.method in {"POST", "PUT"} else {}
        with self.world.lock:
            self.world.settle(project)
            answer = route.handler(Call(self.world, project, args, query, body))
            # records go on changing; what was answered does not
            return replace(answer, body=json.loads(json.dumps(answer.body))) if answer.body else answer

    def _with_headers(self, answer: Answer, name: str) -> Answer:
        with self.world.lock:
            ours = {"X-Correlation-Id": f"{self.world.new_id('correlation'):016x}"}
            if name:
                ours |= self._limit(name).headers(self.world.now())
        return replace(answer, headers={**ours, **answer.headers})


def _fault_answer(rule: FaultRule) -> Answer:
    if rule.action == "quota":
        return Answer(403, error_body("resource_limit_exceeded", "limit of this project reached"))
    if isinstance(rule.body, str):
        return Answer(rule.status, text=rule.body, headers=rule.headers)
    code = _CODES.get(rule.status, "server_error")
    body = rule.body or error_body(code, code.replace("_", " "))
    return Answer(rule.status, body, headers=rule.headers)


def _json_body(body: bytes) -> JsonObject:
    if not body.strip():
        return {}
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise ApiError(400, "json_error", "invalid JSON input in your request")
    return parsed
