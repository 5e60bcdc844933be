"""The simulated cloud's memory: projects, numbers, the clock, and what is due later.

Everything here is used under `World.lock`. Knows no HTTP and no rule of any one resource.
"""

import heapq
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Network
from typing import Any

from .models import Action, Firewall, FloatingIp, LoadBalancer, Network, Server, SshKey, Volume
from .wire import JsonObject

# The ranges set aside for documentation and benchmarks (RFC 5737, RFC 2544): nobody's real servers.
_POOL = (IPv4Network("203.0.113.0/24"), IPv4Network("198.51.100.0/24"), IPv4Network("198.18.0.0/15"))


@dataclass(frozen=True)
class Timing:
    """How long things take, in seconds of the injected clock."""

    boot_seconds: float = 2.0
    action_seconds: float = 1.0


@dataclass
class Project:
    """One project of the simulated cloud and all that is in it. Tokens open it; it has no other name."""

    name: str
    tokens: list[str] = field(repr=False)
    server_limit: int = 25
    read_only: set[str] = field(default_factory=set, repr=False)
    ssh_keys: dict[int, SshKey] = field(default_factory=dict)
    networks: dict[int, Network] = field(default_factory=dict)
    firewalls: dict[int, Firewall] = field(default_factory=dict)
    servers: dict[int, Server] = field(default_factory=dict)
    volumes: dict[int, Volume] = field(default_factory=dict)
    load_balancers: dict[int, LoadBalancer] = field(default_factory=dict)
    floating_ips: dict[int, FloatingIp] = field(default_factory=dict)
    actions: dict[int, Action] = field(default_factory=dict)
    agenda: list[tuple[float, int, Callable[[float], None]]] = field(default_factory=list, repr=False)

    @property
    def kinds(self) -> dict[str, dict[int, Any]]:
        """All that a project holds, by kind."""
        return {
            "ssh_keys": self.ssh_keys,
            "networks": self.networks,
            "firewalls": self.firewalls,
            "servers": self.servers,
            "volumes": self.volumes,
            "load_balancers": self.load_balancers,
            "floating_ips": self.floating_ips,
        }

    def wipe(self) -> None:
        """Forget everything: it was lost."""
        for items in self.kinds.values():
            items.clear()
        self.actions.clear()
        self.agenda.clear()

    def inventory(self) -> dict[str, int]:
        """How many of each kind there are."""
        return {kind: len(items) for kind, items in self.kinds.items()}


class World:
    """All projects, one lock, one clock, one source of numbers: no two things anywhere have the same."""

    def __init__(self, *, now: Callable[[], float], seed: int, timing: Timing) -> None:
        self.lock = threading.RLock()
        self.now = now
        self.timing = timing
        self.projects: dict[str, Project] = {}
        self._counters: Counter[str] = Counter()
        self._first = 1_000_000 + seed * 1_000_000
        self._address = 0

    def new_id(self, kind: str) -> int:
        """The next number."""
        self._counters["id"] += 1
        return (500_000_000 if kind == "action" else 0) + self._first + self._counters["id"]

    def public_ip(self) -> str:
        """The next public address, round and round; the first of a network is its gateway's."""
        while True:
            place = self._address % sum(network.num_addresses - 3 for network in _POOL)
            self._address += 1
            for network in _POOL:
                if place < network.num_addresses - 3:
                    return str(network[place + 2])
                place -= network.num_addresses - 3

    def later(self, project: Project, seconds: float, event: Callable[[float], None]) -> None:
        """Put an event on the project's agenda; it is told the time at which it was due."""
        self._counters["event"] += 1
        heapq.heappush(project.agenda, (self.now() + seconds, self._counters["event"], event))

    def settle(self, project: Project) -> None:
        """Let everything happen that is due by now. Called before anybody looks at the project."""
        while project.agenda and project.agenda[0][0] <= self.now():
            due, _, event = heapq.heappop(project.agenda)
            event(due)

    def by_token(self, token: str) -> Project | None:
        """The project this token opens."""
        return next((item for item in self.projects.values() if token in item.tokens), None)

    def act(
        self,
        project: Project,
        command: str,
        *resources: tuple[str, int],
        seconds: float | None = None,
        finish: Callable[[], object] = lambda: None,
    ) -> Action:
        """Begin an action; `finish` is called when its time has come."""
        action = Action(
            id=self.new_id("action"),
            command=command,
            started=stamp(self.now()),
            resources=tuple(resources),
        )
        project.actions[action.id] = action

        def over(due: float) -> None:
            finish()
            action.status, action.finished = "success", stamp(due)

        self.later(project, self.timing.action_seconds if seconds is None else seconds, over)
        return action


def stamp(moment: float) -> str:
    """A time as the API writes it."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00")


def action_view(action: Action) -> JsonObject:
    """An action as the API shows it."""
    return {
        "id": action.id,
        "command": action.command,
        "status": action.status,
        "progress": 100 if action.finished else 0,
        "started": action.started,
        "finished": action.finished,
        "resources": [{"type": kind, "id": number} for kind, number in action.resources],
        "error": action.error,
    }
