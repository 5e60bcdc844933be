"""A server on loopback that can be stopped at once, and whose connections break where that is asked for.

Knows sockets and threads; what is answered is said by whoever starts it.
"""

import json
import socket
import struct
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias, cast

JsonObject: TypeAlias = dict[str, Any]

LOOPBACK = "127.0.0.1"
JSON_TYPE = "application/json; charset=utf-8"
_LARGEST_BODY = 4 * 1024 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on with no time to linger: closing sends a reset


@dataclass(frozen=True)
class RawRequest:
    """A request as it came in."""

    method: str
    target: str
    authorization: str
    host: str
    body: bytes


@dataclass(frozen=True)
class Answer:
    """One HTTP answer: a JSON object, or a raw text where a fault wants broken JSON, or nothing."""

    status: int
    body: JsonObject | None = None
    text: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Silence:
    """No answer at all: the connection is closed, with a reset when `abrupt`."""

    abrupt: bool = False


Handle: TypeAlias = Callable[[RawRequest], "Answer | Silence"]


class Server(ThreadingHTTPServer):
    """A threading server that can be stopped at once, with clients still connected."""

    daemon_threads = False  # threads are joined at the end, and none outlives the server
    block_on_close = True
    request_queue_size = 128

    def __init__(self, port: int, name: str, handle: Handle) -> None:
        self.name = name
        self.handle = handle
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__((LOOPBACK, port), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, name=name)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection and remember it."""
        connection, address = super().get_request()
        with self._open_lock:
            self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Close a connection and forget it."""
        with self._open_lock:
            self._open.discard(request)
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(_RESET_ON_CLOSE)) == _RESET_ON_CLOSE:
            self.close_request(request)  # without the polite end that a shutdown would send first
        else:
            super().shutdown_request(request)

    def start(self) -> None:
        """Serve, in threads of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Stop promptly, whatever is going on."""
        self.shutdown()
        self._thread.join()
        self.hang_up()
        self.server_close()

    def hang_up(self) -> None:
        """End all connections, idle ones too: a thread waiting for the next request sees the end."""
        with self._open_lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue  # the client was quicker

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error of ours; anything else is shown."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    """One connection: reads requests, writes answers, or breaks off where a fault says so."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # header and body leave in one piece

    def version_string(self) -> str:
        """Say what this is on every answer."""
        return cast("Server", self.server).name

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Keep quiet: what was asked is in the simulator's own log."""

    def _serve(self) -> None:
        body = self._body()
        if body is None:
            return
        server = cast("Server", self.server)
        host = self.headers.get("Host", "") or f"{LOOPBACK}:{server.server_port}"
        authorization = self.headers.get("Authorization", "")
        outcome = server.handle(RawRequest(self.command, self.path, authorization, host, body))
        if isinstance(outcome, Silence):
            self._break_off(outcome)
        else:
            self._answer(outcome)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 - the base class looks for these

    def _body(self) -> bytes | None:
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal():
            self.send_error(HTTPStatus.LENGTH_REQUIRED)
            self.close_connection = True
            return None
        if int(length) > _LARGEST_BODY:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            self.close_connection = True
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):  # the client went away in the middle
            self.close_connection = True
            return None
        return body

    def _answer(self, answer: Answer) -> None:
        kind, content = JSON_TYPE, b""
        if answer.body is not None:
            content = json.dumps(answer.body).encode()
        elif answer.text is not None:
            kind, content = "text/html; charset=utf-8", answer.text.encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if answer.status != HTTPStatus.NO_CONTENT:
            self.wfile.write(content)

    def _break_off(self, silence: Silence) -> None:
        self.close_connection = True
        if silence.abrupt:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
