"""What can be known of an archive, and shown of it, without reading all of it."""

import math
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from typing import NamedTuple

from ..archives import Access, SnapshotFile, SnapshotInfo
from ..archives.format import HASH_BYTES, MAJOR, RECORD_BYTES, Kind
from ..archives.source import Source, read_start
from ..engine.errors import CorruptArchive
from .archiving import check_file
from .sources import claim_of, open_at


class Inspected(NamedTuple):
    """An archive in short. `records` counts them by kind, None where nobody looked, or only a key tells.

    `whole` is whether all of it was read, and so verified.
    """

    info: SnapshotInfo
    records: dict[str, int] | None
    whole: bool


def can_jump(file: str) -> bool:
    """Tell whether parts of an archive can be read: stdin, and format 1, are read from start to end."""
    if file == "-":
        return False
    with open_at(file) as source:
        return read_start(Source(source, file)).major >= MAJOR


@contextmanager
def parts_of(file: str, access: Access | None = None) -> Iterator[SnapshotFile]:
    """Open an archive that `can_jump` at its end."""
    with open_at(file) as source:
        found = SnapshotFile(source, name=file, access=access)
        if not found.info.root.hex().startswith(claim_of(file)):
            raise CorruptArchive(file, "its contents are not those that its name says")
        yield found


def inspect_file(file: str, access: Access | None = None) -> Inspected:
    """Look at the beginning and the end of an archive; without a key at what everybody may read."""
    access = replace(access or Access(), keyless=True)
    if not can_jump(file):
        return Inspected(check_file(file, access), None, whole=True)
    with parts_of(file, access) as found:
        records = None
        if found.info.opened:
            counts = Counter(entry.kind for entry in found.entries())
            records = {
                "events": counts[Kind.EVENTS],
                "blobs": counts[Kind.BLOBS],
                "secrets": counts[Kind.SECRET],
            }
        return Inspected(found.info, records, whole=False)


class Sample(NamedTuple):
    """What a sample was: so many records of all, so many bytes of the file's, everything else counted in."""

    info: SnapshotInfo
    records: int
    of: int
    bytes: int


def check_sample(file: str, share: float, random: Random, access: Access | None = None) -> Sample:
    """Verify header, index, footer, signature, and a share of the records, at least one."""
    with parts_of(file, access) as found:
        entries = found.entries()
        chosen = random.sample(entries, min(len(entries), max(1, math.ceil(len(entries) * share))))
        for entry in sorted(chosen):
            found.check(entry)
        around = RECORD_BYTES + HASH_BYTES
        unread = sum(entry.stored + around for entry in set(entries) - set(chosen))
        return Sample(found.info, len(chosen), len(entries), found.info.size - unread)
