"""Appending with the index, beside the same path with nothing but the events' table."""

import itertools
import statistics
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from benchmarks.archive import log
from benchmarks.audit.stores import hurry
from benchmarks.table import Figure, interleaved, median_ratio, seconds
from kubisnap.engine.domain.events import Recorded
from kubisnap.engine.journal.codec import Codec
from kubisnap.engine.journal.log import Envelope, Journal
from kubisnap.engine.journal.sqlite import Recorder, open_sqlite

BATCH, BATCHES = 100, 200
RUNS = 7
BAR = 0.3


class Bare(Recorder):
    """Inserts events, and nothing that the audit index says of them."""

    def insert_rows(
        self, rows: Sequence[tuple[str, int, str, bytes]], recorded: Iterable[Recorded] | None = None
    ) -> None:
        """Insert stream, version, topic and state of each."""
        del recorded
        with self.datastore.transaction(commit=True) as cursor:
            cursor.executemany(self.insert_events_statement, rows)


def appending(*, quick: bool) -> list[Figure]:
    """Measure both, synced at each commit as a store is, and only now and then."""
    batches, runs = (BATCHES // 10, 3) if quick else (BATCHES, RUNS)
    with tempfile.TemporaryDirectory(prefix="kubisnap-append-") as made:
        full = _measured(Path(made), "FULL", batches, runs)
        normal = _measured(Path(made), "NORMAL", batches, runs)
    share = full[-1]._replace(bar=BAR)
    return [*full[:-1], share, *normal]


def _measured(folder: Path, synchronous: str, batches: int, runs: int) -> list[Figure]:
    events = list(log.recorded(batches * BATCH))
    numbers = itertools.count()

    def once(kind: type[Recorder]) -> float:
        path = folder / f"{synchronous}-{next(numbers)}.sqlite"
        return _append(path, kind, events, synchronous)

    found = interleaved(runs, lambda: once(Recorder), lambda: once(Bare))
    ours, bare = (statistics.median(run[index] for run in found) for index in (0, 1))
    name = f"append {BATCH}, {synchronous}"
    return [
        Figure(f"{name}: with index", len(events) / ours, "events/s"),
        Figure(f"{name}: bare", len(events) / bare, "events/s"),
        Figure(f"{name}: of the bare speed", median_ratio(found, 1, 0), "x"),
    ]


def _append(path: Path, kind: type[Recorder], events: Sequence[Recorded], synchronous: str) -> float:
    """Return how long `Journal.append` takes for all of them."""
    made = open_sqlite(path, create=True)
    if made is None:
        raise AssertionError("a store that is made is there")
    with closing(made.datastore), Journal(f"sqlite:///{path}", kind(made.datastore), Codec()) as journal:
        hurry(made, synchronous)

        def work() -> None:
            for start in range(0, len(events), BATCH):
                part = events[start : start + BATCH]
                first = part[0]
                envelope = Envelope(first.time, first.actor, first.operation, first.reason, first.cause)
                journal.append(first.stream, start, [item.event for item in part], envelope)

        return seconds(work)
