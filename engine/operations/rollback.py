"""Rollback: takes back what one operation did, and nothing else (law 4).

Newest first, by the ids in the log. What was there before the operation is never touched: not what
it adopted, not what it only used. A call whose outcome nobody knows is looked for by its
deterministic name once more. What cannot be removed is reported, never hidden.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from threading import Event as Flag

from ..domain import events as ev
from ..domain.resources import Key, Kind, Request, provider_name
from ..domain.state import Touched, Work
from ..errors import CloudError
from ..ports import Cloud
from .calling import Caller, StoppedError
from .context import Context, legible
from .recording import OperationLog, step_failed
from .settling import settle, twins
from .steps import Action, Step


@dataclass
class Report:
    """What a rollback came to: how many changes are taken back, and what is left (for people)."""

    undone: int = 0
    left: list[str] = field(default_factory=list)


class Rollback:
    """Takes back what the log says.

    That is the open operation's own work or, with `unfinished`, what operations before it left behind.
    It reads the log and nothing else, so that one that was interrupted is resumed by running it again.
    `last_step` is the highest step id in use; `present` was there before the operation.
    """

    def __init__(
        self,
        cloud: Cloud,
        log: OperationLog,
        context: Context,
        last_step: int,
        nameless: frozenset[Kind] = frozenset(),
        *,
        unfinished: bool = False,
        present: frozenset[tuple[Kind, str]] = frozenset(),
    ) -> None:
        self._log = log
        self._context = context
        self._next = last_step
        self._stop = Flag()  # its own: the Ctrl-C that ended the operation does not stop cleaning
        self._caller = Caller(cloud, log, context, self._stop)
        self._cloud = self._caller.cloud
        self._nameless = nameless
        self._unfinished = unfinished
        self._present = present
        self._report = Report()

    def stop(self) -> None:
        """Ask to leave what is not taken back yet; it is reported. From another thread."""
        self._stop.set()

    def run(self) -> Report:
        """Undo in-place changes, then delete what was created, newest first; confirm that it is gone."""
        self._settle()
        made = {key for key, _ in self._work().made}
        self._find_twins(made)  # before, since nothing that they lean on could be deleted
        work = self._work()
        updates = list(work.touched.items())
        if work.made or updates:
            self._context.progress.rolling_back(len(work.made) + len(updates))
        for key, touched in reversed(updates):
            if self._may_go_on(key, touched.resource_id):
                self._revert(key, touched)
        self.remove(work.made)
        # and behind it: what a repeated call made meanwhile
        return self.remove(self._find_twins(made))

    def _find_twins(self, made: Collection[Key]) -> list[tuple[Key, str]]:
        """Look for what a repeated call made under the name of something that is to go, and note it."""
        if self._stop.is_set() or self._log.displaced:
            return []
        try:
            found = twins(
                self._cloud,
                self._log.state,
                made,
                self._present | {(key.kind, item) for key, item in self._work().made},
                self._context,
                self._caller.sleep,
            )
        except (CloudError, StoppedError) as error:
            told = str(error) or "it was stopped"
            self._report.left.append(legible(f"whether anything was made twice could not be seen: {told}"))
            return []
        number, held = self._log.number, self._log.state.unfinished
        if self._unfinished and held is not None:
            number = held.numbers[-1]
        self._log.append(
            *(ev.StepSettled(operation=number, step=0, key=key, found=(item,)) for key, item in found)
        )
        return found

    def remove(self, made: Sequence[tuple[Key, str]]) -> Report:
        """Delete resources, the last one first, and confirm that they are gone."""
        asked = [
            self._remove(key, resource_id)
            for key, resource_id in reversed(made)
            if self._may_go_on(key, resource_id)
        ]
        for removal in asked:
            if removal is not None:
                self._confirm(removal)
        return self._report

    def _work(self) -> Work:
        state = self._log.state
        if self._unfinished:
            work = Work() if state.unfinished is None else state.unfinished.work
            made = list(work.made)
            if state.retired:  # the cluster goes away: nothing that its log knows of it may be left
                strays = [(key, resource_id) for (_, resource_id), key in state.strays.items()]
                made = [item for item in strays if item not in made] + made
            return Work(made, dict(work.touched), dict(work.unknown))
        return Work() if state.open is None else state.open.undone()

    def _may_go_on(self, key: Key, resource_id: str) -> bool:
        """Whether this change may still be taken back; report it when it may not."""
        reason = "it was stopped" if self._stop.is_set() else ""
        if self._report.left and self._context.traffic.silent:
            reason = f"{self._cloud.name} does not answer"
        if self._log.displaced:
            reason = "somebody else is changing the cluster"
        if reason:
            self._report.left.append(f"{key} ({resource_id}): {reason}")
        return not reason

    def _settle(self) -> None:
        """Look for what calls of unknown outcome may have made; say so when nobody can tell."""
        unknown = self._work().unknown
        if not unknown:
            return
        try:
            settled = settle(
                self._cloud, self._log.state, unknown, self._nameless, self._context, self._caller.sleep
            )
        except (CloudError, StoppedError) as error:
            reason = str(error) or "it was stopped"
            self._report.left += [legible(f"{step.key} (perhaps: {reason})") for step in unknown.values()]
            return
        self._log.append(*settled)
        self._report.left += [f"{item.key} (perhaps: {item.note})" for item in settled if item.note]

    def _step(self, action: Action, key: Key, resource_id: str, touched: Touched | None = None) -> Step:
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
                changed=() if touched is None else touched.changed,
                before=None if touched is None else touched.before,
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

    def _revert(self, key: Key, touched: Touched) -> None:
        """Give an updated resource its former fields back."""
        step = self._step(Action.UPDATE, key, touched.resource_id, touched)
        request = Request(
            cluster=self._log.state.ref,
            key=key,
            resource=touched.before,
            name=provider_name(self._log.state.ref, key),
            ids={need: binding.resource_id for need, binding in self._log.state.bindings.items()},
        )
        try:
            accepted = self._caller.change(
                step, lambda: self._cloud.update(request, touched.resource_id, frozenset(touched.changed))
            )
            self._caller.until_ready(step, key.kind, accepted)
        except (CloudError, StoppedError) as error:
            self._leave(step, error)
            return
        self._log.append(
            ev.ResourceUpdated(
                step=step.id,
                key=key,
                resource_id=touched.resource_id,
                resource=touched.before,
                changed=touched.changed,
            ),
            ev.StepSucceeded(step=step.id),
        )
        self._report.undone += 1
        self._context.progress.done(step, 0.0)

    def _leave(self, step: Step, error: CloudError | StoppedError) -> None:
        reason = "somebody else is changing the cluster" if self._log.displaced else "it was stopped"
        if isinstance(error, CloudError):
            reason = str(error)
            self._log.append(step_failed(step.id, error))
            self._context.progress.failed(step, error)
        self._report.left.append(legible(f"{step.key} ({step.resource_id}): {reason}"))
