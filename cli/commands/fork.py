"""``kubisnap fork``."""

from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..session import Session

if TYPE_CHECKING:
    from ...engine.domain.state import ClusterState
    from ...engine.journal.log import Journal
    from ..as_of import Then


def fork(
    session: Session,
    cluster: options.Cluster,
    at: options.At = None,
    name: Annotated[
        str, typer.Option("--as", metavar="NAME", help="The new cluster's name.", show_default="the same")
    ] = "",
    target: Annotated[
        str, typer.Option("--on", metavar="CLOUD[:REGION]", help="Where to.", show_default="where it was")
    ] = "",
    mapping: options.MappingFile = None,
    strict: options.Strict = False,
    budget: options.Budget = "",
    message: options.Message = "",
    parallel: options.Parallel = 16,
    timeout: options.Timeout = "",
    step_timeout: options.StepTimeout = "",
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
) -> None:
    """Make a new cluster as another one is, or was at any moment.

    From the log alone: what is on servers and volumes does not come along. The cluster itself is left as
    it is. It may be gone: --at a moment before its deletion is the way back.

    Examples:
      kubisnap fork web --at '#1' --as web-then --dry-run
      kubisnap fork web --as web-fork --on sandbox:sim-eu-central --yes
    """
    from ...engine.operations.snapshots import of_state
    from .. import anew, as_of, changes, wiring

    mapped = wiring.read_mapping(mapping)
    context = wiring.context(
        session, message=message, parallel=parallel, timeout=timeout, step_timeout=step_timeout
    )
    with wiring.journal(session) as journal:
        then = as_of.find(journal, cluster, "@" if at is None else at, context.now(), field="--at")
        state = _wanted(journal, then)
    what = changes.Change(
        kind="fork",
        summary=f"from {then.called}",
        budget=budget,
        yes=yes,
        dry_run=dry_run,
        heading=anew.source_text(session, then),
        as_of=as_of.document(then),
    )
    anew.make_anew(
        session, of_state(state), context, what, name=name, target=target, mapping=mapped, strict=strict
    )


def _wanted(journal: "Journal", then: "Then") -> "ClusterState":
    """Return the state to fork. Raises `NotFound`, and `Refused` where the cluster was to be gone."""
    from ...engine.errors import NotFound, Refused
    from ...engine.operations.moments import last_wanted, state_at

    state = state_at(journal, then.cluster_id, then.moment)
    if not state.declared:
        advice = f"kubisnap log {then.name} --events      nothing was declared yet"
        raise NotFound("cluster", then.called, advice=advice)
    if state.retired:
        number = last_wanted(journal, then.cluster_id)
        before = f"kubisnap fork {then.name} --at '#{number}'      as it was before"
        raise Refused(f"{then.called} was to be deleted", "" if number is None else before)
    return state
