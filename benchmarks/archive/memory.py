"""Memory: the most that writing to a file and verifying from a pipe hold, whatever the archive's size.

Each is a process of its own, ``python -m benchmarks.archive.memory write|verify SIZE FOLDER``, which
prints its peak. The contents are made while they are written: see `bulk`.
"""

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.archive import bulk, ours
from benchmarks.archive.log import cluster_id
from benchmarks.table import Figure

SIZES = (10_000_000, 200_000_000, 2_000_000_000)
MOST_MIB = 150.0
MOST_GROWTH = 1.15
"""Of the largest over the middle one: the index has an entry for each record and blob."""


def _work(what: str, size: int, path: Path) -> None:
    if what == "write":
        ours.capture(cluster_id(bulk.SEED), bulk.row_count(size), bulk.rows(size), bulk.blobs(size), path)
    else:
        ours.verify(sys.stdin.buffer)


def _peak(what: str, size: int, path: Path) -> float:
    """Return the peak of a new process in MiB."""
    command = [sys.executable, "-m", "benchmarks.archive.memory", what, str(size), str(path)]
    if what == "write":
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        return float(done.stdout)
    with subprocess.Popen(["cat", str(path)], stdout=subprocess.PIPE) as cat:
        done = subprocess.run(command, check=True, stdin=cat.stdout, stdout=subprocess.PIPE, text=True)
    return float(done.stdout)


def measure(sizes: tuple[int, ...] = SIZES) -> list[Figure]:
    """Write and verify archives of these sizes. To be called in a process that is small itself.

    A new process starts with the peak of the one that made it.
    """
    figures = []
    peaks: dict[str, list[float]] = {"write": [], "verify": []}
    with tempfile.TemporaryDirectory(prefix="kubisnap-memory-") as made:
        for size in sizes:
            path = Path(made) / f"{size}.ksnap"
            for what, found in peaks.items():
                found.append(_peak(what, size, path))
                name = f"{what} {size / 1e6:,.0f} MB: peak"
                figures.append(Figure(name, found[-1], "MiB", MOST_MIB, at_most=True))
            print(f"{size / 1e6:,.0f} MB wanted, {path.stat().st_size / 1e6:,.1f} MB written", flush=True)
            path.unlink()
    for what, found in peaks.items():
        name = f"{what}: largest over the one before"
        figures.append(Figure(name, found[-1] / found[-2], "x", MOST_GROWTH, at_most=True))
    return figures


def main() -> int:
    """Do one thing once and print the peak in MiB."""
    what, size, path = sys.argv[1:]
    _work(what, int(size), Path(path))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(peak / 1024 if sys.platform != "darwin" else peak / 1024**2)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
