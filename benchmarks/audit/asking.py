"""How long a page of answers takes, for each filter; beside it jq and DuckDB, which are asked the same."""

import gc
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from benchmarks.audit import others
from benchmarks.audit.questions import questions, sample
from benchmarks.table import Figure
from kubisnap.engine.domain.history import OperationView
from kubisnap.engine.journal.audit.asking import Audit
from kubisnap.engine.journal.audit.queries import Found, Page, Query
from kubisnap.engine.journal.log import open_journal

PAGE, FURTHER = 20, 4
ROUNDS = 3
BAR, BAR_OF_MANY, MANY = 25.0, 50.0, 10_000_000
"""Milliseconds, p95; up to which number of events the first one counts."""

Ask = Callable[[Query, str], Page[Found] | Page[tuple[str, OperationView]]]


def p95(times: Sequence[float]) -> float:
    """Return what 95 of 100 are not above."""
    return statistics.quantiles(times, n=20, method="inclusive")[-1] if len(times) > 1 else times[0]


def asking(store: Path, count: int, *, beside: bool) -> list[Figure]:
    """Measure the first page and those after it, of operations and of events."""
    with open_journal(f"sqlite:///{store}") as journal:
        audit = journal.audit
        random = Random(1)
        asked = questions(sample(audit, random), random)
        ways: dict[str, Ask] = {
            "operations": lambda query, cursor: audit.operations(query, limit=PAGE, cursor=cursor),
            "events": lambda query, cursor: audit.events(query, limit=PAGE, cursor=cursor),
        }
        gc.collect()
        gc.freeze()
        firsts = _firsts(ways, asked)
        further = {way: _further(ask, asked) for way, ask in ways.items()}
        gc.unfreeze()
        if beside:
            others.compare(_answers(audit, asked), {name: firsts[name, "events"] for name in asked}, store)
    bar = BAR if count < MANY else BAR_OF_MANY
    found = [
        Figure(f"{way} by {name}: first page, p95", p95(times), "ms", bar, at_most=True)
        for (name, way), times in sorted(firsts.items(), key=lambda item: item[0][1], reverse=True)
    ]
    pages = [
        Figure(f"{way}: pages 2 to {FURTHER + 1} by cursor, p95", p95(times), "ms", bar, at_most=True)
        for way, times in further.items()
    ]
    return found + pages


def _firsts(ways: dict[str, Ask], asked: dict[str, list[Query]]) -> dict[tuple[str, str], list[float]]:
    """Ask everything a few times over, in turns; return the times in milliseconds by filter and way."""
    found: dict[tuple[str, str], list[float]] = {(name, way): [] for way in ways for name in asked}
    for _ in range(ROUNDS):
        for name, queries in asked.items():
            for query in queries:
                for way, ask in ways.items():
                    started = time.perf_counter()
                    ask(query, "")
                    found[name, way].append((time.perf_counter() - started) * 1000)
    return found


def _further(ask: Ask, asked: dict[str, list[Query]]) -> list[float]:
    found = []
    for query in (query for queries in asked.values() for query in queries):
        cursor = ask(query, "").cursor
        for _ in range(FURTHER):
            if not cursor:
                break
            started = time.perf_counter()
            cursor = ask(query, cursor).cursor
            found.append((time.perf_counter() - started) * 1000)
    return found


def _answers(audit: Audit, asked: dict[str, list[Query]]) -> dict[str, tuple[Query, list[int]]]:
    """Return one question for each filter, and the positions of the events that are the answer."""
    return {
        name: (queries[0], [item.position for item in audit.events(queries[0], limit=PAGE).items])
        for name, queries in asked.items()
    }
