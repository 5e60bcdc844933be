"""``kubisnap delete``."""

from dataclasses import fields
from typing import TYPE_CHECKING, Annotated

import typer

from ...engine.errors import Interrupted, OperationFailed
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
    dry_run: options.DryRun = False,
) -> None:
    """Remove a cluster from its cloud.

    A last snapshot is written first. The history stays in the log. What kubisnap did not make,
    such as an SSH key that was there before, is left alone.

    Examples:
      kubisnap delete web --dry-run
      kubisnap delete web --yes=web -m "moved to web-eu"
    """
    from ...engine.operations.changing import prepare_delete
    from .. import changes, wiring

    refuse_wrong_name(cluster, yes)
    context = wiring.context(session, message=message, parallel=parallel)
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
        try:
            ran = changes.change(session, cloud, prepared, context, what, before=capture_last)
        except OperationFailed as error:
            raise DeletionFailed(*(getattr(error, item.name) for item in fields(error))) from error
        except Interrupted as error:
            raise DeletionStopped(*(getattr(error, item.name) for item in fields(error))) from error
    if ran:
        session.next(f"kubisnap log {cluster}      its history stays")


class DeletionFailed(OperationFailed):
    """A deletion that did not come to its end: it is deleted on, never applied."""

    @property
    def hint(self) -> str:
        """Say how to go on."""
        again = _go_on(self.cluster)
        return f"{self.cause.hint}\n{again}" if self.cause.hint else again


class DeletionStopped(Interrupted):
    """Ctrl-C in the middle of a deletion."""

    @property
    def hint(self) -> str:
        """Name the command that goes on."""
        return _go_on(self.cluster)


def _go_on(cluster: str) -> str:
    return f"kubisnap delete {cluster}      goes on with what is left"


def _last_snapshot(session: Session, journal: "Journal", state: "ClusterState", context: "Context") -> None:
    from ...engine.operations.snapshots import capture
    from .. import wiring
    from ..archiving import to_file
    from ..render.style import counted

    folder = wiring.data_folder() / "snapshots"
    path = folder / f"{state.name}-{state.cluster_id[:8]}-{state.position}.ksnap"
    done = capture(journal, state, context, lambda content: to_file(content, path, make_folder=True))
    session.tell(f"last snapshot: {path} ({counted(done.events, 'event')}, verified)")
    session.tell(f"  to have the cluster again: kubisnap restore {path}\n")
