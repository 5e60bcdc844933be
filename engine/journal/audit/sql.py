"""The SQL that SQLite and PostgreSQL share, and where they differ."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, NamedTuple

from .entries import BLOCK
from .queries import Query
from .terms import mark

LAST: Final = 1 << 60
"""A position that no store reaches."""
_LARGER: Final = 4

Run = Callable[[str, Sequence[object]], list[tuple[Any, ...]]]
"""Runs one statement, placeholders as ``?``, and returns its rows."""


class Dialect(NamedTuple):
    """How a store finds entries by terms: what to select from, by which position, and how it is written.

    `event` is the position of an event. `order` sorts what was found by terms. `window`: positions in which
    to look first, for the newest; then in four times as many, and so on. 0: in all at once, because
    what is found by terms comes in order.
    """

    by_terms: str
    position: str
    match: str
    event: str
    term: Callable[[str, bool], str]
    both: str
    either: str
    order: str
    window: int = 0


class Part(NamedTuple):
    """A piece of a WHERE clause with its arguments."""

    clause: str
    arguments: tuple[object, ...] = ()


class Source(NamedTuple):
    """What is selected from, what the position is called in it, what must hold, and what to sort by.

    `window` as in `Dialect`.
    """

    tables: str
    at: str
    where: tuple[Part, ...]
    order: str
    window: int = 0

    def newest(self, limit: int) -> str:
        """Ask for the newest so many."""
        return f"ORDER BY {self.order} DESC LIMIT {limit:d}"

    def oldest(self, limit: int) -> str:
        """Ask for the oldest so many."""
        return f"ORDER BY {self.order} LIMIT {limit:d}"


class Span(NamedTuple):
    """Positions in the store, both included."""

    low: int = 0
    high: int = LAST

    def parts(self, at: str) -> list[Part]:
        """Say that a position is one of them."""
        found = [Part(f"{at} >= ?", (self.low,))] if self.low > 0 else []
        return [*found, Part(f"{at} <= ?", (self.high,))] if self.high < LAST else found

    def upto(self, high: int | None) -> "Span":
        """Return those that are not after another one, too."""
        return self if high is None else Span(self.low, min(self.high, high))

    def windows(self, size: int, *, newest_first: bool) -> Iterator["Span"]:
        """Yield all of them in parts, each four times as large as the one before."""
        low, high = self
        while low <= high:
            here = (
                Span(max(low, high - size + 1), high)
                if newest_first
                else Span(low, min(high, low + size - 1))
            )
            yield here
            low, high = (low, here.low - 1) if newest_first else (here.high + 1, high)
            size *= _LARGER


def where(parts: Sequence[Part]) -> str:
    """Return the clause for all parts."""
    return f"WHERE {' AND '.join(part.clause for part in parts)}" if parts else ""


def arguments(parts: Sequence[Part]) -> tuple[object, ...]:
    """Return the arguments of all parts, in order."""
    return tuple(argument for part in parts for argument in part.arguments)


def among(column: str, values: Sequence[object]) -> Part:
    """Say that a column has one of these values."""
    return Part(f"{column} IN ({', '.join('?' * len(values))})", tuple(values))


def times(query: Query, column: str) -> list[Part]:
    """Say that a column is in the time that is asked for."""
    found = []
    if query.since is not None:
        found.append(Part(f"{column} >= ?", (query.since,)))
    if query.until is not None:
        found.append(Part(f"{column} <= ?", (query.until,)))
    return found


class Marks:
    """Writes terms in a store's dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect

    def one_of(self, letter: str, values: Sequence[str]) -> str:
        """Return what fits a mark with any of the values."""
        terms = [self._dialect.term(mark(letter, value), False) for value in values]
        return terms[0] if len(terms) == 1 else f"({self._dialect.either.join(terms)})"

    def term(self, text: str) -> str:
        """Return what fits one term."""
        return self._dialect.term(text, False)

    def either(self, *expressions: str) -> str:
        """Return what fits one of the expressions."""
        return f"({self._dialect.either.join(expressions)})"

    def asked(self, query: Query) -> list[str]:
        """Return what an event must have: kind, resource, words."""
        found = []
        if query.event_kind:
            found.append(self.one_of("k", [query.event_kind]))
        if query.resource:
            found.append(self.one_of("r", [query.resource]))
        return [*found, *(self._dialect.term(text, beginning) for text, beginning in query.words())]

    def source(self, expression: Sequence[str]) -> Source:
        """Return where the entries with all these terms are; without any, all entries of clusters."""
        if not expression:
            return Source("audit_entries a", "a.position", (Part("a.operation > 0"),), "a.position")
        text = self._dialect.both.join(expression)
        match = Part(self._dialect.match, (text,))
        store = self._dialect
        return Source(store.by_terms, store.position, (match,), store.order, store.window)


class Spans:
    """Knows where the events of a time are: blocks of positions have an earliest and a latest."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def first(self, time: int) -> int:
        """Return a position before which everything is earlier than `time`."""
        rows = self._run("SELECT min(block) FROM audit_times WHERE high >= ?", (time,))
        return LAST if rows[0][0] is None else int(rows[0][0]) * BLOCK

    def last(self, time: int) -> int:
        """Return a position after which everything is later than `time`."""
        rows = self._run("SELECT max(block) FROM audit_times WHERE low <= ?", (time,))
        return -1 if rows[0][0] is None else (int(rows[0][0]) + 1) * BLOCK - 1

    def span(self, query: Query) -> Span:
        """Return between which positions to look."""
        low = 0 if query.since is None else self.first(query.since)
        high = LAST if query.until is None else self.last(query.until)
        return Span(low, high).upto(query.upto or None)
