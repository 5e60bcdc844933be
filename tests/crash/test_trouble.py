"""What does not end the process: a lost answer, a lost network, a full disk, at every call and every write.

The operation itself copes, or ends in a way that says what to do; once the trouble is over, going on
comes to the same as if nothing had been.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from kubisnap.adapters.sandbox import Faults
from kubisnap.engine.errors import (
    CloudSilent,
    KubisnapError,
    OperationFailed,
    PerhapsTwice,
    RollbackIncomplete,
    StoreUnusable,
    Unavailable,
)
from kubisnap.engine.journal import sqlite
from tests.crash.operations import OPERATIONS, Scene, assert_all_is_well, go_on, scene
from tests.unit.engine.world import World

WRITES = ("create", "update", "delete")
AWAY = Unavailable("sandbox", "no answer")
LOST = Unavailable("sandbox", "the answer was lost", ambiguous=True)


@dataclass
class Trouble:
    """Begins at the `nth` occasion; with `lasting`, there is no end to it."""

    nth: int
    error: KubisnapError
    lasting: bool = True
    seen: int = 0

    @property
    def struck(self) -> bool:
        return self.seen >= self.nth

    def occasion(self) -> None:
        self.seen += 1
        if self.seen == self.nth or (self.struck and self.lasting):
            raise self.error


def lost_answer(world: World, nth: int) -> Trouble:
    """The effect is there, and nobody is told; once."""
    trouble = Trouble(nth, LOST, lasting=False)
    for method in WRITES:
        world.cloud.on(method, times=10**6, after=_fresh(trouble))
    return trouble


def lost_network(world: World, nth: int) -> Trouble:
    """No call gets through any more."""
    trouble = Trouble(nth, AWAY)
    world.cloud.on("", times=10**6, before=_fresh(trouble))
    return trouble


def lost_in_the_middle(world: World, nth: int) -> Trouble:
    """A call gets through, its answer does not, and no call after it."""
    trouble, after = Trouble(nth, LOST, lasting=False), Trouble(1, AWAY)
    for method in WRITES:
        world.cloud.on(method, times=10**6, after=_fresh(trouble))
    world.cloud.on("", times=10**6, before=lambda: _fresh(after)() if trouble.struck else None)
    return trouble


def full_disk(world: World, nth: int) -> Trouble:
    """Nothing can be written down any more."""
    trouble = Trouble(nth, StoreUnusable(world.url, "database or disk is full"))
    insert = world.journal._insert

    def write(expected: int, recorded: Any) -> None:
        trouble.occasion()
        insert(expected, recorded)

    setattr(world.journal, "_insert", write)  # noqa: B010 - mypy: a method is not assigned to
    return trouble


def _fresh(trouble: Trouble) -> Callable[[], None]:
    """Errors carry marks: another one each time."""

    def occasion() -> None:
        trouble.error = replace(trouble.error)  # type: ignore[type-var]  # all are dataclasses
        trouble.occasion()

    return occasion


def lost_answer_unseen(world: World, nth: int) -> Trouble:
    """The effect is there, nobody is told, and who looks does not see it for a while."""
    world.sandbox.inject(Faults(list_lag=10.0))
    return lost_answer(world, nth)


@dataclass(frozen=True)
class Kind:
    """A trouble, how an operation may end in it, and how many occasions are passed over in a short run."""

    begin: Callable[[World, int], Trouble]
    ends: tuple[type[KubisnapError], ...] = ()
    step: int = 1


TROUBLES: dict[str, Kind] = {
    "lost-answer": Kind(lost_answer, step=2),
    "lost-answer-unseen": Kind(lost_answer_unseen, step=5),
    "lost-network": Kind(
        lost_network, (Unavailable, CloudSilent, OperationFailed, PerhapsTwice, RollbackIncomplete), step=9
    ),
    "lost-in-the-middle": Kind(
        lost_in_the_middle, (CloudSilent, OperationFailed, PerhapsTwice, RollbackIncomplete), step=4
    ),
    "full-disk": Kind(full_disk, (StoreUnusable,), step=7),
}


@pytest.mark.parametrize("trouble", sorted(TROUBLES))
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_trouble_at_any_moment_is_coped_with_or_gone_on_after(
    tmp_path: Path, name: str, trouble: str, every: bool
) -> None:
    stage, kind = scene(name), TROUBLES[trouble]
    ends = kind.ends + ((OperationFailed,) if stage.operation.fails else ())
    for nth in count(1, 1 if every else kind.step):
        world = stage.world(tmp_path / f"{nth}")
        stage.operation.spoil(world)
        struck = kind.begin(world, nth)
        told = _acting(world, stage)
        try:
            assert told is None or isinstance(told, ends)
            world.reopen()
            world.mend()
            assert_all_is_well(world, stage, go_on(world, stage))
        except Exception as error:
            error.add_note(f"{trouble} at {nth}, and it ended in {told!r}")
            raise
        finally:
            world.close()
        if not struck.struck:
            return


def _acting(world: World, stage: Scene) -> KubisnapError | None:
    """Act, and return how it was told to fail."""
    try:
        stage.operation.act(world)
    except KubisnapError as error:
        return error
    return None


@pytest.mark.parametrize("name", ["create", "apply", "grow-failing", "delete"])  # they write many pages
def test_a_disk_that_is_really_full_holds_a_whole_log(tmp_path: Path, name: str, every: bool) -> None:
    """SQLite itself says so, in the middle of a transaction as it may be."""
    stage = scene(name)
    for pages in count(0, 1 if every else 8):
        world = stage.world(tmp_path / f"{pages}")
        stage.operation.spoil(world)
        used = _pages(world)
        with _room_for(used + pages):
            world.reopen()
            told = _acting(world, stage)
        try:
            if not isinstance(told, StoreUnusable):
                assert pages, "there was no occasion"
                return
            assert "full" in str(told)
            world.reopen()
            world.mend()
            assert_all_is_well(world, stage, go_on(world, stage))
        finally:
            world.close()


def _pages(world: World) -> int:
    with closing(sqlite3.connect(world.folder / "store.sqlite")) as connection:
        return int(connection.execute("PRAGMA page_count").fetchone()[0])


@contextmanager
def _room_for(pages: int) -> Iterator[None]:
    """Let stores that are opened now have so many pages and no more."""
    create = sqlite._Pool._create_connection

    def cramped(pool: sqlite._Pool) -> Any:
        connection = create(pool)
        connection.cursor().execute(f"PRAGMA max_page_count={pages}")
        return connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite._Pool, "_create_connection", cramped)
        yield
