"""``kubisnap get``."""

from typing import Annotated

import typer

from .. import options
from ..session import Session


def get(
    session: Session,
    what: Annotated[
        str,
        typer.Argument(
            metavar="[CLUSTER[/KIND[/NAME]]]",
            help="What to show.",
            show_default="all clusters",
            autocompletion=options.clusters_in_store,
        ),
    ] = "",
) -> None:
    """Show clusters, one cluster, or its resources.

    As the log knows them. Asks no cloud; `kubisnap plan` compares with what is really there.

    Examples:
      kubisnap get
      kubisnap get web/server/workers-0 -o json
    """
    from ...engine.domain.resources import Key, Kind
    from ...engine.errors import NotFound
    from .. import wiring
    from ..render import clusters as render
    from ..render.style import table

    name, _, rest = what.partition("/")
    context = wiring.context(session)
    now = context.now()
    with wiring.journal(session) as journal:
        if not name:
            states = [journal.state(claim.cluster_id) for claim in journal.claims() if not claim.released]
            text = (
                render.clusters_text(states, now, utc=session.utc)
                if states
                else f"no clusters in {journal.url}"
            )
            document = {
                "clusters": [
                    render.cluster_document(state, wiring.hold_on(state, context)) for state in states
                ]
            }
            session.result(text, "Clusters", document)
            if not states:
                session.next("kubisnap create NAME --cloud sandbox")
            return
        state = wiring.load_state(journal, name)
    if not rest:
        held = wiring.hold_on(state, context)
        session.result(render.cluster_text(state, held), "Cluster", render.cluster_document(state, held))
        return
    kind, _, item = rest.partition("/")
    if kind not in set(Kind):
        raise NotFound("kind of resource", kind, tuple(Kind))
    found = {
        key: binding
        for key, binding in sorted(state.bindings.items())
        if key.kind == kind and item in {"", key.name}
    }
    if item and Key(Kind(kind), item) not in found:
        raise NotFound(kind, item, tuple(sorted(key.name for key in state.bindings if key.kind == kind)))
    session.result(
        table([[str(key), binding.resource_id, render.told(binding)] for key, binding in found.items()])
        or f"{name} has no {kind}",
        "Resources",
        {"cluster": name, "resources": [render.resource_document(*pair) for pair in found.items()]},
    )
