"""The SQL that SQLite and PostgreSQL share, and where they differ."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from .entries import BLOCK
from .queries import Query
from .terms import mark

Run = Callable[[str, Sequence[object]], list[tuple[Any, ...]]]
"""Runs one statement, placeholders as ``?``, and returns its rows."""


class Dialect(NamedTuple):
    """How a store finds entries by terms: what to select from, by which position, and how it is written.

    `event` is the position of an event.
    """

    by_terms: str
    position: str
    match: str
    event: str
    term: Callable[[str, bool], str]
    both: str
    either: str


class Part(NamedTuple):
    """A piece of a WHERE clause with its arguments."""

    clause: str
    arguments: tuple[object, ...] = ()


class Source(NamedTuple):
    """What is selected from, what the position is called in it, and what must hold."""

    tables: str
    at: str
    where: tuple[Part, ...]


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
            return Source("audit_entries a", "a.position", (Part("a.operation > 0"),))
        text = self._dialect.both.join(expression)
        match = Part(self._dialect.match, (text,))
        return Source(self._dialect.by_terms, self._dialect.position, (match,))


class Spans:
    """Knows where the events of a time are: blocks of positions have an earliest and a latest."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def first(self, time: int) -> int:
        """Return a position before which everything is earlier than `time`."""
        rows = self._run("SELECT min(block) FROM audit_times WHERE high >= ?", (time,))
        return 1 << 60 if rows[0][0] is None else int(rows[0][0]) * BLOCK

    def last(self, time: int) -> int:
        """Return a position after which everything is later than `time`."""
        rows = self._run("SELECT max(block) FROM audit_times WHERE low <= ?", (time,))
        return 0 if rows[0][0] is None else (int(rows[0][0]) + 1) * BLOCK - 1

    def bounds(self, query: Query, at: str) -> list[Part]:
        """Say between which positions to look."""
        found = []
        if query.since is not None:
            found.append(Part(f"{at} >= ?", (self.first(query.since),)))
        if query.until is not None:
            found.append(Part(f"{at} <= ?", (self.last(query.until),)))
        if query.upto:
            found.append(Part(f"{at} <= ?", (query.upto,)))
        return found
