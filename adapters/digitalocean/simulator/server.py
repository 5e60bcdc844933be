"""`DigitalOceanSimulator`, the face for tests: an API, and a server in front of it."""

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from ...simulation.serving import LOOPBACK, Server
from .api import Api
from .control import Backstage, RequestRecord
from .faults import FaultCount, FaultRule
from .wire import SERVER_NAME, JsonObject
from .world import Account, Timing, World


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
        self._server: Server | None = None
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
