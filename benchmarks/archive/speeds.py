"""Speeds: verifying beside decompressing, reading beside decoding, capturing beside ``tar | zstd -3``."""

import gc
import sqlite3
import statistics
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

from benchmarks.archive import bare, log, manifests, ours, peers
from benchmarks.journal import INSERT
from benchmarks.table import Figure, interleaved, median_ratio, seconds
from kubisnap.engine.journal.codec import StoredRow
from kubisnap.engine.journal.log import open_journal

RUNS = 7
VERIFY_BAR, READ_BAR, CAPTURE_BAR = 60.0, 70.0, 1.0
BARRED = "one file"
"""The fastest of the layouts: what is beaten there is beaten in all. The others are printed beside it."""


def verifying(path: Path, runs: int) -> list[Figure]:
    """Compare verifying a file with decompressing the frames in it, which are in memory."""
    frames = ours.frames(path)
    raw = bare.decompress(frames)

    def verify() -> float:
        with path.open("rb") as source:
            return seconds(lambda: ours.verify(source))

    found = interleaved(runs, verify, lambda: seconds(lambda: bare.decompress(frames)))
    own, theirs = (statistics.median(run[index] for run in found) for index in (0, 1))
    return [
        Figure("verify: zstd decompression alone", raw / theirs / 1e6, "MB/s"),
        Figure("verify: kubisnap", raw / own / 1e6, "MB/s"),
        Figure("verify: share of zstd's speed", 100 * median_ratio(found, 1, 0), "%", VERIFY_BAR),
    ]


def _take(path: Path) -> None:
    deque(ours.read_events(path), maxlen=0)


def reading(path: Path, rows: Sequence[StoredRow], runs: int) -> list[Figure]:
    """Compare reading a file, verified, to typed events with decoding rows that are in memory."""
    chunks = bare.chunks(rows)
    ways: dict[str, Callable[[], object]] = {
        "msgspec, tagged union": lambda: bare.by_union(chunks),
        "msgspec, decoder by kind": lambda: bare.by_kind(rows),
    }
    untyped = bare.by_msgpack(chunks)
    if untyped is not None:
        ways["msgpack, to dictionaries"] = untyped
    found = interleaved(
        runs,
        lambda: seconds(lambda: _take(path)),
        *(lambda work=work: seconds(work) for work in ways.values()),
    )
    times = [statistics.median(run[index] for run in found) for index in range(len(ways) + 1)]
    fastest = min(range(1, len(times)), key=times.__getitem__)
    figures = [
        Figure(f"read: {name}", len(rows) / time, "events/s")
        for name, time in zip(ways, times[1:], strict=True)
    ]
    if untyped is None:
        figures.append(Figure("read: msgpack, to dictionaries", None, "events/s"))
    return [
        *figures,
        Figure("read: kubisnap", len(rows) / times[0], "events/s"),
        Figure("read: share of the fastest of these", 100 * median_ratio(found, fastest, 0), "%", READ_BAR),
    ]


def capturing(folder: Path, rows: Sequence[StoredRow], runs: int) -> list[Figure]:
    """Compare capturing a log from the journal with ``tar | zstd -3`` of it as files of JSON."""
    cluster, count = log.cluster_id(), len(rows)
    url = f"sqlite:///{folder / 'store.sqlite'}"
    open_journal(url, create=True).close()
    with closing(sqlite3.connect(folder / "store.sqlite")) as connection:
        connection.executemany(INSERT, ((cluster, *row) for row in rows))
        connection.commit()
    lines = list(log.as_json(rows, cluster))
    for name, together in peers.LAYOUTS.items():
        peers.write_lines(folder / name, lines, together)
    raw = sum(map(len, lines)) + count
    del lines
    path = folder / "own.ksnap"
    with open_journal(url) as journal:

        def own() -> float:
            return seconds(lambda: ours.capture(cluster, count, journal.rows(cluster), (), path))

        def memory() -> float:
            return seconds(lambda: ours.capture(cluster, count, rows, (), path))

        theirs = [
            lambda name=name: peers.tar_zstd(folder / name, folder / "tar.zst") or 0.0
            for name in peers.LAYOUTS
        ]
        found = interleaved(runs, own, memory, *theirs)
        path.unlink()
        safely = seconds(lambda: ours.capture_safely(cluster, count, journal.rows(cluster), (), path))
    speeds = [raw / statistics.median(run[index] for run in found) / 1e6 for index in (0, 1)]
    return [
        Figure("capture from the journal: kubisnap", speeds[0], "MB/s of JSON"),
        Figure("capture of rows in memory: kubisnap", speeds[1], "MB/s of JSON"),
        Figure("capture, synced, read back: kubisnap", raw / safely / 1e6, "MB/s of JSON"),
        *_beside_tar(raw, found),
    ]


def _beside_tar(raw: int, runs: Sequence[tuple[float, ...]]) -> Iterator[Figure]:
    """Yield the lines of the layouts; a run has our time first, those of the layouts from the third on."""
    for index, name in enumerate(peers.LAYOUTS, 2):
        there = runs[0][index] > 0
        speed = raw / statistics.median(run[index] for run in runs) / 1e6 if there else None
        ratio = median_ratio(runs, index, 0) if there else None
        bar = CAPTURE_BAR if name == BARRED else None
        yield Figure(f"capture: tar | zstd -3, {name}", speed, "MB/s of JSON")
        yield Figure(f"capture: kubisnap / tar | zstd -3, {name}", ratio, "x", bar)


def measure(events: int, count: int, runs: int = RUNS) -> list[Figure]:
    """Measure all three."""
    with tempfile.TemporaryDirectory(prefix="kubisnap-speeds-", dir=peers.in_memory()) as made:
        folder = Path(made)
        rows = list(log.events(events))
        both, alone = folder / "both.ksnap", folder / "alone.ksnap"
        ours.capture(log.cluster_id(), events, rows, manifests.manifests(count), both)
        ours.capture(log.cluster_id(), events, rows, (), alone)
        gc.collect()
        gc.freeze()  # the rows in memory are not to slow anybody
        figures = [
            *verifying(both, runs),
            *reading(alone, rows, runs),
            *capturing(folder, rows, min(runs, 5)),
        ]
        gc.unfreeze()
        return figures
