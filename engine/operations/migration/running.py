"""Running a migration: step after step, each written down in both logs, and what came of all of them."""

from collections.abc import Callable, Sequence

import msgspec

from ...domain import events as ev
from ...domain.cluster import ClusterState
from ...errors import LogMoved
from ...journal.log import Journal
from ...ports import Cloud
from ..context import Context
from ..cost import Cost
from ..snapshots import Capture, Written
from .finishing import CutOver, Retired, Verified
from .journeys import Journey, MigrationStep, Reach, Retirement, Unwatched, Witness
from .plans import RETIRE, MigrationPlan
from .preparing import Captured, Created, Preflight

STEPS: tuple[MigrationStep, ...] = (Preflight(), Captured(), Created(), Verified(), CutOver(), Retired())
"""Every step, in order. Retiring is only taken if it was asked for."""


def step_names(steps: Sequence[MigrationStep] = STEPS, *, retire: bool) -> tuple[str, ...]:
    """Return the names of the steps to take."""
    return tuple(step.name for step in steps if retire or step.name != RETIRE)


class StepReport(msgspec.Struct, frozen=True, kw_only=True):
    """How a step went. `before`: an earlier run took it."""

    number: int
    name: str
    seconds: float
    told: tuple[str, ...]
    before: bool


class MigrationReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a migration came to: what moved, was translated and was lost, and how long each step took."""

    id: str
    source: ev.MigrationEnd
    target: ev.MigrationEnd
    steps: tuple[StepReport, ...]
    moved: dict[str, int]
    choices: tuple[ev.Choice, ...]
    losses: tuple[str, ...]
    cost_before: Cost | None
    cost_after: Cost

    @property
    def seconds(self) -> float:
        """Return how long all steps took."""
        return sum(step.seconds for step in self.steps)


def migrate(
    journal: Journal,
    source: ClusterState,
    cloud: Cloud,
    plan: MigrationPlan,
    context: Context,
    *,
    write: Callable[[Capture], Written],
    reach: Reach | None = None,
    retirement: Retirement | None = None,
    witness: Witness | None = None,
    steps: Sequence[MigrationStep] = STEPS,
) -> MigrationReport:
    """Carry out a plan, or what is left of it.

    `write` puts the snapshot of the source where it is kept. A step that fails leaves everything before
    it done and written down; the source is not touched before it is retired. Raises `MigrationBlocked`,
    `NotVerified`, `SourceMovedOn`, and what capturing, creating and deleting raise.
    """
    if source.position != journal.state(source.cluster_id).position:
        raise LogMoved(source.position)
    journey = Journey(
        journal=journal,
        source=source,
        cloud=cloud,
        context=context,
        plan=plan,
        write=write,
        reach=reach,
        retirement=retirement,
        witness=witness or Unwatched(),
        results=_taken_before(source, plan),
    )
    count = len(plan.steps)
    for number, step in enumerate((step for step in steps if step.name in plan.steps), start=1):
        if step.name in plan.done:
            journey.witness.skipped(number, count, step.name)
            continue
        journey.witness.began(number, count, step.name, step.title)
        journey.begin()
        event = step.take(journey)
        journey.results[step.name] = event
        if not source.gone:
            journey.note(source, event)
        journey.witness.ended(number, count, step.name, event.took_ms / 1000, event.told)
    return _report(journey)


def _taken_before(source: ClusterState, plan: MigrationPlan) -> dict[str, ev.MigrationStepTaken]:
    known = source.migration
    if known is None or known.id != plan.id:
        return {}
    return {name: known.taken[name] for name in plan.done}


def _report(journey: Journey) -> MigrationReport:
    plan, target = journey.plan, journey.target
    chosen = [
        item.event
        for item in journey.journal.stream(target.cluster_id)
        if isinstance(item.event, ev.TranslationChosen)
    ]
    moved: dict[str, int] = {}
    for key in sorted(target.bindings):
        moved[key.kind.value] = moved.get(key.kind.value, 0) + 1
    return MigrationReport(
        id=plan.id,
        source=plan.source,
        target=plan.target,
        steps=tuple(
            StepReport(
                number=event.number,
                name=name,
                seconds=event.took_ms / 1000,
                told=event.told,
                before=name in plan.done,
            )
            for name, event in journey.results.items()
        ),
        moved=moved,
        choices=tuple(choice for event in chosen for choice in event.choices),
        losses=tuple(loss for event in chosen for loss in event.losses),
        cost_before=plan.cost_before,
        cost_after=plan.prepared.cost_after,
    )
