"""What an operator wants: a cluster, written without the name of any cloud.

These are the cloud-neutral specs. Provider names appear in two places only, both optional:
`pins` (cloud -> that cloud's own name for a size or an image) and `Placement.region`.
A spec is *complete* when `translation.complete` has filled what its cloud's catalogue knows
(a pinned size's vCPUs, a region's coordinates), so that it can be carried to another cloud.

Knows: nothing outside this folder. Values are checked in `validation`.
"""

from enum import StrEnum
from typing import Self

import msgspec


class Spec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """The base of all specs: immutable, compared by value, strict about unknown fields.

    Never with `omit_defaults`: msgspec leaves a text out only if it is the very object of the default,
    so that two equal specs, one of them read from a file, would come out different.
    """


class Role(StrEnum):
    """What a server does in the cluster."""

    CONTROL_PLANE = "control-plane"
    WORKER = "worker"


class TaintEffect(StrEnum):
    """What a Kubernetes taint does to pods that do not tolerate it."""

    NO_SCHEDULE = "NoSchedule"
    PREFER_NO_SCHEDULE = "PreferNoSchedule"
    NO_EXECUTE = "NoExecute"


class Protocol(StrEnum):
    """Protocols of firewall rules."""

    TCP = "tcp"
    UDP = "udp"
    ICMP = "icmp"


class ForwardProtocol(StrEnum):
    """Protocols that a load balancer forwards."""

    TCP = "tcp"
    HTTP = "http"


class Placement(Spec, frozen=True, kw_only=True):
    """Where the cluster is. `latitude` and `longitude` are degrees north and east."""

    cloud: str
    region: str = ""
    place: str = ""
    latitude: float | None = None
    longitude: float | None = None


class Size(Spec, frozen=True, kw_only=True):
    """What one server must have at least; 0 means that anything will do.

    Memory in MiB, disk in GiB. `architecture` is the processors' (``arm64``), empty for ``x86_64``. `pins`
    maps a cloud's name to that cloud's name for a size.
    """

    vcpus: int = 0
    memory_mib: int = 0
    disk_gib: int = 0
    architecture: str = ""
    pins: dict[str, str] = {}

    @classmethod
    def pinned(cls, cloud: str, size: str) -> Self:
        """Name a provider's size, e.g. ``Size.pinned("digitalocean", "s-2vcpu-4gb")``."""
        return cls(pins={cloud: size})


class Image(Spec, frozen=True, kw_only=True):
    """An operating system release, e.g. ``ubuntu-24.04``, and optionally a cloud's name for it."""

    os: str
    pins: dict[str, str] = {}


class Taint(Spec, frozen=True, kw_only=True):
    """A Kubernetes taint."""

    key: str
    value: str = ""
    effect: TaintEffect = TaintEffect.NO_SCHEDULE


class PoolSpec(Spec, frozen=True, kw_only=True):
    """A set of equal servers. Server `i` is called ``<pool>-<i>``, counted from 0."""

    name: str
    role: Role
    count: int
    size: Size
    image: Image = Image(os="ubuntu-24.04")
    labels: dict[str, str] = {}
    taints: tuple[Taint, ...] = ()
    bootstrap: str = ""
    subnet: str = ""

    def servers(self) -> tuple[str, ...]:
        """Return the logical names of the pool's servers, lowest ordinal first."""
        return tuple(f"{self.name}-{ordinal}" for ordinal in range(self.count))


class SubnetSpec(Spec, frozen=True, kw_only=True):
    """A part of the network."""

    name: str
    cidr: str


class NetworkSpec(Spec, frozen=True, kw_only=True):
    """The cluster's private network."""

    name: str = "main"
    cidr: str = "10.100.0.0/20"
    subnets: tuple[SubnetSpec, ...] = ()


class Rule(Spec, frozen=True, kw_only=True):
    """Traffic let in. `ports` is ``22``, ``8000-8100`` or ``all``; a source is a CIDR or a role."""

    protocol: Protocol
    ports: str = "all"
    sources: tuple[str, ...] = ()


class FirewallSpec(Spec, frozen=True, kw_only=True):
    """What may reach the servers of a role. Everything else is kept out; all may leave."""

    name: str
    role: Role
    allow: tuple[Rule, ...] = ()


class SshKeySpec(Spec, frozen=True, kw_only=True):
    """A public key that may log in to every server. The private half never enters a spec."""

    name: str
    public_key: str


class Forward(Spec, frozen=True, kw_only=True):
    """One port of a load balancer and where it goes."""

    port: int
    target_port: int
    protocol: ForwardProtocol = ForwardProtocol.TCP


class LoadBalancerSpec(Spec, frozen=True, kw_only=True):
    """Traffic from one address, shared among the servers of a role."""

    name: str
    role: Role
    forward: tuple[Forward, ...]


class VolumeSpec(Spec, frozen=True, kw_only=True):
    """Block storage, in GiB, attached to the server named, if any."""

    name: str
    size_gib: int
    server: str = ""


class ReservedIpSpec(Spec, frozen=True, kw_only=True):
    """A public address that outlives the server which it points to."""

    name: str
    server: str = ""


class DriftPolicy(StrEnum):
    """What to do about a change that somebody else made at the cloud."""

    IGNORE = "ignore"
    """Say nothing, leave it."""
    WARN = "warn"
    """Record and show it, leave it."""
    REVERT = "revert"
    """Record and show it, bring back what is declared."""
    ADOPT = "adopt"
    """Record and show it, declare what is there."""


class DriftRule(Spec, frozen=True, kw_only=True):
    """What to do about the drift of one kind of resource, e.g. ``firewall``."""

    kind: str
    policy: DriftPolicy


class ClusterSpec(Spec, frozen=True, kw_only=True):
    """Everything that an operator says about a cluster."""

    name: str
    kubernetes: str
    placement: Placement
    network: NetworkSpec = NetworkSpec()
    ssh_keys: tuple[SshKeySpec, ...] = ()
    firewalls: tuple[FirewallSpec, ...] = ()
    pools: tuple[PoolSpec, ...] = ()
    load_balancers: tuple[LoadBalancerSpec, ...] = ()
    volumes: tuple[VolumeSpec, ...] = ()
    reserved_ips: tuple[ReservedIpSpec, ...] = ()
    drift: tuple[DriftRule, ...] = ()

    def pool(self, name: str) -> PoolSpec | None:
        """Return the pool of that name, or None."""
        return next((pool for pool in self.pools if pool.name == name), None)

    def servers(self) -> tuple[str, ...]:
        """Return the logical names of all servers."""
        return tuple(server for pool in self.pools for server in pool.servers())


def canonical(spec: ClusterSpec) -> ClusterSpec:
    """Return the spec with its unordered collections in one order, so that ``==`` compares intent.

    Rules of a firewall for the same traffic are one, with all their sources: so does every cloud mean it,
    and some show it so.
    """

    def firewall(spec: FirewallSpec) -> FirewallSpec:
        sources: dict[tuple[Protocol, str], set[str]] = {}
        for rule in spec.allow:
            sources.setdefault((rule.protocol, rule.ports), set()).update(rule.sources)
        rules = (
            Rule(protocol=protocol, ports=ports, sources=tuple(sorted(sources[protocol, ports])))
            for protocol, ports in sorted(sources)
        )
        return msgspec.structs.replace(spec, allow=tuple(rules))

    def pool(spec: PoolSpec) -> PoolSpec:
        taints = sorted(spec.taints, key=lambda taint: (taint.key, taint.effect, taint.value))
        return msgspec.structs.replace(spec, taints=tuple(taints), labels=dict(sorted(spec.labels.items())))

    def balancer(spec: LoadBalancerSpec) -> LoadBalancerSpec:
        return msgspec.structs.replace(spec, forward=tuple(sorted(spec.forward, key=lambda item: item.port)))

    network = msgspec.structs.replace(
        spec.network, subnets=tuple(sorted(spec.network.subnets, key=lambda subnet: subnet.name))
    )
    return msgspec.structs.replace(
        spec,
        network=network,
        ssh_keys=tuple(sorted(spec.ssh_keys, key=lambda key: key.name)),
        firewalls=tuple(sorted(map(firewall, spec.firewalls), key=lambda item: item.name)),
        pools=tuple(sorted(map(pool, spec.pools), key=lambda item: (item.role, item.name))),
        load_balancers=tuple(sorted(map(balancer, spec.load_balancers), key=lambda item: item.name)),
        volumes=tuple(sorted(spec.volumes, key=lambda volume: volume.name)),
        reserved_ips=tuple(sorted(spec.reserved_ips, key=lambda address: address.name)),
        drift=tuple(sorted(spec.drift, key=lambda rule: rule.kind)),
    )


def neutral(spec: ClusterSpec) -> ClusterSpec:
    """Return what stays the same when a cluster moves: no name, no placement, no cloud's own names.

    Two clusters hold the same intent when their neutral specs are equal.
    """
    pools = tuple(
        msgspec.structs.replace(
            pool,
            size=msgspec.structs.replace(pool.size, pins={}),
            image=msgspec.structs.replace(pool.image, pins={}),
        )
        for pool in spec.pools
    )
    return canonical(msgspec.structs.replace(spec, name="", placement=Placement(cloud=""), pools=pools))
