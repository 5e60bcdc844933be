"""The simulated cloud's memory: accounts, identifiers, the clock, and what is due later.

Everything here is used under `World.lock`. Knows no HTTP and no rule of any one resource.
"""

import hashlib
import heapq
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Network
from itertools import islice

from .models import Action, Droplet, Firewall, LoadBalancer, ReservedIp, SshKey, Volume, Vpc
from .wire import JsonObject

# The ranges set aside for documentation and benchmarks (RFC 5737, RFC 2544): nobody's real servers.
DROPLET_POOL = (IPv4Network("203.0.113.0/24"), IPv4Network("198.51.100.0/24"), IPv4Network("198.18.0.0/16"))
OTHER_POOL = (IPv4Network("192.0.2.0/24"), IPv4Network("198.19.0.0/16"))


@dataclass(frozen=True)
class Timing:
    """How long things take, in seconds of the injected clock."""

    boot_seconds: float = 2.0
    action_seconds: float = 1.0
    list_lag_seconds: float = 0.0


@dataclass
class Account:
    """One customer of the simulated cloud and all that they have."""

    name: str
    token: str = field(repr=False)
    uuid: str
    email: str
    droplet_limit: int = 25
    floating_ip_limit: int = 5
    keys: dict[int, SshKey] = field(default_factory=dict)
    tags: dict[str, None] = field(default_factory=dict)  # a set that keeps its order
    vpcs: dict[str, Vpc] = field(default_factory=dict)
    firewalls: dict[str, Firewall] = field(default_factory=dict)
    droplets: dict[int, Droplet] = field(default_factory=dict)
    load_balancers: dict[str, LoadBalancer] = field(default_factory=dict)
    volumes: dict[str, Volume] = field(default_factory=dict)
    reserved_ips: dict[str, ReservedIp] = field(default_factory=dict)
    actions: dict[int, Action] = field(default_factory=dict)
    leaving: list[tuple[str, JsonObject]] = field(default_factory=list)  # VPC members gone but still listed
    agenda: list[tuple[float, int, Callable[[float], None]]] = field(default_factory=list, repr=False)

    def wipe(self) -> None:
        """Forget every resource, history included: the account was lost."""
        self.keys.clear()
        self.tags.clear()
        self.vpcs.clear()
        self.firewalls.clear()
        self.droplets.clear()
        self.load_balancers.clear()
        self.volumes.clear()
        self.reserved_ips.clear()
        self.actions.clear()
        self.agenda.clear()
        self.leaving.clear()

    def inventory(self) -> dict[str, int]:
        """How many of each kind there are; default VPCs are the cloud's own and not counted."""
        return {
            "ssh_keys": len(self.keys),
            "tags": len(self.tags),
            "vpcs": sum(not vpc.default for vpc in self.vpcs.values()),
            "firewalls": len(self.firewalls),
            "droplets": len(self.droplets),
            "load_balancers": len(self.load_balancers),
            "volumes": len(self.volumes),
            "reserved_ips": len(self.reserved_ips),
        }


class World:
    """All accounts, one lock, one clock, one source of identifiers."""

    def __init__(self, *, now: Callable[[], float], seed: int, timing: Timing) -> None:
        self.lock = threading.RLock()
        self.now = now
        self.timing = timing
        self.accounts: dict[str, Account] = {}
        self._seed = seed
        self._counters: Counter[str] = Counter()
        self._next_host: Counter[str] = Counter()

    def new_int(self, kind: str) -> int:
        """The next number of a kind, in a range of its own so that no two kinds are mixed up unseen."""
        starts = {"droplet": 400_000_000, "action": 2_000_000_000, "ssh_key": 40_000_000}
        self._counters[kind] += 1
        return starts[kind] + self._seed * 1000 + self._counters[kind]

    def new_uuid(self, kind: str) -> str:
        """The next UUID of a kind: it looks random and is the same in each run with the same seed."""
        self._counters[kind] += 1
        text = f"{self._seed}/{kind}/{self._counters[kind]}"
        return str(uuid.UUID(bytes=hashlib.blake2b(text.encode(), digest_size=16).digest(), version=4))

    def public_ip(self, pool: Sequence[IPv4Network]) -> str:
        """A free public address; freed ones come round again only when the pool has been walked through.

        The last network of the pool is for when the others are used up.
        """
        taken, name = self._taken_ips(), str(pool[0])
        # The first address of each network is its gateway's.
        addresses = [host for network in pool[:-1] for host in islice(network.hosts(), 1, None)]
        for _ in addresses:
            candidate = str(addresses[self._next_host[name] % len(addresses)])
            self._next_host[name] += 1
            if candidate not in taken:
                return candidate
        return next(str(host) for host in islice(pool[-1].hosts(), 1, None) if str(host) not in taken)

    def _taken_ips(self) -> set[str]:
        taken: set[str] = set()
        for account in self.accounts.values():
            taken.update(droplet.public_ip for droplet in account.droplets.values())
            taken.update(balancer.ip for balancer in account.load_balancers.values())
            taken.update(account.reserved_ips)
        return taken

    def later(self, account: Account, seconds: float, event: Callable[[float], None]) -> None:
        """Put an event on the account's agenda; it is told the time at which it was due."""
        self._counters["event"] += 1
        heapq.heappush(account.agenda, (self.now() + seconds, self._counters["event"], event))

    def settle(self, account: Account) -> None:
        """Let everything happen that is due by now. Called before anybody looks at the account."""
        while account.agenda and account.agenda[0][0] <= self.now():
            due, _, event = heapq.heappop(account.agenda)
            event(due)

    def find(self, name_or_token: str) -> Account | None:
        """The account of this name, or else of this token."""
        return self.accounts.get(name_or_token) or self.by_token(name_or_token)

    def by_token(self, token: str) -> Account | None:
        """The account this token opens."""
        return next((account for account in self.accounts.values() if account.token == token), None)


def stamp(moment: float) -> str:
    """A time as the API writes it."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
