"""Real processes on one team store: two commands side by side, and a storm of lost connections."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from threading import Event

import pytest

from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator
from kubisnap.engine.journal.log import open_journal
from tests.postgres_server import Database
from tests.process.stage import LONGEST, TOKENS, Desk, settle_strangers
from tests.process.storm import READERS, SHARED, texts, weather

pytestmark = pytest.mark.postgres

_YES = ("--yes", "--progress", "none")
_POLL = 0.01
SECONDS = float(os.environ.get("KUBISNAP_STORM_SECONDS", "6"))


@dataclass
class Seat(Desk):
    """A desk that works on a team's store."""

    team: Database | None = None

    @property
    def store_url(self) -> str:
        assert self.team is not None
        return self.team.url


@pytest.fixture
def simulator() -> Iterator[DigitalOceanSimulator]:
    with DigitalOceanSimulator(
        accounts=TOKENS, boot_seconds=0.5, action_seconds=0.2, burst_limit=None
    ) as running:
        settle_strangers(running, "first", "nyc3")
        yield running


def _started(team: Database) -> int:
    (made,) = team.sql("SELECT to_regclass('kubisnap.events') IS NOT NULL")
    if not made[0]:
        return 0
    return int(team.sql("SELECT count(*) FROM kubisnap.events WHERE topic = 'OperationStarted'")[0][0])


def _stop(process: "subprocess.Popen[str]", team: Database) -> None:
    """Let a process sleep where it is in no transaction, once it has begun its operation."""
    never = Event()
    for _ in range(int(LONGEST / _POLL)):
        if _started(team):
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
            busy = team.sql(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND application_name = 'kubisnap' AND state <> 'idle'"
            )
            if busy == [(0,)]:
                return
            process.send_signal(signal.SIGCONT)
        never.wait(_POLL)
    pytest.fail("it never came to that")


def test_two_share_a_store_and_one_is_told_who_has_the_cluster(
    team: Database, simulator: DigitalOceanSimulator, tmp_path: Path
) -> None:
    ada, bob = (Seat(tmp_path / name, simulator.url, team=team) for name in ("ada", "bob"))
    with ada.start(("create", "web", "--cloud", "digitalocean", *_YES), "first") as first:
        try:
            _stop(first, team)
            refused = bob.run("scale", "web", "workers=3", *_YES)
            assert refused.status == 11
            assert refused.err.startswith("error: web is being changed by ada: #1 create, process ")
            assert bob.run("create", "shop", "--cloud", "digitalocean", *_YES).status == 0, bob.told()
            assert team.kill_connections() > 0, "the sleeper's, which it finds when it wakes up"
            first.send_signal(signal.SIGCONT)
            assert first.wait(LONGEST) == 0, (ada.home / "err").read_text(encoding="utf-8")
        finally:
            first.kill()
    listed = json.loads(ada.run("get", "-o", "json").out)["clusters"]
    assert {item["name"]: item["status"] for item in listed} == {"web": "ready", "shop": "ready"}
    names = [str(item["name"]) for item in simulator.snapshot("first")["droplets"] if "name" in item]
    assert len(names) == len(set(names))


def test_a_storm_loses_nothing_and_shows_nothing_twice(team: Database) -> None:
    seed = Random().randrange(2**32)
    found = weather(team, SECONDS, seed)
    where = f"seed {seed}: {found.cuts} cuts, {len(found.kept)} events, {found.conflicts} conflicts"
    assert found.errors == [], where
    assert found.cuts > SECONDS, where
    assert len(found.kept) > 10 * SECONDS, where
    assert found.twice == [], where
    with open_journal(team.url) as journal:
        assert texts(journal) == found.kept, where
        order = [(row.stream, row.version) for part in journal.each_of_all() for row in part]
    assert [version for stream, version in order if stream == SHARED] == list(
        range(1, 1 + sum(stream == SHARED for stream, _ in order))
    )
    assert found.seen == [order] * READERS, where
