"""Start-up: how long `kubisnap --help` takes beside a bare Python, as medians of one run.

The bar is a ratio, since machines differ: under 200 ms where bare Python takes 20 ms is 10 times.
"""

import statistics
import subprocess
import sys
import time

from benchmarks.table import Figure, interleaved, median_ratio, show

RUNS = 15
BAR = 10.0


def once(command: list[str]) -> float:
    """Return the wall time of one run in milliseconds."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - started) * 1000


def main() -> int:
    """Print the table; return 1 when the bar is missed."""
    bare = [sys.executable, "-c", "pass"]
    program = [sys.executable, "-m", "kubisnap", "--help"]
    for command in (bare, program):
        once(command)  # warm the page cache and the byte code
    runs = interleaved(RUNS, lambda: once(bare), lambda: once(program))
    return show(
        [
            Figure("bare python", statistics.median(run[0] for run in runs), "ms"),
            Figure("kubisnap --help", statistics.median(run[1] for run in runs), "ms"),
            Figure("kubisnap --help / bare python", median_ratio(runs, 1, 0), "x", BAR, at_most=True),
        ]
    )


if __name__ == "__main__":
    raise SystemExit(main())
