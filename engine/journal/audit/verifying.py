"""Verifying a log against its hash chain: what was edited, removed, inserted or put elsewhere, and where.

The chain is kept beside the events, so whoever can write both can forge both: what is found is damage, and
tampering by those who do not know. What is cut off at the end, of events and index alike, is not seen.
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any, Final

import msgspec

from . import chain
from .entries import unpacked
from .sql import Run

_AT_ONCE: Final = 2_000
_LONGEST_TAG: Final = 1_000


class Problem(StrEnum):
    """What is wrong with an event."""

    CHANGED = "changed"
    MISSING = "missing"
    UNCHAINED = "unchained"
    MISPLACED = "misplaced"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is wrong, at the events `first` to `last` of the log."""

    problem: Problem
    first: int
    last: int

    def __str__(self) -> str:
        what = f"event {self.first}" if self.first == self.last else f"events {self.first} to {self.last}"
        one = self.first == self.last
        match self.problem:
            case Problem.CHANGED:
                return f"{what} {'is' if one else 'are'} not what was written"
            case Problem.MISSING:
                return f"{what} {'is' if one else 'are'} missing"
            case Problem.UNCHAINED:
                return f"{what} {'was' if one else 'were'} not written by kubisnap: no hash"
            case Problem.MISPLACED:
                return f"{what} {'is' if one else 'are'} not where {'it was' if one else 'they were'} written"


class ChainReport(msgspec.Struct, frozen=True, kw_only=True):
    """What verifying found. `head` is the last hash: who notes it elsewhere can prove that nothing went."""

    stream: str
    events: int
    head: bytes
    findings: tuple[Finding, ...] = ()


def verify_chain(run: Run, event: str, stream: str) -> ChainReport:
    """Verify one stream; `event` is the column of an event's position. One part is in memory at a time.

    Raises ValueError for a row that cannot be one of an event: its position in the log is no number.
    """
    told = _told(run, stream)  # first: what is appended meanwhile is not missing
    reading = _Reading(stream)
    for rows in _parts(run, event, stream):
        reading.take_all(rows)
    if told >= reading.expected:
        reading.report(Problem.MISSING, reading.expected, told)
    findings = tuple(_joined(reading.findings))
    return ChainReport(stream=stream, events=reading.count, head=reading.heads[0], findings=findings)


class _Reading:
    """Follows a chain, event by event."""

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._position = 0
        self.expected = 1
        self.count = 0
        self.heads: tuple[bytes, ...] = (chain.genesis(stream),)
        """What the next event may follow: two hashes, where one event's own is not the one stored."""
        self.findings: list[Finding] = []

    def report(self, problem: Problem, first: int, last: int) -> None:
        """Note what is wrong."""
        self.findings.append(Finding(problem=problem, first=first, last=last))

    def take_all(self, rows: Sequence[tuple[Any, ...]]) -> None:
        """Look at the next events. Those that follow as they should, nearly all, are done with at once."""
        link, position, expected = chain.link, self._position, self.expected
        before = self.heads[0] if len(self.heads) == 1 else b""
        for row in rows:
            at, version, tag, state, stored = row
            as_it_should = version == expected and at > position
            if as_it_should and type(tag) is str and type(state) is bytes and len(tag) <= _LONGEST_TAG:
                made = link(before, version, tag, state)
                if made == stored:
                    before, position, expected = made, at, expected + 1
                    continue
            self._resume(position, expected, before)
            self.take(*row)
            position, expected = self._position, self.expected
            before = self.heads[0] if len(self.heads) == 1 else b""
        self._resume(position, expected, before)

    def _resume(self, position: int, expected: int, before: bytes) -> None:
        """Be where so many events were sound."""
        self.count += expected - self.expected
        self._position, self.expected = position, expected
        if before:
            self.heads = (before,)

    def take(self, at: int, version: Any, tag: Any, state: Any, stored: Any) -> None:
        """Look at the next event, by its position in the log."""
        if not isinstance(version, int):
            raise ValueError(f"event {version!r} of {self._stream} has no position")  # noqa: TRY004 - data
        self.count += 1
        if version < 1:
            self.report(Problem.UNCHAINED if stored is None else Problem.MISPLACED, version, version)
            return
        known = version == self.expected
        if not known:
            self.report(Problem.MISSING, self.expected, version - 1)
        self.expected = version + 1
        if at < self._position:
            self.report(Problem.MISPLACED, version, version)
        self._position = at
        self._follow(version, tag, state, stored, known=known)

    def _follow(self, version: int, tag: Any, state: Any, stored: Any, *, known: bool) -> None:
        made = [*self._made(version, tag, state)]
        chained = isinstance(stored, bytes)
        if stored is None:
            self.report(Problem.UNCHAINED, version, version)
            self.heads = (*made,) or self.heads
        elif not made or not chained or (known and stored not in made):
            # either the event was changed or its hash: what comes next tells, by which of them it follows
            self.report(Problem.CHANGED, version, version)
            self.heads = (*[stored][:chained], *made[:1]) or self.heads
        else:  # behind a gap nothing is known of what it follows: its own hash is taken for what it is
            self.heads = (stored,)

    def _made(self, version: int, tag: Any, state: Any) -> Iterator[bytes]:
        """Yield what the hash can be; nothing for what no event is stored as."""
        if isinstance(tag, str) and isinstance(state, bytes) and len(tag) <= _LONGEST_TAG:
            for before in self.heads:
                yield chain.link(before, version, tag, state)


def _parts(run: Run, event: str, stream: str) -> Iterator[list[tuple[Any, ...]]]:
    last = -(1 << 62)
    while True:
        rows = run(
            f"SELECT {event}, e.originator_version, e.topic, e.state, a.hash FROM stored_events e "  # noqa: S608
            f"LEFT JOIN audit_entries a ON a.position = {event} "
            "WHERE e.originator_id = ? AND e.originator_version > ? "
            f"ORDER BY e.originator_version LIMIT {_AT_ONCE:d}",
            (stream, last),
        )
        yield rows
        if len(rows) < _AT_ONCE:
            return
        last = rows[-1][1]


def _told(run: Run, stream: str) -> int:
    """Return the last position that the cluster's operations tell of."""
    rows = run("SELECT view FROM audit_operations WHERE stream = ? ORDER BY id DESC LIMIT 100", (stream,))
    return max((unpacked(bytes(view), {}, stream).last for (view,) in rows), default=0)


def _joined(findings: list[Finding]) -> Iterator[Finding]:
    """Put together what is wrong in the same way at events that follow each other."""
    pending: Finding | None = None
    for item in findings:
        if pending is not None and (pending.problem, pending.last + 1) == (item.problem, item.first):
            pending = msgspec.structs.replace(pending, last=item.last)
            continue
        if pending is not None:
            yield pending
        pending = item
    if pending is not None:
        yield pending
