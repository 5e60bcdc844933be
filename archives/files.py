"""Archives as files: whole or not at all, never over another file, and errors that name the path."""

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from ..engine.errors import CorruptArchive, InvalidInput, NotFound
from .errors import ArchiveUnreadable, ArchiveUnwritable
from .info import SnapshotInfo
from .opening import Access
from .reader import verify_snapshot
from .whole import new_file, reason


def save_snapshot(
    path: Path, write: Callable[[BinaryIO], SnapshotInfo], access: Access | None = None
) -> SnapshotInfo:
    """Let `write` write an archive to a new file, which only its owner may read; return what is in it.

    It is written beside its place under another name, flushed to the disk, read back and verified, and
    only then given its name. What is encrypted is verified as far as that goes without a key, unless
    `access` has one. Raises `InvalidInput` if the name is taken and `ArchiveUnwritable` for the rest;
    after either, and after Ctrl-C, nothing is left.
    """
    _refuse_if_taken(path)
    try:
        return _save(path, write, access)
    except FileExistsError:
        raise _taken(path) from None
    except OSError as error:
        problem = reason(error) if path.parent.is_dir() else f"there is no folder {path.parent}"
        raise ArchiveUnwritable(str(path), problem) from error


def _save(path: Path, write: Callable[[BinaryIO], SnapshotInfo], access: Access | None) -> SnapshotInfo:
    with new_file(path) as file:
        info = write(file)
        file.seek(0)
        compare(str(path), info, file, access)
    return info


def compare(name: str, info: SnapshotInfo, file: BinaryIO, access: Access | None = None) -> None:
    """Raise `ArchiveUnwritable` unless what was written verifies and holds what was meant."""
    try:
        found = verify_snapshot(file, name=name, access=access or Access(keyless=True))
    except CorruptArchive as error:
        raise ArchiveUnwritable(name, f"it does not read back: {error.problem}") from error
    if (found.root, found.manifest, found.size) != (info.root, info.manifest, info.size):
        raise ArchiveUnwritable(name, "it reads back as something else")


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
