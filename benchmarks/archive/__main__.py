"""Archive: how small, how fast and how lean a snapshot is, beside what people use instead.

A log of 200,000 events and 2,000 manifests, both generated from a seed (`log`, `manifests`); archives of
up to 2 GB for the memory. Each part is measured in a process of its own, and where two speeds are
compared they take turns.
"""

import argparse
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

from benchmarks.archive import memory, sizes, speeds
from benchmarks.table import Figure, show

EVENTS, MANIFESTS = 200_000, 2_000


def parts(*, quick: bool) -> Mapping[str, Callable[[], list[Figure]]]:
    """Return what is measured, the memory first: a process starts with its parent's peak."""
    if quick:
        return {
            "memory": partial(memory.measure, (1_000_000, 10_000_000)),
            "sizes": partial(sizes.measure, EVENTS // 10, MANIFESTS // 10, 1),
            "speeds": partial(speeds.measure, EVENTS // 10, MANIFESTS // 10, 3),
        }
    return {
        "memory": memory.measure,
        "sizes": partial(sizes.measure, EVENTS, MANIFESTS),
        "speeds": partial(speeds.measure, EVENTS, MANIFESTS),
    }


def main() -> int:
    """Print one table; return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.archive",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="smaller data, to see that it works")
    parser.add_argument("--only", choices=("memory", "sizes", "speeds"), help="one part")
    given = parser.parse_args()
    figures: list[Figure] = []
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as alone:
        for name, measure in parts(quick=given.quick).items():
            if given.only in {None, name}:
                print(f"── {name}", flush=True)
                figures += alone.submit(measure).result()
    print()
    return show(figures)


if __name__ == "__main__":
    raise SystemExit(main())
