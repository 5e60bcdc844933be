"""The process ends, at every moment at which anything is different from the moment before.

The next process opens what it left, finds the holder dead, and goes on, or back: as if nothing had been.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from kubisnap.engine.domain.decisions import LEASE_SECONDS
from kubisnap.engine.errors import Locked, NotFound
from tests.crash.camera import Camera, Picture
from tests.crash.operations import (
    OPERATIONS,
    Inventory,
    Scene,
    assert_all_is_well,
    film,
    go_back,
    go_on,
    scene,
)
from tests.unit.engine.world import World

Way = Callable[[World, Scene], Inventory]

WAYS: dict[str, Way] = {"on": go_on, "back": go_back}
_LAG = 10.0
"""Seconds; what is made is not listed before, and the next process does not wait for that."""


@contextmanager
def _next_process(found: Picture, folder: Path, *, parallel: int, lag: float = 0.0) -> Iterator[World]:
    """Give the world as it was left, and say in what moment when something goes wrong there."""
    world = found.world(folder, parallel=parallel, lag=lag)
    try:
        yield world
    except Exception as error:
        error.add_note(f"died at {found.moment}, {folder.name}")
        raise
    finally:
        world.close()


@pytest.mark.parametrize("way", sorted(WAYS))
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_whenever_the_process_ends_the_next_one_comes_to_the_same(
    tmp_path: Path, name: str, way: str, every: bool
) -> None:
    """At every moment: in a short run it goes on at one and back at the next, else each way at each."""
    stage = scene(name)
    pictures = film(name, tmp_path / "film")
    assert len(pictures) > 3, "there was hardly a moment to die at"
    for number, found in enumerate(pictures):
        if not every and number % 2 != sorted(WAYS).index(way):
            continue
        with _next_process(found, tmp_path / f"{number}", parallel=1) as world:
            if number // 2 % 2:
                _wait_for_the_lease(world, stage)
            assert_all_is_well(world, stage, WAYS[way](world, stage))


def _wait_for_the_lease(world: World, stage: Scene) -> None:
    """On another host nobody sees whether the process is there: until its lease is over, it may be."""
    world.alive = None
    try:
        held = world.state(stage.operation.cluster).open
    except NotFound:
        return
    if held is not None:
        with pytest.raises(Locked):
            world.prepare_apply(name=stage.operation.cluster)
    world.clock.sleep(LEASE_SECONDS)


@pytest.mark.parametrize("way", sorted(WAYS))
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_so_it_is_with_four_hands(tmp_path: Path, name: str, way: str, every: bool) -> None:
    _die(name, WAYS[way], tmp_path, step=1 if every else 12, parallel=4)


@pytest.mark.parametrize("way", sorted(WAYS))
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_so_it_is_at_a_cloud_whose_lists_lag_behind(tmp_path: Path, name: str, way: str, every: bool) -> None:
    _die(name, WAYS[way], tmp_path, step=1 if every else 12, parallel=2, lag=_LAG)


def _die(name: str, way: Way, folder: Path, *, step: int, parallel: int, lag: float = 0.0) -> None:
    stage = scene(name)
    pictures = film(name, folder / "film", parallel=parallel, lag=lag)
    for number, found in _some(pictures, step):
        with _next_process(found, folder / f"{number}", parallel=parallel, lag=lag) as world:
            assert_all_is_well(world, stage, way(world, stage))


def _some(pictures: Sequence[Picture], step: int) -> list[tuple[int, Picture]]:
    """Return some of the moments and their numbers, always with the last ones."""
    return [item for item in enumerate(pictures) if (len(pictures) - 2 - item[0]) % step == 0]


@pytest.mark.parametrize("ways", ["on-on", "on-back", "back-back"])
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_the_next_process_may_die_as_well(tmp_path: Path, name: str, ways: str, every: bool) -> None:
    first, second = (WAYS[way] for way in ways.split("-"))
    stage = scene(name)
    for number, found in _some(film(name, tmp_path / "film"), 5 if every else 29):
        with _next_process(found, tmp_path / f"{number}", parallel=1) as world:
            pictures = Camera(world).film(lambda world: first(world, stage))
        for again, left in _some(pictures, 5 if every else 17):
            with _next_process(left, tmp_path / f"{number}-{again}", parallel=1) as world:
                assert_all_is_well(world, stage, second(world, stage))
