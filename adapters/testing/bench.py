"""What contract tests work with: one small resource of each kind, and a bench to make and remove them on."""

import base64
import threading
import uuid
from collections.abc import Callable
from typing import NoReturn, TypeAlias, TypeVar

import pytest

from ...engine.domain.model import (
    ClusterSpec,
    FirewallSpec,
    Forward,
    Placement,
    Protocol,
    Role,
    Rule,
    canonical,
)
from ...engine.domain.resources import (
    Accepted,
    ClusterRef,
    Firewall,
    Key,
    Kind,
    LoadBalancer,
    LoadBalancerMember,
    Network,
    Observed,
    Request,
    ReservedIp,
    ReservedIpAssignment,
    Resource,
    Server,
    SshKey,
    Status,
    Subnet,
    Tag,
    Volume,
    VolumeAttachment,
    member_name,
    provider_name,
)
from ...engine.errors import Busy, Conflict, ResourceMissing
from ...engine.ports import Cloud

Settle: TypeAlias = Callable[[], None]
"""Lets time pass at the cloud: advances a fake clock, or really waits a moment."""

_ROUNDS = 120
_T = TypeVar("_T")

MAIN = Key(Kind.NETWORK, "main")
ADMIN = Key(Kind.SSH_KEY, "admin")
SERVER = Key(Kind.SERVER, "workers-0")
FIREWALL = Key(Kind.FIREWALL, "nodes")
VOLUME = Key(Kind.VOLUME, "data")
BALANCER = Key(Kind.LOAD_BALANCER, "web")
INNER = Key(Kind.SUBNET, "inner")
_TAGS = {role: Key(Kind.TAG, role or "cluster") for role in (None, *Role)}

SAMPLES: dict[Kind, Key] = {
    Kind.TAG: _TAGS[Role.WORKER],
    Kind.SSH_KEY: ADMIN,
    Kind.NETWORK: MAIN,
    Kind.SUBNET: INNER,
    Kind.FIREWALL: FIREWALL,
    Kind.SERVER: SERVER,
    Kind.VOLUME: VOLUME,
    Kind.VOLUME_ATTACHMENT: Key(Kind.VOLUME_ATTACHMENT, VOLUME.name),
    Kind.LOAD_BALANCER: BALANCER,
    Kind.LOAD_BALANCER_MEMBER: Key(Kind.LOAD_BALANCER_MEMBER, member_name(BALANCER.name, SERVER.name)),
    Kind.RESERVED_IP: Key(Kind.RESERVED_IP, "entry"),
    Kind.RESERVED_IP_ASSIGNMENT: Key(Kind.RESERVED_IP_ASSIGNMENT, "entry"),
}
"""One resource of each kind, as the suite makes it."""

_NEEDS: dict[Kind, tuple[Key, ...]] = {
    Kind.SUBNET: (MAIN,),
    Kind.FIREWALL: (_TAGS[Role.CONTROL_PLANE], _TAGS[Role.WORKER]),
    Kind.SERVER: (_TAGS[None], _TAGS[Role.WORKER], MAIN, ADMIN),
    Kind.VOLUME: (_TAGS[None],),
    Kind.VOLUME_ATTACHMENT: (VOLUME, SERVER),
    Kind.LOAD_BALANCER: (MAIN, _TAGS[Role.WORKER]),
    Kind.LOAD_BALANCER_MEMBER: (BALANCER, SERVER),
    Kind.RESERVED_IP_ASSIGNMENT: (SAMPLES[Kind.RESERVED_IP], SERVER),
}


class ManualClock:
    """A clock that moves when told to; sleeping moves it, and never waits. Safe from several threads."""

    def __init__(self, start: float = 1_800_000_000.0) -> None:
        self._now = start
        self._lock = threading.Lock()

    def now(self) -> float:
        """Return seconds since 1970-01-01 UTC."""
        with self._lock:
            return self._now

    def monotonic(self) -> float:
        """Return seconds that never go backwards."""
        return self.now()

    def sleep(self, seconds: float) -> None:
        """Move on."""
        with self._lock:
            self._now += seconds


def public_key() -> str:
    """Return a new, well-formed Ed25519 public key that nobody has the private half of."""
    material = uuid.uuid4().bytes + uuid.uuid4().bytes
    blob = b"".join(len(part).to_bytes(4) + part for part in (b"ssh-ed25519", material))
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


def new_cluster(name: str = "contract") -> ClusterRef:
    """Return a cluster that nothing belongs to yet."""
    return ClusterRef(id=uuid.uuid4().hex, name=name)


def canonical_rules(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Return firewall rules in the one order in which clouds must show them."""
    firewall = FirewallSpec(name="", role=Role.WORKER, allow=rules)
    spec = ClusterSpec(name="", kubernetes="", placement=Placement(cloud=""), firewalls=(firewall,))
    return canonical(spec).firewalls[0].allow


class Bench:
    """What a test works with: makes resources of one cluster and takes them away again."""

    def __init__(
        self,
        cloud: Cloud,
        settle: Settle,
        *,
        cluster: ClusterRef,
        kinds: frozenset[Kind],
        offer: tuple[str, str, str],
        number: int = 0,
        needs_subnet: bool = False,
        needs_network: bool = False,
        user_data: bool = True,
        keys_in_region: bool = False,
    ) -> None:
        self.cloud = cloud
        self.cluster = cluster
        self.ids: dict[Key, str] = {}
        self._settle = settle
        self._made: list[tuple[Kind, str]] = []
        self._kinds = kinds
        self._number = 77 + number  # some clouds let no two networks overlap
        region, size, image = offer
        self.server = Server(
            region=region,
            size=size,
            image=image,
            role=Role.WORKER,
            pool="workers",
            network=MAIN.name if Kind.NETWORK in kinds else "",
            subnet=INNER.name if needs_subnet else "",
            ssh_keys=(ADMIN.name,) if Kind.SSH_KEY in kinds else (),
            user_data="#!/bin/sh\necho hello\n" if user_data else "",
        )
        self.key = SshKey(public_key=public_key(), region=region if keys_in_region else "")
        self._subnet = (INNER,) if needs_subnet else ()
        self._home = MAIN.name if needs_network else ""

    def sample(self, kind: Kind) -> Resource:
        """Return a small, ordinary resource of a kind."""
        region = self.server.region
        ssh = Rule(protocol=Protocol.TCP, ports="22", sources=("192.0.2.0/24",))
        inside = Rule(protocol=Protocol.UDP, ports="8000-8100", sources=(Role.CONTROL_PLANE, Role.WORKER))
        samples: dict[Kind, Resource] = {
            Kind.TAG: Tag(role=Role.WORKER, network=self._home),
            Kind.SSH_KEY: self.key,
            Kind.NETWORK: Network(region=region, cidr=f"10.{self._number}.0.0/20"),
            Kind.SUBNET: Subnet(cidr=f"10.{self._number}.4.0/24", network=MAIN.name),
            Kind.FIREWALL: Firewall(role=Role.WORKER, rules=(ssh, inside), network=self._home),
            Kind.SERVER: self.server,
            Kind.VOLUME: Volume(region=region, size_gib=10),
            Kind.VOLUME_ATTACHMENT: VolumeAttachment(volume=VOLUME.name, server=SERVER.name),
            Kind.LOAD_BALANCER: LoadBalancer(
                region=region,
                network=MAIN.name,
                role=Role.WORKER,
                forward=(Forward(port=80, target_port=30080), Forward(port=443, target_port=30443)),
                subnet=self.server.subnet,
            ),
            Kind.LOAD_BALANCER_MEMBER: LoadBalancerMember(load_balancer=BALANCER.name, server=SERVER.name),
            Kind.RESERVED_IP: ReservedIp(region=region),
            Kind.RESERVED_IP_ASSIGNMENT: ReservedIpAssignment(
                reserved_ip=SAMPLES[Kind.RESERVED_IP].name, server=SERVER.name
            ),
        }
        return samples[kind]

    def request(self, key: Key, resource: Resource | None = None) -> Request:
        """Return the request for a resource, with the ids of all that was made so far."""
        return Request(
            cluster=self.cluster,
            key=key,
            resource=self.sample(key.kind) if resource is None else resource,
            name=provider_name(self.cluster, key),
            ids=dict(self.ids),
        )

    def need(self, kind: Kind) -> None:
        """Make what a resource of this kind stands on, as far as the cloud has such things."""
        for key in self._needs(kind):
            if key not in self.ids and key.kind in self._kinds:
                role = None if key.name == "cluster" or key.kind is not Kind.TAG else Role(key.name)
                self.make(key, Tag(role=role, network=self._home) if key.kind is Kind.TAG else None)

    def _needs(self, kind: Kind) -> tuple[Key, ...]:
        """Return what a resource of this kind stands on here, in the order in which to make it."""
        needs = _NEEDS.get(kind, ())
        if self._home and kind in {Kind.TAG, Kind.FIREWALL}:
            needs = (MAIN, *needs)
        if kind in {Kind.SERVER, Kind.LOAD_BALANCER}:
            needs = (*needs, *self._subnet)
        return needs

    def make(self, key: Key, resource: Resource | None = None) -> Observed:
        """Make a resource, and first what it needs; return it once it is usable."""
        self.need(key.kind)
        return self.wait(key.kind, self.ask(self.request(key, resource)))

    def ask(self, request: Request) -> Accepted:
        """Ask for a resource, to be taken away at the end."""
        accepted = self.insist(lambda: self.cloud.create(request), lambda: self._half_made(request))
        self.ids[request.key] = accepted.id
        self._made.append((request.key.kind, accepted.id))
        return accepted

    def wait(self, kind: Kind, accepted: Accepted) -> Observed:
        """Let time pass until a resource is usable."""
        return self.until(
            lambda: self.cloud.ready(kind, accepted), f"{kind} {accepted.id} never became ready"
        )

    def insist(self, call: Callable[[], _T], meanwhile: Callable[[], None] = lambda: None) -> _T:
        """Make a call, again and again while what it changes is being changed, as the engine does."""
        for _ in range(_ROUNDS):
            try:
                return call()
            except Busy:
                meanwhile()
                self._settle()
        return _fail("it was busy for ever")

    def _half_made(self, request: Request) -> None:
        """Check that what is not yet all made is shown so: the engine takes it for whole otherwise."""
        usable = [item for item in self.cloud.find(request) if item.status in {Status.CREATING, Status.READY}]
        if usable:
            _fail(f"{request.key} is busy, and shown as {usable[0].status}")

    def until(self, look: Callable[[], _T | None], otherwise: str) -> _T:
        """Let time pass until `look` returns something other than None or False."""
        for _ in range(_ROUNDS):
            if found := look():
                return found
            self._settle()
        return _fail(otherwise)

    def gone(self, kind: Kind, resource_id: str) -> None:
        """Let time pass until a resource is gone."""
        self.until(
            lambda: self.cloud.observe(kind, resource_id) is None, f"{kind} {resource_id} never went away"
        )

    def remove(self, kind: Kind, resource_id: str) -> None:
        """Remove a resource, let time pass while it is in use, and until it is gone."""

        def removed() -> bool:
            try:
                self.cloud.delete(kind, resource_id)
            except Conflict:
                return False
            except ResourceMissing:
                return True
            return True

        self.until(removed, f"{kind} {resource_id} could not be removed")
        self.gone(kind, resource_id)

    def clear(self, down_to: Key | None = None) -> None:
        """Remove everything that was made here, newest first; what came before `down_to` and itself stay."""
        stays = (down_to.kind, self.ids[down_to]) if down_to is not None else None
        for kind, resource_id in reversed(self._made):
            if (kind, resource_id) == stays:
                return
            self.remove(kind, resource_id)

    def listed(self) -> set[tuple[Kind, str]]:
        """Return what the cloud lists of this cluster."""
        return {(item.kind, item.id) for item in self.cloud.observe_all(self.cluster)}


def _fail(reason: str) -> NoReturn:
    pytest.fail(reason)
