"""``kubisnap show``."""

import re
import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ..session import Session

if TYPE_CHECKING:
    from ...engine.journal.log import Journal
    from ..as_of import Then

_NAME: Final = r"[a-z][a-z0-9-]*(?:@[0-9a-f]{8})?"
_OPERATION: Final = re.compile(rf"(?:({_NAME})#|#?)(\d{{1,9}})", re.ASCII)
_EVENT: Final = re.compile(rf"(?:({_NAME})@)?e(\d{{1,13}})", re.ASCII)


def show(
    session: Session,
    ref: Annotated[
        list[str],
        typer.Argument(
            metavar="REF|PLAN",
            help="An operation: web#3, web 3, web@2h; an event: web@e17; a snapshot; a saved plan.",
            show_default=False,
        ),
    ],
) -> None:
    """Show one operation, event, snapshot or saved plan in full.

    Any moment of a log names the newest operation that had begun then. A plan is shown also when it
    cannot be carried out any more.

    Examples:
      kubisnap show web#1
      kubisnap show web 1 -o json
      kubisnap show web@e3
      kubisnap show new.plan
    """
    from .. import saving, wiring
    from .inspect import inspect

    if len(ref) == 1 and (ref[0].startswith(("snap:", "s3://")) or ref[0].endswith(".ksnap")):
        inspect(session, ref[0])
        return
    if len(ref) == 1 and saving.is_file(ref[0]):
        saving.show_saved(session, ref[0], wiring.context(session))
        return
    operation = _OPERATION.fullmatch("#".join(part.lstrip("#") for part in ref))
    event = _EVENT.fullmatch("@".join(part.lstrip("@") for part in ref))
    now = wiring.context(session).now()
    with wiring.journal(session) as journal:
        if operation is not None:
            name = wiring.only_cluster(journal, operation[1] or "")
            _operation(session, journal, name, int(operation[2]), now)
        elif event is not None:
            name = wiring.only_cluster(journal, event[1] or "")
            _event(session, journal, name, int(event[2]), now)
        else:
            then = _moment(journal, " ".join(ref), now)
            _operation(session, journal, then.name, then.moment.operation, now)


def _moment(journal: "Journal", text: str, now: int) -> "Then":
    """Return the moment that is typed behind a cluster's name, or alone where there is one cluster."""
    from ...engine.domain.refs import parse_qualified
    from .. import as_of, wiring

    if text[:1] in {"@", "#"} or text[:1].isdigit():
        return as_of.find(journal, wiring.only_cluster(journal, ""), text, now, field="REF")
    what = parse_qualified(text, now=now, zone=wiring.local_zone())
    return as_of.found(journal, what, text)


def _operation(session: Session, journal: "Journal", name: str, number: int, now: int) -> None:
    from ...engine.errors import NotFound
    from ..render import history as render

    cluster_id = journal.cluster_id(name, gone=True)
    view = journal.audit.operation(cluster_id, number)
    if view is None:
        there = len(journal.audit.numbers(cluster_id))
        raise NotFound(
            "operation", f"{name}#{number}", advice=f"kubisnap log {name}      its operations: {there}"
        )
    view.cluster = name
    events = journal.audit.of_operation(cluster_id, number)
    session.result(
        render.operation_text(view, events, utc=session.utc, now=now, color=session.colored(sys.stdout)),
        "Operation",
        render.operation_document(view, events),
    )


def _event(session: Session, journal: "Journal", name: str, position: int, now: int) -> None:
    from ...engine.domain.history import narrate
    from ...engine.errors import NotFound
    from ..render import history as render

    cluster_id = journal.cluster_id(name, gone=True)
    found = journal.audit.event(cluster_id, position)
    if found is None:
        there = journal.audit.last_version(cluster_id)
        raise NotFound(
            "event", f"{name}@e{position}", advice=f"kubisnap log {name} --events      there are {there}"
        )
    document = {"cluster": name, **render.event_document(found.recorded, found.resource)}
    text = render.event_text(name, found, now, color=session.colored(sys.stdout))
    session.result(text, "Event", document | {"text": narrate(found.recorded, found.resource)})
