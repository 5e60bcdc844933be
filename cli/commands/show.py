"""``kubisnap show``."""

import re
import sys
from typing import Annotated

import typer

from ..session import Session


def show(
    session: Session,
    ref: Annotated[
        list[str],
        typer.Argument(
            metavar="REF|PLAN",
            help="An operation: web#3, or web 3; or the file of a saved plan.",
            show_default=False,
        ),
    ],
) -> None:
    """Show one operation in full, or a saved plan.

    A plan is shown also when it cannot be carried out any more.

    Examples:
      kubisnap show web#1
      kubisnap show web 1 -o json
      kubisnap show new.plan
    """
    from ...engine.errors import InvalidInput, NotFound
    from ...engine.domain.history import operations
    from .. import saving, wiring
    from ..render import history as render

    if len(ref) == 1 and saving.is_file(ref[0]):
        saving.show_saved(session, ref[0], wiring.context(session))
        return
    text = "#".join(part.lstrip("#") for part in ref)
    match = re.fullmatch(r"(?:([a-z][a-z0-9-]*(?:@[0-9a-f]{8})?)#|#?)(\d{1,9})", text)
    if match is None:
        raise InvalidInput("REF", f"{' '.join(ref)!r} is not an operation, such as web#3")
    now = wiring.context(session).now()
    with wiring.journal(session) as journal:
        name = wiring.only_cluster(journal, match[1] or "")
        views = operations(name, journal.read(journal.cluster_id(name, gone=True)))
    number = int(match[2])
    view = next((view for view in views if view.number == number), None)
    if view is None:
        raise NotFound(
            "operation",
            f"{name}#{number}",
            advice=f"kubisnap log {name}      its operations: {len(views)}",
        )
    session.result(
        render.operation_text(view, utc=session.utc, now=now, color=session.colored(sys.stdout)),
        "Operation",
        render.operation_document(view, events=True),
    )
