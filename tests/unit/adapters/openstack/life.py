"""The life of a small cluster, call by call: played on a real OpenStack, and on what was recorded of it."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from kubisnap.engine.domain.model import Forward, ForwardProtocol, Protocol, Role, Rule
from kubisnap.engine.domain.resources import (
    Accepted,
    ClusterRef,
    Firewall,
    Key,
    Kind,
    LoadBalancer,
    LoadBalancerMember,
    Network,
    Request,
    ReservedIp,
    ReservedIpAssignment,
    Resource,
    Server,
    SshKey,
    Subnet,
    Tag,
    Volume,
    VolumeAttachment,
    provider_name,
)
from kubisnap.engine.errors import Busy, CloudError, Conflict
from kubisnap.engine.ports import Cloud

CLUSTER = ClusterRef(id="7f3a9c21" * 4, name="web")
REGION, SIZE, IMAGE = "RegionOne", "kubisnap-small", "kubisnap-ubuntu"
_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKxG4ZyYq1Zk5u3mQ6m0rVbq0vX9l9Yb8q2m9xWf6c1T"
_T = TypeVar("_T")

_RULES = (
    Rule(protocol=Protocol.ICMP, sources=("0.0.0.0/0", "::/0")),
    Rule(protocol=Protocol.TCP, ports="22", sources=("192.0.2.0/24",)),
    Rule(protocol=Protocol.UDP, ports="8000-8100", sources=("control-plane", "worker")),
)
_WIDER = (Rule(protocol=Protocol.TCP, ports="1-65535", sources=("192.0.2.0/24", "worker")),)
_FORWARD = (Forward(port=80, target_port=30080),)
_OTHERS = (Forward(port=80, target_port=31080, protocol=ForwardProtocol.HTTP),)

RESOURCES: tuple[tuple[Key, Resource], ...] = (
    (Key(Kind.TAG, "cluster"), Tag()),
    (Key(Kind.TAG, "control-plane"), Tag(role=Role.CONTROL_PLANE)),
    (Key(Kind.TAG, "worker"), Tag(role=Role.WORKER)),
    (Key(Kind.SSH_KEY, "admin"), SshKey(public_key=_KEY)),
    (Key(Kind.NETWORK, "main"), Network(region=REGION, cidr="10.77.0.0/20")),
    (Key(Kind.SUBNET, "nodes"), Subnet(cidr="10.77.4.0/24", network="main")),
    (
        Key(Kind.SERVER, "workers-0"),
        Server(
            region=REGION,
            size=SIZE,
            image=IMAGE,
            role=Role.WORKER,
            pool="workers",
            network="main",
            subnet="nodes",
            ssh_keys=("admin",),
            user_data="#!/bin/sh\necho hello\n",
        ),
    ),
    (Key(Kind.FIREWALL, "nodes"), Firewall(role=Role.WORKER, rules=_RULES)),
    (Key(Kind.VOLUME, "data"), Volume(region=REGION, size_gib=10)),
    (Key(Kind.VOLUME_ATTACHMENT, "data"), VolumeAttachment(volume="data", server="workers-0")),
    (
        Key(Kind.LOAD_BALANCER, "web"),
        LoadBalancer(region=REGION, network="main", role=Role.WORKER, forward=_FORWARD, subnet="nodes"),
    ),
    (
        Key(Kind.LOAD_BALANCER_MEMBER, "web.workers-0"),
        LoadBalancerMember(load_balancer="web", server="workers-0"),
    ),
    (Key(Kind.RESERVED_IP, "entry"), ReservedIp(region=REGION)),
    (
        Key(Kind.RESERVED_IP_ASSIGNMENT, "entry"),
        ReservedIpAssignment(reserved_ip="entry", server="workers-0"),
    ),
)


def request_for(key: Key, resource: Resource, ids: dict[Key, str]) -> Request:
    """Return the request for one of the cluster's resources."""
    return Request(
        cluster=CLUSTER, key=key, resource=resource, name=provider_name(CLUSTER, key), ids=dict(ids)
    )


class Life:
    """Plays it. `wait` is called between looks; `told` fills with what was seen, in builtin form."""

    def __init__(self, cloud: Cloud, wait: Callable[[], None]) -> None:
        self.cloud = cloud
        self._wait = wait
        self.ids: dict[Key, str] = {}
        self.told: dict[str, Any] = {}

    def play(self) -> dict[str, Any]:
        """Play all of it and return what was seen."""
        self._note("account", self.cloud.account())
        self._note("allowance", self.cloud.allowance(REGION))
        self.play_until(None)
        self._changes()
        self._note("all", self.cloud.observe_all(CLUSTER))
        self._refusals()
        for key, _ in reversed(RESOURCES):
            self._remove(key.kind, self.ids[key])
        self._note("none", self.cloud.observe_all(CLUSTER))
        return self.told

    def play_until(self, last: Key | None) -> None:
        """Make the resources in their order, up to one that is not made."""
        for key, resource in RESOURCES:
            if key == last:
                return
            request = request_for(key, resource, self.ids)
            accepted = self._insist(lambda request=request: self.cloud.create(request))  # type: ignore[misc]
            self.ids[key] = accepted.id
            self._note(f"made {key}", self._until_ready(key.kind, accepted))

    def _changes(self) -> None:
        # not the volume: the pretended hypervisor lets none grow that is plugged in
        resources = dict(RESOURCES)
        for key, field, value in (
            (Key(Kind.FIREWALL, "nodes"), "rules", _WIDER),
            (Key(Kind.LOAD_BALANCER, "web"), "forward", _OTHERS),
        ):
            request = request_for(key, msgspec.structs.replace(resources[key], **{field: value}), self.ids)
            changed = frozenset({field})
            accepted = self._insist(
                lambda request=request, key=key, changed=changed: self.cloud.update(  # type: ignore[misc]
                    request, self.ids[key], changed
                )
            )
            self._note(f"changed {key}", self._until_ready(key.kind, accepted))

    def _refusals(self) -> None:
        """Note how what is in use is kept."""
        for key in (Key(Kind.NETWORK, "main"), Key(Kind.SUBNET, "nodes"), Key(Kind.TAG, "worker")):
            try:
                self.cloud.delete(key.kind, self.ids[key])
            except CloudError as error:
                self.told[f"kept {key}"] = type(error).__name__

    def _insist(self, call: Callable[[], _T]) -> _T:
        for _ in range(200):
            try:
                return call()
            except Busy:
                self._wait()
        raise AssertionError("busy for ever")

    def _until_ready(self, kind: Kind, accepted: Accepted) -> object:
        for _ in range(200):
            if (seen := self.cloud.ready(kind, accepted)) is not None:
                return seen
            self._wait()
        raise AssertionError(f"{kind} {accepted.id} never became ready")

    def _remove(self, kind: Kind, resource_id: str) -> None:
        for _ in range(200):
            try:
                self.cloud.delete(kind, resource_id)
                break
            except Conflict:
                self._wait()
        for _ in range(200):
            if self.cloud.observe(kind, resource_id) is None:
                return
            self._wait()
        raise AssertionError(f"{kind} {resource_id} never went away")

    def _note(self, what: str, seen: object) -> None:
        self.told[what] = msgspec.to_builtins(seen, str_keys=True)
