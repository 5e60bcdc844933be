"""What only a process of its own can show: imports, closed streams, pipes, signals, completion."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from kubisnap.adapters.digitalocean.simulator import FaultRule
from kubisnap.cli import demonstration

if TYPE_CHECKING:
    from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator

    from .conftest import Desk

KUBISNAP = (sys.executable, "-m", "kubisnap")
HEAVY = (
    "digitalocean", "requests", "urllib3", "eventsourcing", "sqlite3", "psycopg", "zstandard", "yaml",
    "cryptography", "msgspec", "platformdirs", "rich",
)  # fmt: skip
_LONG = 60


_KEPT = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "COVERAGE_PROCESS_START", "CI", "PYTHONIOENCODING")
_TO_THE_CLOUD = ("DIGITALOCEAN_TOKEN", "DIGITALOCEAN_END_POINT")


@contextmanager
def start(
    desk: "Desk", words: Sequence[str], *, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE
) -> Iterator[subprocess.Popen[str]]:
    """Start a process at the desk: with what makes it work there, and nothing else. None is left behind."""
    kept = {name: os.environ[name] for name in (*_KEPT, *_TO_THE_CLOUD) if name in os.environ}
    with subprocess.Popen(
        words,
        cwd=desk.home,
        env={**desk.environment(), "KUBISNAP_SANDBOX_LATENCY": "0", **kept},
        encoding="utf-8",
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=stderr,
    ) as process:
        try:
            yield process
        finally:
            process.kill()  # does nothing to one that is over


def run(
    desk: "Desk", *words: str, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE
) -> tuple[int, str, str]:
    """Run a process and return its exit status, stdout and stderr."""
    with start(desk, words, stdout=stdout, stderr=stderr) as process:
        out, err = process.communicate(timeout=_LONG)
        return process.returncode, out or "", err or ""


# ── help is quick ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("words", ["--help", "--version", "create --help", "restore --help", "demo --help"])
def test_help_loads_no_cloud_and_no_store(desk: "Desk", words: str) -> None:
    code = (
        "import sys; from kubisnap.cli.app import run; status = run(sys.argv[1].split()); "
        f"print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr); sys.exit(status)"
    )
    status, out, err = run(desk, sys.executable, "-c", code, words)
    assert (status, err) == (0, "[]\n")
    assert "kubisnap" in out


# ── nobody there ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("create web --cloud sandbox", 6),
        ("create web --cloud sandbox --yes", 0),
        ("get", 0),
        ("delete web", 10),
        ("frobnicate", 2),
    ],
)
@pytest.mark.parametrize("closed", ["<&-", "</dev/null", "<&- >&-", "<&- >&- 2>&-"])
def test_closed_streams_never_hang_and_never_break(desk: "Desk", line: str, status: int, closed: str) -> None:
    desk.setenv("CI", "1")
    shell = f'exec "$@" {closed}'
    found, out, err = run(desk, "sh", "-c", shell, "sh", *KUBISNAP, *line.split())
    assert found == status
    assert "Traceback" not in out + err
    assert "bug" not in out + err


@pytest.mark.parametrize(
    "line", ["log --events -n 1000", "get web", "log -o json", "--help", "completion bash"]
)
def test_a_reader_that_went_away_is_no_noise(web: "Desk", line: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        status, _, err = run(web, *KUBISNAP, *line.split(), stdout=writing)
    finally:
        os.close(writing)
    assert (status, err) == (1, "")


def test_an_operation_goes_on_where_nobody_reads_its_progress(desk: "Desk") -> None:
    """``kubisnap create ... 2>&1 | head -1``: half a cluster would be worse than no progress."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        status, out, _ = run(
            desk,
            *KUBISNAP,
            "create",
            "web",
            "--cloud",
            "sandbox",
            "--yes",
            "-q",
            "--progress",
            "plain",
            stderr=writing,
        )
    finally:
        os.close(writing)
    assert status == 0
    assert out.startswith("#1 create web")
    assert desk.run("plan web --exit-code").status == 0


def test_a_terminal_without_the_signs_gets_others(desk: "Desk") -> None:
    desk.setenv("PYTHONIOENCODING", "ascii")
    status, out, err = run(desk, *KUBISNAP, "create", "web", "--cloud", "sandbox", "--yes")
    assert status == 0
    assert "\\u2713 tag/cluster created" in err
    assert "#1 create web \\xb7" in out


# ── Ctrl-C ───────────────────────────────────────────────────────────────────────────────────────


def test_ctrl_c_finishes_the_running_calls_records_and_says_how_to_go_on(
    desk: "Desk", ocean: "DigitalOceanSimulator"
) -> None:
    ocean.inject(FaultRule(action="hang", method="POST", path="droplets", nth=1))
    line = "create web --cloud digitalocean --yes --parallel 1"
    with start(desk, [*KUBISNAP, *line.split()]) as process:
        assert process.stderr is not None
        until_hanging(ocean, 1)
        process.send_signal(signal.SIGINT)
        told = read_until(process.stderr, "^C finishing")
        ocean.clear_faults()  # now the call that hung is answered
        out, err = process.communicate(timeout=_LONG)
    assert process.returncode == 130
    assert out == ""
    assert told.startswith("  ^C finishing 1 running step (press Ctrl-C again to stop at once) …")
    assert err.splitlines()[-3:] == [
        "error: stopped after 7 of 10 steps; recorded as #1 (unfinished)",
        "hint: kubisnap apply web --resume      goes on from here",
        "hint: kubisnap apply web --abandon      takes it back",
    ]
    assert "Traceback" not in err

    desk.clock.sleep(60)
    assert "interrupted" in desk.ok("log web").out
    desk.ok("apply web --yes")
    assert desk.run("plan web --exit-code").status == 0
    assert ocean.inventory("first")["droplets"] == 3


@pytest.mark.parametrize("option", ["", " -o json --progress plain"])
def test_the_second_ctrl_c_leaves_at_once_and_apply_finds_what_was_made(
    desk: "Desk", instant_ocean: "DigitalOceanSimulator", option: str
) -> None:
    instant_ocean.inject(FaultRule(action="hang", method="POST", path="droplets"))
    line = f"create web --cloud digitalocean --yes{option}"
    with start(desk, [*KUBISNAP, *line.split()]) as process:
        assert process.stderr is not None
        until_hanging(instant_ocean, 3)
        process.send_signal(signal.SIGINT)
        read_until(process.stderr, "^C finishing")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=_LONG)  # the calls still hang: nothing else can end it
    assert process.returncode == 130
    assert out == ""
    message = "stopped at once: what became of the running calls is not known"
    if option:
        assert json.loads(err.splitlines()[-1])["message"] == message
    else:
        assert err.endswith(
            f"\nerror: {message}\n"
            "hint: kubisnap apply web --resume      goes on from here\n"
            "hint: kubisnap apply web --abandon      takes it back\n"
        )
    instant_ocean.clear_faults()
    assert run(desk, *KUBISNAP, "apply", "web", "--yes")[0] == 0
    assert run(desk, *KUBISNAP, "plan", "web", "--exit-code")[0] == 0
    assert instant_ocean.inventory("first")["droplets"] == 3


def until_hanging(ocean: "DigitalOceanSimulator", calls: int) -> None:
    """Wait until so many calls hang at the server."""
    never, tries = threading.Event(), 0
    while sum(fault.hit for fault in ocean.faults) < calls:
        never.wait(0.01)
        tries += 1
        assert tries < 3000


def read_until(stream: object, text: str) -> str:
    """Read lines up to the one with the text, and return that."""
    for line in stream:  # type: ignore[attr-defined]
        if text in line:
            return str(line)
    pytest.fail(f"never said: {text}")


@pytest.mark.parametrize("line", ["create web --cloud sandbox", "delete web"])
def test_ctrl_c_at_a_question_changes_nothing(desk: "Desk", line: str) -> None:
    desk.ok("create web --cloud sandbox --yes" if "delete" in line else "get")
    before = desk.picture()
    done = desk.at_own_terminal(line, "\x03")
    assert done.status == 130
    assert done.screen.endswith(" ^C\nerror: interrupted; nothing was changed\n")
    assert desk.picture() == before


def test_ctrl_d_at_a_question_is_a_no(desk: "Desk") -> None:
    done = desk.at_terminal("create web --cloud sandbox", "\x04")
    assert done.status == 1
    assert done.screen.endswith("Apply to web? [y/N] \nerror: declined; nothing was changed\n")


# ── completion ───────────────────────────────────────────────────────────────────────────────────


def completed(desk: "Desk", words: str) -> list[str]:
    """Return what bash is offered for the last word."""
    desk_environment = {
        "_KUBISNAP_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    for name, value in desk_environment.items():
        desk.setenv(name, value)
    status, out, err = run(
        desk, "env", *(f"{name}={value}" for name, value in desk_environment.items()), *KUBISNAP
    )
    assert (status, err) == (0, "")
    return out.split()


def test_commands_options_and_clusters_complete(web: "Desk") -> None:
    web.ok("create shop --cloud sandbox --nodes 0 --yes")
    assert completed(web, "kubisnap c") == ["create", "capture", "cat", "completion", "clouds"]
    assert completed(web, "kubisnap plan ") == ["shop", "web"]
    assert completed(web, "kubisnap delete w") == ["web"]
    assert completed(web, "kubisnap plan --exit") == ["--exit-code"]


def test_a_store_that_cannot_be_read_completes_nothing(desk: "Desk") -> None:
    desk.write("store.sqlite", "dear diary\n" * 1000)
    assert completed(desk, "kubisnap plan ") == []


# ── the demo ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.long
def test_the_demo_shows_the_main_job(desk: "Desk") -> None:
    status, out, err = run(desk, *KUBISNAP, "demo")
    assert (status, err) == (0, "")
    for line in (
        "before: 5 droplets, 2 firewalls, 1 SSH key, 3 tags, 1 network",
        "after:  nothing",
        "web (captured)  =  web-eu on digitalocean/fra1: equal",
        "web (captured)  =  web-sim on sandbox/sim-us-east: equal",
        "web (captured)  =  web-aws on aws/eu-central-1: equal",
        "  1 server in pool control-plane",
        "  4 servers in pool workers",
        "second account now: 5 droplets, 2 firewalls, 1 SSH key, 3 tags, 1 network",
    ):
        assert f"\n{line}\n" in out
    assert "\ndemo complete in " in out.splitlines(keepends=True)[-1].join(["\n", ""])
    assert "DIFFERENT" not in out
    assert max(map(len, out.splitlines())) <= 120
    assert not (desk.home / "store.sqlite").exists()
    assert not (desk.home / "data").exists()


@pytest.mark.parametrize("equal", [True, False])
def test_the_demos_verdict_is_its_status_and_its_json(
    desk: "Desk", monkeypatch: pytest.MonkeyPatch, equal: bool
) -> None:
    monkeypatch.setattr(demonstration, "_play", lambda _: equal)
    done = desk.run("demo -o json")
    assert done.status == (0 if equal else 1)
    assert json.loads(done.out)["equal"] is equal


def test_a_demo_whose_command_fails_says_which(desk: "Desk", monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_: object) -> bool:
        raise demonstration.DemoStepFailed("kubisnap get nothing: exit status 10")

    monkeypatch.setattr(demonstration, "_play", failing)
    done = desk.run("demo")
    assert done.status == 1
    assert "error: the demo stopped: kubisnap get nothing: exit status 10\n" in done.err


def test_the_demos_server_serves_until_ctrl_c(desk: "Desk") -> None:
    with start(desk, [*KUBISNAP, "demo", "--server", "--port", "0"]) as process:
        assert process.stdout is not None
        read_until(process.stdout, "http://127.0.0.1:")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=_LONG)
    assert process.returncode in {0, 130}
    assert "Traceback" not in out + err
