"""Firewall rules, to entries of security groups and back."""

import pytest
from hypothesis import given

from kubisnap.adapters.aws.rules import Entry, entries_in, entries_of, neutral_rules, permissions
from kubisnap.adapters.aws.talk import converted
from kubisnap.adapters.aws.wire import Permission
from kubisnap.adapters.testing import canonical_rules, firewall_rules
from kubisnap.engine.domain.model import Protocol, Role, Rule

GROUPS = {Role.WORKER: "sg-0000000a", Role.CONTROL_PLANE: "sg-0000000b"}
ROLES = {group: role.value for role, group in GROUPS.items()}


@given(firewall_rules)
def test_rules_survive_the_way_to_aws_and_back(rules: tuple[Rule, ...]) -> None:
    sent = permissions(entries_of(rules, GROUPS))
    seen = converted(sent, list[Permission], write=False)

    assert neutral_rules(entries_in(seen), ROLES) == tuple(
        {"protocol": rule.protocol.value, "ports": rule.ports, "sources": rule.sources}
        for rule in canonical_rules(rules)
    )


def test_icmp_is_two_protocols_at_aws() -> None:
    rule = Rule(protocol=Protocol.ICMP, sources=("0.0.0.0/0", "::/0", "worker"))

    assert {entry[0] for entry in entries_of([rule], GROUPS)} == {"icmp", "icmpv6"}


@pytest.mark.parametrize(
    ("entry", "shown"),
    [
        (Entry("tcp", 22, 22, "sg-0000dead"), ("tcp", "22", ("group:sg-0000dead",))),
        (Entry("tcp", 22, 22, "pl-0000beef"), ("tcp", "22", ("list:pl-0000beef",))),
        (Entry("-1", -1, -1, "0.0.0.0/0"), ("-1", "all", ("0.0.0.0/0",))),
        (Entry("47", -1, -1, "0.0.0.0/0"), ("47", "all", ("0.0.0.0/0",))),
        (Entry("icmp", 8, -1, "0.0.0.0/0"), ("icmp", "type-8", ("0.0.0.0/0",))),
    ],
)
def test_what_has_no_neutral_form_shows_as_aws_has_it(
    entry: Entry, shown: tuple[str, str, tuple[str, ...]]
) -> None:
    protocol, ports, sources = shown

    assert neutral_rules([entry], ROLES) == ({"protocol": protocol, "ports": ports, "sources": sources},)


def test_protocols_by_number_are_those_by_name() -> None:
    seen = converted(
        [{"IpProtocol": "6", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}],
        list[Permission],
        write=False,
    )
    assert entries_in(seen) == {Entry("tcp", 80, 80, "10.0.0.0/8")}
