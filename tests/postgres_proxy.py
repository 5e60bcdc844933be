"""A proxy between kubisnap and PostgreSQL that loses a connection where a test wants it lost."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from threading import Event
from types import TracebackType
from typing import Self

from tests.postgres_server import LOOPBACK, Database


class Loss(Enum):
    """What becomes of the next COMMIT."""

    BEFORE = "it does not get to the server"
    AFTER = "it gets there, and its answer does not come back"


class Proxy:
    """Passes bytes on in both directions. `lose` names what to do with the next COMMITs, in order."""

    def __init__(self, database: Database, *lose: Loss, then_down: bool = False) -> None:
        self._database = database
        self._lose = list(lose)
        self._then_down = then_down
        self._listener = socket.create_server((LOOPBACK, 0))
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = [self._listener]
        self.connections = 0

    @property
    def url(self) -> str:
        """The database's address through here."""
        port = self._listener.getsockname()[1]
        return self._database.url.replace(f":{self._database.server.port}/", f":{port}/") + "?sslmode=disable"

    def __enter__(self) -> Self:
        self._begin(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in list(self._open):
            _end(one)
        for thread in self._threads:
            thread.join(10)

    def _begin(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.connections += 1
                far = socket.create_connection((LOOPBACK, self._database.server.port))
                self._open += [near, far]
                signs = Event(), Event()
                self._begin(self._forwards, near, far, *signs)
                self._begin(self._back, near, far, *signs)

    def _forwards(self, near: socket.socket, far: socket.socket, muted: Event, answered: Event) -> None:
        with suppress(OSError):  # the end of one side is the end of the other
            for data in _chunks(near):
                if b"COMMIT" in data and self._lose:
                    if self._then_down:
                        _end(self._listener)
                    if self._lose.pop(0) is Loss.AFTER:
                        muted.set()
                        far.sendall(data)
                        answered.wait(10)
                    break
                far.sendall(data)
        _end(near)
        _end(far)

    @staticmethod
    def _back(near: socket.socket, far: socket.socket, muted: Event, answered: Event) -> None:
        for data in _chunks(far):
            if muted.is_set():
                answered.set()
                continue
            try:
                near.sendall(data)
            except OSError:
                return


def _chunks(one: socket.socket) -> Iterator[bytes]:
    with suppress(OSError):
        while data := one.recv(65536):
            yield data


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()


@contextmanager
def lossy(database: Database, *lose: Loss, then_down: bool = False) -> Iterator[Proxy]:
    """Run a proxy until the block ends."""
    with Proxy(database, *lose, then_down=then_down) as proxy:
        yield proxy
