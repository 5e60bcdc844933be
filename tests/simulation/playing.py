"""One run: an operator with wishes, processes with fates, a cloud with weather, and the invariants after it."""

import tempfile
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from kubisnap.adapters.sandbox import Sandbox
from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.resources import ClusterRef, Key, Kind, Network, Request, Server, SshKey, Tag
from kubisnap.engine.domain.model import Role
from kubisnap.engine.domain.state import fold
from kubisnap.engine.errors import (
    AlreadyExists,
    CloudError,
    Interrupted,
    KubisnapError,
    Locked,
    LogMoved,
    NotFound,
    NothingUnfinished,
    OperationFailed,
    Refused,
    RollbackIncomplete,
    StoreUnusable,
)
from kubisnap.engine.operations import recording
from kubisnap.engine.operations.abandoning import carry_out_rollback, prepare_rollback
from kubisnap.engine.operations.changing import (
    Prepared,
    carry_out,
    prepare_change,
    prepare_create,
    prepare_delete,
)
from kubisnap.engine.operations.context import Context, Pace
from kubisnap.engine.operations.snapshots import ArchivedCluster, prepare_restore

from . import judging
from .audit import Auditor
from .cloud import Line, Sky
from .desk import Desk
from .fates import Doom, Fate
from .scenario import THEIR_KEY, Story, Wish, stories
from .scheduling import Line as TraceLine
from .scheduling import Process, ProcessDied, Scheduler, SimulatedClock, SimulatedCrew, StuckError, TurnLock
from .storing import DamagedError, Shelf, furnish
from .weather import Weather

_TRIES = 30
_KIND = ev.OperationKind


@dataclass
class Verdict:
    """What came of a run."""

    seed: int
    problems: list[str] = field(default_factory=list)
    trace: list[TraceLine] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    ran: Counter[tuple[str, str]] = field(default_factory=Counter)
    points: int = 0
    writes: int = 0


@dataclass
class Command:
    """One command in one process, and how it ended."""

    process: Process
    kind: ev.OperationKind | None = None
    prepared: Prepared | None = None
    error: BaseException | None = None
    outcome: str = "died"
    nothing_to_do: bool = False
    left: bool = False
    cluster_id: str = ""


def play(seed: int) -> Verdict:
    """Play one seed."""
    verdict = Verdict(seed)
    with tempfile.TemporaryDirectory(prefix="kubisnap-simulation-", dir=_memory()) as folder:
        furnish(Path(folder))
        run = Run(seed, Path(folder), verdict)
        with run.in_place():
            try:
                run.play()
            except (StuckError, DamagedError) as error:
                verdict.problems.append(f"{type(error).__name__}: {error}")
                run.scheduler.end()
            finally:
                run.close()
    verdict.trace = run.scheduler.trace
    return verdict


def _as_told(wish: Wish, command: Command) -> Wish:
    """Return what to do next, as the error's hint says where going back did not come to its end."""
    error = command.error
    if not isinstance(error, RollbackIncomplete):
        return wish
    return replace(wish, abandons=not error.deleting and wish.abandons, finishes_rollback=False)


def _memory() -> str | None:
    """Return a folder in memory, where there is one: nothing here has to outlive a power cut."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


class Run:
    """Everything of one run."""

    def __init__(self, seed: int, folder: Path, verdict: Verdict) -> None:
        self.seed = seed
        self.verdict = verdict
        self.random = Random(f"{seed}/operator")
        order = Random(f"{seed}/order")
        self.scheduler = Scheduler(order, restless=order.choice((0.05, 0.2, 0.6)))
        self.shelf = Shelf(folder, self.scheduler)
        weather = Weather.drawn(Random(f"{seed}/weather"))
        self.sandbox = Sandbox(
            folder / "cloud.sqlite",
            clock=SimulatedClock(self.scheduler.world),
            seed=seed,
            latency=weather.latency,
        )
        self.sky = Sky(self.sandbox, weather, self.scheduler, Random(f"{seed}/network"))
        self.auditor = Auditor(self.shelf)
        self.processes: list[Process] = []
        self._at_wish: dict[str, tuple[int, list[judging.Item]]] = {}
        """By cluster: how long its log was when the operator began to wish, and what the cloud held."""
        self._doubtful: set[str] = set()
        """Clusters of which requests were repeated that no successful command has cleaned up after."""

    def close(self) -> None:
        """Close all files."""
        self.shelf.close()
        self.sandbox.close()

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the engine's pen wait its turn, instead of holding up the one thread that may run."""
        kept = recording.Lock
        recording.Lock = lambda: TurnLock(self.scheduler)  # type: ignore[assignment,misc,return-value]
        try:
            yield
        finally:
            recording.Lock = kept  # type: ignore[misc]

    def play(self) -> None:
        """Tell all stories, then see whether all is as it should be."""
        foreign = self._foreign()
        self.sky.begin()
        told = stories(Random(f"{self.seed}/stories"))
        operators = [
            self.scheduler.spawn(
                f"operator {story.name}", self.scheduler.world, lambda story=story: self._tell_story(story)
            )
            for story in told
        ]
        self.scheduler.join(operators)
        for task in operators:
            error = task.exception()
            if error is not None:
                raise error
        self._last_look(told, foreign)
        self.verdict.struck = self.sky.struck
        self.verdict.problems += self.auditor.problems
        self.verdict.points = sum(process.points for process in self.processes)
        self.verdict.writes = self.auditor.writes

    def _broken(self, problems: list[str], when: str) -> None:
        for problem in problems:
            self.scheduler.tell(f"BROKEN {when}: {problem}")
            self.verdict.problems.append(f"{when}: {problem}")

    # ── what is there before ─────────────────────────────────────────────────────────────────

    def _foreign(self) -> list[judging.Item]:
        """Put things of others into the account, under names that could be taken for ours."""
        strangers = ClusterRef(id="f" * 32, name="web")
        network = Key(Kind.NETWORK, "main")
        ids: dict[Key, str] = {}
        for key, resource, name in (
            (Key(Kind.SSH_KEY, "laptop"), SshKey(public_key=THEIR_KEY), "laptop"),
            (Key(Kind.TAG, "cluster"), Tag(), "kubisnap-web"),
            (network, Network(region="sim-us-east", cidr="10.90.0.0/20"), "web-main-ffffffff"),
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
        ):
            request = Request(cluster=strangers, key=key, resource=resource, name=name, ids=dict(ids))
            ids[key] = self.sandbox.create(request).id
            self.scheduler.time += 60.0
        return judging.of_cluster(self.sandbox.dump(), strangers.id)

    # ── the operator ─────────────────────────────────────────────────────────────────────────

    def _tell_story(self, story: Story) -> None:
        for wish in story.wishes:
            if wish.kind not in {_KIND.CREATE, _KIND.RESTORE} and not self._exists(story.name):
                continue  # it was given up
            self._fulfil(story.name, wish)
            self.scheduler.sleep(self.random.choice((5.0, 200.0)))

    def _exists(self, name: str) -> bool:
        claim = self.shelf.journal.claim_of(name)
        return claim is not None and not claim.released

    def _fulfil(self, name: str, wish: Wish) -> None:
        self.scheduler.tell(f"── {name}: the operator wants to {wish.kind}{' or abandons' * wish.abandons}")
        claim = self.shelf.journal.claim_of(name)
        known = 0 if claim is None else len(self.shelf.books.get(claim.cluster_id, []))
        self._at_wish[name] = known, self.sandbox.dump()
        for attempt in range(_TRIES):
            calm = attempt >= wish.patience
            if calm:
                self.sky.calm()
            command = self._attempt(name, wish, attempt, calm=calm)
            if self._fulfilled(command):
                return
            self.shelf.full = False
            wish = _as_told(wish, command)
        self._broken([f"{wish.kind} never came to its end"], name)

    def _attempt(self, name: str, wish: Wish, attempt: int, *, calm: bool) -> Command:
        """Run the command once, sometimes beside a colleague."""
        doom = None if calm or self.random.random() < 0.35 else Doom.drawn(self.random)
        before, repeated = self.sandbox.dump(), self.sky.repeated
        command = self._start(name, wish, attempt, doom)
        commands = [command]
        rivals = []
        frozen = doom is not None and doom.fate in {Fate.FREEZE, Fate.JUMP}
        if not calm and self.random.random() < (0.8 if frozen else 0.1):
            rivals.append(
                self.scheduler.spawn(
                    f"rival {name}", self.scheduler.world, lambda: self._rival(name, wish, commands)
                )
            )
        self.scheduler.join([*self._tasks(command), *rivals])
        for one in commands:
            self._unforeseen(one)
        self.sky.settle()
        alone = len(commands) == 1
        if self.sky.repeated != repeated:
            self._doubtful.add(name)
        strict = alone and name not in self._doubtful
        self._judge(name, command, before, strict=strict, alone=alone)
        if command.outcome == "succeeded" and self.sky.repeated == repeated:
            self._doubtful.discard(name)
        if isinstance(command.error, Locked):
            self.scheduler.sleep(150.0)
        elif command.error is not None:
            self.scheduler.sleep(self.random.choice((5.0, 30.0, 300.0)))
        return command

    @staticmethod
    def _fulfilled(command: Command) -> bool:
        """Whether what was wished for is there, or was taken back as was wished."""
        return command.outcome == "succeeded" and command.kind is not _KIND.ROLLBACK and not command.left

    def _unforeseen(self, command: Command) -> None:
        """See that nothing was raised that is no error of ours."""
        error = None if command.process.task is None else command.process.task.exception()
        if isinstance(error, DamagedError):
            raise error
        if error is not None:
            where = "".join(traceback.format_exception(error)[-2:])
            self._broken([f"{type(error).__name__}: {error} {where}"], command.process.name)

    def _rival(self, name: str, wish: Wish, commands: list[Command]) -> None:
        self.scheduler.sleep(self.random.choice((0.0, 1.0, 10.0, 130.0)) * self.random.random())
        for _ in range(3):
            command = self._start(name, Wish(wish.kind, wish.spec), 1, None)
            commands.append(command)
            if self.random.random() < 0.2:
                command.process.wall_error = self.random.choice((-1000.0, 60.0, 130.0, 1000.0))
            self.scheduler.join(self._tasks(command))
            if not isinstance(command.error, Locked):
                return
            self.scheduler.sleep(self.random.choice((20.0, 130.0)))

    def _tasks(self, command: Command) -> list[object]:
        return [command.process.task]

    def _start(self, name: str, wish: Wish, attempt: int, doom: Doom | None) -> Command:
        number = len(self.processes) + 1
        host = self.random.choice(("here", "here", "there"))
        process = Process(self.scheduler, f"p{number}", host=host, pid=1000 + number)
        self.processes.append(process)
        self.shelf.powered.append(process)
        if doom is not None:
            process.at_point = lambda that: doom.befall(that, self.shelf, self.sky)
        command = Command(process)
        context = self._context(process)
        process.task = self.scheduler.spawn(
            process.name, process, lambda: self._run(name, wish, attempt, command, context)
        )
        return command

    def _context(self, process: Process) -> Context:
        timeout = self.random.choice((None, None, None, 90.0))
        return Context(
            actor="operator",
            holder=ev.Holder(host=process.host, pid=process.pid),
            tool="simulation",
            clock=SimulatedClock(process),
            random=Random(f"{self.seed}/{process.name}"),
            alive=lambda holder: self._alive(process, holder),
            pace=Pace(parallel=self.random.choice((1, 2, 4, 16)), timeout=timeout),
            crew=lambda _: SimulatedCrew(process),
        )

    def _alive(self, process: Process, holder: ev.Holder) -> bool | None:
        if holder.host != process.host:
            return None
        return any(other.pid == holder.pid and not other.dead and not other.ended for other in self.processes)

    # ── a command ────────────────────────────────────────────────────────────────────────────

    def _run(self, name: str, wish: Wish, attempt: int, command: Command, context: Context) -> None:
        process = command.process
        try:
            self._carry_out(name, wish, attempt, command, context)
            command.outcome = "succeeded"
        except (ProcessDied, KeyboardInterrupt) as error:
            command.error = error
        except KubisnapError as error:
            command.error = error
            command.outcome = type(error).__name__
        finally:
            process.ended = True
            said = "" if command.error is None else f": {command.error}"
            if not process.dead:
                self.scheduler.tell(f"{process.name} ends, {command.outcome}{said}")
            kind = "nothing" if command.kind is None else command.kind.value
            self.verdict.ran[kind, command.outcome] += 1
        if not process.dead and command.prepared is not None:
            self._compare(command)

    def _compare(self, command: Command) -> None:
        """See that what the engine kept in memory is what it wrote."""
        prepared = command.prepared
        if prepared is None or not isinstance(
            command.error, OperationFailed | Interrupted | RollbackIncomplete | None
        ):
            return
        state = prepared.state
        recorded = self.shelf.books.get(prepared.cluster_id, [])[: state.position]
        self._broken(judging.same_as_log(state, recorded), command.process.name)

    def _carry_out(self, name: str, wish: Wish, attempt: int, command: Command, context: Context) -> None:
        journal = Desk(self.shelf, command.process, self.auditor)
        cloud = Line(self.sky, command.process, self.auditor)
        claim = journal.claim_of(name)
        if claim is None or claim.released:
            if wish.kind is _KIND.DELETE:
                command.nothing_to_do = True
                return
            if wish.spec is None or (wish.kind not in {_KIND.CREATE, _KIND.RESTORE} and attempt):
                command.nothing_to_do = True
                return
            command.kind = wish.kind
            if wish.kind is _KIND.RESTORE:
                archived = ArchivedCluster(
                    spec=wish.spec,
                    origin=ev.Origin(archive="a.ksnap", cluster_id="a" * 32, cluster_name="old", position=9),
                    events=(),
                )
                prepared = prepare_restore(journal, cloud, archived, context)
            else:
                prepared = prepare_create(journal, cloud, wish.spec, context)
            self._finish(journal, cloud, prepared, command, context)
            return
        state = journal.state(claim.cluster_id)
        pending = state.pending()
        going_back = wish.abandons or wish.finishes_rollback
        if pending is not None and attempt and going_back:
            command.kind = _KIND.ABANDON if wish.abandons else _KIND.ROLLBACK
            prepared = prepare_rollback(cloud, state, context, abandon=wish.abandons)
            command.prepared, command.cluster_id = prepared, prepared.cluster_id
            carry_out_rollback(journal, cloud, prepared, context, kind=command.kind, summary="")
            return
        if wish.kind is _KIND.DELETE or state.retired:
            command.kind = _KIND.DELETE
            prepared = prepare_delete(cloud, state, context)
        else:
            command.kind = _KIND.SCALE if wish.kind is _KIND.SCALE else _KIND.APPLY
            prepared = prepare_change(cloud, state, context, spec=wish.spec)
            if prepared.empty:
                command.nothing_to_do = True
                return
        self._finish(journal, cloud, prepared, command, context)

    def _finish(
        self, journal: Desk, cloud: Line, prepared: Prepared, command: Command, context: Context
    ) -> None:
        command.prepared, command.cluster_id = prepared, prepared.cluster_id
        kind = command.kind or _KIND.APPLY
        result = carry_out(journal, cloud, prepared, context, kind=kind, summary="")
        command.left = any("could not" in item for item in result.kept)

    # ── judging ──────────────────────────────────────────────────────────────────────────────

    def _judge(
        self, name: str, command: Command, before: list[judging.Item], *, strict: bool, alone: bool
    ) -> None:
        claim = self.shelf.journal.claim_of(name)
        if claim is None:
            return
        recorded = self.shelf.books.get(claim.cluster_id, [])
        gaps = judging.well_formed(recorded)
        if gaps:
            raise DamagedError(f"{name} after {command.process.name}: {', '.join(gaps)}")
        state = fold(recorded)
        dump = self.sandbox.dump()
        when = f"{name} after {command.process.name}"
        problems = judging.explained(dump, state) if strict else []
        if alone and state.open is not None and not command.process.dead and not self.shelf.full:
            if not isinstance(command.error, Locked | CloudError | KeyboardInterrupt):
                problems.append(f"#{state.open.number} is still held")
        if strict and command.prepared is not None and not command.left:
            if command.outcome == "succeeded" and command.kind in {
                _KIND.CREATE,
                _KIND.RESTORE,
                _KIND.APPLY,
                _KIND.SCALE,
            }:
                problems += judging.converged(dump, state)
            if command.outcome == "succeeded" and state.gone:
                problems += [
                    f"left behind: {item['kind']} {item['name']}"
                    for item in judging.of_cluster(dump, claim.cluster_id)
                ]
            if command.outcome == "succeeded" and command.kind is _KIND.ABANDON:
                problems += self._as_before_the_wish(name, claim.cluster_id, recorded, dump)
            if (
                isinstance(command.error, OperationFailed)
                and not command.error.partial
                and command.kind is not _KIND.DELETE
            ):
                problems += judging.unchanged(
                    judging.of_cluster(before, claim.cluster_id), judging.of_cluster(dump, claim.cluster_id)
                )
        self._broken(problems, when)

    def _as_before_the_wish(
        self, name: str, cluster_id: str, recorded: list[ev.Recorded], dump: list[judging.Item]
    ) -> list[str]:
        """See that what was abandoned left no trace, unless it had deleted something or was repaired meanwhile."""
        earlier, before = self._at_wish[name]
        since = [item.event for item in recorded[earlier:]]
        if any(
            isinstance(event, ev.ResourceLost)
            or (isinstance(event, ev.StepStarted) and event.action == "delete" and not event.compensates)
            for event in since
        ):
            return []
        return judging.unchanged(judging.of_cluster(before, cluster_id), judging.of_cluster(dump, cluster_id))

    def _last_look(self, told: list[Story], foreign: list[judging.Item]) -> None:
        """After a calm while, let the operator apply what is declared; then all must be in its place."""
        self.sky.calm()
        self.shelf.full = False
        self.shelf.power_fails = False
        self.scheduler.sleep(1500.0)
        for story in told:
            for _ in range(6):
                if not self._exists(story.name):
                    break
                wish = Wish(_KIND.APPLY)
                command = self._start(story.name, wish, 0, None)
                self.scheduler.join(self._tasks(command))
                self.scheduler.sleep(150.0)
                if command.nothing_to_do:
                    break
            else:
                self._broken(["the last apply never finds nothing to do"], story.name)
        dump = self.sandbox.dump()
        self.shelf.compare()
        for stream, recorded in self.shelf.books.items():
            if stream.startswith("name:"):
                continue
            state = fold(recorded)
            problems = [*judging.well_formed(recorded), *judging.at_rest(recorded)]
            if state.open is not None:
                problems.append(f"#{state.open.number} still holds the cluster")
            if state.gone:
                problems += [
                    f"left behind: {item['kind']} {item['name']} {item['id']}"
                    for item in judging.of_cluster(dump, stream)
                ]
                if self._exists(state.name) and self.shelf.journal.cluster_id(state.name) == stream:
                    problems.append("it is gone and its name is still held")
            else:
                problems += judging.converged(dump, state)
                if state.strays:
                    problems.append(f"strays: {state.strays}")
            self._broken(problems, f"{state.name} ({stream[:8]}) at the end")
        self._broken(judging.unchanged(foreign, judging.of_cluster(dump, "f" * 32)), "what is not ours")
