"""Pictures of a crash: what the store and the cloud hold, at every moment at which that changes.

A process that is killed leaves its files and nothing else. So it need not be run again for every
moment of its death: one run is enough, with a picture of both files before and after each write to the
log and each call to the cloud. Pictures that show the same are one.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any, cast

from kubisnap.adapters.sandbox import Faults
from kubisnap.engine.errors import KubisnapError
from kubisnap.engine.ports import Cloud
from tests.unit.engine.world import World

_FILES = ("store.sqlite", "cloud.sqlite")
_SEEDS = 1000
"""Apart, so that the next process does not draw the first one's random numbers again."""


@dataclass(frozen=True)
class Picture:
    """Both files at a moment, the time it was, and what was just going to happen or had happened."""

    moment: str
    files: tuple[bytes, ...]
    time: float

    def world(self, folder: Path, *, lag: float = 0.0, parallel: int = 4) -> World:
        """Return the world as the next process finds it."""
        folder.mkdir(parents=True)
        for name, content in zip(_FILES, self.files, strict=True):
            (folder / name).write_bytes(content)
        world = World(folder, parallel=parallel)
        world.clock.sleep(self.time - world.clock.now())
        world._seed = _SEEDS
        world.sandbox.inject(Faults(list_lag=lag))
        return world


def picture(world: World, moment: str) -> Picture:
    """Take a picture of a world in which nothing moves."""
    contents = []
    for name in _FILES:
        with closing(sqlite3.connect(world.folder / name)) as connection:
            contents.append(connection.serialize())
    return Picture(moment, tuple(contents), world.clock.now())


@dataclass
class Camera:
    """Takes the pictures of one run. While one is taken, nobody writes and nobody calls."""

    world: World
    pictures: list[Picture] = field(default_factory=list)
    lock: RLock = field(default_factory=RLock)

    def film(self, act: Callable[[World], object]) -> list[Picture]:
        """Return what the disk and the cloud look like at every moment of an operation, in order."""
        world = self.world
        world.journal._insert = self._still("write", world.journal._insert)  # type: ignore[method-assign]
        world.cloud.cloud = cast("Cloud", _Filmed(world.sandbox, self))
        with suppress(KubisnapError):
            act(world)
        self._take("the end")
        return self.pictures

    def _still(self, moment: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*arguments: Any) -> Any:
            with self.lock:
                self._take(f"before {moment}")
                try:
                    return work(*arguments)
                finally:
                    self._take(f"after {moment}")

        return watched

    def _take(self, moment: str) -> None:
        taken = picture(self.world, f"{len(self.pictures)}: {moment}")
        if not self.pictures or taken.files != self.pictures[-1].files:
            self.pictures.append(taken)


class _Filmed:
    """A cloud whose every call is filmed."""

    def __init__(self, cloud: Cloud, camera: Camera) -> None:
        self._cloud, self._camera = cloud, camera

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._cloud, name)
        return self._camera._still(name, found) if callable(found) else found
