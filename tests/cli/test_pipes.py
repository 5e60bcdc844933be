"""Archives through pipes: from one command into another, broken off in the middle, empty, to a terminal."""

import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Desk

KUBISNAP = f"{shlex.quote(sys.executable)} -m kubisnap"
TAKING = (
    "verify -",
    "inspect -",
    "export -",
    "export - --salvage",
    "import - --store sqlite:///new.sqlite",
    "restore - --as copy --on sandbox --yes",
    "cat - 1",
    "cat - --list",
)


def shell(desk: "Desk", line: str) -> tuple[int, list[int], str, str]:
    """Run a line of a shell's in which ``kubisnap`` is the real one.

    Return its exit status, that of each of its parts, and what it printed.
    """
    environment = {**os.environ, **desk.environment(), "KUBISNAP_SANDBOX_LATENCY": "0"}
    script = f'kubisnap() {{ {KUBISNAP} "$@"; }}\n{line}\necho "${{PIPESTATUS[@]}}" >&3'
    with (desk.home.parent / "statuses").open("w+") as statuses:
        done = subprocess.run(
            ["/bin/bash", "-c", f"exec 3>&{statuses.fileno()}\n{script}"],
            cwd=desk.home,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            pass_fds=[statuses.fileno()],
            timeout=60,
            check=False,
        )
        statuses.seek(0)
        parts = [int(word) for word in statuses.read().split()]
    return done.returncode, parts, done.stdout, done.stderr


def test_a_cluster_goes_through_a_pipe_to_another_store(kept: "Desk") -> None:
    line = (
        "kubisnap capture web --out - -q | cat"
        " | kubisnap restore - --as copy --on sandbox --yes -q --store sqlite:///new.sqlite"
    )
    _, parts, out, err = shell(kept, line)

    assert parts == [0, 0, 0], err
    assert out.startswith("#1 restore copy from web (stdin) · ")
    assert "workers-0" in kept.ok("get copy/server/workers-0 --store sqlite:///new.sqlite").out
    assert "SnapshotCaptured" in kept.events("web")


def test_a_pipe_whose_reader_has_gone_is_no_snapshot(kept: "Desk") -> None:
    events = kept.events("web")
    _, parts, out, err = shell(kept, "kubisnap capture web --out - | true")

    assert parts[0] not in {0, 255}, err
    assert "Traceback" not in out + err
    assert kept.events("web") == events


@pytest.fixture
def archive(kept: "Desk") -> bytes:
    kept.ok("capture web --out web.ksnap")
    return (kept.home / "web.ksnap").read_bytes()


@pytest.mark.parametrize("line", TAKING)
def test_a_pipe_that_broke_in_the_middle_is_damage_and_changes_nothing(
    kept: "Desk", archive: bytes, line: str
) -> None:
    before = kept.picture()
    for share in (0.1, 0.5) if "--salvage" in line else (0.1, 0.5, 0.97):
        done = kept.run(line, stdin=archive[: int(len(archive) * share)])
        assert (done.status, done.out) == (13, ""), (share, done.text)
        assert done.err.startswith("error: stdin: ")
        assert "hint: " in done.err
    assert kept.picture() == before


@pytest.mark.parametrize("line", TAKING)
def test_an_empty_pipe_and_one_with_something_else_are_no_archives(kept: "Desk", line: str) -> None:
    before = kept.picture()
    for given, told in ((b"", "error: stdin: "), (b"kubisnap: command not found\n", "error: stdin: ")):
        done = kept.run(line, stdin=given)
        assert (done.status, done.out) == (13, ""), done.text
        assert done.err.startswith(told)
    assert kept.picture() == before


def test_everything_that_takes_a_file_takes_stdin(kept: "Desk", archive: bytes) -> None:
    for line in TAKING:
        by_pipe = kept.run(line, stdin=archive)
        by_name = kept.run(
            line.replace(" -", " web.ksnap", 1).replace("new", "other").replace("copy", "copy2")
        )
        assert (by_pipe.status, by_name.status) == (0, 0), by_pipe.text
        if line.startswith(("cat", "export")):
            assert by_pipe.out == by_name.out
    assert "verified: all of stdin was read" in kept.run("inspect -", stdin=archive).out
    assert kept.run("diff - web.ksnap --exit-code", stdin=archive).status == 0
    lines = kept.ok("export web.ksnap").stdout_bytes
    assert "nothing to import" in kept.run("import - --store sqlite:///new.sqlite", stdin=lines).out


def test_the_events_before_the_break_are_saved_where_that_is_asked_for(kept: "Desk", archive: bytes) -> None:
    done = kept.run("export - --salvage", stdin=archive[:-1])

    assert done.status == 3
    assert done.out == kept.ok("export web.ksnap").out
    assert "error: stdin: " in done.err


def test_what_lies_behind_an_archive_in_a_pipe_is_damage(kept: "Desk", archive: bytes) -> None:
    for line in TAKING[:3]:
        done = kept.run(line, stdin=archive + b"x")
        assert (done.status, done.out) == (13, "")


def test_an_incremental_one_from_a_pipe_needs_its_parents_named(kept: "Desk", archive: bytes) -> None:
    child = kept.ok("capture web --out - --incremental-from web.ksnap").stdout_bytes

    done = kept.run("export -", stdin=child)
    assert done.status == 10
    assert "error: stdin" in done.err
    assert kept.run("export - --with web.ksnap", stdin=child).status == 0


def test_encrypted_and_signed_through_a_pipe(kept: "Desk") -> None:
    content = kept.ok("capture web --out - --encrypt-to ops --sign-with ops").stdout_bytes
    line = "restore - --as copy --on sandbox --yes --signed --identity ops"

    assert kept.run(line, stdin=content[:-1]).status == 13
    assert kept.run(line, stdin=content).status == 0


def test_no_archive_is_sent_to_a_terminal_or_between_json(kept: "Desk") -> None:
    events = kept.events("web")
    at_terminal = kept.at_terminal("capture web --out -")
    as_json = kept.run("capture web --out - -o json")

    for done in (at_terminal, as_json):
        assert done.status == 2
        assert "--out: stdout is for the archive alone" in done.screen
        assert "--out FILE, or a pipe" in done.screen
    assert kept.events("web") == events


def test_restore_from_a_pipe_at_no_terminal_needs_a_yes(kept: "Desk", archive: bytes) -> None:
    done = kept.run("restore - --as copy --on sandbox", stdin=archive)
    assert done.status == 6
    assert "hint: add --yes" in done.err
