"""``kubisnap restore``."""

from typing import TYPE_CHECKING, Annotated

import typer

from .. import access, options, secret_files
from ..session import Session

if TYPE_CHECKING:
    from ..archiving import Unpacked

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
    secrets: secret_files.Given = None,
    secrets_out: secret_files.Out = None,
    budget: options.Budget = "",
    message: options.Message = "",
    parallel: options.Parallel = 16,
    timeout: options.Timeout = "",
    step_timeout: options.StepTimeout = "",
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    archives: options.Archives = "",
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
    from ..sources import called, locate

    secret_files.refuse_unwritable(secrets_out)
    if secrets is not None and secrets_out is None:
        raise InvalidInput(
            secret_files.FIELD, "nobody would get the values", advice=f"add {secret_files.OUT} FILE"
        )
    given = secret_files.read_secrets(secrets)
    opening = access.access_of(session, identity, trusted, signed=signed)
    file = locate(file, archives)
    unpacked = from_file(file, parents or [], access=opening)
    archived = unpacked.cluster
    complete: dict[str, bytes] = {}
    if secrets_out and not dry_run:  # what is not going to be written is not asked for
        complete = secret_files.completed(session, unpacked.secrets, unpacked.omitted, given)
    cloud, _, region = target.partition(":")
    context = wiring.context(
        session, message=message, parallel=parallel, timeout=timeout, step_timeout=step_timeout
    )
    where = wiring.cloud(cloud or archived.spec.placement.cloud, field="--on")
    with changes.opened(where) as opened:
        with wiring.journal(session) as journal:
            try:
                prepared = prepare_restore(
                    journal,
                    opened,
                    archived,
                    context,
                    name=name,
                    region=region,
                    left=_left(unpacked, written=secrets_out is not None),
                )
            except InvalidInput as error:
                raise changes.in_options(error, spec=archived.spec, options=_OPTIONS) from error
        summary = f"from {archived.spec.name} ({called(file)})"
        what = changes.Change(kind="restore", summary=summary, budget=budget, yes=yes, dry_run=dry_run)
        ran = changes.change(session, opened, prepared, context, what)
    if ran and secrets_out is not None:
        secret_files.write_secrets(secrets_out, complete)
    if ran:
        session.next(f"kubisnap get {prepared.name}")


def _left(unpacked: "Unpacked", *, written: bool) -> tuple[str, ...]:
    """Say what of a snapshot is for its workloads, which are not restored by this version."""
    from ..render.style import counted

    left = []
    if unpacked.blobs:
        left.append(
            f"{counted(unpacked.blobs, 'blob')} of its workloads: kubisnap cat takes them out of the file"
        )
    names = sorted({*unpacked.secrets, *unpacked.omitted})
    if names and not written:
        out = [name for name in names if name not in unpacked.secrets]
        missing = f", of which the file leaves out {', '.join(out)}" if out else ""
        left.append(f"{counted(len(names), 'secret')}{missing}: --secrets-out FILE writes them down")
    return tuple(left)
