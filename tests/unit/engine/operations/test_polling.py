"""When it is worth looking again: learned from the others of a kind, never from a guess."""

import random
from itertools import pairwise

import pytest

from kubisnap.engine.domain.resources import Kind
from kubisnap.engine.operations.polling import Expectations

FIRST, LONGEST = 0.25, 5.0


def looks(expect: Expectations, ready_at: float) -> list[float]:
    """Return when something that is ready then is looked at, and let the others learn from it."""
    times, unready, waited = [0.0], 0.0, 0.0
    while waited < ready_at:
        unready = waited
        waited += expect.pause(Kind.SERVER, waited)
        times.append(waited)
    expect.took(Kind.SERVER, waited, unready)
    return times


def test_the_first_of_a_kind_is_looked_at_after_growing_pauses_up_to_the_longest() -> None:
    expect = Expectations(FIRST, LONGEST)
    times = looks(expect, 60.0)
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses[0] == FIRST
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST


def test_the_next_is_left_alone_for_most_of_the_time_that_the_first_needed() -> None:
    expect = Expectations(FIRST, LONGEST)
    looks(expect, 30.0)
    times = looks(expect, 30.0)
    assert times[1] > 20.0
    assert times[-1] < 31.5


def test_other_kinds_learn_nothing_from_it() -> None:
    expect = Expectations(FIRST, LONGEST)
    looks(expect, 30.0)
    assert expect.pause(Kind.VOLUME, 0.0) == FIRST


def test_what_was_found_at_a_late_look_does_not_keep_the_others_from_being_looked_at() -> None:
    """It may have been ready since the look before; others that are as quick are found in time."""
    expect = Expectations(FIRST, LONGEST)
    first = looks(expect, 20.0)
    assert first[-1] - 20.0 > 1.0, "found late"
    assert looks(expect, 20.0)[-1] - 20.0 < 1.0


@pytest.mark.parametrize("seed", range(5))
def test_many_are_found_within_a_small_part_of_the_time_that_they_need(seed: int) -> None:
    expect, chance = Expectations(FIRST, LONGEST), random.Random(seed)
    needed = [chance.uniform(20.0, 45.0) for _ in range(400)]
    seen = [looks(expect, seconds) for seconds in needed]
    late = sum(times[-1] - seconds for times, seconds in zip(seen, needed, strict=True))
    assert late / sum(needed) < 0.025
    assert sum(map(len, seen)) / len(seen) < 20


def test_when_things_get_quicker_they_are_looked_at_earlier_and_earlier() -> None:
    expect = Expectations(FIRST, LONGEST)
    for _ in range(100):
        looks(expect, 30.0)
    for _ in range(100):
        looks(expect, 10.0)
    assert looks(expect, 10.0)[-1] < 11.0


def test_one_that_is_later_than_all_others_is_looked_at_less_and_less_often() -> None:
    expect = Expectations(FIRST, LONGEST)
    for _ in range(3):
        looks(expect, 4.0)
    times = looks(expect, 100.0)
    assert times[-1] - times[-2] == LONGEST
