"""What `migrate` says when it does not come to its end, and what to type then."""

import socket
from typing import TYPE_CHECKING

import pytest

from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator, FaultRule
from kubisnap.adapters.testing import ManualClock
from kubisnap.cli import migrating, wiring
from kubisnap.cli.session import Session
from kubisnap.engine.operations.context import Context

if TYPE_CHECKING:
    from .conftest import Desk

COMMAND = "migrate web --to digitalocean --as web-do --no-reach --yes"


def test_what_fails_leaves_the_source_serving_and_is_gone_on_with(
    desk: "Desk", ocean: DigitalOceanSimulator
) -> None:
    desk.ok("create web --cloud sandbox --yes")
    ocean.inject(FaultRule(action="status", method="POST", path="droplets", status=422, nth=2))
    done = desk.run(COMMAND)
    assert done.status == 1
    assert "error: #1 failed at server/" in done.err
    assert "everything at the cloud is as before" in done.err
    assert (
        "note: web goes on serving as before\n      kubisnap migrate web      goes on from here" in done.err
    )
    assert not any(ocean.inventory("first").values())
    ocean.clear_faults()
    done = desk.ok("migrate web --no-reach --yes")
    assert "1/5 preflight · done before\n2/5 capture · done before\n3/5 create" in done.err
    assert "5/5 cut-over" in done.out
    again = desk.ok("migrate web --to digitalocean --as web-do --no-reach --yes")
    assert "web was migrated before; nothing is left to do" in again.err


def test_servers_that_are_silent_are_told_and_nothing_is_cut_over(
    desk: "Desk", ocean: DigitalOceanSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The simulated servers' addresses are for documentation: nothing can answer there."""
    tried: list[tuple[str, int]] = []

    def silent(address: str, port: int, *, context: Context) -> str:
        tried.append((address, port))
        return "timed out"

    monkeypatch.setattr(migrating, "answers", silent)
    desk.ok("create web --cloud sandbox --yes")
    done = desk.run(COMMAND.replace(" --no-reach", ""))
    assert done.status == 3
    assert len(tried) == 3
    assert "does not answer at " in done.err
    assert "hint: nothing was cut over: web goes on serving" in done.err
    assert "4/5" in done.err
    assert "5/5 cut-over · say" not in done.err.rpartition("4/5 verify")[2]


def test_a_server_that_listens_answers_and_another_does_not(desk: "Desk") -> None:
    context = wiring.context(Session())
    clock = context.clock
    assert not isinstance(clock, ManualClock)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert migrating.answers("127.0.0.1", port, context=context) == ""
    before = clock.monotonic()
    assert "refused" in migrating.answers("127.0.0.1", port, context=context)
    assert 50 < clock.monotonic() - before < 70, "it is tried for a minute, which is the desk's"
