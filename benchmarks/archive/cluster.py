"""What there is of the generated cluster: its pools, its rules, and its resources under their ids."""

from collections.abc import Callable

import msgspec

from benchmarks.archive import stories
from benchmarks.archive.draw import Draw
from benchmarks.archive.stories import CLOUD, REGION, Story
from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.model import Forward, Image, PoolSpec, Protocol, Role, Rule, Size
from kubisnap.engine.domain.resources import (
    ClusterRef,
    Firewall,
    Key,
    Kind,
    LoadBalancer,
    Network,
    Resource,
    Server,
    SshKey,
    Tag,
    Volume,
    VolumeAttachment,
    provider_name,
)

CIDR = "10.100.0.0/20"
POOLS = (
    ("control-plane", Role.CONTROL_PLANE, 3, "m1.large"),
    ("workers", Role.WORKER, 24, "m1.xlarge"),
    ("batch", Role.WORKER, 40, "c2.2xlarge"),
    ("ingress", Role.WORKER, 4, "c2.large"),
    ("ml", Role.WORKER, 6, "gpu.a10.1x"),
)


class Cluster:
    """The cluster `shop`. `there` says what has which id."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.ref = ClusterRef(id=draw.hexed(32), name="shop")
        self.there: dict[Key, tuple[str, Resource]] = {}
        self.pools = {
            name: PoolSpec(
                name=name,
                role=role,
                count=count,
                size=Size(vcpus=4, memory_mib=16_384, pins={CLOUD: size}),
                image=Image(os="ubuntu-24.04", pins={CLOUD: draw.uuid()}),
                labels={"pool": name},
            )
            for name, role, count, size in POOLS
        }
        self.rules: dict[Role, tuple[Rule, ...]] = {
            role: (self.rule(), self.rule(), self.rule()) for role in Role
        }
        self.public_key = f"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{draw.word(43)}"
        self.ports = (Forward(port=80, target_port=30080), Forward(port=443, target_port=30443))

    def make(self, step: ev.PlannedStep) -> Story:
        """Make what a step makes; return its story."""
        found, resource = self._new_id(step.key), self.resource(step.key)
        self.there[step.key] = found, resource
        return stories.create(self.draw, step.id, step.key, self.named(step.key), found, resource)

    def remove(self, step: ev.PlannedStep) -> Story:
        """Remove what a step removes; return its story."""
        found, _ = self.there.pop(step.key)
        return stories.delete(self.draw, step.id, step.key, found)

    def named(self, key: Key) -> str:
        """Return a resource's name at the cloud."""
        return provider_name(self.ref, key)

    def holder_of(self, volume: str) -> str:
        """Return the server that a volume is attached to: one of those that are always there."""
        return f"workers-{sum(map(ord, volume)) % 6}"

    def rule(self) -> Rule:
        """Return a rule that was not there before."""
        sources = tuple(f"10.{self.draw.between(0, 255)}.0.0/16" for _ in range(self.draw.between(1, 3)))
        port = self.draw.pick(("22", "443", "6443", "8000-8100", "9100", "10250", "30000-32767"))
        return Rule(protocol=Protocol.TCP, ports=port, sources=sources)

    def change(self, pool: PoolSpec, *, count: int | None = None, image: Image | None = None) -> PoolSpec:
        """Declare a pool anew."""
        self.pools[pool.name] = msgspec.structs.replace(
            pool, count=pool.count if count is None else count, image=image or pool.image
        )
        return self.pools[pool.name]

    def resource(self, key: Key) -> Resource:
        """Return a resource as it is declared."""
        name = key.name
        make: dict[Kind, Callable[[], Resource]] = {
            Kind.TAG: lambda: Tag(role=None if name == "cluster" else Role(name)),
            Kind.SSH_KEY: lambda: SshKey(public_key=self.public_key),
            Kind.NETWORK: lambda: Network(region=REGION, cidr=CIDR),
            Kind.FIREWALL: lambda: Firewall(role=Role(name), rules=self.rules[Role(name)]),
            Kind.VOLUME: lambda: Volume(region=REGION, size_gib=100),
            Kind.VOLUME_ATTACHMENT: lambda: VolumeAttachment(volume=name, server=self.holder_of(name)),
            Kind.LOAD_BALANCER: lambda: LoadBalancer(
                region=REGION, network="main", role=Role.WORKER, forward=self.ports
            ),
            Kind.SERVER: lambda: self.server(name.rpartition("-")[0]),
        }
        return make[key.kind]()

    def server(self, pool: str) -> Server:
        """Return a server of a pool."""
        spec = self.pools[pool]
        return Server(
            region=REGION,
            size=spec.size.pins[CLOUD],
            image=spec.image.pins[CLOUD],
            role=spec.role,
            pool=pool,
            network="main",
            ssh_keys=("admin",),
        )

    def _new_id(self, key: Key) -> str:
        if key.kind is Kind.VOLUME_ATTACHMENT:
            volume, server = Key(Kind.VOLUME, key.name), Key(Kind.SERVER, self.holder_of(key.name))
            return f"{self.there[volume][0]}:{self.there[server][0]}"
        return self.draw.uuid()
