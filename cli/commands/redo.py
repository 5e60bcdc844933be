"""``kubisnap redo``."""

from .. import options
from ..session import Session


def redo(
    session: Session,
    cluster: options.AnyCluster = "",
    max_deletions: options.MaxDeletions = None,
    budget: options.Budget = "",
    message: options.Message = "",
    parallel: options.Parallel = 16,
    timeout: options.Timeout = "",
    step_timeout: options.StepTimeout = "",
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
) -> None:
    """Do again what was undone last.

    Only as long as nothing else was changed since: any other change of what is declared ends it.

    Examples:
      kubisnap redo web --dry-run
      kubisnap redo web -m "the sale goes on" --yes
    """
    from ...engine.operations.undoing import choose_redo
    from .. import changes, undoing, wiring

    context = wiring.context(
        session, message=message, parallel=parallel, timeout=timeout, step_timeout=step_timeout
    )
    what = changes.Change(
        kind="redo", budget=budget, yes=yes, dry_run=dry_run, max_deletions=changes.cap(max_deletions)
    )
    undoing.carry_out(session, cluster, context, what, choose_redo)
