"""Planning: from any world to any blueprint, in any order that the plan allows, and nothing too many."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import msgspec
from hypothesis import assume, event, given
from hypothesis import strategies as st

from kubisnap.adapters.sandbox.catalogue import CATALOGUE
from kubisnap.engine.domain.model import ClusterSpec
from kubisnap.engine.domain.resources import Desired, Firewall, Key, Kind, Server, Status, Volume
from kubisnap.engine.errors import Refused
from kubisnap.engine.operations.blueprint import blueprint
from kubisnap.engine.operations.cost import Cost, cluster_cost, resource_cost
from kubisnap.engine.operations.planning import UPDATABLE, Action, Plan, Step, plan
from kubisnap.engine.operations.translation import complete
from tests.property.model_cloud import ALL_TOLD, LITTLE_TOLD, World
from tests.property.strategies import specs

REMOVALS = {Action.DELETE, Action.FORGET}


def desired_of(spec: ClusterSpec) -> list[Desired]:
    return blueprint(complete(spec, CATALOGUE), CATALOGUE)


blueprints = specs().map(desired_of)


def first(steps: Sequence[Step]) -> Step:
    return steps[0]


def built(desired: Sequence[Desired], world: World | None = None) -> World:
    world = world or World()
    world.carry_out(plan(desired, world.known()), first)
    return world


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw a world in which a cluster was built, and then things happened."""
    world = World(told=draw(st.sampled_from((ALL_TOLD, LITTLE_TOLD))))
    if draw(st.booleans()):
        built(draw(blueprints), world)
    for identity in sorted(world.there):
        happening = draw(st.sampled_from(HAPPENINGS[:1] * 6 + HAPPENINGS))
        if happening != "nothing":
            _happen(world, identity, happening)
    return world


HAPPENINGS = ("nothing", "lost", "unbound", "unready", "failed", "twin", "foreign", "changed", "going")
PLUGS = {Kind.VOLUME_ATTACHMENT, Kind.RESERVED_IP_ASSIGNMENT}


def _happen(world: World, identity: str, happening: str) -> None:
    """Let something happen to a thing, if it can happen to such a thing."""
    thing = world.there.get(identity)
    if thing is None:  # it went with a server that went before
        return
    kind, key = thing.key.kind, thing.key
    match happening:
        case "lost":
            _lose(world, identity)
        case "unbound" if world.told is ALL_TOLD:
            del world.log[key]
        case "unready" if kind not in PLUGS:
            thing.status = Status.CREATING
            world.log[key].ready = False
        case "failed" if kind in {Kind.SERVER, Kind.VOLUME, Kind.LOAD_BALANCER}:
            thing.status = Status.FAILED
        case "twin" | "going" if kind is Kind.SERVER and world.told is ALL_TOLD:
            world.made += 1
            twin = replace(thing, id=f"twin-{world.made}")
            world.there[twin.id] = twin
            if happening == "going":  # removed by hand, and made anew by somebody
                _unplug(world, identity)
                thing.status = Status.DELETING
        case "foreign" if kind is Kind.SSH_KEY:
            thing.ours = False
        case "changed":
            _change(world, identity)
        case _:
            pass


def _lose(world: World, identity: str) -> None:
    """Remove what a cloud would let a person remove, with what was plugged into it."""
    thing = world.there[identity]
    in_use = any(identity in other.links.values() for other in world.there.values())
    if thing.key.kind is Kind.SERVER or not in_use:
        _unplug(world, identity)
        del world.there[identity]


def _unplug(world: World, identity: str) -> None:
    for other in [other for other in world.there.values() if identity in other.links.values()]:
        del world.there[other.id]


def _change(world: World, identity: str) -> None:
    """Change by hand something that the cloud tells."""
    thing = world.there[identity]
    match thing.resource:
        case Server() as server if "size" in world.told.get(Kind.SERVER, ()):
            thing.resource = msgspec.structs.replace(server, size="sb-8x16")
        case Firewall() as firewall if "rules" in world.told.get(Kind.FIREWALL, ()):
            thing.resource = msgspec.structs.replace(firewall, rules=firewall.rules[1:])
        case Volume() as volume:
            thing.resource = msgspec.structs.replace(volume, size_gib=max(1, volume.size_gib // 2))
        case _:
            pass


def planned(desired: Sequence[Desired], world: World) -> Plan:
    """Plan, or give the example up where a volume would have to shrink."""
    try:
        found = plan(desired, world.known())
    except Refused:
        found = None
    if found is None:
        wanted = {item.key: item.resource.size_gib for item in desired if isinstance(item.resource, Volume)}
        assert any(
            isinstance(thing.resource, Volume) and wanted.get(thing.key, 2**15) < thing.resource.size_gib
            for thing in world.there.values()
        )
    assume(found is not None)
    assert found is not None
    return found


@given(worlds(), blueprints)
def test_a_plan_is_a_graph_without_cycles_whose_phases_never_go_backwards(
    world: World, desired: list[Desired]
) -> None:
    found = planned(desired, world)
    steps = {step.id: step for step in found.steps}

    assert [step.id for step in found.steps] == list(range(1, len(found.steps) + 1))
    done: set[int] = set()
    waiting = dict(steps)
    while free := [step for step in waiting.values() if done >= set(step.after)]:
        for step in free:
            done.add(step.id)
            del waiting[step.id]
    assert not waiting
    for step in found.steps:
        assert set(step.after) <= steps.keys()
        assert all(steps[before].phase <= step.phase for before in step.after)
        assert step.phase in {0, 1}
        assert step.phase == 1 or step.action not in REMOVALS


@given(worlds(), blueprints, st.data())
def test_in_any_order_that_it_allows_a_plan_leads_to_exactly_what_is_desired(
    world: World, desired: list[Desired], data: st.DataObject
) -> None:
    found = planned(desired, world)
    # of what is not in the log nobody can say that it is in no subnet
    assume(
        not any(step.action is Action.ADOPT and getattr(step.resource, "subnet", "") for step in found.steps)
    )
    random = data.draw(st.randoms(use_true_random=False))

    world.carry_out(found, random.choice)

    assert world.differences(desired) == []
    assert plan(desired, world.known()).steps == ()


@given(worlds(), blueprints)
def test_nothing_is_removed_that_is_not_ours_or_is_as_desired(world: World, desired: list[Desired]) -> None:
    before = dict(world.there)
    wanted = {item.key: item for item in desired}
    found = planned(desired, world)
    gone = {step.resource_id for step in found.steps if step.action in REMOVALS}

    for step in found.steps:
        if step.action is Action.DELETE:
            assert before[step.resource_id].ours
            event(f"removes {step.key.kind}: {step.reasons}")
        elif step.action is Action.FORGET:
            assert not before[step.resource_id].ours
    for key, item in wanted.items():
        entry = world.log.get(key)
        thing = before.get(entry.id) if entry else None
        if thing is None or thing.status is not Status.READY or gone & set(thing.links.values()):
            continue
        fixed = {
            name: (value, World.comparable(item.resource)[name])
            for name, value in World.comparable(thing.resource).items()
            if name not in UPDATABLE.get(key.kind, ())
        }
        told = {name for name in fixed if fixed[name][0] != fixed[name][1]}
        moved = any(
            getattr(thing.resource, name) != getattr(item.resource, name)
            for name in ("network", "subnet", "server", "volume", "reserved_ip")
            if hasattr(thing.resource, name)
        )
        lost = any(
            link not in before or before[link].status is Status.DELETING for link in thing.links.values()
        )
        if not (told or moved or lost):
            assert thing.id not in gone, f"{key} is as desired"


@given(blueprints)
def test_a_cluster_that_is_as_desired_needs_no_steps(desired: list[Desired]) -> None:
    for told in (ALL_TOLD, LITTLE_TOLD):
        assert plan(desired, built(desired, World(told=told)).known()) == Plan(steps=())


@given(worlds(), blueprints)
def test_planning_asks_nothing_but_its_arguments(world: World, desired: list[Desired]) -> None:
    known = world.known()

    assert planned(desired, world) == plan(desired, known)


@given(specs())
def test_a_blueprint_names_each_resource_once_and_after_what_it_needs(spec: ClusterSpec) -> None:
    seen: set[Key] = set()
    for item in desired_of(spec):
        assert item.key not in seen
        assert set(item.needs) <= seen
        seen.add(item.key)


@given(specs())
def test_a_cluster_costs_what_its_resources_cost_together(spec: ClusterSpec) -> None:
    fitted = complete(spec, CATALOGUE)
    total = sum((resource_cost(item.resource, CATALOGUE) for item in desired_of(spec)), Cost())
    whole = cluster_cost(fitted, CATALOGUE)

    assert whole.monthly == total.monthly
    assert abs(whole.hourly - total.hourly) < Decimal("1e-20")
