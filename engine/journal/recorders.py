"""What a journal needs of the database under it: `sqlite` keeps a file, `postgres` a team's server.

A recorder keeps rows, and beside them the audit index and checkpoints; a journal knows no database.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, NamedTuple, Protocol

from eventsourcing.persistence import IntegrityError, StoredEvent

from ..domain.events import Recorded
from ..errors import DamagedIndex, LogMoved
from .audit.entries import BeyondTheEnd, IndexBehind
from .audit.sql import Dialect
from .checkpoints import Shelf

NewRow = tuple[str, int, str, bytes]
"""Stream, version in it, tag, bytes: what is to be kept."""


class KeptRow(NamedTuple):
    """A row of the whole store. `position` is the store's own: it grows in the order of commits."""

    position: int
    stream: str
    version: int
    tag: str
    state: bytes


@contextmanager
def telling_conflicts(expected: int) -> Iterator[None]:
    """Raise our errors for what an append met: somebody else's event, a hole, an index that is behind."""
    try:
        yield
    except IntegrityError as error:
        raise LogMoved(expected) from error
    except BeyondTheEnd as error:
        raise LogMoved(expected, beyond=True) from error
    except IndexBehind as error:
        raise DamagedIndex(f"it lacks {error}") from error


class Recorder(Shelf, Protocol):
    """Rows of many streams, only ever added to. Safe to use from several threads."""

    @property
    def dialect(self) -> Dialect:
        """How the audit index is asked."""

    def insert_rows(self, rows: Sequence[NewRow], recorded: Iterable[Recorded] | None = None) -> None:
        """Keep rows and what the audit index says of them, all or none, durable on return.

        A version of a stream exists once. `recorded` are the same events, where they are at hand.
        """

    def run(self, statement: str, arguments: Sequence[object]) -> list[tuple[Any, ...]]:
        """Ask the index something, placeholders as ``?``, and return the rows."""

    def rebuild(self) -> int:
        """Drop the audit index and make it anew; return how many events are in it."""

    def index_differences(self) -> list[str]:
        """Return in which tables the audit index is not what the events say; nothing is written."""

    def select_rows(
        self, stream: str, *, after: int | None, until: int | None, limit: int
    ) -> list[tuple[int, str, bytes]]:
        """Return a part of a stream in order: version, tag, bytes."""

    def select_events(
        self, originator_id: str, *, desc: bool = False, limit: int | None = None
    ) -> Sequence[StoredEvent]:
        """Return a stream's rows by version, or the newest first."""

    def select_last_of_each(self, prefix: str) -> list[StoredEvent]:
        """Return the newest row of every stream whose id starts with `prefix`, by stream id."""

    def select_all(self, *, after: int, limit: int) -> list[KeptRow]:
        """Return rows of all streams in the order of their positions, those after `after`."""

    def telling(self, url: str, expected: int) -> AbstractContextManager[None]:
        """Raise our errors instead of the driver's.

        `LogMoved(expected)` where a version exists already, `StoreUnusable` where the store cannot be
        had just now or not by this user, `NotAStore` where it is damaged or something else.
        """

    def close(self) -> None:
        """Close all connections. What is asked afterwards raises `StoreUnusable`."""
