"""Forgetting and removing, in a folder whose clock the test sets."""

import json
import os
from pathlib import Path

import pytest

from kubisnap.archives.stores import SnapshotName, open_store, trash
from kubisnap.archives.stores.directory import DirectoryStore

DAY = 86_400
NOW = 1_795_600_000_000_000


def named(root: int, parent: int = 0, *, cluster: str = "web", captured: int = 0) -> SnapshotName:
    return SnapshotName(
        cluster,
        "0a1b2c3d",
        captured or NOW - (100 - root) * 3_600_000_000,
        root,
        f"{root:032x}",
        f"{parent:032x}" if parent else "",
    )


FULL, CHILD, GRANDCHILD, OTHER = named(1), named(2, 1), named(3, 2), named(4)


class Archive:
    """A folder with snapshots of no content, and what was done to them how long ago."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = DirectoryStore(folder)

    def keep(self, *names: SnapshotName) -> None:
        for name in names:
            self.store.put(str(name), lambda sink: sink.write(b"archive"))

    def forget(self, *names: SnapshotName, days_ago: float) -> None:
        trash.forget(self.store, names, actor="ada")
        for name in names:
            self.age(trash.marker_of(name), days_ago)

    def age(self, name: str, days: float) -> None:
        then = NOW / 1e6 - days * DAY
        os.utime(self.folder / name, (then, then))

    def sweep(self, grace: int = 7 * DAY) -> trash.Sweep:
        return trash.sweep(self.store, trash.plan_sweep(self.store, NOW, grace), NOW, grace)

    @property
    def left(self) -> set[SnapshotName]:
        return {item.name for item in trash.listing(self.store).items}


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(tmp_path / "archives")


def test_a_marker_says_what_was_forgotten_and_by_whom(archive: Archive) -> None:
    archive.keep(FULL)
    archive.forget(FULL, days_ago=1)

    note = json.loads((archive.folder / "trash" / f"{FULL}.json").read_text())
    assert note == {"kubisnap": "1.0", "kind": "Forgotten", "snapshot": str(FULL), "actor": "ada"}
    (item,) = trash.listing(archive.store).items
    assert item.forgotten == NOW - DAY * 1_000_000
    assert trash.listing(archive.store).snapshots == ()


def test_a_list_is_newest_first_in_each_log(archive: Archive) -> None:
    api = named(9, cluster="api")
    archive.keep(FULL, OTHER, api, CHILD)

    assert [item.name for item in trash.listing(archive.store).items] == [api, OTHER, CHILD, FULL]


def test_what_is_not_a_snapshot_is_told_apart_and_left_alone(archive: Archive) -> None:
    archive.keep(FULL, OTHER)
    archive.forget(FULL, days_ago=30)
    strange = ["web-1.ksnap", "readme", "trash/note.txt", f"trash/{OTHER}.txt", "trash/x.json"]
    for name in strange:
        archive.store.put(name, lambda sink: sink.write(b"?"))
        archive.age(name, 300)

    archive.sweep()

    assert sorted(item.name for item in trash.listing(archive.store).strangers) == sorted(strange)
    assert archive.left == {OTHER}


def test_what_was_forgotten_long_enough_ago_is_removed_with_its_marker(archive: Archive) -> None:
    archive.keep(FULL, OTHER, named(5))
    archive.forget(FULL, days_ago=8)
    archive.forget(OTHER, days_ago=6)

    done = archive.sweep()

    assert [item.name for item in done.snapshots] == [FULL]
    assert archive.left == {OTHER, named(5)}
    assert [item.name for item in archive.store.list("trash/")] == [trash.marker_of(OTHER)]


def test_a_plan_alone_removes_nothing(archive: Archive) -> None:
    archive.keep(FULL, OTHER)
    archive.forget(FULL, days_ago=8)

    assert len(trash.plan_sweep(archive.store, NOW, 7 * DAY).snapshots) == 1
    assert archive.left == {FULL, OTHER}


def test_what_one_that_stays_stands_on_is_held_back(archive: Archive) -> None:
    archive.keep(FULL, CHILD, GRANDCHILD, OTHER)
    archive.forget(FULL, CHILD, days_ago=8)

    done = archive.sweep()

    assert done.snapshots == ()
    assert {item.name for item in done.held_back} == {FULL, CHILD}
    assert archive.left == {FULL, CHILD, GRANDCHILD, OTHER}


def test_one_that_is_forgotten_and_not_yet_due_still_needs_its_parents(archive: Archive) -> None:
    archive.keep(FULL, CHILD, OTHER)
    archive.forget(FULL, days_ago=8)
    archive.forget(CHILD, days_ago=2)

    assert archive.sweep().snapshots == ()


def test_children_go_before_their_parents(archive: Archive) -> None:
    archive.keep(FULL, CHILD, GRANDCHILD, OTHER)
    archive.forget(FULL, CHILD, GRANDCHILD, days_ago=8)

    assert [item.name for item in archive.sweep().snapshots] == [GRANDCHILD, CHILD, FULL]
    assert archive.left == {OTHER}


def test_the_last_full_one_is_held_back_whoever_marked_it(archive: Archive) -> None:
    archive.keep(FULL, CHILD, OTHER)
    archive.forget(FULL, CHILD, OTHER, days_ago=30)

    archive.sweep()

    assert archive.left == {OTHER}


def test_one_from_the_future_does_not_stand_in_for_the_last_full_one(archive: Archive) -> None:
    future = named(50, captured=NOW + DAY * 1_000_000)
    archive.keep(OTHER, future)
    archive.forget(OTHER, future, days_ago=30)

    archive.sweep()

    assert archive.left == {OTHER}


def test_what_was_brought_back_after_the_plan_stays(archive: Archive) -> None:
    archive.keep(FULL, OTHER)
    archive.forget(FULL, days_ago=8)
    plan = trash.plan_sweep(archive.store, NOW, 7 * DAY)

    trash.bring_back(archive.store, FULL)

    assert trash.sweep(archive.store, plan, NOW, 7 * DAY).snapshots == ()
    assert archive.left == {FULL, OTHER}


def test_what_a_new_increment_stands_on_stays_though_it_was_planned(archive: Archive) -> None:
    archive.keep(FULL, OTHER)
    archive.forget(FULL, days_ago=8)
    plan = trash.plan_sweep(archive.store, NOW, 7 * DAY)

    archive.keep(CHILD)

    assert trash.sweep(archive.store, plan, NOW, 7 * DAY).snapshots == ()
    assert archive.left == {FULL, CHILD, OTHER}


def test_what_became_due_after_the_plan_waits_for_the_next(archive: Archive) -> None:
    archive.keep(FULL, CHILD, OTHER)
    plan = trash.plan_sweep(archive.store, NOW, 7 * DAY)
    archive.forget(FULL, CHILD, days_ago=8)

    assert trash.sweep(archive.store, plan, NOW, 7 * DAY).snapshots == ()


def test_two_at_once_disturb_each_other_in_nothing(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.keep(FULL, CHILD, OTHER)
    archive.forget(FULL, CHILD, days_ago=8)
    plan = trash.plan_sweep(archive.store, NOW, 7 * DAY)
    delete = DirectoryStore.delete

    def meanwhile(store: DirectoryStore, name: str) -> None:
        monkeypatch.setattr(DirectoryStore, "delete", delete)
        trash.sweep(store, plan, NOW, 7 * DAY)
        store.delete(name)

    monkeypatch.setattr(DirectoryStore, "delete", meanwhile)
    trash.sweep(archive.store, plan, NOW, 7 * DAY)

    assert archive.left == {OTHER}
    assert list(archive.store.list("trash/")) == []


def test_one_that_is_killed_in_the_middle_is_finished_by_the_next(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.keep(FULL, CHILD, OTHER)
    archive.forget(FULL, CHILD, days_ago=8)
    delete = DirectoryStore.delete

    def killed(store: DirectoryStore, name: str) -> None:
        delete(store, name)
        raise KeyboardInterrupt

    monkeypatch.setattr(DirectoryStore, "delete", killed)
    with pytest.raises(KeyboardInterrupt):
        archive.sweep()
    monkeypatch.setattr(DirectoryStore, "delete", delete)
    assert archive.left == {FULL, OTHER}

    done = archive.sweep()

    assert [marker.name for marker in done.markers] == [trash.marker_of(CHILD)]
    assert archive.left == {OTHER}
    assert list(archive.store.list("trash/")) == []


def test_unfinished_files_are_removed_after_a_day(archive: Archive) -> None:
    archive.keep(OTHER)
    folder = archive.folder / OTHER.folder
    for name, days in ((".unfinished-a.ksnap", 0.9), (".unfinished-b.ksnap", 1.1)):
        (folder / name).write_bytes(b"half")
        archive.age(f"{OTHER.folder}/{name}", days)

    done = archive.sweep()

    assert [leftover.name for leftover in done.leftovers] == [f"{OTHER.folder}/.unfinished-b.ksnap"]
    assert sorted(path.name for path in folder.iterdir()) == [".unfinished-a.ksnap", str(OTHER).split("/")[1]]


def test_an_empty_store_has_nothing(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "none"))

    assert trash.listing(store) == trash.Listing()
    assert trash.sweep(store, trash.plan_sweep(store, NOW, 0), NOW, 0) == trash.Sweep()
    assert not (tmp_path / "none").exists()
