"""What the log of one cluster adds up to: declared intent, bindings, the operation that holds it.

Knows: specs, resources and events. How events change it is in `state`.
"""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import msgspec

from . import events as ev
from .model import (
    ClusterSpec,
    DriftRule,
    FirewallSpec,
    LoadBalancerSpec,
    NetworkSpec,
    Placement,
    PoolSpec,
    ReservedIpSpec,
    SshKeySpec,
    VolumeSpec,
    canonical,
)
from .resources import ClusterRef, Key, Kind, Resource

NOTING = frozenset({ev.OperationKind.CAPTURE, ev.OperationKind.MIGRATE})
"""Operations that write something down and change nothing in the cluster."""


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """A logical resource and what it is at the cloud. `resource` is the spec last applied."""

    resource_id: str
    provider_name: str
    resource: Resource
    owned: bool
    version: int
    ready: bool = False
    attributes: dict[str, str] = {}


@dataclass
class OpenStep:
    """A step with no outcome yet.

    `answered`: its call had its effect and the rest is waiting. `doubtful`: an attempt of it may have
    had its effect unseen.
    """

    action: str
    key: Key
    resource_id: str
    version: int
    time: int
    compensates: bool
    changed: tuple[str, ...] = ()
    before: Resource | None = None
    answered: bool = False
    doubtful: bool = False


class Touched(NamedTuple):
    """A resource that was changed in place, and what it was before."""

    resource_id: str
    before: Resource
    changed: tuple[str, ...]


@dataclass
class Work:
    """What one or several operations did, as far as it is not taken back: what a rollback goes by.

    `made` is in the order of making, `unknown` holds the calls that may have made something nobody
    has seen, by operation and step.
    """

    made: list[tuple[Key, str]] = field(default_factory=list)
    touched: dict[Key, Touched] = field(default_factory=dict)
    unknown: dict[tuple[int, int], OpenStep] = field(default_factory=dict)
    removed: list[Key] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to take back."""
        return not (self.made or self.touched or self.unknown)

    def forget(self, key: Key, resource_id: str) -> None:
        """Strike out what is gone."""
        if (key, resource_id) in self.made:
            self.made.remove((key, resource_id))
        if key in self.touched and self.touched[key].resource_id == resource_id:
            del self.touched[key]

    def add(self, other: "Work") -> None:
        """Take in what a later operation did; of what both changed, the first knows how it was before."""
        self.made += [item for item in other.made if item not in self.made]
        for key, touched in other.touched.items():
            self.touched.setdefault(key, touched)
        self.unknown |= other.unknown
        self.removed += other.removed


@dataclass
class OpenOperation:
    """An operation that has started and not ended. `lease_seconds` counts from `last_event`."""

    number: int
    kind: ev.OperationKind
    actor: str
    holder: ev.Holder
    started: int
    last_event: int
    version: int
    lease_seconds: int
    before: "ClusterState"
    steps: dict[int, OpenStep] = field(default_factory=dict)
    work: Work = field(default_factory=Work)
    rolling_back: bool = False

    def left_behind(self, unfinished: "Unfinished | None") -> "Unfinished":
        """Return what is unfinished if this operation ends here, together with what was before it."""
        if unfinished is None:
            return Unfinished(
                [self.number], self.kind, self.kind, self.before, self.undone(), self.rolling_back
            )
        work = Work()
        work.add(unfinished.work)
        work.add(self.undone())
        numbers = [*unfinished.numbers, self.number]
        return Unfinished(numbers, unfinished.kind, self.kind, unfinished.before, work, self.rolling_back)

    def undone(self) -> Work:
        """Return the work with the steps that have no outcome sorted in."""
        work = Work(list(self.work.made), dict(self.work.touched), dict(self.work.unknown), self.work.removed)
        for number, step in self.steps.items():
            if step.compensates:
                continue
            if step.action == "create" and (step.doubtful or not step.answered):
                # its call may have been tried again for as long as the operation was heard of
                work.unknown[self.number, number] = replace(step, time=max(step.time, self.last_event))
            elif step.action == "update" and step.before is not None:
                work.touched.setdefault(step.key, Touched(step.resource_id, step.before, step.changed))
            elif step.action == "delete":
                work.removed = [*work.removed, step.key]
        return work


@dataclass
class Unfinished:
    """Operations that did not come to their end, one continuing the other; `before` is how it was declared.

    `kind` is the first one's, `last` the last one's; `rolling_back`: that one was taking back.
    """

    numbers: list[int]
    kind: ev.OperationKind
    last: ev.OperationKind
    before: "ClusterState"
    work: Work
    rolling_back: bool = False


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """A migration from or to this cluster, and the steps that were taken, in their order, by name."""

    id: str
    source: ev.MigrationEnd
    target: ev.MigrationEnd
    taken: dict[str, ev.MigrationStepTaken]

    def after(self, event: ev.MigrationStepTaken) -> "Migration":
        """Return it one step further, or back: what was taken after that step does not count any more."""
        taken = {name: item for name, item in self.taken.items() if item.number < event.number}
        return msgspec.structs.replace(self, target=event.target, taken={**taken, event.step: event})


@dataclass
class ClusterState:
    """What the log says about one cluster, up to `position` (0: nothing).

    `strays` are resources that the log knows although they belong to nothing that is declared: what
    a holder that had lost its lease made after all. `drifted` is what was last told of each drift,
    `migration` the newest one from here, or to here.
    """

    position: int = 0
    cluster_id: str = ""
    name: str = ""
    kubernetes: str = ""
    placement: Placement | None = None
    origin: ev.Origin | None = None
    network: NetworkSpec = NetworkSpec()  # noqa: RUF009 - frozen
    ssh_keys: dict[str, SshKeySpec] = field(default_factory=dict)
    firewalls: dict[str, FirewallSpec] = field(default_factory=dict)
    pools: dict[str, PoolSpec] = field(default_factory=dict)
    load_balancers: dict[str, LoadBalancerSpec] = field(default_factory=dict)
    volumes: dict[str, VolumeSpec] = field(default_factory=dict)
    reserved_ips: dict[str, ReservedIpSpec] = field(default_factory=dict)
    drift_rules: tuple[DriftRule, ...] = ()
    retired: bool = False
    gone: bool = False
    account: str = ""
    bindings: dict[Key, Binding] = field(default_factory=dict)
    strays: dict[tuple[Kind, str], Key] = field(default_factory=dict)
    drifted: dict[Key, ev.DriftObserved] = field(default_factory=dict)
    operations: int = 0
    open: OpenOperation | None = None
    unfinished: Unfinished | None = None
    snapshots: int = 0
    migration: Migration | None = None
    updated: int = 0

    @property
    def declared(self) -> bool:
        """Whether there is a cluster at all."""
        return self.placement is not None

    @property
    def ref(self) -> ClusterRef:
        """Return the cluster's identity at clouds."""
        return ClusterRef(id=self.cluster_id, name=self.name)

    def pending(self) -> "Unfinished | None":
        """Return what did not come to its end, an operation that still is open counted in."""
        if self.open is None or self.open.kind in NOTING:
            return self.unfinished
        return self.open.left_behind(self.unfinished)

    def spec(self) -> ClusterSpec:
        """Return the intent, canonical. Raises ValueError where nothing was declared."""
        if self.placement is None:
            raise ValueError("no cluster was declared in this log")
        return canonical(
            ClusterSpec(
                name=self.name,
                kubernetes=self.kubernetes,
                placement=self.placement,
                network=self.network,
                ssh_keys=tuple(self.ssh_keys.values()),
                firewalls=tuple(self.firewalls.values()),
                pools=tuple(self.pools.values()),
                load_balancers=tuple(self.load_balancers.values()),
                volumes=tuple(self.volumes.values()),
                reserved_ips=tuple(self.reserved_ips.values()),
                drift=self.drift_rules,
            )
        )

    def intent(self) -> "ClusterState":
        """Return a copy that holds what is declared and nothing else."""
        return ClusterState(
            cluster_id=self.cluster_id,
            name=self.name,
            kubernetes=self.kubernetes,
            placement=self.placement,
            network=self.network,
            ssh_keys=dict(self.ssh_keys),
            firewalls=dict(self.firewalls),
            pools=dict(self.pools),
            load_balancers=dict(self.load_balancers),
            volumes=dict(self.volumes),
            reserved_ips=dict(self.reserved_ips),
            drift_rules=self.drift_rules,
            retired=self.retired,
        )
