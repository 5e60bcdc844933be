"""``kubisnap blame``."""

import sys
from typing import Annotated

import typer

from .. import options
from ..session import Session


def blame(
    session: Session,
    cluster: options.Cluster,
    what: Annotated[
        str,
        typer.Argument(
            metavar="RESOURCE[.FIELD]",
            help="pool/workers, firewall/worker.allow, server/workers-0, cluster.kubernetes.",
            show_default=False,
        ),
    ],
    as_of: options.AsOf = None,
) -> None:
    """Show who set each value of a resource, when and why.

    In which operation, too: of what is declared, and of what is at the cloud, as the log tells it; also of
    what is gone. Asks no cloud.

    Examples:
      kubisnap blame web pool/workers
      kubisnap blame web pool/workers.count -o json
    """
    from .. import as_of as moments
    from .. import blaming, wiring
    from ..render import history as render

    now = wiring.context(session).now()
    with wiring.journal(session) as journal:
        then = moments.find(journal, cluster, "@" if as_of is None else as_of, now)
        found = blaming.find(journal, then, what)
    extra = {}
    if as_of is not None:
        extra = {"as_of": moments.document(then)}
        moments.echo(session, then)
    session.result(
        render.blame_text(found.values, now, utc=session.utc, color=session.colored(sys.stdout)),
        "Blame",
        {
            "cluster": cluster,
            "cluster_id": then.cluster_id,
            "resource": found.resource,
            "values": [render.blame_document(item) for item in found.values],
        }
        | extra,
    )
