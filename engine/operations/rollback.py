"""Rollback: takes back what one operation did, and nothing else (law 4).

Newest first, by the ids in the log. What was there before the operation is never touched: not what
it adopted, not what it only used. A call whose outcome nobody knows is looked for by its
deterministic name once more. What cannot be removed is reported, never hidden.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event as Flag

from ..domain import events as ev
from ..domain.resources import Key, Kind, Request, provider_name
from ..errors import CloudError
from ..ports import Cloud
from .calling import Caller, StoppedError
from .context import Context, legible
from .planning import Action, Step
from .recording import OperationLog, step_failed


@dataclass
class Report:
    """What a rollback came to: how many changes are taken back, and what is left (for people)."""

    undone: int = 0
    left: list[str] = field(default_factory=list)


class Rollback:
    """Takes back one operation. `last_step` is the highest step id in use."""

    def __init__(
        self,
        cloud: Cloud,
        log: OperationLog,
        context: Context,
        last_step: int,
        nameless: frozenset[Kind] = frozenset(),
    ) -> None:
        self._cloud = cloud
        self._log = log
        self._context = context
        self._next = last_step
        self._stop = Flag()  # its own: the Ctrl-C that ended the operation does not stop cleaning
        self._caller = Caller(cloud, log, context, self._stop, nameless)
        self._report = Report()

    def stop(self) -> None:
        """Ask to leave what is not taken back yet; it is reported. From another thread."""
        self._stop.set()

    def run(self, updates: Sequence[Step], doubtful: Sequence[tuple[Step, Request]]) -> Report:
        """Undo in-place changes, then delete what was created, newest first; confirm that it is gone."""
        held = self._log.state.open
        made = [] if held is None else list(held.made.items())
        for step, request in doubtful:
            made += self._found_after_all(step, request, {known for key, known in made if key == step.key})
        if made or updates:
            self._context.progress.rolling_back(len(made) + len(updates))
        for update in reversed(updates):
            if self._may_go_on(update.key, update.resource_id):
                self._revert(update)
        asked = [
            self._remove(key, resource_id)
            for key, resource_id in reversed(made)
            if self._may_go_on(key, resource_id)
        ]
        for removal in asked:
            if removal is not None:
                self._confirm(removal)
        return self._report

    def _may_go_on(self, key: Key, resource_id: str) -> bool:
        """Whether this change may still be taken back; report it when it may not."""
        reason = "it was stopped" if self._stop.is_set() else ""
        if self._log.displaced:
            reason = "somebody else is changing the cluster"
        if reason:
            self._report.left.append(f"{key} ({resource_id}): {reason}")
        return not reason

    def _found_after_all(self, step: Step, request: Request, made: set[str]) -> list[tuple[Key, str]]:
        """Look for what a call of unknown outcome may have made; say so when nobody can tell."""
        if step.key.kind in self._caller.nameless:
            self._report.left.append(f"{step.key} (perhaps: {self._cloud.name} does not say which is whose)")
            return []
        try:
            seen = self._caller.found_in_time(request, made)
        except (CloudError, StoppedError) as error:
            self._report.left.append(legible(f"{step.key} (perhaps: {str(error) or 'it was stopped'})"))
            return []
        return [(step.key, item.id) for item in seen]

    def _step(self, action: Action, key: Key, resource_id: str) -> Step:
        self._next += 1
        step = Step(
            id=self._next, action=action, key=key, resource_id=resource_id, reasons=("the operation failed",)
        )
        self._log.append(
            ev.StepStarted(
                step=step.id,
                action=action.value,
                key=key,
                provider_name=provider_name(self._log.state.ref, key),
                resource_id=resource_id,
                compensates=True,
            )
        )
        self._context.progress.started(step)
        return step

    def _remove(self, key: Key, resource_id: str) -> Step | None:
        step = self._step(Action.DELETE, key, resource_id)
        try:
            self._caller.delete(step, key.kind, resource_id)
        except (CloudError, StoppedError) as error:
            self._leave(step, error)
            return None
        return step

    def _confirm(self, step: Step) -> None:
        try:
            self._caller.until_gone(step, step.key.kind, step.resource_id)
        except (CloudError, StoppedError) as error:
            self._leave(step, error)
            return
        self._log.append(
            ev.ResourceDestroyed(step=step.id, key=step.key, resource_id=step.resource_id),
            ev.StepSucceeded(step=step.id),
        )
        self._report.undone += 1
        self._context.progress.done(step, 0.0)

    def _revert(self, done: Step) -> None:
        """Give an updated resource its former fields back."""
        step = self._step(Action.UPDATE, done.key, done.resource_id)
        if done.before is None:
            raise ValueError(f"step {done.id} does not know what was before it")
        bindings = self._log.state.bindings
        request = Request(
            cluster=self._log.state.ref,
            key=done.key,
            resource=done.before,
            name=provider_name(self._log.state.ref, done.key),
            ids={need: bindings[need].resource_id for need in done.needs if need in bindings},
        )
        changed = frozenset(change.field for change in done.changes)
        try:
            accepted = self._caller.change(
                step, lambda: self._cloud.update(request, done.resource_id, changed)
            )
            self._caller.until_ready(step, done.key.kind, accepted)
        except (CloudError, StoppedError) as error:
            self._leave(step, error)
            return
        self._log.append(
            ev.ResourceUpdated(
                step=step.id,
                key=done.key,
                resource_id=done.resource_id,
                resource=done.before,
                changed=tuple(sorted(changed)),
            ),
            ev.StepSucceeded(step=step.id),
        )
        self._report.undone += 1
        self._context.progress.done(step, 0.0)

    def _leave(self, step: Step, error: CloudError | StoppedError) -> None:
        reason = "it was stopped"
        if isinstance(error, CloudError):
            reason = str(error)
            self._log.append(step_failed(step.id, error))
            self._context.progress.failed(step, error)
        self._report.left.append(legible(f"{step.key} ({step.resource_id}): {reason}"))
