"""``kubisnap delete``."""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..confirm import confirm_deletion, refuse_wrong_name
from ..session import Session

if TYPE_CHECKING:
    from ...engine.domain.state import ClusterState
    from ...engine.journal.log import Journal
    from ...engine.operations.context import Context


def delete(
    session: Session,
    cluster: options.Cluster,
    yes: Annotated[
        str, typer.Option("--yes", "-y", metavar="NAME", help="The cluster's name again: do not ask.")
    ] = "",
    capture_first: Annotated[
        bool, typer.Option(help="Write a last snapshot before anything is removed.")
    ] = True,
    message: options.Message = "",
    parallel: options.Parallel = 16,
    timeout: options.Timeout = "",
    step_timeout: options.StepTimeout = "",
    dry_run: options.DryRun = False,
) -> None:
    """Remove a cluster from its cloud.

    A last snapshot is written first. The history stays in the log. What kubisnap did not make,
    such as an SSH key that was there before, is left alone. The typed name stands for any number
    of deletions. One that was interrupted is gone on with by the same command.

    Examples:
      kubisnap delete web --dry-run
      kubisnap delete web --yes=web -m "moved to web-eu"
    """
    from ...engine.operations.changing import prepare_delete
    from .. import changes, wiring

    refuse_wrong_name(cluster, yes)
    context = wiring.context(
        session, message=message, parallel=parallel, timeout=timeout, step_timeout=step_timeout
    )
    with wiring.journal(session) as journal:
        state = wiring.load_state(journal, cluster)

    def capture_last(journal: "Journal") -> None:
        if capture_first:
            _last_snapshot(session, journal, state, context)

    what = changes.Change(
        kind="delete",
        yes=bool(yes),
        dry_run=dry_run,
        confirm=lambda: confirm_deletion(session, cluster, yes=yes),
    )
    with changes.opened(wiring.cloud_of(state)) as cloud:
        prepared = prepare_delete(cloud, state, context)
        ran = changes.change(session, cloud, prepared, context, what, before=capture_last)
    if ran:
        session.next(f"kubisnap log {cluster}      its history stays")


def _last_snapshot(session: Session, journal: "Journal", state: "ClusterState", context: "Context") -> None:
    from ...engine.operations.snapshots import capture
    from ..archives_at import archive_store
    from ..archiving import Archivist
    from ..render.style import counted

    to_store = partial(Archivist().to_store, store=archive_store(""), now=context.now())
    done = capture(journal, state, context, to_store)
    session.tell(f"last snapshot: {done.written.file} ({counted(done.events, 'event')}, verified)")
    session.tell(f"  to have the cluster again: kubisnap restore {done.written.file}\n")
