"""``kubisnap stores migrate``."""

from ...session import Session


def migrate(session: Session) -> None:
    """Make the store, or bring its tables to what this version writes.

    The first command that writes does this by itself. Where the tables of a team store belong to one
    user and the operators may only add events, that user runs this: once, and after an upgrade.

    Examples:
      kubisnap stores migrate
      kubisnap stores migrate --store sqlite:///new.sqlite
    """
    from ... import wiring

    with wiring.journal(session) as before:
        made = not before.made
    with wiring.journal(session, create=True) as journal:
        session.result(
            f"{journal.url}: {'made' if made else 'ready'}",
            "StoresMigrate",
            {"store": journal.url, "made": made},
        )
