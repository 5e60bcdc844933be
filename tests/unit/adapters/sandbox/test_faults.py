"""What can be made to go wrong, and that it goes wrong alike each time."""

import random
from collections.abc import Callable

import pytest

from kubisnap.adapters.sandbox import Fault, Faults, Sandbox, Scripted
from kubisnap.adapters.sandbox.faults import Injector
from kubisnap.adapters.testing import Bench, ManualClock, new_cluster
from kubisnap.adapters.testing.bench import FIREWALL, SERVER, VOLUME
from kubisnap.engine.domain.model import Role
from kubisnap.engine.domain.resources import Firewall, Key, Kind, Status
from kubisnap.engine.errors import QuotaExceeded, RateLimited, Rejected, Unavailable

Opener = Callable[..., Sandbox]


def scripted(fault: Fault, call: str = "create", *, nth: int = 1, times: int = 1, name: str = "") -> Faults:
    return Faults(scripted=(Scripted(fault=fault, call=call, nth=nth, times=times, name=name),))


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.UNAVAILABLE, Unavailable),
        (Fault.RATE_LIMITED, RateLimited),
        (Fault.QUOTA, QuotaExceeded),
    ],
)
def test_some_faults_strike_before_anything_happens(
    sandbox: Sandbox, bench: Bench, fault: Fault, error: type[Exception]
) -> None:
    sandbox.inject(scripted(fault))
    with pytest.raises(error, match="simulated fault"):
        bench.ask(bench.request(VOLUME))
    assert sandbox.inventory() == {}
    bench.make(VOLUME)


def test_a_lost_answer_hides_what_did_happen(sandbox: Sandbox, bench: Bench) -> None:
    sandbox.inject(scripted(Fault.ANSWER_LOST))
    with pytest.raises(Unavailable) as caught:
        bench.ask(bench.request(VOLUME))
    assert caught.value.ambiguous
    assert len(sandbox.find(bench.request(VOLUME))) == 1


def test_an_answer_to_a_change_gets_lost_too(sandbox: Sandbox, bench: Bench) -> None:
    seen = bench.make(FIREWALL)
    sandbox.inject(scripted(Fault.ANSWER_LOST, "update"))
    request = bench.request(FIREWALL, Firewall(role=Role.WORKER))
    with pytest.raises(Unavailable) as caught:
        sandbox.update(request, seen.id, frozenset({"rules"}))
    assert caught.value.ambiguous
    changed = sandbox.observe(Kind.FIREWALL, seen.id)
    assert changed is not None
    assert changed.properties["rules"] == ()


def test_an_answer_to_a_removal_gets_lost_too(sandbox: Sandbox, bench: Bench) -> None:
    seen = bench.make(FIREWALL)
    sandbox.inject(scripted(Fault.ANSWER_LOST, "delete"))
    with pytest.raises(Unavailable) as caught:
        sandbox.delete(Kind.FIREWALL, seen.id)
    assert caught.value.ambiguous
    assert sandbox.observe(Kind.FIREWALL, seen.id) is None


def test_a_look_that_fails_is_not_ambiguous(sandbox: Sandbox) -> None:
    sandbox.inject(scripted(Fault.UNAVAILABLE, "observe_all"))
    sandbox.account()
    with pytest.raises(Unavailable) as caught:
        sandbox.observe_all(new_cluster())
    assert not caught.value.ambiguous


def test_a_rate_limit_says_when_to_come_back(sandbox: Sandbox, bench: Bench) -> None:
    sandbox.inject(Faults(rate_limited=1.0, retry_after=7.5))
    with pytest.raises(RateLimited) as caught:
        bench.ask(bench.request(VOLUME))
    assert caught.value.retry_after == 7.5


def test_the_cloud_gives_up_on_a_resource(slow_bench: Bench, slow: Sandbox, clock: ManualClock) -> None:
    slow_bench.need(Kind.SERVER)
    slow.inject(scripted(Fault.FAILING))
    accepted = slow_bench.ask(slow_bench.request(SERVER))
    assert slow.ready(Kind.SERVER, accepted) is None
    clock.sleep(60)
    with pytest.raises(Rejected, match="could not be made"):
        slow.ready(Kind.SERVER, accepted)
    seen = slow.observe(Kind.SERVER, accepted.id)
    assert seen is not None
    assert seen.status is Status.FAILED
    slow_bench.remove(Kind.SERVER, accepted.id)


def test_lists_lag_behind_and_looking_by_id_does_not(
    sandbox: Sandbox, bench: Bench, clock: ManualClock
) -> None:
    sandbox.inject(Faults(list_lag=3.0))
    seen = bench.make(VOLUME)
    request = bench.request(VOLUME)
    assert sandbox.observe(Kind.VOLUME, seen.id) == seen
    clock.sleep(2.9)
    assert sandbox.find(request) == []
    assert (Kind.VOLUME, seen.id) not in bench.listed()
    clock.sleep(0.2)
    assert sandbox.find(request) == [seen]
    assert (Kind.VOLUME, seen.id) in bench.listed()


def test_a_script_strikes_at_the_calls_it_names(sandbox: Sandbox, bench: Bench) -> None:
    sandbox.inject(scripted(Fault.UNAVAILABLE, name="-data-", nth=2, times=2))
    outcomes = []
    for name in ("data", "logs", "data", "data", "data", "logs"):
        try:
            volume = bench.make(Key(Kind.VOLUME, name))
        except Unavailable:
            outcomes.append("no")
        else:
            sandbox.delete(Kind.VOLUME, volume.id)
            outcomes.append("yes")
    assert outcomes == ["yes", "yes", "no", "no", "yes", "yes"]


def test_a_script_may_be_for_one_kind_only(sandbox: Sandbox, bench: Bench) -> None:
    sandbox.inject(Faults(scripted=(Scripted(fault=Fault.UNAVAILABLE, kind=Kind.FIREWALL, times=9),)))
    bench.make(VOLUME)
    with pytest.raises(Unavailable):
        bench.ask(bench.request(FIREWALL))


def test_a_new_injection_forgets_the_old_one(sandbox: Sandbox, bench: Bench) -> None:
    sandbox.inject(Faults(unavailable=1.0))
    with pytest.raises(Unavailable):
        bench.ask(bench.request(VOLUME))
    sandbox.inject(Faults())
    bench.make(VOLUME)


CALLS = [("create", Kind.SERVER, f"web-workers-{number}") for number in range(40)] * 3


def _struck(injector: Injector, calls: list[tuple[str, Kind, str]]) -> dict[str, list[Fault | None]]:
    struck: dict[str, list[Fault | None]] = {}
    for call, kind, name in calls:
        struck.setdefault(name, []).append(injector.draw(call, kind, name))
    return struck


def test_chance_does_not_depend_on_the_order_of_calls() -> None:
    faults = Faults(unavailable=0.2, answer_lost=0.2, failing=0.1)
    shuffled = CALLS.copy()
    random.Random(3).shuffle(shuffled)
    assert _struck(Injector(faults, 1), CALLS) == _struck(Injector(faults, 1), shuffled)
    assert _struck(Injector(faults, 1), CALLS) != _struck(Injector(faults, 2), CALLS)


def test_chance_is_about_as_likely_as_it_is_said_to_be() -> None:
    injector = Injector(Faults(unavailable=0.25), 5)
    struck = [injector.draw("observe", Kind.SERVER, f"srv-{number}") for number in range(2000)]
    assert 400 < struck.count(Fault.UNAVAILABLE) < 600


def test_only_what_can_happen_to_a_call_happens() -> None:
    injector = Injector(Faults(answer_lost=1.0, quota=1.0, failing=1.0), 0)
    assert injector.draw("observe", Kind.SERVER, "srv") is None
    assert injector.draw("delete", Kind.SERVER, "srv") is Fault.ANSWER_LOST


def test_a_seeded_sandbox_is_used_as_any_other(opened: Opener, bench_on: Callable[[Sandbox], Bench]) -> None:
    bench = bench_on(opened(seed=3, faults=Faults(unavailable=0.5)))
    refused = 0
    for number in range(40):
        try:
            bench.ask(bench.request(Key(Kind.VOLUME, f"v-{number}")))
        except Unavailable:
            refused += 1
    assert 8 < refused < 32
