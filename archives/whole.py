"""New files, whole or not at all: written beside their place, on the disk, and never over another."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

UNFINISHED = ".unfinished-"
"""What the name of a file starts with as long as it is being written."""


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Hand out a file to write and read, which gets its name when the block ends well.

    Only its owner may read it. Raises `FileExistsError` if the name is taken by then; after that and
    any other error, Ctrl-C included, nothing is left.
    """
    descriptor, unfinished = tempfile.mkstemp(prefix=UNFINISHED, suffix=path.suffix, dir=path.parent)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        _give_name(Path(unfinished), path)
    finally:
        Path(unfinished).unlink(missing_ok=True)
    try:
        flush_folder(path.parent)
    except OSError:
        path.unlink()  # ours, and not certain to last: an error leaves nothing
        raise


def _give_name(unfinished: Path, path: Path) -> None:
    """Give the finished file its name, unless somebody took the name meanwhile."""
    try:
        # A second name rather than a new one: renaming replaces what is there without a word.
        path.hardlink_to(unfinished)
    except FileExistsError:
        raise
    except OSError:
        # FAT and some network file systems know no hard links: take the name, then move onto our own.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            unfinished.replace(path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def flush_folder(folder: Path) -> None:
    """Make a new name survive a power cut."""
    if os.name == "nt":
        return  # Windows opens no folders, and needs no such thing
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that does not do this for folders
            raise
    finally:
        os.close(descriptor)


def reason(error: OSError) -> str:
    """Return what the system said, without the path: our errors name it already."""
    return error.strerror or str(error)
