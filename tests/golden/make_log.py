"""Makes the golden logs: run it when a new kind of event joins the newest, and never otherwise.

The lines were written once and stay: later versions must read them and fold them to the same state.
log-v1.jsonl holds what the first version knew, log-v1.1.jsonl what joined since, log-v2.jsonl what is
in its second schema, log-v3.jsonl migrations and what came with them. When another schema goes up, these
files stay as they are and a log-v4 joins them.

A line is one stored event: its stream, its version, its tag, and its bytes in base64.
"""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.model import (
    DriftPolicy,
    DriftRule,
    FirewallSpec,
    Forward,
    Image,
    LoadBalancerSpec,
    NetworkSpec,
    Placement,
    PoolSpec,
    Protocol,
    ReservedIpSpec,
    Role,
    Rule,
    Size,
    SshKeySpec,
    SubnetSpec,
    Taint,
    TaintEffect,
    VolumeSpec,
)
from kubisnap.engine.domain.resources import (
    Firewall,
    Key,
    Kind,
    LoadBalancer,
    LoadBalancerMember,
    Network,
    ReservedIp,
    ReservedIpAssignment,
    Resource,
    Server,
    SshKey,
    Subnet,
    Tag,
    Volume,
    VolumeAttachment,
)
from kubisnap.engine.domain.state import ClusterState, fold
from kubisnap.engine.journal.codec import Codec, StoredRow

LOG = Path(__file__).with_name("log-v1.jsonl")
STATE = Path(__file__).with_name("log-v1.state.json")
LATER_LOG = Path(__file__).with_name("log-v1.1.jsonl")
LATER_STATE = Path(__file__).with_name("log-v1.1.state.json")
SECOND_LOG = Path(__file__).with_name("log-v2.jsonl")
SECOND_STATE = Path(__file__).with_name("log-v2.state.json")
THIRD_LOG = Path(__file__).with_name("log-v3.jsonl")
THIRD_STATE = Path(__file__).with_name("log-v3.state.json")

CLUSTER = "000102030405460788090a0b0c0d0e0f"
NAME = "grosse-1"
START = 1_704_164_645_000_000
HOLDER = ev.Holder(host="maker.example", pid=4242)
_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8Nn8Nn8Nn8Nn8Nn8Nn8Nn8Nn8Nn8Nn8Nn8Nn8N"
_REGION = "sim-us-east"
_FORWARD = (Forward(port=80, target_port=30080),)
_RULE = Rule(protocol=Protocol.TCP, ports="8000-8100", sources=("192.0.2.0/24", "worker"))

_RESOURCES: tuple[tuple[str, Resource], ...] = (
    ("cluster", Tag()),
    ("worker", Tag(role=Role.WORKER)),
    ("admin", SshKey(public_key=_KEY)),
    ("main", Network(region=_REGION, cidr="10.90.0.0/20")),
    ("inner", Subnet(cidr="10.90.4.0/24", network="main")),
    ("nodes", Firewall(role=Role.WORKER, rules=(_RULE,))),
    (
        "workers-0",
        Server(
            region=_REGION,
            size="sb-1x1",
            image="sim-debian-12",
            role=Role.WORKER,
            pool="workers",
            network="main",
            subnet="inner",
            ssh_keys=("admin",),
            user_data="#!/bin/sh\necho größe\n",
        ),
    ),
    ("data", Volume(region=_REGION, size_gib=10)),
    ("data", VolumeAttachment(volume="data", server="workers-0")),
    ("front", LoadBalancer(region=_REGION, network="main", role=Role.WORKER, forward=_FORWARD)),
    ("entry", ReservedIp(region=_REGION)),
    ("entry", ReservedIpAssignment(reserved_ip="entry", server="workers-0")),
)


def _intents() -> Iterator[ev.AnyEvent]:
    yield ev.ClusterDeclared(
        cluster_id=CLUSTER,
        name=NAME,
        kubernetes="1.33",
        placement=Placement(
            cloud="sandbox", region=_REGION, place="new-york", latitude=40.71, longitude=-74.01
        ),
        origin=ev.Origin(archive="sha256:00ff", cluster_id="f" * 32, cluster_name="before", position=77),
    )
    yield ev.KubernetesVersionDeclared(before="1.33", version="1.34")
    yield ev.NetworkDeclared(
        network=NetworkSpec(cidr="10.90.0.0/20", subnets=(SubnetSpec(name="inner", cidr="10.90.4.0/24"),))
    )
    yield ev.SshKeyDeclared(ssh_key=SshKeySpec(name="admin", public_key=f"{_KEY} käthe@example"))
    yield ev.ServerPoolDeclared(
        pool=PoolSpec(
            name="workers",
            role=Role.WORKER,
            count=1,
            size=Size(vcpus=1, memory_mib=1024, disk_gib=25, pins={"sandbox": "sb-1x1"}),
            image=Image(os="debian-12", pins={"sandbox": "sim-debian-12"}),
            labels={"tier": "front"},
            taints=(Taint(key="gpu", value="yes", effect=TaintEffect.NO_EXECUTE),),
            bootstrap="#!/bin/sh\necho größe\n",
            subnet="inner",
        )
    )
    yield ev.ServerPoolScaled(pool="workers", before=1, count=2)
    yield ev.FirewallDeclared(firewall=FirewallSpec(name="nodes", role=Role.WORKER, allow=(_RULE,)))
    yield ev.LoadBalancerDeclared(
        load_balancer=LoadBalancerSpec(name="front", role=Role.WORKER, forward=_FORWARD)
    )
    yield ev.VolumeDeclared(volume=VolumeSpec(name="data", size_gib=10, server="workers-0"))
    yield ev.ReservedIpDeclared(reserved_ip=ReservedIpSpec(name="entry", server="workers-0"))
    yield ev.ReservedIpDeclared(reserved_ip=ReservedIpSpec(name="spare"))
    yield ev.PartWithdrawn(part=ev.Part.RESERVED_IP, name="spare")


def _create() -> Iterator[ev.AnyEvent]:
    yield ev.OperationStarted(
        kind=ev.OperationKind.CREATE,
        summary="from profile",
        holder=HOLDER,
        tool="kubisnap 0.1.0",
        cloud="sandbox",
        account="sandbox-default",
    )
    yield from _intents()
    yield ev.TranslationChosen(
        cloud="sandbox",
        region=_REGION,
        choices=(ev.Choice(what="region", wanted="do/nyc1", chosen="sandbox/sim-us-east", note="3 km away"),),
        losses=("volumes start empty",),
    )
    yield ev.PlanAccepted(
        steps=tuple(
            ev.PlannedStep(
                id=step,
                action="create",
                key=_key(step),
                reasons=("it is declared and not there",),
                after=(1,) if step > 1 else (),
            )
            for step in range(1, len(_RESOURCES) + 1)
        )
    )
    for step in range(1, len(_RESOURCES) + 1):
        yield from _made(step)
    yield ev.OperationFinished(outcome=ev.Outcome.SUCCEEDED, done=len(_RESOURCES))


def _key(step: int) -> Key:
    name, resource = _RESOURCES[step - 1]
    return Key(Kind(str(resource.__struct_config__.tag)), name)


def _made(step: int) -> Iterator[ev.AnyEvent]:
    key, resource = _key(step), _RESOURCES[step - 1][1]
    yield ev.StepStarted(step=step, action="create", key=key, provider_name=f"{NAME}-{key.name}-00010203")
    if key.kind is Kind.SERVER:
        yield ev.StepRetried(step=step, attempt=1, error="Unavailable", message="no answer", wait_ms=750)
    yield ev.ResourceProvisioned(
        step=step,
        key=key,
        resource_id=f"id-{step}",
        provider_name=f"{NAME}-{key.name}-00010203",
        cloud="sandbox",
        account="sandbox-default",
        region=_REGION,
        resource=resource,
        owned=key.kind is not Kind.SSH_KEY,
        adopted=key.kind in {Kind.SSH_KEY, Kind.NETWORK},
    )
    attributes = {"public_ip": "198.51.100.7"} if key.kind is Kind.SERVER else {}
    yield ev.StepSucceeded(step=step, attributes=attributes)


def _apply() -> Iterator[ev.AnyEvent]:
    yield ev.OperationStarted(
        kind=ev.OperationKind.APPLY, summary="", holder=HOLDER, tool="kubisnap 0.1.0", cloud="sandbox"
    )
    yield ev.ResourceLost(key=Key(Kind.LOAD_BALANCER, "front"), resource_id="id-10")
    yield ev.PlanAccepted(steps=())
    volume = Key(Kind.VOLUME, "data")
    yield ev.StepStarted(step=1, action="update", key=volume, resource_id="id-8")
    yield ev.ResourceUpdated(
        step=1,
        key=volume,
        resource_id="id-8",
        resource=Volume(region=_REGION, size_gib=20),
        changed=("size_gib",),
    )
    yield ev.StepSucceeded(step=1)
    address = Key(Kind.RESERVED_IP_ASSIGNMENT, "entry")
    yield ev.StepStarted(step=2, action="delete", key=address, resource_id="id-12", compensates=True)
    yield ev.ResourceDestroyed(step=2, key=address, resource_id="id-12")
    yield ev.StepSucceeded(step=2)
    server = Key(Kind.SERVER, "workers-1")
    yield ev.StepStarted(step=3, action="create", key=server)
    yield ev.StepFailed(
        step=3,
        error="QuotaExceeded",
        message="no more",
        status=403,
        request_id="req-1",
        ambiguous=True,
    )
    yield ev.OperationFinished(
        outcome=ev.Outcome.PARTIAL,
        done=2,
        rolled_back=1,
        left=("server/workers-1 (perhaps)",),
        error="sandbox: no more (HTTP 403)",
    )


def _capture() -> Iterator[ev.AnyEvent]:
    yield ev.OperationStarted(
        kind=ev.OperationKind.CAPTURE, summary="70 events", holder=HOLDER, tool="kubisnap 0.1.0"
    )
    yield ev.SnapshotCaptured(digest="sha256:11aa", size=4321, events=70, position=70, file="grosse-1.ksnap")
    yield ev.OperationFinished(outcome=ev.Outcome.SUCCEEDED)


def _delete() -> Iterator[ev.AnyEvent]:
    yield ev.OperationStarted(
        kind=ev.OperationKind.DELETE, summary="", holder=HOLDER, tool="kubisnap 0.1.0", cloud="sandbox"
    )
    yield ev.ClusterRetired()


def recorded() -> list[ev.Recorded]:
    """Return every event of the golden log: a name's, then a cluster's."""
    operations = [list(_create()), list(_apply()), list(_capture()), list(_delete())]
    cluster = [(number, event) for number, part in enumerate(operations, start=1) for event in part]
    registry: list[ev.AnyEvent] = [
        ev.NameClaimed(name=NAME, cluster_id=CLUSTER),
        ev.NameReleased(name=NAME, cluster_id=CLUSTER),
    ]
    return [
        _record(f"name:{NAME}", version, version, event) for version, event in enumerate(registry, start=1)
    ] + [_record(CLUSTER, version, number, event) for version, (number, event) in enumerate(cluster, start=1)]


def _unfinished() -> Iterator[ev.AnyEvent]:
    """Yield what joined with leases, settling and drift: an operation that died, and one that goes back."""
    server, firewall = Key(Kind.SERVER, "workers-1"), Key(Kind.FIREWALL, "nodes")
    yield ev.OperationStarted(
        kind=ev.OperationKind.SCALE,
        summary="workers 1→2",
        holder=HOLDER,
        tool="kubisnap 0.2.0",
        cloud="sandbox",
        lease_seconds=120,
        continues=1,
    )
    yield ev.DriftPolicyDeclared(drift=(DriftRule(kind="firewall", policy=DriftPolicy.WARN),))
    yield ev.ServerPoolScaled(pool="workers", before=1, count=2)
    yield ev.DriftObserved(
        key=firewall,
        resource_id="id-6",
        policy=DriftPolicy.WARN,
        changes=(ev.DriftedField(field="rules", before="[]", after='["größe"]'),),
    )
    yield ev.DriftObserved(
        key=Key(Kind.VOLUME, "data"), resource_id="id-8", policy=DriftPolicy.REVERT, missing=True
    )
    yield ev.PlanAccepted(steps=(ev.PlannedStep(id=1, action="create", key=server),))
    yield ev.StepStarted(step=1, action="create", key=server, provider_name="grosse-1-workers-1-00010203")
    yield ev.StepRetried(
        step=1, attempt=1, error="Unavailable", message="no answer", wait_ms=900, ambiguous=True
    )
    yield ev.LeaseRenewed()
    yield ev.StepStarted(
        step=2,
        action="update",
        key=firewall,
        resource_id="id-6",
        changed=("rules",),
        before=Firewall(role=Role.WORKER, rules=(_RULE,)),
    )
    yield ev.OperationFinished(outcome=ev.Outcome.INTERRUPTED, error="process 4242 ended")


def _abandon() -> Iterator[ev.AnyEvent]:
    server = Key(Kind.SERVER, "workers-1")
    yield ev.OperationStarted(
        kind=ev.OperationKind.ABANDON,
        summary="#2",
        holder=HOLDER,
        tool="kubisnap 0.2.0",
        lease_seconds=120,
        continues=2,
    )
    yield ev.StepSettled(operation=2, step=1, key=server, found=("srv-1",))
    yield ev.StepSettled(
        operation=2, step=9, key=Key(Kind.RESERVED_IP, "entry"), note="it cannot be told which is whose"
    )
    yield ev.RetirementWithdrawn()
    yield ev.RollbackStarted(reason="not today", operations=(2,))


def recorded_later() -> list[ev.Recorded]:
    """Return every event of the second golden log: one cluster's, new kinds and new fields."""
    operations = [list(_create()), list(_unfinished()), list(_abandon())]
    events = [(number, event) for number, part in enumerate(operations, start=1) for event in part]
    return [
        _record(CLUSTER, version, number, event) for version, (number, event) in enumerate(events, start=1)
    ]


def _going_back(kind: ev.OperationKind, of: int, before: int, count: int) -> Iterator[ev.AnyEvent]:
    yield ev.OperationStarted(
        kind=kind, summary=f"of #{of}", holder=HOLDER, tool="kubisnap 0.1.0", lease_seconds=120, of=of
    )
    yield ev.ServerPoolScaled(pool="workers", before=before, count=count)
    yield ev.OperationFinished(outcome=ev.Outcome.SUCCEEDED)


def recorded_second() -> list[ev.Recorded]:
    """Return every event of the third golden log: what was taken back, and what a fork is."""
    kind = ev.OperationKind
    fork = ev.OperationStarted(kind=kind.FORK, summary="from web", holder=HOLDER, tool="kubisnap 0.1.0")
    operations = [
        [fork, *_intents(), ev.OperationFinished(outcome=ev.Outcome.SUCCEEDED)],
        list(_going_back(kind.APPLY, 0, 2, 4)),
        list(_going_back(kind.UNDO, 2, 4, 2)),
        list(_going_back(kind.REDO, 3, 2, 4)),
        list(_going_back(kind.REVERT, 2, 4, 2)),
    ]
    events = [(number, event) for number, part in enumerate(operations, start=1) for event in part]
    return [
        _record(CLUSTER, version, number, event, schema=event.SCHEMA)
        for version, (number, event) in enumerate(events, start=1)
    ]


def _step(number: int, step: str, **told: Any) -> Iterator[ev.AnyEvent]:
    yield ev.OperationStarted(
        kind=ev.OperationKind.MIGRATE, summary=f"{number}/5 {step}", holder=HOLDER, tool="kubisnap 0.1.0"
    )
    yield ev.MigrationStepTaken(
        migration="5" * 32,
        source=ev.MigrationEnd(cluster_id="f" * 32, name="before", cloud="digitalocean", region="nyc3"),
        target=ev.MigrationEnd(cluster_id=CLUSTER, name=NAME, cloud="sandbox", region=_REGION),
        step=step,
        number=number,
        steps=5,
        **told,
    )
    yield ev.OperationFinished(outcome=ev.Outcome.SUCCEEDED)


def _members() -> Iterator[ev.AnyEvent]:
    """Yield a load balancer's member, and groups that are parts of a network."""
    yield ev.OperationStarted(
        kind=ev.OperationKind.RESTORE, summary="from before", holder=HOLDER, tool="kubisnap 0.1.0"
    )
    yield from _intents()
    pool = PoolSpec(
        name="arms",
        role=Role.WORKER,
        count=1,
        size=Size(vcpus=2, memory_mib=4096, architecture="arm64", pins={"sandbox": "sb-arm"}),
        image=Image(os="debian-12", pins={"sandbox": "sim-debian-12"}),
    )
    yield ev.ServerPoolDeclared(pool=pool)
    made: tuple[tuple[str, Resource], ...] = (
        ("worker", Tag(role=Role.WORKER, network="main")),
        ("nodes", Firewall(role=Role.WORKER, rules=(_RULE,), network="main")),
        (
            "front",
            LoadBalancer(region=_REGION, network="main", role=Role.WORKER, forward=_FORWARD, subnet="inner"),
        ),
        ("front.workers-0", LoadBalancerMember(load_balancer="front", server="workers-0")),
    )
    for number, (name, resource) in enumerate(made, start=1):
        key = Key(Kind(str(resource.__struct_config__.tag)), name)
        yield ev.StepStarted(step=number, action="create", key=key, provider_name=f"{NAME}-{name}")
        yield ev.ResourceProvisioned(
            step=number,
            key=key,
            resource_id=f"id-{number}",
            provider_name=f"{NAME}-{name}",
            cloud="sandbox",
            account="sandbox-default",
            region=_REGION,
            resource=resource,
        )
        yield ev.StepSucceeded(step=number)
    yield ev.OperationFinished(outcome=ev.Outcome.SUCCEEDED)


def recorded_third() -> list[ev.Recorded]:
    """Return every event of the fourth golden log: a cluster that was migrated here."""
    operations = [
        list(_members()),
        list(_step(1, "preflight", told=("quota: enough",), took_ms=12)),
        list(_step(2, "capture", position=77, digest="sha256:11aa", file="before.ksnap", took_ms=345)),
        list(_step(3, "create", told=("1 server on sandbox/sim-us-east",), took_ms=67_890)),
    ]
    events = [(number, event) for number, part in enumerate(operations, start=1) for event in part]
    return [
        _record(CLUSTER, version, number, event, schema=event.SCHEMA)
        for version, (number, event) in enumerate(events, start=1)
    ]


def _record(stream: str, version: int, operation: int, event: ev.AnyEvent, *, schema: int = 1) -> ev.Recorded:
    return ev.Recorded(
        stream=stream,
        version=version,
        time=START + version * 1_000_000,
        actor="käthe",
        operation=operation,
        cause=version - 1,
        reason="the golden log",
        schema=schema,
        event=event,
    )


def lines(events: list[ev.Recorded]) -> str:
    """Return stored events as text, one a line."""
    codec = Codec()
    return "".join(_line(item.stream, codec.encode(item)) for item in events)


def _line(stream: str, row: StoredRow) -> str:
    state = base64.b64encode(row.state).decode()
    return json.dumps({"stream": stream, "version": row.version, "tag": row.tag, "state": state}) + "\n"


def read(text: str) -> list[tuple[str, StoredRow]]:
    """Return the stored events that `lines` wrote, with their streams."""
    rows = [json.loads(line) for line in text.splitlines()]
    return [
        (row["stream"], StoredRow(row["version"], row["tag"], base64.b64decode(row["state"]))) for row in rows
    ]


def state_text(state: ClusterState) -> str:
    """Return a state as JSON for people, always in one order."""
    values: dict[str, Any] = {
        name: value
        for name, value in vars(state).items()
        if name not in {"bindings", "open", "strays", "drifted", "unfinished"}
    }
    values["bindings"] = {str(key): binding for key, binding in state.bindings.items()}
    values["drifted"] = {str(key): event for key, event in state.drifted.items()}
    pending = state.pending()
    if pending is not None:
        work = pending.work
        values["pending"] = {
            "numbers": pending.numbers,
            "rolling_back": pending.rolling_back,
            "made": [(str(key), found) for key, found in work.made],
            "touched": {str(key): touched for key, touched in work.touched.items()},
            "unknown": {
                f"#{number}/{step}": str(work.unknown[number, step].key) for number, step in work.unknown
            },
        }
    held = state.open
    values["open"] = (
        None if held is None else {**vars(held), "steps": {}, "work": {}, "before": {}, "made": {}}
    )
    plain = msgspec.to_builtins(values)
    return json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the newest files; the older ones are frozen."""
    THIRD_LOG.write_text(lines(recorded_third()), encoding="utf-8")
    THIRD_STATE.write_text(state_text(fold(recorded_third())), encoding="utf-8")


if __name__ == "__main__":
    main()
