"""``kubisnap scale``."""

from typing import Annotated

import typer

from .. import options
from ..session import Session


def scale(
    session: Session,
    cluster: options.Cluster,
    pools: Annotated[
        list[str], typer.Argument(metavar="POOL=N...", help="Pools and how many servers.", show_default=False)
    ],
    max_deletions: options.MaxDeletions = None,
    budget: options.Budget = "",
    message: options.Message = "",
    parallel: options.Parallel = 16,
    timeout: options.Timeout = "",
    step_timeout: options.StepTimeout = "",
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
) -> None:
    """Change how many servers a pool has.

    Scaling down removes the servers with the highest numbers first. Where an operation is
    unfinished this goes on with it: all that is declared is brought about, not the pools alone.

    Examples:
      kubisnap scale web workers=4 --yes
      kubisnap scale web workers=1 -m "quiet season" --dry-run
    """
    from ...engine.domain.decisions import scaled
    from ...engine.errors import InvalidInput
    from ...engine.operations.changing import prepare_change
    from .. import changes, wiring

    counts = _counts(pools)
    context = wiring.context(
        session, message=message, parallel=parallel, timeout=timeout, step_timeout=step_timeout
    )
    with wiring.journal(session) as journal:
        state = wiring.load_state(journal, cluster)
        spec = scaled(state, counts)
        before = {pool.name: pool.count for pool in state.spec().pools}
        summary = ", ".join(f"{name} {before[name]}→{count}" for name, count in counts.items())
    what = changes.Change(
        kind="scale",
        summary=summary,
        budget=budget,
        yes=yes,
        dry_run=dry_run,
        max_deletions=changes.cap(max_deletions),
    )
    with changes.opened(wiring.cloud_of(state)) as cloud:
        try:
            prepared = prepare_change(cloud, state, context, spec=spec)
        except InvalidInput as error:
            raise changes.in_options(error, spec=spec, options={}) from error
        changes.change(session, cloud, prepared, context, what)


def _counts(pools: list[str]) -> dict[str, int]:
    from ...engine.errors import InvalidInput

    counts: dict[str, int] = {}
    for item in pools:
        name, equals, number = item.partition("=")
        if not equals or not name or not number.isascii() or not number.isdigit() or len(number) > 6:
            raise InvalidInput("POOL=N", f"{item!r} is not a pool and a number, such as workers=4")
        counts[name] = int(number)
    return counts
