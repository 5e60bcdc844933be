"""A folder of archives: addresses, permissions, links, and what a file system may do."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

import pytest

from kubisnap.archives.stores import NameTaken, StoreDenied, StoreFailed, open_store
from kubisnap.archives.stores.base import PROBE
from kubisnap.archives.stores.directory import DirectoryStore
from kubisnap.engine.errors import InvalidInput, NotFound

NAME = "web-0a1b2c3d/a.ksnap"


def write(sink: BinaryIO) -> int:
    return sink.write(b"archive")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "made" / "archives"


@pytest.fixture
def store(folder: Path) -> DirectoryStore:
    return DirectoryStore(folder)


# ── addresses ────────────────────────────────────────────────────────────────────────────────────


def test_a_path_and_a_file_address_name_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    place = str(tmp_path / "a b")

    for address in ("a b", place, "~/a b", f"file://{tmp_path}/a%20b", f"FILE://localhost{tmp_path}/a%20b"):
        assert open_store(address).url == place


def test_a_bucket_has_an_address_with_or_without_a_prefix() -> None:
    assert open_store("s3://backups").url == "s3://backups"
    assert open_store("s3://backups/").url == "s3://backups"
    assert open_store("s3://backups/kubi/snap/").url == "s3://backups/kubi/snap"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "s3://",
        "s3:///prefix",
        "s3://B",
        "s3://user:canary@bucket/x",
        "s3://bucket/../x",
        "s3://bucket/x?versionId=canary",
        "s3://bucket/x#canary",
        "s3://[bucket/canary",
        "https://user:canary@example.com/x",
        "file://host/canary",
        "a\0b",
    ],
)
def test_other_addresses_are_refused_and_not_repeated(address: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        open_store(address, field="KUBISNAP_ARCHIVES")

    assert caught.value.field == "KUBISNAP_ARCHIVES"
    assert "canary" not in f"{caught.value} {caught.value.hint} {caught.value.facts}"


# ── files and folders ────────────────────────────────────────────────────────────────────────────


def test_files_and_folders_are_their_owners_alone(store: DirectoryStore, folder: Path) -> None:
    store.put(NAME, write)

    assert stat.S_IMODE((folder / NAME).stat().st_mode) == 0o600
    for one in (folder, folder.parent, folder / "web-0a1b2c3d"):
        assert stat.S_IMODE(one.stat().st_mode) == 0o700


def test_a_folder_that_is_looked_at_is_not_made(store: DirectoryStore, folder: Path) -> None:
    assert list(store.list()) == []
    assert list(store.leftovers()) == []
    store.delete(NAME)
    with pytest.raises(NotFound):
        store.open(NAME)
    assert not folder.exists()


def test_nothing_outside_is_written_read_or_removed_through_a_link(
    store: DirectoryStore, folder: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "a.ksnap").write_bytes(b"theirs")
    folder.mkdir(parents=True)
    (folder / "web-0a1b2c3d").symlink_to(outside)
    (folder / "link").symlink_to(outside / "a.ksnap")

    for act in (store.open, store.delete, lambda name: store.put(name, write)):
        with pytest.raises(StoreFailed, match="is a link"):
            act(NAME)
    with pytest.raises(StoreFailed):
        store.open("link")
    with pytest.raises(NameTaken):
        store.put("link", write)
    assert list(store.list()) == []
    store.delete("link")  # the link, not what it leads to
    assert (outside / "a.ksnap").read_bytes() == b"theirs"


def test_a_folder_or_a_pipe_under_a_name_is_no_archive(store: DirectoryStore, folder: Path) -> None:
    store.put(NAME, write)
    os.mkfifo(folder / "pipe")

    for name in ("web-0a1b2c3d", "pipe"):
        with pytest.raises(StoreFailed):
            store.open(name)
    with pytest.raises(NameTaken):
        store.put("web-0a1b2c3d", write)
    assert [item.name for item in store.list()] == [NAME]


def test_what_is_open_stays_readable_whatever_happens_to_its_name(
    store: DirectoryStore, folder: Path
) -> None:
    store.put(NAME, write)

    with store.open(NAME) as source:
        (folder / "new").write_bytes(b"another")
        (folder / "new").replace(folder / NAME)
        assert source.read() == b"archive"


def test_a_full_disk_is_told_and_leaves_nothing(
    store: DirectoryStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    folder.mkdir(parents=True)
    (folder / "web-0a1b2c3d").mkdir()
    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(StoreFailed, match=r"No space left on device \(ENOSPC\)") as caught:
        store.put(NAME, write)

    assert caught.value.kind == "failed"
    assert list((folder / "web-0a1b2c3d").iterdir()) == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_a_folder_that_may_not_be_written_is_denied(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(_self: Path, mode: int = 0, *, exist_ok: bool = False) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", refuse)

    with pytest.raises(StoreDenied) as caught:
        store.put(NAME, write)

    assert caught.value.kind == "denied"
    assert "AWS" not in caught.value.hint


def test_where_there_are_no_hard_links_a_name_is_still_given_once(
    store: DirectoryStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(_self: Path, _target: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    def late(sink: BinaryIO) -> None:
        sink.write(b"mine")
        (folder / NAME).write_bytes(b"theirs")

    monkeypatch.setattr(Path, "hardlink_to", no_links)
    store.put("web-0a1b2c3d/b.ksnap", write)
    with pytest.raises(NameTaken):
        store.put(NAME, late)

    assert (folder / NAME).read_bytes() == b"theirs"
    assert {path.name for path in (folder / "web-0a1b2c3d").iterdir()} == {"a.ksnap", "b.ksnap"}


def test_a_move_that_fails_gives_the_name_back(
    store: DirectoryStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_self: Path, _target: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "hardlink_to", fail)
    monkeypatch.setattr(Path, "replace", fail)

    with pytest.raises(StoreFailed):
        store.put(NAME, write)

    assert list((folder / "web-0a1b2c3d").iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux")
def test_a_file_that_fails_while_it_is_read_is_told() -> None:
    # Opens as any file does; reading its first byte, which no process has, is an input/output error.
    with DirectoryStore(Path("/proc/self")).open("mem") as source, pytest.raises(StoreFailed) as caught:
        source.read(1)
    assert caught.value.code == "EIO"


def test_only_what_a_folder_left_itself_is_removed_as_a_leftover(store: DirectoryStore, folder: Path) -> None:
    store.put(NAME, write)
    (folder / ".other").write_bytes(b"mine")
    (folder / ".unfinished-x").write_bytes(b"half")

    for leftover in store.leftovers():
        store.discard(leftover)

    assert {path.name for path in folder.iterdir()} == {".other", "web-0a1b2c3d"}
    store.check()
    assert (folder / PROBE).exists()
