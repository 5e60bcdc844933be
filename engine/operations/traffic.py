"""Traffic to one cloud: what all workers of a process respect together.

Three limits stand before every call: the cloud's request budget (a rate with a burst, counted
ahead), a pause that a rate limit asked for, and a circuit breaker that opens when the cloud fails
time and again. After a pause one call goes first; when it comes through, the others follow. Nobody
asks on their own account while the cloud has said to wait.
"""

import math
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Protocol, TypeVar

from ..domain.catalogue import Catalogue, Limits
from ..domain.resources import Accepted, ClusterRef, Kind, Observed, Request
from ..errors import CloudError, RateLimited, Unavailable
from ..ports import Account, Allowance, Clock, Cloud, asked_before_sending

if TYPE_CHECKING:
    from collections.abc import Iterator

_T = TypeVar("_T")

_FAILURES = 5
"""Calls in a row without an answer, by all workers together, after which the cloud counts as down."""

_FIRST_PAUSE = 2.0
_LONGEST_PAUSE = 30.0
_LONGEST_HOLD = 3600.0
"""A rate limit may ask for more than this; nobody is held longer without asking again."""

_LOOK_AGAIN = 0.25


class Teller(Protocol):
    """Told when the traffic stands still. Must not raise or wait."""

    def paused(self, error: CloudError, seconds: float) -> None:
        """Say that no call is made for so long, and why."""
        ...

    def resumed(self) -> None:
        """Say that the cloud answers again."""
        ...


@dataclass
class Traffic:
    """The state of the traffic to one cloud. Safe from several threads.

    One serves all operations of a process on one cloud. Times in seconds of `Clock.monotonic`.
    """

    _lock: Lock = field(default_factory=Lock, repr=False)
    limits: Limits = field(default_factory=Limits)
    _next_free: float = 0.0
    _until: float = 0.0
    _failures: int = 0
    _pauses: int = 0
    _standing: bool = False
    _trying: bool = False

    @property
    def silent(self) -> bool:
        """Whether the cloud is taken to be down, and nothing but a trial call goes out."""
        with self._lock:
            return self._standing and self._failures >= _FAILURES

    def shut(self, clock: Clock, patience: float) -> bool:
        """Whether nothing can be asked for longer than so many seconds, as far as can be known."""
        with self._lock:
            held = self._standing and self._until - clock.monotonic() > patience
            return held or (self._standing and self._failures >= _FAILURES)

    def limit(self, limits: Limits) -> None:
        """Keep to what the cloud allows from now on."""
        with self._lock:
            self.limits = limits

    def hands(self, wanted: int) -> int:
        """Return how many calls may run at once when so many are wanted."""
        return min(wanted, self.limits.parallel) if self.limits.parallel else wanted

    def call(
        self,
        ask: Callable[[], _T],
        clock: Clock,
        sleep: Callable[[float], None],
        teller: Teller,
        probe: Callable[[], object],
        requests: int = 1,
    ) -> _T:
        """Make a call of so many requests when its turn has come. `sleep` may raise, to stop waiting.

        `probe` is a harmless question: it goes first after the cloud was silent, so that one call that
        fails for ever is not taken for a cloud that is down.
        """
        trial = self._admit(clock, sleep, requests)
        with self._ended(trial):
            try:
                if trial and self.silent:
                    probe()
                    self._came_through(clock.monotonic())
                    teller.resumed()
                answer = ask()
            except CloudError as error:
                pause = self._answered(error, clock.monotonic())
                if pause:
                    teller.paused(error, pause)
                raise
        if self._came_through(clock.monotonic()):
            teller.resumed()
        return answer

    @contextmanager
    def _ended(self, trial: bool) -> "Iterator[None]":
        """Let the next one try, however this trial ended."""
        try:
            yield
        finally:
            if trial:
                with self._lock:
                    self._trying = False

    def _admit(self, clock: Clock, sleep: Callable[[float], None], requests: int) -> bool:
        """Wait for a turn; return whether this call is the one that tries whether the cloud answers."""
        while True:
            with self._lock:
                now = clock.monotonic()
                wait = self._until - now
                if wait <= 0 and self._standing:
                    if not self._trying:
                        self._trying = True
                        return True
                    wait = _LOOK_AGAIN
                elif wait <= 0:
                    wait = self._reserve(now, requests)
                    if wait <= 0:
                        return False
            sleep(wait)

    def _reserve(self, now: float, requests: int) -> float:
        """Take a place in the budget, or return how long there is none (a leaky bucket that is counted)."""
        rate, burst = self.limits.per_second, max(1, self.limits.burst)
        if not rate:
            return 0.0
        at = max(self._next_free, now)
        ahead = at - now - (burst - 1) / rate
        if ahead > 0:
            return ahead
        self._next_free = at + requests / rate
        return 0.0

    def _answered(self, error: CloudError, now: float) -> float:
        """Take note of a failure; return for how long everybody waits now, 0 if nobody has to."""
        with self._lock:
            if isinstance(error, RateLimited):
                asked = error.retry_after
                if asked is None or math.isnan(asked):
                    asked = _FIRST_PAUSE / 2
                pause = min(max(asked, 0.0), _LONGEST_HOLD)
            elif isinstance(error, Unavailable):
                self._failures += 1
                if self._failures < _FAILURES:
                    return 0.0
                self._pauses += 1
                pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** (self._pauses - 1))
            else:  # an answer is an answer
                self._clear(now)
                return 0.0
            already = self._until - now
            self._standing = True
            self._until = max(self._until, now + pause)
            return 0.0 if already > 0 and pause <= already + _LOOK_AGAIN else pause

    def _came_through(self, now: float) -> bool:
        with self._lock:
            stood = self._standing and self._until <= now
            if stood or not self._standing:
                self._clear(now)
            return stood

    def _clear(self, now: float) -> None:
        self._failures = self._pauses = 0
        if self._until <= now:
            self._standing = False


class Regulated:
    """A cloud whose every call goes through its `Traffic`. `sleep` is how the caller waits.

    `before_writing` is asked when a call that changes something has got its turn, and once more by the
    adapter when its request is about to leave; it may raise.
    """

    def __init__(
        self,
        cloud: Cloud,
        traffic: Traffic,
        clock: Clock,
        teller: Teller,
        sleep: Callable[[float], None] | None = None,
        before_writing: Callable[[], None] = lambda: None,
    ) -> None:
        self._cloud = cloud
        self._before_writing = before_writing
        self._traffic = traffic
        self._clock = clock
        self._sleep = sleep or clock.sleep
        self._teller = teller

    @property
    def name(self) -> str:
        """The cloud's name."""
        return self._cloud.name

    def _write(self, ask: Callable[[], _T]) -> _T:
        def unless_stopped() -> _T:
            self._before_writing()
            with asked_before_sending(self._before_writing):
                return ask()

        return self._call(unless_stopped)

    def _call(self, ask: Callable[[], _T], *, whole: bool = False) -> _T:
        requests = self._traffic.limits.requests_for_all if whole else 1
        return self._traffic.call(ask, self._clock, self._sleep, self._teller, self._cloud.account, requests)

    def account(self) -> Account:
        """Return the account."""
        return self._call(self._cloud.account)

    def catalogue(self) -> Catalogue:
        """Return what is on offer, and keep to its limits from now on."""
        found = self._call(self._cloud.catalogue, whole=True)
        self._traffic.limit(found.limits)
        return found

    def allowance(self, region: str) -> Allowance:
        """Return what may be made in a region."""
        return self._call(lambda: self._cloud.allowance(region), whole=True)

    def create(self, request: Request) -> Accepted:
        """Ask for a resource."""
        return self._write(lambda: self._cloud.create(request))

    def ready(self, kind: Kind, accepted: Accepted) -> Observed | None:
        """Ask whether a resource is usable."""
        return self._call(lambda: self._cloud.ready(kind, accepted))

    def update(self, request: Request, resource_id: str, changed: frozenset[str]) -> Accepted:
        """Change fields in place."""
        return self._write(lambda: self._cloud.update(request, resource_id, changed))

    def delete(self, kind: Kind, resource_id: str) -> None:
        """Ask for a removal."""
        self._write(lambda: self._cloud.delete(kind, resource_id))

    def observe(self, kind: Kind, resource_id: str) -> Observed | None:
        """Return one resource."""
        return self._call(lambda: self._cloud.observe(kind, resource_id))

    def find(self, request: Request) -> list[Observed]:
        """Return what has the request's name."""
        return self._call(lambda: self._cloud.find(request))

    def observe_all(self, cluster: ClusterRef) -> list[Observed]:
        """Return everything of the cluster."""
        return self._call(lambda: self._cloud.observe_all(cluster), whole=True)

    def close(self) -> None:
        """Let go of connections."""
        self._cloud.close()
