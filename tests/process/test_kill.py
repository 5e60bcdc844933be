"""Killed at a random moment, each kind of operation ends as promised; see `tests.process.kill`."""

import os
import sys
from itertools import count
from random import SystemRandom

import pytest

from tests.process.cases import NEAR, OPERATIONS, Case
from tests.process.kill import complaint, play_all

_SEED = "KUBISNAP_KILL_SEED"


def quick(first: int) -> list[int]:
    """Return a seed for each operation, from the first on. Far clouds take long: they are for many runs."""
    seeds: dict[str, int] = {}
    for seed in count(first):
        case = Case.drawn(seed)
        if case.conditions == NEAR:
            seeds.setdefault(case.operation.name, seed)
        if len(seeds) == len(OPERATIONS):
            break
    return list(seeds.values())


@pytest.mark.long
def test_after_a_kill_at_any_moment_the_next_command_ends_where_it_was_meant_to() -> None:
    """One case of each operation. Other seeds each time: every run of the suite adds to the proof."""
    first = int(os.environ.get(_SEED) or SystemRandom().randrange(1_000_000))
    sys.stdout.write(f"the same cases again: {_SEED}={first}\n")  # shown when it fails

    verdicts = play_all(quick(first), 3, lambda _: None)

    assert [complaint(verdict) for verdict in verdicts if verdict.problems] == []
    assert {verdict.case.operation.name for verdict in verdicts} == {item.name for item in OPERATIONS}
    assert all(verdict.phases for verdict in verdicts)
