"""The life of a cluster of a few hundred servers: what is there, and the operations that change it.

Mimics what operations write, event for event (`operations.changing`, `actions`, `abandoning`).
"""

from collections.abc import Callable, Iterator

import msgspec

from benchmarks.archive import people, stories
from benchmarks.archive.cluster import CIDR, Cluster
from benchmarks.archive.draw import Draw
from benchmarks.archive.pen import Pen
from benchmarks.archive.stories import ACCOUNT, CLOUD, REGION
from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.model import (
    DriftPolicy,
    FirewallSpec,
    LoadBalancerSpec,
    NetworkSpec,
    Placement,
    Role,
    SshKeySpec,
    VolumeSpec,
)
from kubisnap.engine.domain.resources import Key, Kind

START = 1_672_567_387_204_511
"""The first day of 2023."""
PAUSE = 4 * 3600 * 1_000_000
"""Between two operations, in microseconds, on average."""
NOT_THERE, NOT_WANTED = "it is declared and not there", "it is not declared any more"


class Life:
    """One cluster: `operations` goes on for ever."""

    def __init__(self, draw: Draw) -> None:
        self.draw = draw
        self.cluster = Cluster(draw)
        self.pen = Pen(draw, self.cluster.ref.id, START)
        self._age = 0
        self._kinds: tuple[tuple[Callable[[], Iterator[ev.Recorded]], int], ...] = (
            (self._scale, 56),
            (self._firewall, 12),
            (self._drift, 9),
            (self._capture, 9),
            (self._fail, 6),
            (self._lost, 4),
            (self._volume, 4),
            (self._rollout, 2),
        )

    def operations(self) -> Iterator[ev.Recorded]:
        """Yield the log."""
        yield from self._create()
        while True:
            self.pen.time += self.draw.pause(PAUSE)
            self._age += 1
            yield from self.draw.weighted(self._kinds)()

    # ── what an operation consists of ────────────────────────────────────────────────────────

    def begin(self, kind: ev.OperationKind, summary: str, *events: ev.AnyEvent) -> Iterator[ev.Recorded]:
        """Open an operation."""
        started = ev.OperationStarted(
            kind=kind,
            summary=summary,
            holder=people.holder(self.draw),
            tool=people.TOOLS[min(self._age // 1400, len(people.TOOLS) - 1)],
            cloud="" if kind is ev.OperationKind.CAPTURE else CLOUD,
            account="" if kind is ev.OperationKind.CAPTURE else ACCOUNT,
            lease_seconds=0 if kind is ev.OperationKind.CAPTURE else 120,
        )
        yield from self.pen.begin(people.actor(self.draw), people.reason(self.draw), started, *events)

    def carry_out(
        self, kind: ev.OperationKind, summary: str, opening: list[ev.AnyEvent], steps: list[ev.PlannedStep]
    ) -> Iterator[ev.Recorded]:
        """Write an operation that makes and deletes what its plan says, and succeeds."""
        told = [
            self.cluster.make(step) if step.action == "create" else self.cluster.remove(step)
            for step in steps
        ]
        yield from self.begin(kind, summary, *opening, ev.PlanAccepted(steps=tuple(steps)))
        yield from self.pen.run(told)
        yield from self.succeeded(len(steps))

    def succeeded(self, done: int) -> Iterator[ev.Recorded]:
        """End an operation."""
        yield from self.pen.later(ev.OperationFinished(outcome=ev.Outcome.SUCCEEDED, done=done))

    # ── operations ───────────────────────────────────────────────────────────────────────────

    def _create(self) -> Iterator[ev.Recorded]:
        placement = Placement(cloud=CLOUD, region=REGION, place="amsterdam", latitude=52.37, longitude=4.9)
        opening: list[ev.AnyEvent] = [
            ev.ClusterDeclared(
                cluster_id=self.cluster.ref.id,
                name=self.cluster.ref.name,
                kubernetes="1.29",
                placement=placement,
            ),
            ev.NetworkDeclared(network=NetworkSpec(cidr=CIDR)),
            ev.SshKeyDeclared(ssh_key=SshKeySpec(name="admin", public_key=self.cluster.public_key)),
            *(ev.ServerPoolDeclared(pool=pool) for pool in self.cluster.pools.values()),
            *(
                ev.FirewallDeclared(firewall=FirewallSpec(name=role.value, role=role, allow=rules))
                for role, rules in self.cluster.rules.items()
            ),
            ev.LoadBalancerDeclared(
                load_balancer=LoadBalancerSpec(name="front", role=Role.WORKER, forward=self.cluster.ports)
            ),
        ]
        keys = [
            *(Key(Kind.TAG, name) for name in ("cluster", *Role)),
            Key(Kind.SSH_KEY, "admin"),
            Key(Kind.NETWORK, "main"),
            *(Key(Kind.FIREWALL, role.value) for role in Role),
            *(Key(Kind.SERVER, name) for pool in self.cluster.pools.values() for name in pool.servers()),
            Key(Kind.LOAD_BALANCER, "front"),
        ]
        steps = planned("create", keys, NOT_THERE)
        yield from self.carry_out(ev.OperationKind.CREATE, "shop", opening, steps)

    def _scale(self) -> Iterator[ev.Recorded]:
        pool = self.cluster.pools[
            self.draw.weighted((("batch", 6), ("workers", 4), ("ml", 2), ("ingress", 1)))
        ]
        by = self.draw.between(1, max(2, pool.count // 3))
        before = pool.count
        count = before - by if before > 8 and self.draw.chance(min(0.9, before / 90)) else before + by
        after = self.cluster.change(pool, count=count)
        longer, shorter = max(pool, after, key=lambda item: item.count), min(before, count)
        keys = [Key(Kind.SERVER, name) for name in longer.servers()[shorter:]]
        steps = planned("create", keys, NOT_THERE) if count > before else planned("delete", keys, NOT_WANTED)
        scaled = ev.ServerPoolScaled(pool=pool.name, before=before, count=count)
        yield from self.carry_out(ev.OperationKind.SCALE, f"{pool.name} {before}→{count}", [scaled], steps)

    def _firewall(self) -> Iterator[ev.Recorded]:
        role = self.draw.pick((Role.WORKER, Role.WORKER, Role.CONTROL_PLANE))
        rules = list(self.cluster.rules[role])
        if len(rules) > 2 and self.draw.chance(0.5):
            rules.remove(self.draw.pick(rules))
        else:
            rules.append(self.cluster.rule())
        self.cluster.rules[role] = tuple(rules)
        spec = FirewallSpec(name=role.value, role=role, allow=self.cluster.rules[role])
        yield from self._update(Key(Kind.FIREWALL, role.value), [ev.FirewallDeclared(firewall=spec)])

    def _drift(self) -> Iterator[ev.Recorded]:
        """Somebody opened a port by hand; it is closed again."""
        role = self.draw.pick(tuple(Role))
        key = Key(Kind.FIREWALL, role.value)
        before = msgspec.json.encode(self.cluster.rules[role]).decode()
        after = msgspec.json.encode((*self.cluster.rules[role], self.cluster.rule())).decode()
        seen = ev.DriftObserved(
            key=key,
            resource_id=self.cluster.there[key][0],
            policy=DriftPolicy.REVERT,
            changes=(ev.DriftedField(field="rules", before=before, after=after),),
        )
        yield from self._update(key, [seen])

    def _update(self, key: Key, opening: list[ev.AnyEvent]) -> Iterator[ev.Recorded]:
        found, before = self.cluster.there[key]
        after = self.cluster.resource(key)
        self.cluster.there[key] = found, after
        plan = ev.PlanAccepted(steps=tuple(planned("update", [key], "rules differs")))
        yield from self.begin(ev.OperationKind.APPLY, "cluster.yaml", *opening, plan)
        yield from self.pen.run(
            [
                stories.update(
                    self.draw,
                    1,
                    key,
                    self.cluster.named(key),
                    found,
                    changed="rules",
                    before=before,
                    after=after,
                )
            ]
        )
        yield from self.succeeded(1)

    def _capture(self) -> Iterator[ev.Recorded]:
        position = self.pen.version
        yield from self.begin(ev.OperationKind.CAPTURE, f"{position} events")
        captured = ev.SnapshotCaptured(
            digest=f"sha256:{self.draw.hexed(64)}",
            size=position * 31 + self.draw.between(0, 4095),
            events=position,
            position=position,
            file=f"/srv/backup/shop-{position}.ksnap",
        )
        yield from self.pen.later(captured)
        yield from self.succeeded(0)

    def _fail(self) -> Iterator[ev.Recorded]:
        """The last server of several is not to be had: those before it are taken back."""
        pool = self.cluster.pools["ml"]
        by = self.draw.between(2, 6)
        wanted = msgspec.structs.replace(pool, count=pool.count + by).servers()[pool.count :]
        keys = [Key(Kind.SERVER, name) for name in wanted]
        yield from self.begin(
            ev.OperationKind.SCALE,
            f"ml {pool.count}→{pool.count + by}",
            ev.ServerPoolScaled(pool="ml", before=pool.count, count=pool.count + by),
            ev.PlanAccepted(steps=tuple(planned("create", keys, NOT_THERE))),
        )
        made = [(key, self.draw.uuid()) for key in keys[:-1]]
        server = self.cluster.server("ml")
        yield from self.pen.run(
            [
                *(
                    stories.create(self.draw, step, key, self.cluster.named(key), found, server)
                    for step, (key, found) in enumerate(made, 1)
                ),
                stories.fail(self.draw, by, keys[-1], self.cluster.named(keys[-1])),
            ]
        )
        yield from self.pen.later(ev.RollbackStarted(reason="openstack: Quota exceeded for cores"))
        for step, (key, found) in enumerate(reversed(made), by + 1):
            yield from self.pen.run([stories.delete(self.draw, step, key, found, compensates=True)])
        yield from self.pen.later(
            ev.ServerPoolScaled(pool="ml", before=pool.count + by, count=pool.count),
            ev.OperationFinished(
                outcome=ev.Outcome.ROLLED_BACK,
                done=by - 1,
                rolled_back=by - 1,
                error="openstack: Quota exceeded for cores",
            ),
        )

    def _lost(self) -> Iterator[ev.Recorded]:
        """Servers are gone; they are made anew."""
        servers = self.cluster.pools["batch"].servers()
        first = self.draw.between(0, len(servers) - 1)
        keys = [Key(Kind.SERVER, name) for name in servers[first : first + self.draw.between(1, 4)]]
        opening: list[ev.AnyEvent] = [
            ev.DriftObserved(
                key=key, resource_id=self.cluster.there[key][0], policy=DriftPolicy.REVERT, missing=True
            )
            for key in keys
        ]
        opening += [ev.ResourceLost(key=key, resource_id=self.cluster.there[key][0]) for key in keys]
        steps = planned("create", keys, NOT_THERE)
        yield from self.carry_out(ev.OperationKind.APPLY, "the cluster as declared", opening, steps)

    def _volume(self) -> Iterator[ev.Recorded]:
        name = f"data-{self.draw.word(6)}"
        spec = VolumeSpec(name=name, size_gib=100, server=self.cluster.holder_of(name))
        keys = [Key(Kind.VOLUME, name), Key(Kind.VOLUME_ATTACHMENT, name)]
        opening: list[ev.AnyEvent] = [ev.VolumeDeclared(volume=spec)]
        yield from self.carry_out(
            ev.OperationKind.APPLY, "cluster.yaml", opening, planned("create", keys, NOT_THERE)
        )

    def _rollout(self) -> Iterator[ev.Recorded]:
        """A pool gets a new image: every server is replaced."""
        pool = self.cluster.pools[self.draw.pick(("workers", "batch", "ingress"))]
        image = msgspec.structs.replace(pool.image, pins={CLOUD: self.draw.uuid()})
        before, after = pool.image.pins[CLOUD], image.pins[CLOUD]
        declared = self.cluster.change(pool, image=image)
        keys = [Key(Kind.SERVER, name) for name in pool.servers()]
        why = f'image "{before}" → "{after}"'
        gone = planned("delete", keys, why)
        fresh = [
            msgspec.structs.replace(step, id=step.id + len(keys), after=(step.id,))
            for step in planned("create", keys, "it is replaced")
        ]
        opening: list[ev.AnyEvent] = [ev.ServerPoolDeclared(pool=declared)]
        yield from self.carry_out(ev.OperationKind.APPLY, "cluster.yaml", opening, [*gone, *fresh])


def planned(action: str, keys: list[Key], why: str) -> list[ev.PlannedStep]:
    """Return the steps as a plan holds them."""
    return [ev.PlannedStep(id=n, action=action, key=key, reasons=(why,)) for n, key in enumerate(keys, 1)]
