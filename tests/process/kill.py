"""The real command under ``kill -9`` at random moments, over HTTP; what comes after must be as promised.

A case is its seed: which operation, how often it is killed and how far along. The moment is a share of
the operation's normal time, which is measured first: a replay comes close, the machine decides the rest.
Of those that can be abandoned, half go back with `apply --abandon` instead of going on.

    python -m tests.process.kill --seed N             one case again, with everything that was run
    python -m tests.process.kill --runs 200 --jobs 4  many, and what they came to
"""

import argparse
import json
import shutil
import sqlite3
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import count
from pathlib import Path
from random import Random

from benchmarks.table import Figure, show
from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator
from tests.process.cases import (
    AFTER,
    BEFORE,
    DELETES,
    OPERATIONS,
    REVERSIBLE,
    Case,
    Conditions,
    Operation,
    Phase,
)
from tests.process.forks import Forks, forks
from tests.process.proxy import Proxy, Weather
from tests.process.stage import (
    LONGEST,
    TOKENS,
    Desk,
    Done,
    Inventory,
    differences,
    inventory,
    settle_strangers,
    strangers,
    touched,
)

_REGIONS = {"first": "nyc3", "second": "fra1"}


@dataclass(frozen=True)
class Reference:
    """An operation when nothing happens to it: the account before and after, and how long it takes.

    `begins`: after so many of the `seconds` its first event was written.
    """

    before: Inventory
    after: Inventory
    begins: float
    seconds: float

    def moment(self, kill: float) -> float:
        """Return the seconds after which a kill is due."""
        if kill <= 1:
            return kill * self.begins
        return self.begins + (kill - 1) * (self.seconds - self.begins)


@dataclass
class Verdict:
    """What a case came to. No `problems`: as promised."""

    case: Case
    phases: list[Phase] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    told: str = ""
    kept: Path | None = None


# ── the stage ────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Scene:
    """A simulated cloud with strangers in it, a network before it, and a desk."""

    desk: Desk
    simulator: DigitalOceanSimulator
    strangers: Mapping[str, Mapping[str, str]]

    def inventory(self, operation: Operation) -> Inventory:
        """Return what the operation's account holds now."""
        return inventory(self.simulator, operation.account)

    def prepare(self, operation: Operation) -> None:
        """Run the commands before the operation."""
        for words in operation.before:
            done = self.desk.run(*words)
            if done.status != 0:
                raise RuntimeError(f"the stage could not be set:\n{done.told()}")


@contextmanager
def scene(folder: Path, seed: int, conditions: Conditions, helper: Forks) -> Iterator[Scene]:
    """Set the stage in a folder."""
    with DigitalOceanSimulator(
        accounts=TOKENS,
        boot_seconds=0.4,
        action_seconds=0.2,
        list_lag_seconds=conditions.list_lag,
        burst_limit=None,
    ) as simulator:
        for account, region in _REGIONS.items():
            settle_strangers(simulator, account, region)
        found = {account: strangers(simulator, account) for account in _REGIONS}
        with Proxy(simulator.port, Weather(round_trip=conditions.round_trip), seed=seed) as proxy:
            desk = Desk(folder / "home", proxy.url, forks=helper)
            (desk.home / "before.yaml").write_text(BEFORE, encoding="utf-8")
            (desk.home / "after.yaml").write_text(AFTER, encoding="utf-8")
            (desk.home / "reversible.yaml").write_text(REVERSIBLE, encoding="utf-8")
            yield Scene(desk, simulator, found)


_measuring: Mapping[str, threading.Lock] = {operation.name: threading.Lock() for operation in OPERATIONS}


def reference(operation: Operation, conditions: Conditions, helper: Forks) -> Reference:
    """Return the operation's reference under these conditions, measured once in this process."""
    with _measuring[operation.name]:  # others may be measured meanwhile: the cases are as busy
        return _measured(operation, conditions, helper)


@cache
def _measured(operation: Operation, conditions: Conditions, helper: Forks) -> Reference:
    with (
        tempfile.TemporaryDirectory(prefix="kubisnap-kill-") as folder,
        scene(Path(folder), 0, conditions, helper) as stage,
    ):
        stage.prepare(operation)
        before = stage.inventory(operation)
        called = datetime.now(UTC)
        # as long as those that are killed: started, not forked
        done = stage.desk.run(*operation.words, account=operation.account, kill_after=LONGEST)
        if done.status != 0:
            raise RuntimeError(f"it fails with nobody killing it:\n{done.told()}")
        listed = json.loads(stage.desk.run("log", "-o", "json").out)["operations"]
        began = min(start for item in listed if (start := datetime.fromisoformat(item["started"])) >= called)
        return Reference(before, stage.inventory(operation), (began - called).total_seconds(), done.seconds)


# ── a case ───────────────────────────────────────────────────────────────────────────────────────


def play(case: Case, helper: Forks, *, keep: bool = False) -> Verdict:
    """Play a case and judge it; what is left on disk is kept when it went wrong, or with `keep`.

    What is killed is the command as anybody starts it; what is typed before and after is the helper's.
    """
    normal = reference(case.operation, case.conditions, helper)
    verdict = Verdict(case)
    folder = Path(tempfile.mkdtemp(prefix=f"kubisnap-kill-{case.seed}-"))
    with scene(folder, case.seed, case.conditions, helper) as stage:
        stage.prepare(case.operation)
        _kill(case, stage, normal, verdict)
        if not verdict.problems:
            _judge(case, stage, normal, verdict)
        verdict.told = stage.desk.told()
    if verdict.problems or keep:
        verdict.kept = folder
        text = "\n".join([*map(str, verdict.problems), "", verdict.told])
        (folder / "told.txt").write_text(text, encoding="utf-8")
    else:
        shutil.rmtree(folder)
    return verdict


def _kill(case: Case, stage: Scene, normal: Reference, verdict: Verdict) -> None:
    """Start and kill as often as the case says, then let the last command come to its end."""
    operation, desk = case.operation, stage.desk
    words = operation.words
    for kill in case.kills:
        rows = events(desk.store)
        done = desk.run(*words, account=operation.account, kill_after=normal.moment(kill))
        verdict.phases.append(_phase(done, events(desk.store)[len(rows) :]))
        words = _next(case, desk)
        if not words:
            return
    _expect(verdict, desk.run(*words, account=operation.account))
    if _abandoned(desk) and operation.name in DELETES:
        _expect(verdict, desk.run(*operation.go_on, account=operation.account))


def _phase(done: Done, topics: Sequence[str]) -> Phase:
    if done.status >= 0 or "OperationFinished" in topics[-2:]:  # a deletion gives its name back after it
        return Phase.AFTER
    return Phase.MIDDLE if "OperationStarted" in topics else Phase.BEFORE


def _next(case: Case, desk: Desk) -> Sequence[str]:
    """Return what to type now; nothing where the cluster is known to be as it was, or gone, as wanted."""
    operation = case.operation
    found = desk.run("get", operation.cluster, "-o", "json")
    if found.status == 10:
        return () if _was_begun(desk, operation) else operation.words
    unfinished = json.loads(found.out)["unfinished"] is not None
    if not unfinished and not _was_begun(desk, operation):
        return operation.words
    if unfinished and case.abandons:
        return operation.abandon
    return operation.go_on


def _was_begun(desk: Desk, operation: Operation) -> bool:
    """Whether the log knows of the operation."""
    listed = json.loads(desk.run("log", "-o", "json").out)["operations"]
    kind = operation.name.split()[0]
    own = [item for item in listed if item["cluster"] == operation.cluster and item["operation_kind"] == kind]
    return len(own) > sum(words[0] == kind and words[1] != operation.cluster for words in operation.before)


def events(store: Path) -> list[str]:
    """Return the kinds of all events on disk, in the order of writing."""
    if not store.exists():
        return []
    with closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True, timeout=30)) as connection:
        try:
            rows = connection.execute("SELECT topic FROM stored_events ORDER BY rowid").fetchall()
        except sqlite3.OperationalError:  # killed between making the file and making its tables
            return []
    return [str(topic) for (topic,) in rows]


# ── the promise ──────────────────────────────────────────────────────────────────────────────────


def _judge(case: Case, stage: Scene, normal: Reference, verdict: Verdict) -> None:
    """Hold what is there now against what was promised."""
    operation, desk = case.operation, stage.desk
    abandoned = _abandoned(desk)
    wanted = normal.before if abandoned else normal.after
    for account in _REGIONS:
        verdict.problems += touched(stage.strangers[account], strangers(stage.simulator, account))
    verdict.problems += differences(wanted, stage.inventory(operation))
    gone = operation.name == "delete" or (operation.name == "create" and abandoned)
    if not gone:
        _expect(verdict, desk.run("plan", operation.cluster, "--exit-code", account=operation.account))
        _expect(verdict, desk.run("capture", operation.cluster, "--out", "after.ksnap"))
        _expect(verdict, desk.run("verify", "after.ksnap"))
    listed = _expect(verdict, desk.run("log", "-n", "1000", "-o", "json"))
    if listed.status == 0:
        outcomes = [item["outcome"] for item in json.loads(listed.out)["operations"]]
        verdict.problems += [f"an operation is {item}" for item in outcomes if item == "unfinished"]
    got = _expect(verdict, desk.run("get", "-o", "json"))
    if got.status == 0:
        states = {item["name"]: item["status"] for item in json.loads(got.out)["clusters"]}
        verdict.problems += [f"{name} is {state}" for name, state in states.items() if state != "ready"]
        if gone == (operation.cluster in states):
            verdict.problems.append(f"{operation.cluster} is {'still' if gone else 'not'} in get")


def _abandoned(desk: Desk) -> bool:
    return any("--abandon" in done.words for done in desk.done)


def _expect(verdict: Verdict, done: Done) -> Done:
    if done.status != 0:
        verdict.problems.append(f"kubisnap {' '.join(done.words)}: exit status {done.status}")
    return done


# ── many ─────────────────────────────────────────────────────────────────────────────────────────


def play_all(seeds: Sequence[int], jobs: int, told: Callable[[Verdict], None]) -> list[Verdict]:
    """Play many cases side by side; `told` hears of each as it ends."""
    with forks() as helper, ThreadPoolExecutor(jobs) as pool:
        verdicts = []
        for verdict in pool.map(lambda seed: play(Case.drawn(seed), helper), seeds):
            told(verdict)
            verdicts.append(verdict)
    return verdicts


def summary(verdicts: Sequence[Verdict]) -> str:
    """Return the table of kills by operation and phase."""
    counted = Counter(
        (verdict.case.operation.name, phase) for verdict in verdicts for phase in verdict.phases
    )
    lines = [f"{'kills of':<12}" + "".join(f"{phase:>24}" for phase in Phase)]
    lines += [
        f"{operation.name:<12}" + "".join(f"{counted[operation.name, phase]:>24}" for phase in Phase)
        for operation in OPERATIONS
    ]
    return "\n".join(lines)


def complaint(verdict: Verdict) -> str:
    """Say what went wrong in a case, and how to see it again."""
    case = verdict.case
    return "\n".join(
        [
            f"seed {case.seed}: {case.operation.name}, killed {', '.join(verdict.phases)}",
            *(f"  {problem}" for problem in verdict.problems),
            f"  kept: {verdict.kept}",
            f"  again: python -m tests.process.kill --seed {case.seed}",
        ]
    )


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main() -> int:
    """Play one case or many; return 1 when any went wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.process.kill", description=__doc__)
    parser.add_argument("--seed", type=int, help="play this case only, and show what was run")
    parser.add_argument("--runs", type=int, default=60, help="how many cases")
    parser.add_argument("--jobs", type=int, default=4, help="how many side by side")
    parser.add_argument("--operation", choices=[operation.name for operation in OPERATIONS])
    parser.add_argument("--first", type=int, default=None, help="the first seed; a random one is printed")
    given = parser.parse_args()
    if given.seed is not None:
        with forks() as helper:
            verdict = play(Case.drawn(given.seed), helper, keep=True)
        _say(verdict.told)
        _say(complaint(verdict))
        return 1 if verdict.problems else 0
    first = Random().randrange(1_000_000) if given.first is None else given.first
    step = len(OPERATIONS)
    names = [operation.name for operation in OPERATIONS]
    seeds = range(first, first + given.runs)
    if given.operation is not None:  # seeds in a row go through the operations in turn
        start = first - first % step + names.index(given.operation)
        seeds = range(start, start + step * given.runs, step)
    _say(f"seeds {seeds[0]} to {seeds[-1]}, each {seeds.step}, {given.jobs} side by side")
    done = count(1)

    def told(verdict: Verdict) -> None:
        end = "did not end as promised" if verdict.problems else "as promised"
        case = verdict.case
        _say(f"{next(done)} of {len(seeds)}: seed {case.seed}, {case.operation.name}, {end}")
        if verdict.problems:
            _say(complaint(verdict))

    verdicts = play_all(seeds, given.jobs, told)
    _say(summary(verdicts))
    right = sum(not verdict.problems for verdict in verdicts)
    return show([Figure("cases that ended as promised", right, "cases", bar=len(verdicts))])


if __name__ == "__main__":
    sys.exit(main())
