"""The process ends: at every write to the log, before and after it, and at every call to the cloud.

Nothing of what would have come after is done: the journal and the cloud refuse to work from then on.
The next process opens the store anew, finds the holder dead, and goes on: nothing twice, nothing left.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from kubisnap.adapters.sandbox import Faults
from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.resources import Kind
from kubisnap.engine.errors import NotFound, OperationFailed, Rejected
from tests.unit.engine.operations.test_rollback import bigger, shrunk
from tests.unit.engine.world import ProcessDied, World, spec

_CALLS = {"create", "update", "delete", "find", "ready", "observe"}


class Death:
    """Ends a world's process at the n-th occasion. `what` is a write or a call, `when` before or after it."""

    def __init__(self, world: World, what: str, when: str, nth: int) -> None:
        self.world, self.nth = world, nth
        self.dead, self.seen = False, 0
        insert = world.journal._insert

        def write(expected: int, recorded: Any) -> None:
            self.check()
            if what == "write" and when == "before":
                self.occasion()
            insert(expected, recorded)
            if what == "write" and when == "after":
                self.occasion()

        setattr(world.journal, "_insert", write)  # noqa: B010 - mypy: a method is not assigned to

        def watch(_: str, __: Kind | None, ___: str) -> None:
            self.check()

        world.cloud.watch = watch
        if what == "call":
            for method in _CALLS:
                world.cloud.on(method, times=10**6, **{when: self.occasion})  # type: ignore[arg-type]

    def check(self) -> None:
        if self.dead:
            raise ProcessDied

    def occasion(self) -> None:
        self.check()
        self.seen += 1
        if self.seen == self.nth:
            self.dead = True
            raise ProcessDied


Act = Callable[[World], Any]


def _restart(world: World) -> None:
    world.reopen()
    world.mend()
    world.alive = False


def _rolling_back(world: World) -> None:
    world.cloud.on("create", Kind.RESERVED_IP_ASSIGNMENT, before=Rejected("sandbox", "no"), times=99)
    with suppress(OperationFailed):
        world.create()


SCENES: dict[str, tuple[Act, Act]] = {
    "create": (lambda _: None, lambda world: world.create()),
    "create-behind-a-lag": (
        lambda world: world.sandbox.inject(Faults(list_lag=30.0)),
        lambda world: world.create(),
    ),
    "grow": (lambda world: world.create(), lambda world: world.apply(bigger(spec()))),
    "shrink": (lambda world: world.create(spec(workers=3)), lambda world: world.apply(shrunk())),
    "roll-back": (lambda _: None, _rolling_back),
    "delete": (lambda world: world.create(), lambda world: world.delete()),
}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("what", ["write", "call"])
@pytest.mark.parametrize("scene", sorted(SCENES))
def test_whenever_the_process_ends_the_next_one_goes_on(
    new_world: Callable[..., World], scene: str, what: str, when: str
) -> None:
    prepare, act = SCENES[scene]
    nth, step = 1, 1 if scene in {"create", "delete"} else 3
    while True:
        world = new_world(parallel=1 + nth % 3)
        world.add_foreign_key()
        foreign = world.dump()
        prepare(world)
        death = Death(world, what, when, nth)
        try:
            act(world)
        except ProcessDied:
            _restart(world)
        else:
            assert not death.dead
            assert nth > 9, "there was hardly an occasion to die"
            world.close()
            return
        if scene == "delete":
            _finish_deleting(world, foreign)
        else:
            _finish_making(world)
        world.close()
        nth += step


def _finish_making(world: World) -> None:
    try:
        world.journal.cluster_id("web")
    except NotFound:
        world.create()  # not even the intent was written down
    else:
        if not world.prepare_apply().empty:
            world.apply()
    world.assert_converged()


def _finish_deleting(world: World, foreign: list[dict[str, Any]]) -> None:
    if not world.journal.claims()[0].released:
        if not world.state().retired:
            world.assert_converged()  # not even the intent was written down
        world.delete()
    assert world.dump() == foreign
    assert world.state().gone
    assert world.journal.claims()[0].released
    world.assert_sound()


def test_a_process_that_died_thrice_is_followed_by_a_fourth(new_world: Callable[..., World]) -> None:
    world = new_world()
    world.add_foreign_key()
    for nth in (7, 8, 6):
        Death(world, "call", "after", nth)
        with pytest.raises(ProcessDied):
            world.apply() if world.journal.claims() else world.create()
        _restart(world)
    world.apply()
    world.assert_converged()
    ends = [event.outcome for event in world.events(ev.OperationFinished)]
    assert ends == [ev.Outcome.INTERRUPTED] * 3 + [ev.Outcome.SUCCEEDED]


def test_what_a_dead_process_made_is_not_removed_by_a_later_rollback(new_world: Callable[..., World]) -> None:
    """Law 4: only what this operation made."""
    world = new_world(parallel=1)
    Death(world, "write", "before", 30)
    with pytest.raises(ProcessDied):
        world.create()
    _restart(world)
    before = {item["id"] for item in world.dump()}
    world.cloud.on("create", Kind.RESERVED_IP_ASSIGNMENT, before=Rejected("sandbox", "no"), times=99)
    failed = world.failing(world.apply)
    assert not failed.partial
    assert {item["id"] for item in world.dump()} == before
    world.mend()
    world.apply()
    world.assert_converged()
