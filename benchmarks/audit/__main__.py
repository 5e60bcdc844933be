"""Audit: how fast a store of 1,000,000 events answers, and what the index costs those who append.

The events are those of several hundred clusters (`data`), written through the recorder once and kept in the
system's folder for temporary files, until the code that they depend on changes.
"""

import argparse
from collections.abc import Callable, Mapping
from functools import partial

from benchmarks.audit import stores
from benchmarks.audit.appending import appending
from benchmarks.audit.asking import asking
from benchmarks.audit.shell import cold
from benchmarks.audit.whole import moments, rebuilding, verifying
from benchmarks.table import Figure, show

EVENTS = 1_000_000


def parts(events: int, *, beside: bool) -> Mapping[str, Callable[[], list[Figure]]]:
    """Return what is measured. Of more events than a million only what is asked of them is told."""
    found: dict[str, Callable[[], list[Figure]]] = {
        "ask": lambda: asking(stores.many(events), events, beside=beside),
        "shell": lambda: cold(stores.many(events)),
    }
    if events > EVENTS:
        return found
    return found | {
        "append": partial(appending, quick=events < EVENTS // 10),
        "rebuild": lambda: rebuilding(stores.many(events), events),
        "verify": lambda: verifying(stores.alone(events), events),
        "state": lambda: [
            *moments(stores.many(events), "among many clusters"),
            *moments(stores.alone(events), "alone"),
        ],
    }


def main() -> int:
    """Print one table; return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.audit",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--events", type=int, default=EVENTS, help="how many are in the store")
    parser.add_argument("--only", action="append", help="ask, shell, append, rebuild, verify or state")
    parser.add_argument("--alone", action="store_true", help="without jq and DuckDB")
    given = parser.parse_args()
    figures: list[Figure] = []
    for name, measure in parts(given.events, beside=not given.alone).items():
        if given.only is None or name in given.only:
            print(f"── {name}", flush=True)
            figures += measure()
    print()
    return show(figures)


if __name__ == "__main__":
    raise SystemExit(main())
