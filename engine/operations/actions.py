"""The five things that a step can do, each with its intent on disk before and its outcome after.

Runs in the hands of a crew, many at once. Knows nothing of order, failure or rollback: what goes
wrong is raised, what happened is in the log.
"""

from collections.abc import Callable

import msgspec

from ..domain import events as ev
from ..domain.resources import Accepted, Request, Resource, provider_name
from ..errors import CloudError, KeptByCloud
from ..ports import Account
from .calling import Caller, StoppedError, after_effect
from .context import Context, legible
from .recording import OperationLog, step_failed
from .steps import Action, Step


class Actions:
    """Carries out single steps of one operation.

    `removed` holds the steps that deleted something at the cloud, or may have, whether or not the step
    as a whole succeeded; `kept` what was let go of and still is there, by step.
    """

    def __init__(self, caller: Caller, account: Account, log: OperationLog, context: Context) -> None:
        self._caller = caller
        self._cloud = caller.cloud
        self._account = account
        self._log = log
        self._context = context
        self.removed: list[Step] = []
        self.kept: dict[int, str] = {}
        self._act: dict[Action, Callable[[Step], None]] = {
            Action.CREATE: self._create,
            Action.UPDATE: self._update,
            Action.DELETE: self._delete,
            Action.ADOPT: self._adopt,
            Action.FORGET: self._forget,
        }

    def carry_out(self, step: Step) -> None:
        """Carry out one step. Raises `CloudError`, or `StoppedError` when the operation is to stop."""
        started = self._context.clock.monotonic()
        self._context.progress.started(step)
        try:
            self._act[step.action](step)
        except CloudError as error:
            self._log.append(step_failed(step.id, error))
            self._context.progress.failed(step, error)
            raise
        except StoppedError as error:
            stopped = ev.StepFailed(
                step=step.id, error="Stopped", message="the operation was stopped", ambiguous=error.ambiguous
            )
            self._log.append(stopped)
            raise
        kept = step.id in self.kept
        shown = msgspec.structs.replace(step, action=Action.FORGET) if kept else step
        self._context.progress.done(shown, self._context.clock.monotonic() - started)

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
        made = self._caller.create(step, request)
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
        accepted = self._caller.change(step, lambda: self._cloud.update(request, step.resource_id, changed))
        with after_effect():
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
                self.removed.append(step)
            raise
        self.removed.append(step)
        with after_effect():
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
        self.kept[step.id] = f"{step.key} ({step.resource_id}): {note}"

    def _begin(self, step: Step, *, name: str = "") -> None:
        self._log.append(
            ev.StepStarted(
                step=step.id,
                action=step.action.value,
                key=step.key,
                provider_name=name,
                resource_id=step.resource_id,
                changed=tuple(sorted(change.field for change in step.changes)),
                before=step.before,
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
