"""When the invariants are looked at: after every command, and at the end of the run."""

import traceback
from collections.abc import Iterable

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.state import ClusterState
from kubisnap.engine.errors import (
    CloudError,
    Interrupted,
    Locked,
    OperationFailed,
    PerhapsTwice,
    RollbackIncomplete,
)

from . import judging
from .commanding import KIND, MAKING, Command
from .judging import DamagedError, Item, of_cluster
from .stage import Stage

_CONVERGING = MAKING | {KIND.APPLY, KIND.SCALE}


class Inspector:
    """Looks at one cluster's log and account. Knows what was there when the operator began to wish."""

    def __init__(self, stage: Stage, name: str) -> None:
        self._stage = stage
        self._name = name
        self._wished_at = 0
        self._then: list[Item] | None = []
        """What going back goes back to; None where a colleague changed it, nobody knows when."""
        self._before: list[Item] = []
        self._repeated = 0
        self._doubtful = False

    def wishing(self) -> None:
        """Remember what is there before anything is begun that may be taken back."""
        claim = self._stage.shelf.journal.claim_of(self._name)
        self._wished_at = 0 if claim is None else len(self._stage.shelf.books.get(claim.cluster_id, []))
        self._then = self._stage.sandbox.dump()

    def starting(self) -> None:
        """Remember what is there before a command."""
        self._before = self._stage.sandbox.dump()
        self._repeated = self._stage.sky.repeated

    def ended(self, command: Command, *, alone: bool) -> None:
        """Look after a command, and those beside it, have ended and nothing is under way any more.

        What a repeated or late request does may be seen by nobody until the next success: until then,
        only what the log says for itself is looked at.
        """
        quiet = self._stage.sky.repeated == self._repeated
        self._doubtful = self._doubtful or not quiet
        claim = self._stage.shelf.journal.claim_of(self._name)
        if claim is not None:
            recorded = self._stage.shelf.books.get(claim.cluster_id, [])
            when = f"{self._name} after {command.process.name}"
            state = judging.folded(recorded)
            problems = judging.well_formed(recorded)
            problems += self._held(command, state) if alone else []
            if alone and not self._doubtful:
                problems += self._results(command, recorded, state)
            self._stage.broken(problems, when)
        if command.succeeded and quiet:
            self._doubtful = False
        if not alone:
            self._then = None
        elif command.succeeded:
            self.wishing()

    def _held(self, command: Command, state: ClusterState) -> list[str]:
        """See that the lease is given back, by all who could."""
        could_not = command.process.dead or self._stage.shelf.full
        excused = isinstance(command.error, Locked | CloudError | KeyboardInterrupt)
        if state.open is None or could_not or excused:
            return []
        return [f"#{state.open.number} is still held"]

    def _results(self, command: Command, recorded: list[ev.Recorded], state: ClusterState) -> list[str]:
        """See that what the command said is what is there."""
        dump = self._stage.sandbox.dump()
        problems = judging.explained(dump, state)
        if command.prepared is None or command.left:
            return problems
        now = of_cluster(dump, state.cluster_id)
        failed = isinstance(command.error, OperationFailed) and not command.error.partial
        if command.succeeded and command.kind in _CONVERGING:
            problems += judging.converged(dump, state)
        elif command.succeeded and state.gone:
            problems += judging.nothing(dump, state.cluster_id)
        elif command.succeeded and command.kind is KIND.ABANDON:
            if self._then is not None and not self._lossy(recorded):
                problems += judging.unchanged(of_cluster(self._then, state.cluster_id), now)
        elif failed and command.kind is not KIND.DELETE:
            problems += judging.unchanged(of_cluster(self._before, state.cluster_id), now)
        return problems

    def _lossy(self, recorded: list[ev.Recorded]) -> bool:
        """Whether something was deleted since the operator began to wish: that does not come back."""
        since = [item.event for item in recorded[self._wished_at :]]
        lost = any(isinstance(event, ev.ResourceLost) for event in since)
        steps = [event for event in since if isinstance(event, ev.StepStarted)]
        return lost or any(step.action == "delete" and not step.compensates for step in steps)


def foreseen(command: Command) -> None:
    """See that only our own errors were raised, and that what was kept in memory is what was written."""
    stage, process = command.stage, command.process
    error = command.task.exception()
    if isinstance(error, DamagedError):
        raise error
    if error is not None:
        where = "".join(traceback.format_exception(error)[-2:])
        stage.broken([f"{type(error).__name__}: {error} {where}"], process.name)
    ends = OperationFailed | Interrupted | PerhapsTwice | RollbackIncomplete | None
    kept = isinstance(command.error, ends)
    if command.prepared is not None and kept and not process.dead:
        state = command.prepared.state
        recorded = stage.shelf.books.get(command.prepared.cluster_id, [])[: state.position]
        stage.broken(judging.same_as_log(state, recorded), process.name)


def last_look(stage: Stage, foreign: Iterable[Item]) -> None:
    """See that all is in its place when the weather has been calm for long and all was applied."""
    stage.shelf.compare()
    dump = stage.sandbox.dump()
    for stream, recorded in stage.shelf.books.items():
        if not stream.startswith("name:"):
            state = judging.folded(recorded)
            stage.broken(_at_the_end(stage, dump, recorded, state), f"{state.name} ({stream[:8]}) at the end")
    stage.broken(judging.unchanged(list(foreign), stage.foreign()), "what is not ours")


def _at_the_end(
    stage: Stage, dump: list[Item], recorded: list[ev.Recorded], state: ClusterState
) -> list[str]:
    problems = [*judging.well_formed(recorded), *judging.at_rest(recorded)]
    if state.open is not None:
        problems.append(f"#{state.open.number} still holds the cluster")
    if not state.gone:
        strays = [f"{key} is a stray" for key in state.strays.values()]
        return [*problems, *judging.converged(dump, state), *strays]
    claim = stage.shelf.journal.claim_of(state.name)
    if claim is not None and claim.cluster_id == state.cluster_id and not claim.released:
        problems.append("it is gone and its name is still held")
    dump = [item for item in dump if item["id"] not in stage.sky.twins]  # they came when all was over
    return [*problems, *judging.nothing(dump, state.cluster_id)]
