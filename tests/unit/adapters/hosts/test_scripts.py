"""The scripts that claim and release, run by the shells that are there."""

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kubisnap.adapters.hosts import scripts

SHELLS = [
    [path, *words]
    for name, *words in (("sh",), ("bash",), ("busybox", "sh"), ("zsh", "--emulate", "sh"))
    if (path := shutil.which(name))
]


@pytest.fixture(params=SHELLS, ids=lambda words: Path(words[0]).name)
def shell(request: pytest.FixtureRequest) -> list[str]:
    words: list[str] = request.param
    return words


def run(home: Path, script: str, shell: list[str] | None = None, *, path: str = "") -> dict[str, str]:
    done = subprocess.run(
        shell or ["/bin/sh"],
        input=f"{{\n{script}\n}}\nexit\n".encode(),
        capture_output=True,
        env={"HOME": str(home), "PATH": f"{path}:/usr/local/bin:/usr/bin:/bin"},
        check=True,
    )
    return dict(line.split("=", 1) for line in done.stdout.decode().splitlines())


def word(home: Path, script: str, shell: list[str] | None = None) -> str:
    return run(home, script, shell)["word"]


def test_a_host_is_free_then_claimed_once_then_given_back(tmp_path: Path, shell: list[str]) -> None:
    text = """{"a":"it's $(touch hacked) `x` \\\\ \\"quoted\\""}"""
    assert run(tmp_path, scripts.looking("~/c"), shell)["state"] == "free"

    assert word(tmp_path, scripts.taking("~/c", "1" * 16, text), shell) == "done"
    assert word(tmp_path, scripts.taking("~/c", "2" * 16, "other"), shell) == "taken"

    seen = run(tmp_path, scripts.looking("~/c"), shell)
    assert (seen["state"], seen["claim"].strip(), seen["writable"]) == ("held", text, "yes")
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["claim.json", "lock"]

    assert word(tmp_path, scripts.releasing("~/c", "other"), shell) == "another"
    assert word(tmp_path, scripts.releasing("~/c", text), shell) == "done"
    assert word(tmp_path, scripts.releasing("~/c", text), shell) == "gone"
    assert run(tmp_path, scripts.looking("~/c"), shell)["state"] == "free"
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


@pytest.mark.parametrize("flock", [True, False])
def test_of_many_that_claim_at_the_same_time_one_succeeds(tmp_path: Path, *, flock: bool) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    names = (
        "sh",
        "id",
        "mkdir",
        "rm",
        "ln",
        "cat",
        "sync",
        "sleep",
        "dirname",
        *(("flock",) if flock else ()),
    )
    for name in names:
        (tools / name).symlink_to(shutil.which(name) or name)

    def claim(number: int) -> str:
        done = subprocess.run(
            ["/bin/sh"],
            input=scripts.taking("~/c", f"{number:016x}", f"claim {number}").encode(),
            capture_output=True,
            env={"HOME": str(tmp_path), "PATH": str(tools)},
            check=True,
        )
        return done.stdout.decode().splitlines()[-1]

    with ThreadPoolExecutor(8) as crew:
        words = list(crew.map(claim, range(16)))

    assert sorted(words) == ["word=done"] + ["word=taken"] * 15
    assert (tmp_path / "c" / "claim.json").read_text("utf-8") == f"claim {words.index('word=done')}\n"


def test_without_root_claims_are_in_the_home_until_root_has_claimed(tmp_path: Path) -> None:
    if Path("/var/lib/kubisnap").exists():
        pytest.skip("this machine is claimed itself")
    for user, folder in (("1000", f"{tmp_path}/.kubisnap"), ("0", "/var/lib/kubisnap")):
        (tmp_path / "id").write_text(f"#!/bin/sh\necho {user}\n", encoding="utf-8")
        (tmp_path / "id").chmod(0o755)
        assert run(tmp_path, scripts.looking(""), path=str(tmp_path))["folder"] == folder


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert run(tmp_path, scripts.looking("~/file/c"))["writable"] == "no"
    assert word(tmp_path, scripts.taking("~/file/c", "1" * 16, "x")) == "readonly"
    assert word(tmp_path, scripts.releasing("~/file/c", "x")) == "readonly"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_claim_that_cannot_be_read_is_not_taken_for_none(tmp_path: Path) -> None:
    word(tmp_path, scripts.taking("~/c", "1" * 16, "x"))
    (tmp_path / "c" / "claim.json").chmod(0)

    assert run(tmp_path, scripts.looking("~/c"))["state"] == "hidden"


def test_a_claim_that_points_nowhere_is_not_taken_for_none(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "claim.json").symlink_to("nowhere")

    assert run(tmp_path, scripts.looking("~/c"))["state"] == "hidden"
    assert word(tmp_path, scripts.taking("~/c", "1" * 16, "x")) == "taken"


def test_a_claim_without_end_or_with_control_characters_stays_one_line(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "claim.json").write_bytes(b"a\nword=done\r\x00\x1b[31m" + b"x" * 10_000)

    seen = run(tmp_path, scripts.looking("~/c"))

    assert len(seen["claim"]) == 4001
    assert seen["claim"].isprintable()
    assert seen["claim"].startswith("a word=done   [31mx")
