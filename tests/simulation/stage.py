"""What a run is played on: one scheduler, one store, one cloud, and what others have in the account."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest

from kubisnap.adapters.sandbox import Sandbox
from kubisnap.engine.domain.model import Role
from kubisnap.engine.domain.resources import (
    ClusterRef,
    Key,
    Kind,
    Network,
    Request,
    Resource,
    Server,
    SshKey,
    Tag,
)
from kubisnap.engine.operations import recording

from .audit import Auditor
from .cloud import Sky
from .judging import Item, of_cluster
from .scenario import THEIR_KEY
from .scheduling import Line, Process, Scheduler, SimulatedClock, TurnLock
from .storing import Shelf
from .weather import Weather

_STRANGERS = ClusterRef(id="f" * 32, name="web")


@dataclass
class Verdict:
    """What came of a run. `ran` counts commands by kind and how they ended."""

    seed: int
    folder: str = ""
    problems: list[str] = field(default_factory=list)
    trace: list[Line] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    ran: Counter[tuple[str, str]] = field(default_factory=Counter)
    points: int = 0
    writes: int = 0

    @property
    def story(self) -> str:
        """The trace as text, the same wherever the run's files were."""
        return "\n".join(map(str, self.trace)).replace(self.folder, "…")


class Stage:
    """Everything that the commands of a run have in common."""

    def __init__(self, seed: int, folder: Path, verdict: Verdict) -> None:
        self.seed = seed
        self.verdict = verdict
        order = self.random("order")
        self.scheduler = Scheduler(order, restless=order.choice((0.05, 0.2, 0.6)))
        self.shelf = Shelf(folder, self.scheduler)
        weather = Weather.drawn(self.random("weather"))
        self.sandbox = Sandbox(
            folder / "cloud.sqlite",
            clock=SimulatedClock(self.scheduler.world),
            seed=seed,
            latency=weather.latency,
        )
        self.sky = Sky(self.sandbox, weather, self.scheduler, self.random("network"))
        self.auditor = Auditor(self.shelf)
        self.processes: list[Process] = []

    def random(self, what: str) -> Random:
        """Return chance for one purpose, so that drawing more for one changes nothing for another."""
        return Random(f"{self.seed}/{what}")

    def close(self) -> None:
        """Close all files."""
        self.shelf.close()
        self.sandbox.close()

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the engine's pen wait its turn, instead of holding up the one thread that may run."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(recording, "Lock", lambda: TurnLock(self.scheduler))
            yield

    def broken(self, problems: list[str], when: str) -> None:
        """Write down what is not as it should be."""
        for problem in problems:
            self.scheduler.tell(f"BROKEN {when}: {problem}")
            self.verdict.problems.append(f"{when}: {problem}")

    def exists(self, name: str) -> bool:
        """Whether there is a cluster of that name."""
        claim = self.shelf.journal.claim_of(name)
        return claim is not None and not claim.released

    def count(self) -> None:
        """Let the verdict say what happened."""
        self.verdict.struck = self.sky.struck
        self.verdict.problems += self.auditor.problems
        self.verdict.points = sum(process.points for process in self.processes)
        self.verdict.writes = self.auditor.writes

    # ── what is not ours ─────────────────────────────────────────────────────────────────────

    def furnish(self) -> None:
        """Put things of others into the account, under names that could be taken for ours."""
        ids: dict[Key, str] = {}
        for key, resource, name in _FOREIGN:
            request = Request(cluster=_STRANGERS, key=key, resource=resource, name=name, ids=dict(ids))
            ids[key] = self.sandbox.create(request).id
            self.scheduler.time += 60.0

    def foreign(self) -> list[Item]:
        """Return what others have."""
        return of_cluster(self.sandbox.dump(), _STRANGERS.id)


_FOREIGN: tuple[tuple[Key, Resource, str], ...] = (
    (Key(Kind.SSH_KEY, "laptop"), SshKey(public_key=THEIR_KEY), "laptop"),
    (Key(Kind.TAG, "cluster"), Tag(), "kubisnap-web"),
    (
        Key(Kind.NETWORK, "main"),
        Network(region="sim-us-east", cidr="10.90.0.0/20"),
        "web-main-ffffffff",
    ),
    (
        Key(Kind.SERVER, "wk-0"),
        Server(
            region="sim-us-east",
            size="sb-1x1",
            image="sim-debian-12",
            role=Role.WORKER,
            pool="wk",
            network="main",
        ),
        "web-wk-0",
    ),
)
