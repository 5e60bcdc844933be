"""`HetznerSimulator`, the face for tests: an API, and a server in front of it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import TracebackType
from typing import Self

from ...simulation.faults import FaultCount, FaultRule
from ...simulation.serving import LOOPBACK, Server
from .api import Api, Exchange
from .wire import SERVER_NAME, JsonObject
from .world import Project, Timing, World

BANNER = "This is a simulator of Hetzner Cloud's API: nothing here is real and nothing costs money."


class HetznerSimulator:
    """A simulator of Hetzner Cloud's API on loopback, for tests and demos: nothing is real, nothing costs.

    A context manager: the server runs from entering to leaving. `projects` maps names to tokens. Time is
    that of `now`: boots, actions and the rate limit go by it, so a test advances its own clock instead of
    sleeping. With the same `seed` and the same requests the numbers are the same.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        projects: Mapping[str, str] | None = None,
        boot_seconds: float = 2.0,
        action_seconds: float = 1.0,
        hourly_limit: int = 3600,
        now: Callable[[], float] = time.time,
        seed: int = 1,
    ) -> None:
        self._world = World(now=now, seed=seed, timing=Timing(boot_seconds, action_seconds))
        self._api = Api(self._world, hourly_limit=hourly_limit)
        self._port = port
        self._server: Server | None = None
        for name, token in (projects or {}).items():
            self.add_project(name, token)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Bind the port and serve, in threads of its own."""
        self._server = Server(self._port, SERVER_NAME, self._api.handle)
        self._port = self._server.server_port  # started again, it is where it was, with all it knew
        self._api.faults.open()
        self._server.start()

    def stop(self) -> None:
        """Stop promptly, whatever is going on: hanging requests are let go, connections closed."""
        if self._server is None:
            return
        self._api.faults.close()
        self._server.stop()
        self._server = None

    @property
    def url(self) -> str:
        """Where it is, as hcloud and ``HCLOUD_ENDPOINT`` want it: "http://127.0.0.1:PORT/v1"."""
        if self._server is None:
            raise RuntimeError("the simulator is not running")
        return f"http://{LOOPBACK}:{self._server.server_port}/v1"

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """The requests so far and what came of them, the oldest first (the last two thousand)."""
        return tuple(self._api.log)

    @property
    def faults(self) -> tuple[FaultCount, ...]:
        """The fault rules in force, with how often each matched and hit."""
        return self._api.faults.counts

    def add_project(self, name: str, token: str, *, server_limit: int = 25) -> Project:
        """Open a project; its name and its token must both be new."""
        with self._world.lock:
            if not name or not token or name in self._world.projects or self._world.by_token(token):
                raise ValueError("a project needs a new name and a new token")
            project = Project(name, [token], server_limit)
            self._world.projects[name] = project
            return project

    def add_token(self, name: str, token: str, *, read_only: bool = False) -> None:
        """Give a project one token more."""
        with self._world.lock:
            if not token or self._world.by_token(token):
                raise ValueError("a new token is needed")
            project = self._project(name)
            project.tokens.append(token)
            project.read_only |= {token} if read_only else set()

    def inject(self, rule: FaultRule) -> None:
        """Put a fault rule in force."""
        self._api.faults.add(rule)

    def clear_faults(self) -> None:
        """Lift all fault rules; requests that hang go on."""
        self._api.faults.clear()

    def wipe(self, name: str) -> None:
        """Delete everything in the project at once, as if it had been lost."""
        with self._world.lock:
            self._project(name).wipe()

    def inventory(self, name: str) -> dict[str, int]:
        """How many resources of each kind the project has."""
        with self._world.lock:
            return self._project(name).inventory()

    def snapshot(self, name: str) -> JsonObject:
        """Everything the project has, for "exactly as before"; no actions."""
        with self._world.lock:
            kinds = self._project(name).kinds
            return {kind: [asdict(item) for item in items.values()] for kind, items in kinds.items()}

    def _project(self, name: str) -> Project:
        project = self._world.projects.get(name)
        if project is None:
            raise KeyError(f"there is no project {name!r}")
        self._world.settle(project)
        return project
