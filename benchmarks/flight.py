"""36,000 feet: create a cluster and restore it elsewhere over a network as bad as on a plane.

Each run has its own simulated DigitalOcean, home and store, and the real command in processes of its own:
``create``, ``capture``, then ``restore`` on a second account in another region, through a proxy that adds
a round trip of 600 ms, resets 5 % of the exchanges (before the server heard or after it did) and goes dark
for 20 s at a random moment. A command that fails is followed by the one that the tool itself names. A run
ended right when both accounts hold what they hold after a run without faults, nothing twice and nothing
over, and ``plan --exit-code`` finds nothing to do. Everything is drawn from `--seed`.
"""

import argparse
import itertools
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from benchmarks.table import Figure, show
from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator
from tests.process.proxy import Blackout, Dealt, Manner, Proxy, Weather
from tests.process.stage import TOKENS, Desk, Done, Inventory, differences, inventory

SERVER: Mapping[str, Any] = {
    "boot_seconds": 5.0,
    "action_seconds": 1.0,
    "list_lag_seconds": 1.0,
    "burst_limit": 250,
    "hourly_limit": 5000,
}
ROUND_TRIP = 0.6
RESETS = 0.05
BLACKOUT_SECONDS = 20.0
AIRBORNE_SECONDS = 45.0
"""About how long a run takes without its blackout; that begins at a moment in between."""

CALM_RUNS = 3
"""Runs without faults, side by side: so few that they do not wait for each other's processors."""

RERUNS = 6
"""So many re-runs of one command are a handful; a run that needs more has not ended right."""

YES = ("--yes", "--progress", "none", "-q")
CREATE = ("create", "web", "--cloud", "digitalocean", *YES)
CAPTURE = ("capture", "web", "--out", "web.ksnap")
RESTORE = ("restore", "web.ksnap", "--as", "web-eu", "--on", "digitalocean:fra1", *YES)
CHANGES = frozenset({"create", "apply", "restore", "delete"})


@dataclass
class Flight:
    """One run. `first_calls` tells of the two changes whether the first call was enough."""

    seed: int
    seconds: float = 0.0
    first_calls: list[bool] = field(default_factory=list)
    reruns: int = 0
    asked_again: int = 0
    problems: list[str] = field(default_factory=list)
    held: list[Inventory] = field(default_factory=list)
    dealt: Dealt = field(default_factory=Dealt)
    log: Path | None = None


def weather(random: Random) -> Weather:
    """Draw a run's weather."""
    blackout = Blackout(
        start=random.uniform(0.0, AIRBORNE_SECONDS),
        seconds=BLACKOUT_SECONDS,
        manner=random.choice(list(Manner)),
    )
    return Weather(round_trip=ROUND_TRIP, resets=RESETS, blackouts=[blackout])


def fly(seed: int, *, faults: bool) -> Flight:
    """Do one run; its folder is kept until somebody has judged it."""
    flight = Flight(seed)
    folder = Path(tempfile.mkdtemp(prefix=f"kubisnap-flight-{seed}-"))
    with ExitStack() as stack:
        simulator = stack.enter_context(DigitalOceanSimulator(accounts=TOKENS, **SERVER))
        end_point, proxy = simulator.url, None
        if faults:
            proxy = stack.enter_context(Proxy(simulator.port, weather(Random(seed)), seed=seed))
            end_point = proxy.url
        desk = Desk(folder / "home", end_point)
        _work(desk, flight)
        flight.held = [inventory(simulator, account) for account in TOKENS]
        if proxy is not None:
            flight.dealt = proxy.dealt
    (folder / "log.txt").write_text(f"{flight.dealt}\n\n{desk.told()}", encoding="utf-8")
    flight.log = folder / "log.txt"
    return flight


def _work(desk: Desk, flight: Flight) -> None:
    _change(desk, flight, CREATE, "web", "first")
    _told(flight, desk.run(*CAPTURE))
    _change(desk, flight, RESTORE, "web-eu", "second")
    flight.seconds = sum(done.seconds for done in desk.done)
    for cluster, account in (("web", "first"), ("web-eu", "second")):
        done = desk.run("plan", cluster, "--exit-code", account=account)
        for _ in range(RERUNS):
            if done.status in {0, 5}:
                break
            flight.asked_again += 1
            done = desk.run("plan", cluster, "--exit-code", account=account)
        _told(flight, done)


def _told(flight: Flight, done: Done) -> None:
    if done.status != 0:
        flight.problems.append(f"kubisnap {' '.join(done.words)}: exit status {done.status}")


def _change(desk: Desk, flight: Flight, words: Sequence[str], cluster: str, account: str) -> None:
    """Run a command, and what the tool names next as long as it fails."""
    done = desk.run(*words, account=account)
    flight.first_calls.append(done.status == 0)
    for _ in range(RERUNS):
        if done.status == 0:
            break
        flight.reruns += 1
        done = desk.run(*_next(desk, done, words, cluster), account=account)
    _told(flight, done)


def _next(desk: Desk, done: Done, words: Sequence[str], cluster: str) -> Sequence[str]:
    """Return what to type after a failure: what was named, or as documented.

    That is `apply` once the cluster is in the log, and the same command again as long as it is not.
    """
    for hint in done.hints:
        named = hint.split()
        if named[0] in CHANGES and "NAME" not in named:
            return (*named, *YES)
    known = desk.run("get", cluster).status == 0
    return ("apply", cluster, *YES) if known else words


def judge(flight: Flight, wanted: Sequence[Inventory]) -> None:
    """Compare what the accounts hold with what they hold after a run without faults."""
    for account, before, after in zip(TOKENS, wanted, flight.held, strict=True):
        flight.problems += [f"{account} account: {item}" for item in differences(before, after)]


def clear(flight: Flight) -> None:
    """Remove a run's folder, unless it is worth a look."""
    if flight.log is not None and not flight.problems:
        shutil.rmtree(flight.log.parent)


def fly_all(
    seeds: Sequence[int], jobs: int, landed: Callable[[Flight], None], *, faults: bool
) -> list[Flight]:
    """Do many runs side by side; `landed` hears of each, in order."""
    with ThreadPoolExecutor(jobs) as pool:
        flights = []
        for flight in pool.map(lambda seed: fly(seed, faults=faults), seeds):
            landed(flight)
            flights.append(flight)
    return flights


def report(flights: Sequence[Flight], calm: Sequence[Flight]) -> int:
    """Print the table; return 1 unless every run ended right."""
    calls = [call for flight in flights for call in flight.first_calls]
    bad, good = (statistics.median(flight.seconds for flight in group) for group in (flights, calm))
    right = sum(not flight.problems for flight in flights)

    def total(of: Callable[[Flight], float]) -> float:
        return sum(map(of, flights))

    return show(
        [
            Figure("runs that ended right", right, "runs", bar=len(flights)),
            Figure("changes that the first call brought about", 100 * sum(calls) / len(calls), "%"),
            Figure("re-runs needed", total(lambda flight: flight.reruns), ""),
            Figure("most re-runs in one run", max(flight.reruns for flight in flights), ""),
            Figure("plans asked for again", total(lambda flight: flight.asked_again), ""),
            Figure("create, capture, restore with faults", bad, "s"),
            Figure("the same without faults", good, "s"),
            Figure("with faults / without", bad / good, "x"),
            Figure("requests", total(lambda flight: flight.dealt.exchanges), ""),
            Figure("resets before the server heard", total(lambda flight: flight.dealt.resets_before), ""),
            Figure("resets after it did (lost answers)", total(lambda flight: flight.dealt.resets_after), ""),
            Figure("blackouts", total(lambda flight: flight.dealt.blackouts), ""),
        ]
    )


def main() -> int:
    """Fly, print the table; return 1 when a run did not end right."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=12, help="runs side by side; they mostly wait")
    parser.add_argument("--seed", type=int, default=36_000, help="the first run's; each has the next one")
    parser.add_argument("--keep", action="store_true", help="keep every run's log, and say where")
    given = parser.parse_args()
    jobs = min(given.jobs, given.runs)
    print("server:", ", ".join(f"{name} {value}" for name, value in SERVER.items()))
    print(f"network: round trip {ROUND_TRIP} s, {RESETS:.0%} resets, one blackout of {BLACKOUT_SECONDS} s")
    print(f"seeds {given.seed} to {given.seed + given.runs - 1}, {jobs} side by side", flush=True)

    calm = fly_all(range(CALM_RUNS), CALM_RUNS, clear, faults=False)
    for flight in calm:
        judge(flight, calm[0].held)
        if flight.problems:
            print("not even without faults:", *flight.problems, f"log: {flight.log}", sep="\n  ")
            return 1

    done = itertools.count(1)

    def landed(flight: Flight) -> None:
        judge(flight, calm[0].held)
        how = "did not end right" if flight.problems else "ended right"
        kept = f", log: {flight.log}" if given.keep or flight.problems else ""
        print(
            f"{next(done)} of {given.runs}: seed {flight.seed} {how}, {flight.seconds:.1f} s, "
            f"{flight.reruns} re-runs{kept}",
            *flight.problems,
            sep="\n  ",
        )
        if flight.problems:
            print(f"  again: python -m benchmarks.flight --runs 1 --seed {flight.seed}")
        elif not given.keep:
            clear(flight)
        sys.stdout.flush()

    seeds = range(given.seed, given.seed + given.runs)
    return report(fly_all(seeds, jobs, landed, faults=True), calm)


if __name__ == "__main__":
    raise SystemExit(main())
