"""Move a history between stores: every row as it is, in the order in which it was committed.

Nothing is written to the source, nothing in the target is overwritten. What the target has already and
is the same is passed over, so that a copy that was cut short is gone on with by starting it again.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from ..errors import CopyDiffers, HistoryThere, InvalidInput, MalformedEvent, NotFound
from .codec import StoredRow
from .log import Journal
from .recorders import KeptRow, NewRow

_MOST_BYTES = 8 * 1024 * 1024
"""In one transaction: a copy holds no more of a store at once, and keeps others waiting no longer."""

Listener = Callable[[str, int], None]
"""Hears what is being done, and with how many rows it was done."""


class Copied(NamedTuple):
    """What a copy came to. `digest`: SHA-256 over all rows, stream by stream, the same on both sides."""

    rows: int
    streams: int
    added: int
    digest: str


class _Sum(NamedTuple):
    rows: int
    heads: Mapping[str, int]
    digest: str


def _silence(_: str, __: int) -> None:
    """Hear nothing."""


def copy_history(source: Journal, target: Journal, listen: Listener = _silence) -> Copied:
    """Copy everything in `source` to `target`, compare the two, and return what there is now.

    Raises `HistoryThere` before anything is written where the target has another event at the same
    place, or a log that goes on; `LogMoved` where somebody else writes there meanwhile; `CopyDiffers`
    where what arrived is not what was sent; `NotFound` where there is nothing to copy from.
    """
    if not source.made:
        raise NotFound("store", source.url)
    if source.url == target.url:
        raise InvalidInput("TO", "is the store that is to be copied")
    known = _known(source, target, listen)
    added = last = 0
    for part in source.each_of_all():
        last = part[-1].position
        for rows in _batches(_new(row) for row in part if row.version > known.get(row.stream, 0)):
            target.keep(rows)
            added += len(rows)
        listen("copied", added)
    sent = _sum_of(row for row in _rows(source) if row.position <= last)
    arrived = _sum_of(row for row in _rows(target) if row.version <= sent.heads.get(row.stream, 0))
    listen("compared", sent.rows)
    if sent != arrived:
        raise CopyDiffers(source.url, target.url, sent.rows, arrived.rows)
    return Copied(sent.rows, len(sent.heads), added, sent.digest)


def _known(source: Journal, target: Journal, listen: Listener) -> Mapping[str, int]:
    """Return up to which version the target has each stream. Raises `HistoryThere` for another one."""
    known: dict[str, int] = defaultdict(int)
    heads: dict[str, int] = {}
    if not any(target.each_of_all()):
        return known
    looked = 0
    for part in source.each_of_all():
        for stream, rows in _by_stream(part).items():
            heads[stream] = rows[-1].version
            there = target.rows(stream, after=rows[0].version - 1, until=rows[-1].version)
            same = sum(1 for ours, theirs in zip(rows, there, strict=False) if ours == theirs)
            if same < len(there) or (there and known[stream] != rows[0].version - 1):
                raise HistoryThere(_name_of(source, stream), rows[0].version - 1 + same)
            known[stream] += same
        looked += len(part)
        listen("looked at", looked)
    for stream, head in heads.items():
        if known[stream] == head and target.rows(stream, after=head, until=head + 1):
            raise HistoryThere(_name_of(source, stream), head, beyond=True)
    return known


def _by_stream(part: Iterable[KeptRow]) -> Mapping[str, list[StoredRow]]:
    found: dict[str, list[StoredRow]] = defaultdict(list)
    for row in part:
        found[row.stream].append(StoredRow(row.version, row.tag, row.state))
    return found


def _name_of(source: Journal, stream: str) -> str:
    """Return what people call a stream: the cluster's name, or the name itself."""
    for claim in source.claims():
        if called := source.holders(claim.name).get(stream):
            return called
    return stream.removeprefix("name:")


def _rows(journal: Journal) -> Iterator[KeptRow]:
    for part in journal.each_of_all():
        yield from part


def _new(row: KeptRow) -> NewRow:
    if not isinstance(row.state, bytes):  # a file that somebody wrote to by hand may say otherwise
        raise MalformedEvent(row.tag, f"event {row.version} of {row.stream} is not bytes")
    return row.stream, row.version, row.tag, row.state


def _batches(rows: Iterable[NewRow]) -> Iterator[list[NewRow]]:
    batch: list[NewRow] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += len(row[3])
        if size > _MOST_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _sum_of(rows: Iterable[KeptRow]) -> _Sum:
    """Count and hash rows, each stream for itself: another order between streams is the same history."""
    sums: dict[str, hashlib._Hash] = {}
    heads: dict[str, int] = {}
    count = 0
    for row in rows:
        one = sums.setdefault(row.stream, hashlib.sha256(row.stream.encode()))
        one.update(f"\n{row.version} {row.tag} {len(row.state)}\n".encode())
        one.update(row.state)
        heads[row.stream] = row.version
        count += 1
    together = hashlib.sha256(b"".join(sums[stream].digest() for stream in sorted(sums)))
    return _Sum(count, heads, together.hexdigest())
