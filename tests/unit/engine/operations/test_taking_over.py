"""What a process does that was away for too long, and what the next one makes of what was left open."""

from collections.abc import Callable
from typing import Any

import pytest

from kubisnap.adapters.sandbox import Faults
from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.decisions import LEASE_SECONDS
from kubisnap.engine.domain.resources import Kind
from kubisnap.engine.errors import LogMoved, Unavailable
from kubisnap.engine.journal.log import Journal
from kubisnap.engine.operations.abandoning import carry_out_rollback, prepare_rollback
from kubisnap.engine.operations.changing import begin, started_event
from kubisnap.engine.operations.recording import OperationLog
from tests.unit.engine.world import ProcessDied, World, spec


def at_commit(
    monkeypatch: pytest.MonkeyPatch,
    kind: type[ev.Event],
    then: Callable[[], None],
    *,
    after: bool,
) -> None:
    """Once, before or after an event of a kind is committed, do something."""
    commit = Journal.append
    told: list[bool] = []

    def watched(self: Journal, stream: str, expected: int, events: Any, envelope: Any) -> Any:
        meant = not told and any(isinstance(event, kind) for event in events)
        if meant:
            told.append(True)
        if meant and not after:
            then()
        recorded = commit(self, stream, expected, events, envelope)
        if meant and after:
            then()
        return recorded

    monkeypatch.setattr(Journal, "append", watched)


def test_an_operation_whose_process_ended_after_its_last_step_is_ended_by_the_next_apply(
    new_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = new_world()
    world.create(spec(rich=False))

    def die() -> None:
        raise ProcessDied

    with monkeypatch.context() as patch:
        at_commit(patch, ev.OperationFinished, die, after=False)
        with pytest.raises(ProcessDied):
            world.scale(2)
    world.reopen()

    prepared = world.prepare_apply()

    assert prepared.plan.empty
    assert not prepared.empty
    world.apply()
    assert world.state().open is None
    assert world.state().pending() is None
    assert [event.outcome for event in world.events(ev.OperationFinished)][-2:] == [
        ev.Outcome.INTERRUPTED,
        ev.Outcome.SUCCEEDED,
    ]


def test_time_that_passes_within_a_commit_counts_as_silence(
    new_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A laptop is closed while the disk is written; when it wakes, somebody else has the cluster."""
    world = new_world(parallel=1)
    cluster = spec(rich=False)
    calls: list[str] = []

    def sleep_too_long() -> None:
        world.clock.sleep(LEASE_SECONDS + 1.0)
        world.apply()
        calls.extend(method for method, _, _ in world.cloud.calls)

    at_commit(monkeypatch, ev.StepStarted, sleep_too_long, after=True)

    with pytest.raises(LogMoved):
        world.create(cluster)

    assert [
        method for method, _, _ in world.cloud.calls[len(calls) :] if method in {"create", "delete"}
    ] == []
    world.assert_converged()


def test_who_lost_the_cluster_does_not_write_how_the_operation_ended(
    new_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    world = new_world(parallel=1)
    cluster = spec(rich=False)
    world.create(cluster)

    def take_over() -> None:
        world.clock.sleep(LEASE_SECONDS + 1.0)
        world.apply()

    at_commit(monkeypatch, ev.OperationFinished, take_over, after=False)

    with pytest.raises(LogMoved):
        world.scale(2)

    ended = [item.operation for item in world.log() if isinstance(item.event, ev.OperationFinished)]
    assert sorted(ended) == [1, 2, 3]
    world.assert_converged()


def test_a_call_that_was_made_long_after_its_step_began_is_looked_for_as_long(
    new_world: Callable[..., World],
) -> None:
    """It was tried again for minutes, came through, and the process ended; lists lag behind that call."""
    world = new_world(parallel=1, latency=0.0)
    world.sandbox.inject(Faults(list_lag=10.0))

    def minutes_pass() -> None:
        world.clock.sleep(100.0)
        raise Unavailable("sandbox", "no answer")

    world.cloud.on("create", Kind.SERVER, "", before=minutes_pass)
    world.cloud.on("create", Kind.SERVER, "", nth=2, after=ProcessDied())
    with pytest.raises(ProcessDied):
        world.create(spec(rich=False, workers=0))
    world.reopen()
    world.cloud.traps.clear()

    world.apply()

    world.assert_converged()


def test_a_rollback_that_finds_a_deleted_cluster_with_nothing_left_makes_it_gone(
    new_world: Callable[..., World], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deletion was cut short when all was deleted; its name is free again, so it must be gone."""
    world = new_world()
    world.create(spec(rich=False))

    def die() -> None:
        raise ProcessDied

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "finish", lambda *_: die())
        with pytest.raises(ProcessDied):
            world.delete()
    world.reopen()

    prepared = prepare_rollback(world.cloud, world.state(), world.context(), abandon=False)
    kind = ev.OperationKind.ROLLBACK
    carry_out_rollback(world.journal, world.cloud, prepared, world.context(), kind=kind, summary="")

    assert world.state().gone
    assert world.journal.claims()[0].released


def test_who_lost_a_cluster_that_is_to_go_does_not_close_its_log(
    new_world: Callable[..., World],
) -> None:
    world = new_world()
    world.create(spec(rich=False))
    context = world.context()
    prepared = world.prepare_delete()
    started = started_event(prepared, context, ev.OperationKind.DELETE, "")
    state = begin(world.journal, prepared, context, [started, *prepared.intents], 2)
    log = OperationLog(world.journal, state, context, 2)
    world.clock.sleep(LEASE_SECONDS + 1.0)
    world.delete()
    log.append(ev.LeaseRenewed())

    with pytest.raises(LogMoved):
        log.close(ev.OperationFinished(outcome=ev.Outcome.SUCCEEDED))

    ended = [item.operation for item in world.log() if isinstance(item.event, ev.OperationFinished)]
    assert ended == [1, 2, 3]
