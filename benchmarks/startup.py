"""Start-up: how long `kubisnap --help` takes beside a bare Python, as medians of one run.

The bar is a ratio, since machines differ: under 200 ms where bare Python takes 20 ms is 10 times.
"""

import statistics
import subprocess
import sys
import time

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
    # interleaved, so that a busy machine slows both alike
    pairs = [(once(bare), once(program)) for _ in range(RUNS)]
    python = statistics.median(pair[0] for pair in pairs)
    full = statistics.median(pair[1] for pair in pairs)
    ratio = full / python
    ok = ratio <= BAR
    print(f"{'figure':<34}{'measured':>12}{'bar':>10}  ok")
    print(f"{'bare python, median':<34}{python:>9.1f} ms{'-':>10}  -")
    print(f"{'kubisnap --help, median':<34}{full:>9.1f} ms{'-':>10}  -")
    print(f"{'ratio':<34}{ratio:>11.1f}x{BAR:>9.1f}x  {'yes' if ok else 'NO'}")
    return 0 if ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
