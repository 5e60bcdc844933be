"""The hands of an operation, and the order in which steps are put into them."""

from threading import Event as Flag

from kubisnap.engine.domain.resources import Key, Kind
from kubisnap.engine.operations.steps import Action, Queue, Step
from kubisnap.engine.operations.working import Threads


def step(number: int, *after: int) -> Step:
    return Step(id=number, action=Action.CREATE, key=Key(Kind.TAG, f"t{number}"), after=after)


def numbers(steps: list[Step]) -> list[int]:
    return [step.id for step in steps]


def test_those_that_are_over_are_returned_however_long_ago_they_ended() -> None:
    with Threads(2) as crew:
        hold = Flag()

        def waits() -> None:
            assert hold.wait(20)

        quick, slow = crew.start(lambda: None), crew.start(waits)
        assert list(crew.ended([quick, slow], 20.0)) == [quick]
        assert list(crew.ended([slow], 0.0)) == []
        hold.set()
        assert list(crew.ended([slow], 20.0)) == [slow]
        assert set(crew.ended([quick, slow], 20.0)) == {quick, slow}


def test_nothing_is_waited_for_where_nothing_runs() -> None:
    with Threads(1) as crew:
        assert list(crew.ended([], 3600.0)) == []


def test_a_step_may_begin_when_the_last_of_those_before_it_is_done() -> None:
    steps = [step(1), step(2), step(3, 1, 2), step(4, 3)]
    queue = Queue(steps)
    assert numbers(queue.take(9)) == [1, 2]
    queue.done(steps[1])
    assert queue.take(9) == []
    queue.done(steps[0])
    assert numbers(queue.take(9)) == [3]
    assert queue.waiting == [4]


def test_steps_begin_in_the_order_of_the_plan_and_no_more_than_are_asked_for() -> None:
    steps = [step(1), step(2), step(3), step(4, 1), step(5, 2)]
    queue = Queue(steps)
    assert numbers(queue.take(2)) == [1, 2]
    queue.done(steps[1])
    queue.done(steps[0])
    assert numbers(queue.take(2)) == [3, 4], "what has just become possible waits for its turn"
    assert queue.take(0) == []
    assert numbers(queue.take(9)) == [5]


def test_what_was_done_in_an_earlier_phase_is_not_waited_for() -> None:
    assert numbers(Queue([step(7, 1, 2)], done={1, 2}).take(1)) == [7]
    never = Queue([step(7, 1, 2)], done={1})
    assert never.take(1) == []
    assert never.waiting == [7]
