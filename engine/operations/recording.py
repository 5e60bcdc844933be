"""Recording: one operation's pen. Threads share it; the log stays in order and is never lost.

The position that the operation has seen is checked at every append: that is the fence behind its
lease. When somebody else wrote in between, because the lease had run out, what happened at the cloud
is written down all the same, behind their events, and `displaced` tells the executor to start
nothing more.
"""

from threading import Lock

from ..domain.decisions import LEASE_SECONDS
from ..domain.events import AnyEvent, LeaseRenewed, OperationFinished, Recorded, StepFailed, StepStarted
from ..domain.state import ClusterState, apply_event
from ..errors import CloudError, LogMoved
from ..journal.log import Journal
from .context import Context, legible

_CATCH_UPS = 20


class OperationLog:
    """Appends one operation's events and keeps the folded state current."""

    def __init__(self, journal: Journal, state: ClusterState, context: Context, number: int) -> None:
        self.journal = journal
        self.state = state
        self.number = number
        self.displaced = False
        self._context = context
        self._lock = Lock()
        self._stream = state.cluster_id
        # in ticks and by the date that stands in the log: time may have passed since it was written
        self._written = context.clock.monotonic(), state.updated

    def append(self, *events: AnyEvent) -> list[Recorded]:
        """Append events, durable on return. What happens in a step is caused by the step's start."""
        with self._lock:
            for _ in range(_CATCH_UPS):
                if self.displaced:  # whoever took over has written how this operation ended
                    events = tuple(event for event in events if not isinstance(event, OperationFinished))
                if not events:
                    return []
                asked = self._context.clock.monotonic(), self._context.now()  # a slow disk is silence, too
                try:
                    recorded = self.journal.append(
                        self._stream,
                        self.state.position,
                        events,
                        self._context.envelope(self.number, cause=self._cause(events[0])),
                    )
                except LogMoved:
                    self._catch_up()
                else:
                    for item in recorded:
                        apply_event(self.state, item)
                    self._written = asked
                    return recorded
            raise LogMoved(self.state.position)

    def renew(self) -> None:
        """Say that the operation is still at work, if nothing else said so for a while."""
        if not self.displaced and self._silence() > LEASE_SECONDS / 3:
            self.append(LeaseRenewed())

    def ours(self) -> bool:
        """Whether the cluster is still this operation's: asked before every call that changes something.

        After a long silence (a laptop that slept) the lease may have run out: then the log is asked,
        by writing to it.
        """
        if not self.displaced and self._silence() > LEASE_SECONDS / 2:
            self.append(LeaseRenewed())
        return not self.displaced

    def _silence(self) -> float:
        """Return the seconds since the last event; not every clock goes on while a machine sleeps."""
        ticks, time = self._written
        context = self._context
        return max(context.clock.monotonic() - ticks, (context.now() - time) / 1_000_000)

    def close(self, *events: AnyEvent) -> None:
        """Append the last events of a deleted cluster and give its name back."""
        with self._lock:
            if self.displaced:  # whoever took over has written how this operation ended
                raise LogMoved(self.state.position)
            recorded = self.journal.finish(
                self._stream,
                self.state.name,
                self.state.position,
                events,
                self._context.envelope(self.number, cause=self._cause(events[0])),
            )
            for item in recorded:
                apply_event(self.state, item)

    def _cause(self, event: AnyEvent) -> int:
        held = self.state.open
        if held is None or held.number != self.number:
            return 0
        step = held.steps.get(getattr(event, "step", 0))
        return held.version if step is None or isinstance(event, StepStarted) else step.version

    def _catch_up(self) -> None:
        """Take in what came between: who takes over says so, by ending this operation first.

        It may as well be what this operation wrote when Ctrl-C struck, or the last words of one that
        lost the cluster earlier.
        """
        for item in self.journal.read(self._stream, after=self.state.position):
            apply_event(self.state, item)
        held = self.state.open
        self.displaced = self.displaced or held is None or held.number != self.number


def step_failed(step: int, error: CloudError) -> StepFailed:
    """Return the event that says how a step failed."""
    return StepFailed(
        step=step,
        error=type(error).__name__,
        message=legible(error.message),
        status=error.status or 0,
        request_id=legible(error.request_id),
        ambiguous=error.ambiguous,
    )
