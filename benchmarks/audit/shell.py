"""`kubisnap log` from the shell, a new process each time, beside `kubisnap --version`."""

import os
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from benchmarks.table import Figure, interleaved

RUNS = 15
BAR = 150.0
_PATIENCE_MS = 5_000
"""What takes longer falls short anyway, and is run once."""


def cold(store: Path) -> list[Figure]:
    """Measure how much longer the log takes than the version."""
    program = [sys.executable, "-m", "kubisnap"]
    version = [*program, "--version"]
    commands = {
        "log": ["log"],
        "log --grep": ["log", "--grep", "quota exceeded"],
        "log --events --by": ["log", "--events", "--by", "kaethe"],
    }
    found: list[Figure] = []
    for name, given in commands.items():
        command = [*program, "--store", f"sqlite:///{store}", *given]
        once(version)
        runs = RUNS if once(command) < _PATIENCE_MS else 1
        times = interleaved(runs, partial(once, command), partial(once, version))
        ours, bare = (statistics.median(run[index] for run in times) for index in (0, 1))
        found += [
            Figure(f"kubisnap {name}", ours, "ms"),
            Figure(f"kubisnap {name}, longer than --version", ours - bare, "ms", BAR, at_most=True),
        ]
    return found


def once(command: list[str]) -> float:
    """Return the wall time of one run in milliseconds, with bytecode kept as an installation has it."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    started = time.perf_counter()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return (time.perf_counter() - started) * 1000
