"""The links, the wheel and the tree agree (ADR 0001)."""

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("adapters", "archives", "cli", "engine")


def wheel_settings() -> dict[str, Any]:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found: dict[str, Any] = settings["tool"]["hatch"]["build"]["targets"]["wheel"]
    return found


def tracked(*paths: str) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *paths],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode != 0:
        pytest.skip("not a git checkout: what belongs in the wheel cannot be told")
    return listed.stdout.split()


def test_every_folder_is_linked_included_once_and_excluded_as_a_link() -> None:
    settings = wheel_settings()

    links = sorted(path.name for path in (ROOT / "kubisnap").iterdir() if path.is_symlink())

    assert links == sorted(FOLDERS)
    assert settings["force-include"] == {name: f"kubisnap/{name}" for name in FOLDERS}
    assert sorted(settings["exclude"]) == [f"/kubisnap/{name}" for name in FOLDERS]


@pytest.mark.parametrize("name", FOLDERS)
def test_a_link_is_relative_so_that_a_checkout_may_be_anywhere(name: str) -> None:
    assert (ROOT / "kubisnap" / name).readlink() == Path("..") / name


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    [found] = folder.glob("*.whl")
    return found


def test_the_wheel_holds_what_git_tracks_and_nothing_else(wheel: Path) -> None:
    expected = {f"kubisnap/{path}" for path in tracked(*FOLDERS)}
    expected |= {"kubisnap/__init__.py", "kubisnap/__main__.py", "kubisnap/py.typed"}

    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]

    assert len(names) == len(set(names))
    assert {name for name in names if "__pycache__" not in name} == expected


@pytest.mark.long
def test_the_demo_runs_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    """The simulator ships with the package: everything comes from the wheel, nothing from the checkout."""
    place = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    script = (
        "import sys; import kubisnap; from kubisnap.cli.app import run; "
        f"assert kubisnap.__file__.startswith({str(place)!r}), kubisnap.__file__; "
        "sys.exit(run(['demo']))"
    )

    ran = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(place), "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "web-eu on digitalocean/fra1: equal" in ran.stdout
    assert "web-sim on sandbox/sim-us-east: equal" in ran.stdout
    assert "Traceback" not in ran.stdout + ran.stderr


def test_the_program_runs_from_any_folder(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "kubisnap", "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert ran.stdout.startswith("kubisnap 0.")
    assert ran.stderr == ""


def test_the_version_is_the_same_everywhere() -> None:
    import kubisnap

    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    assert settings["project"]["version"] == kubisnap.__version__


def test_every_dependency_says_why_it_is_there() -> None:
    lines = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    start = lines.index("dependencies = [")
    wanted = lines[start + 1 : lines.index("]", start)]

    assert wanted
    assert [line for line in wanted if "# " not in line] == []
