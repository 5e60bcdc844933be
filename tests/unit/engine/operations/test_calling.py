"""Retries, waits and answers that never came; all times are the fake clock's."""

import math
import random
from collections.abc import Callable
from itertools import pairwise

import msgspec
import pytest

from kubisnap.adapters.sandbox import Fault, Faults, Scripted
from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.resources import ClusterRef, Key, Kind, Request, Status, provider_name
from kubisnap.engine.errors import (
    Busy,
    CloudError,
    CloudSilent,
    Conflict,
    Denied,
    QuotaExceeded,
    RateLimited,
    Rejected,
    ResourceMissing,
    TimedOut,
    Unavailable,
)
from kubisnap.engine.operations.calling import delay_before, reading
from kubisnap.engine.operations.context import Pace
from tests.unit.engine.world import World, spec

AWAY = Unavailable("sandbox", "no answer")
LOST = Unavailable("sandbox", "the answer was lost", ambiguous=True)
NETWORK = Key(Kind.NETWORK, "main")


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    """One step at a time, so that the clock moves for one reason at a time."""
    return new_world(parallel=1)


def times_of(world: World, method: str, kind: Kind) -> list[float]:
    """Note the clock at each call of a kind; the list fills while the operation runs."""
    times: list[float] = []

    def watch(called: str, what: Kind | None, _: str) -> None:
        if (called, what) == (method, kind):
            times.append(world.clock.now())

    world.cloud.watch = watch
    return times


def gaps(times: list[float]) -> list[float]:
    return [after - before for before, after in pairwise(times)]


def retries(world: World) -> list[ev.StepRetried]:
    return world.events(ev.StepRetried)


# ── retrying ─────────────────────────────────────────────────────────────────────────────────


def test_what_may_pass_is_tried_again_ever_later(world: World) -> None:
    times = times_of(world, "create", Kind.NETWORK)
    world.cloud.on("create", Kind.NETWORK, before=AWAY, times=5)
    world.create(spec(rich=False))
    waited = gaps(times)
    assert len(waited) == 5
    for wait, ceiling in zip(waited, (1, 2, 4, 8, 16), strict=True):
        assert ceiling / 2 <= wait <= ceiling + 1e-6
    assert [(item.attempt, item.error) for item in retries(world)] == [
        (n, "Unavailable") for n in range(1, 6)
    ]
    assert [item.wait_ms / 1000 for item in retries(world)] == pytest.approx(waited, abs=0.002)
    world.assert_converged()


def test_waits_are_jittered_and_have_a_ceiling(world: World) -> None:
    context = world.context(random=random.Random(7))
    for attempt in range(1, 60):
        ceiling = min(30.0, 2.0 ** (attempt - 1))
        waits = {delay_before(attempt, AWAY, context) for _ in range(20)}
        assert len(waits) == 20, "everybody would come back at the same moment"
        assert all(ceiling / 2 <= wait <= ceiling for wait in waits)


def test_patience_ends_and_the_last_error_is_told(world: World) -> None:
    world.cloud.on("create", Kind.NETWORK, before=AWAY, times=99)
    failed = world.failing(lambda: world.create(spec(rich=False)))
    assert isinstance(failed.cause, Unavailable)
    assert failed.step == "network/main"
    assert world.cloud.count("create", provider_name(world.state().ref, NETWORK)) == world.pace.attempts


@pytest.mark.parametrize(
    "error",
    [
        Rejected("sandbox", "no", 422),
        Denied("sandbox", "no", 401),
        QuotaExceeded("sandbox", "no", 403),
        ResourceMissing("sandbox", "no", 404),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_will_not_pass_is_tried_once(world: World, error: CloudError) -> None:
    world.cloud.on("create", Kind.NETWORK, before=error, times=99)
    before = world.clock.now()
    failed = world.failing(lambda: world.create(spec(rich=False)))
    assert type(failed.cause) is type(error)
    assert world.cloud.count("create", provider_name(world.state().ref, NETWORK)) == 1
    assert retries(world) == []
    assert world.clock.now() - before < 5


def test_the_cloud_says_when_to_come_back(world: World) -> None:
    times = times_of(world, "create", Kind.NETWORK)
    world.cloud.on(
        "create", Kind.NETWORK, before=RateLimited("sandbox", "slow", 429, retry_after=42.0), times=3
    )
    world.create(spec(rich=False))
    assert all(42.0 <= wait <= 43.01 for wait in gaps(times))
    assert len(set(gaps(times))) == 3, "spread out behind the moment that everybody was told"


def test_a_limit_on_requests_is_waited_out_for_longer_than_a_failure(world: World) -> None:
    limited = RateLimited("sandbox", "slow", 429, retry_after=1.0)
    world.cloud.on("create", Kind.NETWORK, before=limited, times=20)
    world.create(spec(rich=False))
    assert len(retries(world)) == 20


@pytest.mark.parametrize("call", ["create", "delete"])
def test_what_is_busy_is_asked_for_again_for_longer_than_a_failure(world: World, call: str) -> None:
    if call == "delete":
        world.create(spec(rich=False))
    busy = Busy("sandbox", "it is being changed", 409)
    world.cloud.on(call, Kind.NETWORK, before=busy, times=20)
    times = times_of(world, call, Kind.NETWORK)
    if call == "delete":
        world.delete()
    else:
        world.create(spec(rich=False))
    assert len(retries(world)) == 20
    assert max(gaps(times)) <= 4.01, "those who wait for the same thing take turns"


def test_what_was_half_made_and_then_whole_leaves_nothing_in_doubt(world: World) -> None:
    busy = Busy("sandbox", "one of two is made", 409, ambiguous=True)
    world.cloud.on("create", Kind.NETWORK, before=busy, times=3)
    world.create(spec(rich=False))
    name = provider_name(world.state().ref, NETWORK)
    looked = world.cloud.count("find", name)
    assert looked == 3, "once after each, for what may stand in the way"
    assert [retry.ambiguous for retry in retries(world)] == [False] * 3, "nothing to settle at the end"


def test_what_was_half_made_when_it_was_busy_may_be_there(world: World) -> None:
    busy = Busy("sandbox", "one of two is made", 409, ambiguous=True)
    world.cloud.on("create", Kind.NETWORK, before=busy)
    world.cloud.on("create", Kind.NETWORK, before=Rejected("sandbox", "no", 400), nth=2)
    failed = world.failing(lambda: world.create(spec(rich=False)))
    assert isinstance(failed.cause, Rejected)
    assert failed.cause.ambiguous


def test_a_limit_without_a_time_is_waited_out_like_a_failure(world: World) -> None:
    times = times_of(world, "create", Kind.NETWORK)
    world.cloud.on("create", Kind.NETWORK, before=RateLimited("sandbox", "slow", 429), times=2)
    world.create(spec(rich=False))
    assert [0.5 <= wait <= 2.01 for wait in gaps(times)] == [True, True]


def test_a_time_beyond_the_deadline_is_not_waited_for(world: World) -> None:
    world.cloud.on("create", Kind.NETWORK, before=RateLimited("sandbox", "slow", 429, retry_after=3600.0))
    before = world.clock.now()
    with pytest.raises(CloudSilent) as caught:  # nothing could be taken back either
        world.create(spec(rich=False))
    assert isinstance(caught.value.cause, RateLimited)
    assert world.clock.now() - before < 10
    assert world.last_outcome().outcome is ev.Outcome.INTERRUPTED


@pytest.mark.parametrize("nonsense", [-5.0, math.nan, 0.0, -math.inf])
def test_a_time_that_makes_no_sense_does_not_spin(world: World, nonsense: float) -> None:
    limited = RateLimited("sandbox", "slow", 429, retry_after=nonsense)
    context = world.context()
    waits = [delay_before(1, limited, context) for _ in range(50)]
    assert all(0.0 <= wait <= 1.0 for wait in waits)
    assert sum(waits) > 5.0


def test_a_message_of_any_length_and_letters_is_written_down(world: World) -> None:
    world.cloud.on("create", Kind.NETWORK, before=Unavailable("sandbox", "\ud800" + "x" * 10**6), times=99)
    world.failing(lambda: world.create(spec(rich=False)))
    assert retries(world)[0].message.startswith("?xxx")
    assert len(world.events(ev.StepFailed)[0].message) < 20_000
    assert len(world.last_outcome().error) < 20_000


# ── reading ──────────────────────────────────────────────────────────────────────────────────


def test_looking_is_retried_before_anything_is_planned(world: World) -> None:
    world.cloud.on("catalogue", before=AWAY, times=5)
    world.cloud.on("account", before=AWAY, times=5)
    world.create(spec(rich=False))
    world.cloud.on("observe_all", before=AWAY, times=5)
    assert world.prepare_apply().empty


def test_looking_gives_up_with_the_last_error(world: World) -> None:
    world.cloud.on("catalogue", before=AWAY, times=6)
    with pytest.raises(Unavailable):
        world.prepare_create()
    assert world.cloud.count("catalogue") == 6


def test_looking_does_not_wait_beyond_the_deadline(world: World) -> None:
    world.cloud.on("catalogue", before=RateLimited("sandbox", "slow", 429, retry_after=7200.0), times=9)
    before = world.clock.now()
    with pytest.raises(RateLimited):
        world.prepare_create()
    assert world.clock.now() - before < 1


def test_looking_is_not_repeated_where_that_is_no_use(world: World) -> None:
    world.cloud.on("account", before=Denied("sandbox", "no"), times=9)
    with pytest.raises(Denied):
        world.prepare_create()
    assert world.cloud.count("account") == 1


def test_reading_returns_what_the_call_returns(world: World) -> None:
    assert reading(lambda: 5, world.context()) == 5


# ── waiting ──────────────────────────────────────────────────────────────────────────────────


def test_resources_are_waited_for_with_growing_pauses(new_world: Callable[..., World]) -> None:
    world = new_world(latency=1.0, parallel=1)
    times = times_of(world, "ready", Kind.SERVER)
    world.create(spec(workers=0, rich=False))
    assert gaps(times)[:5] == pytest.approx([0.25, 0.375, 0.5625, 0.84375, 1.265625], abs=0.001)
    assert max(gaps(times)) <= 5.001
    world.assert_converged()


def test_a_resource_that_never_becomes_ready_times_out(new_world: Callable[..., World]) -> None:
    world = new_world(latency=10_000.0, parallel=1)
    before, started = world.dump(), world.clock.now()
    failed = world.failing(lambda: world.create(spec(rich=False)))
    assert isinstance(failed.cause, TimedOut)
    assert 600 <= world.clock.now() - started < 700
    world.clock.sleep(1e6)
    assert world.dump() == before


def test_a_resource_that_vanishes_while_it_is_made_is_a_failure(world: World) -> None:
    world.cloud.on("ready", Kind.NETWORK, before=ResourceMissing("sandbox", "gone", 404))
    before = world.dump()
    failed = world.failing(lambda: world.create(spec(rich=False)))
    assert "vanished" in str(failed)
    assert world.dump() == before


def test_waiting_survives_a_cloud_that_is_away_for_a_moment(world: World) -> None:
    world.cloud.on("ready", Kind.NETWORK, before=AWAY, times=5)
    world.create(spec(rich=False))
    assert world.cloud.count("create", provider_name(world.state().ref, NETWORK)) == 1
    world.assert_converged()


def test_a_cloud_that_is_away_now_and_then_is_waited_for(new_world: Callable[..., World]) -> None:
    """Patience is for failures in a row."""
    world = new_world(latency=10.0, parallel=1)
    for nth in range(2, 40, 2):
        world.cloud.on("ready", Kind.SERVER, nth=nth, before=AWAY)
    world.create(spec(rich=False))
    assert len(retries(world)) > 2 * world.pace.attempts
    world.assert_converged()


def test_what_is_in_use_is_asked_again_until_the_deadline(world: World) -> None:
    """Clouds hold a network for minutes after its last server is gone."""
    world.create(spec(rich=False))
    world.cloud.on("delete", Kind.NETWORK, before=Conflict("sandbox", "in use", 409), times=15)
    world.delete()
    assert world.dump() == []
    assert len(retries(world)) == 15


def test_what_stays_in_use_is_told_after_the_deadline(world: World) -> None:
    world.create(spec(rich=False))
    started = world.clock.now()
    world.cloud.on("delete", Kind.NETWORK, before=Conflict("sandbox", "in use", 409), times=10_000)
    failed = world.failing(world.delete)
    assert isinstance(failed.cause, Conflict)
    assert 500 < world.clock.now() - started <= 610
    world.mend()
    world.delete()
    assert world.dump() == []


# ── answers that never came ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", sorted(set(Kind) - {Kind.LOAD_BALANCER_MEMBER}))
@pytest.mark.parametrize("lag", [0.0, 5.0])
def test_a_lost_answer_is_looked_for_and_never_asked_twice(world: World, kind: Kind, lag: float) -> None:
    """Also when lists lag behind by a few seconds."""
    world.sandbox.inject(Faults(list_lag=lag))
    world.cloud.on("create", kind, after=LOST, times=99)
    world.create()
    keys = [item.key for item in world.desired() if item.key.kind is kind]
    assert keys
    for key in keys:
        assert world.cloud.count("create", provider_name(world.state().ref, key), kind) == 1
    world.mend()
    world.assert_converged()
    assert not [event for event in world.events(ev.ResourceProvisioned) if event.adopted]


def test_a_lost_answer_that_lists_hide_for_long_is_settled_by_the_next_apply(world: World) -> None:
    """Servers may have the same name: when nobody can see the first, there will be two for a while."""
    world.sandbox.inject(Faults(list_lag=300.0))
    world.cloud.on("create", Kind.SERVER, after=LOST)
    world.create(spec(rich=False))
    world.mend()
    world.clock.sleep(300.0)
    names = [item["name"] for item in world.dump() if item["kind"] == "server"]
    assert len(names) == len(set(names)) + 1
    world.apply()
    world.assert_converged()


@pytest.mark.parametrize("lost", [1, 2])
def test_of_such_a_pair_a_rollback_removes_both(world: World, lost: int) -> None:
    """Whether the second attempt got its answer, or was looked for and found beside the first."""
    before = world.dump()
    world.sandbox.inject(Faults(list_lag=20.0))
    world.cloud.on("create", Kind.SERVER, after=LOST, times=lost)
    world.cloud.on("create", Kind.SERVER, nth=3, before=Rejected("sandbox", "no"))
    failed = world.failing(lambda: world.create(spec(rich=False)))
    assert world.cloud.count("create", kind=Kind.SERVER) == 3
    assert not failed.partial
    assert world.dump() == before


def test_what_cannot_be_found_by_name_is_never_asked_for_twice(world: World) -> None:
    """Nobody could ever tell which of the two is whose; the report says that there may be one."""
    prepared = world.prepare_create()
    nameless = frozenset({Kind.RESERVED_IP})
    prepared = msgspec.structs.replace(
        prepared, catalogue=msgspec.structs.replace(prepared.catalogue, nameless=nameless)
    )
    world.cloud.on("create", Kind.RESERVED_IP, after=LOST, times=9)
    failed = world.failing(lambda: world.carry_out(prepared, ev.OperationKind.CREATE))
    assert world.cloud.count("create", kind=Kind.RESERVED_IP) == 1
    assert world.cloud.count("find", kind=Kind.RESERVED_IP) == 0
    assert failed.partial
    assert [item.split(" ")[0] for item in failed.left] == ["reserved-ip/entry"]
    assert {item["kind"] for item in world.dump()} == {"reserved-ip"}


def test_a_lost_answer_to_a_change_or_a_deletion_is_asked_again(world: World) -> None:
    world.create()
    world.cloud.on("delete", after=LOST, times=3)
    world.cloud.on("create", after=LOST, times=3)
    world.scale(0)
    world.assert_converged()
    world.cloud.on("delete", after=LOST, times=99)
    world.delete()
    assert world.state().gone


def test_a_conflict_with_what_is_ours_takes_it(world: World) -> None:
    """It was made by a run that died before it could say so, and the list did not show it yet."""
    prepared = world.prepare_create(spec(rich=False))
    ref = ClusterRef(id=prepared.cluster_id, name="web")
    (resource,) = (step.resource for step in prepared.plan.steps if step.key == NETWORK)
    assert resource is not None
    request = Request(cluster=ref, key=NETWORK, resource=resource, name=provider_name(ref, NETWORK), ids={})

    def make_it_first() -> None:
        world.sandbox.create(request)

    world.cloud.on("create", Kind.NETWORK, before=make_it_first)
    world.carry_out(prepared, ev.OperationKind.CREATE)
    world.assert_converged()
    (event,) = [item for item in world.events(ev.ResourceProvisioned) if item.key == NETWORK]
    assert (event.owned, event.adopted) == (True, True)


def test_a_conflict_with_what_is_being_removed_is_waited_for(world: World) -> None:
    world.cloud.on("create", Kind.NETWORK, before=Conflict("sandbox", "taken", 409), times=2)
    world.create(spec(rich=False))
    world.assert_converged()


def test_a_conflict_with_nothing_that_can_be_seen_is_told(world: World) -> None:
    world.cloud.on("create", Kind.NETWORK, before=Conflict("sandbox", "taken", 409), times=99)
    failed = world.failing(lambda: world.create(spec(rich=False)))
    assert isinstance(failed.cause, Conflict)
    assert not failed.partial
    assert world.dump() == []


def test_a_conflict_with_what_the_cloud_gave_up_on_is_not_taken(world: World) -> None:
    world.sandbox.inject(Faults(scripted=(Scripted(fault=Fault.FAILING, kind=Kind.NETWORK),)))
    world.cloud.on("create", Kind.NETWORK, after=LOST)
    failed = world.failing(lambda: world.create(spec(rich=False)))
    assert isinstance(failed.cause, Conflict)
    assert not failed.partial
    assert world.dump() == []
    assert Status.FAILED.value not in {item["status"] for item in world.dump()}


def test_pace_can_be_changed(new_world: Callable[..., World]) -> None:
    world = new_world(parallel=1)
    world.pace = Pace(parallel=1, attempts=2, first_delay=10.0)
    times = times_of(world, "create", Kind.NETWORK)
    world.cloud.on("create", Kind.NETWORK, before=AWAY, times=99)
    world.failing(lambda: world.create(spec(rich=False)))
    (wait,) = gaps(times)
    assert 5.0 <= wait <= 10.01
