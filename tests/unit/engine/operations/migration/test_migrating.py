"""A cluster is migrated from one account to another: step by step, both logs, the source untouched."""

from collections.abc import Iterator

import msgspec
import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.model import ClusterSpec, Protocol, Rule, neutral
from kubisnap.engine.domain.resources import Kind
from kubisnap.engine.errors import (
    AlreadyExists,
    AnotherMigration,
    LogMoved,
    MigrationBlocked,
    NotVerified,
    OperationFailed,
    Refused,
    SourceMovedOn,
    StillUnfinished,
    Unavailable,
    WrongAccount,
)
from kubisnap.engine.operations.migration import Retirement, migrate
from tests.unit.engine.road import REGION, Road, written
from tests.unit.engine.world import ProcessDied, World, spec


@pytest.fixture
def road(world: World) -> Iterator[Road]:
    world.create()
    road = Road(world)
    yield road
    road.sandbox.close()


ALL = ["1/5 preflight", "2/5 capture", "3/5 create", "4/5 verify", "5/5 cut-over"]


def test_the_new_cluster_is_like_the_old_one_and_that_is_untouched(road: Road) -> None:
    before = road.world.dump()
    report = road.go()
    old, new = road.world.state(), road.world.state("web-sandbox")
    assert neutral(new.spec()) == neutral(old.spec())
    assert new.spec().placement.region == REGION
    assert len(new.bindings) == len(old.bindings)
    assert road.world.dump() == before
    assert [step.name for step in report.steps] == ["preflight", "capture", "create", "verify", "cut-over"]
    assert report.moved["server"] == 2


def test_each_step_is_an_event_in_both_logs_under_one_id(road: Road) -> None:
    report = road.go()
    assert road.steps("web") == road.steps("web-sandbox") == ALL
    for name in ("web", "web-sandbox"):
        events = road.world.events(ev.MigrationStepTaken, name=name)
        assert {event.migration for event in events} == {report.id}
        assert {(event.source.name, event.target.name) for event in events} == {("web", "web-sandbox")}
        road.world.assert_sound(name)


def test_the_new_log_says_which_archive_it_is_from(road: Road) -> None:
    road.go()
    origin = road.world.state("web-sandbox").origin
    assert origin is not None
    assert origin.archive == "sha256:" + "ab" * 32
    assert origin.cluster_id == road.world.state().cluster_id
    captured = road.world.events(ev.SnapshotCaptured)[-1]
    assert origin.position == captured.position


def test_what_is_in_the_way_is_found_before_anything_is_written(road: Road) -> None:
    road.sandbox.set_quota("other", Kind.SERVER, 1)
    plan = road.plan()
    assert plan.problems == ("server: 2 wanted, 1 left of 1 (0 in use)",)
    position = road.world.state().position
    with pytest.raises(MigrationBlocked, match="server: 2 wanted"):
        road.go(plan)
    assert road.world.state().position == position
    assert road.sandbox.dump("other") == []


def test_what_fails_is_rolled_back_and_gone_on_with_by_the_same_command(road: Road) -> None:
    before = road.world.dump()
    road.cloud.on("create", Kind.SERVER, nth=2, times=99, before=Unavailable("sandbox", "not today", 503))
    with pytest.raises(OperationFailed):
        road.go()
    assert road.sandbox.dump("other") == []
    assert road.world.dump() == before
    assert road.steps("web") == ALL[:2]
    road.mend()
    plan = road.plan()
    assert plan.done == ("preflight", "capture")
    assert plan.resumed
    road.go(plan)
    assert road.steps("web") == road.steps("web-sandbox") == ALL
    assert road.world.dump() == before


def test_a_source_that_changes_meanwhile_is_captured_again(road: Road) -> None:
    plan = road.plan()

    def scaled(address: str, _: int) -> str:
        if address == addresses_of_servers(road)[0]:
            road.world.scale(3)
        return ""

    road.world.apply(_open_to_all(road.world.state().spec()))
    plan = road.plan()
    with pytest.raises(SourceMovedOn, match="scale"):
        road.go(plan, reach=scaled)
    assert road.steps("web") == ALL[:4]
    plan = road.plan()
    assert plan.again
    assert plan.done == ("preflight",)
    road.go(plan)
    assert neutral(road.world.state("web-sandbox").spec()) == neutral(road.world.state().spec())
    assert len(road.world.state("web-sandbox").spec().servers()) == 4
    assert road.steps("web")[-4:] == ALL[1:]


def addresses_of_servers(road: Road) -> list[str]:
    bindings = road.world.state("web-sandbox").bindings
    return sorted(item.attributes["public_ip"] for key, item in bindings.items() if key.kind is Kind.SERVER)


def _open_to_all(cluster: ClusterSpec) -> ClusterSpec:
    rule = Rule(protocol=Protocol.TCP, ports="20-25", sources=("0.0.0.0/0",))
    firewalls = tuple(msgspec.structs.replace(item, allow=(rule,)) for item in cluster.firewalls)
    return msgspec.structs.replace(cluster, firewalls=firewalls)


def test_servers_that_do_not_answer_are_not_cut_over_to(road: Road) -> None:
    with pytest.raises(NotVerified, match="connection refused"):
        road.go(reach=lambda *_: "connection refused")
    assert road.steps("web") == ALL[:3]
    tried: list[str] = []

    def answers(address: str, port: int) -> str:
        assert port == 22
        tried.append(address)
        return ""

    report = road.go(reach=answers)
    # the workers' firewall lets a few in only, the control plane has none
    assert len(tried) == 1
    told = next(step.told for step in report.steps if step.name == "verify")
    assert "servers that answer to SSH: 1" in told
    assert "not open to everybody, so not tried: server/workers-0" in told


def test_what_got_lost_at_the_target_is_made_again_before_it_is_verified(road: Road) -> None:
    with pytest.raises(NotVerified):
        road.go(reach=lambda *_: "silence")
    server = next(item for item in road.sandbox.dump("other") if item["kind"] == "server")
    road.sandbox.delete(Kind.SERVER, server["id"])
    plan = road.plan()
    assert plan.done == ("preflight", "capture")
    road.go(plan)
    assert road.steps("web")[-3:] == ALL[2:]


def test_the_source_is_taken_away_only_if_that_was_asked_for(road: Road) -> None:
    report = road.go(retire=True)
    assert [step.name for step in report.steps][-1] == "retire"
    assert road.world.state().gone
    assert [item for item in road.world.dump() if item["cluster"] == road.world.state().cluster_id] == []
    assert road.steps("web") == road.steps("web-sandbox")
    assert road.steps("web")[-1] == "6/6 retire"
    claim = road.world.journal.claim_of("web")
    assert claim is None or claim.released


def test_a_cluster_on_its_way_goes_nowhere_else(road: Road) -> None:
    with pytest.raises(NotVerified):
        road.go(reach=lambda *_: "silence")
    with pytest.raises(AnotherMigration, match="web-sandbox on sandbox/sim-eu-central"):
        road.plan(name="elsewhere")
    with pytest.raises(AnotherMigration):
        road.plan(region="sim-us-west")
    road.plan(name="web-sandbox", region=REGION)


def test_what_was_given_up_is_begun_anew(road: Road) -> None:
    with pytest.raises(NotVerified):
        road.go(reach=lambda *_: "silence")
    world = road.world
    world.cloud, kept = road.cloud, world.cloud
    world.delete("web-sandbox")
    world.cloud = kept
    plan = road.plan(name="elsewhere")
    assert plan.done == ()
    road.go(plan)
    assert road.steps("elsewhere") == ALL


def test_what_came_to_its_end_is_not_done_again(road: Road) -> None:
    first = road.go()
    road.world.scale(4)
    before = road.sandbox.dump("other")
    plan = road.plan()
    assert plan.over
    again = road.go(plan)
    assert road.steps("web") == road.steps("web-sandbox") == ALL
    assert road.sandbox.dump("other") == before
    assert again.id == first.id
    assert all(step.before for step in again.steps)
    assert road.plan(name="web-2").done == ()


def test_a_name_that_another_cluster_has_is_refused(road: Road) -> None:
    road.world.create(spec("web-2", rich=False))
    with pytest.raises(AlreadyExists):
        road.plan(name="web-2")


def test_a_plan_is_carried_out_from_where_it_was_made_only(road: Road) -> None:
    plan = road.plan()
    world = road.world
    stale = world.state()
    world.scale(2)
    with pytest.raises(LogMoved):
        migrate(world.journal, stale, road.cloud, plan, world.context(), write=written)
    assert road.sandbox.dump("other") == []


def test_what_is_unfinished_is_finished_first(road: Road) -> None:
    world = road.world
    world.cloud.on("create", Kind.SERVER, after=ProcessDied())
    with pytest.raises(ProcessDied):
        world.scale(3)
    world.mend()
    with pytest.raises(StillUnfinished):
        road.plan()
    world.apply()
    road.go()


def test_what_is_not_wanted_any_more_is_not_migrated(road: Road) -> None:
    road.world.delete()
    with pytest.raises(Refused, match="nothing to migrate"):
        road.plan()


def test_what_was_begun_in_one_account_does_not_go_on_in_another(road: Road) -> None:
    with pytest.raises(NotVerified):
        road.go(reach=lambda *_: "silence")
    stranger = Road(road.world, account="third")
    with pytest.raises(WrongAccount, match="third"):
        stranger.plan()
    assert stranger.sandbox.dump("third") == []
    stranger.sandbox.close()


def test_the_wrong_account_is_not_asked_to_delete_the_source(road: Road) -> None:
    world = road.world
    other = Road(world, account="third")
    plan = road.plan(retire=True)
    with pytest.raises(WrongAccount, match="web lives in account sandbox-default"):
        migrate(
            world.journal,
            world.state(),
            road.cloud,
            plan,
            world.context(),
            write=written,
            reach=lambda *_: "",
            retirement=Retirement(other.cloud, world.context()),
        )
    assert not world.state().retired
    assert road.steps("web")[-1] == "5/6 cut-over"
    road.go(retire=True)
    assert world.state().gone
    other.sandbox.close()


def test_cost_and_time_are_told_beforehand(road: Road) -> None:
    plan = road.plan()
    assert plan.cost_before == plan.prepared.cost_after
    assert plan.seconds > 60
    assert [item.about for item in plan.findings] == ["permissions", "quota", "versions"]
