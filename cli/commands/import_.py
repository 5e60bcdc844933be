"""``kubisnap import``."""

from typing import TYPE_CHECKING, Annotated

import typer

from .. import access as opening
from .. import options
from ..session import Session

if TYPE_CHECKING:
    from ...engine.journal.whole import WholeLog
    from ...engine.operations.importing import TakenIn


def import_(
    session: Session,
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="A snapshot archive, or what export wrote; - is stdin.",
            show_default=False,
        ),
    ],
    parents: options.Parents = None,
    message: options.Message = "",
    identity: opening.Identity = None,
    trusted: opening.Trusted = None,
    signed: opening.Signed = False,
    archives: options.Archives = "",
) -> None:
    """Take a cluster's whole history into this store.

    To move a history to another store: same cluster, same events, byte for byte. Of a history that this
    store has the beginning of, the rest is added; every other one is refused. Asks no cloud, and does
    all or nothing. Do not go on with the old store: two stores do not know of each other.

    Examples:
      kubisnap import web.ksnap --store sqlite:///new.sqlite
      kubisnap import web.jsonl --store sqlite:///new.sqlite -m "from the old laptop"
    """
    from ...engine.operations.importing import refuse_if_running, take_in
    from .. import wiring
    from ..importing import read_log
    from ..sources import locate

    access = opening.access_of(session, identity, trusted, signed=signed)
    file = locate(file, archives)
    log = read_log(file, parents or [], access=access)
    context = wiring.context(session, message=message)
    refuse_if_running(log, context)  # before there is a store
    with wiring.journal(session, create=True) as journal:
        done = take_in(journal, log, context)
    _tell(session, file, log, done)


def _tell(session: Session, file: str, log: "WholeLog", done: "TakenIn") -> None:
    from ..render.clusters import unfinished_text
    from ..render.style import counted

    state = log.state
    if done.added:
        behind = f" behind the {done.known} that were here" if done.known else ""
        text = f"imported {state.name}: {counted(done.added, 'event')}{behind}"
    else:
        text = f"{state.name}: nothing to import, its {counted(done.known, 'event')} are here"
    session.result(
        text,
        "Import",
        {
            "cluster": state.name,
            "cluster_id": state.cluster_id,
            "file": file,
            "position": state.position,
            "added": done.added,
            "known": done.known,
        },
    )
    pending = state.pending()
    if pending is not None:
        session.tell(f"note: {unfinished_text(pending)} is unfinished")
        session.next(f"kubisnap apply {state.name} --resume")
