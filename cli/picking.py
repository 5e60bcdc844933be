"""One thing out of an archive: some events, or a blob, verified against the root, the rest not read."""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from ..archives import Access, Blob, SnapshotHeader, open_reader, summary
from ..archives.blobs import Secret
from ..archives.info import digest_text
from ..archives.reader import Block, Content
from ..engine.domain.events import Recorded
from ..engine.errors import InvalidInput, NotFound
from ..engine.journal.codec import Codec, StoredRow
from .inspecting import can_jump, parts_of
from .sources import opened

_T = TypeVar("_T")

_EVENTS = re.compile(r"(\d{1,13})(?:\.\.(\d{1,13}))?", re.ASCII)
_DIGEST = re.compile(r"(?:sha256:)?([0-9a-f]{8,64})")


class Picked(NamedTuple):
    """Events of a cluster, as they are stored and as they are read today."""

    cluster_id: str
    rows: list[StoredRow]

    def events(self) -> list[Recorded]:
        """Return the events in today's schemas."""
        codec = Codec()
        return [codec.decode(self.cluster_id, row) for row in self.rows]


def events_wanted(what: str) -> tuple[int, int] | None:
    """Return the first and last position that ``42`` or ``10..20`` means, None for anything else."""
    match = _EVENTS.fullmatch(what)
    if match is None:
        return None
    first, last = int(match[1]), int(match[2] or match[1])
    if not 0 < first <= last:
        raise InvalidInput("WHAT", f"{what} names no events: 42, or 10..20")
    return first, last


def pick_events(file: str, first: int, last: int, access: Access | None = None) -> Picked:
    """Return the events `first` to `last`. Raises `NotFound` unless the archive holds all of them."""

    def wanted(block: Block) -> list[StoredRow]:
        return [row for row in block.rows() if first <= row.version <= last]

    if can_jump(file):
        with parts_of(file, access) as found:
            _check_range(file, found.header, first, last)
            rows = [row for block in found.blocks(first, last) for row in wanted(block)]
            return Picked(found.header.cluster_id, rows)
    with opened(file) as (source, name):
        reader = open_reader(source, name=name, access=access)
        _check_range(name, reader.header, first, last)
        blocks = (item for item in reader.contents() if not isinstance(item, Blob | Secret))
        rows = [
            row
            for block in blocks
            if block.first <= last and block.first + block.count > first
            for row in wanted(block)
        ]
        summary(reader)
    return Picked(reader.header.cluster_id, rows)


def _check_range(file: str, header: SnapshotHeader, first: int, last: int) -> None:
    if header.first <= first and last <= header.position:
        return
    advice = f"{file} holds the events {header.first} to {header.position}"
    if header.parent is not None and first < header.first:
        advice += f"; those before are in {digest_text(header.parent.root)}"
    what = ("event", str(first)) if first == last else ("events", f"{first}..{last}")
    raise NotFound(*what, advice=advice)


def pick_blob(file: str, what: str, access: Access | None = None) -> Blob:
    """Return the blob whose digest begins with `what`, or that has this label.

    A label is looked for where no digest begins so. Raises `NotFound`, and `InvalidInput` where it is
    not the only one.
    """
    match = _DIGEST.fullmatch(what)
    found = _blobs(file, match[1] if match else "", what, access)
    if not found:
        raise NotFound("blob", what, advice=_elsewhere(file, access))
    if len({blob.digest for blob in found}) > 1:
        digests = ", ".join(blob.digest.hex()[:16] for blob in found)
        raise InvalidInput("WHAT", f"{what} names {len(found)} blobs", advice=f"one of {digests}")
    return found[0]


def _elsewhere(file: str, access: Access | None) -> str:
    """Say where a blob may be that is not in an archive."""
    if not can_jump(file):
        return ""
    with parts_of(file, access) as parts:
        parent = parts.header.parent
    lines = [f"kubisnap cat {file} --list      what there is"]
    if parent is not None:
        lines.append(f"or it is in {digest_text(parent.root)}, which this goes on from")
    return "\n".join(lines)


def _blobs(file: str, digits: str, label: str, access: Access | None) -> list[Blob]:
    if digits and can_jump(file):
        with parts_of(file, access) as parts:
            if found := parts.matching(digits):
                return found

    def fitting(blob: Blob) -> list[Blob]:
        by_digest = digits and blob.digest.hex().startswith(digits)
        return [blob] if by_digest or blob.label == label else []

    found = each_blob(file, fitting, access)  # stdin can be read once
    return [blob for blob in found if blob.label != label] or found


def each_blob(file: str, take: Callable[[Blob], list[_T]], access: Access | None = None) -> list[_T]:
    """Return what `take` makes of each blob, in the order of their labels, one pack in memory at a time."""
    if can_jump(file):
        with parts_of(file, access) as found:
            return [item for blob in found.blobs() for item in take(blob)]
    with opened(file) as (source, name):
        reader = open_reader(source, name=name, access=access)
        items = [item for blob in _only_blobs(reader.contents()) for item in take(blob)]
        summary(reader)
    return items


def _only_blobs(contents: Iterator[Content]) -> Iterator[Blob]:
    return (item for item in contents if isinstance(item, Blob))
