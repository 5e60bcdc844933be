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
    out: Annotated[
        str, typer.Option("--out", metavar="FILE", help="Save the plan, for kubisnap apply FILE.")
    ] = "",
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit with 5 when there is something to do.")
    ] = False,
    budget: options.Budget = "",
) -> None:
    """Show what apply would do; change nothing.

    A saved plan is bound to the position of the log: it is carried out once, and refused when
    anything came between.

    Examples:
      kubisnap plan web
      kubisnap plan web --exit-code -o json
      kubisnap plan -f cluster.yaml --out new.plan
    """
    from ...engine.operations.changing import refuse_over_budget
    from .. import changes, exits, saving, wiring
    from .apply import prepare

    if out:
        saving.refuse_bad_place(out)
    context = wiring.context(session)
    with wiring.journal(session) as journal:
        opened, prepared = prepare(journal, context, cluster, file)
        opened.close()
    refuse_over_budget(prepared, changes.budget_of(budget))
    if out:
        saving.save(out, prepared, context)
    changes.tell_unfinished(session, prepared, "plan")
    changes.show_plan(session, prepared, file=out)
    if out:
        session.next(f"kubisnap apply {out}")
    if exit_code and not prepared.empty:
        raise typer.Exit(exits.CODES["differs"])
