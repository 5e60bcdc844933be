"""What an operator wants in a run: small clusters of every kind of resource, and what is done with them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

import msgspec

from kubisnap.engine.domain.events import OperationKind
from kubisnap.engine.domain.model import (
    ClusterSpec,
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
    VolumeSpec,
    canonical,
)

_KEYS = tuple(f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{letter * 43} {letter}@example" for letter in "BCDEFGH")
THEIR_KEY = _KEYS[0]
"""A key that the account has already, by somebody else's hand."""

_REPLACE = msgspec.structs.replace


@dataclass(frozen=True)
class Wish:
    """One thing that the operator wants. `abandons`: what is left unfinished is taken back, not gone on with.

    `patience` counts the tries until the weather gets better.
    """

    kind: OperationKind
    spec: ClusterSpec | None = None
    abandons: bool = False
    finishes_rollback: bool = False
    patience: int = 2

    @property
    def goes_back(self) -> bool:
        """Whether what is unfinished is taken back."""
        return self.abandons or self.finishes_rollback

    @property
    def told(self) -> str:
        """Say it."""
        ways = {self.abandons: "or abandon it", self.finishes_rollback: "going back once"}
        return f"the operator wants to {self.kind} {ways.get(True, '')}".rstrip()


@dataclass(frozen=True)
class Story:
    """A cluster's life: its name, and one wish after another."""

    name: str
    wishes: list[Wish] = field(default_factory=list)


def stories(random: Random) -> list[Story]:
    """Draw what happens in a run: one cluster, sometimes two at once."""
    names = ["web"] if random.random() < 0.75 else ["web", "web-2"]
    return [_story(name, random) for name in names]


def _story(name: str, random: Random) -> Story:
    spec = drawn_spec(name, random)
    wishes = [_wish(random, OperationKind.CREATE if random.random() < 0.85 else OperationKind.RESTORE, spec)]
    grown = False
    for _ in range(random.randint(0, 3)):
        kind = random.choice(
            (OperationKind.APPLY, OperationKind.APPLY, OperationKind.SCALE, OperationKind.DELETE)
        )
        if kind is OperationKind.DELETE:
            wishes.append(_wish(random, kind))
            if random.random() < 0.5:
                break
            spec = drawn_spec(name, random)
            wishes.append(_wish(random, OperationKind.CREATE, spec))
        elif kind is OperationKind.SCALE:
            spec = _scaled(spec, random)
            wishes.append(_wish(random, kind, spec))
        else:
            spec, grew = _changed(spec, random)
            grown = grown or grew
            wishes.append(_wish(random, kind, spec))
    if grown:  # a volume that has grown cannot be taken back
        wishes = [_forward(wish) for wish in wishes]
    return Story(name, wishes)


def _wish(random: Random, kind: OperationKind, spec: ClusterSpec | None = None) -> Wish:
    drawn = random.random()
    return Wish(
        kind=kind,
        spec=spec,
        abandons=drawn < 0.25,
        finishes_rollback=0.25 < drawn < 0.4,
        patience=random.choice((1, 1, 2, 3)),
    )


def _forward(wish: Wish) -> Wish:
    return Wish(wish.kind, wish.spec, patience=wish.patience)


# ── clusters ─────────────────────────────────────────────────────────────────────────────────────


def _rule(random: Random) -> Rule:
    ports = random.choice(("22", "443", "8000-8100", "all"))
    sources = random.choice(
        (("0.0.0.0/0",), ("192.0.2.0/24",), (Role.CONTROL_PLANE.value, Role.WORKER.value))
    )
    return Rule(protocol=Protocol.TCP, ports=ports, sources=sources)


def _rules(random: Random) -> tuple[Rule, ...]:
    return tuple(dict.fromkeys(_rule(random) for _ in range(random.randint(1, 2))))


def _size(random: Random) -> Size:
    return random.choice((Size(vcpus=1, memory_mib=1024), Size.pinned("sandbox", "sb-2x4")))


def drawn_spec(name: str, random: Random) -> ClusterSpec:
    """Draw a cluster of one to five servers with some of everything else."""
    image = Image(os="debian-12")
    subnets = (SubnetSpec(name="inner", cidr="10.90.4.0/24"),) if random.random() < 0.25 else ()
    subnet = "inner" if subnets and random.random() < 0.7 else ""
    pools = [
        PoolSpec(
            name="cp",
            role=Role.CONTROL_PLANE,
            count=random.choice((1, 1, 2)),
            size=_size(random),
            image=image,
        )
    ]
    if random.random() < 0.85:
        count = random.choice((0, 1, 1, 2, 3))
        pools.append(
            PoolSpec(name="wk", role=Role.WORKER, count=count, size=_size(random), image=image, subnet=subnet)
        )
    spec = ClusterSpec(
        name=name,
        kubernetes="1.34",
        placement=Placement(cloud="sandbox", region="sim-us-east"),
        network=NetworkSpec(cidr="10.90.0.0/20", subnets=subnets),
        pools=tuple(pools),
    )
    for part in _PARTS:
        if random.random() < 0.4:
            spec = part(spec, random)
    return canonical(spec)


def _with_key(spec: ClusterSpec, random: Random) -> ClusterSpec:
    if spec.ssh_keys and random.random() < 0.5:
        return _REPLACE(spec, ssh_keys=())
    start = 1 if spec.name == "web" else 3  # no two clusters with the same key: whose would it be?
    keys = random.sample((THEIR_KEY, *_KEYS[start : start + 2]), random.randint(1, 2))
    return _REPLACE(
        spec,
        ssh_keys=tuple(SshKeySpec(name=f"key-{number}", public_key=key) for number, key in enumerate(keys)),
    )


def _with_firewall(spec: ClusterSpec, random: Random) -> ClusterSpec:
    if spec.firewalls and random.random() < 0.3:
        return _REPLACE(spec, firewalls=())
    return _REPLACE(
        spec, firewalls=(FirewallSpec(name="fw", role=random.choice(list(Role)), allow=_rules(random)),)
    )


def _with_volume(spec: ClusterSpec, random: Random) -> ClusterSpec:
    if spec.volumes and random.random() < 0.4:
        return _REPLACE(spec, volumes=())
    size = spec.volumes[0].size_gib if spec.volumes else 10
    return _REPLACE(
        spec, volumes=(VolumeSpec(name="data", size_gib=size, server=random.choice(("", *spec.servers()))),)
    )


def _with_balancer(spec: ClusterSpec, random: Random) -> ClusterSpec:
    if spec.load_balancers and random.random() < 0.3:
        return _REPLACE(spec, load_balancers=())
    forward = Forward(port=random.choice((80, 443)), target_port=30080)
    return _REPLACE(spec, load_balancers=(LoadBalancerSpec(name="lb", role=Role.WORKER, forward=(forward,)),))


def _with_address(spec: ClusterSpec, random: Random) -> ClusterSpec:
    if spec.reserved_ips and random.random() < 0.3:
        return _REPLACE(spec, reserved_ips=())
    return _REPLACE(
        spec, reserved_ips=(ReservedIpSpec(name="entry", server=random.choice(("", *spec.servers()))),)
    )


def _resized(spec: ClusterSpec, random: Random) -> ClusterSpec:
    pools = list(spec.pools)
    which = random.randrange(len(pools))
    pools[which] = _REPLACE(pools[which], size=_size(random))
    return _REPLACE(spec, pools=tuple(pools))


def _renumbered(spec: ClusterSpec, random: Random) -> ClusterSpec:
    if spec.network.subnets or random.random() < 0.7:
        return spec
    return _REPLACE(
        spec, network=_REPLACE(spec.network, cidr=random.choice(("10.90.0.0/20", "10.91.0.0/20")))
    )


_PARTS: tuple[Callable[[ClusterSpec, Random], ClusterSpec], ...] = (
    _with_key,
    _with_firewall,
    _with_volume,
    _with_balancer,
    _with_address,
)


def _scaled(spec: ClusterSpec, random: Random) -> ClusterSpec:
    """Return it with another number of servers, and nothing that leans on one that is not there."""
    which = random.randrange(len(spec.pools))
    pool = spec.pools[which]
    least = 1 if pool.role is Role.CONTROL_PLANE else 0
    pools = list(spec.pools)
    pools[which] = _REPLACE(pool, count=random.randint(least, 3))
    return _mended(_REPLACE(spec, pools=tuple(pools)))


def _mended(spec: ClusterSpec) -> ClusterSpec:
    servers = {*spec.servers(), ""}
    return canonical(
        _REPLACE(
            spec,
            volumes=tuple(_REPLACE(v, server=v.server if v.server in servers else "") for v in spec.volumes),
            reserved_ips=tuple(
                _REPLACE(a, server=a.server if a.server in servers else "") for a in spec.reserved_ips
            ),
        )
    )


def _changed(spec: ClusterSpec, random: Random) -> tuple[ClusterSpec, bool]:
    """Return it changed in one to three ways, and whether a volume grew."""
    changed = spec
    for part in random.sample((*_PARTS, _resized, _renumbered, _scaled), random.randint(1, 3)):
        changed = part(changed, random)
    if changed.volumes and random.random() < 0.2:
        size = changed.volumes[0].size_gib + 10
        changed = _REPLACE(changed, volumes=(_REPLACE(changed.volumes[0], size_gib=size),))
        return _mended(changed), True
    return _mended(changed), False
