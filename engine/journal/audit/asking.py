"""Questions to the audit index: which events, which operations, newest first, page by page.

All answers are in the order of the store: what was appended later is newer. A cursor says where the next
page begins; what is appended meanwhile is newer than any cursor and moves nothing.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from ...domain.events import ClusterDeclared, Recorded
from ...domain.history import OperationView
from ...domain.subjects import line_of_words
from ..codec import Codec
from .entries import unpacked
from .queries import Cursor, Found, Page, Query
from .sql import Dialect, Marks, Part, Run, Source, Spans, among, arguments, times, where
from .terms import INTENT

FEW: Final = 100
"""Operations that are asked for by their marks; more of them are met on the way soon enough."""
_AT_ONCE: Final = 1_000
_LOOKED_AT: Final = 200
"""Events that are looked at together at first: most pages are in them."""
_TURNS: Final = ("OperationStarted", "OperationFinished", "RollbackStarted", "SnapshotCaptured")
_BACK: Final = 100
"""Events that are looked at together, back from where a time must be."""


class _Operation(NamedTuple):
    """Which operation it is: its id, its cluster's number in the store, its number in the cluster."""

    id: int
    cluster: int
    number: int


class Audit:
    """The questions that the index of one store answers."""

    def __init__(self, run: Run, dialect: Dialect, codec: Codec) -> None:
        self.run = self._run = run
        self.position_column = self._event = dialect.event
        self._codec = codec
        self._marks = Marks(dialect)
        self._spans = Spans(run)

    # ── events ───────────────────────────────────────────────────────────────────────────────

    def events(self, query: Query, *, limit: int, cursor: str = "") -> Page[Found]:
        """Return the newest events that fit, or those after the cursor.

        Raises `InvalidInput` for a cursor that is none.
        """
        before = Cursor.parsed(cursor).before
        part = [] if before is None else [("<", before)]
        found = self._events(query, limit + 1, part, "DESC")
        return Page(found[:limit], str(found[limit - 1].position) if len(found) > limit else "")

    def after(self, query: Query, position: int, *, limit: int) -> list[Found]:
        """Return the events after a position in the store that fit, oldest first."""
        return self._events(query, limit, [(">", position)], "ASC")

    def _events(self, query: Query, limit: int, beside: Sequence[tuple[str, int]], order: str) -> list[Found]:
        whole, beginnings = query.without_beginnings()
        if beginnings:
            found = self._looked_through(whole, beginnings, limit, beside, order)
            if found is not None:
                return found
        return self._indexed(query, limit, beside, order)

    def _looked_through(
        self,
        query: Query,
        beginnings: Sequence[str],
        limit: int,
        beside: Sequence[tuple[str, int]],
        order: str,
    ) -> list[Found] | None:
        """Look at the events that fit the rest one by one; None: too few of a thousand have such words.

        The index puts together all that begins so before it tells the first: of a beginning that is
        frequent that is most of the store, and of one that is rare it is little.
        """
        found: list[Found] = []
        after = list(beside)
        for _ in range(0, _AT_ONCE, _LOOKED_AT):
            some = self._indexed(query, _LOOKED_AT, after, order)
            found += [item for item in some if _begin(item.recorded, beginnings)]
            if len(some) < _LOOKED_AT or len(found) >= limit:
                return found[:limit]
            after = [*beside, ("<" if order == "DESC" else ">", some[-1].position)]
        return None

    def _indexed(
        self, query: Query, limit: int, beside: Sequence[tuple[str, int]], order: str
    ) -> list[Found]:
        asked = self._asked(query)
        if asked is None:
            return []
        source, attributes = asked
        parts = [
            *(Part(f"{source.at} {sign} ?", (position,)) for sign, position in beside),
            *self._spans.bounds(query, source.at),
            *times(query, "a.time"),
            *attributes,
        ]
        operations = " JOIN audit_operations o ON o.id = a.operation" if attributes else ""
        return self._found(source, parts, f"ORDER BY {source.at} {order} LIMIT {limit:d}", operations)

    def _asked(self, query: Query) -> tuple[Source, list[Part]] | None:
        """Return where the events are that fit, and what must hold of their operations; None: nowhere."""
        expression = self._marks.asked(query)
        attributes = _kind_and_outcome(query)
        if (
            query.operation_kind
        ):  # the mark narrows, the attribute decides: it was not told when it was marked
            expression.append(self._marks.one_of("t", [query.operation_kind, ""]))
        if query.outcome:
            few = self._few([*attributes, *_clusters(query)])
            if few is not None:
                if not few:
                    return None
                expression.append(self._marks.one_of("o", [f"{item.cluster}.{item.number}" for item in few]))
                attributes = []
        if query.clusters:
            expression.append(self._of(query.clusters))
        if query.actor:
            expression.append(self._marks.one_of("a", [query.actor]))
        return self._marks.source(expression), attributes

    def _found(self, source: Source, parts: Sequence[Part], end: str, joined: str = "") -> list[Found]:
        every = [*source.where, *parts]
        rows = self._run(
            f"SELECT {source.at}, a.resource, e.originator_id, e.originator_version, e.topic, e.state "  # noqa: S608
            f"FROM {source.tables} JOIN stored_events e ON {self._event} = a.position{joined} "
            f"{where(every)} {end}",
            arguments(every),
        )
        decode = self._codec.decode
        return [Found(row[0], row[1], decode(row[2], (row[3], row[4], bytes(row[5])))) for row in rows]

    # ── operations ───────────────────────────────────────────────────────────────────────────

    def operations(self, query: Query, *, limit: int, cursor: str = "") -> Page[tuple[str, OperationView]]:
        """Return the newest operations of which an event fits, with their clusters' ids.

        Raises `InvalidInput` for a bad cursor.
        """
        at = Cursor.parsed(cursor)
        if query.of_events:
            ids, after = self._met(query, limit, at)
            return Page(self._views(ids), after)
        parts = [*_kind_and_outcome(query), *_clusters(query)]
        parts += [] if at.before is None else [Part("o.id < ?", (at.before,))]
        parts += self._spans.bounds(query, "o.id")
        rows = self._run(
            f"SELECT o.id, o.stream, o.view FROM audit_operations o {where(parts)} "  # noqa: S608
            f"ORDER BY o.id DESC LIMIT {limit + 1:d}",
            arguments(parts),
        )
        items = [(stream, unpacked(bytes(view), {}, stream)) for _, stream, view in rows[:limit]]
        return Page(items, str(rows[limit - 1][0]) if len(rows) > limit else "")

    def _met(self, query: Query, limit: int, cursor: Cursor) -> tuple[list[int], str]:
        """Walk the events that fit, newest first, and return the operations that were met, and a cursor.

        An operation's events all come after its first, whose position is its id: once the walk has
        passed a position, every operation from there on is known.
        """
        whole, beginnings = query.without_beginnings()
        found = self._walked(whole, limit, cursor, beginnings) if beginnings else None
        return found or self._walked(query, limit, cursor) or ([], "")

    def _walked(
        self, query: Query, limit: int, cursor: Cursor, beginnings: Sequence[str] = ()
    ) -> tuple[list[int], str] | None:
        """Do so; None: there are none, or with `beginnings` too few among the first thousand events."""
        asked = self._asked(query)
        if asked is None:
            return None
        source, attributes = asked
        fixed = [*source.where, *attributes, *self._spans.bounds(query, source.at), *times(query, "a.time")]
        if cursor.before is not None:
            fixed.append(Part("a.operation < ?", (cursor.before,)))
        joined = " JOIN audit_operations o ON o.id = a.operation" if attributes else ""
        highest: dict[int, int] = {}
        at, many, seen = cursor.scan, _LOOKED_AT, 0
        while True:
            parts = fixed if at is None else [*fixed, Part(f"{source.at} <= ?", (at,))]
            rows = self._run(
                f"SELECT {source.at}, a.operation FROM {source.tables}{joined} {where(parts)} "  # noqa: S608
                f"ORDER BY {source.at} DESC LIMIT {many:d}",
                arguments(parts),
            )
            for position, operation in self._beginning(rows, beginnings) if beginnings else rows:
                highest.setdefault(operation, position)
            at = 0 if len(rows) < many else rows[-1][0] - 1
            known = sorted((item for item in highest if item > at), reverse=True)
            if not at or len(known) > limit:
                break
            many, seen = _AT_ONCE, seen + len(rows)
            if beginnings and seen >= _AT_ONCE:
                return None
        if len(known) <= limit:
            return known, ""
        taken = known[:limit]
        left = [position for item, position in highest.items() if item < taken[-1]]
        return taken, f"{taken[-1]}.{max([at, *left])}"

    def _beginning(self, rows: Sequence[tuple[int, int]], beginnings: Sequence[str]) -> list[tuple[int, int]]:
        """Return those rows (position, operation) in whose events words begin so."""
        if not rows:
            return []
        part = among("a.position", [position for position, _ in rows])
        found = self._found(Source("audit_entries a", "a.position", ()), [part], "")
        fitting = {item.position for item in found if _begin(item.recorded, beginnings)}
        return [row for row in rows if row[0] in fitting]

    def _views(self, ids: Sequence[int]) -> list[tuple[str, OperationView]]:
        if not ids:
            return []
        part = among("o.id", ids)
        rows = self._run(
            f"SELECT o.stream, o.view FROM audit_operations o {where([part])} ORDER BY o.id DESC",  # noqa: S608
            part.arguments,
        )
        return [(stream, unpacked(bytes(view), {}, stream)) for stream, view in rows]

    def _few(self, attributes: Sequence[Part]) -> list[_Operation] | None:
        """Return the operations with these attributes, if they are few."""
        if not attributes:
            return None
        rows = self._run(
            "SELECT o.id, s.id, o.number FROM audit_operations o JOIN audit_streams s ON s.stream = o.stream "  # noqa: S608
            f"{where(attributes)} LIMIT {FEW + 1:d}",
            arguments(attributes),
        )
        return None if len(rows) > FEW else [_Operation(*row) for row in rows]

    def _of(self, clusters: Sequence[str]) -> str:
        return self._marks.one_of("c", [str(number) for number in self._numbers(clusters)] or ["0"])

    def _numbers(self, clusters: Sequence[str]) -> list[int]:
        part = among("stream", clusters)
        rows = self._run(f"SELECT id FROM audit_streams {where([part])} ORDER BY id", part.arguments)  # noqa: S608
        return [int(row[0]) for row in rows]

    # ── one cluster's log ────────────────────────────────────────────────────────────────────

    def operation(self, cluster: str, number: int) -> OperationView | None:
        """Return one operation, without its events."""
        rows = self._run(
            "SELECT view FROM audit_operations WHERE stream = ? AND number = ?", (cluster, number)
        )
        return unpacked(bytes(rows[0][0]), {}, cluster) if rows else None

    def event(self, cluster: str, version: int) -> Found | None:
        """Return one event of a cluster."""
        source = Source("audit_entries a", "a.position", ())
        at = Part("e.originator_id = ? AND e.originator_version = ?", (cluster, version))
        found = self._found(source, [at], "")
        return found[0] if found else None

    def of_operation(self, cluster: str, number: int) -> list[Found]:
        """Return the events of one operation, oldest first."""
        numbers = self._numbers((cluster,))
        source = self._marks.source(
            [self._marks.one_of("o", [f"{item}.{number}" for item in numbers or [0]])]
        )
        return self._found(source, (), f"ORDER BY {source.at}")

    def about(self, cluster: str, resource: str, *, upto: int | None = None) -> list[Found]:
        """Return a cluster's events about a resource, oldest first, up to a position in its log."""
        return self._of_cluster(cluster, self._marks.one_of("r", [resource]), upto)

    def resources(self, cluster: str, kind: str, *, limit: int = 1_000) -> list[str]:
        """Return what the newest `limit` events about resources of a kind are about, sorted."""
        source = self._marks.source([self._of((cluster,)), self._marks.one_of("r", [kind])])
        rows = self._run(
            f"SELECT a.resource FROM {source.tables} {where(source.where)} "  # noqa: S608
            f"ORDER BY {source.at} DESC LIMIT {limit:d}",
            arguments(source.where),
        )
        return sorted({row[0] for row in rows})

    def intents(self, cluster: str, *, upto: int | None = None) -> list[Found]:
        """Return a cluster's events that say what is wanted, oldest first, up to a position in its log."""
        return self._of_cluster(cluster, self._marks.term(INTENT), upto)

    def turns(self, cluster: str, *, upto: int | None = None) -> list[Found]:
        """Return the events at which a cluster's course turns, oldest first, up to a position in its log.

        What is wanted, and where operations begin and end: all that undo goes by.
        """
        kinds = self._marks.one_of("k", _TURNS)
        return self._of_cluster(cluster, self._marks.either(self._marks.term(INTENT), kinds), upto)

    def declared_name(self, cluster: str) -> str:
        """Return the name that a cluster was declared with; empty: it was not."""
        source = self._marks.source([self._of((cluster,)), self._marks.one_of("k", ["ClusterDeclared"])])
        found = self._found(source, (), f"ORDER BY {source.at} LIMIT 1")
        event = found[0].recorded.event if found else None
        return event.name if isinstance(event, ClusterDeclared) else ""

    def snapshots(self, cluster: str) -> list[Found]:
        """Return a cluster's events that tell of a capture, oldest first."""
        return self._of_cluster(cluster, self._marks.one_of("k", ["SnapshotCaptured"]), None)

    def _of_cluster(self, cluster: str, term: str, upto: int | None) -> list[Found]:
        source = self._marks.source([self._of((cluster,)), term])
        limit = [] if upto is None else [Part("e.originator_version <= ?", (upto,))]
        return self._found(source, limit, f"ORDER BY {source.at}")

    # ── positions ────────────────────────────────────────────────────────────────────────────

    def clusters(self) -> int:
        """Return how many clusters have a log here."""
        return int(self._run("SELECT count(*) FROM audit_streams", ())[0][0])

    def newest(self) -> int:
        """Return the store's last position; 0: it is empty."""
        return int(self._run("SELECT coalesce(max(position), 0) FROM audit_entries", ())[0][0])

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
        last = self._version_upto(cluster, self._spans.last(time))
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


def _begin(recorded: Recorded, beginnings: Sequence[str]) -> bool:
    """Whether an event has words that begin in all these ways."""
    found = line_of_words(recorded)
    return all(f" {beginning}" in found for beginning in beginnings)


def _kind_and_outcome(query: Query) -> list[Part]:
    found = []
    if query.operation_kind:
        found.append(Part("o.kind = ?", (query.operation_kind,)))
    if query.outcome:
        found.append(Part("o.outcome = ?", (query.outcome,)))
    return found


def _clusters(query: Query) -> list[Part]:
    return [among("o.stream", query.clusters)] if query.clusters else []
