"""``kubisnap export``."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import access as opening
from .. import options
from ..session import Session

if TYPE_CHECKING:
    from ..exporting import Events


class Format(StrEnum):
    """What is written."""

    JSONL = "jsonl"


def export(
    session: Session,
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|CLUSTER",
            help="A snapshot archive, - for stdin; or a cluster's name.",
            show_default=False,
            autocompletion=options.clusters_in_store,
        ),
    ],
    form: Annotated[Format, typer.Option("--format", help="What is written: a line for each event.")] = (
        Format.JSONL
    ),
    out: Annotated[str, typer.Option("--out", metavar="FILE", help="Where to; - is stdout.")] = "-",
    parents: options.Parents = None,
    only_this: Annotated[
        bool, typer.Option("--only-this", help="Only this file's events, not those that it goes on from.")
    ] = False,
    as_of: options.AsOf = None,
    salvage: Annotated[
        bool, typer.Option("--salvage", help="Of a damaged archive: what stands before the damage.")
    ] = False,
    identity: opening.Identity = None,
    trusted: opening.Trusted = None,
    signed: opening.Signed = False,
    archives: options.Archives = "",
) -> None:
    """Write a cluster's events as lines of JSON.

    From a snapshot, verified first and joined with those that it goes on from, or from the store. Never
    overwrites a file. kubisnap import takes the lines back, exactly.

    With --salvage the events before the first damage of this one file are written, each as it was
    (exit status 3, or 13 where there are none).

    Examples:
      kubisnap export web.ksnap --out web.jsonl
      kubisnap export web > web-today.jsonl
      kubisnap export web --as-of '#1' > web-as-created.jsonl
    """
    from ...engine.errors import InvalidInput
    from .. import exporting
    from ..sources import locate

    source = locate(source, archives)
    access = opening.access_of(session, identity, trusted, signed=signed)
    del form  # there is one
    archive = exporting.is_file(source)
    if out == "-" and session.json:
        raise InvalidInput("--out", "stdout is for the events alone: no -o json", advice="--out FILE")
    if not archive:
        if salvage or only_this or parents:
            raise InvalidInput(
                "CLUSTER", f"{source} is no file: --salvage, --only-this, --with are for files"
            )
        _of_cluster(session, source, out, as_of)
        return
    if as_of is not None:
        raise InvalidInput("--as-of", f"{source} is a file: --as-of is for a cluster of the store")
    if salvage:
        events = exporting.of_damaged(source, access)
    else:
        events = exporting.of_archive(source, parents or [], only_this=only_this, access=access)
    _write(session, source, out, events)
    if events.damage is not None:
        raise events.damage


def _of_cluster(session: Session, source: str, out: str, as_of: str | None) -> None:
    """Write a cluster's events, all or those up to a moment."""
    from .. import as_of as moments
    from .. import exporting, wiring

    with wiring.journal(session) as journal:
        if as_of is None:
            _write(session, source, out, exporting.of_cluster(journal, source))
            return
        then = moments.find(journal, source, as_of, wiring.context(session).now())
        moments.echo(session, then)
        events = exporting.of_moment(journal, then)
        _write(session, source, out, events, {"as_of": moments.document(then)})


def _write(
    session: Session, source: str, out: str, events: "Events", extra: dict[str, Any] | None = None
) -> None:
    from .. import exporting
    from ..render.style import counted

    if out == "-":
        exporting.to_stdout(events)
        return
    count = exporting.to_file(events, Path(out))
    damage = events.damage
    session.result(
        f"exported {counted(count, 'event')} of {events.cluster_name} to {out}",
        "Export",
        {
            "cluster": events.cluster_name,
            "cluster_id": events.cluster_id,
            "source": source,
            "file": out,
            "format": "jsonl",
            "events": count,
            "lost": 0 if damage is None else damage.lost,
            **(extra or {}),
        },
    )
    sys.stdout.flush()
