"""An SSH server in this process, which does what no sshd does: falls silent, cuts off, talks nonsense.

Left alone it is a machine like others: what it is sent is run by a shell with a home of its own. Made
of paramiko's server side; so the client is tried against sshd elsewhere, too.
"""

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_SUCCEEDED,
)

from kubisnap.adapters.ssh.host_keys import parse_host_key


@dataclass
class Reply:
    """What is answered to a script. `then` is what follows: ``exit``, ``cut``, ``hang`` or ``vanish``."""

    text: bytes = b""
    status: int = 0
    errors: bytes = b""
    then: str = "exit"


Handler = Callable[[str], Reply]


class Impostor:
    """A server on 127.0.0.1. `answer` may be replaced at any time; `scripts` are those that came whole."""

    def __init__(self, folder: Path, *, users_key: bytes) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self.key: paramiko.PKey = paramiko.ECDSAKey.generate()
        self.users_key = users_key
        self.answer: Handler = self.shell
        self.scripts: list[str] = []
        self.logins: list[str] = []
        self.offered: list[str] = []
        self.connections = 0
        self.deaf = False
        self.mute = False
        self.closing = threading.Event()
        self._transports: list[paramiko.Transport] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    @property
    def host_key(self) -> str:
        return f"{self.key.get_name()} {self.key.get_base64()}"

    def program(self, name: str, script: str) -> None:
        """Put a program before the system's own."""
        path = self.folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    def shell(self, script: str) -> Reply:
        """Run a script, as a machine does."""
        environment = {"HOME": str(self.home), "PATH": f"{self.folder / 'bin'}:/usr/local/bin:/usr/bin:/bin"}
        done = subprocess.run(
            ["/bin/sh"], input=script.encode(), capture_output=True, env=environment, check=False
        )
        return Reply(done.stdout, done.returncode, done.stderr)

    def hang_up(self) -> None:
        """Close all connections, as a machine that starts anew."""
        for transport in self._transports:
            transport.close()

    def close(self) -> None:
        self.closing.set()
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)
        self.hang_up()

    def _serve(self) -> None:
        while not self.closing.is_set():
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._welcome, args=(peer,), daemon=True).start()

    def _welcome(self, peer: socket.socket) -> None:
        if self.mute:
            with peer:
                self.closing.wait(30)
            return
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        transport = paramiko.Transport(peer)
        self._transports.append(transport)
        transport.set_log_channel("kubisnap.ssh")
        transport.add_server_key(self.key)
        with suppress(paramiko.SSHException, EOFError, OSError):
            transport.start_server(event=threading.Event(), server=_Server(self, transport))

    def _talk(self, transport: paramiko.Transport, channel: paramiko.Channel) -> None:
        with suppress(paramiko.SSHException, EOFError, OSError):
            script = bytearray()
            while chunk := channel.recv(65536):
                script += chunk
            self.scripts.append(script.decode())
            reply = self.answer(script.decode())
            channel.sendall(reply.text)
            channel.sendall_stderr(reply.errors)
            if reply.then == "exit":
                channel.send_exit_status(reply.status)
            elif reply.then == "cut":
                transport.close()
            elif reply.then == "hang":
                self.closing.wait(30)
            channel.close()


class _Server(paramiko.ServerInterface):
    def __init__(self, impostor: Impostor, transport: paramiko.Transport) -> None:
        self._impostor = impostor
        self._transport = transport

    def get_allowed_auths(self, username: str) -> str:
        return "publickey,password"

    def check_auth_password(self, username: str, password: str) -> int:
        self._impostor.offered.append("password")
        return AUTH_FAILED

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self._impostor.offered.append(key.get_base64())
        if key.asbytes() != self._impostor.users_key:
            return AUTH_FAILED
        self._impostor.logins.append(username)
        return AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return OPEN_SUCCEEDED if kind == "session" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        if self._impostor.deaf:
            self._impostor.closing.wait(30)
        threading.Thread(target=self._impostor._talk, args=(self._transport, channel), daemon=True).start()
        return True


@dataclass
class Fakes:
    """Servers that one key opens."""

    folder: Path
    identity: Path
    stranger: Path
    made: list[Impostor] = field(default_factory=list)

    def new(self) -> Impostor:
        """Start another server."""
        public = self.identity.with_name(f"{self.identity.name}.pub").read_text(encoding="ascii")
        users_key = parse_host_key(public).material
        impostor = Impostor(self.folder / f"server-{len(self.made)}", users_key=users_key)
        self.made.append(impostor)
        return impostor

    def inventory(self, **more: Any) -> dict[str, Any]:
        """Return an inventory of the servers made so far, their keys pinned."""
        return {
            "name": "rack",
            "defaults": {"user": "ops", "identity": str(self.identity), "claims": "~/claims"},
            "hosts": [
                {"name": f"node-{n}", "address": "127.0.0.1", "port": one.port, "host_key": one.host_key}
                for n, one in enumerate(self.made)
            ],
            **more,
        }


@contextmanager
def fakes(folder: Path) -> Iterator[Fakes]:
    """Give a maker of servers; all are closed at the end."""
    for name in ("identity", "stranger"):
        new_identity(folder / name)
    made = Fakes(folder, folder / "identity", folder / "stranger")
    yield made
    for impostor in made.made:
        impostor.close()


def new_identity(path: Path, passphrase: bytes = b"") -> None:
    """Make a key pair in OpenSSH's format."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    how = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    path.touch(mode=0o600)
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, how))
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    path.with_name(f"{path.name}.pub").write_bytes(public + b"\n")
