"""What happens to a store by other hands than this program's: plain SQL on its file."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TRIGGERS = ("events_are_never_changed", "events_are_never_deleted")


@contextmanager
def by_force(path: Path) -> Iterator[sqlite3.Connection]:
    """Give a connection on which events can be changed and deleted; what it did is kept."""
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        for trigger in TRIGGERS:
            connection.execute(f"DROP TRIGGER IF EXISTS {trigger}")
        yield connection
        connection.execute("COMMIT")
    finally:
        connection.close()


def slip_in(path: Path, *rows: tuple[str, Any, str, Any]) -> None:
    """Insert stream, version, tag and state of events as no version of this program would."""
    with by_force(path) as connection:
        connection.executemany(
            "INSERT INTO stored_events (originator_id, originator_version, topic, state) VALUES (?, ?, ?, ?)",
            rows,
        )
