"""``kubisnap undo``."""

from functools import partial
from typing import Annotated

import typer

from .. import options
from ..session import Session


def undo(
    session: Session,
    cluster: options.AnyCluster = "",
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="REF", help="Make it as it was after this operation: #3.", show_default=False
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
    named, number = undoing.operation_named([to], "--to") if to else ("", 0)
    what = changes.Change(
        kind="undo", budget=budget, yes=yes, dry_run=dry_run, max_deletions=changes.cap(max_deletions)
    )
    cluster = undoing.one_cluster(cluster, named, "--to")
    undoing.carry_out(session, cluster, context, what, partial(choose_undo, to=number))
