"""Real SSH servers on loopback: one sshd a "machine", each with a home, a host key and an address of its own.

No root is needed: all of 127/8 is this machine on Linux, ports are high. What the machines have in
common is the user, and all of the file system but for the home that each gives to whoever comes in.
"""

import contextlib
import os
import random
import shutil
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
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100
{more}
SetEnv HOME={folder}/home PATH={folder}/bin:/usr/local/bin:/usr/bin:/bin
"""


@dataclass(frozen=True)
class Machine:
    """A server. Programs in `folder`/bin are found there before the system's own."""

    name: str
    address: str
    port: int
    folder: Path

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

    def program(self, name: str, script: str) -> None:
        """Put a program before the system's own."""
        (self.folder / "bin").mkdir(exist_ok=True)
        path = self.folder / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)


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


def new_key(path: Path) -> None:
    """Make a key pair."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)], check=True
    )


@contextmanager
def running(folder: Path, count: int, sshd: str, *, more: str = "") -> Iterator[Machines]:
    """Run so many servers until the block ends; `more` are further lines of each one's configuration."""
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where root's sshd locks itself in before login
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
    settings = {"address": address, "port": port, "folder": folder, "authorized": authorized, "more": more}
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
