"""The process ends at a write to the log or a call to the cloud: a few stories of that.

Nothing of what would have come after is done: the journal and the cloud refuse to work from then on.
That it may be any write and any call is proven in `tests/crash`.
"""

from collections.abc import Callable
from typing import Any

import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.resources import Kind
from kubisnap.engine.errors import Rejected
from tests.unit.engine.world import ProcessDied, World

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


def _restart(world: World) -> None:
    world.reopen()
    world.mend()
    world.alive = False


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
