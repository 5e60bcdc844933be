"""``kubisnap undo``."""

from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..session import Session

if TYPE_CHECKING:
    from ...engine.domain.state import ClusterState
    from ...engine.domain.undoing import Undoing
    from ...engine.journal.log import Journal
    from ...engine.operations.context import Context


def undo(
    session: Session,
    cluster: options.AnyCluster = "",
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="REF", help="Make it as it was then: after #3, or 2h ago.", show_default=False
        ),
    ] = "",
    max_deletions: options.MaxDeletions = None,
    budget: options.Budget = "",
    message: options.Message = "",
    parallel: options.Parallel = 16,
    timeout: options.Timeout = "",
    step_timeout: options.StepTimeout = "",
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
) -> None:
    """Take back the newest operation that is not undone.

    Again, and it goes further back; `kubisnap redo` goes forward. The way back is planned, shown and
    recorded as a new operation: the history stays. A creation is taken back by `kubisnap delete`.

    Examples:
      kubisnap undo web --dry-run
      kubisnap undo web --to '#2' -m "the sale is over" --yes
    """
    from ...engine.operations.undoing import choose_undo
    from .. import changes, undoing, wiring

    context = wiring.context(
        session, message=message, parallel=parallel, timeout=timeout, step_timeout=step_timeout
    )
    named, number = "", 0
    if to.lstrip("#").isdigit() or "#" in to:
        named, number = undoing.operation_named([to], "--to")
    what = changes.Change(
        kind="undo", budget=budget, yes=yes, dry_run=dry_run, max_deletions=changes.cap(max_deletions)
    )

    def choose(journal: "Journal", state: "ClusterState", context: "Context") -> "Undoing":
        at = undoing.operation_at(journal, state, context, to) if to and not number else number
        return choose_undo(journal, state, context, to=at)

    undoing.carry_out(session, undoing.one_cluster(cluster, named, "--to"), context, what, choose)
