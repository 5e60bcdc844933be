"""Execution: runs a plan's steps in parallel, records each, takes back what it made when one fails.

Intent is on disk before each call and the outcome after it. Steps run as soon as those before them
succeeded, at most `Pace.parallel` at once; phase 1 (deletions) begins when phase 0 is complete. After
a failure nothing new starts, running steps finish, and then `rollback` removes what this operation
created, unless something was deleted already: then what is done stays, and the next apply goes on.
What is not a cloud's doing (a store that fails, a mistake in an adapter) ends the run without
rollback: the log says so if it still can be written, and the next apply looks before it acts.
"""

from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Event as Flag

from ..domain import events as ev
from ..domain.resources import Kind
from ..errors import (
    CloudError,
    CloudSilent,
    Interrupted,
    LogMoved,
    OperationFailed,
    OutOfTime,
    PerhapsTwice,
    RateLimited,
    StoreError,
    Unavailable,
)
from ..ports import Account, Cloud
from .actions import Actions
from .calling import Caller, StoppedError
from .context import Context, legible
from .recording import OperationLog
from .rollback import Report, Rollback
from .settling import settle, twins
from .steps import Action, Plan, Queue, Step
from .working import Crew, Job

Finish = Callable[[ev.OperationFinished], None]

BEAT_SECONDS = 1.0
"""How often the operation itself looks up while its steps run."""


@dataclass
class Result:
    """How an operation went. `seconds` is wall time; `kept` says what was let go of and still is there."""

    operation: int
    outcome: ev.Outcome
    done: int = 0
    seconds: float = 0.0
    kept: tuple[str, ...] = ()


class Executor:
    """Runs one plan for one operation. `before` are the kinds and ids that were there already."""

    def __init__(
        self,
        cloud: Cloud,
        account: Account,
        log: OperationLog,
        plan: Plan,
        context: Context,
        nameless: frozenset[Kind] = frozenset(),
        before: frozenset[tuple[Kind, str]] = frozenset(),
    ) -> None:
        self._log = log
        self._plan = plan
        self._context = context
        self._nameless = nameless
        self._before = before
        self._raw = cloud
        self._stop = Flag()
        self._pressed = self._late = False
        self._caller = Caller(cloud, log, context, self._stop, nameless)
        self._cloud = self._caller.cloud
        self._actions = Actions(self._caller, account, log, context)
        self._done: dict[int, Step] = {}
        self._failure: tuple[Step, CloudError] | None = None
        self._started = context.clock.monotonic()
        held = log.state.open
        self._deleting = held is not None and held.kind is ev.OperationKind.DELETE

    def run(self, finish: Finish) -> Result:
        """Carry out the plan; `finish` records the operation's end.

        Raises `OperationFailed` (with what was rolled back and what is left), `PerhapsTwice`, `Interrupted`,
        `LogMoved` when another writer took over in the middle.
        """
        self._context.progress.planned(len(self._plan.steps))
        try:
            for phase in sorted({step.phase for step in self._plan.steps}):
                if not self._halted():
                    self._run_phase([step for step in self._plan.steps if step.phase == phase])
        except BaseException as error:
            self._abandon(error)
            raise
        self._conclude(finish)
        return Result(
            operation=self._log.number,
            outcome=ev.Outcome.SUCCEEDED,
            done=len(self._done),
            seconds=self._context.clock.monotonic() - self._started,
            kept=tuple(self._actions.kept.values()),
        )

    def _halted(self) -> bool:
        """Whether nothing new may start."""
        return self._failure is not None or self._stop.is_set() or self._log.displaced

    def _run_phase(self, steps: list[Step]) -> None:
        """Run steps as their predecessors finish, until all are done or nothing may start."""
        queue = Queue(steps, self._done)
        running: dict[Job, Step] = {}
        hands = self._context.traffic.hands(self._context.pace.parallel)
        with self._context.crew(hands) as crew:
            while True:
                if not self._halted():
                    # what is handed to the crew will run: never more than it has hands
                    for step in queue.take(hands - len(running)):
                        running[crew.start(partial(self._actions.carry_out, step))] = step
                if not running:
                    break
                for job in self._next(crew, running):
                    step = running.pop(job)
                    if self._settle(step, job):
                        queue.done(step)
        if queue.waiting and not self._halted():
            raise ValueError(f"steps {queue.waiting} wait for steps that never come")

    def _next(self, crew: Crew, running: Collection[Job]) -> Collection[Job]:
        """Wait for a step to end; the first Ctrl-C asks the running ones to stop at a safe point."""
        ended: Collection[Job] = ()
        try:
            ended = crew.ended(running, BEAT_SECONDS)
            self._log.renew()
            self._mind_the_time()
        except KeyboardInterrupt:
            if self._pressed:
                raise
            self._pressed = True
            self._stop.set()
            self._context.progress.interrupted(len(running))
        return ended

    def _mind_the_time(self) -> None:
        timeout = self._context.pace.timeout
        if timeout is not None and self._context.clock.monotonic() - self._started > timeout:
            self._late = True
            self._stop.set()

    def _settle(self, step: Step, job: Job) -> bool:
        """Take note of how a step ended; return whether it succeeded."""
        error = job.exception()
        if error is None:
            self._done[step.id] = step
            return True
        if isinstance(error, CloudError):
            self._failure = self._failure or (step, error)
            if self._shut(error):  # the others would wait for it, too
                self._stop.set()
            return False
        if isinstance(error, StoppedError):
            return False
        self._stop.set()
        raise error

    def _shut(self, cause: CloudError) -> bool:
        """Whether the cloud as a whole does not answer, so that nothing can be taken back either."""
        context = self._context
        return isinstance(cause, Unavailable | RateLimited) and context.traffic.shut(
            context.clock, context.pace.deadline
        )

    def _abandon(self, error: BaseException) -> None:
        """Write down that the run ended in a way that nobody foresaw, so that the cluster is not held."""
        ended = ev.Outcome.INTERRUPTED if isinstance(error, KeyboardInterrupt) else ev.Outcome.FAILED
        text = legible(f"{type(error).__name__}: {error}")
        with suppress(StoreError):
            self._log.append(ev.OperationFinished(outcome=ended, done=len(self._done), error=text))

    # ── the end ──────────────────────────────────────────────────────────────────────────────

    def _conclude(self, finish: Finish) -> None:
        """Record how it ended, rolling back first where that is the right thing; raise if it failed."""
        if self._log.displaced:
            raise LogMoved(self._log.state.position)
        if self._failure is None and self._cut_short():
            raise self._stopped(finish)
        if self._failure is None:
            self._succeed(finish)
            return
        step, cause = self._failure
        if self._shut(cause):
            raise self._stopped(finish, cause)
        raise self._failed(finish, step, cause) from cause

    def _succeed(self, finish: Finish) -> None:
        """Record that all is done, unless something may be there twice."""
        left, done = self._remove_doubles(), len(self._done)
        outcome = ev.Outcome.PARTIAL if left else ev.Outcome.SUCCEEDED
        if not self._log.displaced:
            finish(ev.OperationFinished(outcome=outcome, done=done, left=left))
        if self._log.displaced:  # perhaps by the last event, which was not written then
            raise LogMoved(self._log.state.position)
        if left:
            raise PerhapsTwice(self._log.state.name, self._log.number, done, left)

    def _cut_short(self) -> bool:
        """Whether it was stopped while something was still to be done, or to be looked for."""
        held = self._log.state.open
        doubts = held is not None and bool(held.work.unknown)
        return self._stop.is_set() and (doubts or len(self._done) < len(self._plan.steps))

    def _stopped(self, finish: Finish, cause: CloudError | None = None) -> Interrupted:
        """Record that it stopped before its end; return what to raise. Nothing is taken back."""
        done, total, seconds = len(self._done), len(self._plan.steps), self._context.pace.timeout
        late = self._late and seconds is not None
        error = "" if cause is None else legible(str(cause))
        if late:
            error = f"{seconds:.0f} seconds were over"
        finish(ev.OperationFinished(outcome=ev.Outcome.INTERRUPTED, done=done, error=error))
        facts = (self._log.state.name, self._log.number, done, total, self._deleting)
        if cause is not None:
            return CloudSilent(*facts, cause=cause)
        return OutOfTime(*facts, seconds=seconds or 0.0) if late else Interrupted(*facts)

    def _failed(self, finish: Finish, step: Step, cause: CloudError) -> OperationFailed:
        """Take back what was done, unless something was deleted already; return what to raise."""
        done = len(self._done)
        if self._actions.removed:
            left = tuple(
                f"{item.key} ({item.resource_id}): it was asked to go and not seen to be gone"
                for item in self._actions.removed
                if item.id not in self._done
            )
            outcome, undone = ev.Outcome.PARTIAL, 0
        else:
            try:
                self._log.append(ev.RollbackStarted(reason=legible(str(cause))))
                report = run_rollback(self._rollback(), self._log, self._context)
            except BaseException as error:
                self._abandon(error)
                raise
            left, undone = tuple(report.left), report.undone
            outcome = ev.Outcome.PARTIAL if left else ev.Outcome.ROLLED_BACK
            done = 0
        finish(
            ev.OperationFinished(
                outcome=outcome,
                done=len(self._done),
                rolled_back=undone,
                left=left,
                error=legible(str(cause)),
            )
        )
        return OperationFailed(
            self._log.state.name,
            self._log.number,
            str(step.key),
            cause,
            rolled_back=undone,
            left=left,
            done=done,
            deleting=self._deleting,
        )

    def _rollback(self) -> Rollback:
        last = len(self._plan.steps)
        return Rollback(self._raw, self._log, self._context, last, self._nameless, present=self._before)

    def _remove_doubles(self) -> tuple[str, ...]:
        """Look whether anything was made twice, by a network that repeated a call; remove the second.

        Returns what could not be looked for or removed, for people.
        """
        created = {step.key: step.id for step in self._done.values() if step.action is Action.CREATE}
        if not created:
            return ()
        try:
            self._log.append(*self._settled_doubts())
            found = twins(
                self._cloud, self._log.state, created, self._before, self._context, self._caller.sleep
            )
            self._log.append(
                *(
                    ev.StepSettled(operation=self._log.number, step=created[key], key=key, found=(item,))
                    for key, item in found
                )
            )
        except (CloudError, StoppedError) as error:
            return (legible(f"whether anything was made twice could not be seen: {error}"),)
        held, bindings = self._log.state.open, self._log.state.bindings
        doubles = [
            (key, item)
            for key, item in ([] if held is None else held.work.made)
            if key in bindings and bindings[key].resource_id != item
        ]
        if not doubles:
            return ()
        return tuple(self._rollback().remove(doubles).left)

    def _settled_doubts(self) -> list[ev.StepSettled]:
        held = self._log.state.open
        unknown = {} if held is None else held.work.unknown
        if not unknown:
            return []
        return settle(
            self._cloud, self._log.state, unknown, self._nameless, self._context, self._caller.sleep
        )


def run_rollback(rollback: Rollback, log: OperationLog, context: Context) -> Report:
    """Clean up in another hand, where Ctrl-C does not strike; a second one leaves what is not done yet."""
    pressed = told = 0
    reports: list[Report] = []
    with context.crew(1) as crew:
        cleaning = crew.start(lambda: reports.append(rollback.run()))
        while True:
            try:
                if pressed > told:
                    told = pressed
                    context.progress.interrupted(1)
                if pressed > 1:
                    rollback.stop()
                if crew.ended([cleaning], BEAT_SECONDS):
                    break
                log.renew()
            except KeyboardInterrupt:
                pressed += 1
    error = cleaning.exception()
    if error is not None:
        raise error
    return reports[0]
