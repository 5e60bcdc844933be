"""Reading the journal: one cluster's log, all logs, who holds which name, what the audit index answers."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from threading import Lock
from types import TracebackType
from typing import Any, NamedTuple, Self

from eventsourcing.persistence import StoredEvent

from ..domain.events import NameClaimed, NameReleased, Recorded
from ..domain.state import ClusterState, apply_event
from ..errors import NotAStore, NotFound, StoreUnusable
from . import checkpoints
from .audit import sqlite as audit_index
from .audit.asking import Audit
from .audit.entries import NAMES, BeyondTheEnd
from .audit.verifying import ChainReport, verify_chain
from .codec import Codec, StoredRow
from .recorders import KeptRow, Recorder

_LAST = (1 << 63) - 1
_ROWS_AT_ONCE = 512
"""So many that asking again costs nothing beside them, so few that a log of any length fits."""


class Claim(NamedTuple):
    """A name and the cluster that has it, or had it last."""

    name: str
    cluster_id: str
    released: bool


class Reading:
    """What an open event store can be asked. Safe to use from several threads."""

    def __init__(self, url: str, recorder: Recorder | None, codec: Codec | None = None) -> None:
        self.url = url
        self._recorder = recorder
        self._codec = codec or Codec()
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the store's connections."""
        if self._recorder is not None:
            self._recorder.close()

    @property
    def made(self) -> bool:
        """Whether the store was there, or was made, when it was opened."""
        return self._recorder is not None

    @cached_property
    def audit(self) -> Audit:
        """The questions that the audit index answers; of a store that does not exist, with nothing."""
        recorder = self._recorder
        if recorder is None:
            return Audit(audit_index.nothing(), audit_index.DIALECT, self._codec)
        dialect = recorder.dialect

        def run(statement: str, arguments: Sequence[object]) -> list[tuple[Any, ...]]:
            with self._telling(0):
                return recorder.run(statement, arguments)

        return Audit(run, dialect, self._codec)

    def rebuild_audit(self) -> int:
        """Drop the audit index and make it anew from the events; return how many there are.

        Raises `StoreUnusable`, and `MalformedEvent`, `UnknownEvent` or `NotAStore` where an event cannot
        be read or is missing: the index stays as it was then.
        """
        if self._recorder is None:
            raise StoreUnusable(self.url, "it does not exist")
        with self._lock, self._telling(0), self._telling_gaps():
            return self._recorder.rebuild()

    def verify(self, stream: str) -> ChainReport:
        """Verify a stream's hash chain. One part of the log is in memory at a time.

        Raises `NotAStore` where a row of the log cannot be an event, `DamagedIndex`.
        """
        try:
            return verify_chain(self.audit.run, self.audit.position_column, stream)
        except ValueError as error:
            raise NotAStore(self.url, f"the log of {stream} is damaged: {error}") from error

    def audit_differences(self) -> list[str]:
        """Return in which tables the audit index is not what the events say; changes nothing.

        Makes it anew beside the store, in a temporary file. Raises what decoding events raises.
        """
        if self._recorder is None:
            return []
        with self._telling(0), self._telling_gaps():
            return self._recorder.index_differences()

    # ── reading ──────────────────────────────────────────────────────────────────────────────

    def rows(self, cluster_id: str, *, after: int = 0, until: int | None = None) -> list[StoredRow]:
        """Return a cluster's events as stored, positions after `after` up to and with `until`."""
        chunks = self._chunks(cluster_id, after, until)
        return [StoredRow._make(row) for chunk in chunks for row in chunk]

    def each_row(self, cluster_id: str, *, after: int = 0, until: int | None = None) -> Iterator[StoredRow]:
        """Yield what `rows` returns, without holding more than a part of it at once."""
        for chunk in self._chunks(cluster_id, after, until):
            yield from map(StoredRow._make, chunk)

    def stream(self, cluster_id: str, *, after: int = 0, until: int | None = None) -> Iterator[Recorded]:
        """Yield a cluster's events, oldest first, without holding more than a part of them at once.

        Nothing stays open in between, so it may be left before its end; what is appended meanwhile
        is yielded, too.
        """
        decode = self._codec.decode
        for chunk in self._chunks(cluster_id, after, until):
            for row in chunk:
                yield decode(cluster_id, row)

    def read(self, cluster_id: str, *, after: int = 0) -> list[Recorded]:
        """Return a cluster's events, oldest first."""
        return list(self.stream(cluster_id, after=after))

    def state(self, cluster_id: str, *, until: int | None = None) -> ClusterState:
        """Return the fold of a cluster's log, up to and with position `until`.

        A long log is folded from the last checkpoint on. Raises `NotAStore` where the log is damaged.
        """
        shelf = self._recorder
        state = None
        if shelf is not None:
            with self._telling(0):
                state = checkpoints.load(shelf, cluster_id, _LAST if until is None else until)
        state = state or ClusterState()
        made: list[checkpoints.Checkpoint] = []
        try:
            for recorded in self.stream(cluster_id, after=state.position, until=until):
                apply_event(state, recorded)
                if shelf is not None and recorded.version % checkpoints.EVERY == 0:
                    item = checkpoints.make(shelf, cluster_id, state)
                    made += [] if item is None else [item]
        except ValueError as error:
            raise NotAStore(self.url, f"the log of {cluster_id} is damaged: {error}") from error
        if shelf is not None and made:
            shelf.save_checkpoints(made)
        return state

    def each_of_all(self, *, after: int = 0) -> Iterator[list[KeptRow]]:
        """Yield the rows of all streams in the order in which they were committed, a part at a time."""
        while self._recorder is not None:
            with self._telling(0):
                rows = self._recorder.select_all(after=after, limit=_ROWS_AT_ONCE)
            if not rows:
                return
            yield rows
            after = rows[-1].position

    def _chunks(self, stream: str, after: int, until: int | None) -> Iterator[list[tuple[int, str, bytes]]]:
        """Yield a stream's rows, `_ROWS_AT_ONCE` at a time: a log only grows, so the parts fit together."""
        if self._recorder is None:
            return
        last = after or None
        while True:
            with self._telling(after):
                rows = self._recorder.select_rows(stream, after=last, until=until, limit=_ROWS_AT_ONCE)
            yield rows
            if len(rows) < _ROWS_AT_ONCE:
                return
            last = rows[-1][0]

    def claims(self) -> list[Claim]:
        """Return every name that was ever given, sorted."""
        if self._recorder is None:
            return []
        with self._telling(0):
            found = self._recorder.select_last_of_each(NAMES)
        return [self._claim(item) for item in found]

    def claim_of(self, name: str) -> Claim | None:
        """Return who has this name, or had it last."""
        if self._recorder is None:
            return None
        with self._telling(0):
            found = self._recorder.select_events(NAMES + name, desc=True, limit=1)
        return self._claim(found[0]) if found else None

    def holders(self, name: str) -> dict[str, str]:
        """Return every cluster that ever had a name, oldest first: id -> what to call it.

        The last one is called by the name, an earlier one ``name@`` and eight digits of its id.
        """
        if self._recorder is None:
            return {}
        with self._telling(0):
            found = self._recorder.select_events(NAMES + name)
        ids = list(dict.fromkeys(self._claim(item).cluster_id for item in found))
        return {item: name if item == ids[-1] else f"{name}@{item[:8]}" for item in ids}

    def called(self, cluster_id: str) -> str:
        """Return what to call a cluster: its name, or ``name@`` and eight digits if another has it now."""
        name = self.audit.declared_name(cluster_id)
        return self.holders(name).get(cluster_id, cluster_id[:8]) if name else cluster_id[:8]

    def cluster_id(self, name: str, *, gone: bool = False) -> str:
        """Return the id of the cluster of that name; with `gone`, also of one that was deleted.

        With `gone`, ``web@1a2b3c4d`` is an earlier cluster of the name, as `holders` calls it.
        Raises `NotFound`.
        """
        if gone and "@" in name:
            for found, called in self.holders(name.partition("@")[0]).items():
                if called == name:
                    return found
        claim = self.claim_of(name)
        if claim is None or (claim.released and not gone):
            known = tuple(claim.name for claim in self.claims() if gone or not claim.released)
            advice = "" if known else f"there are no clusters in {self.url} yet: kubisnap create NAME"
            if claim is not None:
                advice = f"it was deleted; its history: kubisnap log {name}"
            raise NotFound("cluster", name, known, advice)
        return claim.cluster_id

    def _claim(self, item: StoredEvent) -> Claim:
        stream = str(item.originator_id)
        row = StoredRow(item.originator_version, item.topic, item.state)
        event = self._codec.decode(stream, row).event
        if not isinstance(event, NameClaimed | NameReleased):
            raise NotAStore(self.url, f"{item.topic} in the log of a name")
        return Claim(event.name, event.cluster_id, isinstance(event, NameReleased))

    def _last_of_name(self, name: str) -> Recorded | None:
        if self._recorder is None:
            return None
        stream = NAMES + name
        with self._telling(0):
            found = self._recorder.select_events(stream, desc=True, limit=1)
        if not found:
            return None
        return self._codec.decode(
            stream, StoredRow(found[0].originator_version, found[0].topic, found[0].state)
        )

    def _telling(self, expected: int) -> AbstractContextManager[None]:
        """Raise our errors instead of the database's."""
        return nullcontext() if self._recorder is None else self._recorder.telling(self.url, expected)

    @contextmanager
    def _telling_gaps(self) -> Iterator[None]:
        """Where all events are read, one that does not follow another is damage."""
        try:
            yield
        except BeyondTheEnd as error:
            raise NotAStore(self.url, f"a log in it is damaged: {error} is missing") from error
