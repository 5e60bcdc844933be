"""Faults on order: rules saying which requests fare ill, and how.

Knows methods, paths and counting; what a fault does to a connection is the server's business, what an
API says of it is the API's.
"""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from .serving import JsonObject

_VERSION = re.compile(r"\A/v[0-9]+/")
_CREATION = re.compile(r"/v[0-9]+/([a-z_]+|account/keys)")

FaultAction: TypeAlias = Literal["status", "reset", "lose_answer", "hang", "error_on_page", "quota"]


@dataclass(frozen=True, kw_only=True)
class FaultRule:
    """Which requests fare ill, and how.

    A request matches when its method and account are the rule's, where the rule names any, and the regular
    expression `path` fits its whole path, with or without the API's version in front ("servers",
    "/v1/servers/[0-9]+"). Of the matches the first `after` pass; then every `every`-th is hit, at most
    `times` of them (None: no end). `nth=3` is short for "the third match only".

    Actions: "status" answers `status` with `body` (an object is sent as JSON, a string as HTML) and
    `headers`, without doing anything. "reset" closes the connection, with nothing done. "lose_answer" does
    what was asked and closes the connection. "hang" waits `seconds` of real time, then goes on as usual.
    "error_on_page" is "status" for page `page` of a list only. "quota" refuses a creation, as an account
    that is full does.
    """

    action: FaultAction
    method: str = "*"
    path: str = ".*"
    account: str | None = None
    after: int = 0
    every: int = 1
    times: int | None = None
    nth: int | None = None
    status: int = 500
    body: JsonObject | str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 60.0
    page: int = 2

    def __post_init__(self) -> None:
        re.compile(self.path)  # a wrong pattern is to fail here, and not in the middle of a request

    def matches(self, method: str, path: str, page: str, account: str) -> bool:
        """Whether this request is one the rule counts."""
        if self.method not in ("*", method) or self.account not in (None, account):
            return False
        if self.action == "error_on_page" and page != str(self.page):
            return False
        if self.action == "quota" and not (method == "POST" and _CREATION.fullmatch(path)):
            return False
        return any(re.fullmatch(self.path, text) for text in (path, _VERSION.sub("", path)))

    def hits(self, match: int) -> bool:
        """Whether the match of this number, counted from 1, is hit."""
        if self.nth is not None:
            return match == self.nth
        beyond = match - self.after
        if beyond < 1 or beyond % self.every != 0:
            return False
        return self.times is None or beyond // self.every <= self.times


@dataclass(frozen=True)
class FaultCount:
    """A rule, how many requests it matched so far, and how many of those it hit."""

    rule: FaultRule
    matched: int
    hit: int


class FaultBook:
    """The rules in force, in the order they were given. All rules count a request; the first hit decides."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: list[FaultCount] = []
        self._release = threading.Event()
        self._closed = False

    def add(self, rule: FaultRule) -> None:
        """Put a rule in force, its counts at nought."""
        with self._lock:
            self._counts.append(FaultCount(rule, 0, 0))

    def open(self) -> None:
        """Let faults hang again: the server starts."""
        with self._lock:
            self._closed = False
            self._release = threading.Event()

    def clear(self) -> None:
        """Lift all rules, and let go on what hangs."""
        with self._lock:
            self._counts.clear()
            self._release.set()
            self._release = threading.Event()

    def close(self) -> None:
        """Let go of what hangs, for good: the server stops."""
        with self._lock:
            self._closed = True
            self._release.set()

    def strike(self, method: str, path: str, page: str, account: str) -> FaultRule | None:
        """The rule that hits this request, if one does."""
        chosen = None
        with self._lock:
            for index, count in enumerate(self._counts):
                if not count.rule.matches(method, path, page, account):
                    continue
                match = count.matched + 1
                hit = chosen is None and count.rule.hits(match)
                self._counts[index] = FaultCount(count.rule, match, count.hit + hit)
                if hit:
                    chosen = count.rule
        return chosen

    def wait(self, seconds: float) -> bool:
        """Hang in real time; False when the server stopped meanwhile."""
        with self._lock:
            release = self._release
        release.wait(seconds)
        return not self._closed

    @property
    def counts(self) -> tuple[FaultCount, ...]:
        """The rules in force with their counts."""
        with self._lock:
            return tuple(self._counts)
