"""Many seeds side by side, and what came of them."""

import multiprocessing
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import monotonic

from .playing import play
from .stage import Verdict

_CHUNK = 10


@dataclass
class Summary:
    """What many runs came to."""

    seeds: int = 0
    points: int = 0
    writes: int = 0
    failed: list[Verdict] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    ran: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, verdict: Verdict) -> None:
        """Count one run."""
        self.seeds += 1
        self.points += verdict.points
        self.writes += verdict.writes
        self.struck += verdict.struck
        self.ran += verdict.ran
        if verdict.problems:
            self.failed.append(verdict)

    def table(self) -> str:
        """Return what struck, what ran, and how it ended."""
        kinds = sorted({kind for kind, _ in self.ran})
        outcomes = [name for name, _ in _totals(self.ran, 1).most_common()]
        width = max([24, *(len(name) + 2 for name in self.struck)])
        lines = [f"{'fault':<{width}}{'struck':>8}"]
        lines += [f"{name:<{width}}{count:>8}" for name, count in self.struck.most_common()]
        lines += ["", f"{'ended':<{width}}" + "".join(f"{kind:>10}" for kind in kinds)]
        lines += [
            f"{outcome:<{width}}" + "".join(f"{self.ran[kind, outcome]:>10}" for kind in kinds)
            for outcome in outcomes
        ]
        return "\n".join(lines)


def _totals(counted: Counter[tuple[str, str]], which: int) -> Counter[str]:
    totals: Counter[str] = Counter()
    for place, count in counted.items():
        totals[place[which]] += count
    return totals


def play_briefly(seed: int) -> Verdict:
    """Play one seed and keep no trace of it: it is played again when somebody wants to read one."""
    verdict = play(seed)
    verdict.trace = []
    return verdict


def play_all(seeds: Sequence[int], jobs: int, told: Callable[[Summary], None] = lambda _: None) -> Summary:
    """Play many seeds in so many processes; `told` hears of each."""
    summary = Summary()
    for verdict in _verdicts(seeds, jobs):
        summary.add(verdict)
        told(summary)
    return summary


def _verdicts(seeds: Sequence[int], jobs: int) -> Iterator[Verdict]:
    if jobs == 1:
        yield from map(play_briefly, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        yield from pool.imap_unordered(play_briefly, seeds, _CHUNK)


def complaint(verdict: Verdict) -> str:
    """Say what went wrong in a run, and how to see it again."""
    return "\n".join(
        [
            f"seed {verdict.seed}:",
            *(f"  {problem}" for problem in verdict.problems),
            f"  again: python -m tests.simulation --replay {verdict.seed}",
        ]
    )


class Ticker:
    """One line of progress on a terminal, and each failure as it comes."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._started = monotonic()
        self._failed = 0
        self._live = sys.stderr.isatty()

    def __call__(self, summary: Summary) -> None:
        """Tell of one more."""
        if len(summary.failed) > self._failed:
            self._failed = len(summary.failed)
            sys.stdout.write(f"{complaint(summary.failed[-1])}\n")
            sys.stdout.flush()
        if self._live or summary.seeds == self._total:
            rate = summary.seeds / max(monotonic() - self._started, 0.001)
            end = "\n" if summary.seeds == self._total else ""
            sys.stderr.write(
                f"\r{summary.seeds} of {self._total} seeds, {rate:.0f} a second, {self._failed} failed{end}"
            )
            sys.stderr.flush()
