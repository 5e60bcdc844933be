"""Archives as files: whole or not at all, never over another file, and errors that name the path."""

import io
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

from ..engine.errors import CorruptArchive, InvalidInput, NotFound
from ..engine.journal.codec import StoredRow
from .errors import ArchiveUnreadable, ArchiveUnwritable
from .format import SnapshotHeader, SnapshotInfo
from .reader import verify_snapshot
from .whole import new_file, reason
from .writer import write_snapshot


def save_snapshot(path: Path, header: SnapshotHeader, rows: Iterable[StoredRow]) -> SnapshotInfo:
    """Write the archive to a new file, which only its owner may read, and return what is in it.

    It is written beside its place under another name, read back and verified, flushed to the disk,
    and only then given its name. Raises `InvalidInput` if the name is taken and `ArchiveUnwritable`
    for the rest; after either, and after Ctrl-C, nothing is left.
    """
    _refuse_if_taken(path)
    try:
        return _save(path, header, rows)
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        problem = reason(error) if path.parent.is_dir() else f"there is no folder {path.parent}"
        raise ArchiveUnwritable(str(path), problem) from error


def _save(path: Path, header: SnapshotHeader, rows: Iterable[StoredRow]) -> SnapshotInfo:
    with new_file(path) as file:
        info = write_snapshot(file, header, rows, name=str(path))
        file.seek(0)
        _compare(path, info, file)
    return info


def _compare(path: Path, info: SnapshotInfo, file: BinaryIO) -> None:
    """Raise unless the file verifies and holds what was meant."""
    try:
        found = verify_snapshot(file, name=str(path))
    except CorruptArchive as error:
        raise ArchiveUnwritable(str(path), f"it does not read back: {error.problem}") from error
    if found != info:
        raise ArchiveUnwritable(str(path), "it reads back as something else")


def _refuse_if_taken(path: Path) -> None:
    if os.path.lexists(path):
        raise _taken(path)


def _taken(path: Path) -> InvalidInput:
    return InvalidInput(
        "--out",
        f"{path} exists, and snapshots are never written over anything",
        advice="choose another name, or move the file away",
    )


class _File(io.FileIO):
    """A file whose reading fails with an error of ours: a network drive may go away half-way."""

    def readinto(self, buffer: Any, /) -> int | None:
        """Read as FileIO does."""
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise ArchiveUnreadable(str(self.name), reason(error)) from error


def open_snapshot(path: Path) -> BinaryIO:
    """Return the file, open for `read_snapshot` or `verify_snapshot`; use it in a ``with``.

    Raises `NotFound` if there is none, `ArchiveUnreadable` if it cannot be opened, and the same from
    its reading.
    """
    try:
        return io.BufferedReader(_File(path))
    except FileNotFoundError as error:
        raise NotFound("archive", str(path), advice="check the path") from error
    except OSError as error:
        raise ArchiveUnreadable(str(path), reason(error)) from error
