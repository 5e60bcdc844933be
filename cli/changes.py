"""What `create`, `apply`, `scale`, `restore` and `delete` have in common: show, ask, run, tell."""

import sys
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal, InvalidOperation

from ..engine.domain.events import OperationKind
from ..engine.errors import InvalidInput
from ..engine.journal.log import Journal
from ..engine.operations.changing import Prepared, carry_out, refuse_over_budget
from ..engine.operations.context import Context
from ..engine.ports import Cloud
from .confirm import confirm_change
from .render.plans import counts_of, plan_document, plan_text
from .render.style import duration
from .session import Session


def budget_of(text: str) -> Decimal | None:
    """Return the budget in US dollars a month, or None. Raises `InvalidInput`."""
    if not text:
        return None
    try:
        amount = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise InvalidInput("--budget", f"{text!r} is not an amount of dollars, such as 40")
    return amount


def show_plan(session: Session, prepared: Prepared, *, exit_code: bool = False) -> bool:
    """Print the plan as the result; return whether ``--exit-code`` makes this a 5."""
    session.result(plan_text(prepared, color=session.colored(sys.stdout)), "Plan", plan_document(prepared))
    return exit_code and not prepared.empty


def change(
    session: Session,
    journal: Journal,
    cloud: Cloud,
    prepared: Prepared,
    context: Context,
    *,
    kind: OperationKind,
    summary: str,
    yes: bool,
    budget: str = "",
    dry_run: bool = False,
    confirm: Callable[[], None] | None = None,
    before: Callable[[], None] | None = None,
) -> bool:
    """Show what was prepared, ask, carry it out and say how it went; return whether it ran.

    `confirm` replaces the question, `before` runs between the yes and the first change.
    """
    refuse_over_budget(prepared, budget_of(budget))
    if dry_run:
        show_plan(session, prepared)
        return False
    if prepared.empty:
        session.result(
            f"{prepared.name}: nothing to do, what is declared is there.",
            "Operation",
            {"cluster": prepared.name, "operation": None, "outcome": "nothing-to-do"},
        )
        return False
    session.tell(plan_text(prepared, color=session.colored(sys.stderr)))
    session.tell("")
    if confirm is not None:
        confirm()
    else:
        confirm_change(session, f"Apply to {prepared.name}?", yes=yes)
    if before is not None:
        before()
    result = carry_out(journal, cloud, prepared, context, kind=kind, summary=summary)
    counts = counts_of(prepared)
    text = f"#{result.operation} {kind} {prepared.name}"
    text += f" {summary}" if summary else ""
    session.result(
        f"{text} · {duration(result.seconds)}",
        "Operation",
        {
            "cluster": prepared.name,
            "cluster_id": prepared.cluster_id,
            "operation": result.operation,
            "kind": kind.value,
            "summary": summary,
            "outcome": result.outcome.value,
            "steps": result.done,
            "counts": counts,
            "seconds": round(result.seconds, 3),
        },
    )
    return True


def opened(cloud: Cloud) -> "closing[Cloud]":
    """Return the cloud for a ``with``."""
    return closing(cloud)
