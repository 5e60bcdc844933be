"""Traffic: one budget, one pause and one breaker for everybody who calls the same cloud."""

import math
from collections.abc import Callable

import pytest

from kubisnap.adapters.testing import ManualClock
from kubisnap.engine.domain.catalogue import Limits
from kubisnap.engine.errors import CloudError, Conflict, RateLimited, Unavailable
from kubisnap.engine.operations.traffic import Traffic

SILENT = Unavailable("acme", "no answer")


class Street:
    """A cloud that is asked through one traffic, and what was told meanwhile."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.clock = ManualClock()
        self.traffic = Traffic(limits=limits or Limits())
        self.told: list[str] = []
        self.probes = 0
        self.probing: Callable[[], object] = lambda: None
        self.asleep: Callable[[], None] = lambda: None
        self._start = self.clock.monotonic()

    @property
    def seconds(self) -> float:
        return self.clock.monotonic() - self._start

    def paused(self, _: CloudError, seconds: float) -> None:
        self.told.append(f"paused {seconds:g}")

    def resumed(self) -> None:
        self.told.append("resumed")

    def call(self, what: CloudError | Callable[[], str] | None = None, requests: int = 1) -> str:
        def ask() -> str:
            if isinstance(what, CloudError):
                raise what
            return "answer" if what is None else what()

        def sleep(seconds: float) -> None:
            self.asleep()
            self.clock.sleep(seconds)

        def probe() -> None:
            self.probes += 1
            self.probing()

        return self.traffic.call(ask, self.clock, sleep, self, probe, requests)

    def failing(self, error: CloudError, times: int = 1) -> None:
        for _ in range(times):
            with pytest.raises(type(error)):
                self.call(error)


# ── the budget ───────────────────────────────────────────────────────────────────────────────────


def test_without_limits_nobody_waits() -> None:
    street = Street()
    for _ in range(1000):
        assert street.call() == "answer"
    assert street.seconds == 0


def test_a_burst_goes_at_once_and_the_rest_at_the_rate() -> None:
    street = Street(Limits(per_second=2.0, burst=10))
    for _ in range(10):
        street.call()
    assert street.seconds == 0
    for _ in range(20):
        street.call()
    assert street.seconds == pytest.approx(10.0)


def test_a_quiet_time_gives_the_burst_back() -> None:
    street = Street(Limits(per_second=2.0, burst=10))
    for _ in range(10):
        street.call()
    street.clock.sleep(60.0)
    for _ in range(10):
        street.call()
    assert street.seconds == pytest.approx(60.0)


def test_a_call_that_stands_for_many_requests_takes_the_place_of_many() -> None:
    street = Street(Limits(per_second=1.0, burst=8))
    street.call(requests=8)
    street.call()
    assert street.seconds == pytest.approx(1.0)


def test_no_more_hands_than_the_cloud_puts_up_with() -> None:
    assert Street(Limits(parallel=4)).traffic.hands(16) == 4
    assert Street(Limits(parallel=4)).traffic.hands(2) == 2
    assert Street().traffic.hands(16) == 16


# ── rate limits ──────────────────────────────────────────────────────────────────────────────────


def test_what_one_worker_is_told_to_wait_all_wait() -> None:
    street = Street()
    street.failing(RateLimited("acme", "slow", 429, retry_after=30.0))
    assert street.call() == "answer"
    assert street.seconds == pytest.approx(30.0)
    assert street.told == ["paused 30", "resumed"]


def test_a_longer_pause_counts_and_a_shorter_one_does_not() -> None:
    street = Street()
    street.failing(RateLimited("acme", "slow", 429, retry_after=30.0))
    street.traffic._answered(RateLimited("acme", "slow", 429, retry_after=5.0), street.clock.monotonic())
    street.traffic._answered(RateLimited("acme", "slow", 429, retry_after=50.0), street.clock.monotonic())
    street.call()
    assert street.seconds == pytest.approx(50.0)


@pytest.mark.parametrize(
    ("asked", "waited"), [(None, 1.0), (math.nan, 1.0), (-5.0, 0.0), (math.inf, 3600.0), (1e9, 3600.0)]
)
def test_a_nonsensical_time_is_waited_sensibly(asked: float | None, waited: float) -> None:
    street = Street()
    street.failing(RateLimited("acme", "slow", 429, retry_after=asked))
    street.call()
    assert street.seconds == pytest.approx(waited)


def test_after_a_pause_one_goes_first_and_the_others_only_when_it_came_through() -> None:
    street = Street()
    street.failing(RateLimited("acme", "slow", 429, retry_after=10.0))
    order: list[str] = []

    def first() -> str:
        assert street.seconds == pytest.approx(10.0)

        def late() -> None:
            order.append("the second waits")
            raise InterruptedError

        street.asleep = late
        with pytest.raises(InterruptedError):
            street.call()
        street.asleep = lambda: None
        order.append("the first is answered")
        return "first"

    assert street.call(first) == "first"
    assert street.call() == "answer"
    assert order == ["the second waits", "the first is answered"]
    assert street.seconds == pytest.approx(10.0)


def test_a_trial_that_is_stopped_lets_the_next_one_try() -> None:
    street = Street()
    street.failing(RateLimited("acme", "slow", 429, retry_after=1.0))

    def stopped() -> str:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        street.call(stopped)
    assert street.call() == "answer"


# ── the breaker ──────────────────────────────────────────────────────────────────────────────────


def test_a_few_failures_pause_nobody() -> None:
    street = Street()
    street.failing(SILENT, 4)
    street.call()
    street.failing(SILENT, 4)
    assert (street.seconds, street.told, street.traffic.silent) == (0, [], False)


def test_many_failures_in_a_row_pause_everybody_longer_and_longer() -> None:
    street = Street()
    street.failing(SILENT, 5)
    assert street.traffic.silent
    street.probing = lambda: (_ for _ in ()).throw(SILENT)  # it stays silent
    street.failing(SILENT, 6)
    assert street.told == [f"paused {seconds}" for seconds in (2, 4, 8, 16, 30, 30, 30)]
    assert street.probes == 6


def test_an_answer_of_any_kind_closes_the_breaker() -> None:
    street = Street()
    street.failing(SILENT, 5)
    street.failing(Conflict("acme", "in use", 409))
    assert not street.traffic.silent
    assert street.told == ["paused 2", "resumed"]


def test_a_harmless_question_goes_first_so_that_one_call_that_always_fails_is_not_an_outage() -> None:
    street = Street()
    for _ in range(6):
        street.failing(SILENT, 5)
        assert street.call() == "answer"
        assert not street.traffic.silent
    assert street.probes == 6


def test_it_is_known_when_nothing_can_be_asked_for_long() -> None:
    street = Street()
    assert not street.traffic.shut(street.clock, 600.0)
    street.failing(RateLimited("acme", "slow", 429, retry_after=700.0))
    assert street.traffic.shut(street.clock, 600.0)
    assert not street.traffic.shut(street.clock, 800.0)
