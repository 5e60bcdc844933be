"""``kubisnap migrate``."""

from typing import Annotated

import typer

from .. import options
from ..session import Session


def migrate(
    session: Session,
    cluster: options.Cluster,
    target: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="CLOUD[:REGION]",
            help="Where to; the nearest region if none is named.",
            show_default="where it was going",
        ),
    ] = "",
    name: Annotated[
        str, typer.Option("--as", metavar="NAME", help="The new cluster's name.", show_default="NAME-CLOUD")
    ] = "",
    retire: Annotated[
        str,
        typer.Option(
            "--retire-source",
            metavar="NAME",
            help="In the end delete the old cluster, whose name this is.",
            show_default=False,
        ),
    ] = "",
    mapping: options.MappingFile = None,
    strict: options.Strict = False,
    reach: Annotated[
        bool, typer.Option("--reach/--no-reach", help="Try whether the new servers answer on port 22.")
    ] = True,
    budget: options.Budget = "",
    message: options.Message = "",
    parallel: options.Parallel = 16,
    timeout: options.Timeout = "",
    step_timeout: options.StepTimeout = "",
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    archives: options.Archives = "",
) -> None:
    """Move a cluster to another cloud or region, step by step.

    Makes a new cluster like it, verifies that, and says which addresses become which; the old one goes
    on serving until you delete it. Each step is written down in the logs of both. What fails or is
    interrupted is gone on with by the same command. Infrastructure only: Kubernetes and its workloads
    are not installed or moved by this version.

    Examples:
      kubisnap migrate web --to sandbox:sim-eu-central --as web-moved --dry-run
      kubisnap migrate web --to sandbox:sim-eu-central --as web-moved --no-reach --yes
    """
    from ..migrating import Wish, run

    wish = Wish(
        cluster=cluster,
        target=target,
        name=name,
        retire=retire,
        mapping=mapping,
        strict=strict,
        reach=reach,
        budget=budget,
        yes=yes,
        dry_run=dry_run,
        archives=archives,
    )
    run(
        session,
        wish,
        {"message": message, "parallel": parallel, "timeout": timeout, "step_timeout": step_timeout},
    )
