"""``kubisnap log``."""

import sys
from typing import Annotated

import typer

from .. import options
from ..session import Session


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
    number: Annotated[int, typer.Option("-n", metavar="N", min=1, help="How many, the newest.")] = 20,
    events: Annotated[bool, typer.Option("--events", help="Every event, not every operation.")] = False,
    reverse: Annotated[bool, typer.Option("--reverse", help="Oldest first.")] = False,
) -> None:
    """Show who did what, when and why, newest first.

    Also of clusters that were deleted. Asks no cloud.

    Examples:
      kubisnap log web
      kubisnap log web --events -n 50 --utc
    """
    from ...engine.domain.history import operations
    from .. import wiring
    from ..render import history as render

    now = wiring.context(session).now()
    with wiring.journal(session) as journal:
        if cluster:
            last = journal.cluster_id(cluster, gone=True)
            names = journal.holders(cluster) or {last: cluster}
        else:
            held = [journal.holders(claim.name) for claim in journal.claims()]
            names = {cluster_id: name for one in held for cluster_id, name in one.items()}
        logs = {cluster_id: journal.read(cluster_id) for cluster_id in names}
    if events:
        items = sorted(
            (item for items in logs.values() for item in items), key=lambda item: (item.time, item.version)
        )[-number:]
        items = items if reverse else items[::-1]
        session.result(
            render.events_text(items, logs, names, now, utc=session.utc),
            "Events",
            {"events": [render.event_document(item) for item in items]},
        )
        return
    views = [view for cluster_id, items in logs.items() for view in operations(names[cluster_id], items)]
    views = sorted(views, key=lambda view: (view.started, view.number))[-number:]
    views = views if reverse else views[::-1]
    text = render.log_text(
        views, now, utc=session.utc, many=len(names) > 1, color=session.colored(sys.stdout)
    )
    session.result(
        text, "Log", {"operations": [render.operation_document(view, events=False) for view in views]}
    )
    if not views:
        session.tell("the log is empty")
