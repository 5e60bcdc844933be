"""``kubisnap get``."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .. import options
from ..session import Session

if TYPE_CHECKING:
    from ...engine.domain.state import ClusterState
    from ...engine.journal.log import Journal
    from ...engine.operations.context import Context


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
    as_of: options.AsOf = None,
) -> None:
    """Show clusters, one cluster, or its resources.

    As the log knows them, now or at any moment before. Asks no cloud; `kubisnap plan` compares with what
    is really there.

    Examples:
      kubisnap get
      kubisnap get web/server/workers-0 -o json
      kubisnap get web --as-of '#1'
    """
    from .. import as_of as moments
    from .. import wiring
    from ..render import clusters as render

    name, _, rest = what.partition("/")
    context = wiring.context(session)
    now = context.now()
    past, extra = as_of is not None, dict[str, Any]()
    with wiring.journal(session) as journal:
        if not name:
            _all(session, journal, as_of, context)
            return
        if as_of is not None:
            then = moments.find(journal, name, as_of, now)
            state = moments.existing(journal, then)
            extra = {"as_of": moments.document(then)}
            moments.echo(session, then)
        else:
            state = wiring.load_state(journal, name)
    if rest:
        _resources(session, state, name, rest, extra)
        return
    held = None if past else wiring.hold_on(state, context)
    session.result(
        render.cluster_text(state, held, past=past),
        "Cluster",
        render.cluster_document(state, held, past=past) | extra,
    )


def _all(session: Session, journal: "Journal", as_of: str | None, context: "Context") -> None:
    """Show every cluster that there is, or was."""
    from .. import as_of as moments
    from .. import wiring
    from ..render import clusters as render
    from ..render.style import rfc3339

    now = context.now()
    past, extra = as_of is not None, dict[str, Any]()
    if as_of is not None:
        time, states = moments.all_existing(journal, as_of, now)
        extra = {"as_of": {"ref": as_of, "time": rfc3339(time)}}
        session.tell(f"as of {moments.time_text(time, wiring.local_zone(), utc=session.utc)}")
    else:
        states = [journal.state(claim.cluster_id) for claim in journal.claims() if not claim.released]
    none = f"there were no clusters in {journal.url} then" if past else f"no clusters in {journal.url}"
    text = render.clusters_text(states, now, utc=session.utc) if states else none
    documents = [
        render.cluster_document(state, None if past else wiring.hold_on(state, context), past=past)
        for state in states
    ]
    session.result(text, "Clusters", {"clusters": documents} | extra)
    if not states and not past:
        session.next("kubisnap create NAME --cloud sandbox")


def _resources(session: Session, state: "ClusterState", name: str, rest: str, extra: dict[str, Any]) -> None:
    """Show the resources of a kind, or one."""
    from ...engine.domain.resources import Key, Kind
    from ...engine.errors import NotFound
    from ..render import clusters as render
    from ..render.style import table

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
    documents = [render.resource_document(*pair) for pair in found.items()]
    session.result(
        table([[str(key), binding.resource_id, render.told(binding)] for key, binding in found.items()])
        or f"{name} {'had' if extra else 'has'} no {kind}",
        "Resources",
        {"cluster": name, "resources": documents} | extra,
    )
