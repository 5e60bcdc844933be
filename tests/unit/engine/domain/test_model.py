"""Specs are compared by intent: order, name, place and clouds' own names do not count."""

from typing import Any

import msgspec
import pytest

from kubisnap.engine.domain.model import (
    ClusterSpec,
    FirewallSpec,
    Forward,
    Image,
    LoadBalancerSpec,
    Placement,
    Protocol,
    Role,
    Rule,
    Size,
    Taint,
    canonical,
    neutral,
)
from tests.unit.engine.examples import CONTROL_PLANE, SPEC, WORKERS, changed, with_workers


def guard(*rules: Rule) -> ClusterSpec:
    return changed(firewalls=(FirewallSpec(name="guard", role=Role.WORKER, allow=rules),))


def entry(*forward: Forward) -> ClusterSpec:
    return changed(load_balancers=(LoadBalancerSpec(name="entry", role=Role.WORKER, forward=forward),))


SSH = Rule(protocol=Protocol.TCP, ports="22", sources=("10.0.0.0/8", "worker"))
HTTP = Rule(protocol=Protocol.TCP, ports="80", sources=("0.0.0.0/0",))
GPU, DB = Taint(key="gpu"), Taint(key="dedicated", value="db")

SAME_INTENT = {
    "pools in another order": (SPEC, changed(pools=(WORKERS, CONTROL_PLANE))),
    "rules in another order": (guard(SSH, HTTP), guard(HTTP, SSH)),
    "a rule that is there twice": (guard(SSH), guard(SSH, SSH)),
    "sources in another order": (
        guard(SSH),
        guard(msgspec.structs.replace(SSH, sources=("worker", "10.0.0.0/8", "worker"))),
    ),
    "taints in another order": (with_workers(taints=(GPU, DB)), with_workers(taints=(DB, GPU))),
    "labels in another order": (
        with_workers(labels={"a": "1", "b": "2"}),
        with_workers(labels={"b": "2", "a": "1"}),
    ),
    "ports in another order": (
        entry(Forward(port=80, target_port=1), Forward(port=443, target_port=2)),
        entry(Forward(port=443, target_port=2), Forward(port=80, target_port=1)),
    ),
}
OTHER_INTENT = {
    "another number of servers": with_workers(count=4),
    "another label": with_workers(labels={"a": "1"}),
    "another taint": with_workers(taints=(GPU,)),
    "another script": with_workers(bootstrap="#!/bin/sh"),
    "another Kubernetes": changed(kubernetes="1.35"),
    "no load balancer": changed(load_balancers=()),
    "another rule": guard(SSH),
    "a bigger size": with_workers(size=Size(vcpus=2, memory_mib=2048)),
    "another system": with_workers(image=Image(os="debian-12")),
}


@pytest.mark.parametrize(("one", "other"), SAME_INTENT.values(), ids=SAME_INTENT)
def test_these_say_the_same(one: ClusterSpec, other: ClusterSpec) -> None:
    assert canonical(one) == canonical(other)
    assert neutral(one) == neutral(other)


@pytest.mark.parametrize("other", OTHER_INTENT.values(), ids=OTHER_INTENT)
def test_these_do_not_say_the_same(other: ClusterSpec) -> None:
    assert canonical(other) != canonical(SPEC)
    assert neutral(other) != neutral(SPEC)


@pytest.mark.parametrize(
    "other",
    [
        changed(name="shop"),
        changed(placement=Placement(cloud="other", region="moon", latitude=1.0)),
        with_workers(size=msgspec.structs.replace(WORKERS.size, pins={"acme": "small"})),
        with_workers(image=Image(os="ubuntu-24.04", pins={"acme": "ubuntu-noble-1"})),
    ],
    ids=["name", "place", "pinned size", "pinned image"],
)
def test_a_cluster_that_moved_holds_the_same_intent_and_is_not_the_same_cluster(other: ClusterSpec) -> None:
    assert neutral(other) == neutral(SPEC)
    assert canonical(other) != canonical(SPEC)


def test_servers_are_counted_from_zero_pool_by_pool() -> None:
    assert SPEC.servers() == ("cp-0", "workers-0", "workers-1", "workers-2")
    assert SPEC.pool("workers") == WORKERS
    assert SPEC.pool("nobody") is None


def test_a_size_can_be_named_as_its_cloud_names_it() -> None:
    assert Size.pinned("acme", "small") == Size(pins={"acme": "small"})


@pytest.mark.parametrize(
    "spec", [SPEC, WORKERS, SSH, WORKERS.size, SPEC.placement], ids=lambda spec: type(spec).__name__
)
def test_a_spec_cannot_be_changed_after_it_was_made(spec: Any) -> None:
    with pytest.raises(AttributeError):
        setattr(spec, spec.__struct_fields__[0], "x")


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `colour`"):
        msgspec.convert({"name": "a", "cidr": "10.0.0.0/24", "colour": "red"}, type(SPEC.network.subnets[0]))


def test_equal_specs_come_out_the_same_wherever_their_text_came_from() -> None:
    """A text that was read from a file equals a default without being the same object."""
    read = b"all".decode()
    literal = Rule(protocol=Protocol.TCP, sources=("worker",))
    from_file = Rule(protocol=Protocol.TCP, ports=read, sources=("worker",))

    assert read is not Rule(protocol=Protocol.TCP).ports
    assert msgspec.to_builtins(from_file) == msgspec.to_builtins(literal)
    assert msgspec.msgpack.encode(from_file) == msgspec.msgpack.encode(literal)
