"""Going back: taking back what unfinished operations did, and finishing a rollback that was cut short.

`abandon` also brings back what was declared before; a cluster that was only being created is gone
afterwards, with its name free again. What an operation had deleted cannot be brought back by going
back: the next `apply` makes it anew, and the plan says so.
"""

from ..domain import decisions
from ..domain import events as ev
from ..domain.resources import Key
from ..domain.state import ClusterState, Unfinished
from ..errors import LogMoved, NothingUnfinished, RollbackIncomplete
from ..journal.log import Journal
from ..ports import Cloud
from .changing import Prepared, approach, begin, settle_pending, started_event
from .context import Context
from .cost import Cost, cluster_cost
from .execution import Result, run_rollback
from .recording import OperationLog
from .rollback import Report, Rollback
from .steps import LOSSES, Action, Change, Plan, Step, fields_of


def prepare_rollback(cloud: Cloud, state: ClusterState, context: Context, *, abandon: bool) -> Prepared:
    """Prepare to take back what unfinished operations did; with `abandon`, what they declared, too.

    The plan's steps say what will be asked of the cloud, newest first. Raises `NothingUnfinished`,
    `Locked`, `WrongAccount`, `CloudError`.
    """
    pending = state.pending()
    if pending is None:
        raise NothingUnfinished(state.name)
    cloud, account, catalogue = approach(cloud, state, context)
    settled = settle_pending(cloud, state, catalogue, context)
    declared = pending.before if abandon else state
    spec = declared.spec() if declared.declared and not declared.retired else None
    return Prepared(
        state=state,
        position=state.position,
        cluster_id=state.cluster_id,
        name=state.name,
        account=account,
        catalogue=catalogue,
        spec=spec,
        intents=tuple(decisions.withdraw(state)) if abandon else (),
        plan=_steps(state, pending, settled),
        settled=settled,
        cost_after=Cost() if spec is None else cluster_cost(spec, catalogue),
    )


def _steps(state: ClusterState, pending: Unfinished, settled: tuple[ev.StepSettled, ...]) -> Plan:
    """Return what the rollback will do, as far as it can be known beforehand."""
    steps: list[Step] = []
    for key, touched in reversed(pending.work.touched.items()):
        now = fields_of(state.bindings[key].resource) if key in state.bindings else {}
        then = fields_of(touched.before)
        changes = tuple(
            Change(field=name, before=now.get(name), after=then[name]) for name in touched.changed
        )
        steps.append(
            Step(
                id=len(steps) + 1,
                action=Action.UPDATE,
                key=key,
                resource_id=touched.resource_id,
                resource=touched.before,
                changes=changes,
                reasons=("as it was before",),
            )
        )
    made = [*pending.work.made, *((item.key, found) for item in settled for found in item.found)]
    for key, resource_id in reversed(list(dict.fromkeys(made))):
        binding = state.bindings.get(key)
        steps.append(
            Step(
                id=len(steps) + 1,
                action=Action.DELETE,
                key=key,
                resource_id=resource_id,
                resource=None if binding is None else binding.resource,
                reasons=("the operation made it",),
                irreversible=LOSSES.get(key.kind, ""),
            )
        )
    gone = {key for key in pending.work.removed if key not in state.bindings}
    notes = tuple(
        f"{key} was deleted by the operation and does not come back; apply makes it anew"
        for key in sorted(gone)
    )
    return Plan(steps=tuple(steps), notes=notes)


def carry_out_rollback(
    journal: Journal,
    cloud: Cloud,
    prepared: Prepared,
    context: Context,
    *,
    kind: ev.OperationKind,
    summary: str,
) -> Result:
    """Record and run a rollback that was prepared; `kind` is ABANDON or ROLLBACK.

    Raises `LogMoved`, `RollbackIncomplete` with what could not be removed.
    """
    started = context.clock.monotonic()
    number = prepared.state.operations + 1
    pending = prepared.state.pending()
    numbers = () if pending is None else tuple(pending.numbers)
    opening: list[ev.AnyEvent] = [
        started_event(prepared, context, kind, summary),
        *prepared.settled,
        *prepared.intents,
        ev.RollbackStarted(reason=context.envelope(number).reason, operations=numbers),
    ]
    state = begin(journal, prepared, context, opening, number)
    log = OperationLog(journal, state, context, number)
    rollback = Rollback(cloud, log, context, 0, prepared.catalogue.nameless, unfinished=True)
    report = run_rollback(rollback, log, context)
    if log.displaced:
        raise LogMoved(state.position)
    _conclude(log, state, report)
    if log.displaced:
        raise LogMoved(state.position)
    return Result(
        operation=number,
        outcome=ev.Outcome.SUCCEEDED,
        done=report.undone,
        seconds=context.clock.monotonic() - started,
        kept=prepared.plan.notes,
    )


def _conclude(log: OperationLog, state: ClusterState, report: Report) -> None:
    """Record how it ended; of a cluster that is gone, give the name back."""
    left = list(report.left)
    finish = log.append
    if state.retired:
        _let_go(log, state)
        made = [] if state.unfinished is None else state.unfinished.work.made  # what is left of that is told
        left += [
            f"{key} ({binding.resource_id}): it was there before"
            for key, binding in state.bindings.items()
            if (key, binding.resource_id) not in made
        ]
        finish = log.close  # type: ignore[assignment]  # what it returns is not used
    if left:
        finish = log.append
    finish(
        ev.OperationFinished(
            outcome=ev.Outcome.PARTIAL if left else ev.Outcome.SUCCEEDED,
            done=report.undone,
            rolled_back=report.undone,
            left=tuple(left),
        )
    )
    if left:
        raise RollbackIncomplete(state.name, log.number, report.undone, tuple(left), deleting=state.retired)


def _let_go(log: OperationLog, state: ClusterState) -> None:
    """Let go of what the cluster used and did not own."""
    foreign: list[tuple[Key, str]] = [
        (key, binding.resource_id) for key, binding in state.bindings.items() if not binding.owned
    ]
    if foreign:
        note = "it was there before the cluster"
        log.append(
            *(
                ev.ResourceDestroyed(step=0, key=key, resource_id=resource_id, note=note)
                for key, resource_id in foreign
            )
        )
