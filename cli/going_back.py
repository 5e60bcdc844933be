"""`apply --resume` and `apply --abandon`: on or back from where an operation stopped."""

from dataclasses import replace

from ..engine.domain.events import OperationKind
from ..engine.domain.state import ClusterState
from ..engine.errors import NothingUnfinished
from ..engine.operations.abandoning import prepare_rollback
from ..engine.operations.changing import prepare_change
from ..engine.operations.context import Context
from . import changes, wiring
from .session import Session


def resume(session: Session, cluster: str, context: Context, what: changes.Change) -> None:
    """Go on with what is unfinished; where that was a rollback, finish the rollback."""
    state = _unfinished(session, cluster)
    pending = state.pending()
    # a deletion that was taken back is still wanted: that it is refused here says how to go on with it
    deleting = pending is not None and state.retired and pending.before.declared
    if pending is not None and pending.rolling_back and not deleting:
        abandoning = pending.last is OperationKind.ABANDON
        _take_back(session, state, context, what, abandoning=abandoning)
        return
    with changes.opened(wiring.cloud_of(state)) as cloud:
        changes.change(session, cloud, prepare_change(cloud, state, context), context, what)


def abandon(session: Session, cluster: str, context: Context, what: changes.Change) -> None:
    """Take back what is unfinished, what it declared included."""
    _take_back(session, _unfinished(session, cluster), context, what, abandoning=True)


def _unfinished(session: Session, cluster: str) -> ClusterState:
    with wiring.journal(session) as journal:
        state = wiring.load_state(journal, wiring.only_cluster(journal, cluster))
    if state.pending() is None:
        raise NothingUnfinished(state.name)
    return state


def _take_back(
    session: Session, state: ClusterState, context: Context, what: changes.Change, *, abandoning: bool
) -> None:
    pending = state.pending()
    numbers = () if pending is None else tuple(pending.numbers)
    kind = OperationKind.ABANDON if abandoning else OperationKind.ROLLBACK
    # the deletions are of what these operations made and of nothing else: no cap on them
    back = replace(
        what,
        kind=kind.value,
        summary=f"of {changes.numbered(numbers)}",
        taking_back=numbers,
        max_deletions=None,
    )
    with changes.opened(wiring.cloud_of(state)) as cloud:
        prepared = prepare_rollback(cloud, state, context, abandon=abandoning)
        if changes.change(session, cloud, prepared, context, back) and prepared.state.gone:
            session.next(f"kubisnap log {state.name}      its history stays")
