"""``kubisnap log``."""

from typing import Annotated

import typer

from .. import options
from ..session import Session


@options.in_rows
def log(
    session: Session,
    cluster: Annotated[
        str,
        typer.Argument(
            metavar="[CLUSTER]",
            help="The cluster.",
            show_default="all",
            autocompletion=options.clusters_in_store,
        ),
    ] = "",
    number: Annotated[int, typer.Option("-n", metavar="N", min=0, help="How many, the newest; 0: all.")] = 20,
    since: Annotated[
        str, typer.Option("--since", metavar="REF", help="Not what was before: 2h, 2026-08-01, #40.")
    ] = "",
    until: Annotated[str, typer.Option("--until", metavar="REF", help="Not what came after.")] = "",
    actor: Annotated[str, typer.Option("--by", metavar="ACTOR", help="Who.")] = "",
    kind: Annotated[
        str, typer.Option("--kind", metavar="KIND", help="Of operation, scale, or event, FirewallDeclared.")
    ] = "",
    resource: Annotated[
        str, typer.Option("--resource", metavar="KIND[/NAME]", help="About what: server/workers-0, firewall.")
    ] = "",
    outcome: Annotated[
        str, typer.Option("--outcome", metavar="OUTCOME", help="How it ended: failed, unfinished.")
    ] = "",
    text: Annotated[
        str, typer.Option("--grep", metavar="TEXT", help="Words in an event, all of them; wor* begins so.")
    ] = "",
    patch: Annotated[
        bool, typer.Option("--patch", "-p", help="With what each operation changed of what is declared.")
    ] = False,
    events: Annotated[bool, typer.Option("--events", help="Every event, not every operation.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is added.")] = False,
    reverse: Annotated[bool, typer.Option("--reverse", help="Oldest first.")] = False,
    cursor: Annotated[
        str, typer.Option("--cursor", metavar="CURSOR", help="Go on where a page ended.", show_default=False)
    ] = "",
    as_of: options.AsOf = None,
) -> None:
    """Show who did what, when and why, newest first.

    Also of clusters that were deleted. Asks no cloud. Lists the operations of which an event fits all that
    is asked for; with --events these events. With -o jsonl or csv one on each line.

    Examples:
      kubisnap log web
      kubisnap log web --events -n 50 --utc
      kubisnap log --since 7d --by ada --grep workers -o csv
    """
    from .. import auditing, listing, wiring

    context = wiring.context(session)
    wanted = listing.Wanted(
        number=number,
        cursor=cursor,
        events=events,
        patch=patch,
        reverse=reverse,
        follow=follow,
        past=as_of is not None or bool(until),
    )
    with wiring.journal(session) as journal:
        query = auditing.asked(
            journal,
            context.now(),
            cluster=cluster,
            since=since,
            until=until,
            as_of=as_of,
            actor=actor,
            kind=kind,
            resource=resource,
            outcome=outcome,
            text=text,
        )
        listing.show(session, journal, query, wanted, context)
