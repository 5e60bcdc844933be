"""Hypothesis strategies: clusters that make sense, every event, logs and the states that they fold to."""

from collections.abc import Iterable, Sequence
from itertools import permutations
from math import factorial
from typing import Any, TypeVar

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
    Protocol,
    ReservedIpSpec,
    Role,
    Rule,
    Size,
    SshKeySpec,
    SubnetSpec,
    Taint,
    TaintEffect,
    VolumeSpec,
)
from kubisnap.engine.domain.resources import Kind
from kubisnap.engine.domain.state import ClusterState, fold

_T = TypeVar("_T")

CLUSTER_ID = "7f3a9c21" * 4
NAMES = ("a", "b", "main", "x-1", "z9")
"""Few, so that two drawn clusters often have parts of the same name."""

_LETTERS = st.text("aZ09z_.-", max_size=10)
_LABEL = _LETTERS.map(lambda text: text.strip("_.-") or "a")
_VALUE = _LETTERS.map(lambda text: text.strip("_.-"))
_SCRIPTS = st.sampled_from(
    ("", "#!/bin/sh\necho hello\n", "#cloud-config\n{}\n", "#!/bin/bash -eu")
) | st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20)

# A cluster has dozens of choices, and each costs hypothesis as much as a test does with all of them: what
# can be listed is one choice from a list, and no strategy is made while an example is drawn.


def _some(names: Sequence[str]) -> st.SearchStrategy[tuple[str, ...]]:
    """Draw none to three of the names, each number as often, in any order."""
    by_number = [list(permutations(names, number)) for number in range(4)]
    most = len(by_number[2])
    return st.sampled_from([(found * most)[:most][at] for found in by_number for at in range(most)])


def _sequence(items: Sequence[_T]) -> st.SearchStrategy[tuple[_T, ...]]:
    """Draw the items in any order, by the order's number."""

    def ordered(number: int) -> tuple[_T, ...]:
        left, found = list(items), []
        while left:
            number, at = divmod(number, len(left))
            found.append(left.pop(at))
        return tuple(found)

    return st.integers(0, factorial(len(items)) - 1).map(ordered)


_SOME_NAMES = _some(NAMES)
_POOL_NAMES = _SOME_NAMES.map(lambda names: names or ("a",))
_networks = st.sampled_from(
    [
        NetworkSpec(name=name, cidr=cidr)
        for name in ("main", "other")
        for cidr in ("10.0.0.0/16", "10.0.0.0/20", "172.16.0.0/20")
    ]
)
_sizes = st.sampled_from(
    [
        *(Size.pinned("sandbox", name) for name in ("sb-1x1", "sb-2x4") * 12),
        *(
            Size(vcpus=vcpus, memory_mib=memory, disk_gib=disk)
            for vcpus in range(1, 9)
            for memory in (0, 1024, 8192)
            for disk in (0, 50)
        ),
    ]
)
_images = st.sampled_from([Image(os=name) for name in ("ubuntu-24.04", "ubuntu-22.04", "debian-12")])
_roles = st.sampled_from(Role)
_labels = st.dictionaries(_LABEL, _VALUE, max_size=2)
_taints = st.lists(
    st.builds(Taint, key=_LABEL, value=_VALUE, effect=st.sampled_from(TaintEffect)), max_size=2
).map(tuple)
_port = st.integers(1, 65535)
_forwards = st.lists(
    st.builds(Forward, port=_port, target_port=_port, protocol=st.sampled_from(ForwardProtocol)),
    min_size=1,
    max_size=3,
    unique_by=lambda forward: forward.port,
).map(tuple)
_USUAL_RULES = (
    (),
    (Rule(protocol=Protocol.TCP, ports="22", sources=("0.0.0.0/0", "::/0")),),
    (
        Rule(protocol=Protocol.TCP, ports="443", sources=("10.1.0.0/16",)),
        Rule(protocol=Protocol.UDP, ports="8000-9000", sources=("worker", "2001:db8::/32")),
    ),
    (
        Rule(protocol=Protocol.ICMP, sources=("control-plane", "0.0.0.0/0")),
        Rule(protocol=Protocol.TCP, ports="all", sources=("control-plane", "192.0.2.0/24", "192.0.2.7/32")),
        Rule(protocol=Protocol.UDP, ports="53", sources=("::/0",)),
    ),
)
_rules = st.integers(0, 2 * len(_USUAL_RULES) - 1).flatmap(
    lambda number: st.just(_USUAL_RULES[number]) if number < len(_USUAL_RULES) else firewall_rules
)
_KINDS = _some([kind.value for kind in Kind]).map(sorted)
_policies = st.sampled_from(DriftPolicy)
_versions = st.sampled_from(("1.33", "1.34", "1.34.2"))
_comments = st.sampled_from(("", " ada@example.com"))
_gibs = st.sampled_from((1, 10, 16384))
_fours = _sequence(range(4))
_first_counts, _counts = st.integers(1, 3), st.integers(0, 3)


@st.composite
def _pools(draw: st.DrawFn, subnets: tuple[SubnetSpec, ...]) -> tuple[PoolSpec, ...]:
    where = st.sampled_from(("", *(subnet.name for subnet in subnets)))
    pools = [
        PoolSpec(
            name=name,
            role=draw(_roles) if number else Role.CONTROL_PLANE,
            count=draw(_counts if number else _first_counts),
            size=draw(_sizes),
            image=draw(_images),
            labels=draw(_labels),
            taints=draw(_taints),
            bootstrap=draw(_SCRIPTS),
            subnet=draw(where),
        )
        for number, name in enumerate(draw(_POOL_NAMES))
    ]
    return draw(_sequence(pools))


@st.composite
def specs(draw: st.DrawFn, name: str = "web") -> ClusterSpec:
    """Draw a cluster on the sandbox that passes validation; not yet fitted to a catalogue."""
    network = draw(_networks)
    base = network.cidr.rpartition(".")[0].rpartition(".")[0]
    subnets = tuple(
        SubnetSpec(name=part, cidr=f"{base}.{third}.0/24")
        for part, third in zip(draw(_SOME_NAMES), draw(_fours), strict=False)
    )
    pools = draw(_pools(subnets))
    servers = [server for pool in pools for server in pool.servers()]
    where, comment = st.sampled_from(("", *servers)), draw(_comments)
    return ClusterSpec(
        name=name,
        kubernetes=draw(_versions),
        placement=Placement(cloud="sandbox", region="sim-us-east"),
        network=msgspec.structs.replace(network, subnets=subnets),
        ssh_keys=tuple(
            SshKeySpec(name=part, public_key=f"ssh-ed25519 {'ABCD'[letter] * 68}{comment}")
            for part, letter in zip(draw(_SOME_NAMES), draw(_fours), strict=False)
        ),
        firewalls=tuple(
            FirewallSpec(name=part, role=draw(_roles), allow=draw(_rules)) for part in draw(_SOME_NAMES)
        ),
        pools=pools,
        load_balancers=tuple(
            LoadBalancerSpec(name=part, role=draw(_roles), forward=draw(_forwards))
            for part in draw(_SOME_NAMES)
        ),
        volumes=tuple(
            VolumeSpec(name=part, size_gib=draw(_gibs), server=draw(where)) for part in draw(_SOME_NAMES)
        ),
        reserved_ips=draw(_reserved_ips(servers)),
        drift=tuple(DriftRule(kind=kind, policy=draw(_policies)) for kind in draw(_KINDS)),
    )


@st.composite
def _reserved_ips(draw: st.DrawFn, servers: Sequence[str]) -> tuple[ReservedIpSpec, ...]:
    """Draw addresses that point at different servers, or at none."""
    names = draw(_SOME_NAMES)
    free = iter(draw(_sequence(servers)) if names else ())
    return tuple(
        ReservedIpSpec(name=part, server=next(free, "") if draw(st.booleans()) else "") for part in names
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
