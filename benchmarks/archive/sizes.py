"""Sizes: a long log, a cluster's manifests, the second capture of them, beside what others make of them."""

import statistics
import tempfile
from functools import partial
from pathlib import Path

from benchmarks.archive import log, manifests, ours, peers
from benchmarks.table import Figure, seconds

RUNS = 5
LOG_BAR, VELERO_BAR, TAR_BAR, SECOND_BAR = 0.5, 0.65, 0.72, 0.02
NEW_EVENTS = 10
"""What an operation between two captures leaves behind, and the capture itself."""


def of_the_log(folder: Path, events: int) -> list[Figure]:
    """Compare the log alone."""
    rows = list(log.events(events))
    theirs = peers.gzipped_lines(log.as_json(rows, log.cluster_id()))
    path = folder / "log.ksnap"
    ours.capture(log.cluster_id(), events, rows, (), path)
    size = path.stat().st_size
    return [
        Figure("log: JSON lines, gzip -6", theirs / 1000, "KB"),
        Figure("log: kubisnap", size / 1000, "KB"),
        Figure("log: kubisnap / JSON lines, gzip -6", size / theirs, "x", LOG_BAR, at_most=True),
    ]


def of_manifests(folder: Path, count: int) -> list[Figure]:
    """Compare manifests alone."""
    given = manifests.manifests(count)
    velero, tar = peers.velero(given), peers.tar_once(given)
    bare = folder / "bare.ksnap"
    rows = list(log.events(1))
    ours.capture(log.cluster_id(), 1, rows, given, bare)
    size = bare.stat().st_size
    return [
        Figure("manifests: Velero's layout", velero / 1000, "KB"),
        Figure("manifests: tar + gzip -6", tar / 1000, "KB"),
        Figure("manifests: kubisnap", size / 1000, "KB"),
        Figure("manifests: kubisnap / Velero's layout", size / velero, "x", VELERO_BAR, at_most=True),
        Figure("manifests: kubisnap / tar + gzip -6", size / tar, "x", TAR_BAR, at_most=True),
    ]


def of_a_second_capture(folder: Path, count: int, runs: int) -> list[Figure]:
    """Compare the second of two captures between which one manifest in a hundred changed."""
    first = manifests.manifests(count)
    second = manifests.changed(first)
    rows = list(log.events(100 + NEW_EVENTS))
    before = folder / "first.ksnap"
    began = ours.capture(log.cluster_id(), 100, rows[:100], first, before).size
    added, times = [], []
    backups: dict[str, list[peers.Backup | None]] = {tool: [] for tool in peers.TOOLS}
    for run in range(runs):
        after = folder / f"second-{run}.ksnap"
        again = partial(ours.capture_after, before, rows[100:], NEW_EVENTS, second, after)
        times.append(seconds(again))
        added.append(after.stat().st_size)
        for tool, found in backups.items():
            found.append(peers.back_up(tool, folder / f"{tool}-{run}", first, second))
    size, time = statistics.median(added), statistics.median(times)
    figures = [
        Figure("first capture: kubisnap", began / 1000, "KB"),
        Figure("second capture: kubisnap", size / 1000, "KB"),
        Figure("second capture: kubisnap", time * 1000, "ms"),
        Figure("second capture / first", 100 * size / began, "%", 100 * SECOND_BAR, at_most=True),
    ]
    for tool, found in backups.items():
        figures += _beside(tool, size, times, [item for item in found if item is not None])
    return figures


def _beside(tool: str, size: float, times: list[float], found: list[peers.Backup]) -> list[Figure]:
    """Return the lines of one tool; it has none where it is not installed."""
    larger = faster = None
    lines = []
    if found:
        theirs = statistics.median(item.second for item in found)
        larger = theirs / size
        faster = statistics.median(item.second_seconds / own for item, own in zip(found, times, strict=True))
        lines = [
            Figure(f"{tool}: first backup", statistics.median(item.first for item in found) / 1000, "KB"),
            Figure(
                f"{tool}: first backup", 1000 * statistics.median(item.first_seconds for item in found), "ms"
            ),
            Figure(f"{tool}: second backup", theirs / 1000, "KB"),
            Figure(
                f"{tool}: second backup",
                1000 * statistics.median(item.second_seconds for item in found),
                "ms",
            ),
        ]
    return [
        *lines,
        Figure(f"second: {tool} / kubisnap, bytes", larger, "x", 1.0),
        Figure(f"second: {tool} / kubisnap, seconds", faster, "x", 1.0),
    ]


def measure(events: int, count: int, runs: int = RUNS) -> list[Figure]:
    """Measure all three."""
    with tempfile.TemporaryDirectory(prefix="kubisnap-sizes-", dir=peers.in_memory()) as made:
        folder = Path(made)
        return [
            *of_the_log(folder, events),
            *of_manifests(folder, count),
            *of_a_second_capture(folder, count, runs),
        ]
