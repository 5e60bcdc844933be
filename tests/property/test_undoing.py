"""Whatever was done, undo gives what was declared before; n times undo and n times redo change nothing.

On a cloud where all goes well; `test_operations` undoes on one where it does not.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from kubisnap.engine.domain.model import ClusterSpec, Protocol, Rule, VolumeSpec
from tests.unit.engine.world import World, spec, unsynced, with_count

_FEW = settings(max_examples=max(10, settings().max_examples // 4), deadline=None)


@contextmanager
def a_world() -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder, unsynced():
        world = World(Path(folder))
        world.create(spec(workers=1))
        yield world
        world.close()


@st.composite
def wishes(draw: st.DrawFn) -> ClusterSpec:
    """Draw a cluster: each wish replaces, adds, changes or removes something of another one."""
    base = with_count(spec(), draw(st.integers(0, 2)))
    ports = draw(st.sampled_from(["22", "2222", "1-9"]))
    rule = Rule(protocol=Protocol.TCP, ports=ports, sources=("192.0.2.0/24",))
    more = VolumeSpec(name="more", size_gib=5)
    return msgspec.structs.replace(
        base,
        firewalls=(msgspec.structs.replace(base.firewalls[0], allow=(rule,)),),
        volumes=draw(st.sampled_from([base.volumes, (*base.volumes, more), (more,)])),
        reserved_ips=draw(st.sampled_from([(), base.reserved_ips])),
        ssh_keys=draw(st.sampled_from([base.ssh_keys[:1], base.ssh_keys])),
    )


def names(world: World) -> Counter[tuple[str, str, str]]:
    """Return what is at the cloud, without ids."""
    return Counter((item["kind"], item["name"], item["cluster"]) for item in world.dump())


def apply(world: World, wish: ClusterSpec) -> bool:
    """Apply a wish; return whether it changed anything."""
    prepared = world.prepare_apply(wish)
    if prepared.intents:
        world.apply(wish)
    return bool(prepared.intents)


@_FEW
@given(st.lists(wishes(), min_size=1, max_size=3))
def test_undo_gives_what_was_declared_before_and_what_was_there(
    wished: list[ClusterSpec],
) -> None:
    with a_world() as world:
        for wish in wished:
            before, there = world.state().spec(), names(world)
            if apply(world, wish):
                world.undo()
                assert world.state().spec() == before
                assert names(world) == there
                world.assert_converged()
            apply(world, wish)


@_FEW
@given(st.lists(wishes(), min_size=1, max_size=4), st.data())
def test_n_times_undo_and_n_times_redo_change_nothing(wished: list[ClusterSpec], data: st.DataObject) -> None:
    with a_world() as world:
        declared, there = [world.state().spec()], [names(world)]
        for wish in wished:
            if apply(world, wish):
                declared.append(world.state().spec())
                there.append(names(world))
        times = data.draw(st.integers(0, len(declared) - 1))
        for number in range(1, times + 1):
            world.undo()
            assert world.state().spec() == declared[-1 - number]
            assert names(world) == there[-1 - number]
        for _ in range(times):
            world.redo()
        assert world.state().spec() == declared[-1]
        assert names(world) == there[-1]
        world.assert_converged()


@_FEW
@given(st.integers(0, 2), st.sampled_from(["2222", "1-9"]), st.booleans())
def test_a_revert_keeps_what_came_later_elsewhere(count: int, ports: str, address: bool) -> None:
    with a_world() as world:
        start = world.state().spec()
        rule = Rule(protocol=Protocol.TCP, ports=ports, sources=("192.0.2.0/24",))
        opened = msgspec.structs.replace(start.firewalls[0], allow=(rule,))
        world.apply(msgspec.structs.replace(start, firewalls=(opened,)))
        later = with_count(world.state().spec(), count)
        apply(world, later if address else msgspec.structs.replace(later, reserved_ips=()))
        kept = world.state().spec()

        world.revert(2)

        assert world.state().spec() == msgspec.structs.replace(kept, firewalls=start.firewalls)
        world.assert_converged()
