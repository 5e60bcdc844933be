"""Hypothesis strategies: clusters that make sense, every event, logs and the states that they fold to."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect as types

from kubisnap.adapters.testing.strategies import firewall_rules
from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.decisions import declare
from kubisnap.engine.domain.model import (
    ClusterSpec,
    DriftPolicy,
    DriftRule,
    FirewallSpec,
    Forward,
    ForwardProtocol,
    Image,
    LoadBalancerSpec,
    NetworkSpec,
    Placement,
    PoolSpec,
    ReservedIpSpec,
    Role,
    Size,
    SshKeySpec,
    SubnetSpec,
    Taint,
    TaintEffect,
    VolumeSpec,
)
from kubisnap.engine.domain.resources import Kind
from kubisnap.engine.domain.state import ClusterState, fold

CLUSTER_ID = "7f3a9c21" * 4
NAMES = ("a", "b", "main", "x-1", "z9")
"""Few, so that two drawn clusters often have parts of the same name."""

_LABEL = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,8}[A-Za-z0-9])?", fullmatch=True)
_SCRIPTS = st.sampled_from(
    ("", "#!/bin/sh\necho hello\n", "#cloud-config\n{}\n", "#!/bin/bash -eu")
) | st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20)


def _named(names: Iterable[str], build: Callable[[str], st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """Draw parts with different names, in any order."""
    return st.lists(st.sampled_from(tuple(names)), unique=True, max_size=3).flatmap(
        lambda chosen: st.tuples(*map(build, chosen))
    )


_networks = st.builds(
    NetworkSpec,
    name=st.sampled_from(("main", "other")),
    cidr=st.sampled_from(("10.0.0.0/16", "10.0.0.0/20", "172.16.0.0/20")),
)
_sizes = st.builds(
    Size,
    vcpus=st.integers(1, 8),
    memory_mib=st.sampled_from((0, 1024, 8192)),
    disk_gib=st.sampled_from((0, 50)),
) | st.sampled_from(("sb-1x1", "sb-2x4")).map(lambda name: Size.pinned("sandbox", name))
_images = st.sampled_from(("ubuntu-24.04", "ubuntu-22.04", "debian-12")).map(lambda name: Image(os=name))
_taints = st.builds(Taint, key=_LABEL, value=st.just("") | _LABEL, effect=st.sampled_from(TaintEffect))
_forwards = st.lists(
    st.builds(
        Forward,
        port=st.integers(1, 65535),
        target_port=st.integers(1, 65535),
        protocol=st.sampled_from(ForwardProtocol),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda forward: forward.port,
).map(tuple)


@st.composite
def _pools(draw: st.DrawFn, subnets: tuple[SubnetSpec, ...]) -> tuple[PoolSpec, ...]:
    names = draw(st.lists(st.sampled_from(NAMES), unique=True, min_size=1, max_size=3))
    roles = [Role.CONTROL_PLANE, *(draw(st.sampled_from(Role)) for _ in names[1:])]
    pools = [
        PoolSpec(
            name=name,
            role=role,
            count=draw(st.integers(1 if number == 0 else 0, 3)),
            size=draw(_sizes),
            image=draw(_images),
            labels=draw(st.dictionaries(_LABEL, st.just("") | _LABEL, max_size=2)),
            taints=tuple(draw(st.lists(_taints, max_size=2))),
            bootstrap=draw(_SCRIPTS),
            subnet=draw(st.sampled_from(("", *(subnet.name for subnet in subnets)))),
        )
        for number, (name, role) in enumerate(zip(names, roles, strict=True))
    ]
    return tuple(draw(st.permutations(pools)))


@st.composite
def specs(draw: st.DrawFn, name: str = "web") -> ClusterSpec:
    """Draw a cluster on the sandbox that passes validation; not yet fitted to a catalogue."""
    network = draw(_networks)
    base = network.cidr.rpartition(".")[0].rpartition(".")[0]
    ranges = iter(draw(st.permutations([f"{base}.{third}.0/24" for third in range(4)])))
    subnets = draw(
        _named(NAMES, lambda part: st.builds(SubnetSpec, name=st.just(part), cidr=st.just(next(ranges))))
    )
    pools = draw(_pools(subnets))
    servers = [server for pool in pools for server in pool.servers()]
    materials = iter(draw(st.permutations([f"ssh-ed25519 {letter * 68}" for letter in "ABCD"])))
    free = iter(draw(st.permutations(servers)))
    where = st.sampled_from(("", *servers))
    roles = st.sampled_from(Role)
    comment = draw(st.sampled_from(("", " ada@example.com")))
    return ClusterSpec(
        name=name,
        kubernetes=draw(st.sampled_from(("1.33", "1.34", "1.34.2"))),
        placement=Placement(cloud="sandbox", region="sim-us-east"),
        network=msgspec.structs.replace(network, subnets=subnets),
        ssh_keys=draw(
            _named(NAMES, lambda part: st.just(SshKeySpec(name=part, public_key=next(materials) + comment)))
        ),
        firewalls=draw(
            _named(
                NAMES,
                lambda part: st.builds(
                    FirewallSpec, name=st.just(part), role=roles, allow=firewall_rules | st.just(())
                ),
            )
        ),
        pools=pools,
        load_balancers=draw(
            _named(
                NAMES,
                lambda part: st.builds(LoadBalancerSpec, name=st.just(part), role=roles, forward=_forwards),
            )
        ),
        volumes=draw(
            _named(
                NAMES,
                lambda part: st.builds(
                    VolumeSpec, name=st.just(part), size_gib=st.sampled_from((1, 10, 16384)), server=where
                ),
            )
        ),
        reserved_ips=draw(
            _named(
                NAMES,
                lambda part: st.booleans().map(
                    lambda points: ReservedIpSpec(name=part, server=next(free, "") if points else "")
                ),
            )
        ),
        drift=draw(
            st.lists(
                st.builds(
                    DriftRule,
                    kind=st.sampled_from([kind.value for kind in Kind]),
                    policy=st.sampled_from(DriftPolicy),
                ),
                max_size=3,
                unique_by=lambda rule: rule.kind,
            ).map(lambda rules: tuple(sorted(rules, key=lambda rule: rule.kind)))
        ),
    )


# ── every event, from the types themselves ───────────────────────────────────────────────────────

_TEXT = st.text(max_size=8)
_WHOLE = st.integers(-(2**63), 2**63 - 1)


def _of(kind: types.Type) -> st.SearchStrategy[Any]:  # noqa: C901 - one line for each kind of type
    match kind:
        case types.StructType(cls=cls, fields=fields) | types.NamedTupleType(cls=cls, fields=fields):
            return st.builds(cls, **{field.name: _of(field.type) for field in fields})
        case types.UnionType(types=options):
            return st.one_of(*map(_of, options))
        case types.EnumType(cls=cls):
            return st.sampled_from(list(cls))
        case types.VarTupleType(item_type=item):
            return st.lists(_of(item), max_size=2).map(tuple)
        case types.DictType():
            return st.dictionaries(_TEXT, _TEXT, max_size=2)
        case types.BoolType():
            return st.booleans()
        case types.IntType():
            return _WHOLE
        case types.FloatType():
            return st.floats(allow_nan=False, allow_infinity=False)
        case types.NoneType():
            return st.none()
        case types.StrType():
            return _TEXT
        case _:
            raise NotImplementedError(kind)


def events_of(kind: type[ev.Event]) -> st.SearchStrategy[Any]:
    """Draw an event of one class, with any values that its fields' types allow."""
    return _of(types.type_info(kind))


events: st.SearchStrategy[Any] = st.one_of(*map(events_of, ev.all_event_types()))
"""Any event, sensible or not."""


def recorded(items: Iterable[Any], *, operation: int = 1, after: int = 0) -> list[ev.Recorded]:
    """Put events into envelopes, one after another."""
    return [
        ev.Recorded(
            stream=CLUSTER_ID,
            version=version,
            time=1_700_000_000_000_000 + version,
            actor="ada",
            operation=operation,
            cause=0,
            reason="",
            schema=item.SCHEMA,
            event=item,
        )
        for version, item in enumerate(items, after + 1)
    ]


def declared(spec: ClusterSpec) -> ClusterState:
    """Return the state of a cluster that was declared and nothing else."""
    return fold(recorded(declare(spec, cluster_id=CLUSTER_ID)))


states: st.SearchStrategy[ClusterState] = specs().map(declared)
"""Clusters that were declared and have nothing at their cloud yet."""
