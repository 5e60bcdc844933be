"""The frozen log of schema 1: still read, still folded to the same state, still written the same."""

import json
from typing import Any

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.state import fold
from kubisnap.engine.journal.codec import Codec
from tests.golden import make_log


def decoded() -> list[ev.Recorded]:
    rows = make_log.read(make_log.LOG.read_text(encoding="utf-8"))
    return [Codec().decode(stream, row) for stream, row in rows]


def contains(now: Any, frozen: Any) -> bool:
    """Whether everything frozen is there with the same value; later versions may know more."""
    if isinstance(frozen, dict):
        return isinstance(now, dict) and all(
            name in now and contains(now[name], value) for name, value in frozen.items()
        )
    return bool(now == frozen)


def test_the_frozen_log_holds_every_kind_of_event() -> None:
    assert {type(item.event) for item in decoded()} == set(ev.all_event_types())


def test_the_frozen_log_says_what_was_written() -> None:
    assert decoded() == make_log.recorded()


def test_the_frozen_log_folds_to_the_frozen_state() -> None:
    state = fold(item for item in decoded() if item.stream == make_log.CLUSTER)
    frozen = json.loads(make_log.STATE.read_text(encoding="utf-8"))
    now = json.loads(make_log.state_text(state))
    assert contains(now, frozen)
    assert now["bindings"].keys() == frozen["bindings"].keys()
    assert state.spec().name == make_log.NAME


def test_the_script_writes_the_same_bytes_today() -> None:
    """Holds while every event is in schema 1; when one moves on, compare with the newest log instead."""
    assert make_log.lines(make_log.recorded()) == make_log.LOG.read_text(encoding="utf-8")
