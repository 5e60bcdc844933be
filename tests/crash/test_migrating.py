"""The process ends in the middle of a migration, at every moment at which anything is different from before.

The next process types the same command. The source serves all the while, and nothing is made twice.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from kubisnap.adapters.sandbox import Faults
from kubisnap.engine.domain.model import neutral
from kubisnap.engine.errors import AlreadyExists, KubisnapError, NotFound, Unavailable
from kubisnap.engine.ports import Cloud
from tests.crash.camera import Camera, Picture, _Filmed
from tests.unit.engine.road import Road
from tests.unit.engine.world import World

NEW = "web-sandbox"
STEPS = ["preflight", "capture", "create", "verify", "cut-over"]


def source_of(road: Road) -> str:
    """Return everything that the first account holds, as text."""
    return json.dumps(road.world.dump(), sort_keys=True)


@contextmanager
def opened(found: Picture, folder: Path, *, parallel: int) -> Iterator[Road]:
    """Give the road as the next process finds it."""
    world = found.world(folder, parallel=parallel)
    road = Road(world)
    try:
        yield road
    except Exception as error:
        error.add_note(f"died at {found.moment}, {folder.name}")
        raise
    finally:
        road.sandbox.close()
        world.close()


def film(folder: Path, *, parallel: int, retire: bool) -> tuple[list[Picture], str]:
    """Film one migration; return its moments, and what the source looked like before."""
    folder.mkdir()
    world = World(folder, parallel=parallel)
    world.create()
    road = Road(world)
    before = source_of(road)
    camera = Camera(world)

    def act(_: World) -> None:
        road.cloud.cloud = cast("Cloud", _Filmed(road.sandbox, camera))
        road.go(retire=retire)

    pictures = camera.film(act)
    road.sandbox.close()
    world.close()
    return pictures, before


def go_on(road: Road, *, retire: bool) -> None:
    """Type the same command again; what is done already is said to be."""
    try:
        road.go(retire=retire)
    except (AlreadyExists, NotFound):
        assert [step.partition(" ")[2] for step in road.steps(NEW)][: len(STEPS)] == STEPS


def assert_all_is_well(road: Road, before: str) -> None:
    """The source is as it was, the new cluster like it and there once, and both logs tell the same."""
    assert source_of(road) == before
    old, new = road.world.state(), road.world.state(NEW)
    assert neutral(old.spec()) == neutral(new.spec())
    names: Counter[Any] = Counter((item["kind"], item["name"]) for item in road.sandbox.dump("other"))
    assert [name for name, count in names.items() if count > 1] == []
    assert len(names) == len(new.bindings) == len(old.bindings)
    assert all(binding.ready for binding in new.bindings.values())
    assert new.pending() is None
    assert old.pending() is None
    for name in ("web", NEW):
        road.world.assert_sound(name)
        told = [step.partition(" ")[2] for step in road.steps(name)]
        assert list(dict.fromkeys(told)) == STEPS
    assert old.migration is not None
    assert new.migration is not None
    assert old.migration.taken == new.migration.taken


@pytest.mark.long
@pytest.mark.parametrize("parallel", [1, 4])
def test_whenever_the_process_ends_the_same_command_goes_on(
    tmp_path: Path, parallel: int, every: bool
) -> None:
    pictures, before = film(tmp_path / "film", parallel=parallel, retire=False)
    assert len(pictures) > 50
    chosen = range(len(pictures)) if every else _some(len(pictures), parallel)
    for number in chosen:
        with opened(pictures[number], tmp_path / f"{number}", parallel=parallel) as road:
            assert source_of(road) == before, "it was harmed while it ran"
            go_on(road, retire=False)
            assert_all_is_well(road, before)


def _some(count: int, parallel: int) -> list[int]:
    """Return some of the moments, all of the last ones: there each step is written into two logs."""
    return sorted({*range(0, count, 9 * parallel), *range(max(0, count - 14), count, parallel)})


@pytest.mark.long
def test_so_it_is_while_the_source_is_taken_away(tmp_path: Path, every: bool) -> None:
    """What was asked for with the source's name is gone on with; the new cluster is there all the while."""
    pictures, _ = film(tmp_path / "film", parallel=2, retire=True)
    for number in range(len(pictures) * 2 // 3, len(pictures), 1 if every else 7):
        with opened(pictures[number], tmp_path / f"{number}", parallel=2) as road:
            cut_over = "cut-over" in " ".join(road.steps("web"))
            left = Counter(item["kind"] for item in road.world.dump())
            assert cut_over or left["server"] >= 2, "nothing is taken away before the new one is verified"
            if not road.world.state().gone:
                road.go(retire=True)
            assert road.world.state().gone
            mine = road.world.journal.cluster_id("web", gone=True)
            assert [item for item in road.world.dump() if item["cluster"] == mine] == []
            assert road.world.state(NEW).pending() is None


@pytest.mark.long
@pytest.mark.parametrize("seed", range(6))
def test_a_cloud_in_trouble_harms_nothing_and_the_same_command_gets_there(
    tmp_path: Path, seed: int, every: bool
) -> None:
    """Lost answers, refused calls, things that fail while they are made, and lists that lag behind."""
    for number in range(seed, 60 if every else seed + 1, 6):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        world = World(folder, parallel=3)
        world.create()
        road = Road(world, seed=number)
        before = source_of(road)
        road.sandbox.inject(
            Faults(unavailable=0.06, answer_lost=0.06, rate_limited=0.03, failing=0.02, list_lag=5.0)
        )
        for _ in range(12):
            try:
                road.go()
            except KubisnapError:
                assert source_of(road) == before, f"seed {number}"
                world.clock.sleep(120.0)
                continue
            break
        else:
            road.sandbox.inject(Faults())
            road.go()
        road.sandbox.inject(Faults())
        assert_all_is_well(road, before)
        road.sandbox.close()
        world.close()


@pytest.mark.parametrize("nth", [1, 9, 20, 32])
def test_a_network_that_is_gone_for_good_leaves_the_way_open(tmp_path: Path, nth: int) -> None:
    folder = tmp_path / "world"
    folder.mkdir()
    world = World(folder, parallel=2)
    world.create()
    road = Road(world)
    before = source_of(road)
    road.cloud.on("", nth=nth, times=10**6, before=Unavailable("sandbox", "no answer"))
    with pytest.raises(KubisnapError):
        road.go()
    assert source_of(road) == before
    road.mend()
    road.go()
    assert_all_is_well(road, before)
    road.sandbox.close()
    world.close()
