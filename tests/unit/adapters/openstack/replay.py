"""A server on loopback that answers as a real OpenStack once did, or with what goes wrong.

Answers were recorded by `python -m tests.openstack.record`; the same requests get them again, in the same
order. Keystone and the services' version pages are made up here: they carry addresses, which differ.
"""

import json
import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote, urlsplit

RECORDED = Path(__file__).with_name("recorded.json")
TOKEN = "gAAAA-canary-of-the-token"
PASSWORD = "canary-of-the-password"
PROJECT = "0123456789abcdef0123456789abcdef"

BASES = {
    "compute": "/compute/v2.1",
    "network": "/network",
    "image": "/image",
    "volumev3": f"/volume/v3/{PROJECT}",
    "load-balancer": "/balancer",
}
"""Where each service of the catalogue is, below the server's address."""

_PAGES: dict[str, tuple[str, str, str]] = {
    "/compute/v2.1": ("v2.1", "2.93", ""),
    "/network": ("v2.0", "", "/v2.0/"),
    "/image": ("v2.15", "", "/v2/"),
    "/volume": ("v3.0", "3.70", "/v3/"),
    "/volume/v3": ("v3.0", "3.70", ""),
    "/balancer": ("v2.26", "", "/v2/"),
    "/identity/v3": ("v3.14", "", ""),
}


def key_of(method: str, target: str) -> str:
    """Return what tells requests apart: the method, the path and the query in one order."""
    parts = urlsplit(target)
    query = "&".join(f"{name}={value}" for name, value in sorted(parse_qsl(parts.query)))
    return f"{method} {unquote(parts.path)}{'?' if query else ''}{query}"


@dataclass
class Trouble:
    """What happens to requests that match instead of a recorded answer. `status` 0 cuts the connection."""

    pattern: re.Pattern[str]
    status: int
    body: bytes
    headers: dict[str, str]
    times: int


@dataclass
class Replay:
    """The server's memory. `asked` are the requests that came, `strange` those with another body."""

    url: str
    answers: dict[str, list[dict[str, Any]]]
    services: tuple[str, ...] = tuple(BASES)
    roles: tuple[str, ...] = ("member", "reader")
    regions: tuple[str, ...] = ("RegionOne",)
    plain_host: str = ""
    asked: list[str] = field(default_factory=list)
    bodies: list[tuple[str, Any]] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    troubles: list[Trouble] = field(default_factory=list)
    _at: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def settings(self) -> dict[str, str]:
        """Return an environment that opens it."""
        return {
            "OS_AUTH_URL": f"{self.url}/identity/v3",
            "OS_USERNAME": "ada",
            "OS_PASSWORD": PASSWORD,
            "OS_PROJECT_NAME": "demo",
        }

    def trouble(
        self,
        pattern: str,
        status: int,
        body: object = b"",
        *,
        times: int = 1,
        **headers: str,
    ) -> None:
        """Answer the next requests that match so; `headers` are written with underscores."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.troubles.append(Trouble(re.compile(pattern), status, data, named, times))

    def answer(self, method: str, target: str, body: bytes) -> tuple[int, dict[str, str], bytes] | None:
        """Return status, headers and body; None cuts the connection."""
        key = key_of(method, target)
        with self._lock:
            self.asked.append(key)
            if body and not key.endswith("/auth/tokens"):
                self.bodies.append((key, json.loads(body)))
            for trouble in self.troubles:
                if trouble.times > 0 and trouble.pattern.search(key):
                    trouble.times -= 1
                    return None if not trouble.status else (trouble.status, trouble.headers, trouble.body)
            made_up = self._made_up(method, urlsplit(target).path.rstrip("/"))
            if made_up is not None:
                return made_up
            found = self.answers.get(key)
            if found is None:
                self.strange.append(f"never asked before: {key}")
                return 404, {}, b'{"itemNotFound": {"code": 404, "message": "not recorded"}}'
            recorded = found[min(self._at[key], len(found) - 1)]
            self._at[key] += 1
        if "body" in recorded and (json.loads(body) if body else None) != recorded["body"]:
            self.strange.append(f"another body: {key}: {body.decode()}")
        data = recorded.get("answer")
        return recorded["status"], {}, b"" if data is None else json.dumps(data).encode()

    def _made_up(self, method: str, path: str) -> tuple[int, dict[str, str], bytes] | None:
        if (method, path) == ("POST", "/identity/v3/auth/tokens"):
            return 201, {"X-Subject-Token": TOKEN}, json.dumps(self._token()).encode()
        if method != "GET" or path not in _PAGES:
            return None
        version, newest, below = _PAGES[path]
        page = {
            "id": version,
            "status": "CURRENT",
            "links": [{"rel": "self", "href": f"{self.url}{path}{below}"}],
        }
        if newest:
            page |= {"version": newest, "min_version": f"{newest[0]}.1" if newest[0] == "2" else "3.0"}
        told: dict[str, Any] = {"versions": [page]} if below else {"version": page}
        return 200, {}, json.dumps(told).encode()

    def _token(self) -> dict[str, Any]:
        catalog = [
            {
                "type": service,
                "name": service,
                "endpoints": [
                    {
                        "interface": "public",
                        "region_id": region,
                        "region": region,
                        "url": (self.plain_host or self.url) + BASES[service],
                    }
                    for region in self.regions
                ],
            }
            for service in self.services
        ]
        return {
            "token": {
                "methods": ["password"],
                "user": {"id": "u1", "name": "ada", "domain": {"id": "default", "name": "Default"}},
                "project": {
                    "id": PROJECT,
                    "name": "demo",
                    "domain": {"id": "default", "name": "Default"},
                },
                "roles": [{"id": role, "name": role} for role in self.roles],
                "catalog": catalog,
                "issued_at": "2026-11-27T00:00:00.000000Z",
                "expires_at": "2126-11-27T00:00:00.000000Z",
            }
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body leave together
    memory: ClassVar[Replay]

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        answered = self.memory.answer(self.command, self.path, body)
        if answered is None:
            self.close_connection = True
            self.connection.close()
            return
        status, headers, data = answered
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  # as the library wants it

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def replay(answers: dict[str, list[dict[str, Any]]] | None = None) -> Iterator[Replay]:
    """Serve recorded answers, or those given."""
    if answers is None:
        answers = json.loads(RECORDED.read_text())["answers"]

    class Handler(_Handler):
        memory: ClassVar[Replay]

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    host, port = server.server_address[:2]
    memory = Replay(url=f"http://{host!s}:{port}", answers=answers)
    Handler.memory = memory
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
