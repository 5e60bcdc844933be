"""``kubisnap restore``."""

from typing import TYPE_CHECKING, Annotated

import typer

from .. import access, options, secret_files
from ..session import Session

if TYPE_CHECKING:
    from ..archiving import Unpacked


def restore(
    session: Session,
    file: options.Snapshot,
    name: Annotated[
        str, typer.Option("--as", metavar="NAME", help="The new cluster's name.", show_default="as captured")
    ] = "",
    target: Annotated[
        str, typer.Option("--on", metavar="CLOUD[:REGION]", help="Where to.", show_default="as captured")
    ] = "",
    at: options.At = None,
    parents: options.Parents = None,
    identity: access.Identity = None,
    trusted: access.Trusted = None,
    signed: access.Signed = False,
    secrets: secret_files.Given = None,
    secrets_out: secret_files.Out = None,
    mapping: options.MappingFile = None,
    strict: options.Strict = False,
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
    image, address range) and what is lost is shown before anything is made. Without a region the nearest one
    is taken; REGION may also be a place (frankfurt) or the beginning of one region's name or title. --mapping
    overrides what is chosen.

    With --at it is the cluster as it was at any moment of the history in the file: its operations (#2, @-1),
    its events (e17), times.

    Examples:
      kubisnap restore web.ksnap --as web-eu --on sandbox:sim-eu-central --yes
      kubisnap restore web.ksnap --as web-2 --on sandbox:frankfurt --strict --dry-run
      kubisnap restore web.ksnap --at '#1' --as web-then --dry-run
    """
    from ...engine.errors import InvalidInput
    from .. import anew, as_of, changes, wiring
    from ..archiving import from_file
    from ..sources import called, locate

    secret_files.refuse_unwritable(secrets_out)
    if secrets is not None and secrets_out is None:
        raise InvalidInput(
            secret_files.FIELD, "nobody would get the values", advice=f"add {secret_files.OUT} FILE"
        )
    given = secret_files.read_secrets(secrets)
    mapped = wiring.read_mapping(mapping)
    opening = access.access_of(session, identity, trusted, signed=signed)
    file = locate(file, archives)
    context = wiring.context(
        session, message=message, parallel=parallel, timeout=timeout, step_timeout=step_timeout
    )
    find = None if at is None else as_of.in_archive(at, file, context.now())
    unpacked = from_file(file, parents or [], access=opening, at=find)
    complete: dict[str, bytes] = {}
    if secrets_out and not dry_run:  # what is not going to be written is not asked for
        complete = secret_files.completed(session, unpacked.secrets, unpacked.omitted, given)
    then = unpacked.then
    what = changes.Change(
        kind="restore",
        summary=f"from {unpacked.cluster.spec.name if then is None else then.called} ({called(file)})",
        budget=budget,
        yes=yes,
        dry_run=dry_run,
        heading="" if then is None else anew.source_text(session, then),
        as_of=None if then is None else as_of.document(then),
    )
    left = _left(unpacked, written=secrets_out is not None)
    ran = anew.make_anew(
        session,
        unpacked.cluster,
        context,
        what,
        name=name,
        target=target,
        left=left,
        mapping=mapped,
        strict=strict,
    )
    if ran and secrets_out is not None:
        secret_files.write_secrets(secrets_out, complete)


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
