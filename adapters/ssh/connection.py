"""One connection to a server: the server's key is checked, ours are offered, commands run.

paramiko's transport is used, not its client: the client asks for passwords, reads files of its own
choice, and waits for ever in places. Here every step has a deadline; nothing is forwarded.
"""

import logging
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Event, Timer
from time import monotonic
from typing import TYPE_CHECKING

from .host_keys import HostKey, Verifier
from .identities import Identities
from .problems import AnswerLost, AuthenticationRefused, Unreachable, legible

if TYPE_CHECKING:
    import paramiko

MAX_OUTPUT = 256 * 1024
"""Bytes of what a command may write, and of what is read of it."""

_LOG = "kubisnap.ssh"
logging.getLogger(_LOG).addHandler(logging.NullHandler())  # else Python shows what servers say on the screen


@dataclass(frozen=True)
class Timeouts:
    """Seconds: until a connection is there, until keys are agreed on, until ours is taken, for a command."""

    connect: float = 10.0
    handshake: float = 15.0
    authentication: float = 15.0
    command: float = 60.0


@dataclass(frozen=True)
class Target:
    """A server and how to get in. `title` is its name for people, `address` a name or an IP address."""

    title: str
    address: str
    port: int
    user: str
    verifier: Verifier
    identities: Identities
    timeouts: Timeouts = field(default_factory=Timeouts)


@dataclass(frozen=True)
class Output:
    """What a command wrote, at most `MAX_OUTPUT` bytes of each, and its exit status."""

    status: int
    text: bytes
    errors: bytes


class Connection:
    """A connection that is open, from `connect`; for one thread at a time."""

    def __init__(self, transport: "paramiko.Transport", target: Target) -> None:
        self._transport = transport
        self._target = target

    @property
    def alive(self) -> bool:
        """Whether it is still there, as far as is known."""
        return self._transport.is_active()

    def session(self) -> "paramiko.Channel":
        """Return a new channel. Raises `Unreachable` where the connection turns out to be gone."""
        try:
            return self._transport.open_session(window_size=MAX_OUTPUT, timeout=self._target.timeouts.connect)
        except _library_errors() as error:
            self.close()
            raise Unreachable(f"the connection to {self._target.title} is gone ({_told(error)})") from error

    def run(
        self, script: str, *, session: "paramiko.Channel", before: Callable[[], None] | None = None
    ) -> Output:
        """Have a POSIX shell there read and run a script; `before` is called right before it is sent.

        The shell runs nothing of a script that does not arrive whole. Raises `AnswerLost`, or
        whatever `before` raises, and then nothing was sent.
        """
        try:
            if before is not None:
                before()
            with self._deadline() as late:
                try:
                    return self._exchange(session, f"{{\n{script}\n}}\nexit\n".encode())
                except _library_errors() as error:
                    why = self._lateness() if late.is_set() else f"the connection broke off ({_told(error)})"
                    raise AnswerLost(f"{self._target.title} was asked, but {why}") from error
        finally:
            session.close()

    def _exchange(self, session: "paramiko.Channel", script: bytes) -> Output:
        session.exec_command("exec /bin/sh")
        session.sendall(script)
        session.shutdown_write()
        text = bytearray()
        while chunk := session.recv(32768):
            text += chunk
            if len(text) > MAX_OUTPUT:
                raise AnswerLost(f"{self._target.title} was asked, but its answer has no end")
        errors = session.recv_stderr(4096) if session.recv_stderr_ready() else b""
        session.status_event.wait(self._target.timeouts.command)
        if not session.exit_status_ready() or session.exit_status < 0:
            raise EOFError
        return Output(session.exit_status, bytes(text), errors)

    @contextmanager
    def _deadline(self) -> Iterator[Event]:
        """Close the connection when a command takes too long: some of paramiko's waits have no end."""
        late = Event()

        def stop() -> None:
            late.set()
            self.close()

        timer = Timer(self._target.timeouts.command, stop)
        timer.daemon = True
        timer.start()
        try:
            yield late
        finally:
            timer.cancel()

    def _lateness(self) -> str:
        return f"did not answer within {self._target.timeouts.command:g} seconds"

    def close(self) -> None:
        """Close it; a second time is fine."""
        self._transport.close()
        self._transport.sock.close()


def connect(target: Target) -> Connection:
    """Open a connection: the server's key is checked before anything of ours is shown.

    Raises `Unreachable`, `HostKeyRefused`, `AuthenticationRefused`.
    """
    timeouts = target.timeouts
    try:
        plain = socket.create_connection((target.address, target.port), timeouts.connect)
        # else a script, in three small packets, waits for the acknowledgement of the first one
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError as error:
        where = f"{target.title} ({target.address}, port {target.port})"
        raise Unreachable(f"{where} cannot be reached: {_told(error)}") from error
    with ExitStack() as undo:
        undo.callback(plain.close)
        transport = _transport(plain, target)
        undo.callback(transport.close)
        target.verifier.check(_shown_key(transport, target))
        _authenticate(transport, target)
        undo.pop_all()
    return Connection(transport, target)


def _transport(plain: socket.socket, target: Target) -> "paramiko.Transport":
    import paramiko

    try:
        transport = paramiko.Transport(plain)
    except _library_errors() as error:
        raise Unreachable(f"{target.title} does not speak SSH: {_told(error)}") from error
    transport.set_log_channel(_LOG)
    transport.banner_timeout = transport.handshake_timeout = target.timeouts.handshake
    transport.auth_timeout = target.timeouts.authentication
    options = transport.get_security_options()
    known = [name for name in target.verifier.algorithms() if name in options.key_types]
    options.key_types = (*known, *(name for name in options.key_types if name not in known))
    return transport


def _shown_key(transport: "paramiko.Transport", target: Target) -> HostKey:
    """Agree on keys, and return the server's."""
    started = monotonic()
    try:
        transport.start_client(timeout=target.timeouts.handshake)
        key = transport.get_remote_server_key()
    except _library_errors() as error:
        late = monotonic() - started >= target.timeouts.handshake
        why = f"not within {target.timeouts.handshake:g} seconds" if late else _told(error)
        raise Unreachable(f"{target.title} and this machine do not get to talk SSH: {why}") from error
    return HostKey(key.get_name(), key.asbytes())


def _authenticate(transport: "paramiko.Transport", target: Target) -> None:
    """Offer keys, one after the other."""
    offered = 0
    with ExitStack() as held:
        for key in target.identities.keys(held):
            offered += 1
            if _taken(transport, target, key):
                return
    if not offered:
        raise AuthenticationRefused(
            f"there is no key to open {target.title} with",
            "name an identity in the inventory, or use ssh-agent",
        )
    problem = f"{target.title} lets {target.user} in with none of {offered} keys"
    if offered == 1:
        problem = f"{target.title} does not let {target.user} in with the key that was offered"
    raise AuthenticationRefused(problem, "put the public key into ~/.ssh/authorized_keys there")


def _taken(transport: "paramiko.Transport", target: Target, key: "paramiko.PKey") -> bool:
    """Offer one key. paramiko would call a broken connection, or none in time, a refusal, too."""
    done = Event()
    try:
        transport.auth_publickey(target.user, key, done)
        answered = done.wait(target.timeouts.authentication)
    except _library_errors() as error:
        raise Unreachable(f"{target.title} hung up while a key was offered ({_told(error)})") from error
    if transport.is_authenticated():
        return True
    if not answered:
        seconds = target.timeouts.authentication
        raise Unreachable(f"{target.title} did not say within {seconds:g} seconds whether it takes a key")
    if not transport.is_active():
        raise Unreachable(f"{target.title} hung up while a key was offered")
    return False


def _library_errors() -> tuple[type[Exception], ...]:
    """Return what paramiko raises: whatever its thread met when a server sent nonsense, as it was met."""
    import paramiko
    from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm

    nonsense = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, AssertionError)
    forged = (InvalidSignature, InvalidTag, UnsupportedAlgorithm)
    return (paramiko.SSHException, OSError, EOFError, struct.error, *nonsense, *forged)


def _told(error: Exception) -> str:
    """Say what happened, as far as anybody knows."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError) and error.strerror:
        return legible(error.strerror)
    return legible(str(error)) or "it was closed"
