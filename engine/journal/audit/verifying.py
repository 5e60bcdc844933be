"""Verifying a log against its hash chain: what was edited, removed, inserted or put elsewhere, and where.

The chain is kept beside the events, so whoever can write both can forge both: what is found is damage, and
tampering by those who do not know. What is cut off at the end, of events and index alike, is not seen.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final

import msgspec

from . import chain
from .entries import unpacked
from .sql import Run

_AT_ONCE: Final = 2_000


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
    """Verify one stream; `event` is the column of an event's position. One part is in memory at a time."""
    findings: list[Finding] = []
    expected, before, position, count = 1, chain.genesis(stream), 0, 0
    link = chain.link
    for at, version, tag, state, stored in _rows(run, event, stream):
        count += 1
        known = version == expected
        if not known:
            findings.append(Finding(problem=Problem.MISSING, first=expected, last=version - 1))
        expected = version + 1
        if at < position:
            findings.append(Finding(problem=Problem.MISPLACED, first=version, last=version))
        position = at
        if stored is None:
            findings.append(Finding(problem=Problem.UNCHAINED, first=version, last=version))
            before = link(before, version, tag, state)
            continue
        # behind a gap nothing is known of what it follows: its own hash is taken for what it is
        if known and link(before, version, tag, state) != stored:
            findings.append(Finding(problem=Problem.CHANGED, first=version, last=version))
        before = stored
    told = _told(run, stream)
    if told >= expected:
        findings.append(Finding(problem=Problem.MISSING, first=expected, last=told))
    return ChainReport(stream=stream, events=count, head=bytes(before), findings=tuple(_joined(findings)))


def _rows(run: Run, event: str, stream: str) -> Iterator[tuple[Any, ...]]:
    last = -(1 << 62)
    while True:
        rows = run(
            f"SELECT {event}, e.originator_version, e.topic, e.state, a.hash FROM stored_events e "  # noqa: S608
            f"LEFT JOIN audit_entries a ON a.position = {event} "
            "WHERE e.originator_id = ? AND e.originator_version > ? "
            f"ORDER BY e.originator_version LIMIT {_AT_ONCE:d}",
            (stream, last),
        )
        yield from rows
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
