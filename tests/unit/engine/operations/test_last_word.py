"""A process dies when everything is made, and before it could say so."""

from contextlib import suppress
from itertools import pairwise

import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.decisions import LEASE_SECONDS
from kubisnap.engine.domain.resources import Kind
from kubisnap.engine.errors import LogMoved, PerhapsTwice, Unavailable
from kubisnap.engine.operations.abandoning import carry_out_rollback, prepare_rollback
from kubisnap.engine.operations.changing import carry_out
from tests.unit.engine.world import ProcessDied, World, spec


@pytest.fixture
def speechless(world: World) -> World:
    """A cluster that is all there; its creation has no end."""
    insert = world.journal._insert

    def dying(expected: int, recorded: list[ev.Recorded]) -> None:
        if isinstance(recorded[-1].event, ev.OperationFinished):
            raise ProcessDied
        insert(expected, recorded)

    setattr(world.journal, "_insert", dying)  # noqa: B010 - mypy: a method is not assigned to
    with suppress(ProcessDied):
        world.create()
    world.reopen()
    world.mend()
    return world


def test_there_is_nothing_to_make_but_an_end_to_write_down(speechless: World) -> None:
    prepared = speechless.prepare_apply()
    assert prepared.plan.empty
    assert not prepared.empty
    speechless.apply()
    ends = [event.outcome for event in speechless.events(ev.OperationFinished)]
    assert ends == [ev.Outcome.INTERRUPTED, ev.Outcome.SUCCEEDED]
    assert speechless.state().pending() is None
    speechless.assert_converged()


def test_going_back_later_does_not_take_the_whole_cluster_with_it(speechless: World) -> None:
    """Apply said that all is well: what comes after is abandoned alone."""
    if not speechless.prepare_apply().empty:
        speechless.apply()
    before = speechless.dump()
    speechless.cloud.on("create", Kind.SERVER, after=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        speechless.apply(spec(workers=2))
    speechless.mend()
    prepared = prepare_rollback(speechless.cloud, speechless.state(), speechless.context(), abandon=True)
    kind = ev.OperationKind.ABANDON
    carry_out_rollback(
        speechless.journal, speechless.cloud, prepared, speechless.context(), kind=kind, summary=""
    )
    assert speechless.dump() == before
    speechless.assert_converged()


def test_who_looks_for_doubles_at_the_end_keeps_the_cluster(world: World) -> None:
    """The cloud does not answer for a long time, just when everything is made: nobody else may begin."""
    for method, nth in (("observe_all", 1), ("account", 2)):
        world.cloud.on(method, nth=nth, before=Unavailable("sandbox", "no answer"), times=999)
    with pytest.raises(PerhapsTwice) as caught:
        world.create()
    assert "could not be seen" in caught.value.left[-1]
    times = [item.time for item in world.log()]
    assert times[-1] - times[0] > 2 * LEASE_SECONDS * 1_000_000
    assert max(after - before for before, after in pairwise(times)) < LEASE_SECONDS * 1_000_000


def test_who_lost_the_cluster_while_it_looked_for_doubles_does_not_say_that_all_is_well(world: World) -> None:
    def taken() -> None:
        state = world.state()
        late = ev.OperationFinished(outcome=ev.Outcome.INTERRUPTED)
        world.journal.append(state.cluster_id, state.position, [late], world.context().envelope(1))
        state = world.state()
        started = ev.OperationStarted(
            kind=ev.OperationKind.DELETE, summary="", holder=ev.Holder(host="there", pid=1), tool=""
        )
        world.journal.append(state.cluster_id, state.position, [started], world.context().envelope(2))

    world.cloud.on("observe_all", before=taken)
    prepared = world.prepare_create()
    with pytest.raises(LogMoved):
        carry_out(
            world.journal, world.cloud, prepared, world.context(), kind=ev.OperationKind.CREATE, summary=""
        )
    held = world.state().open
    assert held is not None
    assert held.number == 2
