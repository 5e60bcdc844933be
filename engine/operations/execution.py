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
from dataclasses import dataclass, field
from functools import partial
from threading import Event as Flag

import msgspec

from ..domain import events as ev
from ..domain.resources import Accepted, Kind, Request, Resource, provider_name
from ..errors import CloudError, Interrupted, KeptByCloud, LogMoved, OperationFailed, StoreError
from ..ports import Account, Cloud
from .calling import Caller, StoppedError
from .context import Context, legible
from .planning import Action, Plan, Step
from .recording import OperationLog, step_failed
from .rollback import Report, Rollback
from .working import Crew, Job

_BEAT_SECONDS = 1.0
"""How often the operation itself looks up while its steps run."""


@dataclass
class Result:
    """How an operation went. `seconds` is wall time; `kept` says what was let go of and still is there."""

    operation: int
    outcome: ev.Outcome
    done: int = 0
    seconds: float = 0.0
    kept: tuple[str, ...] = ()


@dataclass
class _Course:
    """What has happened so far in one run.

    `changed`, `removed` and `doubtful` hold the steps that changed, removed or made something at the
    cloud, or may have, whether or not the step as a whole succeeded.
    """

    done: dict[int, Step] = field(default_factory=dict)
    failure: tuple[Step, CloudError] | None = None
    changed: list[Step] = field(default_factory=list)
    removed: list[Step] = field(default_factory=list)
    doubtful: list[tuple[Step, Request]] = field(default_factory=list)
    kept: dict[int, str] = field(default_factory=dict)


class Executor:
    """Runs one plan for one operation."""

    def __init__(
        self,
        cloud: Cloud,
        account: Account,
        log: OperationLog,
        plan: Plan,
        context: Context,
        nameless: frozenset[Kind] = frozenset(),
    ) -> None:
        self._account = account
        self._log = log
        self._plan = plan
        self._context = context
        self._stop = Flag()
        self._pressed = False
        self._nameless = nameless
        self._caller = Caller(cloud, log, context, self._stop, nameless)
        self._cloud = cloud
        self._course = _Course()
        self._act: dict[Action, Callable[[Step], None]] = {
            Action.CREATE: self._create,
            Action.UPDATE: self._update,
            Action.DELETE: self._delete,
            Action.ADOPT: self._adopt,
            Action.FORGET: self._forget,
        }

    def run(self, finish: Callable[[ev.OperationFinished], None]) -> Result:
        """Carry out the plan; `finish` records the operation's end.

        Raises `OperationFailed` (with what was rolled back and what is left), `Interrupted`,
        `LogMoved` when another writer took over in the middle.
        """
        started = self._context.clock.monotonic()
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
            done=len(self._course.done),
            seconds=self._context.clock.monotonic() - started,
            kept=tuple(self._course.kept.values()),
        )

    def _halted(self) -> bool:
        """Whether nothing new may start."""
        return self._course.failure is not None or self._stop.is_set() or self._log.displaced

    def _run_phase(self, steps: list[Step]) -> None:
        """Run steps as their predecessors finish, until all are done or nothing may start."""
        waiting = {step.id: set(step.after) - self._course.done.keys() for step in steps}
        by_id = {step.id: step for step in steps}
        running: dict[Job, Step] = {}
        with self._context.crew(self._context.pace.parallel) as crew:
            while True:
                if not self._halted():
                    # what is handed to the pool will run: never more than it has hands
                    room = self._context.pace.parallel - len(running)
                    for step_id in [number for number, before in waiting.items() if not before][:room]:
                        del waiting[step_id]
                        running[crew.start(partial(self._step, by_id[step_id]))] = by_id[step_id]
                if not running:
                    break
                for job in self._next(crew, running):
                    step = running.pop(job)
                    if self._settle(step, job):
                        for before in waiting.values():
                            before.discard(step.id)
        if waiting and not self._halted():
            raise ValueError(f"steps {sorted(waiting)} wait for steps that never come")

    def _next(self, crew: Crew, running: Collection[Job]) -> Collection[Job]:
        """Wait for a step to end; the first Ctrl-C asks the running ones to stop at a safe point."""
        try:
            return crew.ended(running, _BEAT_SECONDS)
        except KeyboardInterrupt:
            if self._pressed:
                raise
            self._pressed = True
            self._stop.set()
            self._context.progress.interrupted(len(running))
            return ()

    def _settle(self, step: Step, job: Job) -> bool:
        """Take note of how a step ended; return whether it succeeded."""
        error = job.exception()
        if error is None:
            self._course.done[step.id] = step
            return True
        if isinstance(error, CloudError):
            self._course.failure = self._course.failure or (step, error)
            return False
        if isinstance(error, StoppedError):
            return False
        self._stop.set()
        raise error

    def _abandon(self, error: BaseException) -> None:
        """Write down that the run ended in a way that nobody foresaw, so that the cluster is not held."""
        ended = ev.Outcome.INTERRUPTED if isinstance(error, KeyboardInterrupt) else ev.Outcome.FAILED
        text = legible(f"{type(error).__name__}: {error}")
        with suppress(StoreError):
            self._log.append(ev.OperationFinished(outcome=ended, done=len(self._course.done), error=text))

    def _step(self, step: Step) -> None:
        started = self._context.clock.monotonic()
        self._context.progress.started(step)
        try:
            self._act[step.action](step)
        except CloudError as error:
            self._log.append(step_failed(step.id, error))
            self._context.progress.failed(step, error)
            raise
        kept = step.id in self._course.kept
        shown = msgspec.structs.replace(step, action=Action.FORGET) if kept else step
        self._context.progress.done(shown, self._context.clock.monotonic() - started)

    # ── the five actions ─────────────────────────────────────────────────────────────────────

    def _request(self, step: Step) -> Request:
        if step.resource is None:
            raise ValueError(f"step {step.id} has no resource")
        bindings = self._log.state.bindings
        return Request(
            cluster=self._log.state.ref,
            key=step.key,
            resource=step.resource,
            name=provider_name(self._log.state.ref, step.key),
            ids={need: bindings[need].resource_id for need in step.needs if need in bindings},
        )

    def _create(self, step: Step) -> None:
        request = self._request(step)
        self._begin(step, name=request.name)
        try:
            made = self._caller.create(step, request)
        except (CloudError, StoppedError) as error:
            if error.ambiguous:
                self._course.doubtful.append((step, request))
            raise
        if made.doubtful:
            self._course.doubtful.append((step, request))
        self._log.append(
            self._provisioned(
                step,
                request.resource,
                made.accepted.id,
                name=made.name,
                owned=made.owned,
                adopted=not made.made_now,
            )
        )
        seen = self._caller.until_ready(step, step.key.kind, made.accepted)
        self._log.append(ev.StepSucceeded(step=step.id, attributes=seen.attributes))

    def _update(self, step: Step) -> None:
        request = self._request(step)
        self._begin(step, name=request.name)
        changed = frozenset(change.field for change in step.changes)
        try:
            accepted = self._caller.change(
                step, lambda: self._cloud.update(request, step.resource_id, changed)
            )
        except (CloudError, StoppedError) as error:
            if error.ambiguous:
                self._course.changed.append(step)
            raise
        self._course.changed.append(step)
        seen = self._caller.until_ready(step, step.key.kind, accepted)
        self._log.append(
            ev.ResourceUpdated(
                step=step.id,
                key=step.key,
                resource_id=step.resource_id,
                resource=request.resource,
                changed=tuple(sorted(changed)),
            ),
            ev.StepSucceeded(step=step.id, attributes=seen.attributes),
        )

    def _delete(self, step: Step) -> None:
        self._begin(step)
        try:
            self._caller.delete(step, step.key.kind, step.resource_id)
        except KeptByCloud as error:
            self._let_go(step, f"{self._cloud.name} keeps it: {legible(error.message)}")
            return
        except (CloudError, StoppedError) as error:
            if error.ambiguous:
                self._course.removed.append(step)
            raise
        self._course.removed.append(step)
        self._caller.until_gone(step, step.key.kind, step.resource_id)
        self._log.append(
            ev.ResourceDestroyed(step=step.id, key=step.key, resource_id=step.resource_id),
            ev.StepSucceeded(step=step.id),
        )

    def _adopt(self, step: Step) -> None:
        request = self._request(step)
        self._begin(step, name=request.name)
        binding = self._log.state.bindings.get(step.key)
        if binding is None or binding.resource_id != step.resource_id:
            self._log.append(
                self._provisioned(
                    step, request.resource, step.resource_id, name=request.name, owned=True, adopted=True
                )
            )
        seen = self._caller.until_ready(step, step.key.kind, Accepted(id=step.resource_id))
        self._log.append(ev.StepSucceeded(step=step.id, attributes=seen.attributes))

    def _forget(self, step: Step) -> None:
        """Let go of something that is used and not ours; nothing is asked of the cloud."""
        self._begin(step)
        self._let_go(step, "it was there before the cluster")

    def _let_go(self, step: Step, note: str) -> None:
        self._log.append(
            ev.ResourceDestroyed(step=step.id, key=step.key, resource_id=step.resource_id, note=note),
            ev.StepSucceeded(step=step.id),
        )
        self._course.kept[step.id] = f"{step.key} ({step.resource_id}): {note}"

    def _begin(self, step: Step, *, name: str = "") -> None:
        self._log.append(
            ev.StepStarted(
                step=step.id,
                action=step.action.value,
                key=step.key,
                provider_name=name,
                resource_id=step.resource_id,
            )
        )
        if self._log.displaced:  # somebody else has the cluster: the intent is written, the call is not made
            raise StoppedError

    def _provisioned(
        self, step: Step, resource: Resource, resource_id: str, *, name: str, owned: bool, adopted: bool
    ) -> ev.ResourceProvisioned:
        placement = self._log.state.placement
        return ev.ResourceProvisioned(
            step=step.id,
            key=step.key,
            resource_id=resource_id,
            provider_name=name,
            cloud=self._cloud.name,
            account=self._account.id,
            region="" if placement is None else placement.region,
            resource=resource,
            owned=owned,
            adopted=adopted,
        )

    # ── the end ──────────────────────────────────────────────────────────────────────────────

    def _conclude(self, finish: Callable[[ev.OperationFinished], None]) -> None:
        """Record how it ended, rolling back first where that is the right thing; raise if it failed."""
        course, cluster, number = self._course, self._log.state.name, self._log.number
        done = len(course.done)
        if self._log.displaced:
            raise LogMoved(self._log.state.position)
        if course.failure is None and self._stop.is_set():
            finish(ev.OperationFinished(outcome=ev.Outcome.INTERRUPTED, done=done))
            raise Interrupted(cluster, number, done, len(self._plan.steps))
        if course.failure is None:
            finish(ev.OperationFinished(outcome=ev.Outcome.SUCCEEDED, done=done))
            return
        step, cause = course.failure
        if course.removed:
            left = tuple(
                f"{item.key} ({item.resource_id}): it was asked to go and not seen to be gone"
                for item in course.removed
                if item.id not in course.done
            )
            outcome, undone = ev.Outcome.PARTIAL, 0
        else:
            try:
                report = self._roll_back()
            except BaseException as error:
                self._abandon(error)
                raise
            left, undone = tuple(report.left), report.undone
            outcome = ev.Outcome.PARTIAL if left else ev.Outcome.ROLLED_BACK
            done = 0
        finish(
            ev.OperationFinished(
                outcome=outcome,
                done=len(course.done),
                rolled_back=undone,
                left=left,
                error=legible(str(cause)),
            )
        )
        raise OperationFailed(
            cluster, number, str(step.key), cause, rolled_back=undone, left=left, done=done
        ) from cause

    def _roll_back(self) -> Report:
        """Clean up in a thread, where Ctrl-C does not strike; a second one leaves what is not done yet."""
        rollback = Rollback(self._cloud, self._log, self._context, len(self._plan.steps), self._nameless)
        pressed = told = 0
        reports: list[Report] = []
        with self._context.crew(1) as crew:
            cleaning = crew.start(
                lambda: reports.append(rollback.run(self._course.changed, self._course.doubtful))
            )
            while True:
                try:
                    if pressed > told:
                        told = pressed
                        self._context.progress.interrupted(1)
                    if pressed > 1:
                        rollback.stop()
                    if crew.ended([cleaning], _BEAT_SECONDS):
                        break
                except KeyboardInterrupt:
                    pressed += 1
        error = cleaning.exception()
        if error is not None:
            raise error
        return reports[0]
