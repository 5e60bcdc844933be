"""``kubisnap gc``."""

from typing import Annotated

import typer

from .. import options
from ..session import Session


def gc(
    session: Session,
    grace: Annotated[
        str, typer.Option(metavar="TIME", help="How long ago it must have been forgotten.")
    ] = "7d",
    archives: options.Archives = "",
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
) -> None:
    """Remove forgotten snapshots for good.

    Only those that were forgotten long enough ago and that no other stands on, and unfinished writes
    that are older than a day. The last full snapshot of a cluster is never removed.

    Examples:
      kubisnap gc --dry-run
      kubisnap gc --grace 30d --yes
    """
    from ...archives.stores.trash import plan_sweep, sweep
    from .. import wiring
    from ..archives_at import archive_store, period
    from ..confirm import confirm_change
    from ..render import stored as render

    store, seconds = archive_store(archives), period(grace, "--grace")
    context = wiring.context(session)
    plan = plan_sweep(store, context.now(), seconds)
    text = render.sweep_text(plan, context.now(), utc=session.utc)
    if dry_run or not (plan.snapshots or plan.markers or plan.leftovers):
        document = {"archives": store.url, "dry_run": dry_run, **render.sweep_document(plan)}
        held = f", {len(plan.held_back)} held back" if plan.held_back else ""
        session.result(text if dry_run else f"nothing to remove{held}", "Collection", document)
        return
    (session.show if session.interactive and not yes else session.tell)(f"{text}\n")
    confirm_change(session, "Remove for good?", yes=yes)
    done = sweep(store, plan, context.now(), seconds)
    session.result(
        render.sweep_count(done, "removed"),
        "Collection",
        {"archives": store.url, "dry_run": dry_run, **render.sweep_document(done)},
    )
    for error in done.locked:
        session.tell(f"note: {error}")
