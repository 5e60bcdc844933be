"""The command line of the simulation: ``python -m tests.simulation``."""

import argparse
import os
import sys
from random import SystemRandom

from .playing import play
from .running import Ticker, complaint, play_all
from .stage import Verdict


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def replayed(verdict: Verdict) -> str:
    """Return the trace of a run, and what was broken in it."""
    end = complaint(verdict) if verdict.problems else f"seed {verdict.seed}: nothing is broken"
    return f"{verdict.story}\n{end}"


def main() -> int:
    """Play one seed or many; return 1 when any broke something."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation",
        description="Play the engine against a simulated cloud under a seeded scheduler and clock.",
    )
    parser.add_argument("--seeds", type=int, default=500, help="how many")
    parser.add_argument("--first", type=int, default=None, help="the first; a random one is printed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many processes")
    parser.add_argument("--replay", type=int, metavar="SEED", help="play one seed and print what happened")
    given = parser.parse_args()
    if given.replay is not None:
        verdict = play(given.replay)
        _say(replayed(verdict))
        return 1 if verdict.problems else 0
    first = SystemRandom().randrange(1_000_000_000) if given.first is None else given.first
    _say(f"seeds {first} to {first + given.seeds - 1}: --first {first} --seeds {given.seeds}")
    summary = play_all(range(first, first + given.seeds), given.jobs, Ticker(given.seeds))
    _say(summary.table())
    _say(
        f"{summary.seeds - len(summary.failed)} of {summary.seeds} seeds kept every invariant "
        f"({summary.writes} changes at the cloud, {summary.points} points)"
    )
    return 1 if summary.failed else 0


if __name__ == "__main__":
    sys.exit(main())
