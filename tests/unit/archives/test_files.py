"""Archives as files: whole or not at all, never over another, errors that name the path."""

import errno
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from kubisnap.archives import (
    Access,
    ArchiveUnreadable,
    ArchiveUnwritable,
    SnapshotInfo,
    files,
    open_snapshot,
    read_snapshot,
    save_snapshot,
    verify_snapshot,
    write_snapshot,
)
from kubisnap.engine.errors import CorruptArchive, InvalidInput, NotFound
from kubisnap.engine.journal.codec import StoredRow
from tests.unit.archives.making import header_of, log, made

ROWS = log(5)
ARCHIVE = made(ROWS).data


def write(rows: Iterable[StoredRow] = ROWS) -> Callable[[BinaryIO], SnapshotInfo]:
    """Return what writes the archive of `rows`, which should be those five."""
    return lambda sink: write_snapshot(sink, header_of(ROWS), rows)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "web.ksnap"


def test_what_is_saved_is_read_back(path: Path) -> None:
    info = save_snapshot(path, write())
    assert path.read_bytes() == ARCHIVE
    with open_snapshot(path) as source:
        assert read_snapshot(source, name=str(path)).rows == tuple(ROWS)
    with open_snapshot(path) as source:
        assert verify_snapshot(source, name=str(path)) == info
    assert source.closed


def test_only_the_owner_may_read_it_and_nothing_else_is_left(path: Path) -> None:
    save_snapshot(path, write())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.stat().st_nlink == 1
    assert list(path.parent.iterdir()) == [path]


def test_the_file_is_on_the_disk_before_it_has_its_name_and_the_name_before_it_is_told(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[tuple[bool, int, bool]] = []

    def fsync(descriptor: int) -> None:
        status = os.fstat(descriptor)
        folder = stat.S_ISDIR(status.st_mode)
        flushed.append((folder, 0 if folder else status.st_size, path.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    save_snapshot(path, write())
    assert flushed == [(False, len(ARCHIVE), False), (True, 0, True)]


def test_a_name_that_is_taken_is_refused_before_anything_is_written(path: Path) -> None:
    path.write_text("mine")
    rows = iter(ROWS)
    with pytest.raises(InvalidInput) as caught:
        save_snapshot(path, write(rows))
    assert next(rows) == ROWS[0]
    assert caught.value.field == "--out"
    assert path.read_text() == "mine"
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_and_a_link_to_nowhere_take_a_name_too(path: Path) -> None:
    link = path.with_name("link")
    link.symlink_to(path)
    with pytest.raises(InvalidInput):
        save_snapshot(link, write())
    with pytest.raises(InvalidInput):
        save_snapshot(path.parent, write())
    assert not path.exists()


def test_a_name_taken_while_the_archive_is_written_is_refused(path: Path) -> None:
    def rows() -> Iterator[StoredRow]:
        yield from ROWS
        path.write_text("somebody else's")

    with pytest.raises(InvalidInput):
        save_snapshot(path, write(rows()))
    assert path.read_text() == "somebody else's"
    assert list(path.parent.iterdir()) == [path]


def _no_links(_self: Path, _target: Path) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")


def test_a_file_system_without_hard_links_is_enough(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "hardlink_to", _no_links)
    save_snapshot(path, write())
    assert path.read_bytes() == ARCHIVE
    assert list(path.parent.iterdir()) == [path]


def test_without_hard_links_a_taken_name_is_refused_all_the_same(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "hardlink_to", _no_links)

    def rows() -> Iterator[StoredRow]:
        yield from ROWS
        path.write_text("somebody else's")

    with pytest.raises(InvalidInput):
        save_snapshot(path, write(rows()))
    assert path.read_text() == "somebody else's"


def test_a_folder_that_is_not_there_is_named(path: Path) -> None:
    missing = path.parent / "missing" / "web.ksnap"
    with pytest.raises(ArchiveUnwritable) as caught:
        save_snapshot(missing, write())
    assert caught.value.problem == f"there is no folder {missing.parent}"


def test_a_full_disk_is_told_and_nothing_is_left(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ArchiveUnwritable, match="No space left on device"):
        save_snapshot(path, write())
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(("number", "left"), [(errno.EIO, 0), (errno.EINVAL, 1)])
def test_a_folder_that_cannot_be_flushed_fails_unless_its_file_system_never_can(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int, left: int
) -> None:
    real = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(number, os.strerror(number))
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    if left:
        save_snapshot(path, write())
    else:
        with pytest.raises(ArchiveUnwritable):
            save_snapshot(path, write())
    assert len(list(path.parent.iterdir())) == left


def test_rows_that_do_not_fit_leave_nothing(path: Path) -> None:
    with pytest.raises(ArchiveUnwritable, match="event 2 is where event 1 should be"):
        save_snapshot(path, write(ROWS[1:]))
    assert list(path.parent.iterdir()) == []


def test_an_interruption_leaves_nothing(path: Path) -> None:
    def rows() -> Iterator[StoredRow]:
        yield ROWS[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save_snapshot(path, write(rows()))
    assert list(path.parent.iterdir()) == []


def test_a_file_that_does_not_read_back_is_not_given_its_name(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(_source: object, *, name: str, access: Access) -> None:
        raise CorruptArchive(name, "record 0 is damaged", 7)

    monkeypatch.setattr(files, "verify_snapshot", damaged)
    with pytest.raises(ArchiveUnwritable, match="does not read back: record 0 is damaged"):
        save_snapshot(path, write())
    other = made(log(4)).info
    monkeypatch.setattr(files, "verify_snapshot", lambda _source, **_: other)
    with pytest.raises(ArchiveUnwritable, match="reads back as something else"):
        save_snapshot(path, write())
    assert list(path.parent.iterdir()) == []


def test_a_missing_archive_is_not_found(path: Path) -> None:
    with pytest.raises(NotFound) as caught:
        open_snapshot(path)
    assert (caught.value.what, caught.value.name) == ("archive", str(path))


def test_a_folder_cannot_be_read_as_an_archive(path: Path) -> None:
    with pytest.raises(ArchiveUnreadable) as caught:
        open_snapshot(path.parent)
    assert caught.value.facts == {"archive": str(path.parent), "problem": os.strerror(errno.EISDIR)}
    assert str(caught.value).startswith("cannot read ")
    assert caught.value.hint
    assert caught.value.kind == "failed"


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux")
def test_a_file_that_fails_while_it_is_read_is_told() -> None:
    # Opens as any file does; reading its first byte, which no process has, is an input/output error.
    path = Path("/proc/self/mem")
    with open_snapshot(path) as source, pytest.raises(ArchiveUnreadable) as caught:
        read_snapshot(source, name=str(path))
    assert str(caught.value) == f"cannot read {path}: {os.strerror(errno.EIO)}"
