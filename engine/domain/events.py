"""Every event, in one place.

Three families in a cluster's log, never mixed in one event:

* *intent*: what the operator wants, cloud-neutral;
* *course*: how an operation went (started, planned, finished);
* *fact*: what a cloud did or was seen to do. Provider ids live here only.

A fourth, *registry*, stands in the log of a name and not of a cluster: who holds the name.

An event's tag is written out and never changes, so that classes may be renamed. A field is never
removed and never changes its meaning: `SCHEMA` goes up and an upcaster joins `journal.upcasters`.
Defaults are constants; nothing here reads a clock or the environment, not even when an old event
that lacks a field is decoded.
"""

from enum import StrEnum
from typing import ClassVar, Literal

import msgspec

from .model import (
    DriftPolicy,
    DriftRule,
    FirewallSpec,
    LoadBalancerSpec,
    NetworkSpec,
    Placement,
    PoolSpec,
    ReservedIpSpec,
    SshKeySpec,
    VolumeSpec,
)
from .resources import Key, Kind, Resource

Family = Literal["intent", "course", "fact", "registry"]


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", omit_defaults=True, gc=False):
    """A fact in the past tense."""

    SCHEMA: ClassVar[int] = 1
    FAMILY: ClassVar[Family]


class Intent(Event, frozen=True, kw_only=True):
    """The operator wants something."""

    FAMILY: ClassVar[Family] = "intent"


class Course(Event, frozen=True, kw_only=True):
    """An operation went on."""

    FAMILY: ClassVar[Family] = "course"


class Fact(Event, frozen=True, kw_only=True):
    """A cloud did something, or was asked to."""

    FAMILY: ClassVar[Family] = "fact"


class Registry(Event, frozen=True, kw_only=True):
    """A name was given to a cluster, or given back."""

    FAMILY: ClassVar[Family] = "registry"


# ── intent ───────────────────────────────────────────────────────────────────────────────────


class Origin(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The snapshot that a restored cluster was declared from."""

    archive: str
    cluster_id: str
    cluster_name: str
    position: int


class ClusterDeclared(Intent, frozen=True, kw_only=True, tag="ClusterDeclared"):
    """A cluster is to exist. `cluster_id` is 32 hex digits, chosen once."""

    cluster_id: str
    name: str
    kubernetes: str
    placement: Placement
    origin: Origin | None = None


class KubernetesVersionDeclared(Intent, frozen=True, kw_only=True, tag="KubernetesVersionDeclared"):
    """The cluster is to run another Kubernetes version."""

    before: str
    version: str


class NetworkDeclared(Intent, frozen=True, kw_only=True, tag="NetworkDeclared"):
    """The network is to be like this."""

    network: NetworkSpec


class SshKeyDeclared(Intent, frozen=True, kw_only=True, tag="SshKeyDeclared"):
    """A key is to open the servers."""

    ssh_key: SshKeySpec


class FirewallDeclared(Intent, frozen=True, kw_only=True, tag="FirewallDeclared"):
    """A firewall is to be like this."""

    firewall: FirewallSpec


class ServerPoolDeclared(Intent, frozen=True, kw_only=True, tag="ServerPoolDeclared"):
    """A server pool is to be like this. Since schema 2 its size has an architecture."""

    SCHEMA: ClassVar[int] = 2

    pool: PoolSpec


class ServerPoolScaled(Intent, frozen=True, kw_only=True, tag="ServerPoolScaled"):
    """A server pool is to have another number of servers."""

    pool: str
    before: int
    count: int


class LoadBalancerDeclared(Intent, frozen=True, kw_only=True, tag="LoadBalancerDeclared"):
    """A load balancer is to be like this."""

    load_balancer: LoadBalancerSpec


class VolumeDeclared(Intent, frozen=True, kw_only=True, tag="VolumeDeclared"):
    """A volume is to be like this."""

    volume: VolumeSpec


class ReservedIpDeclared(Intent, frozen=True, kw_only=True, tag="ReservedIpDeclared"):
    """A reserved address is to be like this."""

    reserved_ip: ReservedIpSpec


class Part(StrEnum):
    """The named parts of a cluster that can be withdrawn."""

    SSH_KEY = "ssh-key"
    FIREWALL = "firewall"
    POOL = "pool"
    LOAD_BALANCER = "load-balancer"
    VOLUME = "volume"
    RESERVED_IP = "reserved-ip"


class PartWithdrawn(Intent, frozen=True, kw_only=True, tag="PartWithdrawn"):
    """A part of the cluster is no longer wanted."""

    part: Part
    name: str


class ClusterRetired(Intent, frozen=True, kw_only=True, tag="ClusterRetired"):
    """The cluster is to be gone, with everything in it."""


class RetirementWithdrawn(Intent, frozen=True, kw_only=True, tag="RetirementWithdrawn"):
    """The cluster is wanted after all."""


class DriftPolicyDeclared(Intent, frozen=True, kw_only=True, tag="DriftPolicyDeclared"):
    """What is to be done about changes that somebody else made at the cloud, kind by kind."""

    drift: tuple[DriftRule, ...]


# ── course ───────────────────────────────────────────────────────────────────────────────────


class OperationKind(StrEnum):
    """What a command does, as the log names it."""

    CREATE = "create"
    APPLY = "apply"
    SCALE = "scale"
    CAPTURE = "capture"
    RESTORE = "restore"
    DELETE = "delete"
    ABANDON = "abandon"
    ROLLBACK = "rollback"
    UNDO = "undo"
    REDO = "redo"
    REVERT = "revert"
    FORK = "fork"
    MIGRATE = "migrate"


class Outcome(StrEnum):
    """How an operation ended."""

    SUCCEEDED = "succeeded"
    ROLLED_BACK = "rolled-back"
    PARTIAL = "partial"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class Holder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """The process that runs an operation.

    `scope` tells apart what shares a host's name and not its processes: containers, the host before it
    was started anew. Empty: nobody knows.
    """

    host: str
    pid: int
    scope: str = ""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"


class OperationStarted(Course, frozen=True, kw_only=True, tag="OperationStarted"):
    """An operation began, and holds the cluster. Its number is in the envelope.

    The hold is a lease: it ends with the operation, or `lease_seconds` after its last event (0: an
    old version wrote this, which knew no leases). The position of this event is the fencing token:
    whoever appends states the position that it knows, so a holder that lost its lease is found out
    at its next event. `continues` is the number of the last operation that did not come to its end;
    `of` that of the operation which an undo, redo or revert takes back. Schema 2 knows those kinds,
    schema 3 `migrate`, under which the steps of a migration are written down.
    """

    SCHEMA: ClassVar[int] = 3

    kind: OperationKind
    summary: str
    holder: Holder
    tool: str
    cloud: str = ""
    account: str = ""
    lease_seconds: int = 0
    continues: int = 0
    of: int = 0


class LeaseRenewed(Course, frozen=True, kw_only=True, tag="LeaseRenewed"):
    """The operation is still at work, though nothing else happened for a while."""


class RollbackStarted(Course, frozen=True, kw_only=True, tag="RollbackStarted"):
    """From here on the operation takes back: what it did itself, or what the `operations` named did."""

    reason: str
    operations: tuple[int, ...] = ()


class PlannedStep(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A step as it was planned: enough to tell the story and to resume."""

    id: int
    action: str
    key: Key
    reasons: tuple[str, ...] = ()
    after: tuple[int, ...] = ()


class PlanAccepted(Course, frozen=True, kw_only=True, tag="PlanAccepted"):
    """The plan that the operation carries out."""

    steps: tuple[PlannedStep, ...]


class OperationFinished(Course, frozen=True, kw_only=True, tag="OperationFinished"):
    """An operation ended. Counts are of steps; `left` names what could not be removed."""

    outcome: Outcome
    done: int = 0
    rolled_back: int = 0
    left: tuple[str, ...] = ()
    error: str = ""


class SnapshotCaptured(Course, frozen=True, kw_only=True, tag="SnapshotCaptured"):
    """The log up to `position` was written to a snapshot archive of `size` bytes.

    `events` of it: all, or those since the snapshot whose digest is `parent`.
    """

    digest: str
    size: int
    events: int
    position: int
    file: str = ""
    parent: str = ""


class MigrationEnd(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One of the two clusters of a migration, and where it is."""

    cluster_id: str
    name: str
    cloud: str
    region: str

    def __str__(self) -> str:
        return f"{self.name} on {self.cloud}/{self.region}"


class MigrationStepTaken(Course, frozen=True, kw_only=True, tag="MigrationStepTaken"):
    """A step of a migration came to its end: in the logs of both clusters, once there are two.

    `migration` is the same 32 hex digits in both. It is step `number`, from 1, of `steps` in all, as it
    was known then. `took_ms` is how long it took, `told` what is to be known of it. A capture says which
    `position` of the source's log it holds, its `digest` and where it is.
    """

    migration: str
    source: MigrationEnd
    target: MigrationEnd
    step: str
    number: int
    steps: int
    took_ms: int = 0
    told: tuple[str, ...] = ()
    position: int = 0
    digest: str = ""
    file: str = ""


# ── fact ─────────────────────────────────────────────────────────────────────────────────────


class Choice(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One thing that was translated for a cloud: `wanted` became `chosen`."""

    what: str
    wanted: str
    chosen: str
    note: str = ""


class TranslationChosen(Fact, frozen=True, kw_only=True, tag="TranslationChosen"):
    """How the intent was mapped to a cloud's catalogue, and what that cloud cannot hold."""

    cloud: str
    region: str
    choices: tuple[Choice, ...] = ()
    losses: tuple[str, ...] = ()


class StepStarted(Fact, frozen=True, kw_only=True, tag="StepStarted"):
    """A call to the cloud is about to be made. Durable before the call (law 3).

    A change in place names its fields (`changed`) and what was there `before`, so that whoever
    finds the step unfinished can take it back.
    """

    step: int
    action: str
    key: Key
    provider_name: str = ""
    resource_id: str = ""
    compensates: bool = False
    changed: tuple[str, ...] = ()
    before: Resource | None = None


class StepRetried(Fact, frozen=True, kw_only=True, tag="StepRetried"):
    """A call failed in a way that may pass; it is tried again after `wait_ms`.

    `ambiguous`: it may have had its effect all the same.
    """

    step: int
    attempt: int
    error: str
    message: str
    wait_ms: int
    ambiguous: bool = False


class StepSettled(Fact, frozen=True, kw_only=True, tag="StepSettled"):
    """What became of a call of unknown outcome, as the cloud tells when it is asked.

    `found` holds the ids of what the step of that `operation` made; empty: nothing. `note` says why
    that cannot be known.
    """

    operation: int
    step: int
    key: Key
    found: tuple[str, ...] = ()
    note: str = ""


class StepSucceeded(Fact, frozen=True, kw_only=True, tag="StepSucceeded"):
    """The call had its effect and the resource is usable."""

    step: int
    attributes: dict[str, str] = {}


class StepFailed(Fact, frozen=True, kw_only=True, tag="StepFailed"):
    """The call failed for good. `ambiguous`: it may have had its effect all the same."""

    step: int
    error: str
    message: str
    status: int = 0
    request_id: str = ""
    ambiguous: bool = False


class ResourceProvisioned(Fact, frozen=True, kw_only=True, tag="ResourceProvisioned"):
    """A resource exists at the cloud under `resource_id` (it may still be starting).

    `owned` is False for something that was there before and is only used, such as an SSH key that
    the account already had: it is never deleted. `adopted` means that it was found, not made now.
    """

    step: int
    key: Key
    resource_id: str
    provider_name: str
    cloud: str
    account: str
    region: str
    resource: Resource
    owned: bool = True
    adopted: bool = False


class ResourceUpdated(Fact, frozen=True, kw_only=True, tag="ResourceUpdated"):
    """A resource was changed in place."""

    step: int
    key: Key
    resource_id: str
    resource: Resource
    changed: tuple[str, ...]


class ResourceDestroyed(Fact, frozen=True, kw_only=True, tag="ResourceDestroyed"):
    """A resource is gone because an operation removed it, or was let go of.

    `note` says why it was let go of and still is there: it was not ours, or its cloud keeps it.
    """

    step: int
    key: Key
    resource_id: str
    note: str = ""


class ResourceLost(Fact, frozen=True, kw_only=True, tag="ResourceLost"):
    """A resource that the log knows was not at the cloud any more when an operation looked."""

    key: Key
    resource_id: str


class DriftedField(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A field that somebody else changed; the values as JSON text."""

    field: str
    before: str
    after: str


class DriftObserved(Fact, frozen=True, kw_only=True, tag="DriftObserved"):
    """A resource is not as it was last seen or made: somebody else changed or removed it.

    Nothing in `changes` and not `missing`: what was told before is over. `policy` is what was to be
    done about it then.
    """

    key: Key
    resource_id: str
    policy: DriftPolicy
    missing: bool = False
    changes: tuple[DriftedField, ...] = ()


# ── registry ─────────────────────────────────────────────────────────────────────────────────


class NameClaimed(Registry, frozen=True, kw_only=True, tag="NameClaimed"):
    """The name stands for this cluster from now on."""

    name: str
    cluster_id: str


class NameReleased(Registry, frozen=True, kw_only=True, tag="NameReleased"):
    """The cluster is gone; the name may be given again. The old log stays."""

    name: str
    cluster_id: str


AnyEvent = (
    ClusterDeclared
    | KubernetesVersionDeclared
    | NetworkDeclared
    | SshKeyDeclared
    | FirewallDeclared
    | ServerPoolDeclared
    | ServerPoolScaled
    | LoadBalancerDeclared
    | VolumeDeclared
    | ReservedIpDeclared
    | PartWithdrawn
    | ClusterRetired
    | RetirementWithdrawn
    | DriftPolicyDeclared
    | OperationStarted
    | LeaseRenewed
    | RollbackStarted
    | PlanAccepted
    | OperationFinished
    | SnapshotCaptured
    | MigrationStepTaken
    | TranslationChosen
    | StepStarted
    | StepRetried
    | StepSucceeded
    | StepFailed
    | StepSettled
    | ResourceProvisioned
    | ResourceUpdated
    | ResourceDestroyed
    | ResourceLost
    | DriftObserved
    | NameClaimed
    | NameReleased
)


def tag_of(event: type[Event] | Event) -> str:
    """Return the stable tag of an event or event class."""
    return str(event.__struct_config__.tag)


def all_event_types() -> tuple[type[Event], ...]:
    """Return every event class, families in order."""
    return tuple(cls for family in (Intent, Course, Fact, Registry) for cls in family.__subclasses__())


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """An event in its envelope.

    `stream` is the cluster's id (32 hex digits), `version` counts from 1 within it. `time` is in
    microseconds since 1970 UTC. `operation` numbers the operation within the cluster; `cause` is
    the version of the event that led to this one (0: the operator). `reason` is the operator's why.
    """

    stream: str
    version: int
    time: int
    actor: str
    operation: int
    cause: int
    reason: str
    schema: int
    event: AnyEvent


__all__ = [
    "AnyEvent",
    "Choice",
    "ClusterDeclared",
    "ClusterRetired",
    "Course",
    "DriftObserved",
    "DriftPolicy",
    "DriftPolicyDeclared",
    "DriftRule",
    "DriftedField",
    "Event",
    "Fact",
    "FirewallDeclared",
    "Holder",
    "Intent",
    "Key",
    "Kind",
    "KubernetesVersionDeclared",
    "LeaseRenewed",
    "LoadBalancerDeclared",
    "MigrationEnd",
    "MigrationStepTaken",
    "NameClaimed",
    "NameReleased",
    "NetworkDeclared",
    "OperationFinished",
    "OperationKind",
    "OperationStarted",
    "Origin",
    "Outcome",
    "Part",
    "PartWithdrawn",
    "PlanAccepted",
    "PlannedStep",
    "Recorded",
    "Registry",
    "ReservedIpDeclared",
    "ResourceDestroyed",
    "ResourceLost",
    "ResourceProvisioned",
    "ResourceUpdated",
    "RetirementWithdrawn",
    "RollbackStarted",
    "ServerPoolDeclared",
    "ServerPoolScaled",
    "SnapshotCaptured",
    "SshKeyDeclared",
    "StepFailed",
    "StepRetried",
    "StepSettled",
    "StepStarted",
    "StepSucceeded",
    "TranslationChosen",
    "VolumeDeclared",
    "all_event_types",
    "tag_of",
]
