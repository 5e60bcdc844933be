"""From a request to an answer: whose token, how often, with which fault, to which handler.

Knows no socket: `Api.handle` takes a `RawRequest` and gives an `Answer`, or a `Silence`.
"""

import json
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from urllib.parse import parse_qsl

from ...simulation.serving import RawRequest
from . import (
    actions,
    control,
    droplet_actions,
    droplets,
    faults,
    firewalls,
    keys,
    load_balancers,
    offers,
    reserved_ips,
    tags,
    volume_actions,
    volumes,
    vpcs,
)
from .control import Backstage, RequestRecord
from .faults import FaultBook, FaultRule
from .limits import RateLimit, too_many
from .routing import Call, Handler, Route, Router
from .wire import Answer, ApiError, JsonObject, Silence, bad_request
from .world import Account, World

_FAMILIES = (
    offers,
    keys,
    actions,
    tags,
    vpcs,
    firewalls,
    droplets,
    droplet_actions,
    load_balancers,
    volume_actions,
    volumes,
    reserved_ips,
)
OPERATIONS: tuple[Route[Handler], ...] = tuple(route for family in _FAMILIES for route in family.ROUTES)
_REMEMBERED_REQUESTS = 10_000


class Api:
    """The whole API, between the server in front of it and the world behind it."""

    def __init__(self, world: World, *, hourly_limit: int, burst_limit: int | None) -> None:
        self.world = world
        self.faults = FaultBook()
        self.log: deque[RequestRecord] = deque(maxlen=_REMEMBERED_REQUESTS)
        self._default_limit = RateLimit(hourly_limit, burst_limit)
        self._limits: dict[str, RateLimit] = {}
        self._router = Router(OPERATIONS)
        self.backstage = Backstage(world, self.faults, self.log, self.limit_of)

    def limit_of(self, account_name: str) -> RateLimit:
        """The rate limit of an account's token; strangers share one that never runs out."""
        fresh = RateLimit(self._default_limit.hourly, self._default_limit.burst)
        return self._limits.setdefault(account_name, fresh)

    def handle(self, request: RawRequest) -> Answer | Silence:
        """Answer a request, or fail to as a fault rule demands."""
        path, _, query_text = request.target.partition("?")
        path = path.rstrip("/") or "/"
        query = dict(parse_qsl(query_text, keep_blank_values=True))
        with self.world.lock:
            request_id = self.world.new_uuid("request")
        if path == "/simulator" or path.startswith("/simulator/"):
            return self._behind_the_scenes(request, path, request_id)
        account = self._account_of(request.authorization)
        rule = None
        outcome: Answer | Silence
        try:
            owner = self._admit(account)
            rule = self.faults.strike(request.method, path, query.get("page", "1"), owner.name)
            outcome = self._outcome(request, owner, path, query, rule, request_id)
        except ApiError as error:
            outcome = error.answer(request_id)
        name = account.name if account else ""
        record = RequestRecord(
            request.method,
            path,
            query_text,
            outcome.status if isinstance(outcome, Answer) else 0,
            name,
            rule.action if rule else None,
        )
        self.log.append(record)
        return outcome if isinstance(outcome, Silence) else self._with_headers(outcome, account, request_id)

    def _account_of(self, authorization: str) -> Account | None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return None
        with self.world.lock:
            return self.world.by_token(token.strip())

    def _admit(self, account: Account | None) -> Account:
        if account is None:
            raise ApiError(401, "Unauthorized", "Unable to authenticate you")
        with self.world.lock:
            wait = self.limit_of(account.name).take(self.world.now())
        if wait is not None:
            raise too_many(wait)
        return account

    def _outcome(
        self,
        request: RawRequest,
        account: Account,
        path: str,
        query: Mapping[str, str],
        rule: FaultRule | None,
        request_id: str,
    ) -> Answer | Silence:
        if rule is not None and rule.action == "reset":
            return Silence(abrupt=True)
        if rule is not None and rule.action in {"status", "error_on_page", "quota"}:
            return faults.answer(rule, path, request_id)
        if rule is not None and rule.action == "hang" and not self.faults.wait(rule.seconds):
            return Silence()
        if rule is not None and rule.action == "lose_answer":
            with suppress(ApiError):  # a refusal is lost as well
                self._do(request, account, path, query)
            return Silence()
        return self._do(request, account, path, query)

    def _do(self, request: RawRequest, account: Account, path: str, query: Mapping[str, str]) -> Answer:
        route, args = self._router.find(request.method, path)
        body = _json_body(request.body) if route.reads_body else {}
        root = f"http://{request.host}"
        with self.world.lock:
            self.world.settle(account)
            return route.handler(Call(self.world, account, path, args, query, body, root))

    def _behind_the_scenes(self, request: RawRequest, path: str, request_id: str) -> Answer:
        try:
            route, args = control.ROUTER.find(request.method, path)
            body = _json_body(request.body) if request.method == "POST" else {}
            return route.handler(self.backstage, args, body)
        except ApiError as error:
            return error.answer(request_id)

    def _with_headers(self, answer: Answer, account: Account | None, request_id: str) -> Answer:
        with self.world.lock:
            limit = self.limit_of(account.name) if account else self._default_limit
            ours = {"x-request-id": request_id, **limit.headers(self.world.now())}
        return replace(answer, headers={**ours, **answer.headers})


def _json_body(body: bytes) -> JsonObject:
    if not body.strip():
        return {}
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        raise bad_request("error parsing request body") from None
    if not isinstance(parsed, dict):
        raise bad_request("error parsing request body")
    return parsed
