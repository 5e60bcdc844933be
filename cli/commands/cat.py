"""``kubisnap cat``."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from .. import access as opening
from .. import options
from ..session import Session

if TYPE_CHECKING:
    from ...archives import Access, Blob


def cat(
    session: Session,
    file: options.Snapshot,
    what: Annotated[
        str,
        typer.Argument(
            metavar="[WHAT]",
            help="An event: 42; events: 10..20; a blob: its digest, 8 digits or more, or its label.",
            show_default=False,
        ),
    ] = "",
    list_: Annotated[bool, typer.Option("--list", help="List the blobs.")] = False,
    identity: opening.Identity = None,
    trusted: opening.Trusted = None,
    signed: opening.Signed = False,
    archives: options.Archives = "",
) -> None:
    """Print one thing out of a snapshot file.

    Events as lines of JSON, a blob as it is. Only what is needed is read, and verified against what the
    file's end says; stdin, and files of format 1, are read to the end.

    Examples:
      kubisnap cat web.ksnap 1..3
      kubisnap cat web.ksnap --list
    """
    from ...engine.errors import InvalidInput
    from ..picking import events_wanted
    from ..sources import locate

    access = opening.access_of(session, identity, trusted, signed=signed)
    if list_ == bool(what):
        raise InvalidInput("WHAT", "an event, a blob, or --list", advice=f"kubisnap cat {file} --list")
    file = locate(file, archives)
    if list_:
        _list(session, file, access)
    elif events := events_wanted(what):
        _events(session, file, events, access)
    else:
        _blob(session, file, what, access)


def _list(session: Session, file: str, access: "Access | None") -> None:
    from ..picking import each_blob
    from ..render import archives as render

    rows = each_blob(file, lambda blob: [render.blob_document(blob)], access)
    session.result(render.blobs_text(rows), "Blobs", {"file": file, "blobs": rows})


def _events(session: Session, file: str, events: tuple[int, int], access: "Access | None") -> None:
    from ...engine.journal.lines import to_line
    from ..picking import pick_events
    from ..render.history import event_document

    picked = pick_events(file, *events, access)
    if session.json:
        documents = [event_document(item) for item in picked.events()]
        session.result("", "Events", {"events": documents})
        return
    _print(b"".join(to_line(picked.cluster_id, row) for row in picked.rows))


def _blob(session: Session, file: str, what: str, access: "Access | None") -> None:
    from ...engine.errors import InvalidInput
    from ..picking import pick_blob

    if session.json:
        raise InvalidInput("WHAT", "a blob is printed as it is: no -o json", advice="--list -o json")
    blob = pick_blob(file, what, access)
    if sys.stdout.isatty() and not _is_text(blob):
        advice = f"kubisnap cat {file} {what} > FILE"
        raise InvalidInput("WHAT", f"{what} is no text: it is not sent to a terminal", advice=advice)
    _print(blob.data)


def _is_text(blob: "Blob") -> bool:
    try:
        text = blob.data.decode()
    except UnicodeDecodeError:
        return False
    return all(char.isprintable() or char in "\n\t" for char in text)


def _print(data: bytes) -> None:
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
