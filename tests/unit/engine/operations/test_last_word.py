"""A process dies when everything is made, and before it could say so."""

from contextlib import suppress

import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.resources import Kind
from kubisnap.engine.operations.abandoning import carry_out_rollback, prepare_rollback
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
