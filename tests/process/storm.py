"""Two processes write to a team store and two read along, while connections are cut at random.

What a writer was told is kept it writes down; what a reader saw it writes down, too. The test compares.
"""

import multiprocessing as mp
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.synchronize import Barrier, Event
from random import Random
from typing import Any

from kubisnap.engine.errors import KubisnapError, LogMoved
from kubisnap.engine.journal.log import Journal, open_journal
from tests.postgres_server import Database
from tests.unit.engine.starters import ENVELOPE, events

WRITERS, READERS = 2, 2
SHARED = "f" * 32
"""The log that both writers want to write to."""

_LONGEST = 120.0
_CUT_ONE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kubisnap' "
    "AND datname = current_database() ORDER BY random() LIMIT {}"
)

Place = tuple[str, int]
"""Stream and version."""


@dataclass
class Weathered:
    """What came of it."""

    cuts: int = 0
    conflicts: int = 0
    kept: dict[Place, str] = field(default_factory=dict)
    twice: list[Place] = field(default_factory=list)
    seen: list[list[Place]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def weather(database: Database, seconds: float, seed: int) -> Weathered:
    """Let it storm for so many seconds, then let everybody finish, and gather what they wrote down."""
    context = mp.get_context("spawn")
    ready, calm, over = context.Barrier(WRITERS + READERS + 1), context.Event(), context.Event()
    answers: Any = context.Queue()
    found = Weathered()
    open_journal(database.url, create=True).close()
    writers = [
        context.Process(target=write, args=(database.url, number, seed, ready, calm, answers))
        for number in range(WRITERS)
    ]
    readers = [
        context.Process(target=read_along, args=(database.url, ready, over, answers)) for _ in range(READERS)
    ]
    for process in [*writers, *readers]:
        process.start()
    ready.wait(_LONGEST)
    found.cuts = _storm(database, seconds, Random(seed), calm)
    calm.set()
    told = [answers.get(timeout=_LONGEST) for _ in writers]
    over.set()
    told += [answers.get(timeout=_LONGEST) for _ in readers]
    for process in [*writers, *readers]:
        process.join(_LONGEST)
    _gather(found, told)
    return found


def _storm(database: Database, seconds: float, random: Random, calm: Event) -> int:
    cuts = 0
    with database.connect() as connection:
        for pause in _pauses(random, seconds):
            calm.wait(pause)
            cuts += len(connection.execute(_CUT_ONE.format(random.choice([1, 1, 1, 8])).encode()).fetchall())
    return cuts


def _pauses(random: Random, seconds: float) -> Iterator[float]:
    left = seconds
    while left > 0:
        pause = random.uniform(0.01, 0.15)
        left -= pause
        yield pause


def _gather(found: Weathered, told: list[tuple[str, Any]]) -> None:
    for kind, what in told:
        if kind == "seen":
            found.seen.append(what)
        elif kind == "error":
            found.errors.append(what)
        else:
            kept, conflicts = what
            found.conflicts += conflicts
            found.twice += [place for place, _ in kept if place in found.kept]
            found.kept |= dict(kept)


def write(url: str, number: int, seed: int, ready: Barrier, calm: Event, answers: Any) -> None:
    """Append to an own log and to the shared one, and write down what was kept."""
    random, conflicts, count = Random(seed + number), 0, 0
    kept: list[tuple[Place, str]] = []
    own = f"{number:032x}"
    heads = {own: 0, SHARED: 0}
    try:
        with open_journal(url) as journal:
            journal.claims()
            ready.wait(_LONGEST)
            while not calm.is_set():
                stream = random.choice([own, SHARED])
                if stream == SHARED:
                    heads[stream] += len(journal.rows(stream, after=heads[stream]))
                text = [f"{number}-{count}-{part}" for part in range(random.choice([1, 1, 3]))]
                count += 1
                try:
                    made = journal.append(
                        stream, heads[stream], [event for one in text for event in events(one)], ENVELOPE
                    )
                except LogMoved:
                    if stream == own:
                        raise
                    conflicts += 1
                else:
                    heads[stream] = made[-1].version
                    kept += [((stream, item.version), one) for item, one in zip(made, text, strict=True)]
        answers.put(("kept", (kept, conflicts)))
    except KubisnapError as error:
        answers.put(("error", f"writer {number}: {type(error).__name__}: {error}"))


def read_along(url: str, ready: Barrier, over: Event, answers: Any) -> None:
    """Follow the whole store, and write down what was seen, in order."""
    seen: list[Place] = []
    last = 0
    try:
        with open_journal(url) as journal:
            journal.claims()
            ready.wait(_LONGEST)
            ending = False
            while not ending:
                ending = over.is_set()
                for part in journal.each_of_all(after=last):
                    seen += [(row.stream, row.version) for row in part]
                    last = part[-1].position
                over.wait(0.01)
        answers.put(("seen", seen))
    except KubisnapError as error:
        answers.put(("error", f"reader: {type(error).__name__}: {error}"))


def texts(journal: Journal) -> dict[Place, str]:
    """Return what the store holds in the end."""
    streams = {row.stream for part in journal.each_of_all() for row in part}
    return {
        (item.stream, item.version): item.event.message  # type: ignore[union-attr]
        for stream in streams
        for item in journal.stream(stream)
    }
