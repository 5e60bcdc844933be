"""Questions to the audit index: which events, which operations, newest first, page by page.

All answers are in the order of the store: what was appended later is newer. A cursor says where the next
page begins; what is appended meanwhile is newer than any cursor and moves nothing.
"""

from collections.abc import Sequence
from typing import Final

from ...domain.events import ClusterDeclared
from ...domain.history import OperationView
from ..codec import Codec
from .entries import unpacked
from .finding import ENTRIES, Finder, clusters_of, kind_and_outcome
from .queries import Cursor, Found, Page, Query
from .sql import Dialect, Part, Run, Source, Span, among, arguments, where
from .terms import INTENT

_TURNS: Final = ("OperationStarted", "OperationFinished", "RollbackStarted", "SnapshotCaptured")
_BACK: Final = 100
"""Events that are looked at together, back from where a time must be."""


class Audit:
    """The questions that the index of one store answers."""

    def __init__(self, run: Run, dialect: Dialect, codec: Codec) -> None:
        self.run = self._run = run
        self.position_column = self._event = dialect.event
        self._find = Finder(run, dialect, codec)

    def events(self, query: Query, *, limit: int, cursor: str = "") -> Page[Found]:
        """Return the newest events that fit, or those after the cursor.

        Raises `InvalidInput` for a cursor that is none.
        """
        before = Cursor.parsed(cursor).before
        span = self._find.spans.span(query).upto(None if before is None else before - 1)
        found = self._find.events(query, limit + 1, span, newest_first=True)
        return Page(found[:limit], str(found[limit - 1].position) if len(found) > limit else "")

    def after(self, query: Query, position: int, *, limit: int) -> list[Found]:
        """Return the events after a position in the store that fit, oldest first."""
        low, high = self._find.spans.span(query)
        return self._find.events(query, limit, Span(max(low, position + 1), high), newest_first=False)

    def operations(self, query: Query, *, limit: int, cursor: str = "") -> Page[tuple[str, OperationView]]:
        """Return the newest operations of which an event fits, with their clusters' ids.

        Raises `InvalidInput` for a bad cursor.
        """
        at = Cursor.parsed(cursor)
        if query.of_events:
            ids, after = self._find.met(query, limit, at)
            return Page(self._views(ids), after)
        span = self._find.spans.span(query).upto(None if at.before is None else at.before - 1)
        parts = [*kind_and_outcome(query), *clusters_of(query), *span.parts("o.id")]
        rows = self._run(
            f"SELECT o.id, o.stream, o.view FROM audit_operations o {where(parts)} "  # noqa: S608
            f"ORDER BY o.id DESC LIMIT {limit + 1:d}",
            arguments(parts),
        )
        items = [(stream, unpacked(bytes(view), {}, stream)) for _, stream, view in rows[:limit]]
        return Page(items, str(rows[limit - 1][0]) if len(rows) > limit else "")

    def _views(self, ids: Sequence[int]) -> list[tuple[str, OperationView]]:
        if not ids:
            return []
        part = among("o.id", ids)
        rows = self._run(
            f"SELECT o.stream, o.view FROM audit_operations o {where([part])} ORDER BY o.id DESC",  # noqa: S608
            part.arguments,
        )
        return [(stream, unpacked(bytes(view), {}, stream)) for stream, view in rows]

    def newest(self) -> int:
        """Return the store's last position; 0: it is empty."""
        return self._find.newest()

    # ── one cluster's log ────────────────────────────────────────────────────────────────────

    def operation(self, cluster: str, number: int) -> OperationView | None:
        """Return one operation, without its events."""
        rows = self._run(
            "SELECT view FROM audit_operations WHERE stream = ? AND number = ?", (cluster, number)
        )
        return unpacked(bytes(rows[0][0]), {}, cluster) if rows else None

    def event(self, cluster: str, version: int) -> Found | None:
        """Return one event of a cluster."""
        at = Part("e.originator_id = ? AND e.originator_version = ?", (cluster, version))
        found = self._find.found(ENTRIES, (), "", of_events=[at])
        return found[0] if found else None

    def of_operation(self, cluster: str, number: int) -> list[Found]:
        """Return the events of one operation, oldest first."""
        numbers = self._find.numbers_of((cluster,))
        source = self._find.marks.source(
            [self._find.marks.one_of("o", [f"{item}.{number}" for item in numbers or [0]])]
        )
        return self._find.found(source, (), "")

    def about(self, cluster: str, resource: str, *, upto: int | None = None) -> list[Found]:
        """Return a cluster's events about a resource, oldest first, up to a position in its log."""
        return self._of_cluster(cluster, self._find.marks.one_of("r", [resource]), upto)

    def resources(self, cluster: str, kind: str, *, limit: int = 1_000) -> list[str]:
        """Return what the newest `limit` events about resources of a kind are about, sorted."""
        source = self._find.marks.source(
            [self._find.of_clusters((cluster,)), self._find.marks.one_of("r", [kind])]
        )
        found: list[str] = []
        for here in self._find.windows(source, Span()):
            every = [*source.where, *here.parts(source.at)]
            rows = self._run(
                f"SELECT a.resource FROM {source.tables} {where(every)} "  # noqa: S608
                f"{source.newest(limit - len(found))}",
                arguments(every),
            )
            found += [row[0] for row in rows]
            if len(found) >= limit:
                break
        return sorted(set(found))

    def intents(self, cluster: str, *, upto: int | None = None) -> list[Found]:
        """Return a cluster's events that say what is wanted, oldest first, up to a position in its log."""
        return self._of_cluster(cluster, self._find.marks.term(INTENT), upto)

    def turns(self, cluster: str, *, upto: int | None = None) -> list[Found]:
        """Return the events at which a cluster's course turns, oldest first, up to a position in its log.

        What is wanted, and where operations begin and end: all that undo goes by.
        """
        kinds = self._find.marks.one_of("k", _TURNS)
        return self._of_cluster(cluster, self._find.marks.either(self._find.marks.term(INTENT), kinds), upto)

    def declared_name(self, cluster: str) -> str:
        """Return the name that a cluster was declared with; empty: it was not."""
        source = self._find.marks.source(
            [self._find.of_clusters((cluster,)), self._find.marks.one_of("k", ["ClusterDeclared"])]
        )
        found = self._find.found(source, (), source.oldest(1))
        event = found[0].recorded.event if found else None
        return event.name if isinstance(event, ClusterDeclared) else ""

    def snapshots(self, cluster: str) -> list[Found]:
        """Return a cluster's events that tell of a capture, oldest first."""
        return self._of_cluster(cluster, self._find.marks.one_of("k", ["SnapshotCaptured"]), None)

    def _of_this(self, cluster: str, term: str) -> Source:
        return self._find.marks.source([self._find.of_clusters((cluster,)), term])

    def _of_cluster(self, cluster: str, term: str, upto: int | None) -> list[Found]:
        source = self._of_this(cluster, term)
        limit = [] if upto is None else [Part("e.originator_version <= ?", (upto,))]
        return self._find.found(source, (), "", of_events=limit)

    # ── positions ────────────────────────────────────────────────────────────────────────────

    def clusters(self) -> int:
        """Return how many clusters have a log here."""
        return int(self._run("SELECT count(*) FROM audit_streams", ())[0][0])

    def store_position(self, cluster: str, version: int) -> int:
        """Return where in the store a cluster's event is; 0: there is none."""
        rows = self._run(
            f"SELECT {self._event} FROM stored_events e "  # noqa: S608
            "WHERE e.originator_id = ? AND e.originator_version = ?",
            (cluster, version),
        )
        return int(rows[0][0]) if rows else 0

    def last_version(self, cluster: str) -> int:
        """Return the position of a cluster's newest event in its log; 0: there is none."""
        rows = self._run(
            "SELECT coalesce(max(originator_version), 0) FROM stored_events WHERE originator_id = ?",
            (cluster,),
        )
        return int(rows[0][0])

    def place(self, cluster: str, version: int) -> tuple[int, int] | None:
        """Return the time of an event, and the newest operation that had begun then; None: no such event."""
        rows = self._run(
            "SELECT a.position, a.time FROM stored_events e "  # noqa: S608
            f"JOIN audit_entries a ON a.position = {self._event} "
            "WHERE e.originator_id = ? AND e.originator_version = ?",
            (cluster, version),
        )
        if not rows:
            return None
        position, time = rows[0]
        begun = self._run(
            "SELECT number FROM audit_operations WHERE stream = ? AND id <= ? AND kind <> '' "
            "ORDER BY id DESC LIMIT 1",
            (cluster, position),
        )
        return int(time), int(begun[0][0]) if begun else 0

    def numbers(self, cluster: str) -> list[int]:
        """Return the numbers of a cluster's operations, in the order of their beginning."""
        rows = self._run(
            "SELECT number FROM audit_operations WHERE stream = ? AND kind <> '' ORDER BY id", (cluster,)
        )
        return [int(row[0]) for row in rows]

    def version_at(self, cluster: str, time: int) -> int:
        """Return the position in a cluster's log of its last event that is not later than `time`; 0: none."""
        last = self._version_upto(cluster, self._find.spans.last(time))
        while last:
            rows = self._run(
                "SELECT e.originator_version, a.time FROM stored_events e "  # noqa: S608
                f"JOIN audit_entries a ON a.position = {self._event} "
                "WHERE e.originator_id = ? AND e.originator_version <= ? "
                f"ORDER BY e.originator_version DESC LIMIT {_BACK:d}",
                (cluster, last),
            )
            found = next((version for version, when in rows if when <= time), None)
            if found is not None:
                return int(found)
            last = rows[-1][0] - 1 if rows else 0
        return 0

    def _version_upto(self, cluster: str, position: int) -> int:
        """Return the last version of a cluster at or before a position in the store: both only grow."""
        low, high = 0, self.last_version(cluster)
        while low < high:
            middle = (low + high + 1) // 2
            if self.store_position(cluster, middle) <= position:
                low = middle
            else:
                high = middle - 1
        return low
