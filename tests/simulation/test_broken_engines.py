"""The simulation can fail: engines that are broken on purpose are found out within a few seeds."""

from typing import Any

import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.resources import Key
from kubisnap.engine.domain.state import ClusterState, apply_event
from kubisnap.engine.operations import changing, recording, rollback, settling
from kubisnap.engine.operations.actions import Actions
from kubisnap.engine.operations.calling import Caller
from kubisnap.engine.operations.execution import Executor
from kubisnap.engine.operations.recording import OperationLog
from kubisnap.engine.operations.rollback import Report, Rollback
from tests.simulation.playing import play

_SEEDS = 120


def found(*signs: str) -> str:
    """Return the first problem that says one of these, within so many seeds."""
    for seed in range(_SEEDS):
        for problem in play(seed).problems:
            if any(sign in problem for sign in signs):
                return problem
    return ""


def test_calls_without_their_intent_on_disk_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Actions, "_begin", lambda *_, **__: None)

    assert found("before it was written down")


def test_settling_that_never_finds_anything_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def blind(*_: Any) -> dict[Key, list[str]]:
        return {}

    monkeypatch.setattr(settling, "_found", blind)

    assert found("orphan", "left behind", "too many")


def test_a_rollback_that_sweeps_by_name_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def sweep(self: Rollback) -> Report:
        items = self._cloud.observe_all(self._log.state.ref)
        keys = [(settling.key_of(self._log.state.ref, item), item.id) for item in items]
        return self.remove([(key, item) for key, item in keys if key is not None])

    monkeypatch.setattr(rollback.Rollback, "run", sweep)

    assert found("which it did not make")


def test_a_lease_that_nobody_minds_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changing, "refuse_if_held", lambda *_: None)

    assert found("took the cluster")


def test_a_fence_that_is_open_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OperationLog, "ours", lambda _: True)

    assert found("has written nothing for")


def test_asking_again_without_looking_first_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Caller, "_look", lambda *_: None)
    monkeypatch.setattr(Executor, "_remove_doubles", lambda _: ())

    assert found("too many", "orphan", "left behind")


def test_a_state_that_drifts_from_the_log_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(state: ClusterState, recorded: ev.Recorded) -> None:
        apply_event(state, recorded)
        if isinstance(recorded.event, ev.StepSucceeded):
            state.account = ""

    monkeypatch.setattr(recording, "apply_event", forgetful)

    assert found("not the fold of the log")


def test_a_name_that_is_not_given_back_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OperationLog, "close", lambda self, *events: self.append(*events))

    assert found("its name is still held")


def test_deleting_what_was_only_used_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Actions._provisioned

    def greedy(self: Actions, *given: Any, **told: Any) -> ev.ResourceProvisioned:
        return right(self, *given, **{**told, "owned": True, "adopted": False})

    monkeypatch.setattr(Actions, "_provisioned", greedy)

    assert found("what is not ours")
