"""The first steps: preflight, capture, create."""

import msgspec

from ...domain import decisions
from ...domain import events as ev
from ...domain.model import Placement
from ...errors import MigrationBlocked
from ..changing import Prepared, carry_out
from ..snapshots import Written, capture
from .journeys import Journey, Taken
from .plans import CAPTURE, CREATE

INFRASTRUCTURE_ONLY = (
    "infrastructure only: Kubernetes and its workloads are neither installed nor moved by this version"
)


class Preflight:
    """What was found when the migration was prepared; nothing of it may be in the way."""

    name = "preflight"
    title = "look whether it can succeed"

    def take(self, journey: Journey) -> ev.MigrationStepTaken:
        """Refuse what would not succeed."""
        plan = journey.plan
        if plan.problems:
            raise MigrationBlocked(plan.source.name, str(plan.target), plan.problems)
        told = (*(f"{item.about}: {item.text}" for item in plan.findings), INFRASTRUCTURE_ONLY)
        return journey.event(self.name, Taken(told))


class Captured:
    """The source's log as a snapshot archive: the way back, whatever happens."""

    name = CAPTURE
    title = "capture the source"

    def take(self, journey: Journey) -> ev.MigrationStepTaken:
        """Write the archive; its operation has the step's event in it."""
        noted: list[ev.MigrationStepTaken] = []

        def note(written: Written, position: int) -> list[ev.AnyEvent]:
            short = written.digest.partition(":")[2][:12]
            told = (f"{position} events, {written.size} bytes, verified, kept as snap:{short}",)
            noted.append(journey.event(self.name, Taken(told, position, written.digest, written.file)))
            return list(noted)

        capture(journey.journal, journey.source, journey.context, journey.write, noting=note)
        return noted[0]


class Created:
    """Everything that the cluster is to have, made at the target. The source is not asked for anything."""

    name = CREATE
    title = "make it at the target"

    def take(self, journey: Journey) -> ev.MigrationStepTaken:
        """Make the cluster, or what is still missing of it; a failure is rolled back there."""
        before = [event for name, event in journey.results.items() if name != self.name]
        events: list[ev.MigrationStepTaken] = []

        def done() -> list[ev.AnyEvent]:
            events.append(journey.event(self.name, Taken(_made(journey))))
            return list(events)

        prepared = _with_origin(journey)
        if prepared.empty and not prepared.new:
            done()
            journey.note(journey.target, *before, *events)
            return events[0]
        known = prepared.state.migration
        taken = {} if known is None or known.id != journey.plan.id else known.taken
        carry_out(
            journey.journal,
            journey.cloud,
            prepared,
            journey.context,
            kind=ev.OperationKind.RESTORE if prepared.new else ev.OperationKind.APPLY,
            summary=f"from {journey.plan.source.name} (migration)",
            opening=[event for event in before if taken.get(event.step) != event],
            closing=done,
        )
        return events[0]


def _with_origin(journey: Journey) -> Prepared:
    """Let a new cluster say which archive it is from: it was written after all this was prepared."""
    prepared, captured = journey.plan.prepared, journey.results[CAPTURE]
    if not prepared.new or prepared.spec is None:
        return prepared
    origin = msgspec.structs.replace(
        journey.plan.archived.origin, archive=captured.digest, position=captured.position
    )
    intents = decisions.declare(prepared.spec, cluster_id=prepared.cluster_id, origin=origin)
    return msgspec.structs.replace(prepared, intents=tuple(intents))


def _made(journey: Journey) -> tuple[str, ...]:
    """Say what there is at the target now."""
    state = journey.plan.prepared.state
    counts: dict[str, int] = {}
    for key in sorted(state.bindings):
        counts[key.kind.value] = counts.get(key.kind.value, 0) + 1
    placement = state.placement or Placement(cloud=journey.plan.target.cloud)
    made = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    return (f"{made} on {placement.cloud}/{placement.region}",)
