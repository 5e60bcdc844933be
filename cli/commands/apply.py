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
    target: Annotated[
        str,
        typer.Argument(
            metavar="[CLUSTER|PLAN]",
            help="The cluster, or the file of a saved plan.",
            show_default="the only one",
            autocompletion=options.clusters_in_store,
        ),
    ] = "",
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", metavar="FILE", help="Declare what this cluster.yaml says first."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an unfinished operation.")] = False,
    abandon: Annotated[bool, typer.Option("--abandon", help="Take an unfinished operation back.")] = False,
    max_deletions: options.MaxDeletions = None,
    timeout: options.Timeout = "",
    step_timeout: options.StepTimeout = "",
    budget: options.Budget = "",
    message: options.Message = "",
    parallel: options.Parallel = 16,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
) -> None:
    """Bring the cloud to what is declared.

    With -f, what the file says becomes what is declared; a cluster that does not exist is created.
    A saved plan (`kubisnap plan --out`) is carried out as it is and without a question, once, and
    only as long as log and cloud are as they were. Goes on where an unfinished operation stopped;
    with --resume only if there is one. --abandon deletes what it made, newest first, and what it
    declared is not declared any more.

    Examples:
      kubisnap apply new.plan
      kubisnap apply web --yes
      kubisnap apply -f cluster.yaml -m "open port 443" --max-deletions 2 --timeout 20m --yes
    """
    from .. import changes, going_back, saving, wiring

    _refuse_together(target, file, resume=resume, abandon=abandon)
    context = wiring.context(
        session, message=message, parallel=parallel, timeout=timeout, step_timeout=step_timeout
    )
    what = changes.Change(
        kind="apply",
        summary="" if file is None else file.name,
        budget=budget,
        yes=yes,
        dry_run=dry_run,
        max_deletions=changes.cap(max_deletions),
    )
    if resume:
        going_back.resume(session, target, context, what)
    elif abandon:
        going_back.abandon(session, target, context, what)
    elif saving.is_file(target):
        saving.apply_saved(session, target, context, what)
    else:
        with wiring.journal(session) as journal:
            opened, prepared = prepare(journal, context, target, file)
        with changes.opened(opened):
            changes.change(session, opened, prepared, context, what)


def _refuse_together(target: str, file: Path | None, *, resume: bool, abandon: bool) -> None:
    """Raise `InvalidInput` where two things are asked for that exclude each other."""
    from ...engine.errors import InvalidInput
    from ..saving import is_file

    asked = {"--resume": resume, "--abandon": abandon, "--file": file is not None, "PLAN": is_file(target)}
    names = [name for name, given in asked.items() if given]
    if len(names) > 1:
        raise InvalidInput(names[0], f"not together with {names[1]}", advice="kubisnap apply --help")


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
