"""Thousand: a cluster of 1,000 servers is created on the simulated cloud, 64 calls at a time.

The cloud takes what a real one does, times `--latency`: 20 to 45 s for a server and 0.2 s for each call. No
rate limit. The journal is a file in the temporary directory, every append synced to disk. Each run is a
process of its own.

The lower bound is what nobody could beat with so many hands: the longest chain of steps that wait for each
other, or all work divided by the hands, whichever is longer. A step's work is the call that asks for the
resource, and what the cloud needs to make it (one call at least, to learn that it is there).

The cloud runs in the same process. The CPU time inside its calls is taken off, its memory is not.
"""

import argparse
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeVar

import msgspec

from benchmarks.table import Figure, show
from kubisnap.adapters.sandbox import Sandbox
from kubisnap.adapters.sandbox.settings import SystemClock
from kubisnap.adapters.sandbox.timing import Timing
from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.catalogue import Catalogue
from kubisnap.engine.domain.model import ClusterSpec
from kubisnap.engine.domain.profiles import PROFILES, with_ssh_key
from kubisnap.engine.domain.resources import Accepted, ClusterRef, Kind, Observed, Request
from kubisnap.engine.domain.state import ClusterState
from kubisnap.engine.journal.log import open_journal
from kubisnap.engine.operations.changing import carry_out, prepare_create
from kubisnap.engine.operations.context import Context, Pace
from kubisnap.engine.operations.steps import Plan
from kubisnap.engine.ports import Account, Allowance, Cloud

WALL_BAR = 1.10
CPU_BAR_MS = 5.0
MEMORY_BAR_MIB = 300.0
SERVERS, PARALLEL, LATENCY, RUNS = 1000, 64, 0.2, 3
CALL_SECONDS = 0.2
"""What a call to a real cloud takes."""

SEED = 1
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBm7A0Nmm7A0Nmm7A0Nmm7A0Nmm7A0Nmm7A0Nmm7A0Nm bench"

_T = TypeVar("_T")


class Run(NamedTuple):
    """What one run took; `cloud_cpu` is the simulated cloud's part of `cpu`."""

    steps: int
    calls: int
    wall: float
    bound: float
    cpu: float
    cloud_cpu: float
    peak_mib: float

    @property
    def cpu_per_step_ms(self) -> float:
        """What the engine used, each step with everything around it."""
        return 1000 * (self.cpu - self.cloud_cpu) / self.steps


class Metered:
    """A cloud whose CPU time is counted."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.spent: list[float] = []  # by call: threads may append at the same time

    def _counted(self, call: Callable[[], _T]) -> _T:
        before = time.thread_time()
        try:
            return call()
        finally:
            self.spent.append(time.thread_time() - before)

    @property
    def name(self) -> str:
        """The cloud's name."""
        return self._cloud.name

    def account(self) -> Account:
        """Return the account."""
        return self._counted(self._cloud.account)

    def catalogue(self) -> Catalogue:
        """Return what is on offer."""
        return self._counted(self._cloud.catalogue)

    def allowance(self, region: str) -> Allowance:
        """Return what may be made in a region."""
        return self._counted(lambda: self._cloud.allowance(region))

    def create(self, request: Request) -> Accepted:
        """Ask for a resource."""
        return self._counted(lambda: self._cloud.create(request))

    def ready(self, kind: Kind, accepted: Accepted) -> Observed | None:
        """Ask whether a resource is usable."""
        return self._counted(lambda: self._cloud.ready(kind, accepted))

    def update(self, request: Request, resource_id: str, changed: frozenset[str]) -> Accepted:
        """Change fields in place."""
        return self._counted(lambda: self._cloud.update(request, resource_id, changed))

    def delete(self, kind: Kind, resource_id: str) -> None:
        """Ask for a removal."""
        self._counted(lambda: self._cloud.delete(kind, resource_id))

    def observe(self, kind: Kind, resource_id: str) -> Observed | None:
        """Return one resource."""
        return self._counted(lambda: self._cloud.observe(kind, resource_id))

    def find(self, request: Request) -> list[Observed]:
        """Return what has the request's name."""
        return self._counted(lambda: self._cloud.find(request))

    def observe_all(self, cluster: ClusterRef) -> list[Observed]:
        """Return everything of the cluster."""
        return self._counted(lambda: self._cloud.observe_all(cluster))

    def close(self) -> None:
        """Let go of connections."""
        self._cloud.close()


def cluster(servers: int) -> ClusterSpec:
    """Return the default cluster with so many servers and a key."""
    spec = PROFILES["sandbox-small"].build("thousand", "sim-us-east")
    (control_plane, workers) = spec.pools
    workers = msgspec.structs.replace(workers, count=servers - control_plane.count)
    return with_ssh_key(msgspec.structs.replace(spec, pools=(control_plane, workers)), PUBLIC_KEY)


def lower_bound(plan: Plan, state: ClusterState, timing: Timing, call: float, parallel: int) -> float:
    """Return the seconds that no order of the steps could do without."""
    work: dict[int, float] = {}
    ends: dict[int, float] = {}
    for step in plan.steps:  # each comes after those that it waits for
        made = timing.seconds("create", step.key.kind, state.bindings[step.key].resource_id)
        work[step.id] = call + max(made, call)
        ends[step.id] = work[step.id] + max((ends[number] for number in step.after), default=0.0)
    return max(*ends.values(), sum(work.values()) / parallel)


def create(servers: int, latency: float, parallel: int) -> Run:
    """Create the cluster once, in this process, and check that it is there."""
    with tempfile.TemporaryDirectory(prefix="kubisnap-thousand-") as made:
        clock, call = SystemClock(), CALL_SECONDS * latency
        sandbox = Sandbox(
            Path(made) / "sandbox.sqlite", clock=clock, seed=SEED, latency=latency, call_seconds=call
        )
        sandbox.set_quota("", Kind.SERVER, servers)
        cloud, spec = Metered(sandbox), cluster(servers)
        context = Context(
            actor="bench",
            holder=ev.Holder(host="bench", pid=1),
            tool="bench",
            clock=clock,
            random=Random(SEED),
            pace=Pace(parallel=parallel),
        )
        with open_journal(f"sqlite:///{Path(made) / 'store.sqlite'}", create=True) as journal:
            started, cpu = time.perf_counter(), time.process_time()
            prepared = prepare_create(journal, cloud, spec, context)
            plan = prepared.plan
            carry_out(journal, cloud, prepared, context, kind=ev.OperationKind.CREATE, summary=spec.name)
            wall, cpu = time.perf_counter() - started, time.process_time() - cpu
            state = journal.state(prepared.cluster_id)
        there = sandbox.inventory().get(Kind.SERVER.value, 0)
        cloud.close()
        if there != servers or len(state.bindings) != len(plan.steps) or state.open is not None:
            raise AssertionError(f"{there} servers and {len(state.bindings)} bindings are not the cluster")
        return Run(
            steps=len(plan.steps),
            calls=len(cloud.spent),
            wall=wall,
            bound=lower_bound(plan, state, Timing(SEED, latency), call, parallel),
            cpu=cpu,
            cloud_cpu=sum(cloud.spent),
            peak_mib=peak_mib(),
        )


def peak_mib() -> float:
    """Return the most memory that this process ever had."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def figures(what: str, runs: Sequence[Run]) -> list[Figure]:
    """Return the lines of the table."""

    def median(of: Callable[[Run], float]) -> float:
        return statistics.median(map(of, runs))

    return [
        Figure(f"{what}: wall time", median(lambda run: run.wall), "s"),
        Figure(f"{what}: lower bound", median(lambda run: run.bound), "s"),
        Figure(
            f"{what}: wall / bound", median(lambda run: run.wall / run.bound), "x", WALL_BAR, at_most=True
        ),
        Figure(f"{what}: calls per step", median(lambda run: run.calls / run.steps), ""),
        Figure(
            f"{what}: CPU per step", median(lambda run: run.cpu_per_step_ms), "ms", CPU_BAR_MS, at_most=True
        ),
        Figure(f"{what}: peak memory", median(lambda run: run.peak_mib), "MiB", MEMORY_BAR_MIB, at_most=True),
    ]


def measure(
    servers: int = SERVERS, latency: float = LATENCY, parallel: int = PARALLEL, runs: int = RUNS
) -> list[Figure]:
    """Create the cluster so many times, each in a process of its own."""
    print(
        f"{servers:,} servers, {parallel} at a time; a server takes {20 * latency:g} to {45 * latency:g} s, "
        f"a call {CALL_SECONDS * latency:g} s ({latency:g} of a real cloud); {runs} runs",
        flush=True,
    )
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1) as alone:
        done = [alone.submit(create, servers, latency, parallel).result() for _ in range(runs)]
    return figures(f"{servers:,} servers", done)


def main() -> int:
    """Print the table; return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--servers", type=int, default=SERVERS)
    parser.add_argument("--latency", type=float, default=LATENCY, help="times a real cloud's; 1 is one")
    parser.add_argument("--parallel", type=int, default=PARALLEL)
    parser.add_argument("--runs", type=int, default=RUNS)
    given = parser.parse_args()
    return show(measure(given.servers, given.latency, given.parallel, given.runs))


if __name__ == "__main__":
    raise SystemExit(main())
