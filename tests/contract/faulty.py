"""A server in front of a server, which lets requests and answers get lost on purpose."""

import http.client
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


class Fault(Enum):
    """What happens to an exchange; a number is an answer of that status."""

    CUT_REQUEST = "the connection ends in the middle of the request, which never arrives"
    LOSE_ANSWER = "the request arrives and its answer does not"
    CUT_ANSWER = "the connection ends in the middle of the answer"


@dataclass
class Faulty:
    """`plan` says what happens to requests whose line holds a text, and how many times yet."""

    url: str
    plan: list[tuple[str, Fault | int, int]] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    def fail(self, text: str, fault: Fault | int, times: int = 1) -> None:
        self.plan.append((text, fault, times))

    def fate(self, line: str) -> Fault | int | None:
        self.seen.append(line)
        for number, (text, fault, times) in enumerate(self.plan):
            if text in line and times:
                self.plan[number] = (text, fault, times - 1)
                return fault
        return None


@contextmanager
def faulty(upstream: str) -> Iterator[Faulty]:
    """Serve on loopback in front of `upstream`."""
    front = Faulty("")
    server = _Server(front, urlsplit(upstream).netloc)
    front.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield front
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, front: Faulty, target: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.front = front
        self.target = target

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that goes away is what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server  # type: ignore[mutable-override]  # there is no other

    def handle_one_request(self) -> None:
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        fate = self.server.front.fate(f"{self.command} {self.path}")
        length = int(self.headers.get("Content-Length", 0))
        if self.headers.get("Expect"):
            self.send_response_only(100)
            self.end_headers()
        if fate is Fault.CUT_REQUEST:
            self.rfile.read(length // 2)
            self.close_connection = True
            return
        body = self.rfile.read(length)
        if isinstance(fate, int):
            self._answer(fate, [], b"<Error><Code>Trouble</Code><Message>canary-text</Message></Error>")
            return
        status, headers, content = self._forward(body)
        if fate is Fault.LOSE_ANSWER:
            self.close_connection = True
            return
        self._answer(status, headers, content, cut=fate is Fault.CUT_ANSWER)

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        with closing(http.client.HTTPConnection(self.server.target, timeout=30)) as connection:
            connection.request(self.command, self.path, body, dict(self.headers.items()))
            answer = connection.getresponse()
            return answer.status, answer.getheaders(), answer.read()

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, *, cut: bool = False) -> None:
        self.send_response_only(status)
        length = {"content-length": str(len(body))}  # unless another is given: of what HEAD leaves out
        given = {name.lower(): value for name, value in headers}
        for name, value in (length | given).items():
            if name not in {"connection", "transfer-encoding"}:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) // 2] if cut else body)
        self.wfile.flush()
        self.close_connection = self.close_connection or cut
