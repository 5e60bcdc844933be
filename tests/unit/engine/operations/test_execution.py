"""Order, parallelism, what is on disk when, and every way in which a run can be stopped."""

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kubisnap.adapters.sandbox import Faults
from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.resources import Key, Kind
from kubisnap.engine.errors import (
    CloudError,
    Interrupted,
    LogMoved,
    QuotaExceeded,
    Rejected,
    StoreUnusable,
    Unavailable,
)
from kubisnap.engine.journal.log import open_journal
from kubisnap.engine.operations.context import Silence
from kubisnap.engine.operations.execution import Executor
from kubisnap.engine.operations.planning import Action, Plan, Step
from kubisnap.engine.operations.recording import OperationLog
from kubisnap.engine.operations.working import Job, Threads
from tests.unit.engine.starters import at_once, interrupted_cleaning
from tests.unit.engine.world import World, spec, with_count

NO = Rejected("sandbox", "no", 422)


# ── what is on disk when ─────────────────────────────────────────────────────────────────────


def test_intent_is_on_disk_before_every_call_and_the_outcome_after(world: World) -> None:
    """Another reader of the file sees, at each call, a step that has begun and has no outcome."""
    checked: list[str] = []

    def watch(method: str, kind: Kind | None, name: str) -> None:
        if method not in {"create", "update", "delete"}:
            return
        with open_journal(world.url) as other:
            events = [item.event for item in other.read(other.cluster_id("web"))]
        ended = {item.step for item in events if isinstance(item, ev.StepSucceeded | ev.StepFailed)}
        operation = max(n for n, item in enumerate(events) if isinstance(item, ev.OperationStarted))
        begun = [
            item
            for item in events[operation:]
            if isinstance(item, ev.StepStarted)
            and item.key.kind is kind
            and name in {item.provider_name, item.resource_id}
        ]
        assert begun, f"{method} {name} was not announced"
        ended = {
            item.step for item in events[operation:] if isinstance(item, ev.StepSucceeded | ev.StepFailed)
        }
        assert begun[-1].step not in ended
        assert begun[-1].action == method
        checked.append(method)

    world.cloud.watch = watch
    world.create()
    world.apply(with_rules())
    world.delete()
    assert {"create", "update", "delete"} == set(checked)
    assert len(checked) == len(world.events(ev.StepStarted)) - 1  # to let go of the foreign key is no call
    began = [event.step for event in world.events(ev.StepStarted)]
    assert sorted(event.step for event in world.events(ev.StepSucceeded)) == sorted(began)


def with_rules() -> Any:
    cluster = with_count(spec(), 2)
    rule = msgspec.structs.replace(cluster.firewalls[0].allow[0], ports="2222")
    firewall = msgspec.structs.replace(cluster.firewalls[0], allow=(rule,))
    return msgspec.structs.replace(cluster, firewalls=(firewall,))


def test_a_call_that_cannot_be_announced_is_not_made(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = world.prepare_create()
    insert = world.journal._insert

    def full(expected: int, recorded: Any) -> None:
        if any(isinstance(item.event, ev.StepStarted) for item in recorded):
            raise StoreUnusable(world.url, "disk full")
        insert(expected, recorded)

    monkeypatch.setattr(world.journal, "_insert", full)
    before = world.dump()
    with pytest.raises(StoreUnusable):
        world.carry_out(prepared, ev.OperationKind.CREATE)
    assert world.cloud.count("create") == 0
    assert world.dump() == before


def test_every_event_says_what_led_to_it(world: World) -> None:
    """The operator to the operation, the operation to its steps, a step to all that came of it."""
    world.cloud.on("create", Kind.NETWORK, before=Unavailable("sandbox", "no answer"))
    world.create()
    world.cloud.on("create", Kind.SERVER, before=NO)
    world.failing(lambda: world.scale(3))
    for number in (1, 2):
        events = [item for item in world.log() if item.operation == number]
        opening = events[0]
        assert opening.cause == 0
        begun: dict[int, int] = {}
        for item in events[1:]:
            step = getattr(item.event, "step", 0)
            if isinstance(item.event, ev.StepStarted):
                begun[step] = item.version
                assert item.cause == opening.version
            else:
                assert item.cause == begun.get(step, opening.version), item


# ── order and parallelism ────────────────────────────────────────────────────────────────────


def test_no_step_begins_before_those_that_it_needs(new_world: Callable[..., World]) -> None:
    world = new_world(parallel=16)
    prepared = world.prepare_create(spec(workers=3))
    world.carry_out(prepared, ev.OperationKind.CREATE)
    begun: dict[int, int] = {}
    done: dict[int, int] = {}
    for item in world.log():
        if isinstance(item.event, ev.StepStarted):
            begun[item.event.step] = item.version
        if isinstance(item.event, ev.StepSucceeded):
            done[item.event.step] = item.version
    assert all(done[before] < begun[step.id] for step in prepared.plan.steps for before in step.after)


@pytest.mark.parametrize("parallel", [1, 3, 8])
def test_as_many_steps_at_once_as_allowed_and_never_more(
    new_world: Callable[..., World], parallel: int
) -> None:
    world = new_world(parallel=parallel)
    full = threading.Event()

    def watch(method: str, kind: Kind | None, _: str) -> None:
        if (method, kind) == ("create", Kind.SERVER) and not full.is_set():
            if world.cloud.running >= parallel:
                time.sleep(0.02)  # long enough for one too many to come in
                full.set()
            assert full.wait(20), "the others never came"

    world.cloud.watch = watch
    world.create(with_count(spec(rich=False), 9))
    assert world.cloud.most == parallel
    world.assert_converged()


@pytest.mark.parametrize("parallel", [1, 2])
def test_after_a_failure_nothing_new_begins(new_world: Callable[..., World], parallel: int) -> None:
    world = new_world(parallel=parallel)
    world.cloud.on("create", Kind.SERVER, before=QuotaExceeded("sandbox", "no more"), times=99)
    world.failing(lambda: world.create(with_count(spec(rich=False), 20)))
    begun = [event for event in world.events(ev.StepStarted) if event.key.kind is Kind.SERVER]
    assert 1 <= len(begun) <= parallel


def test_running_steps_end_after_a_failure_and_are_taken_back(new_world: Callable[..., World]) -> None:
    world = new_world(parallel=3)
    second, failed = threading.Event(), threading.Event()

    class Watch(Silence):
        def failed(self, step: Step, error: CloudError) -> None:
            failed.set()

    def watch(method: str, kind: Kind | None, name: str) -> None:
        if (method, kind) == ("create", Kind.SERVER):
            if "control-plane" in name:
                assert second.wait(20)
                raise NO
            second.set()
            assert failed.wait(20)

    world.progress, world.cloud.watch = Watch(), watch
    error = world.failing(lambda: world.create(spec(rich=False)))
    made = [event.key.name for event in world.events(ev.ResourceProvisioned)]
    assert "workers-0" in made
    assert not error.partial
    assert world.dump() == []


def test_steps_that_wait_for_each_other_are_not_called_a_success(world: World) -> None:
    world.create(spec(rich=False))
    log = OperationLog(world.journal, world.state(), world.context(), 2)
    step = Step(id=1, action=Action.FORGET, key=Key(Kind.SSH_KEY, "x"), after=(2,))
    executor = Executor(
        world.cloud, world.cloud.account(), log, Plan(steps=(step, replace_id(step))), world.context()
    )
    with pytest.raises(ValueError, match="never come"):
        executor.run(lambda _: None)
    assert world.last_outcome().outcome is ev.Outcome.FAILED


def replace_id(step: Step) -> Step:
    return msgspec.structs.replace(step, id=2, after=(1,))


def test_progress_tells_what_happens(world: World) -> None:
    told: list[str] = []

    class Told(Silence):
        def planned(self, total: int) -> None:
            told.append(f"planned {total}")

        def retrying(self, step: Step, error: CloudError, attempt: int, wait: float) -> None:
            told.append(f"retrying {step.key} {attempt}")

        def done(self, step: Step, seconds: float) -> None:
            assert seconds >= 0
            told.append(f"done {step.key}")

        def failed(self, step: Step, error: CloudError) -> None:
            told.append(f"failed {step.key}")

        def rolling_back(self, count: int) -> None:
            told.append(f"rolling back {count}")

    world.progress = Told()
    world.pace = replace(world.pace, parallel=1)
    world.cloud.on("create", Kind.NETWORK, before=QuotaExceeded("sandbox", "no more"))
    world.failing(lambda: world.create(spec(rich=False)))
    assert told == [
        "planned 6",
        "done tag/cluster",
        "done tag/control-plane",
        "done tag/worker",
        "failed network/main",
        "rolling back 3",
        "done tag/worker",
        "done tag/control-plane",
        "done tag/cluster",
    ] or told[0].startswith("planned")
    assert told.index("failed network/main") < told.index("rolling back 3")
    assert told[-3:] == ["done tag/worker", "done tag/control-plane", "done tag/cluster"]


# ── Ctrl-C ───────────────────────────────────────────────────────────────────────────────────


def press_at(monkeypatch: pytest.MonkeyPatch, *times: int) -> None:
    """Raise KeyboardInterrupt at these calls (from 1) that wait for a step to end."""
    calls = [0]
    ended = Threads.ended

    def pressed(crew: Threads, jobs: Collection[Job], seconds: float) -> Collection[Job]:
        calls[0] += 1
        if calls[0] in times:
            raise KeyboardInterrupt
        return ended(crew, jobs, seconds)

    monkeypatch.setattr(Threads, "ended", pressed)


@pytest.mark.parametrize("latency", [0.0, 1.0])
def test_ctrl_c_stops_at_a_safe_point_and_apply_goes_on(
    new_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch, latency: float
) -> None:
    for at in range(1, 12):
        world = new_world(latency=latency, parallel=3)
        world.add_foreign_key()
        with monkeypatch.context() as patch:
            press_at(patch, at)
            try:
                world.create()
            except Interrupted as error:
                caught = error
            else:  # several steps may end in one wait: there were fewer of them
                assert at > 5
                break
        finished = world.last_outcome()
        assert finished.outcome is ev.Outcome.INTERRUPTED
        assert finished.done == caught.done <= caught.total
        assert not [event for event in world.events(ev.StepStarted) if event.compensates]
        begun = len(world.events(ev.StepStarted))
        assert begun <= caught.done + 3, "nothing new began"
        world.mend()
        world.alive = True  # the process lives on, and does not hold the cluster
        world.apply()
        world.assert_converged()
        world.close()


def test_ctrl_c_during_a_deletion_is_resumed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.create()
    with monkeypatch.context() as patch:
        press_at(patch, 3)
        with pytest.raises(Interrupted):
            world.delete()
    assert not world.journal.claims()[0].released
    world.delete()
    assert world.state().gone


def test_a_second_ctrl_c_ends_at_once_and_is_written_down(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        press_at(patch, 3, 4)
        with pytest.raises(KeyboardInterrupt):
            world.create()
    assert world.last_outcome().outcome is ev.Outcome.INTERRUPTED
    world.alive = True
    world.apply()
    world.assert_converged()


def test_a_failure_before_ctrl_c_is_still_rolled_back(
    new_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a stopped step may have made is looked for, too."""
    world = new_world(parallel=2)
    before = world.dump()
    pressed, looking = threading.Event(), threading.Event()

    def watch(method: str, kind: Kind | None, name: str) -> None:
        if (method, kind) == ("find", Kind.SERVER):
            looking.set()
            assert pressed.wait(20)
        if (method, kind) == ("create", Kind.SERVER) and "control-plane" in name:
            assert looking.wait(20)
            raise NO

    ended = Threads.ended

    def press_then_wait(crew: Threads, jobs: Collection[Job], _: float) -> Collection[Job]:
        if looking.is_set() and not pressed.is_set():
            pressed.set()
            raise KeyboardInterrupt
        return ended(crew, jobs, 0.05)

    world.sandbox.inject(Faults(list_lag=10.0))
    world.cloud.watch = watch
    world.cloud.on(
        "create", Kind.SERVER, nth=1, times=9, after=Unavailable("sandbox", "lost", ambiguous=True)
    )
    monkeypatch.setattr(Threads, "ended", press_then_wait)
    failed = world.failing(lambda: world.create(spec(rich=False)))
    assert not failed.partial
    assert world.dump() == before


@pytest.mark.parametrize(
    ("presses", "expected"),
    [(1, "rolled-back, 0 left, 0 held"), (2, "partial, some left, some held")],
)
def test_ctrl_c_does_not_stop_cleaning_up_but_two_do(tmp_path: Path, presses: int, expected: str) -> None:
    """With real signals, in a process of its own."""
    assert at_once(interrupted_cleaning, [(str(tmp_path), presses)]) == [expected]


# ── another writer in the middle ─────────────────────────────────────────────────────────────


def write_in_between(world: World) -> None:
    """Do what another process does that takes this one for dead."""
    with open_journal(world.url) as other:
        state = other.state(other.cluster_id("web"))
        opening = ev.OperationStarted(
            kind=ev.OperationKind.APPLY, summary="", holder=ev.Holder(host="there", pid=7), tool="other"
        )
        envelope = world.context(actor="somebody").envelope(state.operations + 1)
        while True:  # our own steps write all the time
            try:
                other.append(state.cluster_id, state.position, [opening], envelope)
            except LogMoved:
                state = other.state(state.cluster_id)
            else:
                return


@pytest.mark.parametrize("parallel", [1, 4])
def test_what_was_going_on_is_still_recorded_and_nothing_new_begins(
    new_world: Callable[..., World], parallel: int
) -> None:
    world = new_world(parallel=parallel)
    world.add_foreign_key()
    called = [0]

    def between() -> None:
        write_in_between(world)
        called[0] = world.cloud.count("create")

    world.cloud.on("create", Kind.NETWORK, after=between)
    with pytest.raises(LogMoved):
        world.create()
    events = world.log()
    other = next(item.version for item in events if item.actor == "somebody")
    later = [item for item in events if item.version > other]
    made = {e.event.key for e in later if isinstance(e.event, ev.ResourceProvisioned)}
    assert Key(Kind.NETWORK, "main") in made, "what happened at the cloud is in the log"
    assert all(item.operation == 1 for item in later)
    world.assert_sound()
    assert not [event for event in world.events(ev.StepStarted) if event.compensates], "and nothing is undone"
    # what others learn at the same moment is that their next intent is behind somebody else's events
    assert world.cloud.count("create") - called[0] <= parallel - 1
    world.mend()
    world.apply()
    world.assert_converged()


def test_the_step_that_learns_of_another_writer_is_not_begun(new_world: Callable[..., World]) -> None:
    """Its intent goes to the log behind their events, and the call is not made."""
    world = new_world(parallel=1)

    class Between(Silence):
        def done(self, step: Step, seconds: float) -> None:
            if step.key.kind is Kind.NETWORK:
                write_in_between(world)

    world.progress = Between()
    with pytest.raises(LogMoved):
        world.create(spec(rich=False))
    calls = world.cloud.count("create")
    provisioned = len(world.events(ev.ResourceProvisioned))
    assert calls == provisioned == len(world.events(ev.StepStarted)) - 1
    world.progress = Silence()
    world.apply()
    world.assert_converged()


def test_a_rollback_ends_where_another_writer_begins(new_world: Callable[..., World]) -> None:
    world = new_world(parallel=1)
    world.cloud.on("create", Kind.SERVER, before=NO)
    world.cloud.on("delete", Kind.FIREWALL, before=lambda: write_in_between(world))
    failed = world.failing(lambda: world.create(spec(rich=False)))
    assert failed.partial
    assert len(failed.left) == world.cloud.count("create") - world.cloud.count("delete") - 1
    assert "somebody else" in failed.left[0]
    world.mend()
    world.apply()
    world.assert_converged()


# ── what nobody foresaw ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("error", [KeyError("a mistake"), RuntimeError("another")], ids=type)
def test_a_mistake_in_an_adapter_ends_the_run_and_does_not_hold_the_cluster(
    new_world: Callable[..., World], error: Exception
) -> None:
    for parallel in (1, 4):
        for method, kind in (("create", Kind.FIREWALL), ("ready", Kind.SERVER), ("create", Kind.VOLUME)):
            world = new_world(parallel=parallel)
            world.cloud.on(method, kind, after=error, times=99)
            with pytest.raises(type(error)):
                world.create()
            finished = world.last_outcome()
            assert finished.outcome is ev.Outcome.FAILED
            assert type(error).__name__ in finished.error
            world.mend()
            world.alive = True
            world.apply()
            world.assert_converged()
            world.close()


def test_after_a_mistake_the_others_do_not_wait_to_the_end(new_world: Callable[..., World]) -> None:
    """A server that takes hours is not waited for when the run is over anyhow."""
    world = new_world(latency=10_000.0, parallel=2)
    mistaken = threading.Event()
    waited = [0]

    def watch(method: str, kind: Kind | None, _: str) -> None:
        if (method, kind) == ("ready", Kind.NETWORK):
            if waited[0] == 0:
                mistaken.set()
            waited[0] += 1
            time.sleep(0.01)  # real, so that the fake clock does not race through ten minutes meanwhile

    world.cloud.watch = watch

    def mistake() -> None:
        assert mistaken.wait(20)
        raise KeyError("a mistake")

    world.cloud.on("create", Kind.FIREWALL, before=mistake)
    with pytest.raises(KeyError):
        world.create(spec(rich=False))
    assert waited[0] < 60


def test_a_mistake_while_cleaning_up_is_written_down(world: World) -> None:
    world.cloud.on("create", Kind.SERVER, before=NO)
    world.cloud.on("delete", Kind.NETWORK, before=KeyError("a mistake"))
    with pytest.raises(KeyError):
        world.create()
    assert world.last_outcome().outcome is ev.Outcome.FAILED
    world.mend()
    world.alive = True
    world.apply()
    world.assert_converged()


def test_a_store_that_fails_in_the_middle_stops_everything(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was made and could not be written down is found by its name later."""
    for failing in range(3, 60, 4):
        name = f"web-{failing}"
        prepared = world.prepare_create(replace_name(name, f"10.{failing}.0.0/20"))
        insert, count = world.journal._insert, [0]

        def full(
            expected: int, recorded: Any, insert: Any = insert, count: Any = count, failing: int = failing
        ) -> None:
            count[0] += 1
            if count[0] >= failing:
                raise StoreUnusable(world.url, "disk full")
            insert(expected, recorded)

        with monkeypatch.context() as patch:
            patch.setattr(world.journal, "_insert", full)
            calls = world.cloud.count("create")
            try:
                world.carry_out(prepared, ev.OperationKind.CREATE)
            except StoreUnusable:
                pass
            else:
                assert count[0] < failing
            assert world.cloud.count("create") - calls <= failing
        world.alive = False
        if not world.prepare_apply(name=name).empty:
            world.apply(name=name)
        world.assert_converged(name)


def replace_name(name: str, cidr: str) -> Any:
    cluster = spec(name, rich=False)
    return msgspec.structs.replace(cluster, network=msgspec.structs.replace(cluster.network, cidr=cidr))
