"""What `undo`, `redo` and `revert` have in common: choose from the log, then plan, ask, run as any change."""

import re
from collections.abc import Callable
from dataclasses import replace

from ..engine.domain.state import ClusterState
from ..engine.domain.undoing import Undoing
from ..engine.errors import InvalidInput
from ..engine.journal.log import Journal
from ..engine.operations.context import Context
from ..engine.operations.undoing import prepare_undoing
from . import as_of, changes, wiring
from .render.undoing import heading_of
from .session import Session

_OPERATION = re.compile(r"(?:([a-z][a-z0-9-]*(?:@[0-9a-f]{8})?)#|#?)([1-9]\d{0,8})")

Choose = Callable[[Journal, ClusterState, Context], Undoing]


def operation_named(words: list[str], field: str = "REF") -> tuple[str, int]:
    """Return the cluster, or nothing, and the number of the operation that ``web#3`` or ``web 3`` names."""
    match = _OPERATION.fullmatch("#".join(word.lstrip("#") for word in words))
    if match is None:
        raise InvalidInput(field, f"{' '.join(words)!r} is not an operation, such as web#3")
    return match[1] or "", int(match[2])


def operation_at(journal: Journal, state: ClusterState, context: Context, text: str) -> int:
    """Return the operation after which it was as it was at a moment: any REF. Raises `NotFound`."""
    return as_of.find(journal, state.name, text, context.now(), field="--to").moment.operation


def one_cluster(cluster: str, named: str, field: str) -> str:
    """Return the cluster that is named, in one place or in both alike."""
    if cluster and named and cluster != named:
        raise InvalidInput(field, f"it names {named}, the command {cluster}")
    return cluster or named


def carry_out(session: Session, cluster: str, context: Context, what: changes.Change, choose: Choose) -> None:
    """Choose from the log, plan, show, ask and do it. Credentials are looked for when there is something."""
    with wiring.journal(session) as journal:
        name = wiring.only_cluster(journal, cluster)
        state = journal.state(journal.cluster_id(name, gone=True))
        undoing = choose(journal, state, context)
    what = replace(
        what,
        kind=undoing.kind.value,
        summary=undoing.summary,
        heading=heading_of(undoing, context.now()),
    )
    with changes.opened(wiring.cloud_of(state)) as cloud:
        try:
            prepared = prepare_undoing(cloud, state, context, undoing)
        except InvalidInput as error:
            raise changes.in_options(error, spec=undoing.spec, options={}) from error
        changes.change(session, cloud, prepared, context, what)
