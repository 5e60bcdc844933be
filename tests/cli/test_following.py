"""``log --follow``: what is added is printed as it comes, until Ctrl-C, which is no mistake."""

import json
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from kubisnap.cli import app, auditing, listing
from kubisnap.engine.domain import events as ev
from kubisnap.engine.journal.log import Envelope, open_journal

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


def test_what_was_unfinished_when_the_list_was_made_is_told_when_it_ends(web: "Desk") -> None:
    def record(*events: ev.AnyEvent, reason: str = "") -> None:
        with open_journal("sqlite:///store.sqlite") as journal:
            cluster_id = journal.cluster_id("web")
            time = int(web.clock.now() * 1_000_000)
            position = journal.audit.last_version(cluster_id)
            journal.append(cluster_id, position, events, Envelope(time, "ada", 2, reason))

    holder = ev.Holder(host="desk", pid=1)
    started = ev.OperationStarted(kind=ev.OperationKind.APPLY, summary="", holder=holder, tool="test")
    record(started, reason="tidy up")
    meanwhile(web, lambda: record(ev.OperationFinished(outcome=ev.Outcome.SUCCEEDED)))

    done = web.run("log web --follow --grep tidy -o jsonl")

    told = [json.loads(line) for line in done.out.splitlines()]
    assert [(line["number"], line["outcome"]) for line in told] == [(2, "unfinished"), (2, "succeeded")]


def test_what_is_added_while_the_list_is_made_is_told_once(
    web: "Desk", monkeypatch: pytest.MonkeyPatch
) -> None:
    together = auditing.together

    def late(*arguments: Any) -> Any:
        monkeypatch.setattr(listing, "together", together)
        waiting, web.clock.on_sleep = web.clock.on_sleep, lambda: None
        scaling(4)()
        web.clock.on_sleep = waiting
        return together(*arguments)

    monkeypatch.setattr(listing, "together", late)
    meanwhile(web)

    done = web.run("log web --follow -o jsonl")

    assert [json.loads(line)["number"] for line in done.out.splitlines() if line.startswith("{")] == [1, 2]


def test_rows_that_are_not_all_say_so(web: "Desk") -> None:
    for form in ("csv", "jsonl"):
        assert re.search(
            r"^older ones: add --cursor \d+$", web.run(f"log --events -o {form}").err, re.MULTILINE
        )
        assert web.run(f"log --events -n 0 -o {form}").err == ""


@pytest.mark.parametrize(
    "line", ["log nothing --follow", "log web --follow --until 1h", "log web --follow -o json"]
)
def test_what_cannot_be_followed_is_refused(web: "Desk", line: str) -> None:
    assert web.run(line).status in {2, 10}
