"""``kubisnap revert``."""

from functools import partial
from typing import Annotated

import typer

from .. import options
from ..session import Session


def revert(
    session: Session,
    ref: Annotated[
        list[str],
        typer.Argument(metavar="REF", help="An operation: web#3, or web 3.", show_default=False),
    ],
    max_deletions: options.MaxDeletions = None,
    budget: options.Budget = "",
    message: options.Message = "",
    parallel: options.Parallel = 16,
    timeout: options.Timeout = "",
    step_timeout: options.StepTimeout = "",
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
) -> None:
    """Take back one operation, and keep what came after it.

    Refused where what it changed was changed again since; the error names the fields, and by which
    operations.

    Examples:
      kubisnap revert web#2 --dry-run
      kubisnap revert web 2 -m "the wrong pool" --yes
    """
    from ...engine.operations.undoing import choose_revert
    from .. import changes, undoing, wiring

    context = wiring.context(
        session, message=message, parallel=parallel, timeout=timeout, step_timeout=step_timeout
    )
    cluster, number = undoing.operation_named(ref)
    what = changes.Change(
        kind="revert", budget=budget, yes=yes, dry_run=dry_run, max_deletions=changes.cap(max_deletions)
    )
    undoing.carry_out(session, cluster, context, what, partial(choose_revert, number=number))
