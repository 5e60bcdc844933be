"""What the steps of a migration work with, and how they are written down."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from ...domain import events as ev
from ...domain.cluster import ClusterState
from ...domain.state import apply_event
from ...errors import LogMoved
from ...journal.log import Journal
from ...ports import Cloud
from ..changing import close_interrupted, refuse_if_held
from ..context import Context
from ..snapshots import Capture, Written
from .plans import MigrationPlan

Reach = Callable[[str, int], str]
"""Tries whether a server answers at an address and port; returns what is wrong, or nothing."""


class Taken(NamedTuple):
    """What is to be known of a step that was taken; a capture says which position it holds, and where."""

    told: tuple[str, ...] = ()
    position: int = 0
    digest: str = ""
    file: str = ""


_NOTHING = Taken()
_CATCH_UPS = 20


class Witness(Protocol):
    """Told how far a migration is, while it runs. Must not raise or wait."""

    def began(self, number: int, steps: int, name: str, title: str) -> None:
        """Say that a step began."""
        ...

    def ended(self, number: int, steps: int, name: str, seconds: float, told: Sequence[str]) -> None:
        """Say that a step came to its end, how long it took, and what is to be known of it."""
        ...

    def skipped(self, number: int, steps: int, name: str) -> None:
        """Say that a step was taken before."""
        ...


class Unwatched:
    """A witness that looks away."""

    def began(self, number: int, steps: int, name: str, title: str) -> None:
        """Say nothing."""

    def ended(self, number: int, steps: int, name: str, seconds: float, told: Sequence[str]) -> None:
        """Say nothing."""

    def skipped(self, number: int, steps: int, name: str) -> None:
        """Say nothing."""


class Retirement(NamedTuple):
    """What retiring the source takes: its cloud, and a context for that."""

    cloud: Cloud
    context: Context


@dataclass
class Journey:
    """One run of a migration.

    `write` puts the capture where it is kept; `reach` is None where nobody is to try whether servers
    answer. `source` moves on with what is written down. A step sets `taken` as soon as its event is in
    the source's log, or leaves that to the runner.
    """

    journal: Journal
    source: ClusterState
    cloud: Cloud
    context: Context
    plan: MigrationPlan
    write: Callable[[Capture], Written]
    reach: Reach | None = None
    retirement: Retirement | None = None
    witness: Witness = field(default_factory=Unwatched)
    results: dict[str, ev.MigrationStepTaken] = field(default_factory=dict)
    _begun: float = 0.0

    @property
    def target(self) -> ClusterState:
        """Return the new cluster's state, as its log has it now."""
        return self.journal.state(self.plan.target.cluster_id)

    def begin(self) -> None:
        """Take the time of a step from here."""
        self._begun = self.context.clock.monotonic()

    def event(self, step: str, taken: Taken = _NOTHING) -> ev.MigrationStepTaken:
        """Return the event that says that a step was taken, now."""
        plan = self.plan
        return ev.MigrationStepTaken(
            migration=plan.id,
            source=plan.source,
            target=plan.target,
            step=step,
            number=plan.steps.index(step) + 1,
            steps=len(plan.steps),
            took_ms=int((self.context.clock.monotonic() - self._begun) * 1000),
            told=taken.told,
            position=taken.position,
            digest=taken.digest,
            file=taken.file,
        )

    def note(self, state: ClusterState, *events: ev.MigrationStepTaken) -> None:
        """Write steps down in a cluster's log, as an operation of its own; the state moves on with it.

        What somebody else wrote meanwhile is taken in first: a step was taken, whatever came of the rest.
        Raises `Locked` while somebody else is changing the cluster.
        """
        for attempt in range(_CATCH_UPS):
            for item in self.journal.read(state.cluster_id, after=state.position):
                apply_event(state, item)
            missing = [event for event in events if not _knows(state, event)]
            if not missing:
                return
            refuse_if_held(state, self.context)
            try:
                close_interrupted(self.journal, state, self.context)
                self._append(state, missing)
            except LogMoved:
                if attempt == _CATCH_UPS - 1:
                    raise

    def _append(self, state: ClusterState, missing: Sequence[ev.MigrationStepTaken]) -> None:
        last = missing[-1]
        noted: list[ev.AnyEvent] = [
            ev.OperationStarted(
                kind=ev.OperationKind.MIGRATE,
                summary=f"{last.number}/{last.steps} {last.step}: {last.source.name} → {last.target.name}",
                holder=self.context.holder,
                tool=self.context.tool,
            ),
            *missing,
            ev.OperationFinished(outcome=ev.Outcome.SUCCEEDED),
        ]
        envelope = self.context.envelope(state.operations + 1)
        for item in self.journal.append(state.cluster_id, state.position, noted, envelope):
            apply_event(state, item)


def _knows(state: ClusterState, event: ev.MigrationStepTaken) -> bool:
    """Whether a log has this step of this migration already."""
    known = state.migration
    return known is not None and known.id == event.migration and known.taken.get(event.step) == event


class MigrationStep(Protocol):
    """One kind of step. `name` is what the log calls it, `title` what people read."""

    name: str
    title: str

    def take(self, journey: Journey) -> ev.MigrationStepTaken:
        """Do it, and write it down in the target's log if there is one; the runner does so in the source's.

        Taken again after a crash it goes on, and does nothing twice. Raises `KubisnapError`.
        """
        ...
