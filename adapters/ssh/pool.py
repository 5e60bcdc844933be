"""Connections that are kept, one a server, so that not each command shakes hands anew."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from .connection import Connection, Output, Target, connect
from .problems import SshError, Unreachable

if TYPE_CHECKING:
    import paramiko

LARGEST = 200
"""Connections that are kept at once, by default."""


@dataclass
class _Slot:
    """One server's connection: one command at a time, since some servers allow one session only."""

    target: Target
    lock: Lock = field(default_factory=Lock)
    connection: Connection | None = None
    users: int = 0
    failures: int = 0
    failure: SshError | None = None

    def session(self, failures: int) -> "tuple[Connection, paramiko.Channel]":
        """Return a channel on the connection, or on a new one: it may have been closed while it was idle.

        `failures` is how many attempts had failed when the caller came: who waited while another one
        failed is told the same, and does not wait for the same server again.
        """
        if self.connection is not None and self.connection.alive:
            try:
                return self.connection, self.connection.session()
            except Unreachable:
                self.connection = None
        if self.failure is not None and self.failures > failures:
            raise type(self.failure)(self.failure.problem, self.failure.advice) from self.failure
        try:
            self.connection = connect(self.target)
            return self.connection, self.connection.session()
        except SshError as error:
            self.failures += 1
            self.failure = error
            raise


class Pool:
    """Runs scripts on servers, from any number of threads. After `close` it opens connections again.

    `largest`: so many connections are kept while nobody uses them.
    """

    def __init__(self, *, largest: int = LARGEST) -> None:
        self._largest = largest
        self._lock = Lock()
        self._slots: dict[Target, _Slot] = {}  # the one used last is the last

    def run(self, target: Target, script: str, *, before: Callable[[], None] | None = None) -> Output:
        """Run a script; see `Connection.run`. Raises `SshError`."""
        with self._slot(target) as slot:
            failures = slot.failures
            with slot.lock:
                connection, session = slot.session(failures)
                return connection.run(script, session=session, before=before)

    def close(self) -> None:
        """Close all connections, also those in use."""
        with self._lock:
            slots, self._slots = list(self._slots.values()), {}
        for slot in slots:
            if slot.connection is not None:
                slot.connection.close()

    @contextmanager
    def _slot(self, target: Target) -> Iterator[_Slot]:
        with self._lock:
            slot = self._slots.pop(target, None) or _Slot(target)
            self._slots[target] = slot
            slot.users += 1
        try:
            yield slot
        finally:
            with self._lock:
                slot.users -= 1
                surplus = self._surplus(slot)
            for connection in surplus:
                connection.close()

    def _surplus(self, used: _Slot) -> list[Connection]:
        """Take out what is not to be kept: the connections that were not used for longest."""
        idle = [slot for slot in self._slots.values() if not slot.users]
        too_many = [self._slots.pop(slot.target) for slot in idle[: max(0, len(self._slots) - self._largest)]]
        if not used.users and self._slots.get(used.target) is not used and used not in too_many:
            too_many.append(used)  # all was closed while it was in use
        return [slot.connection for slot in too_many if slot.connection is not None]
