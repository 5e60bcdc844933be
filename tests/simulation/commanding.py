"""One command in one process: what the operator typed, carried out by the engine as it is."""

from dataclasses import dataclass
from random import Random

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.state import ClusterState
from kubisnap.engine.errors import KubisnapError
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

from .cloud import Line
from .desk import Desk
from .fates import Doom
from .scenario import Wish
from .scheduling import Process, ProcessDied, SimulatedClock, SimulatedCrew, Task
from .stage import Stage

KIND = ev.OperationKind
MAKING = frozenset({KIND.CREATE, KIND.RESTORE})
_ARCHIVE = ev.Origin(archive="old.ksnap", cluster_id="a" * 32, cluster_name="old", position=9)


@dataclass
class Command:
    """One command and how it ended. `kind` is None until it is known what is to be done.

    `again`: something of it was begun before, so that what is unfinished may be taken back.
    `left`: it succeeded, and said that it could not look after everything.
    """

    stage: Stage
    process: Process
    name: str
    wish: Wish
    again: bool
    kind: ev.OperationKind | None = None
    prepared: Prepared | None = None
    error: BaseException | None = None
    outcome: str = "died"
    nothing_to_do: bool = False
    left: bool = False

    @property
    def succeeded(self) -> bool:
        """Whether it came to the end that was intended."""
        return self.outcome == "succeeded"

    @property
    def task(self) -> Task:
        """What runs it."""
        assert self.process.task is not None
        return self.process.task

    def run(self, context: Context) -> None:
        """Run it in its process."""
        process, scheduler = self.process, self.stage.scheduler
        try:
            self._carry_out(context)
            self.outcome = "succeeded"
        except (ProcessDied, KeyboardInterrupt) as error:
            self.error = error
        except KubisnapError as error:
            self.error = error
            self.outcome = type(error).__name__
        finally:
            process.ended = True
            if not process.dead:
                said = "" if self.error is None else f": {self.error}"
                done = "nothing to do" if self.nothing_to_do else self.outcome
                scheduler.tell(f"{process.name} ends, {done}{said}")
            kind = "nothing" if self.kind is None else self.kind.value
            self.stage.verdict.ran[kind, self.outcome] += 1

    def _carry_out(self, context: Context) -> None:
        journal = Desk(self.stage.shelf, self.process, self.stage.auditor)
        cloud = Line(self.stage.sky, self.process, self.stage.auditor)
        claim = journal.claim_of(self.name)
        if claim is None or claim.released:
            if self.wish.spec is None or self.wish.kind not in MAKING:
                self.nothing_to_do = True
            else:
                self.kind = self.wish.kind
                self._finish(journal, cloud, self._new(journal, cloud, context), context)
            return
        state = journal.state(claim.cluster_id)
        if self.again and self.wish.goes_back and state.pending() is not None:
            self._go_back(journal, cloud, state, context)
            return
        if self.wish.kind is KIND.DELETE or state.retired:
            self.kind = KIND.DELETE
            prepared = prepare_delete(cloud, state, context)
        else:
            self.kind = KIND.SCALE if self.wish.kind is KIND.SCALE else KIND.APPLY
            prepared = prepare_change(cloud, state, context, spec=self.wish.spec)
        if prepared.empty:
            self.nothing_to_do = True
        else:
            self._finish(journal, cloud, prepared, context)

    def _new(self, journal: Desk, cloud: Line, context: Context) -> Prepared:
        spec = self.wish.spec
        assert spec is not None
        if self.wish.kind is KIND.RESTORE:
            archived = ArchivedCluster(spec=spec, origin=_ARCHIVE)
            return prepare_restore(journal, cloud, archived, context)
        return prepare_create(journal, cloud, spec, context)

    def _go_back(self, journal: Desk, cloud: Line, state: ClusterState, context: Context) -> None:
        self.kind = KIND.ABANDON if self.wish.abandons else KIND.ROLLBACK
        self.prepared = prepare_rollback(cloud, state, context, abandon=self.wish.abandons)
        carry_out_rollback(journal, cloud, self.prepared, context, kind=self.kind, summary="")

    def _finish(self, journal: Desk, cloud: Line, prepared: Prepared, context: Context) -> None:
        self.prepared = prepared
        result = carry_out(journal, cloud, prepared, context, kind=self.kind or KIND.APPLY, summary="")
        self.left = any("could not" in item for item in result.kept)


def start(stage: Stage, name: str, wish: Wish, chance: Random, *, again: bool, doom: Doom | None) -> Command:
    """Start a command in a new process, on this host or another."""
    number = len(stage.processes) + 1
    host = chance.choice(("here", "here", "there"))
    process = Process(stage.scheduler, f"p{number}", host=host, pid=1000 + number)
    stage.processes.append(process)
    stage.shelf.powered.append(process)
    if doom is not None:
        process.at_point = lambda that: doom.befall(that, stage.shelf, stage.sky)
    command = Command(stage, process, name, wish, again)
    context = _context(stage, process, chance)
    process.task = stage.scheduler.spawn(process.name, process, lambda: command.run(context))
    return command


def _context(stage: Stage, process: Process, chance: Random) -> Context:
    def alive(holder: ev.Holder) -> bool | None:
        if holder.host != process.host:
            return None
        return any(
            other.pid == holder.pid and not other.dead and not other.ended for other in stage.processes
        )

    return Context(
        actor="operator",
        holder=ev.Holder(host=process.host, pid=process.pid),
        tool="simulation",
        clock=SimulatedClock(process),
        random=stage.random(process.name),
        alive=alive,
        pace=Pace(parallel=chance.choice((1, 2, 4, 16)), timeout=chance.choice((None, None, None, 90.0))),
        crew=lambda _: SimulatedCrew(process),
    )
