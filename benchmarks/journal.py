"""The journal beside what it stands on: folding a long log, and appending in batches.

Folding: `Journal.state` of one cluster's log of a million events (thousands of operations, about
2,000 live resources) beside a bare loop that has the rows in a list already, decodes them with
prepared msgspec decoders and applies the same reducers.

Appending: `Journal.append` of 1,000 events at once beside `sqlite3.executemany` of the same rows,
encoded already, into a bare table of the same columns: no triggers, no AUTOINCREMENT. Both commit
each batch, in WAL mode with synchronous=FULL.
"""

import argparse
import gc
import itertools
import sqlite3
import statistics
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from types import GenericAlias
from typing import Any

import msgspec

from benchmarks.table import Figure, interleaved, median_ratio, seconds, show
from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.model import Placement, PoolSpec, Role, Size
from kubisnap.engine.domain.resources import Key, Kind, Server
from kubisnap.engine.domain.state import ClusterState, apply_event
from kubisnap.engine.journal.codec import Codec, StoredRow
from kubisnap.engine.journal.log import Envelope, open_journal

BAR_PERCENT = 50.0
CLUSTER = "c0ffee00" * 4
POOL, REGION, ACCOUNT = "workers", "sim-us-east", "sandbox-default"
EVENTS = 1_000_000
LIVE = 2000
FOLDS = 5
APPENDS = 15
BATCH, BATCHES = 1000, 30
START = 1_700_000_000_000_000
ENVELOPE = Envelope(time=START, actor="kaethe", operation=1, reason="more traffic in the evening")
INSERT = "INSERT INTO stored_events (originator_id, originator_version, topic, state) VALUES (?,?,?,?)"

Line = tuple[int, ev.AnyEvent]
"""The operation and the event."""


# ── a log such as operations leave behind ────────────────────────────────────────────────────


class Fleet:
    """One cluster whose pool grows and shrinks, operation by operation, around `LIVE` servers."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        self._names = itertools.count()
        self._servers: deque[tuple[Key, str]] = deque()
        self._operation = 0

    def log(self) -> Iterator[Line]:
        """Yield the events of an endless life."""
        size = Size.pinned("sandbox", "sb-1x2")
        pool = PoolSpec(name=POOL, role=Role.WORKER, count=0, size=size)
        placement = Placement(cloud="sandbox", region=REGION)
        yield from self._change(
            LIVE,
            ev.ClusterDeclared(cluster_id=CLUSTER, name="web", kubernetes="1.34", placement=placement),
            ev.ServerPoolDeclared(pool=pool),
        )
        while True:
            by = self._random.randint(5, 60)
            yield from self._change(by if len(self._servers) < LIVE else -by)

    def _change(self, by: int, *intents: ev.AnyEvent) -> Iterator[Line]:
        self._operation += 1
        before = len(self._servers)
        create = by > 0
        story: list[Iterator[ev.AnyEvent]] = []
        plan: list[ev.PlannedStep] = []
        for step in range(1, abs(by) + 1):
            key = Key(Kind.SERVER, f"{POOL}-{next(self._names)}") if create else self._servers[0][0]
            story.append(
                self._creation(step, key) if create else self._deletion(step, *self._servers.popleft())
            )
            reasons = ("it is declared and not there" if create else "it is not declared any more",)
            plan.append(
                ev.PlannedStep(id=step, action="create" if create else "delete", key=key, reasons=reasons)
            )
        events = itertools.chain(
            [
                ev.OperationStarted(
                    kind=ev.OperationKind.SCALE if self._operation > 1 else ev.OperationKind.CREATE,
                    summary=f"{POOL} {before}→{before + by}",
                    holder=ev.Holder(host="builder.example", pid=4242),
                    tool="kubisnap 0.1.0",
                    cloud="sandbox",
                    account=ACCOUNT,
                ),
                *intents,
                ev.ServerPoolScaled(pool=POOL, before=before, count=before + by),
                ev.PlanAccepted(steps=tuple(plan)),
            ],
            _side_by_side(story),
            [ev.OperationFinished(outcome=ev.Outcome.SUCCEEDED, done=abs(by))],
        )
        for event in events:
            yield self._operation, event

    def _creation(self, step: int, key: Key) -> Iterator[ev.AnyEvent]:
        name = f"web-{key.name}-{CLUSTER[:8]}"
        yield ev.StepStarted(step=step, action="create", key=key, provider_name=name)
        found = f"srv-{self._random.getrandbits(64):016x}"
        self._servers.append((key, found))
        yield ev.ResourceProvisioned(
            step=step,
            key=key,
            resource_id=found,
            provider_name=name,
            cloud="sandbox",
            account=ACCOUNT,
            region=REGION,
            resource=Server(
                region=REGION,
                size="sb-1x2",
                image="sim-ubuntu-24.04",
                role=Role.WORKER,
                pool=POOL,
                network="main",
                ssh_keys=("admin",),
            ),
        )
        address = f"{self._random.randrange(256)}.{self._random.randrange(256)}"
        yield ev.StepSucceeded(
            step=step, attributes={"private_ip": f"10.153.{address}", "public_ip": f"203.0.{address}"}
        )

    def _deletion(self, step: int, key: Key, resource_id: str) -> Iterator[ev.AnyEvent]:
        yield ev.StepStarted(step=step, action="delete", key=key, resource_id=resource_id)
        yield ev.ResourceDestroyed(step=step, key=key, resource_id=resource_id)
        yield ev.StepSucceeded(step=step)


def _side_by_side(stories: Sequence[Iterator[ev.AnyEvent]], lanes: int = 8) -> Iterator[ev.AnyEvent]:
    """Yield the events of steps of which some run at the same time."""
    for start in range(0, len(stories), lanes):
        for moment in zip(*stories[start : start + lanes], strict=True):
            yield from moment


def sealed(lines: Iterator[Line]) -> Iterator[ev.Recorded]:
    """Yield the events in their envelopes."""
    for version, (operation, event) in enumerate(lines, 1):
        yield ev.Recorded(
            stream=CLUSTER,
            version=version,
            time=START + version * 250_000,
            actor="kaethe",
            operation=operation,
            cause=max(0, version - 3),
            reason="more traffic in the evening",
            schema=event.SCHEMA,
            event=event,
        )


def fill(path: Path, events: Iterator[ev.Recorded], count: int) -> None:
    """Write a log without going through the journal: it is not what is measured here."""
    encode = Codec().encode
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany(INSERT, ((CLUSTER, *encode(item)) for item in itertools.islice(events, count)))
        connection.commit()


# ── folding ──────────────────────────────────────────────────────────────────────────────────


def decoders() -> dict[str, Callable[[bytes], Any]]:
    """Return a prepared decoder for each tag: envelope and payload in one call, which is the fastest."""
    front = (int, int, str, int, int, str)
    return {
        ev.tag_of(cls): msgspec.msgpack.Decoder(GenericAlias(tuple, (*front, cls))).decode
        for cls in ev.all_event_types()
    }


def bare_fold(rows: Sequence[StoredRow], decode: dict[str, Callable[[bytes], Any]]) -> ClusterState:
    """Return the state by nothing but decoding and reducing."""
    state = ClusterState()
    for version, tag, data in rows:
        schema, when, actor, operation, cause, reason, event = decode[tag](data)
        apply_event(
            state,
            ev.Recorded(
                stream=CLUSTER,
                version=version,
                time=when,
                actor=actor,
                operation=operation,
                cause=cause,
                reason=reason,
                schema=schema,
                event=event,
            ),
        )
    return state


def folding(folder: Path, count: int) -> list[Figure]:
    """Measure `Journal.state` beside the bare loop."""
    path = folder / "long.sqlite"
    url = f"sqlite:///{path}"
    open_journal(url, create=True).close()
    fill(path, sealed(Fleet(seed=1).log()), count)
    with open_journal(url) as journal:
        rows = journal.rows(CLUSTER)
        prepared = decoders()
        state = journal.state(CLUSTER)
        if len(rows) != count or bare_fold(rows, prepared) != state:
            raise AssertionError("the two do not come to the same state")
        gc.collect()
        gc.freeze()  # the rows that only the bare loop needs are not to slow either of them
        runs = interleaved(
            FOLDS,
            lambda: seconds(lambda: journal.state(CLUSTER)),
            lambda: seconds(lambda: bare_fold(rows, prepared)),
        )
        gc.unfreeze()
    told = f"{count:,} events, {state.operations:,} operations, {len(state.bindings):,} live resources"
    print(told, flush=True)
    return figures("fold", count, runs)


# ── appending ────────────────────────────────────────────────────────────────────────────────


def append_journal(path: Path, batches: Sequence[Sequence[ev.AnyEvent]]) -> float:
    """Return how long the journal takes for the batches."""
    with open_journal(f"sqlite:///{path}", create=True) as journal:

        def work() -> None:
            for number, batch in enumerate(batches):
                journal.append(CLUSTER, number * BATCH, batch, ENVELOPE)

        return seconds(work)


def append_bare(path: Path, batches: Sequence[Sequence[StoredRow]]) -> float:
    """Return how long SQLite takes for the same rows."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(
            "CREATE TABLE stored_events (rowid INTEGER PRIMARY KEY, originator_id TEXT NOT NULL, "
            "originator_version INTEGER NOT NULL, topic TEXT NOT NULL, state BLOB NOT NULL, "
            "UNIQUE (originator_id, originator_version))"
        )
        ready = [[(CLUSTER, *row) for row in batch] for batch in batches]

        def work() -> None:
            for batch in ready:
                connection.execute("BEGIN IMMEDIATE")
                connection.executemany(INSERT, batch)
                connection.execute("COMMIT")

        return seconds(work)


def appending(folder: Path) -> list[Figure]:
    """Measure `Journal.append` beside ``executemany``."""
    lines = itertools.islice(Fleet(seed=2).log(), BATCH * BATCHES)
    flat = [event for _, event in lines]
    batches = [flat[start : start + BATCH] for start in range(0, len(flat), BATCH)]
    first = folder / "first.sqlite"
    append_journal(first, batches)
    with open_journal(f"sqlite:///{first}") as journal:
        rows = journal.rows(CLUSTER)
    encoded = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    numbers = itertools.count()
    runs = interleaved(
        APPENDS,
        lambda: append_journal(folder / f"journal-{next(numbers)}.sqlite", batches),
        lambda: append_bare(folder / f"bare-{next(numbers)}.sqlite", encoded),
    )
    return figures(f"append {BATCH:,}", len(flat), runs)


# ── the table ────────────────────────────────────────────────────────────────────────────────


def figures(what: str, count: int, runs: Sequence[tuple[float, ...]]) -> list[Figure]:
    """Return the lines: both speeds, and the share that has a bar."""
    ours, bare = (statistics.median(run[index] for run in runs) for index in (0, 1))
    return [
        Figure(f"{what}: journal", count / ours, "events/s"),
        Figure(f"{what}: bare", count / bare, "events/s"),
        Figure(f"{what}: share of the bare speed", 100 * median_ratio(runs, 1, 0), "%", bar=BAR_PERCENT),
    ]


def measure(events: int = EVENTS) -> list[Figure]:
    """Measure both."""
    with tempfile.TemporaryDirectory(prefix="kubisnap-journal-") as made:
        folder = Path(made)
        return [*folding(folder, events), *appending(folder)]


def main() -> int:
    """Print the table; return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--events", type=int, default=EVENTS, help="the length of the log that is folded")
    return show(measure(parser.parse_args().events))


if __name__ == "__main__":
    raise SystemExit(main())
