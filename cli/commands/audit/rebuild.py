"""``kubisnap audit rebuild``."""

from ... import options
from ...session import Session


def rebuild(session: Session, dry_run: options.DryRun = False) -> None:
    """Make the audit index anew from the events.

    The index is what `log`, `show` and `blame` ask; it is written with the events and can be made from
    them at any time. Whoever writes meanwhile waits. With --dry-run it is made beside the store and
    compared: exits with 13 when it is not what the events say; nothing is changed.

    Examples:
      kubisnap audit rebuild --dry-run
      kubisnap audit rebuild
    """
    from ....engine.errors import IndexDiffers
    from ... import wiring
    from ...render.style import counted

    with wiring.journal(session) as journal:
        if dry_run:
            tables = journal.audit_differences()
            if tables:
                raise IndexDiffers(journal.url, tuple(tables))
            text, events = "the audit index is what the events say", None
        else:
            events = journal.rebuild_audit()
            text = f"made the audit index anew from {counted(events, 'event')}"
        session.result(text, "Index", {"store": journal.url, "dry_run": dry_run, "events": events})
