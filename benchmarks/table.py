"""What every benchmark has in common: interleaved runs, their median, and the table at the end."""

import statistics
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple


class Figure(NamedTuple):
    """A line of the table. Without a `bar` it is told for the context and cannot fall short.

    What could not be measured, since something to compare with is not installed, is None.
    """

    name: str
    measured: float | None
    unit: str
    bar: float | None = None
    at_most: bool = False

    @property
    def ok(self) -> bool:
        """Whether the bar is met."""
        if self.bar is None:
            return True
        if self.measured is None:
            return False
        return self.measured <= self.bar if self.at_most else self.measured >= self.bar


def seconds(work: Callable[[], object]) -> float:
    """Return the wall time of one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def interleaved(runs: int, *works: Callable[[], float]) -> list[tuple[float, ...]]:
    """Return what each of `works` measured, run by run: in turns, so that a busy machine slows all alike."""
    return [tuple(work() for work in works) for _ in range(runs)]


def median_ratio(runs: Sequence[tuple[float, ...]], over: int, under: int) -> float:
    """Return the median of the ratios within each run."""
    return statistics.median(run[over] / run[under] for run in runs)


def show(figures: Sequence[Figure]) -> int:
    """Print the table; return the exit code: 1 when a figure falls short."""
    width = max(34, *(len(figure.name) + 2 for figure in figures))
    print(f"{'figure':<{width}}{'measured':>14}{'bar':>14}  ok")
    for figure in figures:
        bar, ok = "-", "-"
        if figure.bar is not None:
            bar = f"{'<=' if figure.at_most else '>='} {_number(figure.bar, figure.unit)}"
            ok = "yes" if figure.ok else "NO"
        measured = "not installed" if figure.measured is None else _number(figure.measured, figure.unit)
        print(f"{figure.name:<{width}}{measured:>14}{bar:>14}  {ok}")
    return 0 if all(figure.ok for figure in figures) else 1


def _number(value: float, unit: str) -> str:
    digits = 2 if unit == "x" else 0 if abs(value) >= 1000 or value == int(value) else 1
    return f"{value:,.{digits}f} {unit}".rstrip()
