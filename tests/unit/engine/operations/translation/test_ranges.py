"""Address ranges: a network that collides gets a free one, what refers to it follows, the rest stays."""

from ipaddress import IPv4Network
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubisnap.engine.domain.mapping import NO_MAPPING, Mapping, load_mapping
from kubisnap.engine.domain.model import (
    ClusterSpec,
    FirewallSpec,
    NetworkSpec,
    Protocol,
    Role,
    Rule,
    SubnetSpec,
)
from kubisnap.engine.domain.resources import Kind
from kubisnap.engine.errors import InvalidInput, Rejected
from kubisnap.engine.operations.translation.ranges import PRIVATE, Renumbered, first_free, moved, renumber
from tests.unit.engine.examples import CATALOGUE, changed, with_workers


def firewall(*sources: str) -> FirewallSpec:
    return FirewallSpec(
        name="guard", role=Role.WORKER, allow=(Rule(protocol=Protocol.TCP, ports="22", sources=sources),)
    )


def cluster(cidr: str, *sources: str, subnets: tuple[str, ...] = ()) -> ClusterSpec:
    parts = tuple(SubnetSpec(name=f"s{number}", cidr=text) for number, text in enumerate(subnets))
    network = NetworkSpec(cidr=cidr, subnets=parts)
    return changed(with_workers(subnet=""), network=network, firewalls=(firewall(*sources or ("worker",)),))


def fitted(
    spec: ClusterSpec, taken: tuple[str, ...] = (), mapping: Mapping = NO_MAPPING, **fields: Any
) -> Renumbered:
    there = msgspec.structs.replace(CATALOGUE, cloud="other", **fields)
    return renumber(spec, there, taken=taken, mapping=mapping)


def cidrs(found: Renumbered) -> list[str]:
    network = found.spec.network
    rules = found.spec.firewalls[0].allow[0].sources
    return [network.cidr, *(subnet.cidr for subnet in network.subnets), *rules]


def test_a_network_that_collides_with_nothing_stays() -> None:
    spec = cluster("10.244.0.0/20", "10.244.1.0/24")

    assert fitted(spec) == Renumbered(spec)
    assert fitted(spec, ("10.243.0.0/16", "2001:db8::/32"), reserved_ranges=("10.245.0.0/16",)) == Renumbered(
        spec
    )


@pytest.mark.parametrize("blocked", ["10.244.0.0/16", "10.244.3.0/24", "10.244.0.0/20", "10.0.0.0/8"])
def test_one_that_is_reserved_or_taken_is_renumbered_and_what_refers_to_it_follows(blocked: str) -> None:
    spec = cluster(
        "10.244.0.0/20",
        "10.244.2.0/24", "10.244.0.0/20", "10.244.2.7/32", "worker", "0.0.0.0/0", "::/0", "10.244.16.0/24",
        subnets=("10.244.1.0/24", "10.244.8.0/21"),
    )  # fmt: skip
    reserved = fitted(spec, reserved_ranges=(blocked,))
    taken = fitted(spec, (blocked,))
    base = "172.16.0" if blocked == "10.0.0.0/8" else "10.0.0"
    top = base.removesuffix(".0")

    assert cidrs(reserved) == cidrs(taken) == [
        f"{base}.0/20", f"{top}.1.0/24", f"{top}.8.0/21",
        f"{top}.2.0/24", f"{base}.0/20", f"{top}.2.7/32", "worker", "0.0.0.0/0", "::/0", "10.244.16.0/24",
    ]  # fmt: skip
    (choice,) = reserved.choices
    assert (choice.what, choice.wanted, choice.chosen) == ("network", "10.244.0.0/20", f"{base}.0/20")
    assert choice.note == f"other keeps {blocked} for itself"
    assert taken.choices[0].note == f"{blocked} is in use there"


def test_the_new_range_does_not_come_to_lie_among_others_that_rules_name() -> None:
    """Else a rule for somebody else's office would let servers in, and the way back would move it."""
    spec = cluster("10.244.0.0/20", "10.0.3.0/24", "10.0.16.0/20")

    assert cidrs(fitted(spec, ("10.244.0.0/20",))) == ["10.0.32.0/20", "10.0.3.0/24", "10.0.16.0/20"]


def test_what_covered_the_network_and_a_script_that_names_it_are_told() -> None:
    spec = cluster("192.168.0.0/20", "192.168.0.0/16")
    spec = msgspec.structs.replace(
        spec,
        pools=tuple(
            msgspec.structs.replace(
                pool, bootstrap="ping 192.168.1.7; ping 192.168.1.7, 8.8.8.8 999.1.1.1 1.192.168.1.7.2"
            )
            for pool in spec.pools[:1]
        ),
    )

    assert fitted(spec, ("192.168.0.0/24",)).losses == (
        "firewall guard lets 192.168.0.0/16 in; the new range 10.0.0.0/20 is not in that",
        "the bootstrap script of pool cp names 192.168.1.7, of the network's old range",
    )


def test_a_prefix_that_is_not_allowed_becomes_the_nearest_if_all_fits() -> None:
    wide = cluster("10.244.0.0/16", "10.244.0.0/16", subnets=("10.244.1.0/24",))
    narrow = cluster("10.244.0.0/28", "10.244.0.4/32")

    assert cidrs(fitted(wide, network_prefixes=(20, 28))) == ["10.0.0.0/20", "10.0.1.0/24", "10.0.0.0/20"]
    assert cidrs(fitted(narrow, network_prefixes=(16, 24))) == ["10.0.0.0/24", "10.0.0.4/32"]
    assert (
        fitted(wide, network_prefixes=(20, 28)).choices[0].note == "networks of other are between /20 and /28"
    )


@pytest.mark.parametrize(
    ("spec", "prefixes", "problem"),
    [
        (
            cluster("10.244.0.0/16", subnets=("10.244.128.0/24",)),
            (20, 28),
            "10.244.128.0/24 does not fit into the network's new range 10.0.0.0/20",
        ),
        (
            cluster("10.244.0.0/16", "10.244.200.0/24"),
            (20, 28),
            "10.244.200.0/24 does not fit into the network's new range 10.0.0.0/20",
        ),
        (
            msgspec.structs.replace(cluster("10.244.0.0/24"), pools=with_workers(count=13, subnet="").pools),
            (28, 28),
            "14 servers do not fit into the network's new range 10.0.0.0/28",
        ),
    ],
)  # fmt: skip
def test_what_does_not_fit_into_it_is_a_problem(
    spec: ClusterSpec, prefixes: tuple[int, int], problem: str
) -> None:
    assert fitted(spec, network_prefixes=prefixes).problems == (problem,)


def test_where_everything_is_taken_there_is_none() -> None:
    spec = cluster("10.244.0.0/20")

    assert fitted(spec, tuple(map(str, PRIVATE))).problems == (
        "no private range of /20 is free for its network",
    )
    assert cidrs(fitted(spec, ("10.0.0.0/8",)))[0] == "172.16.0.0/20"
    assert cidrs(fitted(spec, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/17")))[0] == "192.168.128.0/20"


def test_a_cloud_without_networks_of_its_own_renumbers_nothing_unless_it_is_mapped() -> None:
    spec = cluster("10.244.0.0/20")

    kinds = CATALOGUE.kinds - {Kind.NETWORK}
    mapping = load_mapping("network: {10.244.0.0/20: 10.9.0.0/20}", name="map.yaml")

    assert fitted(spec, ("10.244.0.0/20",), kinds=kinds) == Renumbered(spec)
    assert cidrs(fitted(spec, ("10.9.0.0/20",), mapping, kinds=kinds))[0] == "10.9.0.0/20"


def test_a_range_that_is_none_is_the_clouds_mistake() -> None:
    with pytest.raises(Rejected, match=r"other: names a range that is none: '10\.0\.0\.1/8'"):
        fitted(cluster("10.244.0.0/20"), ("10.0.0.1/8",))


@pytest.mark.parametrize(
    ("new", "problem", "hint"),
    [
        ("10.9.0.0/20", "10.9.0.0/20 cannot be had: 10.9.8.0/24 is in use there", "free is 10.0.0.0/20"),
        ("10.246.0.0/24", "10.246.0.0/24 cannot be had: other keeps 10.246.0.0/16 for itself", "free is"),
        ("10.7.0.0/16", "10.7.0.0/16: networks of other are between /20 and /28", ""),
    ],
)
def test_a_mapped_range_that_cannot_be_had_is_refused(new: str, problem: str, hint: str) -> None:
    mapping = load_mapping(f"network: {{10.244.0.0/20: {new}}}", name="map.yaml")
    with pytest.raises(InvalidInput) as caught:
        fitted(
            cluster("10.244.0.0/20"),
            ("10.9.8.0/24",),
            mapping,
            reserved_ranges=("10.246.0.0/16",),
            network_prefixes=(20, 28),
        )

    assert caught.value.problem == problem
    assert hint in caught.value.hint
    assert mapping.place(caught.value).where == "map.yaml:1:26"


# ── properties ───────────────────────────────────────────────────────────────────────────────────


@st.composite
def private(draw: st.DrawFn, low: int = 16, high: int = 28) -> IPv4Network:
    whole = draw(st.sampled_from(PRIVATE))
    prefix = draw(st.integers(max(low, whole.prefixlen), high))
    at = draw(st.integers(0, 2 ** (prefix - whole.prefixlen) - 1))
    return IPv4Network((int(whole.network_address) + at * 2 ** (32 - prefix), prefix))


@st.composite
def part_of(draw: st.DrawFn, whole: IPv4Network) -> IPv4Network:
    prefix = draw(st.integers(whole.prefixlen, 32))
    at = draw(st.integers(0, 2 ** (prefix - whole.prefixlen) - 1))
    return IPv4Network((int(whole.network_address) + at * 2 ** (32 - prefix), prefix))


@given(st.data())
def test_renumbering_is_a_bijection_on_parts_and_touches_nothing_outside(data: st.DataObject) -> None:
    prefix = data.draw(st.integers(16, 28))
    old, new = data.draw(private(prefix, prefix)), data.draw(private(prefix, prefix))
    part, other = data.draw(part_of(old)), data.draw(part_of(old))
    there, other_there = moved(str(part), old, new), moved(str(other), old, new)

    assert there is not None
    assert other_there is not None
    assert IPv4Network(there).subnet_of(new)
    assert moved(there, new, old) == str(part)
    assert (there == other_there) == (part == other)
    assert IPv4Network(there).overlaps(IPv4Network(other_there)) == part.overlaps(other)
    outside = data.draw(private())
    if not outside.subnet_of(old):
        assert moved(str(outside), old, new) == str(outside)


@given(st.lists(private(8, 30), max_size=12), st.integers(16, 28))
def test_a_free_range_is_private_overlaps_nothing_and_is_the_same_in_any_order(
    blocked: list[IPv4Network], prefix: int
) -> None:
    found = first_free(prefix, blocked)

    assert found == first_free(prefix, blocked[::-1])
    if found is not None:
        assert found.prefixlen == prefix
        assert any(found.subnet_of(whole) for whole in PRIVATE)
        assert not any(found.overlaps(other) for other in blocked)


@given(private(16, 24), st.lists(private(8, 28), max_size=6))
def test_there_and_back_is_the_same_network_unless_its_old_range_is_taken(
    old: IPv4Network, blocked: list[IPv4Network]
) -> None:
    spec = cluster(str(old), str(old), "worker", "198.51.100.0/24")
    there = fitted(spec, tuple(map(str, blocked)))
    if there.problems:
        return
    new = IPv4Network(there.spec.network.cidr)
    back = renumber(there.spec, CATALOGUE, mapping=Mapping({"network": {str(new): {"": str(old)}}}))

    assert not any(new.overlaps(other) for other in blocked)
    assert (new == old) == (not there.choices)
    assert back.spec == spec
