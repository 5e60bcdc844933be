"""``kubisnap plan``."""

from pathlib import Path
from typing import Annotated

import typer

from .. import options
from ..session import Session


def plan(
    session: Session,
    cluster: options.AnyCluster = "",
    file: Annotated[
        Path | None, typer.Option("--file", "-f", metavar="FILE", help="Plan towards this cluster.yaml.")
    ] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 5 when there is something to do.")
    ] = False,
    budget: options.Budget = "",
) -> None:
    """Show what apply would do; change nothing.

    Examples:
      kubisnap plan web
      kubisnap plan web --exit-code -o json
    """
    from ...engine.operations.changing import refuse_over_budget
    from .. import changes, exits, wiring
    from .apply import prepare

    context = wiring.context(session)
    with wiring.journal(session) as journal:
        opened, prepared = prepare(journal, context, cluster, file)
        opened.close()
    refuse_over_budget(prepared, changes.budget_of(budget))
    if changes.show_plan(session, prepared, exit_code=exit_code):
        raise typer.Exit(exits.CODES["differs"])
