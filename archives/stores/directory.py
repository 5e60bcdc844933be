"""Archives in a folder: files of their owner's alone, whole or not there, links never followed."""

import errno
import io
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

from ...engine.errors import NotFound
from ..whole import UNFINISHED, flush_folder, new_file, reason
from .base import PROBE, Leftover, Stored, checked, write_probe
from .errors import NameTaken, NotExclusive, StoreDenied, StoreFailed

T = TypeVar("T")
_DENIED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})


class DirectoryStore:
    """A folder, made when the first archive is put there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()

    @property
    def url(self) -> str:
        """Return the folder's path."""
        return str(self._folder)

    def list(self, prefix: str = "") -> Iterator[Stored]:
        """Yield the files; not what is unfinished, hidden, or a link."""
        for item in self._walk():
            if item.name.startswith(prefix) and not _hidden(item.name):
                yield item

    def put(self, name: str, write: Callable[[BinaryIO], T]) -> T:
        """Write a new file: beside its place, flushed to the disk, then given its name."""
        path = self._path(name)
        if os.path.lexists(path):
            raise NameTaken(self.url, name)
        try:
            self._make_folder(path.parent)
            with new_file(path) as file:
                result = write(file)
        except FileExistsError:
            raise NameTaken(self.url, name) from None
        except OSError as error:
            raise self.failed(error) from error
        return result

    def open(self, name: str) -> BinaryIO:
        """Open a file. What is read later is this file, whatever comes to stand under its name."""
        path = self._path(name)
        try:
            descriptor = os.open(
                path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
            )
        except FileNotFoundError:
            raise NotFound("snapshot", name, advice="kubisnap snapshots      lists what is there") from None
        except OSError as error:
            raise self.failed(error) from error
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise StoreFailed(self.url, f"{name} is not a file")
        return io.BufferedReader(_File(descriptor, self))

    def delete(self, name: str) -> None:
        """Remove a file."""
        path = self._path(name)
        try:
            path.unlink(missing_ok=True)
            if path.parent.is_dir():
                flush_folder(path.parent)
        except OSError as error:
            raise self.failed(error) from error

    def leftovers(self) -> Iterator[Leftover]:
        """Yield files that were being written when their process died, or still are."""
        for name, _, modified in self._walk():
            if name.rpartition("/")[2].startswith(UNFINISHED):
                yield Leftover(name, modified, name)

    def discard(self, leftover: Leftover) -> None:
        """Remove an unfinished file."""
        folder, _, last = leftover.token.rpartition("/")
        if not last.startswith(UNFINISHED):
            return
        try:
            (self._path(folder) if folder else self._folder).joinpath(last).unlink(missing_ok=True)
        except OSError as error:
            raise self.failed(error) from error

    def check(self) -> None:
        """Write a probe, once, and see that it cannot be written again."""
        try:
            self.put(PROBE, write_probe)
        except NameTaken:
            return
        try:
            self.put(PROBE, write_probe)
        except NameTaken:
            return
        raise NotExclusive(self.url)

    def _path(self, name: str) -> Path:
        """Return the path of a name. Raises where a folder on the way is a link."""
        path = self._folder
        for part in checked(name).split("/")[:-1]:
            path /= part
            if path.is_symlink():
                raise StoreFailed(self.url, f"{part} is a link, which is not followed")
        return path / name.rpartition("/")[2]

    def _make_folder(self, folder: Path) -> None:
        for one in reversed([folder, *folder.parents]):
            if not one.is_dir():
                one.mkdir(mode=0o700, exist_ok=True)
                flush_folder(one.parent)

    def _walk(self) -> Iterator[Stored]:
        """Yield every file, hidden ones, too; what goes away meanwhile is left out."""
        folders = [(self._folder, "")]
        while folders:
            folder, above = folders.pop()
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        name = f"{above}{entry.name}"
                        if entry.is_dir(follow_symlinks=False):
                            folders.append((Path(entry.path), f"{name}/"))
                        elif entry.is_file(follow_symlinks=False):
                            status = entry.stat(follow_symlinks=False)
                            yield Stored(name, status.st_size, status.st_mtime_ns // 1000)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise self.failed(error) from error

    def failed(self, error: OSError) -> StoreFailed:
        """Return what the operating system says, as an error of ours."""
        kind = StoreDenied if error.errno in _DENIED else StoreFailed
        return kind(self.url, reason(error), errno.errorcode.get(error.errno or 0, ""))


class _File(io.FileIO):
    """A file whose reading fails with an error of ours: a network drive may go away half-way."""

    def __init__(self, descriptor: int, store: DirectoryStore) -> None:
        super().__init__(descriptor)
        self._store = store

    def readinto(self, buffer: "bytearray | memoryview", /) -> int | None:  # type: ignore[override]
        """Read as FileIO does."""
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise self._store.failed(error) from error


def _hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))
