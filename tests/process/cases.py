"""The cases of `tests.process.kill`: what is done, and when it is killed; all drawn from a seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from tests.process.stage import PUBLIC_KEY

_YES = ("--yes", "--progress", "none", "-q")
_CREATE = ("create", "web", "--cloud", "digitalocean", *_YES)

_FILE = """\
name: web
kubernetes: "1.34"
cloud: digitalocean
region: nyc3
ssh_keys:
  - {{name: admin, public_key: {key}}}
pools:
  - {{name: control-plane, role: control-plane, count: 1, size: s-1vcpu-2gb}}
  - {{name: workers, role: worker, count: 2, size: s-1vcpu-2gb}}
{pool}firewalls:
  - name: workers
    role: worker
    allow:
      - {{protocol: tcp, ports: {port}, from: 0.0.0.0/0}}
volumes:
  - {{name: data, size: {size}GiB, server: workers-0}}
"""
BEFORE = _FILE.format(key=PUBLIC_KEY, pool="", port=22, size=10)
_EXTRA = "  - {name: extra, role: worker, count: 2, size: s-1vcpu-2gb}\n"
AFTER = _FILE.format(key=PUBLIC_KEY, pool=_EXTRA, port=443, size=20)
REVERSIBLE = _FILE.format(key=PUBLIC_KEY, pool=_EXTRA, port=443, size=10)
"""The same without the volume that grows: no cloud makes one smaller, so nobody can go back from that."""


@dataclass(frozen=True)
class Operation:
    """What is killed: the commands before it, its own, and the account and name it works on."""

    name: str
    before: Sequence[Sequence[str]]
    words: Sequence[str]
    account: str = "first"
    cluster: str = "web"

    @property
    def go_on(self) -> Sequence[str]:
        """The command that the documentation names for going on."""
        if self.name in {"delete", "migrate"}:
            return self.words
        return ("apply", self.cluster, *_YES)

    @property
    def abandon(self) -> Sequence[str]:
        """The command that goes back instead."""
        return ("apply", self.cluster, "--abandon", *_YES)


OPERATIONS = (
    Operation("create", (), _CREATE),
    Operation("scale up", (_CREATE,), ("scale", "web", "workers=4", *_YES)),
    Operation("scale down", ((*_CREATE, "--nodes", "4"),), ("scale", "web", "workers=1", *_YES)),
    Operation("apply", (("apply", "-f", "before.yaml", *_YES),), ("apply", "-f", "after.yaml", *_YES)),
    Operation(
        "restore",
        (_CREATE, ("capture", "web", "--out", "web.ksnap")),
        ("restore", "web.ksnap", "--as", "web-eu", "--on", "digitalocean:fra1", *_YES),
        "second",
        "web-eu",
    ),
    Operation(
        "migrate",
        (_CREATE,),
        ("migrate", "web", "--to", "digitalocean:fra1", "--as", "web-eu", "--no-reach", *_YES),
        "first",
        "web-eu",
    ),
    Operation("delete", (_CREATE,), ("delete", "web", "--yes=web", "--progress", "none", "-q")),
)
APPLY_REVERSIBLY = Operation(
    "apply", (("apply", "-f", "before.yaml", *_YES),), ("apply", "-f", "reversible.yaml", *_YES)
)
CAN_BE_ABANDONED = frozenset({"create", "scale up", "scale down", "apply"})
DELETES = frozenset({"scale down", "delete"})
"""These delete before they end; what is deleted does not come back by going back, but by an `apply`."""


class Phase(StrEnum):
    """Where a kill hit."""

    BEFORE = "before the first event"
    MIDDLE = "in the middle"
    AFTER = "after the end"


@dataclass(frozen=True)
class Conditions:
    """What the cloud is like: the network's round trip, and how long its lists lag behind, in seconds."""

    round_trip: float
    list_lag: float


NEAR = Conditions(round_trip=0.02, list_lag=0.1)
FAR = Conditions(round_trip=0.2, list_lag=2.0)
"""Many kills hit a call on its way, and what it made is not in the lists yet when the next command looks."""


@dataclass(frozen=True)
class Case:
    """One case, drawn from its seed.

    `kills` are moments: from 0 to 1 while the command starts and looks, from 1 to 2 from the operation's
    first event to the command's end, as shares of what they take when nobody kills.
    """

    seed: int
    operation: Operation
    kills: Sequence[float]
    abandons: bool
    conditions: Conditions

    @classmethod
    def drawn(cls, seed: int) -> "Case":
        """Draw a case. Seeds in a row go through the operations in turn."""
        random = Random(seed)
        operation = OPERATIONS[seed % len(OPERATIONS)]
        # most kills are to hit when there is something to break
        first = random.choices(((0.0, 1.0), (1.0, 2.0), (2.0, 2.1)), (20, 75, 5))[0]
        kills = [random.uniform(*first)]
        if random.random() < 0.35:
            kills.append(random.uniform(0.3, 2.0))
        abandons = random.random() < 0.5 and operation.name in CAN_BE_ABANDONED
        if abandons and operation.name == "apply":
            operation = APPLY_REVERSIBLY
        conditions = FAR if random.random() < 0.25 else NEAR
        return cls(seed, operation, kills, abandons, conditions)
