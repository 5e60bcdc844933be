"""``kubisnap forget``."""

from typing import Annotated

import typer

from .. import options
from ..session import Session


def forget(
    session: Session,
    cluster: options.SnapshotsOf = "",
    keep_last: Annotated[
        int, typer.Option(metavar="N", min=0, help="Keep the newest.", show_default=False)
    ] = 0,
    keep_within: Annotated[
        str,
        typer.Option(
            metavar="TIME", help="Keep what is at most so much older than the newest.", show_default=False
        ),
    ] = "",
    keep_hourly: options.KeepHourly = 0,
    keep_daily: options.KeepDaily = 0,
    keep_weekly: options.KeepWeekly = 0,
    keep_monthly: options.KeepMonthly = 0,
    keep_yearly: options.KeepYearly = 0,
    archives: options.Archives = "",
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
) -> None:
    """Mark snapshots that no rule keeps as not wanted.

    What any rule keeps stays, in UTC, for each cluster on its own; so does what a kept one stands on,
    the last full one, and what is dated in the future. Nothing is removed: that is `kubisnap gc`.

    Examples:
      kubisnap forget web --keep-last 5 --keep-daily 7 --dry-run
      kubisnap forget --keep-within 90d --yes
    """
    from ...archives.stores import trash
    from ...archives.stores.retention import Policy, judge
    from .. import wiring
    from ..archives_at import archive_store, of_cluster, period
    from ..confirm import confirm_change
    from ..render import stored as render
    from ..render.style import counted

    policy = Policy(
        last=keep_last,
        within=period(keep_within, "--keep-within") if keep_within else 0,
        hourly=keep_hourly,
        daily=keep_daily,
        weekly=keep_weekly,
        monthly=keep_monthly,
        yearly=keep_yearly,
    )
    store, context = archive_store(archives), wiring.context(session)
    now = context.now()
    items = of_cluster(trash.listing(store).items, cluster)
    verdict = judge(
        [item.name for item in items if item.forgotten is None],
        policy,
        now,
        forgotten=[item.name for item in items if item.forgotten is not None],
    )
    text = render.verdict_text(verdict, now, utc=session.utc)
    document = {"archives": store.url, "dry_run": dry_run, **render.verdict_document(verdict)}
    if dry_run:
        session.result(text, "Forget", document)
        return
    if verdict.forget:
        (session.show if session.interactive and not yes else session.tell)(f"{text}\n")
        confirm_change(session, f"Forget {counted(len(verdict.forget), 'snapshot')}?", yes=yes)
        trash.forget(store, verdict.forget, actor=context.actor)
    told = f"forgot {counted(len(verdict.forget), 'snapshot')}, kept {len(verdict.keep)}"
    session.result(
        told if verdict.forget else f"nothing to forget, kept {len(verdict.keep)}", "Forget", document
    )
    if verdict.forget:
        session.next("kubisnap gc      removes them for good, a week from now")
