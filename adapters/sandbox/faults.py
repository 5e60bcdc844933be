"""What can be made to go wrong at the simulated cloud, seeded and repeatable.

A `Faults` says how likely each fault is, or at which call it strikes; an `Injector` decides for
each call. Chance depends on the seed, the call, what it is about and how often that was asked
before, not on the order in which threads come by.
"""

import random
import threading
from collections import Counter
from enum import StrEnum

import msgspec

from ...engine.domain.resources import Kind
from ...engine.errors import QuotaExceeded, RateLimited, Unavailable
from .catalogue import CLOUD

WRITES = frozenset({"create", "update", "delete"})


class Fault(StrEnum):
    """One way for a call to go wrong."""

    UNAVAILABLE = "unavailable"
    """No answer, and nothing happened."""
    ANSWER_LOST = "answer-lost"
    """It happened, and the answer did not arrive (create, update, delete)."""
    RATE_LIMITED = "rate-limited"
    """Too many requests; nothing happened."""
    QUOTA = "quota"
    """The account may not have more (create)."""
    FAILING = "failing"
    """Accepted, and then the cloud gives up on it (create)."""


class Scripted(msgspec.Struct, frozen=True, kw_only=True):
    """Strike at exactly the calls `nth` to ``nth + times - 1`` (from 1) among those that match.

    A call matches by method (``create``, ``ready``, ...; empty: any), by kind (None: any), and by a
    part of what it names: the provider-side name for create, update and find, else the id.
    """

    fault: Fault
    call: str = "create"
    kind: Kind | None = None
    name: str = ""
    nth: int = 1
    times: int = 1

    def matches(self, call: str, kind: Kind | None, name: str) -> bool:
        """Return whether this rule is about such a call."""
        return (
            (not self.call or self.call == call)
            and (self.kind is None or self.kind is kind)
            and self.name in name
            and possible(self.fault, call)
        )


class Faults(msgspec.Struct, frozen=True, kw_only=True):
    """Probabilities from 0 to 1 for each call, scripted strikes, and how far lists lag behind.

    `list_lag` is in seconds: what was made since is missing from `find` and `observe_all`, though
    not from `observe`. `retry_after` is what a rate-limited caller is told.
    """

    unavailable: float = 0.0
    answer_lost: float = 0.0
    rate_limited: float = 0.0
    quota: float = 0.0
    failing: float = 0.0
    list_lag: float = 0.0
    retry_after: float | None = 1.0
    scripted: tuple[Scripted, ...] = ()

    def chance(self, fault: Fault) -> float:
        """Return the probability of a fault."""
        return {
            Fault.UNAVAILABLE: self.unavailable,
            Fault.ANSWER_LOST: self.answer_lost,
            Fault.RATE_LIMITED: self.rate_limited,
            Fault.QUOTA: self.quota,
            Fault.FAILING: self.failing,
        }[fault]


def possible(fault: Fault, call: str) -> bool:
    """Return whether a call can go wrong in that way."""
    if fault in {Fault.QUOTA, Fault.FAILING}:
        return call == "create"
    return call in WRITES if fault is Fault.ANSWER_LOST else True


class Injector:
    """Decides for each call whether and how it goes wrong. Safe from several threads."""

    def __init__(self, faults: Faults, seed: int) -> None:
        self.faults = faults
        self._seed = seed
        self._lock = threading.Lock()
        self._calls: Counter[tuple[str, Kind | None, str]] = Counter()
        self._matched: Counter[int] = Counter()

    def draw(self, call: str, kind: Kind | None, name: str) -> Fault | None:
        """Return what befalls this call: a scripted fault first, else what chance says."""
        with self._lock:
            self._calls[call, kind, name] += 1
            nth = self._calls[call, kind, name]
            scripted = self._scripted(call, kind, name)
        if scripted is not None:
            return scripted
        draw = random.Random(f"{self._seed}/{call}/{kind}/{name}/{nth}")  # noqa: S311 - repeatable, not secret
        rolls = {fault: draw.random() for fault in Fault}
        return next(
            (f for f, roll in rolls.items() if roll < self.faults.chance(f) and possible(f, call)), None
        )

    def _scripted(self, call: str, kind: Kind | None, name: str) -> Fault | None:
        struck: Fault | None = None
        for index, rule in enumerate(self.faults.scripted):
            if rule.matches(call, kind, name):
                self._matched[index] += 1
                if struck is None and rule.nth <= self._matched[index] < rule.nth + rule.times:
                    struck = rule.fault
        return struck

    def before(self, fault: Fault | None) -> None:
        """Raise what stops a call before it has an effect."""
        if fault is Fault.UNAVAILABLE:
            raise Unavailable(CLOUD, "no answer (simulated fault)")
        if fault is Fault.RATE_LIMITED:
            raise RateLimited(
                CLOUD, "too many requests (simulated fault)", 429, retry_after=self.faults.retry_after
            )
        if fault is Fault.QUOTA:
            raise QuotaExceeded(CLOUD, "the account's limit is reached (simulated fault)")

    def after(self, fault: Fault | None) -> None:
        """Raise what hides an effect from the caller."""
        if fault is Fault.ANSWER_LOST:
            raise Unavailable(
                CLOUD, "the connection was lost before the answer (simulated fault)", ambiguous=True
            )
