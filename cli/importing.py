"""A whole log in: from an archive and its parents, or from exported lines; everything is read first."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from ..archives import Access
from ..archives.chains import Chain
from ..engine.errors import CorruptLines
from ..engine.journal.codec import StoredRow
from ..engine.journal.lines import MAX_LINE_BYTES, NotALine, from_line
from ..engine.journal.whole import WholeLog
from ..engine.operations.importing import checked_log
from .sources import claim_of, finder, opened


def read_log(file: str, parents: Sequence[Path] = (), *, access: Access | None = None) -> WholeLog:
    """Return the log in a file, verified to the last byte, every event decoded and folded."""
    with opened(file) as (source, name):
        start = _peek(source)
        if start == b"{":
            return _of_lines(source, name)
        chain = Chain(source, name=name, find=finder(file, parents), access=access, claim=claim_of(file))
        return checked_log(name, chain.reader.header.cluster_id, chain.rows())


def _peek(source: BinaryIO) -> bytes:
    """Return the first byte without taking it; archives begin with another than lines do."""
    peek = getattr(source, "peek", None)
    if peek is not None:
        return bytes(peek(1)[:1])
    first = source.read(1)
    source.seek(0)
    return first


def _of_lines(source: BinaryIO, name: str) -> WholeLog:
    lines = _lines(source, name)
    cluster_id, first = next(lines)

    def rows() -> Iterator[StoredRow]:
        yield first
        for number, (stream, row) in enumerate(lines, 2):
            if stream != cluster_id:
                raise CorruptLines(name, number, "it is of another cluster than the first")
            yield row

    return checked_log(name, cluster_id, _in_order(rows(), name))


def _lines(source: BinaryIO, name: str) -> Iterator[tuple[str, StoredRow]]:
    number = 0
    while line := source.readline(MAX_LINE_BYTES + 1):
        number += 1
        try:
            yield from_line(line)
        except NotALine as error:
            raise CorruptLines(name, number, str(error)) from error


def _in_order(rows: Iterator[StoredRow], name: str) -> Iterator[StoredRow]:
    for number, row in enumerate(rows, 1):
        if row.version != number:
            raise CorruptLines(name, number, f"it is event {row.version}, and event {number} is due")
        yield row
