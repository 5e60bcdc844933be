"""Names of snapshots are claims: what lies under one must be what the name says."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Desk


@pytest.fixture
def two(web: "Desk") -> tuple[Path, Path]:
    """Two snapshots in the archive store, the older one first."""
    web.ok("capture web")
    web.ok("capture web")
    older, newer = sorted((web.home / "data" / "kubisnap" / "snapshots").glob("web-*/*.ksnap"))
    return older, newer


@pytest.mark.parametrize("command", ["verify", "inspect", "cat", "restore --as web-2 --dry-run", "export"])
def test_another_snapshot_under_a_snapshots_name_is_refused(
    web: "Desk", two: tuple[Path, Path], command: str
) -> None:
    older, newer = two
    digest = older.name.split("-")[2][:12]
    older.unlink()
    shutil.copy(newer, older)
    verb, *options = command.split()
    words = [verb, f"snap:{digest}", *(["1"] if verb == "cat" else []), *options]
    done = web.run(" ".join(words))
    assert done.status == 13
    assert "its contents are not those that its name says" in done.err
    assert done.out == ""


def test_a_parent_that_is_another_one_under_its_name_is_not_taken(
    web: "Desk", two: tuple[Path, Path]
) -> None:
    older, newer = two
    web.ok(f"capture web --incremental-from {older} --out child.ksnap")
    older.unlink()
    shutil.copy(newer, older)
    done = web.run(f"restore child.ksnap --with {older} --as web-2 --dry-run")
    assert done.status == 10
    assert "which was not given" in done.err
