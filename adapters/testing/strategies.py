"""Firewall rules for hypothesis: all that the domain can say, as every cloud must be able to keep it."""

import ipaddress

from hypothesis import strategies as st

from ...engine.domain.model import Protocol, Role, Rule


def _range(address: ipaddress.IPv4Address | ipaddress.IPv6Address, bits: int) -> str:
    return str(ipaddress.ip_network(f"{address}/{bits}", strict=False))


_PORT = st.integers(1, 65535)
_PORTS = st.one_of(
    st.just("all"),
    _PORT.map(str),
    st.lists(_PORT, min_size=2, max_size=2, unique=True).map(sorted).map(lambda ends: f"{ends[0]}-{ends[1]}"),
)
_SOURCES = st.lists(
    st.one_of(
        st.sampled_from(("0.0.0.0/0", "::/0")),
        st.sampled_from([role.value for role in Role]),
        st.builds(_range, st.ip_addresses(v=4), st.sampled_from((8, 16, 24, 32))),
        st.builds(_range, st.ip_addresses(v=6), st.sampled_from((32, 48, 64, 128))),
    ),
    min_size=1,
    max_size=4,
).map(tuple)
_TRAFFIC = st.builds(
    Rule, protocol=st.sampled_from((Protocol.TCP, Protocol.UDP)), ports=_PORTS, sources=_SOURCES
)
_ICMP = st.builds(Rule, protocol=st.just(Protocol.ICMP), sources=_SOURCES)

firewall_rules: st.SearchStrategy[tuple[Rule, ...]] = st.lists(
    st.one_of(_TRAFFIC, _ICMP), min_size=1, max_size=5, unique_by=lambda rule: (rule.protocol, rule.ports)
).map(tuple)
"""Sets of rules; each protocol and port range appears once, since clouds differ in what they merge."""
