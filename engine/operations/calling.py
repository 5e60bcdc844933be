"""Calling a cloud: retries with back-off and jitter, waiting, settling calls of unknown outcome.

One place for all clouds. A retryable error is tried again after a growing, jittered delay, or after
what the cloud asked for (`Retry-After`); every wait has a deadline; nothing spins.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event as Flag
from typing import TypeVar

from ..domain.events import StepRetried
from ..domain.resources import Accepted, Kind, Observed, Request, Status
from ..errors import Busy, CloudError, Conflict, RateLimited, Rejected, ResourceMissing, TimedOut
from ..ports import Cloud
from .context import Context, legible
from .polling import Expectations
from .recording import OperationLog
from .steps import Step
from .traffic import Regulated

_T = TypeVar("_T")
_CONFLICTS = 3

_NAP = 1.0
"""How long at most nobody hears that the operation is to stop, or that something has changed."""

_SOON = 0.001
"""Not worth waiting for."""


class StoppedError(Exception):
    """Somebody asked the operation to stop while this step was waiting. Never leaves the executor.

    `ambiguous` as for a `CloudError`: a call of this step may have had its effect.
    """

    ambiguous = False


@dataclass(frozen=True)
class Made:
    """What a create call came to. `made_now` is False for something that was there before.

    `doubtful`: an earlier attempt got no answer, so there may be a second one that nobody has seen.
    """

    accepted: Accepted
    owned: bool
    made_now: bool
    name: str
    doubtful: bool = False


@dataclass
class _Doubt:
    """Whether any attempt of a call may have had its effect although it failed.

    `begun`: a part of it has, and the cloud told so. What then succeeds leaves nothing in doubt.
    """

    cast: bool = False
    begun: bool = False


@contextmanager
def _doubting() -> Iterator[_Doubt]:
    """Mark what is raised as ambiguous when any attempt was, not only the last one."""
    doubt = _Doubt()
    try:
        yield doubt
    except (CloudError, StoppedError) as error:
        error.ambiguous = error.ambiguous or doubt.cast or doubt.begun
        raise


@contextmanager
def after_effect() -> Iterator[None]:
    """Mark what is raised as ambiguous: the call itself had its effect."""
    try:
        yield
    except (CloudError, StoppedError) as error:
        error.ambiguous = True
        raise


def delay_before(attempt: int, error: CloudError, context: Context) -> float:
    """Return the seconds to wait before attempt `attempt` + 1 (the first is 1).

    Exponential with jitter over the upper half; never shorter than what the cloud asked for.
    """
    pace = context.pace
    # what is busy takes seconds, and the others who wait for it take turns
    longest = 4 * pace.first_delay if isinstance(error, Busy) else pace.longest_delay
    ceiling = min(longest, pace.first_delay * 2.0 ** (attempt - 1))
    delay = context.random.uniform(ceiling / 2, ceiling)
    if isinstance(error, RateLimited) and error.retry_after is not None:
        # everybody was told the same moment: spread out behind it
        delay = max(0.0, error.retry_after) + context.random.uniform(0.0, pace.first_delay)
    return delay


def patience(
    error: CloudError, attempt: int, started: float, context: Context, *, even_if: bool = False
) -> float:
    """Return the seconds to wait before the next attempt, or raise the error when there is no point in one.

    What is rate limited, busy, or worth waiting for (`even_if`), is tried until the deadline, and so is
    everything while the cloud as a whole is silent; the rest a few times.
    """
    wait = delay_before(attempt, error, context)
    late = context.clock.monotonic() - started + wait > context.pace.deadline
    patient = even_if or isinstance(error, Busy | RateLimited) or context.traffic.silent
    tired = attempt >= context.pace.attempts and not patient
    if late or tired or not (error.retryable or even_if):
        raise error
    return wait


def reading(call: Callable[[], _T], context: Context, sleep: Callable[[float], None] | None = None) -> _T:
    """Make a call that changes nothing, with retries. Raises the last `CloudError`."""
    attempt = 0
    started = context.clock.monotonic()
    while True:
        attempt += 1
        try:
            return call()
        except CloudError as error:
            wait = patience(error, attempt, started, context)
            context.progress.asking_again(error, attempt, wait)
        (sleep or context.clock.sleep)(wait)


def regulated(cloud: Cloud, context: Context) -> Regulated:
    """Return the cloud as one that keeps to its traffic's limits, for questions before an operation."""
    return Regulated(cloud, context.traffic, context.clock, context.progress)


class Caller:
    """Makes one operation's calls and writes down what came of them."""

    def __init__(
        self,
        cloud: Cloud,
        log: OperationLog,
        context: Context,
        stop: Flag,
        nameless: frozenset[Kind] = frozenset(),
    ) -> None:
        self.cloud = Regulated(
            cloud, context.traffic, context.clock, context.progress, self.sleep, self._fence
        )
        self._expect = Expectations(context.pace.first_poll, context.pace.longest_poll)
        self._expect_gone = Expectations(context.pace.first_poll, context.pace.longest_poll)
        self.nameless = nameless
        self._log = log
        self._context = context
        self._stop = stop

    def _fence(self) -> None:
        """Let nothing be changed at the cloud by an operation that has lost its cluster."""
        if not self._log.ours():
            raise StoppedError

    def create(self, step: Step, request: Request) -> Made:
        """Create a resource once, whatever the network does.

        A call whose outcome is unknown, and a conflict, are settled by looking for the deterministic
        name; what is found is taken, never made twice. Raises `CloudError`, `ambiguous` if nobody knows.
        """
        attempt = 0
        started = self._context.clock.monotonic()
        with _doubting() as doubt:
            while True:
                attempt += 1
                try:
                    accepted = self.cloud.create(request)
                except Conflict as error:
                    doubt.begun = doubt.begun or error.ambiguous
                    found = self._existing(request, made_now=doubt.cast)
                    if found is not None:
                        return found
                    # the name may still belong to something that is being removed; give it a moment
                    self._retry(step, error, attempt, started, even_if=attempt < _CONFLICTS)
                except CloudError as error:
                    doubt.cast = doubt.cast or error.ambiguous
                    if error.ambiguous and step.key.kind in self.nameless:
                        raise  # asking again might make a second one that nobody ever finds
                    found = self._look(request) if error.ambiguous else None
                    if found is not None:
                        return found
                    self._retry(step, error, attempt, started)
                else:
                    return Made(accepted, owned=True, made_now=True, name=request.name, doubtful=doubt.cast)

    def _existing(self, request: Request, *, made_now: bool) -> Made | None:
        """Return what stands in the way, as something to use; ours if it has our name."""
        seen = self.found(request)
        usable = [item for item in seen if item.status not in {Status.DELETING, Status.FAILED}]
        for item in sorted(usable, key=lambda item: (item.name != request.name, item.id)):
            ours = item.name == request.name
            return Made(
                Accepted(id=item.id),
                owned=ours,
                made_now=ours and made_now,
                name=item.name,
                doubtful=ours and made_now,
            )
        return None

    def found(self, request: Request) -> list[Observed]:
        """Return what the cloud finds under the request's name. Raises `CloudError`."""
        return reading(lambda: self.cloud.find(request), self._context, self.sleep)

    def _look(self, request: Request) -> Made | None:
        """Look several times: lists lag behind, and one absence proves nothing."""
        for _ in self._looks():
            found = self._existing(request, made_now=True)
            if found is not None and found.owned:
                return found
        return None

    def _looks(self) -> Iterator[None]:
        """Count the looks, with growing pauses between them."""
        for look in range(self._context.pace.looks):
            if look:
                self.sleep(self._context.pace.first_delay * 2.0 ** (look - 1))
            yield

    def change(self, step: Step, call: Callable[[], _T]) -> _T:
        """Make a call that may safely be made twice."""
        attempt = 0
        started = self._context.clock.monotonic()
        with _doubting() as doubt:
            while True:
                attempt += 1
                try:
                    return call()
                except CloudError as error:
                    doubt.cast = doubt.cast or error.ambiguous
                    self._retry(step, error, attempt, started)

    def delete(self, step: Step, kind: Kind, resource_id: str) -> None:
        """Ask for removal; gone already is fine, in use is tried again until the deadline."""
        attempt = 0
        started = self._context.clock.monotonic()
        with _doubting() as doubt:
            while True:
                attempt += 1
                try:
                    self.cloud.delete(kind, resource_id)
                except ResourceMissing:
                    return
                except CloudError as error:
                    doubt.cast = doubt.cast or error.ambiguous
                    self._retry(step, error, attempt, started, even_if=isinstance(error, Conflict))
                else:
                    return

    def until_ready(self, step: Step, kind: Kind, accepted: Accepted) -> Observed:
        """Wait until a resource is usable. Raises `Rejected`, `TimedOut`."""

        def look() -> Observed | None:
            try:
                return self.cloud.ready(kind, accepted)
            except ResourceMissing as error:
                raise Rejected(
                    error.cloud, f"it vanished while it was being made: {error.message}", error.status
                ) from error

        return self._poll(step, look, "is not ready", self._expect)

    def until_gone(self, step: Step, kind: Kind, resource_id: str) -> None:
        """Wait until a resource is gone. Raises `TimedOut`."""
        self._poll(
            step,
            lambda: None if self.cloud.observe(kind, resource_id) else True,
            "is still there",
            self._expect_gone,
        )

    def _poll(self, step: Step, look: Callable[[], _T | None], problem: str, expect: Expectations) -> _T:
        pace, clock = self._context.pace, self._context.clock
        started, attempt, looks, unready = clock.monotonic(), 0, 0, 0.0
        while True:
            try:
                found = look()
                attempt = 0
            except CloudError as error:
                attempt += 1
                self._retry(step, error, attempt, started)
                continue
            waited = clock.monotonic() - started
            if found is not None:
                if looks:  # what is there at once says nothing about how long it takes
                    expect.took(step.key.kind, waited, unready)
                return found
            if waited > pace.deadline:
                raise TimedOut(self.cloud.name, f"{step.key} {problem} after {pace.deadline:.0f} seconds")
            looks, unready = looks + 1, waited
            # asked again while waiting: one of the others may have shown meanwhile that it is time
            while (
                left := waited + expect.pause(step.key.kind, waited) - clock.monotonic() + started
            ) > _SOON:
                self.sleep(min(left, _NAP))

    def _retry(
        self, step: Step, error: CloudError, attempt: int, started: float, *, even_if: bool = False
    ) -> None:
        """Wait before the next attempt, or raise the error when there is no point in one."""
        context = self._context
        wait = patience(error, attempt, started, context, even_if=even_if)
        self._log.append(
            StepRetried(
                step=step.id,
                attempt=attempt,
                error=type(error).__name__,
                message=legible(error.message),
                wait_ms=int(wait * 1000),
                # of what is busy the cloud tells what is there: nothing of it may be there twice
                ambiguous=error.ambiguous and not isinstance(error, Busy),
            )
        )
        context.progress.retrying(step, error, attempt, wait)
        self.sleep(wait)

    def sleep(self, seconds: float) -> None:
        """Wait in short naps, so that a request to stop is heard."""
        left = seconds
        while left > 0:
            if self._stop.is_set():
                raise StoppedError
            nap = min(left, _NAP)
            self._context.clock.sleep(nap)
            self._log.renew()  # who waits has the cluster all the same
            left -= nap
        if self._stop.is_set():
            raise StoppedError
