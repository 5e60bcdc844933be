"""Events out as lines of JSON: from the store, from archives, from what is left of a damaged one."""

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from ..archives import Access, open_reader, summary
from ..archives.blobs import Blob, Secret
from ..archives.reader import Reader
from ..engine.errors import CorruptArchive, InvalidInput, Salvaged
from ..engine.journal.codec import StoredRow
from ..engine.journal.lines import to_line
from ..engine.journal.log import Journal
from .archiving import chained
from .as_of import Then
from .sources import opened


class Events(NamedTuple):
    """A cluster's events, verified; `damage` says what of an archive was lost, None for a whole one."""

    cluster_id: str
    cluster_name: str
    rows: Iterable[StoredRow]
    damage: Salvaged | None = None

    def lines(self) -> Iterator[bytes]:
        """Yield each event as a line."""
        for row in self.rows:
            yield to_line(self.cluster_id, row)


def is_file(text: str) -> bool:
    """Tell an archive's file from a cluster."""
    return text == "-" or text.endswith(".ksnap") or "/" in text or Path(text).is_file()


def of_archive(
    file: str, parents: Sequence[Path] = (), *, only_this: bool = False, access: Access | None = None
) -> Events:
    """Return the events of an archive and of those that it goes on from, every byte verified first."""
    if only_this:
        with opened(file) as (source, name):
            reader = open_reader(source, name=name, access=access)
            rows = list(_rows(reader))
            summary(reader)
            return Events(reader.header.cluster_id, reader.header.cluster_name, rows)
    with chained(file, parents, access=access) as chain:
        rows = list(chain.rows())  # nothing counts before the last was taken
        header = chain.reader.header
    return Events(header.cluster_id, header.cluster_name, rows)


def of_damaged(file: str, access: Access | None = None) -> Events:
    """Return the events of one archive that stand before its first damage, each as it was written.

    The hashes of the records before it hold; a signature stands at an archive's end, so whoever
    demands one gets nothing. Raises `CorruptArchive` where nothing is intact.
    """
    rows: list[StoredRow] = []
    with opened(file) as (source, name):
        reader = open_reader(source, name=name, access=access)
        header = reader.header
        damage = None
        try:
            for row in _rows(reader):
                rows.append(row)  # noqa: PERF402 - what came before an error is what this is about
        except CorruptArchive as error:
            if not rows or (access is not None and access.signed):
                raise
            damage = Salvaged(
                name, error.problem, error.offset, header.first, rows[-1].version, header.events
            )
    return Events(header.cluster_id, header.cluster_name, rows, damage)


def _rows(reader: Reader) -> Iterator[StoredRow]:
    for item in reader.contents():
        if not isinstance(item, Blob | Secret):
            yield from item.rows()


def of_cluster(journal: Journal, name: str) -> Events:
    """Return a cluster's events as the store has them; also of one that was deleted."""
    cluster_id = journal.cluster_id(name, gone=True)
    return Events(cluster_id, name.partition("@")[0], journal.each_row(cluster_id))


def of_moment(journal: Journal, then: Then) -> Events:
    """Return a cluster's events up to a moment, as the store has them."""
    rows = journal.each_row(then.cluster_id, until=then.moment.position)
    return Events(then.cluster_id, then.name.partition("@")[0], rows)


def to_stdout(events: Events) -> None:
    """Write the lines to stdout."""
    for line in events.lines():
        sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def to_file(events: Events, path: Path) -> int:
    """Write the lines to a new file, whole or not at all, and return how many there are."""
    count = 0
    with new_file(path) as descriptor, os.fdopen(descriptor, "wb") as file:
        for count, line in enumerate(events.lines(), 1):  # noqa: B007 - how many is what is asked
            file.write(line)
        file.flush()
        os.fsync(file.fileno())
    return count


@contextmanager
def new_file(path: Path) -> Iterator[int]:
    """Open a new file under another name, for its owner only; it gets its own when all went well.

    Never over another file. Raises `InvalidInput`.
    """
    if os.path.lexists(path):
        raise _taken(path)
    try:
        descriptor, unfinished = tempfile.mkstemp(prefix=".unfinished-", dir=path.parent)
        try:
            yield descriptor
            _give_name(Path(unfinished), path)
        finally:
            with suppress(FileNotFoundError):
                Path(unfinished).unlink()
    except OSError as error:
        raise InvalidInput("--out", f"cannot write {path}: {error.strerror}") from error


def _give_name(unfinished: Path, path: Path) -> None:
    try:
        path.hardlink_to(unfinished)  # renaming replaces what is there without a word
    except FileExistsError:
        raise _taken(path) from None
    except OSError:  # a file system without hard links
        if os.path.lexists(path):
            raise _taken(path) from None
        unfinished.rename(path)


def _taken(path: Path) -> InvalidInput:
    return InvalidInput(
        "--out", f"{path} exists, and nothing is written over it", advice="choose another name"
    )
