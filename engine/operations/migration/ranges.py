"""Address ranges that moved as a whole. Pure."""

from ipaddress import IPv4Network, ip_network

import msgspec

from ...domain.model import ClusterSpec, Role


def renumbered(spec: ClusterSpec, cidr: str) -> ClusterSpec:
    """Return a spec with its network at `cidr`, and all that lay in the old range moved along."""
    old, new = IPv4Network(spec.network.cidr), IPv4Network(cidr)
    if old == new or old.prefixlen != new.prefixlen:
        return spec

    def moved(text: str) -> str:
        if text in set(Role):
            return text
        network = ip_network(text)
        if not isinstance(network, IPv4Network) or not network.subnet_of(old):
            return text
        offset = int(network.network_address) - int(old.network_address)
        return str(IPv4Network((int(new.network_address) + offset, network.prefixlen)))

    replace = msgspec.structs.replace
    subnets = tuple(replace(subnet, cidr=moved(subnet.cidr)) for subnet in spec.network.subnets)
    firewalls = tuple(
        replace(
            firewall,
            allow=tuple(replace(rule, sources=tuple(map(moved, rule.sources))) for rule in firewall.allow),
        )
        for firewall in spec.firewalls
    )
    return replace(spec, network=replace(spec.network, cidr=cidr, subnets=subnets), firewalls=firewalls)
