"""The frozen logs of each schema: still read, still folded to the same state, still written the same."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.state import fold
from kubisnap.engine.journal.codec import Codec
from tests.golden import make_log

LOGS = [
    (make_log.LOG, make_log.STATE, make_log.recorded),
    (make_log.LATER_LOG, make_log.LATER_STATE, make_log.recorded_later),
    (make_log.SECOND_LOG, make_log.SECOND_STATE, make_log.recorded_second),
    (make_log.THIRD_LOG, make_log.THIRD_STATE, make_log.recorded_third),
]
each_log = pytest.mark.parametrize(("log", "state", "written"), LOGS, ids=["1", "1.1", "2", "3"])
Written = Callable[[], list[ev.Recorded]]


def decoded(log: Path) -> list[ev.Recorded]:
    rows = make_log.read(log.read_text(encoding="utf-8"))
    return [Codec().decode(stream, row) for stream, row in rows]


def today(item: ev.Recorded) -> ev.Recorded:
    """Return an event as it is read now: in the schema of now."""
    return msgspec.structs.replace(item, schema=item.event.SCHEMA)


def contains(now: Any, frozen: Any) -> bool:
    """Whether everything frozen is there with the same value; later versions may know more."""
    if isinstance(frozen, dict):
        return isinstance(now, dict) and all(
            name in now and contains(now[name], value) for name, value in frozen.items()
        )
    return bool(now == frozen)


def test_the_frozen_logs_hold_every_kind_of_event() -> None:
    assert {type(item.event) for log, _, _ in LOGS for item in decoded(log)} == set(ev.all_event_types())


@each_log
def test_a_frozen_log_says_what_was_written(log: Path, state: Path, written: Written) -> None:
    assert state.exists()
    assert decoded(log) == [today(item) for item in written()]


@each_log
def test_a_frozen_log_folds_to_the_frozen_state(log: Path, state: Path, written: Written) -> None:
    folded = fold(item for item in decoded(log) if item.stream == make_log.CLUSTER)
    frozen = json.loads(state.read_text(encoding="utf-8"))
    now = json.loads(make_log.state_text(folded))
    assert contains(now, frozen)
    assert now["bindings"].keys() == frozen["bindings"].keys()
    assert folded == fold(item for item in written() if item.stream == make_log.CLUSTER)


def test_the_script_writes_the_same_bytes_today() -> None:
    """Holds for the newest log: when a schema goes up, compare with the one that joins then."""
    assert make_log.THIRD_STATE.exists()
    assert make_log.lines(make_log.recorded_third()) == make_log.THIRD_LOG.read_text(encoding="utf-8")
