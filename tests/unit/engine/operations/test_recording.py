"""One operation's pen, when something strikes between the writing and the knowing."""

from collections.abc import Callable, Sequence

import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.operations.changing import begin, started_event
from kubisnap.engine.operations.recording import OperationLog
from tests.unit.engine.world import World


@pytest.fixture
def pen(world: World) -> OperationLog:
    """The log of an operation that has begun."""
    prepared, context = world.prepare_create(), world.context()
    opening = [started_event(prepared, context, ev.OperationKind.CREATE, ""), *prepared.intents]
    state = begin(world.journal, prepared, context, opening, 1)
    return OperationLog(world.journal, state, context, 1)


def _striking(insert: Callable[[int, Sequence[ev.Recorded]], None]) -> Callable[..., None]:
    """Write, then let Ctrl-C strike; once."""
    left = [KeyboardInterrupt()]

    def write(expected: int, recorded: Sequence[ev.Recorded]) -> None:
        insert(expected, recorded)
        if left:
            raise left.pop()

    return write


def test_what_one_wrote_oneself_is_not_taken_for_somebody_else(world: World, pen: OperationLog) -> None:
    setattr(world.journal, "_insert", _striking(world.journal._insert))  # noqa: B010 - mypy: a method
    with pytest.raises(KeyboardInterrupt):
        pen.append(ev.LeaseRenewed())
    pen.append(ev.OperationFinished(outcome=ev.Outcome.INTERRUPTED))
    assert not pen.displaced
    assert pen.state == world.state()
    assert pen.state.open is None


def _written(world: World, number: int, event: ev.AnyEvent) -> None:
    state = world.state()
    world.journal.append(state.cluster_id, state.position, [event], world.context().envelope(number))


@pytest.mark.parametrize("begun", [True, False])
def test_who_takes_over_is_noticed_before_it_has_begun(world: World, pen: OperationLog, begun: bool) -> None:
    _written(world, 1, ev.OperationFinished(outcome=ev.Outcome.INTERRUPTED))
    if begun:
        holder = ev.Holder(host="there", pid=1)
        _written(
            world, 2, ev.OperationStarted(kind=ev.OperationKind.APPLY, summary="", holder=holder, tool="")
        )
    pen.append(ev.LeaseRenewed())
    assert pen.displaced
    assert pen.state == world.state()


def test_the_last_words_of_one_that_lost_the_cluster_do_not_take_it(world: World, pen: OperationLog) -> None:
    _written(world, 7, ev.StepFailed(step=1, error="Stopped", message="late"))
    pen.append(ev.LeaseRenewed())
    assert not pen.displaced
    assert pen.state == world.state()
