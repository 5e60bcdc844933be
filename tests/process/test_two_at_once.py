"""Two real commands on one store at once: on two clusters, on the same one, and after one has slept too long.

What is to happen at the same time is made to: the first command is stopped (SIGSTOP) until the second
is where it should be.
"""

import json
import os
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

import pytest

from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator
from tests.process.forks import Forks, forks
from tests.process.kill import events
from tests.process.stage import LONGEST, TOKENS, Desk, settle_strangers, strangers, touched

_YES = ("--yes", "--progress", "none")
CREATE = ("create", "web", "--cloud", "digitalocean", *_YES)
_POLL = 0.01
_LEASE = 2
_SHORT_LEASE = f"""
import sys
from kubisnap.engine.domain import decisions
decisions.LEASE_SECONDS = {_LEASE}
from kubisnap.engine.operations import recording
recording.LEASE_SECONDS = {_LEASE}
from kubisnap.cli.app import main
main()
"""
"""The command itself, whose hold on a cluster ends after two seconds instead of two minutes."""
_SLEEPY = f"""
import os, signal
from kubisnap.adapters.digitalocean.transport import Transport
exchange = Transport._exchange
def sleeping(self, method, url, params):
    if method == "POST" and url.endswith("/droplets"):
        os.kill(os.getpid(), signal.SIGSTOP)
    return exchange(self, method, url, params)
Transport._exchange = sleeping
{_SHORT_LEASE}
"""
"""The same; it stops at the worst moment: it has asked the log whether it may, and has not sent yet."""


@dataclass
class Seat(Desk):
    """A desk that shares its store with others."""

    shared: Path = Path()

    @property
    def store(self) -> Path:
        return self.shared


@dataclass
class Office:
    """One store, one account, and a desk for each who works there."""

    folder: Path
    simulator: DigitalOceanSimulator
    helper: Forks

    def seat(self, name: str, *, program: str = "") -> Seat:
        folder, url = self.folder / name, self.simulator.url
        if program:
            return Seat(folder, url, shared=self.store, program=("-c", program))
        return Seat(folder, url, shared=self.store, forks=self.helper)

    @property
    def store(self) -> Path:
        return self.folder / "store.sqlite"

    def began(self, times: int) -> bool:
        return events(self.store).count("OperationStarted") >= times

    def held(self) -> dict[str, str]:
        return strangers(self.simulator, "first")

    def names(self) -> list[str]:
        return sorted(
            str(item["name"]) for item in self.simulator.snapshot("first")["droplets"] if "name" in item
        )


@pytest.fixture(scope="module")
def helper() -> Iterator[Forks]:
    with forks() as found:
        yield found


@pytest.fixture
def office(tmp_path: Path, helper: Forks) -> Iterator[Office]:
    with DigitalOceanSimulator(
        accounts=TOKENS, boot_seconds=0.5, action_seconds=0.2, burst_limit=None
    ) as simulator:
        settle_strangers(simulator, "first", "nyc3")
        yield Office(tmp_path, simulator, helper)


def _until(condition: Callable[[], bool]) -> None:
    never = Event()
    for _ in range(int(LONGEST / _POLL)):
        if condition():
            return
        never.wait(_POLL)
    pytest.fail("it never came to that")


@contextmanager
def _running(seat: Seat, *words: str) -> "Iterator[subprocess.Popen[str]]":
    """Start a command; whatever happens, it is not there afterwards."""
    with ExitStack() as stack:
        process = stack.enter_context(seat.start(words, "first"))
        stack.callback(_end, process)
        yield process


def _end(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        process.kill()


def _stop(process: "subprocess.Popen[str]", store: Path) -> None:
    """Let a process sleep, where it does not keep the store from others."""
    never = Event()
    while True:
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        try:
            with closing(sqlite3.connect(store, timeout=0, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
        except sqlite3.OperationalError:
            process.send_signal(signal.SIGCONT)
            never.wait(_POLL)
        else:
            return


def _told(seat: Seat, process: "subprocess.Popen[str]") -> tuple[int, str]:
    process.wait(LONGEST)
    return process.returncode, (seat.home / "err").read_text(encoding="utf-8")


def test_two_clusters_change_side_by_side(office: Office) -> None:
    ada, bob = office.seat("ada"), office.seat("bob")
    before = office.held()
    with _running(ada, *CREATE) as first:
        _until(lambda: office.began(1))
        _stop(first, office.store)
        with _running(bob, "create", "shop", "--cloud", "digitalocean", *_YES) as second:
            _until(lambda: office.began(2))
            first.send_signal(signal.SIGCONT)
            assert (_told(ada, first)[0], _told(bob, second)[0]) == (0, 0)
    for name in ("web", "shop"):
        assert ada.run("plan", name, "--exit-code").status == 0
    listed = json.loads(ada.run("get", "-o", "json").out)["clusters"]
    assert {item["name"]: item["status"] for item in listed} == {"web": "ready", "shop": "ready"}
    assert len(office.names()) == len(set(office.names())) == 7
    assert touched(before, office.held()) == []


def test_of_two_on_the_same_cluster_one_is_told_who_has_it(office: Office) -> None:
    ada, bob = office.seat("ada"), office.seat("bob")
    with _running(ada, *CREATE) as first:
        _until(lambda: office.began(1))
        _stop(first, office.store)
        before, written = office.held(), events(office.store)
        done = bob.run("scale", "web", "workers=3", *_YES)
        assert done.status == 11
        assert done.err.startswith("error: web is being changed by ada: #1 create, process ")
        assert ", since 20" in done.err
        assert "hint: run the command again when it has ended" in done.err
        assert (office.held(), events(office.store)) == (before, written)
        first.send_signal(signal.SIGCONT)
        assert _told(ada, first)[0] == 0
    assert bob.run("scale", "web", "workers=3", *_YES).status == 0
    assert bob.run("plan", "web", "--exit-code").status == 0


def test_who_slept_longer_than_its_lease_finds_the_work_done_and_touches_nothing(office: Office) -> None:
    ada, bob = office.seat("ada", program=_SHORT_LEASE), office.seat("bob", program=_SHORT_LEASE)
    strange = office.held()
    with _running(ada, *CREATE) as first:
        _until(lambda: "ResourceProvisioned" in events(office.store))
        _stop(first, office.store)
        _take_over(bob)
        before = office.held()
        first.send_signal(signal.SIGCONT)
        status, told = _told(ada, first)
    _nothing_was_touched(office, bob, strange, before, (status, told))


def test_who_sleeps_between_asking_and_sending_does_not_send(office: Office) -> None:
    ada, bob = office.seat("ada", program=_SLEEPY), office.seat("bob", program=_SHORT_LEASE)
    strange = office.held()
    with _running(ada, *CREATE) as first:
        os.waitid(os.P_PID, first.pid, os.WSTOPPED | os.WNOWAIT)
        _stop(first, office.store)
        _take_over(bob)
        before = office.held()
        while first.poll() is None:  # each of its hands stops once
            first.send_signal(signal.SIGCONT)
            never = Event()
            never.wait(_POLL)
        status, told = _told(ada, first)
    _nothing_was_touched(office, bob, strange, before, (status, told))


def _take_over(bob: Seat) -> None:
    _until(lambda: bob.run("apply", "web", *_YES).status != 11)
    assert bob.done[-1].status == 0, bob.told()
    assert bob.run("plan", "web", "--exit-code").status == 0


def _nothing_was_touched(
    office: Office, bob: Seat, strange: dict[str, str], before: dict[str, str], ended: tuple[int, str]
) -> None:
    assert ended[0] == 7, ended
    assert "somebody else wrote first" in ended[1]
    assert office.held() == before
    assert touched(strange, before) == []
    assert len(office.names()) == len(set(office.names())) == 4
    assert bob.run("plan", "web", "--exit-code").status == 0
    outcomes = [item["outcome"] for item in json.loads(bob.run("log", "-o", "json").out)["operations"]]
    assert sorted(outcomes) == ["interrupted", "succeeded"]
