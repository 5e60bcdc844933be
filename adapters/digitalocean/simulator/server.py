"""The HTTP server in front of the API, and `DigitalOceanSimulator`, the face for tests.

Knows sockets and threads; what is answered is the API's business.
"""

import json
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, cast

from .api import Api, RawRequest
from .control import Backstage, RequestRecord
from .faults import FaultCount, FaultRule
from .wire import JSON_TYPE, SERVER_NAME, Answer, JsonObject, Silence
from .world import Account, Timing, World

LOOPBACK = "127.0.0.1"
_LARGEST_BODY = 4 * 1024 * 1024
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER on with no time to linger: closing sends a reset


class _Server(ThreadingHTTPServer):
    """A threading server that can be stopped at once, with clients still connected."""

    daemon_threads = False  # threads are joined at the end, and none outlives the server
    block_on_close = True
    request_queue_size = 128

    def __init__(self, port: int, api: Api) -> None:
        self.api = api
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__((LOOPBACK, port), _Handler)

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
        return SERVER_NAME

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
        """Keep quiet: what was asked is in the simulator's own log."""

    def _serve(self) -> None:
        body = self._body()
        if body is None:
            return
        server = cast("_Server", self.server)
        host = self.headers.get("Host", "") or f"{LOOPBACK}:{server.server_port}"
        authorization = self.headers.get("Authorization", "")
        outcome = server.api.handle(RawRequest(self.command, self.path, authorization, host, body))
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


class DigitalOceanSimulator:
    """A simulator of DigitalOcean's API on loopback, for tests and demos: nothing is real, nothing costs.

    A context manager: the server runs from entering to leaving. `accounts` maps names to tokens. Time is
    that of `now`: boots, actions, list lag and rate limits go by it, so a test advances its own clock
    instead of sleeping. With a clock that stands still the burst limit never recovers: `burst_limit=None`
    takes it away. With the same `seed` and the same requests the identifiers are the same.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        accounts: Mapping[str, str] | None = None,
        boot_seconds: float = 2.0,
        action_seconds: float = 1.0,
        list_lag_seconds: float = 0.0,
        burst_limit: int | None = 250,
        hourly_limit: int = 5000,
        now: Callable[[], float] = time.time,
        seed: int = 1,
    ) -> None:
        timing = Timing(boot_seconds, action_seconds, list_lag_seconds)
        self._world = World(now=now, seed=seed, timing=timing)
        self._api = Api(self._world, hourly_limit=hourly_limit, burst_limit=burst_limit)
        self._port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        for name, token in (accounts or {}).items():
            self.add_account(name, token)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Bind the port and serve, in threads of its own."""
        self._server = _Server(self._port, self._api)
        self._port = self._server.server_port  # started again, it is where it was, with all it knew
        self._api.faults.open()
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name=SERVER_NAME
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop promptly, whatever is going on: hanging requests are let go, connections closed."""
        if self._server is None or self._thread is None:
            return
        self._api.faults.close()
        self._server.shutdown()
        self._thread.join()
        self._server.hang_up()
        self._server.server_close()
        self._server = self._thread = None

    @property
    def port(self) -> int:
        """The port it listens on; known while it runs."""
        if self._server is None:
            raise RuntimeError("the simulator is not running")
        return self._server.server_port

    @property
    def endpoint(self) -> str:
        """Where it is, as pydo wants it: without the version and without a slash at the end."""
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def url(self) -> str:
        """Where it is, as python-digitalocean wants it: "http://127.0.0.1:PORT/v2/"."""
        return f"{self.endpoint}/v2/"

    @property
    def requests(self) -> tuple[RequestRecord, ...]:
        """The requests so far, the oldest first (the last ten thousand)."""
        return tuple(self._api.log)

    @property
    def faults(self) -> tuple[FaultCount, ...]:
        """The fault rules in force, with how often each matched and hit."""
        return self._api.faults.counts

    def add_account(
        self,
        name: str,
        token: str,
        *,
        email: str = "",
        droplet_limit: int = 25,
        floating_ip_limit: int = 5,
    ) -> Account:
        """Open an account."""
        return self._backstage.add_account(
            name, token, email=email, droplet_limit=droplet_limit, floating_ip_limit=floating_ip_limit
        )

    def set_droplet_limit(self, name: str, limit: int) -> None:
        """Change how many droplets the account may have."""
        with self._world.lock:
            self._backstage.account(name).droplet_limit = limit

    def inject(self, rule: FaultRule) -> None:
        """Put a fault rule in force."""
        self._api.faults.add(rule)

    def clear_faults(self) -> None:
        """Lift all fault rules; requests that hang go on."""
        self._api.faults.clear()

    def wipe(self, name: str) -> None:
        """Delete everything in the account at once, as if it had been lost."""
        self._backstage.wipe(name)

    def inventory(self, name: str) -> dict[str, int]:
        """How many resources of each kind the account has; default VPCs do not count."""
        return self._backstage.inventory(name)

    def snapshot(self, name: str) -> JsonObject:
        """Everything the account has, for "exactly as before"; no action history, no default VPCs."""
        return self._backstage.snapshot(name)

    @property
    def _backstage(self) -> Backstage:
        return self._api.backstage
