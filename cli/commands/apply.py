"""``kubisnap apply``."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import options
from ..session import Session

if TYPE_CHECKING:
    from ...engine.journal.log import Journal
    from ...engine.operations.changing import Prepared
    from ...engine.operations.context import Context
    from ...engine.ports import Cloud


def apply(
    session: Session,
    cluster: options.AnyCluster = "",
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", metavar="FILE", help="Declare what this cluster.yaml says first."),
    ] = None,
    budget: options.Budget = "",
    message: options.Message = "",
    parallel: options.Parallel = 16,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
) -> None:
    """Bring the cloud to what is declared.

    Goes on where an interrupted or failed operation stopped. With -f, what the file says becomes
    what is declared; a cluster that does not exist is created.

    Examples:
      kubisnap apply web --yes
      kubisnap apply -f cluster.yaml -m "open port 443" --yes
    """
    from .. import changes, wiring

    context = wiring.context(session, message=message, parallel=parallel)
    with wiring.journal(session) as journal:
        opened, prepared = prepare(journal, context, cluster, file)
    summary = "" if file is None else file.name
    what = changes.Change(kind="apply", summary=summary, budget=budget, yes=yes, dry_run=dry_run)
    with changes.opened(opened):
        changes.change(session, opened, prepared, context, what)


def prepare(
    journal: "Journal", context: "Context", cluster: str, file: Path | None
) -> "tuple[Cloud, Prepared]":
    """Prepare towards what is declared, or towards a file; the caller closes the cloud."""
    from ...engine.errors import InvalidInput
    from ...engine.operations.changing import prepare_change, prepare_create
    from .. import wiring

    manifest = None if file is None else wiring.read_manifest(file)
    name = wiring.only_cluster(journal, cluster) if manifest is None else manifest.spec.name
    if manifest is not None and cluster not in {"", name}:
        raise InvalidInput("name", f"the file calls it {name!r}, the command {cluster!r}", str(file))
    claim = journal.claim_of(name)
    new = manifest is not None and (claim is None or claim.released)
    with ExitStack() as stack:
        try:
            if manifest is not None and new:
                cloud = wiring.cloud(manifest.spec.placement.cloud, field="cloud")
                stack.callback(cloud.close)
                prepared = prepare_create(journal, cloud, manifest.spec, context)
            else:
                state = wiring.load_state(journal, name)
                spec = None if manifest is None else manifest.spec
                cloud = wiring.cloud_of(state)
                stack.callback(cloud.close)
                prepared = prepare_change(cloud, state, context, spec=spec)
        except InvalidInput as error:
            raise (error if manifest is None else manifest.place(error)) from error
        stack.pop_all()
    return cloud, prepared
