"""Real SSH servers on loopback: one sshd a "machine", each with a home, a host key and an address of its own.

No root is needed: all of 127/8 is this machine on Linux, ports are high. What the machines have in
common is the user, and all of the file system but for the home that each gives to whoever comes in.
"""

import contextlib
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_START_SECONDS = 20.0
_CONFIG = """
ListenAddress {address}:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {authorized}
PidFile {folder}/pid
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100
{more}
SetEnv HOME={folder}/home
"""


@dataclass(frozen=True)
class Machine:
    """A server."""

    name: str
    address: str
    port: int
    folder: Path

    @property
    def pid(self) -> int:
        """The listening sshd's."""
        return int((self.folder / "pid").read_text(encoding="ascii"))

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def host_key(self) -> str:
        """The public half of its key, without comment."""
        return " ".join((self.folder / "host_key.pub").read_text(encoding="ascii").split()[:2])

    @property
    def known_hosts_line(self) -> str:
        return f"[{self.address}]:{self.port} {self.host_key}\n"

    def hang_up(self) -> None:
        """Break off all connections, as a machine does that starts anew; sshd itself goes on."""
        with contextlib.ExitStack() as stack:
            for victim in _below(self.pid):
                with contextlib.suppress(ProcessLookupError):
                    handle = os.pidfd_open(victim)
                    stack.callback(os.close, handle)
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                    stack.callback(select.select, [handle], [], [], _START_SECONDS)  # until it is gone


def _below(pid: int) -> list[int]:
    """Return the processes that a process has started, and those that these have."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [found for child in map(int, children) for found in (child, *_below(child))]


@dataclass(frozen=True)
class Machines:
    """Some servers, and the key that opens them."""

    all: tuple[Machine, ...]
    identity: Path
    stranger: Path
    user: str

    def inventory(self, name: str, *, machines: tuple[Machine, ...] | None = None, **more: Any) -> str:
        """Return an inventory of these machines, with their keys pinned."""
        content = {
            "name": name,
            "defaults": {"user": self.user, "identity": str(self.identity), "claims": "~/claims"},
            "hosts": [
                {"name": one.name, "address": one.address, "port": one.port, "host_key": one.host_key}
                for one in (self.all if machines is None else machines)
            ],
            **more,
        }
        return str(yaml.safe_dump(content, sort_keys=False))


def program() -> str | None:
    """Return sshd's path, or None where there is none, or loopback has one address only."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which("sshd", path=path)
    try:
        with socket.socket() as probe:
            probe.bind(("127.9.8.7", 0))
    except OSError:
        return None
    return found if shutil.which("ssh-keygen") else None


def new_key(path: Path, kind: str = "ed25519") -> None:
    """Make a key pair."""
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", path.name, "-f", str(path)], check=True)


@contextmanager
def running(folder: Path, count: int, sshd: str, *, more: str = "") -> Iterator[Machines]:
    """Run so many servers until the block ends.

    `more` are further lines of each one's configuration; ``{folder}`` in them is the machine's folder.
    """
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where root's sshd locks itself in before login
    folder.mkdir(exist_ok=True)
    for name in ("identity", "stranger"):
        new_key(folder / name)
    octets = f"127.{random.randint(16, 250)}.{random.randint(1, 250)}"
    machines = tuple(
        _made(folder / f"node-{number}", f"{octets}.{number}", folder / "identity.pub", more)
        for number in range(1, count + 1)
    )
    with contextlib.ExitStack() as stack:
        processes = [stack.enter_context(_served(machine, sshd)) for machine in machines]
        for machine, process in zip(machines, processes, strict=True):
            _wait_for(machine, process)
        user = subprocess.run(["id", "-un"], check=True, capture_output=True, text=True).stdout.strip()
        yield Machines(machines, folder / "identity", folder / "stranger", user)


def _made(folder: Path, address: str, authorized: Path, more: str) -> Machine:
    (folder / "home").mkdir(parents=True)
    new_key(folder / "host_key")
    with socket.socket() as probe:
        probe.bind((address, 0))
        port = probe.getsockname()[1]
    settings: dict[str, object] = {
        "address": address,
        "port": port,
        "folder": folder,
        "authorized": authorized,
    }
    settings["more"] = more.format(folder=folder)
    (folder / "config").write_text(_CONFIG.format(**settings), encoding="utf-8")
    return Machine(folder.name, address, port, folder)


@contextmanager
def _served(machine: Machine, sshd: str) -> Iterator["subprocess.Popen[bytes]"]:
    with (
        (machine.folder / "log").open("wb") as log,
        subprocess.Popen(
            [sshd, "-D", "-e", "-f", str(machine.folder / "config")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()


def _wait_for(machine: Machine, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + _START_SECONDS
    while True:
        with contextlib.suppress(OSError), socket.create_connection((machine.address, machine.port), 1.0):
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.02)
        if process.poll() is not None or time.monotonic() > until:
            raise RuntimeError((machine.folder / "log").read_text(encoding="utf-8", errors="replace"))
