"""Finding what fits in the audit index: where to look, in which order, and when it is enough."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from ...domain.events import Recorded
from ...domain.subjects import line_of_words
from ..codec import Codec
from .queries import Cursor, Found, Query
from .sql import Dialect, Marks, Part, Run, Source, Span, Spans, among, arguments, times, where

FEW: Final = 100
"""Operations that are asked for by their marks; more of them are met on the way soon enough."""
_AT_ONCE: Final = 1_000
_LOOKED_AT: Final = 200
"""Events that are looked at together at first, where they come in order: most pages are in them."""
_SORTED: Final = 16
"""So many times more are walked together where each part is sorted anew."""
_OPERATIONS: Final = " JOIN audit_operations o ON o.id = a.operation"


class _Operation(NamedTuple):
    """Which operation it is: its id, its cluster's number in the store, its number in the cluster."""

    id: int
    cluster: int
    number: int


class Finder:
    """Finds entries of one store, whatever is asked of them."""

    def __init__(self, run: Run, dialect: Dialect, codec: Codec) -> None:
        self.run = self._run = run
        self.position_column = self._event = dialect.event
        self._codec = codec
        self.marks = self._marks = Marks(dialect)
        self.spans = self._spans = Spans(run)

    def events(self, query: Query, limit: int, span: Span, *, newest_first: bool) -> list[Found]:
        """Return the first events in a span that fit."""
        whole, beginnings = query.without_beginnings()
        if beginnings:
            found = self._looked_through(whole, beginnings, limit, span, newest_first=newest_first)
            if found is not None:
                return found
        return self._indexed(query, limit, span, newest_first=newest_first)

    def _looked_through(
        self, query: Query, beginnings: Sequence[str], limit: int, span: Span, *, newest_first: bool
    ) -> list[Found] | None:
        """Look at the events that fit the rest one by one; None: too few of a thousand have such words.

        The index puts together all that begins so before it tells the first: of a beginning that is
        frequent that is most of the store, and of one that is rare it is little.
        """
        found: list[Found] = []
        for _ in range(0, _AT_ONCE, _LOOKED_AT):
            some = self._indexed(query, _LOOKED_AT, span, newest_first=newest_first)
            found += [item for item in some if _begin(item.recorded, beginnings)]
            if len(some) < _LOOKED_AT or len(found) >= limit:
                return found[:limit]
            last = some[-1].position
            span = span.upto(last - 1) if newest_first else Span(last + 1, span.high)
        return None

    def _indexed(self, query: Query, limit: int, span: Span, *, newest_first: bool) -> list[Found]:
        asked = self._asked(query)
        if asked is None:
            return []
        source, attributes = asked
        parts = [*times(query, "a.time"), *attributes]
        found: list[Found] = []
        for here in self.windows(source, span, newest_first=newest_first):
            left = limit - len(found)
            found += self.found(
                source,
                [*here.parts(source.at), *parts],
                source.newest(left) if newest_first else source.oldest(left),
                joined=_OPERATIONS if attributes else "",
                newest_first=newest_first,
            )
            if len(found) >= limit:
                break
        return found

    def windows(self, source: Source, span: Span, *, newest_first: bool = True) -> Iterator[Span]:
        """Yield where to look one after the other, until there is enough.

        A store whose inverted index gives nothing in order has to sort what it finds. Of a term that is
        in every second event that would be half of the store, for the newest twenty.
        """
        if not source.window:
            yield span
            return
        yield from span.upto(self.newest()).windows(source.window, newest_first=newest_first)

    def _asked(self, query: Query) -> tuple[Source, list[Part]] | None:
        """Return where the events are that fit, and what must hold of their operations; None: nowhere."""
        expression = self._marks.asked(query)
        attributes = kind_and_outcome(query)
        if query.operation_kind:
            # the mark narrows, the attribute decides: the kind was perhaps not told when it was marked
            expression.append(self._marks.one_of("t", [query.operation_kind, ""]))
        if query.outcome:
            few = self._few([*attributes, *clusters_of(query)])
            if few is not None:
                if not few:
                    return None
                expression.append(self._marks.one_of("o", [f"{item.cluster}.{item.number}" for item in few]))
                attributes = []
        if query.clusters:
            expression.append(self.of_clusters(query.clusters))
        if query.actor:
            expression.append(self._marks.one_of("a", [query.actor]))
        return self._marks.source(expression), attributes

    def found(
        self,
        source: Source,
        parts: Sequence[Part],
        end: str,
        *,
        joined: str = "",
        of_events: Sequence[Part] = (),
        newest_first: bool = False,
    ) -> list[Found]:
        """Return the events at the positions that are found first, with what must hold of the events."""
        every = [*source.where, *parts]
        rows = self._run(
            "SELECT f.position, f.resource, e.originator_id, e.originator_version, e.topic, e.state "  # noqa: S608
            f"FROM (SELECT {source.at} AS position, a.resource FROM {source.tables}{joined} "
            f"{where(every)} {end}) f "
            f"JOIN stored_events e ON {self._event} = f.position {where(of_events)} "
            f"ORDER BY f.position{' DESC' if newest_first else ''}",
            (*arguments(every), *arguments(of_events)),
        )
        decode = self._codec.decode
        return [Found(row[0], row[1], decode(row[2], (row[3], row[4], bytes(row[5])))) for row in rows]

    # ── operations by their events ───────────────────────────────────────────────────────────

    def met(self, query: Query, limit: int, cursor: Cursor) -> tuple[list[int], str]:
        """Walk the events that fit, newest first, and return the operations that were met, and a cursor.

        An operation's events all come after its first, whose position is its id: once the walk has
        passed a position, every operation from there on is known.
        """
        whole, beginnings = query.without_beginnings()
        found = self._met(whole, limit, cursor, beginnings) if beginnings else None
        return found or self._met(query, limit, cursor) or ([], "")

    def _met(
        self, query: Query, limit: int, cursor: Cursor, beginnings: Sequence[str] = ()
    ) -> tuple[list[int], str] | None:
        """Do so; None: there are none, or with `beginnings` too few among the first thousand events."""
        asked = self._asked(query)
        if asked is None:
            return None
        source, attributes = asked
        fixed = [*source.where, *attributes, *times(query, "a.time")]
        if cursor.before is not None:
            fixed.append(Part("a.operation < ?", (cursor.before,)))
        joined = _OPERATIONS if attributes else ""
        span = self._spans.span(query).upto(cursor.scan)
        most = 2 * _LOOKED_AT if beginnings else _AT_ONCE * (_SORTED if source.window else 1)
        highest: dict[int, int] = {}
        known: list[int] = []
        at = looked = fitting = 0
        for here, rows in self._walked(source, fixed, joined, span, most):
            fit = self._beginning(rows, beginnings) if beginnings else rows
            at, looked, fitting = here, looked + len(rows), fitting + len(fit)
            for position, operation in fit:
                highest.setdefault(operation, position)
            known = sorted((item for item in highest if item > at), reverse=True)
            if len(known) > limit:
                break
            if beginnings and at and looked >= (4 * _AT_ONCE if fitting > limit else _AT_ONCE):
                return None
        if len(known) <= limit:
            return known, ""
        taken = known[:limit]
        left = [position for item, position in highest.items() if item < taken[-1]]
        return taken, f"{taken[-1]}.{max([at, *left])}"

    def _walked(
        self, source: Source, parts: Sequence[Part], joined: str, span: Span, most: int
    ) -> Iterator[tuple[int, list[tuple[Any, ...]]]]:
        """Yield positions and operations of what fits, newest first, at most so many at a time.

        With them the position down to which everything was looked at, itself not included; 0 in the end.
        """
        many = most if source.window else _LOOKED_AT
        for window in self.windows(source, span):
            here = window
            while True:
                every = [*parts, *here.parts(source.at)]
                rows = self._run(
                    f"SELECT {source.at}, a.operation FROM {source.tables}{joined} {where(every)} "  # noqa: S608
                    f"{source.newest(many)}",
                    arguments(every),
                )
                if len(rows) < many:
                    break
                many = most
                here = here.upto(rows[-1][0] - 1)
                yield here.high, rows
            yield (window.low - 1 if window.low > span.low else 0), rows

    def _beginning(self, rows: Sequence[tuple[Any, ...]], beginnings: Sequence[str]) -> list[tuple[Any, ...]]:
        """Return those rows (position, operation) in whose events words begin so."""
        if not rows:
            return []
        part = among("a.position", [position for position, _ in rows])
        found = self.found(ENTRIES, [part], "")
        fitting = {item.position for item in found if _begin(item.recorded, beginnings)}
        return [row for row in rows if row[0] in fitting]

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

    def of_clusters(self, clusters: Sequence[str]) -> str:
        """Return what fits an event of any of these clusters."""
        return self._marks.one_of("c", [str(number) for number in self.numbers_of(clusters)] or ["0"])

    def numbers_of(self, clusters: Sequence[str]) -> list[int]:
        """Return the numbers of clusters in this store."""
        part = among("stream", clusters)
        rows = self._run(f"SELECT id FROM audit_streams {where([part])} ORDER BY id", part.arguments)  # noqa: S608
        return [int(row[0]) for row in rows]

    def newest(self) -> int:
        """Return the store's last position; 0: it is empty."""
        return int(self._run("SELECT coalesce(max(position), 0) FROM audit_entries", ())[0][0])


ENTRIES: Final = Source("audit_entries a", "a.position", (), "a.position")


def _begin(recorded: Recorded, beginnings: Sequence[str]) -> bool:
    """Whether an event has words that begin in all these ways."""
    found = line_of_words(recorded)
    return all(f" {beginning}" in found for beginning in beginnings)


def kind_and_outcome(query: Query) -> list[Part]:
    """Say of which kind an operation is, and how it ended."""
    found = []
    if query.operation_kind:
        found.append(Part("o.kind = ?", (query.operation_kind,)))
    if query.outcome:
        found.append(Part("o.outcome = ?", (query.outcome,)))
    return found


def clusters_of(query: Query) -> list[Part]:
    """Say of which clusters an operation is."""
    return [among("o.stream", query.clusters)] if query.clusters else []
