"""Engine: every figure of the engine that has a bar, in one table.

Each benchmark is measured in a process of its own, one after the other, so that none of them slows
another or hands down its memory.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from benchmarks import journal, peer, thousand
from benchmarks.table import Figure, show

PARTS: Mapping[str, Callable[[], list[Figure]]] = {
    "thousand": thousand.measure,
    "journal": journal.measure,
    "peer": peer.measure,
}


def main() -> int:
    """Print one table; return 1 when a bar is missed."""
    figures: list[Figure] = []
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as alone:
        for name, measure in PARTS.items():
            print(f"── {name}", flush=True)
            figures += alone.submit(measure).result()
    print()
    return show(figures)


if __name__ == "__main__":
    raise SystemExit(main())
