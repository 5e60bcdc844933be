"""Settling: calls of unknown outcome at a cloud whose lists lag, however long they do."""

from collections.abc import Callable
from typing import Any

import pytest

from kubisnap.adapters.sandbox import Faults
from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.resources import Accepted, Kind, Request
from kubisnap.engine.errors import Denied, PerhapsTwice, Refused, Rejected
from kubisnap.engine.operations.abandoning import carry_out_rollback, prepare_rollback
from tests.unit.engine.world import ProcessDied, World, spec

Lag = Callable[[World], None]


@pytest.fixture(params=[0.0, 10.0, 40.0, 59.0], ids=lambda lag: f"lag={lag:g}")
def cut_short(request: pytest.FixtureRequest, new_world: Callable[..., World]) -> World:
    """A world whose create died in the call that made a server, at a cloud whose lists lag."""
    world = new_world(parallel=1)
    world.sandbox.inject(Faults(list_lag=request.param))
    insert = world.journal._insert

    def refusing(expected: int, recorded: object) -> None:
        if world.cloud.count("create", kind=Kind.SERVER):
            raise ProcessDied
        insert(expected, recorded)  # type: ignore[arg-type]

    world.journal._insert = refusing  # type: ignore[method-assign]
    world.cloud.on("create", Kind.SERVER, after=ProcessDied())
    with pytest.raises(ProcessDied):
        world.create()
    world.reopen()
    world.cloud.traps.clear()
    return world


def test_the_next_apply_takes_what_was_made_and_makes_nothing_twice(cut_short: World) -> None:
    cut_short.apply()
    cut_short.sandbox.inject(Faults())
    cut_short.assert_converged()
    assert sum(item["kind"] == "server" for item in cut_short.dump()) == len(spec().servers())


def test_who_goes_back_removes_it(cut_short: World) -> None:
    world = cut_short
    prepared = prepare_rollback(world.cloud, world.state(), world.context(), abandon=True)
    carry_out_rollback(
        world.journal, world.cloud, prepared, world.context(), kind=ev.OperationKind.ABANDON, summary=""
    )
    world.sandbox.inject(Faults())
    world.clock.sleep(60.0)
    world.assert_nothing_left()
    assert world.journal.claims()[0].released


def test_what_is_seen_at_once_is_not_waited_for(new_world: Callable[..., World]) -> None:
    world = new_world(parallel=1)
    world.create(spec(rich=False))
    before = world.clock.now()
    world.apply(spec())
    assert world.clock.now() - before < 1


# ── twins ────────────────────────────────────────────────────────────────────────────────────────


class Repeating:
    """A cloud behind a network that delivers the request for a server twice; one answer comes back."""

    def __init__(self, world: World) -> None:
        self._sandbox = world.sandbox

    def create(self, request: Request) -> Accepted:
        accepted = self._sandbox.create(request)
        if request.key.kind is Kind.SERVER:
            self._sandbox.create(request)
        return accepted

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sandbox, name)


@pytest.fixture
def repeating(new_world: Callable[..., World]) -> World:
    world = new_world(parallel=1)
    world.add_foreign_key()
    world.cloud.cloud = Repeating(world)
    return world


def test_what_a_repeated_request_made_is_removed_at_the_end(repeating: World) -> None:
    repeating.create()
    repeating.assert_converged()


def test_what_a_repeated_request_made_is_taken_back_with_the_rest(repeating: World) -> None:
    foreign = repeating.dump()
    repeating.cloud.on("create", Kind.RESERVED_IP_ASSIGNMENT, before=Rejected("sandbox", "no", 422), times=9)
    failed = repeating.failing(repeating.create)
    assert failed.left == ()
    assert repeating.dump() == foreign


def test_going_back_removes_what_a_repeated_request_made(repeating: World) -> None:
    foreign = repeating.dump()
    repeating.cloud.on("create", Kind.RESERVED_IP_ASSIGNMENT, before=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        repeating.create()
    world = repeating
    prepared = prepare_rollback(world.cloud, world.state(), world.context(), abandon=True)
    carry_out_rollback(
        world.journal, world.cloud, prepared, world.context(), kind=ev.OperationKind.ABANDON, summary=""
    )
    assert world.dump() == foreign


def test_a_rollback_that_cannot_look_for_twins_says_so(repeating: World) -> None:
    repeating.cloud.on("create", Kind.RESERVED_IP_ASSIGNMENT, before=Rejected("sandbox", "no", 422), times=9)
    repeating.cloud.on("observe_all", before=Denied("sandbox", "no", 403), times=99)
    failed = repeating.failing(repeating.create)
    assert any("whether anything was made twice could not be seen" in item for item in failed.left)


def test_who_applies_what_is_being_taken_back_is_told_how_to_finish_it(
    new_world: Callable[..., World],
) -> None:
    world = new_world(parallel=1)
    world.cloud.on("create", Kind.SERVER, before=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        world.create()
    prepared = prepare_rollback(world.cloud, world.state(), world.context(), abandon=True)
    world.cloud.on("delete", before=ProcessDied())
    with pytest.raises(ProcessDied):
        carry_out_rollback(
            world.journal, world.cloud, prepared, world.context(), kind=ev.OperationKind.ABANDON, summary=""
        )
    with pytest.raises(Refused) as caught:
        world.prepare_apply()
    assert caught.value.hint.endswith("kubisnap apply web --abandon      to finish taking it back")


def test_what_is_there_twice_and_cannot_be_removed_is_no_success(repeating: World) -> None:
    repeating.cloud.on("delete", Kind.SERVER, before=Denied("sandbox", "no", 403), times=99)
    with pytest.raises(PerhapsTwice) as caught:
        repeating.create()
    assert caught.value.kind == "partial"
    assert any("server/workers-0" in item for item in caught.value.left)
    assert repeating.last_outcome().outcome is ev.Outcome.PARTIAL

    repeating.mend()
    repeating.apply()
    repeating.assert_converged()
    assert repeating.state().pending() is None
