"""A server that answers what it is told to, one answer a request: for what no well-behaved server does."""

import json
import socket
import struct
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias, cast
from urllib.parse import parse_qs, urlsplit

Step: TypeAlias = Callable[[BaseHTTPRequestHandler], None]


@dataclass(frozen=True)
class Seen:
    """A request that came in."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class ScriptedServer:
    """Answers in order; `always` is for requests beyond the script. Loopback only."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.connections = 0
        self.always: Step | None = None
        self.stopping = threading.Event()
        self._script: list[Step] = []
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def end_point(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def url(self) -> str:
        """Where it is, as DigitalOcean's adapter wants it."""
        return f"{self.end_point}/v2/"

    @property
    def last(self) -> Seen:
        return self.seen[-1]

    def then(self, step: Step) -> None:
        """Do this at the next request."""
        self._script.append(step)

    def answer(self, body: Any = None, status: int = 200, **headers: str) -> None:
        """Answer the next request with JSON, or with bytes as they are."""
        self.then(answering(body, status, **headers))

    def raw(self, text: bytes) -> None:
        """Send these bytes as the whole answer, then hang up."""
        self.then(lambda handler: _raw(handler, text))

    def reset(self) -> None:
        """Read the next request, then reset the connection."""
        self.then(_reset)

    def hang(self) -> None:
        """Never answer the next request."""
        self.then(lambda _: self._wait())

    def drip(self) -> None:
        """Answer the next request a byte at a time, without end."""
        self.then(self._drip)

    def _wait(self) -> None:
        self.stopping.wait(30)

    def _drip(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000000")
        handler.end_headers()
        while not self.stopping.wait(0.02):
            try:
                handler.wfile.write(b" ")
            except OSError:
                break
        handler.close_connection = True

    def take(self, seen: Seen) -> Step:
        with self._lock:
            self.seen.append(seen)
            if self._script:
                return self._script.pop(0)
            return self.always or answering({"id": "nothing", "message": "nothing was scripted"}, 418)

    def opened(self, connection: socket.socket) -> None:
        with self._lock:
            self.connections += 1
            self._open.add(connection)

    def closed(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)

    def stop(self) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._thread.join()
        with self._lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # it is gone already
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(self, script: ScriptedServer) -> None:
        self.script = script
        super().__init__(("127.0.0.1", 0), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.script.opened(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self.script.closed(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients go away here on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep quiet."""

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(length)
        if len(body) < length:  # the client hung up in the middle of it: no request
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        script = cast("_Server", self.server).script
        script.take(Seen(self.command, parts.path, parse_qs(parts.query), headers, body))(self)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815


def answering(body: Any = None, status: int = 200, **headers: str) -> Step:
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()

    def step(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {"content-type": "application/json", **headers}.items():
            handler.send_header(name.replace("_", "-"), value)
        if status != 204:
            handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        if status != 204:
            handler.wfile.write(content)

    return step


def _raw(handler: BaseHTTPRequestHandler, text: bytes) -> None:
    handler.wfile.write(text)
    handler.close_connection = True


def _reset(handler: BaseHTTPRequestHandler) -> None:
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
