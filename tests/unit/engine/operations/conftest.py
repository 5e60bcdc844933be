from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.unit.engine.world import World, unsynced


@pytest.fixture(autouse=True)
def _fast() -> Iterator[None]:
    """What a power cut leaves is the journal's business and tested there."""
    with unsynced():
        yield


@pytest.fixture
def new_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Make worlds; all are closed at the end."""
    worlds: list[World] = []

    def make(**settings: Any) -> World:
        folder = tmp_path / f"world-{len(worlds)}"
        folder.mkdir()
        worlds.append(World(folder, **settings))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    """A world in which the cloud does everything at once, with somebody else's key in the account."""
    made = new_world()
    made.add_foreign_key()
    return made
