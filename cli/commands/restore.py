"""``kubisnap restore``."""

from pathlib import Path
from typing import Annotated

import typer

from .. import access, options
from ..session import Session

_OPTIONS = {"name": "--as", "region": "--on"}
"""What stands for a field of the specification that is restored."""


def restore(
    session: Session,
    file: options.Snapshot,
    name: Annotated[
        str, typer.Option("--as", metavar="NAME", help="The new cluster's name.", show_default="as captured")
    ] = "",
    target: Annotated[
        str, typer.Option("--on", metavar="CLOUD[:REGION]", help="Where to.", show_default="as captured")
    ] = "",
    parents: options.Parents = None,
    identity: access.Identity = None,
    trusted: access.Trusted = None,
    signed: access.Signed = False,
    budget: options.Budget = "",
    message: options.Message = "",
    parallel: options.Parallel = 16,
    timeout: options.Timeout = "",
    step_timeout: options.StepTimeout = "",
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
) -> None:
    """Recreate a cluster from a snapshot file.

    On any cloud, from the file alone. The file is verified first. What is translated (region, size,
    image) and what is lost is shown before anything is made. Without a region the nearest one is taken.

    Examples:
      kubisnap restore web.ksnap --as web-eu --on sandbox:sim-eu-central --yes
      kubisnap restore web.ksnap --as web-2 --on sandbox --dry-run
    """
    from ...engine.errors import InvalidInput
    from ...engine.operations.snapshots import prepare_restore
    from .. import changes, wiring
    from ..archiving import from_file

    archived, _ = from_file(
        file, parents or [], access=access.access_of(session, identity, trusted, signed=signed)
    )
    cloud, _, region = target.partition(":")
    context = wiring.context(
        session, message=message, parallel=parallel, timeout=timeout, step_timeout=step_timeout
    )
    where = wiring.cloud(cloud or archived.spec.placement.cloud, field="--on")
    with changes.opened(where) as opened:
        with wiring.journal(session) as journal:
            try:
                prepared = prepare_restore(journal, opened, archived, context, name=name, region=region)
            except InvalidInput as error:
                raise changes.in_options(error, spec=archived.spec, options=_OPTIONS) from error
        summary = f"from {archived.spec.name} ({'stdin' if file == '-' else Path(file).name})"
        what = changes.Change(kind="restore", summary=summary, budget=budget, yes=yes, dry_run=dry_run)
        ran = changes.change(session, opened, prepared, context, what)
    if ran:
        session.next(f"kubisnap get {prepared.name}")
