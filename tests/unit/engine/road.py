"""A road for a cluster to be migrated on: a second account of the simulated cloud beside a test's world."""

import msgspec

from kubisnap.adapters.sandbox import Sandbox
from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.catalogue import Catalogue
from kubisnap.engine.domain.model import ClusterSpec
from kubisnap.engine.operations.migration import (
    MigrationPlan,
    MigrationReport,
    Retirement,
    migrate,
    prepare_migration,
)
from kubisnap.engine.operations.migration.journeys import Reach
from kubisnap.engine.operations.migration.running import step_names
from kubisnap.engine.operations.snapshots import Capture, Written
from kubisnap.engine.operations.translation import Translation, translate
from kubisnap.engine.ports import Allowance
from tests.unit.engine.world import Meddler, World

REGION = "sim-eu-central"


def fitted(cluster: ClusterSpec, catalogue: Catalogue, allowance: Allowance) -> Translation:
    return translate(cluster, catalogue, region=REGION, taken=allowance.ranges, source=catalogue)


def written(content: Capture) -> Written:
    assert len(list(content.rows)) == content.events
    return Written(digest="sha256:" + "ab" * 32, size=4321, file=f"{content.cluster_name}.ksnap")


class RealLooking(Meddler):
    """A cloud that does not say that it is simulated, so that its servers are tried."""

    def catalogue(self) -> Catalogue:
        return msgspec.structs.replace(super().catalogue(), simulated=False)


class Road:
    """A world with a second account, and what is needed to migrate there."""

    def __init__(self, world: World, *, account: str = "other", seed: int = 0) -> None:
        self.world = world
        self.sandbox = Sandbox(
            world.folder / "cloud.sqlite", account=account, clock=world.clock, latency=0.0, seed=seed
        )
        self.cloud: Meddler = RealLooking(self.sandbox)

    def mend(self) -> None:
        self.cloud = RealLooking(self.sandbox)
        self.world.mend()

    def plan(
        self, *, name: str = "", retire: bool = False, source: str = "web", region: str = ""
    ) -> MigrationPlan:
        world = self.world
        return prepare_migration(
            world.journal,
            world.state(source),
            self.cloud,
            world.context(),
            fitted,
            steps=step_names(retire=retire),
            name=name,
            region=region,
        )

    def go(
        self, plan: MigrationPlan | None = None, *, retire: bool = False, reach: Reach | None = None
    ) -> MigrationReport:
        world = self.world
        plan = plan or self.plan(retire=retire)
        return migrate(
            world.journal,
            world.state(plan.source.name),
            self.cloud,
            plan,
            world.context(),
            write=written,
            reach=reach,
            retirement=Retirement(world.cloud, world.context()) if retire else None,
        )

    def steps(self, name: str) -> list[str]:
        taken = self.world.events(ev.MigrationStepTaken, name=name)
        return [f"{event.number}/{event.steps} {event.step}" for event in taken]
