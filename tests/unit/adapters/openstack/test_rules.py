"""Firewall rules, there and back."""

from typing import Any

import msgspec
from hypothesis import given

from kubisnap.adapters.openstack.rules import body, effect_of, effects, neutral_rules
from kubisnap.adapters.openstack.wire import GroupRule
from kubisnap.adapters.testing import canonical_rules, firewall_rules
from kubisnap.engine.domain.model import Protocol, Role, Rule

GROUPS = {"g-control": "control-plane", "g-worker": "worker"}


def group_of(role: Role) -> str:
    return "g-control" if role is Role.CONTROL_PLANE else "g-worker"


def as_neutron_keeps_them(rules: tuple[Rule, ...]) -> list[GroupRule]:
    """Return what Neutron shows after it was given rules: all ports of TCP or UDP it shows as none."""
    shown = []
    for number, (effect, note) in enumerate(effects(rules, group_of).items()):
        told: dict[str, Any] = {**body(effect, note, "g"), "id": str(number)}
        if (told.get("port_range_min"), told.get("port_range_max")) == (1, 65535):
            del told["port_range_min"], told["port_range_max"]
        shown.append(msgspec.convert(told, GroupRule))
    return shown


@given(rules=firewall_rules)
def test_rules_come_back_as_they_were(rules: tuple[Rule, ...]) -> None:
    back = neutral_rules(as_neutron_keeps_them(rules), GROUPS)
    assert back == msgspec.to_builtins(canonical_rules(rules))


@given(rules=firewall_rules)
def test_a_rule_is_known_again(rules: tuple[Rule, ...]) -> None:
    """What is there already is not made twice: Neutron would refuse it."""
    assert {effect_of(rule) for rule in as_neutron_keeps_them(rules)} == set(effects(rules, group_of))


def test_a_role_is_let_in_in_both_versions() -> None:
    rule = Rule(protocol=Protocol.TCP, ports="22", sources=("worker",))
    assert {effect.ethertype for effect in effects((rule,), group_of)} == {"IPv4", "IPv6"}


def test_all_ports_written_as_numbers_are_remembered() -> None:
    both = (
        Rule(protocol=Protocol.TCP, ports="1-65535", sources=("192.0.2.0/24",)),
        Rule(protocol=Protocol.TCP, ports="all", sources=("192.0.2.0/24",)),
    )
    assert list(effects(both, group_of).values()) == ["ports=1-65535,all"]
    assert neutral_rules(as_neutron_keeps_them(both), GROUPS) == msgspec.to_builtins(canonical_rules(both))


def test_what_has_no_neutral_word_is_shown_by_its_own() -> None:
    rules = [
        GroupRule(id="1", direction="ingress", ethertype="IPv4", protocol=None),
        GroupRule(id="2", direction="ingress", ethertype="IPv4", protocol="sctp", port_range_min=9),
        GroupRule(id="3", direction="ingress", protocol="tcp", remote_group_id="g-somebody"),
        GroupRule(id="4", direction="ingress", protocol="tcp", remote_address_group_id="a"),
        GroupRule(id="5", direction="ingress", ethertype="IPv6", protocol=58),
        GroupRule(id="6", direction="egress", ethertype="IPv4"),
    ]
    shown = neutral_rules(rules, GROUPS)
    assert [(rule["protocol"], rule.get("ports", "all"), tuple(rule["sources"])) for rule in shown] == [
        ("any", "all", ("0.0.0.0/0",)),
        ("icmp", "all", ("::/0",)),
        ("sctp", "9", ("0.0.0.0/0",)),
        ("tcp", "all", ("group:addresses:a", "group:g-somebody")),
    ]
