"""The index at an archive's end: where each record is, its leaf hash, and which blobs it holds.

With it one event range or one blob is read, and verified against the root, without the rest.
"""

from bisect import bisect_right
from itertools import accumulate
from typing import Annotated, Final, NamedTuple

import msgspec

from .format import (
    CONTENT,
    HASH_BYTES,
    MAX_ITEMS,
    MAX_RAW_BYTES,
    MAX_STORED_BYTES,
    MAX_TIME,
    RECORD_BYTES,
    Kind,
    Malformed,
    Manifest,
    RecordHeader,
    SnapshotHeader,
    canonical,
    encode,
)

PART_RECORDS: Final = 4096
PART_BLOBS: Final = 65_536
"""Where a part of the index is closed: after the record that reaches either. Part of the format."""
PREFIX: Final = 8
"""So many bytes of a blob's digest are listed: enough to find it. What is found is hashed in full."""

_Lengths = Annotated[
    tuple[Annotated[int, msgspec.Meta(ge=0, le=MAX_STORED_BYTES)], ...], msgspec.Meta(max_length=PART_RECORDS)
]
_Times = Annotated[
    tuple[Annotated[int, msgspec.Meta(ge=0, le=MAX_TIME)], ...], msgspec.Meta(max_length=PART_RECORDS)
]


class IndexPart(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Up to 4,096 records from `first` on, one entry a record in each column.

    `times` are those of the first event of each, 0 for what holds no events; `prefixes` has 8 bytes for
    each blob, in order.
    """

    first: Annotated[int, msgspec.Meta(ge=0)]
    kinds: Annotated[bytes, msgspec.Meta(max_length=PART_RECORDS)]
    stored: _Lengths
    raw: _Lengths
    items: _Lengths
    times: _Times
    leaves: Annotated[bytes, msgspec.Meta(max_length=PART_RECORDS * HASH_BYTES)]
    prefixes: bytes


_PARTS = msgspec.msgpack.Decoder(IndexPart)


class IndexBuilder:
    """Gathers, while an archive is written or read, what its index must say."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.leaves: list[bytes] = []
        self._clear(0)

    def _clear(self, first: int) -> None:
        self._first = first
        self._rows: list[tuple[int, int, int, int, int]] = []
        self._prefixes = bytearray()

    def add(self, header: RecordHeader, leaf: bytes, *, time: int = 0, prefixes: bytes = b"") -> None:
        """Take note of the next record. `prefixes` are those of its blobs, one after the other."""
        self.leaves.append(leaf)
        self._rows.append((header.kind, header.stored, header.raw, header.items, time))
        self._prefixes += prefixes
        if len(self._rows) == PART_RECORDS or len(self._prefixes) >= PART_BLOBS * PREFIX:
            self.close()

    def close(self) -> None:
        """End the part, if there is anything in it; the last one is ended before the index is written."""
        if not self._rows:
            return
        kinds, stored, raw, items, times = zip(*self._rows, strict=True)
        leaves = self.leaves[self._first :]
        part = IndexPart(
            self._first, bytes(kinds), stored, raw, items, times, b"".join(leaves), bytes(self._prefixes)
        )
        self.parts.append(encode(part))
        self._clear(len(self.leaves))


class Entry(NamedTuple):
    """Where a record is: `offset` in bytes from the file's start, `sequence` its number."""

    sequence: int
    kind: int
    offset: int
    stored: int
    raw: int
    items: int
    time: int
    leaf: bytes


class Index:
    """An index that was read. Positions are those of events in the cluster's log."""

    def __init__(self, parts: list[bytes], start: int, first: int) -> None:
        """Decode the parts; records begin at byte `start`, events at position `first`."""
        self.entries: list[Entry] = []
        prefixes: list[bytes] = []
        offset = start
        for data in parts:
            part = canonical(_PARTS, data, "the index")
            _check(part, len(self.entries), last=data is parts[-1])
            prefixes.append(part.prefixes)
            for number, kind in enumerate(part.kinds):
                leaf = part.leaves[number * HASH_BYTES : (number + 1) * HASH_BYTES]
                place = (part.stored[number], part.raw[number], part.items[number], part.times[number])
                self.entries.append(Entry(len(self.entries), kind, offset, *place, leaf))
                offset += RECORD_BYTES + part.stored[number] + HASH_BYTES
        self.end = offset
        self._prefixes = b"".join(prefixes)
        self._events = [entry for entry in self.entries if entry.kind == Kind.EVENTS]
        self._blobs = [entry for entry in self.entries if entry.kind == Kind.BLOBS]
        self._firsts = list(accumulate((entry.items for entry in self._events), initial=first))
        self._ordinals = list(accumulate((entry.items for entry in self._blobs), initial=0))
        self._places = {
            entry.sequence: place
            for entries, places in ((self._events, self._firsts), (self._blobs, self._ordinals))
            for entry, place in zip(entries, places, strict=False)
        }
        if len(self._prefixes) != self._ordinals[-1] * PREFIX:
            raise Malformed("the index lists more or fewer blobs than there are")
        kinds = [entry.kind for entry in self.entries]
        if kinds != sorted(kinds):
            raise Malformed("the index contradicts itself")

    def agree(self, manifest: Manifest, header: SnapshotHeader) -> None:
        """Raise Malformed unless the header and the manifest count what is listed here."""
        events = sum(entry.items for entry in self._events)
        blobs = self._ordinals[-1]
        secrets = sum(entry.items for entry in self.entries if entry.kind == Kind.SECRET)
        counted = (events, events, blobs, secrets, sum(entry.raw for entry in self.entries))
        said = (header.events, manifest.events, manifest.blobs, manifest.secrets, manifest.raw)
        first_time = self._events[0].time if self._events else 0
        if said != counted or first_time != manifest.first_time:
            raise Malformed("the manifest does not agree with the index")

    def position_of(self, entry: Entry) -> int:
        """Return the position of the first event of one of the records."""
        return self._places[entry.sequence]

    def prefixes_of(self, entry: Entry) -> bytes:
        """Return the first bytes of the digests of a record's blobs."""
        ordinal = self._places[entry.sequence]
        return self._prefixes[ordinal * PREFIX : (ordinal + entry.items) * PREFIX]

    def events(self, first: int, last: int) -> list[tuple[Entry, int]]:
        """Return the records that hold events `first` to `last`, each with its first position."""
        return [
            (entry, position)
            for entry, position in zip(self._events, self._firsts, strict=False)
            if position <= last and position + entry.items > first
        ]

    def blobs(self, digest: bytes) -> list[Entry]:
        """Return the records that may hold the blob of this digest, or of this part of one (8 bytes up)."""
        wanted, found, at = digest[:PREFIX], [], -1
        while (at := self._prefixes.find(wanted, at + 1)) >= 0:
            if at % PREFIX == 0:
                entry = self._blobs[bisect_right(self._ordinals, at // PREFIX) - 1]
                if entry not in found:
                    found.append(entry)
        return found

    def packs(self) -> list[Entry]:
        """Return the records that hold blobs."""
        return self._blobs


def _check(part: IndexPart, expected: int, *, last: bool) -> None:
    columns = (part.stored, part.raw, part.items, part.times)
    count = len(part.kinds)
    if part.first != expected or not count or any(len(column) != count for column in columns):
        raise Malformed("the index contradicts itself")
    if len(part.leaves) != count * HASH_BYTES or len(part.prefixes) % PREFIX:
        raise Malformed("the index contradicts itself")
    if not set(part.kinds) <= set(CONTENT) or max(part.items) > MAX_ITEMS or max(part.raw) > MAX_RAW_BYTES:
        raise Malformed("the index lists what an archive cannot hold")
    if not all(part.items) or any(
        time for time, kind in zip(part.times, part.kinds, strict=True) if kind != Kind.EVENTS
    ):
        raise Malformed("the index lists what an archive cannot hold")
    if not last and count < PART_RECORDS and len(part.prefixes) < PART_BLOBS * PREFIX:
        raise Malformed("a part of the index ends too early")
