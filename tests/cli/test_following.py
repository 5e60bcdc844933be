"""``log --follow``: what is added is printed as it comes, until Ctrl-C, which is no mistake."""

import json
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from kubisnap.cli import app

if TYPE_CHECKING:
    from tests.cli.conftest import Desk


def meanwhile(desk: "Desk", *acts: Callable[[], None]) -> None:
    """Do one thing each time that the command waits, then press Ctrl-C."""
    left: Iterator[Callable[[], None]] = iter(acts)

    def wait() -> None:
        act = next(left, None)
        if act is None:
            desk.clock.on_sleep = lambda: None
            raise KeyboardInterrupt
        desk.clock.on_sleep = lambda: None
        act()
        desk.clock.on_sleep = wait

    desk.clock.on_sleep = wait


def scaling(count: int) -> Callable[[], None]:
    return lambda: _quietly(f"scale web workers={count} --yes -q")


def _quietly(line: str) -> None:
    assert app.run(line.split()) == 0


def test_operations_are_told_as_they_end(web: "Desk") -> None:
    meanwhile(web, lambda: None, scaling(3), scaling(4))

    done = web.run("log web --follow -n 1 -o jsonl")

    told = [json.loads(line)["number"] for line in done.out.splitlines() if line.startswith("{")]
    assert told == [1, 2, 3]
    assert done.status == 130
    assert "error" not in done.err


def test_events_are_told_one_by_one_each_once_and_only_those_that_fit(web: "Desk") -> None:
    meanwhile(web, scaling(3), lambda: None, scaling(1))

    done = web.run("log web --events --follow -n 1 --kind ServerPoolScaled -o jsonl")

    told = [json.loads(line)["text"] for line in done.out.splitlines() if line.startswith("{")]
    assert told == ["pool workers: 2 → 3", "pool workers: 3 → 1"]


def test_text_is_a_table_in_parts_oldest_first(web: "Desk") -> None:
    meanwhile(web, scaling(3))

    done = web.run("log --follow")

    lines = [line for line in done.out.splitlines() if line.startswith("#")]
    assert [line.split()[0] for line in lines] == ["#1", "#2", "#2"]  # the last is what scale printed itself


@pytest.mark.parametrize("line", ["log nothing --follow", "log web --follow --until 1h"])
def test_what_cannot_be_followed_is_refused(web: "Desk", line: str) -> None:
    assert web.run(line).status in {2, 10}
