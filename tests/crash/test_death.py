"""The process ends, at every moment at which anything is different from the moment before.

The next process opens what it left, finds the holder dead, and goes on, or back: as if nothing had been.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

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

WAYS: dict[str, Callable[[World, Scene], Inventory]] = {"on": go_on, "back": go_back}


@pytest.mark.parametrize("parallel", [1, 4])
@pytest.mark.parametrize("way", sorted(WAYS))
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_whenever_the_process_ends_the_next_one_comes_to_the_same(
    tmp_path: Path, name: str, way: str, parallel: int
) -> None:
    stage = scene(name)
    pictures = film(name, tmp_path / "film", parallel=parallel)
    assert len(pictures) > 3, "there was hardly a moment to die at"
    for number, found in enumerate(pictures):
        world = found.world(tmp_path / f"{number}", parallel=parallel)
        try:
            wanted = WAYS[way](world, stage)
            assert_all_is_well(world, stage, wanted)
        except Exception as error:
            error.add_note(f"died at {found.moment}")
            raise
        finally:
            world.close()
