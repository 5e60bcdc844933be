"""A desk to type commands at: a scratch home, a store and clouds of its own, a clock that stands still.

Commands run in this process through the real entry point. What the outside world would bring in
(time, chance, the host's name) comes from the desk, so that the same commands print the same text.
"""

import io
import os
import pty
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
import termios
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from kubisnap import __version__
from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator
from kubisnap.adapters.sandbox import Faults, Sandbox
from kubisnap.adapters.sandbox import settings as sandbox_settings
from kubisnap.cli import app, wiring
from kubisnap.engine.domain.resources import Kind
from kubisnap.engine.journal.log import open_journal
from kubisnap.engine.operations.context import Pace
from tests.unit.engine.world import without_syncs

PUBLIC_KEY = f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{'A' * 43} ada@example.com\n"
TOKEN = "dop_v1_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
_MONDAY = 1_793_611_800.0  # 2026-11-02T09:30:00Z
_KEPT = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "SYSTEMROOT", "COVERAGE_PROCESS_START", "TMPDIR")
_QUESTION = re.compile(r"(\[y/N\]|\([a-z0-9-]+\):) \Z")
_MINUTE = 60.0


class Clock:
    """Time that passes only while somebody waits. Safe from several threads."""

    def __init__(self) -> None:
        self._now = _MONDAY
        self._lock = threading.Lock()
        self.on_sleep: Callable[[], None] = lambda: None

    def now(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now - _MONDAY

    def sleep(self, seconds: float) -> None:
        self.on_sleep()
        with self._lock:
            self._now += seconds


@dataclass(frozen=True)
class Done:
    """What a command printed and how it ended. `screen` is both streams in the order of writing."""

    status: int
    out: str
    err: str
    screen: str
    stdout_bytes: bytes = b""

    @property
    def text(self) -> str:
        return self.out + self.err


class _Kept(io.BytesIO):
    """Keeps what is written, and shows it on a screen, too."""

    def __init__(self, screen: io.StringIO) -> None:
        super().__init__()
        self._screen = screen

    def write(self, data: Any, /) -> int:
        self._screen.write(bytes(data).decode(errors="replace"))
        return super().write(data)


class _Stream(io.TextIOWrapper):
    """A stream that keeps what is written, and also writes it to a common screen."""

    def __init__(self, screen: io.StringIO) -> None:
        self.kept = _Kept(screen)
        super().__init__(self.kept, encoding="utf-8", write_through=True)


class Desk:
    """Runs command lines; see the module."""

    def __init__(self, home: Path, patch: pytest.MonkeyPatch, *, seed: int = 42) -> None:
        self.home = home
        self.token = TOKEN
        self.second_token = TOKEN.replace("0", "9")
        self.clock = Clock()
        self._random = Random(seed)
        self._patch = patch
        self._prepare()

    def _prepare(self) -> None:
        for name in set(os.environ) - set(_KEPT):
            self._patch.delenv(name)
        for name, value in self.environment().items():
            self._patch.setenv(name, value)
        self._patch.chdir(self.home)
        self._patch.setattr(wiring, "SystemClock", lambda: self.clock)
        self._patch.setattr(wiring, "SystemRandom", lambda: self._random)
        self._patch.setattr(wiring, "local_zone", lambda: ZoneInfo("Europe/Berlin"))
        self._patch.setattr("socket.gethostname", lambda: "desk")
        self._patch.setattr(sandbox_settings, "SystemClock", lambda: self.clock)
        self._patch.setattr("tempfile.tempdir", str(self.home.parent))
        without_syncs(self._patch)
        (self.home / ".ssh").mkdir(exist_ok=True)
        (self.home / ".ssh" / "id_ed25519.pub").write_text(PUBLIC_KEY)

    def environment(self) -> Mapping[str, str]:
        """Return what makes a process work at this desk."""
        return {
            "HOME": str(self.home),
            "XDG_DATA_HOME": str(self.home / "data"),
            "KUBISNAP_STORE": "sqlite:///store.sqlite",
            "KUBISNAP_SANDBOX": str(self.home / "sandbox.sqlite"),
            "KUBISNAP_SANDBOX_LATENCY": "1",
            "KUBISNAP_ACTOR": "ada",
            "COLUMNS": "80",
            "NO_COLOR": "1",
            "TERM": "xterm",
            "PYTHONIOENCODING": "utf-8",
        }

    def one_at_a_time(self) -> None:
        """Make the order of steps the same every time."""
        self._patch.setattr(wiring, "Pace", lambda **given: Pace(**{**given, "parallel": 1}))

    def setenv(self, name: str, value: str) -> None:
        self._patch.setenv(name, value)

    def delenv(self, name: str) -> None:
        self._patch.delenv(name, raising=False)

    def write(self, name: str, text: str) -> Path:
        """Write a file at the desk."""
        path = self.home / name
        path.write_text(text, encoding="utf-8")
        return path

    # ── running ──────────────────────────────────────────────────────────────────────────────

    def run(self, line: str, *, stdin: str | bytes = "") -> Done:
        """Run a command line (what stands behind ``kubisnap``) where there is no terminal."""
        given = stdin if isinstance(stdin, bytes) else stdin.encode()
        screen = io.StringIO()
        out, err = _Stream(screen), _Stream(screen)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(given)), "utf-8"))
            patch.setattr(sys, "stdout", out)
            patch.setattr(sys, "stderr", err)
            status = app.run(shlex.split(line))
        self.clock.sleep(_MINUTE)
        content = out.kept.getvalue()
        return Done(
            status, content.decode(errors="replace"), err.kept.getvalue().decode(), screen.getvalue(), content
        )

    def ok(self, line: str) -> Done:
        """Run a command line that must succeed."""
        done = self.run(line)
        assert done.status == 0, done.text
        return done

    def at_terminal(self, line: str, *typed: str) -> Done:
        """Run a command line at a terminal; `typed` are the answers, each typed when asked for."""
        master, slave = _terminal()
        reader = _Terminal(master, list(typed))
        with pytest.MonkeyPatch.context() as patch:
            for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
                patch.setattr(sys, name, os.fdopen(os.dup(slave), mode, encoding="utf-8"))
            status = app.run(shlex.split(line))
            for stream in (sys.stdin, sys.stdout, sys.stderr):
                stream.close()
        os.close(slave)
        screen = reader.finish()
        self.clock.sleep(_MINUTE)
        return Done(status, "", "", screen)

    def at_own_terminal(self, line: str, *typed: str) -> Done:
        """Run a process of its own at a terminal that controls it, so that Ctrl-C is a signal."""
        master, slave = _terminal()
        reader = _Terminal(master, list(typed))
        words = [sys.executable, "-c", _TAKE_TERMINAL, *shlex.split(line)]
        with subprocess.Popen(
            words,
            cwd=self.home,
            env={**{name: os.environ[name] for name in _KEPT if name in os.environ}, **self.environment()},
            stdin=slave,
            stdout=slave,
            stderr=slave,
        ) as process:
            os.close(slave)
            status = process.wait(timeout=60)
        return Done(status, "", "", reader.finish())

    # ── looking ──────────────────────────────────────────────────────────────────────────────

    def sandbox(self, faults: Faults | None = None) -> Sandbox:
        """Return the simulated cloud itself, behind the commands' back."""
        return Sandbox(self.home / "sandbox.sqlite", clock=self.clock, faults=faults)

    def set_quota(self, kind: str, number: int) -> None:
        with closing(self.sandbox()) as sandbox:
            sandbox.set_quota("default", Kind(kind), number)

    def events(self, name: str) -> list[str]:
        """Return the tags of a cluster's events."""
        with open_journal("sqlite:///store.sqlite") as journal:
            return [row.tag for row in journal.rows(journal.cluster_id(name, gone=True))]

    def picture(self) -> dict[str, Any]:
        """Return everything that a command might have changed: files, the log, the simulated cloud."""
        seen: dict[str, Any] = {
            str(path.relative_to(self.home)): path.read_bytes()
            for path in sorted(self.home.rglob("*"))
            if path.is_file() and not re.search(r"(store|sandbox)\.sqlite$|-wal$|-shm$", path.name)
        }
        store = self.home / "store.sqlite"
        seen["store"] = rows(store) if store.is_file() else None
        with closing(self.sandbox()) as sandbox:
            seen["sandbox"] = sandbox.dump()
        return seen


_TAKE_TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "kubisnap", *sys.argv[1:]])
"""


def _terminal() -> tuple[int, int]:
    """Open a pseudo terminal without carriage returns that the program did not write."""
    master, slave = pty.openpty()
    settings = termios.tcgetattr(slave)
    settings[1] &= ~termios.OPOST
    termios.tcsetattr(slave, termios.TCSANOW, settings)
    return master, slave


class _Terminal:
    """The far end of a pseudo terminal: keeps what is shown, types the answers."""

    def __init__(self, master: int, answers: list[str]) -> None:
        self._master = master
        self._answers = answers
        self._shown = b""
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while True:
            try:
                chunk = os.read(self._master, 4096)
            except OSError:  # EIO: the last one at the near end has gone
                return
            if not chunk:
                return
            self._shown += chunk
            if self._answers and _QUESTION.search(self._shown.decode(errors="replace")):
                os.write(self._master, self._answers.pop(0).encode())

    def finish(self) -> str:
        self._thread.join()
        os.close(self._master)
        lines = self._shown.decode().replace("\r\n", "\n").split("\n")
        # what a screen shows in the end: a line that was drawn over is gone
        return "\n".join(re.split(r"\r\x1b\[K", line)[-1] for line in lines)


def rows(store: Path) -> list[tuple[Any, ...]]:
    """Return a store's events as they are on disk."""
    with closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT * FROM stored_events ORDER BY rowid").fetchall()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    home = tmp_path / "home"
    home.mkdir()
    return Desk(home, monkeypatch)


@pytest.fixture
def web(desk: Desk) -> Desk:
    """A desk with one cluster, web, on the sandbox."""
    desk.ok("create web --cloud sandbox --yes")
    return desk


@pytest.fixture(scope="session")
def web_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a cluster, web, and the keys ops and bob, made once: `kept` takes copies of it."""
    home = tmp_path_factory.mktemp("made") / "home"
    home.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        desk = Desk(home, patch)
        for line in ("create web --cloud sandbox --nodes 1 --yes", "keys generate ops", "keys generate bob"):
            desk.ok(line)
    return home


@pytest.fixture
def kept(web_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk with what is in `web_home`, some time after that was made."""
    desk = Desk(Path(shutil.copytree(web_home, tmp_path / "home")), monkeypatch, seed=43)
    desk.clock.sleep(10 * _MINUTE)
    return desk


@pytest.fixture
def ocean(desk: Desk) -> Iterator[DigitalOceanSimulator]:
    """A simulated DigitalOcean on the desk's clock, with its first account's token in the environment."""
    accounts = {"first": desk.token, "second": desk.second_token}
    with DigitalOceanSimulator(accounts=accounts, burst_limit=None, now=desk.clock.now) as simulator:
        desk.setenv("DIGITALOCEAN_TOKEN", desk.token)
        desk.setenv("DIGITALOCEAN_END_POINT", simulator.url)
        yield simulator


@pytest.fixture
def instant_ocean(desk: Desk) -> Iterator[DigitalOceanSimulator]:
    """The same for processes of their own, whose time is the real one: everything is ready at once."""
    with DigitalOceanSimulator(
        accounts={"first": desk.token}, burst_limit=None, boot_seconds=0, action_seconds=0
    ) as simulator:
        desk.setenv("DIGITALOCEAN_TOKEN", desk.token)
        desk.setenv("DIGITALOCEAN_END_POINT", simulator.url)
        yield simulator


@pytest.fixture
def normal(desk: Desk) -> Callable[[str], str]:
    """Take out of a text what differs between machines and versions."""
    python = ".".join(map(str, sys.version_info[:3]))
    known = (
        (re.escape(str(desk.home)), "~"),
        (r"sha256:[0-9a-f]{12,}", "sha256:DIGEST"),
        (r"snap:[0-9a-f]{12,}", "snap:DIGEST"),
        (r"-[0-9a-f]{8}/\d{8}T\d{6}\.\d{6}Z-(\d+)-[0-9a-f]{32}", r"-ID/TIME-\1-DIGEST"),
        (r"\b\d+(\.\d+)? [kMGT]B\b", "SIZE"),
        (r"(?<=events, )\d+ bytes", "SIZE"),
        (r'(?<=bytes": )\d+', "SIZE"),
        (r"\d+\.\d(?= : 1\))", "RATIO"),
        (r"(?<=at byte )\d+", "OFFSET"),
        (rf"(?<=kubisnap ){re.escape(__version__)}", "VERSION"),
        (rf"{re.escape(__version__)} on Python {re.escape(python)}", "VERSION on Python VERSION"),
        (r'(?<="pid": )\d+', "PID"),
        (r'(?<="scope": ")[^"]+', "SCOPE"),
        (r'(?<="size": )\d{4}', "SIZE"),
        (r"\bage1[0-9a-z]{58}\b", "age1PUBLIC"),
        (r"\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}", "+ID+PUBLIC"),
        (r"(?<=/)kubisnap-bug-\w+", "kubisnap-bug-REPORT"),
    )

    def normalised(text: str) -> str:
        for pattern, instead in known:
            text = re.sub(pattern, instead, text)
        return text

    return normalised
