"""Two specs are compared by what they mean: any field counts, no order does."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from kubisnap.engine.domain.comparing import Difference, Sign, compare
from kubisnap.engine.domain.model import (
    ClusterSpec,
    DriftPolicy,
    DriftRule,
    FirewallSpec,
    Forward,
    ForwardProtocol,
    LoadBalancerSpec,
    NetworkSpec,
    Placement,
    Protocol,
    ReservedIpSpec,
    Role,
    Rule,
    Size,
    Spec,
    SshKeySpec,
    SubnetSpec,
    Taint,
    TaintEffect,
    VolumeSpec,
)
from tests.unit.engine.examples import SPEC, WORKERS, changed, with_workers

FULL = changed(
    placement=Placement(cloud="acme", region="east", place="Town", latitude=1.5, longitude=-2.5),
    pools=(
        msgspec.structs.replace(
            WORKERS,
            size=Size(vcpus=1, memory_mib=2, disk_gib=3, pins={"acme": "small"}),
            image=msgspec.structs.replace(WORKERS.image, pins={"acme": "u24"}),
            labels={"tier": "web"},
            taints=(Taint(key="only", value="web"),),
            bootstrap="#!/bin/sh\n",
        ),
    ),
    drift=(DriftRule(kind="firewall", policy=DriftPolicy.WARN),),
)
"""Every collection has something in it, every field that can be set is."""

OTHERS: dict[type[Any], tuple[Any, ...]] = {
    Role: tuple(Role),
    TaintEffect: tuple(TaintEffect),
    Protocol: tuple(Protocol),
    ForwardProtocol: tuple(ForwardProtocol),
    DriftPolicy: tuple(DriftPolicy),
}


def another(value: Any) -> Any:
    """Return a value of the same type that is another."""
    if type(value) in OTHERS:
        return next(item for item in OTHERS[type(value)] if item != value)
    if isinstance(value, str):
        return f"{value}x"
    if isinstance(value, int | float):
        return value + 1
    raise AssertionError(f"the test knows no other {type(value).__name__} than {value!r}")


def variants(value: Any, path: str = "spec") -> Iterator[tuple[str, Any]]:
    """Yield the value again and again, each time with one thing in it changed, taken out or put in twice."""
    if isinstance(value, Spec):
        for name in value.__struct_fields__:
            for where, other in variants(getattr(value, name), f"{path}.{name}"):
                yield where, msgspec.structs.replace(value, **{name: other})
    elif isinstance(value, dict):
        assert value, f"nothing in {path} to change"
        yield f"{path} without", {}
        yield f"{path} with more", {**value, "another": next(iter(value.values()))}
        for key, item in value.items():
            for where, other in variants(item, f"{path}[{key}]"):
                yield where, {**value, key: other}
    elif isinstance(value, tuple):
        assert value, f"nothing in {path} to change"
        yield f"{path} without", ()
        for number, item in enumerate(value):
            for where, other in variants(item, f"{path}[{number}]"):
                yield where, (*value[:number], other, *value[number + 1 :])
    else:
        yield path, another(value)


VARIANTS = dict(variants(FULL))


def structs_in(cls: type[Any], seen: set[type[Any]]) -> set[type[Any]]:
    """Return the struct, and every struct that its fields may hold."""
    info = msgspec.inspect.type_info(cls)
    queue: list[Any] = [info]
    while queue:
        item = queue.pop()
        match item:
            case msgspec.inspect.StructType():
                if item.cls not in seen:
                    seen.add(item.cls)
                    queue += [field.type for field in item.fields]
            case msgspec.inspect.VarTupleType():
                queue.append(item.item_type)
            case msgspec.inspect.DictType():
                queue.append(item.value_type)
            case msgspec.inspect.UnionType():
                queue += item.types
            case _:
                pass
    return seen


def test_the_walk_below_goes_through_every_field_of_every_spec() -> None:
    fields = {
        f"{cls.__name__}.{name}" for cls in structs_in(ClusterSpec, set()) for name in cls.__struct_fields__
    }
    walked: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, Spec):
            for name in value.__struct_fields__:
                walked.add(f"{type(value).__name__}.{name}")
                walk(getattr(value, name))
        elif isinstance(value, tuple):
            for item in value:
                walk(item)

    walk(FULL)
    assert walked == fields
    assert len(fields) > 50


@pytest.mark.parametrize("where", VARIANTS)
def test_a_change_of_any_field_is_seen_in_both_directions(where: str) -> None:
    there, back = compare(FULL, VARIANTS[where]), compare(VARIANTS[where], FULL)
    assert there
    assert len(there) == len(back)
    turned = {Sign.ADDED: Sign.REMOVED, Sign.REMOVED: Sign.ADDED, Sign.CHANGED: Sign.CHANGED}
    assert sorted((item.part, item.field, turned[item.sign]) for item in there) == sorted(
        (item.part, item.field, item.sign) for item in back
    )


def test_the_same_intent_does_not_differ() -> None:
    assert compare(FULL, FULL) == ()
    assert compare(SPEC, SPEC) == ()


def test_no_order_counts_that_means_nothing() -> None:
    one, two = (
        changed(
            network=NetworkSpec(
                subnets=tuple(SubnetSpec(name=name, cidr=f"10.100.{name}.0/24") for name in order)
            ),
            ssh_keys=tuple(SshKeySpec(name=name, public_key=name) for name in order),
            firewalls=tuple(
                FirewallSpec(
                    name=name,
                    role=Role.WORKER,
                    allow=tuple(
                        Rule(protocol=Protocol.TCP, ports=port, sources=tuple(order)) for port in order
                    ),
                )
                for name in order
            ),
            pools=tuple(
                msgspec.structs.replace(
                    WORKERS,
                    name=name,
                    labels=dict.fromkeys(order, "x"),
                    taints=tuple(Taint(key=key) for key in order),
                )
                for name in order
            ),
            load_balancers=tuple(
                LoadBalancerSpec(
                    name=name,
                    role=Role.WORKER,
                    forward=tuple(Forward(port=int(port), target_port=1) for port in order),
                )
                for name in order
            ),
            volumes=tuple(VolumeSpec(name=name, size_gib=1) for name in order),
            reserved_ips=tuple(ReservedIpSpec(name=name) for name in order),
            drift=tuple(DriftRule(kind=name, policy=DriftPolicy.WARN) for name in order),
        )
        for order in (("1", "2", "3"), ("3", "1", "2"))
    )
    assert one != two
    assert compare(one, two) == ()


def test_a_field_of_a_part_is_named_with_what_it_was_and_is() -> None:
    assert compare(SPEC, with_workers(count=5)) == (
        Difference(sign=Sign.CHANGED, part="pool workers", field="count", before=3, after=5),
    )
    assert compare(SPEC, with_workers(size=Size(vcpus=4, memory_mib=2048))) == (
        Difference(sign=Sign.CHANGED, part="pool workers", field="size.vcpus", before=1, after=4),
    )
    assert compare(SPEC, with_workers(labels={"tier": "web"})) == (
        Difference(sign=Sign.ADDED, part="pool workers", field="labels[tier]", after="web"),
    )
    assert compare(SPEC, changed(kubernetes="1.35")) == (
        Difference(sign=Sign.CHANGED, part="cluster", field="kubernetes", before="1.34", after="1.35"),
    )


def test_a_part_that_is_on_one_side_only_is_one_difference() -> None:
    more = VolumeSpec(name="logs", size_gib=10)
    assert compare(SPEC, changed(volumes=(*SPEC.volumes, more))) == (
        Difference(sign=Sign.ADDED, part="volume logs", after=more),
    )
    assert compare(changed(volumes=(*SPEC.volumes, more)), SPEC) == (
        Difference(sign=Sign.REMOVED, part="volume logs", before=more),
    )


def test_another_rule_is_one_less_and_one_more() -> None:
    (guard,) = SPEC.firewalls
    opened = Rule(protocol=Protocol.TCP, ports="80", sources=("0.0.0.0/0",))
    other = changed(firewalls=(msgspec.structs.replace(guard, allow=(opened, guard.allow[1])),))
    assert compare(SPEC, other) == (
        Difference(sign=Sign.REMOVED, part="firewall guard", field="allow", before=guard.allow[0]),
        Difference(sign=Sign.ADDED, part="firewall guard", field="allow", after=opened),
    )
