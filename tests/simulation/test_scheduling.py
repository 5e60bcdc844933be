"""The stage itself: whose turn it is, what time it is, and what a power cut leaves on disk."""

import math
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random

import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.errors import StoreUnusable
from kubisnap.engine.journal.log import Envelope
from kubisnap.engine.journal.sqlite import Recorder
from tests.simulation.audit import Auditor
from tests.simulation.desk import Desk
from tests.simulation.fates import Fate
from tests.simulation.judging import DamagedError
from tests.simulation.playing import play
from tests.simulation.scheduling import (
    Process,
    ProcessDied,
    Scheduler,
    SimulatedClock,
    SimulatedCrew,
    StuckError,
)
from tests.simulation.storing import Shelf, furnish, read_stream

_CLUSTER = "c" * 32


def story(seed: int) -> list[str]:
    """Let three sleep for different times, and return who woke when."""
    scheduler = Scheduler(Random(seed))
    woke: list[str] = []

    def sleeper(name: str) -> None:
        for seconds in (1.0, 2.0):
            scheduler.sleep(seconds)
            woke.append(f"{name} {scheduler.time}")

    scheduler.join([scheduler.spawn(name, scheduler.world, partial(sleeper, name)) for name in "abc"])
    return woke


def test_time_jumps_to_the_next_sleeper_and_the_seed_says_who_is_first() -> None:
    assert {line.split()[1] for line in story(1)} == {"1.0", "3.0"}
    assert story(1) == story(1)
    assert len({tuple(story(seed)) for seed in range(20)}) > 5


def test_where_nobody_can_go_on_it_is_said_and_all_are_ended() -> None:
    scheduler = Scheduler(Random(1))
    task = scheduler.spawn("waiting", scheduler.world, lambda: scheduler.rest(math.inf, lambda: False))

    with pytest.raises(StuckError, match="waiting"):
        scheduler.join([task])

    scheduler.end()
    assert isinstance(task.exception(), ProcessDied)


def test_ctrl_c_strikes_while_a_crew_is_waited_for() -> None:
    scheduler = Scheduler(Random(1))
    process = Process(scheduler, "p")
    process.pressed = 1
    clock = SimulatedClock(process)

    with SimulatedCrew(process) as crew:
        job = crew.start(lambda: clock.sleep(10.0))
        with pytest.raises(KeyboardInterrupt):
            crew.ended([job], 1.0)
        assert crew.ended([job], 1.0) == []
        assert crew.ended([job], 60.0) == [job]
    assert clock.monotonic() == 10.0


def shelf_in(folder: Path, seed: int) -> tuple[Shelf, Desk]:
    furnish(folder)
    scheduler = Scheduler(Random(seed))
    shelf = Shelf(folder, scheduler)
    process = Process(scheduler, "p")
    shelf.powered.append(process)
    return shelf, Desk(shelf, process, Auditor(shelf))


def write(desk: Desk, after: int, count: int) -> None:
    events = [ev.KubernetesVersionDeclared(before="1.33", version="1.34" * 200) for _ in range(count)]
    desk.append(_CLUSTER, after, events, Envelope(time=1, actor="a", operation=1))


def test_whatever_a_power_cut_leaves_of_a_commit_it_is_there_wholly_or_not_at_all(tmp_path: Path) -> None:
    kept: Counter[int] = Counter()
    for seed in range(60):
        folder = tmp_path / str(seed)
        folder.mkdir()
        shelf, desk = shelf_in(folder, seed)
        write(desk, 0, 3)
        shelf.power_fails = True
        with pytest.raises(ProcessDied):
            write(desk, 3, 40)
        kept[len(read_stream(shelf.journal, _CLUSTER))] += 1
        shelf.close()
    assert set(kept) == {3, 43}


def test_a_store_whose_transactions_are_not_whole_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Recorder.insert_rows

    def one_by_one(
        self: Recorder, rows: Sequence[tuple[str, int, str, bytes]], recorded: Sequence[ev.Recorded]
    ) -> None:
        for row, item in zip(rows, recorded, strict=True):
            whole(self, [row], [item])

    monkeypatch.setattr(Recorder, "insert_rows", one_by_one)
    damaged = 0
    for seed in range(20):
        folder = tmp_path / str(seed)
        folder.mkdir()
        shelf, desk = shelf_in(folder, seed)
        shelf.power_fails = True
        with pytest.raises((DamagedError, ProcessDied)) as caught:
            write(desk, 0, 40)
        damaged += caught.errisinstance(DamagedError)
        shelf.close()
    assert damaged


def test_a_full_disk_is_told_and_with_room_again_it_goes_on(tmp_path: Path) -> None:
    shelf, desk = shelf_in(tmp_path, 1)
    write(desk, 0, 3)
    shelf.full = True
    with pytest.raises(StoreUnusable, match="full"):
        write(desk, 3, 40)
    shelf.full = False

    write(desk, 3, 2)

    shelf.compare()
    assert len(read_stream(shelf.journal, _CLUSTER)) == 5
    shelf.close()


def test_every_kind_of_trouble_strikes() -> None:
    struck: Counter[str] = Counter()
    for seed in range(60):
        struck += play(seed).struck

    assert {
        *(fate.value for fate in Fate),
        "429 storm",
        "outage",
        "answer delayed",
        "request late",
        "request repeated",
        "Unavailable",
        "Unavailable after the effect",
        "RateLimited",
        "QuotaExceeded",
        "Rejected",
    } <= struck.keys()
