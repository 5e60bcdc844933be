"""The archive's benchmark at a tiny size: that it runs and what it tells, never how fast anything is."""

import shutil
from pathlib import Path

import pytest

from benchmarks.archive import memory, peers, sizes, speeds
from benchmarks.archive.manifests import changed, manifests
from benchmarks.table import Figure


def barred(figures: list[Figure]) -> list[str]:
    return [figure.name for figure in figures if figure.bar is not None]


def test_sizes_are_compared() -> None:
    figures = sizes.measure(events=300, count=200, runs=1)

    assert barred(figures) == [
        "log: kubisnap / JSON lines, gzip -6",
        "manifests: kubisnap / Velero's layout",
        "manifests: kubisnap / tar + gzip -6",
        "second capture / first",
        "second: restic / kubisnap, bytes",
        "second: restic / kubisnap, seconds",
        "second: borg / kubisnap, bytes",
        "second: borg / kubisnap, seconds",
    ]
    installed = {tool: shutil.which(tool) is not None for tool in peers.TOOLS}
    told = {figure.name: figure.measured is not None for figure in figures}
    assert {tool: told[f"second: {tool} / kubisnap, bytes"] for tool in peers.TOOLS} == installed


def test_speeds_are_compared() -> None:
    figures = speeds.measure(events=300, count=20, runs=1)

    assert barred(figures) == [
        "verify: share of zstd's speed",
        "read: share of the fastest of these",
        "capture: kubisnap / tar | zstd -3, one file",
    ]


def test_memory_is_measured_in_processes_of_their_own() -> None:
    figures = memory.measure((100_000, 200_000))

    assert len(barred(figures)) == len(figures) == 6
    assert all(figure.measured is not None and figure.measured > 1 for figure in figures[:4])


def test_a_tool_that_is_not_there_makes_no_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert [peers.back_up(tool, tmp_path / tool, [], []) for tool in peers.TOOLS] == [None, None]
    assert peers.tar_zstd(tmp_path, tmp_path / "tar.zst") is None


@pytest.mark.parametrize("tool", peers.TOOLS)
def test_a_second_backup_adds_less_than_the_first(tool: str, tmp_path: Path) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    first = manifests(100)

    found = peers.back_up(tool, tmp_path / "work", first, changed(first))

    assert found is not None
    assert 0 < found.second < found.first


def test_an_object_twice_is_larger_than_once_and_smaller_than_two() -> None:
    given = manifests(100)

    once, twice = peers.tar_once(given), peers.velero(given)

    assert once < twice < 2 * once
