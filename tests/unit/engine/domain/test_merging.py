"""What one operation changed is taken back, what came after it stays, and what both changed is named."""

import msgspec
import pytest

from kubisnap.engine.domain.merging import Clash, take_back
from kubisnap.engine.domain.model import (
    ClusterSpec,
    FirewallSpec,
    Protocol,
    Role,
    Rule,
    Size,
    SubnetSpec,
    Taint,
    VolumeSpec,
    canonical,
)
from tests.unit.engine.domain.test_comparing import FULL, VARIANTS
from tests.unit.engine.examples import SPEC, changed, with_workers


def merged(before: ClusterSpec, after: ClusterSpec, now: ClusterSpec) -> ClusterSpec:
    """Take back where nothing clashes."""
    merge = take_back(before, after, now)
    assert merge.clashes == ()
    return merge.spec


def clashes(before: ClusterSpec, after: ClusterSpec, now: ClusterSpec) -> list[tuple[str, object, object]]:
    """Take back where something clashes: it stays as it is now."""
    merge = take_back(before, after, now)
    assert merge.spec == canonical(now)
    return [(str(clash), clash.made, clash.now) for clash in merge.clashes]


def with_rules(*rules: Rule) -> ClusterSpec:
    return changed(firewalls=(FirewallSpec(name="guard", role=Role.WORKER, allow=rules),))


def rule(ports: str) -> Rule:
    return Rule(protocol=Protocol.TCP, ports=ports, sources=("0.0.0.0/0",))


@pytest.mark.parametrize("where", VARIANTS)
def test_a_change_of_any_field_is_taken_back_and_one_that_came_later_stays(where: str) -> None:
    other = VARIANTS[where]

    assert merged(FULL, other, other) == canonical(FULL)
    assert merged(other, FULL, FULL) == canonical(other)
    assert merged(FULL, FULL, other) == canonical(other)
    assert merged(FULL, other, FULL) == canonical(FULL)  # somebody has taken it back already


def test_other_fields_of_the_same_part_stay() -> None:
    now = with_workers(count=5, labels={"tier": "web"}, subnet="")

    assert merged(SPEC, with_workers(count=5), now) == canonical(
        with_workers(labels={"tier": "web"}, subnet="")
    )


def test_what_is_known_by_a_name_is_taken_back_by_its_name() -> None:
    more = VolumeSpec(name="more", size_gib=5)
    cache = VolumeSpec(name="cache", size_gib=7)
    now = changed(volumes=(cache, more))

    assert merged(SPEC, changed(volumes=(*SPEC.volumes, more)), now).volumes == (cache,)
    assert merged(SPEC, changed(volumes=()), now) == canonical(changed(volumes=(*SPEC.volumes, cache, more)))


def test_labels_are_taken_back_one_by_one() -> None:
    before, after = with_workers(labels={"a": "1"}), with_workers(labels={"b": "2"})

    now = with_workers(labels={"b": "2", "c": "3"})
    assert merged(before, after, now) == canonical(with_workers(labels={"a": "1", "c": "3"}))


def test_rules_and_taints_are_sets() -> None:
    opened = with_rules(rule("22"), rule("80"))

    assert merged(
        with_rules(rule("22")), opened, with_rules(rule("80"), rule("443"), rule("22"))
    ) == canonical(with_rules(rule("22"), rule("443")))
    assert merged(opened, with_rules(rule("22")), with_rules(rule("22"), rule("443"))) == canonical(
        with_rules(rule("22"), rule("80"), rule("443"))
    )
    assert merged(with_rules(), opened, with_rules(rule("443"))) == canonical(with_rules(rule("443")))


def test_a_rule_that_was_replaced_twice_does_not_come_back_beside_the_last_one() -> None:
    before, after, now = with_rules(rule("22")), with_rules(rule("2222")), with_rules(rule("22222"))

    assert clashes(before, after, now) == [
        ("firewall guard: allow", (rule("2222"),), (rule("22222"),)),
    ]


def test_a_field_that_was_changed_again_clashes() -> None:
    assert clashes(SPEC, with_workers(count=5), with_workers(count=7)) == [("pool workers: count", 5, 7)]
    assert clashes(SPEC, changed(kubernetes="1.35"), changed(kubernetes="1.36")) == [
        ("cluster: kubernetes", "1.35", "1.36")
    ]


def test_a_part_that_was_changed_after_it_was_added_or_removed_clashes_as_a_whole() -> None:
    added, grown = VolumeSpec(name="more", size_gib=5), VolumeSpec(name="more", size_gib=9)
    with_more = changed(volumes=(*SPEC.volumes, added))

    assert clashes(SPEC, with_more, changed(volumes=(*SPEC.volumes, grown))) == [
        ("volume more", added, grown)
    ]
    assert clashes(with_more, SPEC, changed(volumes=(*SPEC.volumes, grown))) == [("volume more", None, grown)]


def test_a_part_that_was_changed_and_is_gone_clashes() -> None:
    gone = changed(pools=SPEC.pools[:1])

    [(what, _, now)] = clashes(SPEC, with_workers(count=5), gone)
    assert (what, now) == ("pool workers", None)


def test_a_size_is_one_value_with_its_pin() -> None:
    """What belongs together is not put together anew from two halves."""
    middle = Size(vcpus=2, memory_mib=2048, pins={"acme": "medium"})
    now = Size(vcpus=2, memory_mib=8192, pins={"acme": "large"})

    assert clashes(SPEC, with_workers(size=middle), with_workers(size=now)) == [
        ("pool workers: size", middle, now)
    ]


def test_what_is_in_the_network_is_told_with_its_place() -> None:
    def subnet(cidr: str) -> ClusterSpec:
        network = msgspec.structs.replace(SPEC.network, subnets=(SubnetSpec(name="back", cidr=cidr),))
        return changed(network=network)

    three = (subnet("10.160.1.0/24"), subnet("10.160.2.0/24"), subnet("10.160.3.0/24"))

    assert clashes(*three) == [("cluster: network.subnets[back].cidr", "10.160.2.0/24", "10.160.3.0/24")]


def test_a_clash_knows_all_three_values() -> None:
    spare = (Taint(key="spare"),)
    merge = take_back(SPEC, with_workers(count=5, taints=spare), with_workers(count=1, taints=spare))

    assert merge.clashes == (Clash(part="pool workers", field="count", was=3, made=5, now=1),)
    assert merge.spec == canonical(with_workers(count=1))
