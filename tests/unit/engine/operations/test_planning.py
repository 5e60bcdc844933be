"""Planning, case by case; `tests/property/test_planning.py` holds what is true in every case."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from kubisnap.engine.domain.model import (
    ClusterSpec,
    NetworkSpec,
    ReservedIpSpec,
    SshKeySpec,
    SubnetSpec,
    VolumeSpec,
)
from kubisnap.engine.domain.resources import Desired, Key, Kind, Server, Status, Tag, Volume
from kubisnap.engine.errors import Refused
from kubisnap.engine.operations.blueprint import blueprint
from kubisnap.engine.operations.planning import Action, Change, Known, Plan, Step, plan
from kubisnap.engine.operations.translation import complete
from tests.property.model_cloud import Bound, Thing, World
from tests.unit.engine.examples import CATALOGUE, CONTROL_PLANE, KEY, SPEC, WORKERS, changed, with_workers


def drawn(spec: ClusterSpec = SPEC) -> list[Desired]:
    return blueprint(complete(spec, CATALOGUE), CATALOGUE)


def built(spec: ClusterSpec = SPEC) -> World:
    world = World()
    world.carry_out(plan(drawn(spec), ()), lambda steps: steps[0])
    return world


def of(found: Plan, *actions: Action) -> list[str]:
    """Return the keys of the steps with these actions, in their order."""
    return [str(step.key) for step in found.steps if step.action in actions]


def only(found: Plan, action: Action, key: str) -> Step:
    (step,) = (step for step in found.steps if step.action is action and str(step.key) == key)
    return step


def before(found: Plan, step: Step) -> set[str]:
    """Return what comes before a step, however far, as ``action key``."""
    steps = {step.id: step for step in found.steps}
    seen: set[int] = set()
    rest = list(step.after)
    while rest:
        number = rest.pop()
        if number not in seen:
            seen.add(number)
            rest += steps[number].after
    return {f"{steps[number].action} {steps[number].key}" for number in seen}


def thing_of(world: World, key: str) -> Any:
    (found,) = (thing for thing in world.there.values() if str(thing.key) == key)
    return found


# ── making ───────────────────────────────────────────────────────────────────────────────────────


def test_a_new_cluster_is_made_in_the_order_of_its_needs() -> None:
    found = plan(drawn(), ())

    assert of(found, Action.CREATE) == [str(item.key) for item in drawn()]
    assert {step.phase for step in found.steps} == {0}
    assert before(found, only(found, Action.CREATE, "volume-attachment/data")) >= {
        "create network/main",
        "create subnet/back",
        "create firewall/guard",
        "create server/workers-0",
        "create volume/data",
    }
    assert before(found, only(found, Action.CREATE, "server/cp-0")).isdisjoint(
        {"create server/workers-0", "create firewall/guard"}
    )


def test_a_cluster_that_is_as_declared_needs_nothing() -> None:
    found = plan(drawn(), built().known())

    assert found == Plan(steps=(), notes=())
    assert found.empty


def test_what_got_lost_is_made_again_with_what_was_plugged_into_it() -> None:
    world = built()
    for key in ("server/workers-0", "volume-attachment/data"):
        del world.there[thing_of(world, key).id]

    found = plan(drawn(), world.known())

    assert of(found, *Action) == ["server/workers-0", "volume-attachment/data"]
    assert of(found, Action.CREATE) == of(found, *Action)


def test_what_is_going_away_at_the_cloud_is_as_good_as_gone() -> None:
    world = built()
    thing_of(world, "load-balancer/entry").status = Status.DELETING
    going = Known(
        key=Key(Kind.TAG, "old"),
        observed=msgspec.structs.replace(world.known()[0].observed, id="x", status=Status.DELETING),
    )

    assert of(plan(drawn(), [*world.known(), going]), *Action) == ["load-balancer/entry"]


# ── scaling ──────────────────────────────────────────────────────────────────────────────────────


def test_scaling_up_adds_the_next_numbers() -> None:
    found = plan(drawn(with_workers(count=5)), built().known())

    assert of(found, *Action) == ["server/workers-3", "server/workers-4"]
    assert found.count(Action.CREATE) == 2


def test_scaling_down_removes_the_highest_numbers_first() -> None:
    world = built(with_workers(count=12))
    found = plan(drawn(with_workers(count=8)), world.known())

    assert of(found, Action.DELETE) == [f"server/workers-{number}" for number in (11, 10, 9, 8)]
    assert len(found.steps) == 4
    assert {step.irreversible for step in found.steps} == {"what is on its disk is lost"}


# ── changing in place ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("spec", "key", "change"),
    [
        (
            changed(volumes=(msgspec.structs.replace(SPEC.volumes[0], size_gib=200),)),
            "volume/data",
            Change(field="size_gib", before=100, after=200),
        ),
        (
            changed(
                load_balancers=(
                    msgspec.structs.replace(
                        SPEC.load_balancers[0],
                        forward=(msgspec.structs.replace(SPEC.load_balancers[0].forward[0], target_port=80),),
                    ),
                )
            ),
            "load-balancer/entry",
            Change(
                field="forward",
                before=({"port": 443, "target_port": 30443, "protocol": "tcp"},),
                after=({"port": 443, "target_port": 80, "protocol": "tcp"},),
            ),
        ),
        (
            changed(
                firewalls=(msgspec.structs.replace(SPEC.firewalls[0], allow=SPEC.firewalls[0].allow[:1]),)
            ),
            "firewall/guard",
            Change(
                field="rules",
                before=(
                    {"protocol": "tcp", "ports": "22", "sources": ("0.0.0.0/0",)},
                    {"protocol": "tcp", "ports": "all", "sources": ("control-plane", "worker")},
                ),
                after=({"protocol": "tcp", "ports": "22", "sources": ("0.0.0.0/0",)},),
            ),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_can_be_changed_in_place_is_and_what_it_was_is_known(
    spec: ClusterSpec, key: str, change: Change
) -> None:
    world = built()
    (step,) = plan(drawn(spec), world.known()).steps

    assert (step.action, str(step.key), step.phase) == (Action.UPDATE, key, 0)
    assert step.changes == (change,)
    assert step.before == thing_of(world, key).resource
    assert step.resource_id == thing_of(world, key).id


def test_what_was_changed_by_hand_is_changed_back() -> None:
    world = built()
    thing = thing_of(world, "volume/data")
    thing.resource = Volume(region="east", size_gib=50)

    (step,) = plan(drawn(), world.known()).steps

    assert step.changes == (Change(field="size_gib", before=50, after=100),)


def test_a_volume_does_not_shrink() -> None:
    smaller = changed(volumes=(msgspec.structs.replace(SPEC.volumes[0], size_gib=99),))

    with pytest.raises(Refused, match="volume/data cannot shrink from 100 to 99 GiB") as caught:
        plan(drawn(smaller), built().known())
    assert "or a new volume" in caught.value.hint


@pytest.mark.parametrize(
    ("spec", "note"),
    [
        (with_workers(bootstrap="x"), "server: user_data"),
        (changed(ssh_keys=()), "server: ssh_keys"),
        (changed(with_workers(bootstrap="x"), ssh_keys=()), "server: ssh_keys, user_data"),
    ],
)
def test_what_is_read_at_first_boot_only_concerns_new_servers_and_is_noted_once(
    spec: ClusterSpec, note: str
) -> None:
    found = plan(drawn(spec), built().known())

    assert note in found.notes
    assert len(set(found.notes)) == len(found.notes)
    assert not [key for key in of(found, *Action) if key.startswith("server/")]


# ── replacing ────────────────────────────────────────────────────────────────────────────────────


def test_a_replaced_network_takes_everything_in_it_along() -> None:
    moved = NetworkSpec(cidr="10.161.0.0/20", subnets=(SubnetSpec(name="back", cidr="10.161.1.0/24"),))
    found = plan(drawn(changed(network=moved)), built().known())
    gone = of(found, Action.DELETE)

    assert set(gone) == set(of(found, Action.CREATE))
    assert set(gone) == {
        "network/main",
        "subnet/back",
        "load-balancer/entry",
        "server/cp-0",
        "server/workers-0",
        "server/workers-1",
        "server/workers-2",
        "volume-attachment/data",
        "reserved-ip-assignment/api",
    }
    assert {step.phase for step in found.steps} == {1}
    assert all(step.replaces for step in found.steps)
    create = only(found, Action.CREATE, "network/main")
    assert create.reasons == ("cidr 10.160.0.0/20 → 10.161.0.0/20",)
    assert before(found, create) == {f"delete {key}" for key in gone}
    attach = only(found, Action.CREATE, "volume-attachment/data")
    assert attach.reasons == ("server/workers-0 is replaced",)
    assert before(found, attach) >= {
        "create server/workers-0",
        "delete volume-attachment/data",
        "create network/main",
    }


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"size": msgspec.structs.replace(WORKERS.size, vcpus=8)}, "size small → large"),
        ({"subnet": ""}, "subnet subnet-6 → "),
    ],
)
def test_servers_that_become_something_else_are_replaced_with_what_is_plugged_in(
    fields: dict[str, Any], reason: str
) -> None:
    found = plan(drawn(with_workers(**fields)), built().known())

    assert (
        set(of(found, Action.DELETE))
        == set(of(found, Action.CREATE))
        == {
            "server/workers-0",
            "server/workers-1",
            "server/workers-2",
            "volume-attachment/data",
        }
    )
    assert only(found, Action.CREATE, "server/workers-1").reasons == (reason,)
    assert only(found, Action.DELETE, "server/workers-1").reasons == ("it is replaced",)


def test_a_pool_that_moves_into_a_subnet_is_replaced_although_no_cloud_shows_a_link_that_is_not_there() -> (
    None
):
    found = plan(drawn(), built(with_workers(subnet="")).known())

    assert set(of(found, Action.DELETE)) >= {"server/workers-0", "server/workers-1", "server/workers-2"}


def test_what_failed_at_the_cloud_is_replaced() -> None:
    world = built()
    thing_of(world, "load-balancer/entry").status = Status.FAILED
    found = plan(drawn(), world.known())

    assert [str(step.action) for step in found.steps] == ["delete", "create"]
    assert found.steps[1].reasons == ("it failed at the cloud",)
    assert found.steps[1].after == (found.steps[0].id,)


def test_a_new_attachment_waits_for_the_server_that_is_replaced() -> None:
    bigger = with_workers(size=msgspec.structs.replace(WORKERS.size, vcpus=8))
    spec = changed(bigger, volumes=(*SPEC.volumes, VolumeSpec(name="more", size_gib=1, server="workers-1")))
    found = plan(drawn(spec), built().known())
    attach = only(found, Action.CREATE, "volume-attachment/more")

    assert (attach.phase, only(found, Action.CREATE, "volume/more").phase) == (1, 0)
    assert before(found, attach) >= {
        "create server/workers-1",
        "create volume/more",
        "delete server/workers-1",
    }


def test_what_waits_for_something_that_waits_for_a_deletion_waits_too() -> None:
    """A new server in a replaced network and a new volume at it: no step of phase 0 waits for phase 1."""
    moved = NetworkSpec(cidr="10.161.0.0/20", subnets=(SubnetSpec(name="back", cidr="10.161.1.0/24"),))
    spec = changed(
        with_workers(count=4),
        network=moved,
        volumes=(VolumeSpec(name="more", size_gib=1, server="workers-3"),),
    )
    world = built()
    found = plan(drawn(spec), world.known())

    assert only(found, Action.CREATE, "server/workers-3").phase == 1
    assert only(found, Action.CREATE, "volume-attachment/more").phase == 1
    world.carry_out(found, lambda steps: steps[-1])
    assert world.differences(drawn(spec)) == []


def test_a_replaced_key_leaves_running_servers_alone_and_comes_before_new_ones() -> None:
    other = changed(
        with_workers(count=4), ssh_keys=(SshKeySpec(name="admin", public_key=KEY.replace("A", "B")),)
    )
    found = plan(drawn(other), built().known())

    assert of(found, Action.DELETE) == ["ssh-key/admin"]
    assert of(found, Action.CREATE) == ["server/workers-3", "ssh-key/admin"]
    server = only(found, Action.CREATE, "server/workers-3")
    assert server.phase == 1
    assert before(found, server) == {"create ssh-key/admin", "delete ssh-key/admin"}


def test_a_role_that_is_no_longer_used_loses_its_tag_last() -> None:
    spec = changed(pools=(CONTROL_PLANE,), firewalls=(), load_balancers=(), volumes=())
    found = plan(drawn(spec), built().known())
    step = only(found, Action.DELETE, "tag/worker")

    assert before(found, step) >= {
        "delete server/workers-0",
        "delete server/workers-2",
        "delete firewall/guard",
        "delete load-balancer/entry",
    }
    assert not of(found, Action.CREATE)


RENAMED: dict[str, Callable[[], tuple[ClusterSpec, str, str]]] = {
    "a key with the same material": lambda: (
        changed(ssh_keys=(SshKeySpec(name="ada", public_key=f"{KEY} another comment"),)),
        "ssh-key/admin",
        "ssh-key/ada",
    ),
    "a network of the same range": lambda: (
        changed(network=msgspec.structs.replace(SPEC.network, name="inner")),
        "network/main",
        "network/inner",
    ),
    "a subnet of an overlapping range": lambda: (
        changed(
            with_workers(subnet="rear"),
            network=NetworkSpec(
                cidr="10.160.0.0/20", subnets=(SubnetSpec(name="rear", cidr="10.160.0.0/22"),)
            ),
        ),
        "subnet/back",
        "subnet/rear",
    ),
    "an address at the same server": lambda: (
        changed(reserved_ips=(ReservedIpSpec(name="door", server="cp-0"),)),
        "reserved-ip-assignment/api",
        "reserved-ip-assignment/door",
    ),
}


@pytest.mark.parametrize("case", RENAMED.values(), ids=RENAMED)
def test_what_a_cloud_refuses_beside_the_old_one_waits_until_the_old_one_is_gone(
    case: Callable[[], tuple[ClusterSpec, str, str]],
) -> None:
    spec, old, new = case()
    world = built()
    found = plan(drawn(spec), world.known())
    step = only(found, Action.CREATE, new)

    assert step.phase == 1
    assert f"delete {old}" in before(found, step)
    world.carry_out(found, lambda steps: steps[0])
    assert world.differences(drawn(spec)) == []


def test_a_subnet_beside_another_does_not_wait_for_it() -> None:
    beside = NetworkSpec(cidr="10.160.0.0/20", subnets=(SubnetSpec(name="rear", cidr="10.160.2.0/24"),))
    found = plan(drawn(changed(with_workers(subnet="rear"), network=beside)), built().known())

    assert only(found, Action.CREATE, "subnet/rear").phase == 0


# ── removing ─────────────────────────────────────────────────────────────────────────────────────


def test_a_cluster_is_removed_dependents_first() -> None:
    world = built()
    found = plan((), world.known())

    assert set(of(found, Action.DELETE)) == {str(item.key) for item in drawn()}
    for key, dependents in {
        "network/main": {"server/cp-0", "server/workers-2", "load-balancer/entry", "subnet/back"},
        "subnet/back": {"server/workers-0"},
        "server/workers-0": {"volume-attachment/data"},
        "server/cp-0": {"reserved-ip-assignment/api"},
        "volume/data": {"volume-attachment/data"},
        "reserved-ip/api": {"reserved-ip-assignment/api"},
        "tag/worker": {"server/workers-0", "firewall/guard"},
        "ssh-key/admin": {"server/cp-0"},
        "firewall/guard": {"server/workers-0"},
    }.items():
        assert before(found, only(found, Action.DELETE, key)) >= {
            f"delete {dependent}" for dependent in dependents
        }
    assert "delete volume-attachment/data" not in before(
        found, only(found, Action.DELETE, "server/workers-1")
    )
    world.carry_out(found, lambda steps: steps[-1])
    assert not world.there


def test_additions_come_first_so_that_they_can_be_rolled_back_with_nothing_lost() -> None:
    spec = changed(with_workers(count=4), load_balancers=())
    found = plan(drawn(spec), built().known())

    assert [(str(step.action), step.phase) for step in found.steps] == [("create", 0), ("delete", 1)]


def test_what_is_lost_for_good_is_said() -> None:
    lost = {
        str(step.key.kind): step.irreversible for step in plan((), built().known()).steps if step.irreversible
    }

    assert lost == {
        "server": "what is on its disk is lost",
        "volume": "its data is lost",
        "reserved-ip": "the address is lost",
    }


def test_what_is_used_and_not_ours_is_forgotten_and_never_deleted() -> None:
    world = built()
    thing_of(world, "ssh-key/admin").ours = False
    found = plan((), world.known())
    step = only(found, Action.FORGET, "ssh-key/admin")

    assert (step.irreversible, step.phase) == ("", 1)
    assert "ssh-key/admin" not in of(found, Action.DELETE)


def test_a_second_one_of_the_same_name_is_removed_and_the_one_in_the_log_is_kept() -> None:
    world = built()
    server = thing_of(world, "server/workers-1")
    world.there = {"twin": replace(server, id="twin"), **world.there}
    (step,) = plan(drawn(), world.known()).steps

    assert (step.action, step.resource_id) == (Action.DELETE, "twin")
    assert step.reasons == ("it is a second one of the same name",)


# ── taking in ────────────────────────────────────────────────────────────────────────────────────


def test_what_is_there_and_not_in_the_log_is_adopted_not_made_twice() -> None:
    world = built()
    del world.log[Key(Kind.SERVER, "workers-1")]
    (step,) = plan(drawn(), world.known()).steps

    assert (step.action, str(step.key)) == (Action.ADOPT, "server/workers-1")
    assert step.resource_id == thing_of(world, "server/workers-1").id
    assert step.reasons == ("it is there, not in the log",)
    assert isinstance(step.resource, Server)


def test_what_was_still_being_made_is_waited_for_before_something_is_plugged_into_it() -> None:
    world = built(changed(volumes=()))
    world.log[Key(Kind.SERVER, "workers-0")].ready = False
    found = plan(drawn(), world.known())
    adopt = only(found, Action.ADOPT, "server/workers-0")

    assert adopt.reasons == ("it was still being made",)
    assert adopt.id in only(found, Action.CREATE, "volume-attachment/data").after


def test_what_is_adopted_and_differs_is_changed_after_it_was_adopted() -> None:
    world = built()
    del world.log[Key(Kind.VOLUME, "data")]
    thing_of(world, "volume/data").resource = Volume(region="east", size_gib=10)
    adopt, update = plan(drawn(), world.known()).steps

    assert (adopt.action, update.action) == (Action.ADOPT, Action.UPDATE)
    assert update.after == (adopt.id,)
    assert update.before == Volume(region="east", size_gib=10)


def test_what_carries_our_name_and_is_not_declared_is_removed() -> None:
    world = built()
    del world.log[Key(Kind.SERVER, "workers-2")]
    found = plan(drawn(with_workers(count=2)), world.known())

    assert of(found, *Action) == ["server/workers-2"]
    assert found.steps[0].reasons == ("it is not declared any more",)


# ── many ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_plan_for_thousands_grows_with_their_number_not_with_its_square() -> None:
    """Measured by edges, which do not depend on the machine; the time is only a safety net."""
    count = 2000
    servers = [f"w-{number}" for number in range(count)]
    spec = changed(
        pools=(CONTROL_PLANE, msgspec.structs.replace(WORKERS, name="w", count=count)),
        volumes=tuple(
            VolumeSpec(name=f"v{n}", size_gib=1, server=server) for n, server in enumerate(servers)
        ),
    )
    started = time.monotonic()
    desired = drawn(spec)
    world = World()
    for item in desired:
        links = {
            name: f"{kind}/{getattr(item.resource, name)}"
            for name, kind in {
                "network": "network",
                "subnet": "subnet",
                "server": "server",
                "volume": "volume",
            }.items()
            if getattr(item.resource, name, "")
        }
        world.there[str(item.key)] = Thing(str(item.key), item.key, item.resource, links)
        world.log[item.key] = Bound(str(item.key), item.resource)
    known = world.known()
    plans = [
        plan(desired, ()),
        plan(desired, known),
        plan(drawn(changed(pools=(CONTROL_PLANE,), volumes=())), known),
        plan((), known),
        plan(
            drawn(
                changed(
                    spec,
                    network=NetworkSpec(
                        cidr="10.0.0.0/16", subnets=(SubnetSpec(name="back", cidr="10.0.1.0/24"),)
                    ),
                )
            ),
            known,
        ),
    ]

    assert [len(found.steps) for found in plans][1] == 0
    assert all(sum(len(step.after) for step in found.steps) < 20 * count for found in plans)
    assert time.monotonic() - started < 20


def test_names_without_numbers_and_with_strange_numbers_are_sorted_all_the_same() -> None:
    names = ["a", "a-1", "a-10", "a-2", "a-x", "a-²", "", "-"]
    known = [
        Known(
            key=Key(Kind.TAG, name), observed=msgspec.structs.replace(built().known()[0].observed, id=f"t{n}")
        )
        for n, name in enumerate(names)
    ]

    assert [step.key.name for step in plan((), known).steps if step.key.name[2:].isdecimal()] == [
        "a-10",
        "a-2",
        "a-1",
    ]
    assert plan([Desired(key=Key(Kind.TAG, "a"), resource=Tag())], ()).count(Action.CREATE) == 1
