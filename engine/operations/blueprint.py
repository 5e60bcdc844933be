"""The blueprint: every resource that a complete spec asks of its cloud, and what each needs first. Pure."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Network

import msgspec

from ..domain.catalogue import Catalogue, Feature
from ..domain.model import ClusterSpec, Forward, ForwardProtocol, PoolSpec, Role, SubnetSpec, canonical
from ..domain.resources import (
    Desired,
    Firewall,
    Key,
    Kind,
    LoadBalancer,
    LoadBalancerMember,
    Network,
    ReservedIp,
    ReservedIpAssignment,
    Server,
    SshKey,
    Subnet,
    Tag,
    Volume,
    VolumeAttachment,
    member_name,
)

_SHELL = re.compile(r"#!\s*(\S*/)?(env\s+(-S\s+)?(\S*/)?)?(a|ba|da|k|mk|z)?sh(\s.*)?")


def blueprint(spec: ClusterSpec, catalogue: Catalogue) -> list[Desired]:
    """Return the desired resources, each after everything that it needs.

    Kinds that the cloud does not have are left out; translation has listed them as losses.
    """
    spec = canonical(spec)  # what is compared with a cloud must not depend on the order of writing
    spec = with_subnets(spec, catalogue)
    kinds = catalogue.kinds
    resources = [
        item
        for group in (
            _groundwork(spec, catalogue),
            _servers(spec, catalogue),
            _volumes(spec, catalogue),
            _balancers(spec, catalogue),
            _addresses(spec, catalogue),
        )
        for item in group
        if item.key.kind in kinds
    ]
    present = {item.key for item in resources}
    return [
        Desired(
            key=item.key,
            resource=item.resource,
            needs=tuple(key for key in item.needs if key in present),
        )
        for item in resources
    ]


def _roles(spec: ClusterSpec) -> list[Role]:
    used = {pool.role for pool in spec.pools}
    used |= {firewall.role for firewall in spec.firewalls} | {item.role for item in spec.load_balancers}
    for firewall in spec.firewalls:
        used |= {Role(source) for rule in firewall.allow for source in rule.sources if source in set(Role)}
    return [role for role in Role if role in used]


def _tag(role: Role) -> Key:
    return Key(Kind.TAG, role.value)


def with_subnets(spec: ClusterSpec, catalogue: Catalogue) -> ClusterSpec:
    """Return a spec in which each pool has a subnet, where the cloud cannot do without.

    Pools that name none get one more: all of the network, or what the others leave of it.
    """
    if not catalogue.subnet_needed or (spec.network.subnets and all(pool.subnet for pool in spec.pools)):
        return spec
    taken = {subnet.name for subnet in spec.network.subnets}
    name = next(name for n in range(len(taken) + 1) if (name := f"nodes-{n}" if n else "nodes") not in taken)
    cidr = _free_range(spec.network.cidr, [subnet.cidr for subnet in spec.network.subnets])
    if cidr is None:  # they fill the network: the largest of them takes the rest in
        name = min(spec.network.subnets, key=lambda item: (IPv4Network(item.cidr).prefixlen, item.name)).name
    else:
        subnets = (*spec.network.subnets, SubnetSpec(name=name, cidr=cidr))
        spec = msgspec.structs.replace(spec, network=msgspec.structs.replace(spec.network, subnets=subnets))
    pools = tuple(msgspec.structs.replace(pool, subnet=pool.subnet or name) for pool in spec.pools)
    return msgspec.structs.replace(spec, pools=pools)


def _free_range(network: str, taken: list[str]) -> str | None:
    """Return the largest range of a network that nothing taken is in, the lowest of several."""
    free = [IPv4Network(network)]
    for other in map(IPv4Network, taken):
        free = [
            part
            for block in free
            for part in (
                ()
                if block.subnet_of(other)
                else block.address_exclude(other)
                if other.subnet_of(block)
                else (block,)
            )
        ]
    return str(min(free, key=lambda block: (block.prefixlen, block))) if free else None


def _groundwork(spec: ClusterSpec, catalogue: Catalogue) -> Iterator[Desired]:
    """Yield what servers stand on."""
    home = spec.network.name if catalogue.groups_in_network else ""
    inside = (Key(Kind.NETWORK, home),) if home else ()
    yield from (item for item in _network(spec) if home)
    yield Desired(key=Key(Kind.TAG, "cluster"), resource=Tag(network=home), needs=inside)
    for role in _roles(spec):
        yield Desired(key=_tag(role), resource=Tag(role=role, network=home), needs=inside)
    region = spec.placement.region if catalogue.keys_in_region else ""
    for ssh_key in spec.ssh_keys:
        # the comment is for people and no cloud keeps it apart: compare the material only
        material = " ".join(ssh_key.public_key.split()[:2])
        yield Desired(
            key=Key(Kind.SSH_KEY, ssh_key.name), resource=SshKey(public_key=material, region=region)
        )
    yield from (item for item in _network(spec) if not home)
    for firewall in spec.firewalls:
        sources = {Role(s) for rule in firewall.allow for s in rule.sources if s in set(Role)}
        yield Desired(
            key=Key(Kind.FIREWALL, firewall.name),
            resource=Firewall(role=firewall.role, rules=firewall.allow, network=home),
            needs=(*inside, *(_tag(role) for role in Role if role in sources | {firewall.role})),
        )


def _network(spec: ClusterSpec) -> Iterator[Desired]:
    network = Key(Kind.NETWORK, spec.network.name)
    yield Desired(key=network, resource=Network(region=spec.placement.region, cidr=spec.network.cidr))
    for subnet in spec.network.subnets:
        yield Desired(
            key=Key(Kind.SUBNET, subnet.name),
            resource=Subnet(cidr=subnet.cidr, network=network.name),
            needs=(network,),
        )


def _servers(spec: ClusterSpec, catalogue: Catalogue) -> Iterator[Desired]:
    for pool in spec.pools:
        yield from _pool(spec, pool, catalogue)


def _pool(spec: ClusterSpec, pool: PoolSpec, catalogue: Catalogue) -> Iterator[Desired]:
    cloud = spec.placement.cloud
    subnet = pool.subnet if Kind.SUBNET in catalogue.kinds else ""
    needs = [Key(Kind.TAG, "cluster"), _tag(pool.role), Key(Kind.NETWORK, spec.network.name)]
    if subnet:
        needs.append(Key(Kind.SUBNET, subnet))
    # a cloud without firewalls of its own, keys or a network is asked for a server all the same
    ssh_keys = [ssh_key.name for ssh_key in spec.ssh_keys if Kind.SSH_KEY in catalogue.kinds]
    if Feature.MANY_SSH_KEYS not in catalogue.features:
        ssh_keys = ssh_keys[:1]
    needs += [Key(Kind.SSH_KEY, name) for name in ssh_keys]
    # firewalls first: no server is ever reachable before it is protected
    needs += [Key(Kind.FIREWALL, item.name) for item in spec.firewalls if item.role == pool.role]
    for name in pool.servers():
        resource = Server(
            region=spec.placement.region,
            size=pool.size.pins[cloud],
            image=pool.image.pins[cloud],
            role=pool.role,
            pool=pool.name,
            network=spec.network.name if Kind.NETWORK in catalogue.kinds else "",
            subnet=subnet,
            ssh_keys=tuple(ssh_keys),
            disk_gib=pool.size.disk_gib if catalogue.own_disks else 0,
            user_data=user_data(spec, pool, name) if Feature.USER_DATA in catalogue.features else "",
        )
        yield Desired(key=Key(Kind.SERVER, name), resource=resource, needs=tuple(needs))


def _volumes(spec: ClusterSpec, catalogue: Catalogue) -> Iterator[Desired]:
    """Yield the servers' block storage."""
    region = spec.placement.region
    for volume in spec.volumes:
        key = Key(Kind.VOLUME, volume.name)
        yield Desired(
            key=key,
            resource=Volume(region=region, size_gib=at_least(volume.size_gib, catalogue)),
            needs=(Key(Kind.TAG, "cluster"),),
        )
        if volume.server:
            yield Desired(
                key=Key(Kind.VOLUME_ATTACHMENT, volume.name),
                resource=VolumeAttachment(volume=volume.name, server=volume.server),
                needs=(key, Key(Kind.SERVER, volume.server)),
            )


def at_least(size_gib: int, catalogue: Catalogue) -> int:
    """Return how large a volume of so many GiB is there: none is smaller than the cloud makes them."""
    return max(size_gib, catalogue.volumes[0].smallest_gib) if catalogue.volumes else size_gib


def _balancers(spec: ClusterSpec, catalogue: Catalogue) -> Iterator[Desired]:
    """Yield what stands in front of servers."""
    network = Key(Kind.NETWORK, spec.network.name)
    for balancer in spec.load_balancers:
        subnets = [pool.subnet for pool in spec.pools if pool.role is balancer.role and pool.subnet]
        subnet = subnets[0] if subnets and catalogue.subnet_needed else ""
        inside = (network, Key(Kind.SUBNET, subnet)) if subnet else (network,)
        key = Key(Kind.LOAD_BALANCER, balancer.name)
        servers = [name for pool in spec.pools if pool.role is balancer.role for name in pool.servers()]
        resource = LoadBalancer(
            region=spec.placement.region,
            network=network.name,
            role=balancer.role,
            forward=tuple(_understood(forward, catalogue) for forward in balancer.forward),
            subnet=subnet,
        )
        yield Desired(key=key, resource=resource, needs=(*inside, _tag(balancer.role)))
        for server in servers if Kind.LOAD_BALANCER in catalogue.kinds else ():
            yield Desired(
                key=Key(Kind.LOAD_BALANCER_MEMBER, member_name(balancer.name, server)),
                resource=LoadBalancerMember(load_balancer=balancer.name, server=server),
                needs=(key, Key(Kind.SERVER, server)),
            )


def _addresses(spec: ClusterSpec, _: Catalogue) -> Iterator[Desired]:
    """Yield the addresses that outlive servers."""
    region = spec.placement.region
    for address in spec.reserved_ips:
        key = Key(Kind.RESERVED_IP, address.name)
        yield Desired(key=key, resource=ReservedIp(region=region))
        if address.server:
            yield Desired(
                key=Key(Kind.RESERVED_IP_ASSIGNMENT, address.name),
                resource=ReservedIpAssignment(reserved_ip=address.name, server=address.server),
                needs=(key, Key(Kind.SERVER, address.server)),
            )


def _understood(forward: Forward, catalogue: Catalogue) -> Forward:
    """Return a forwarding rule in a protocol that the cloud's load balancers understand."""
    if Feature.HTTP in catalogue.features:
        return forward
    return msgspec.structs.replace(forward, protocol=ForwardProtocol.TCP)


def user_data(spec: ClusterSpec, pool: PoolSpec, server: str) -> str:
    """Return what a server runs at first boot: the pool's bootstrap script.

    A script whose first line names a shell, such as ``#!/bin/bash -eu``, gets the few values that a
    node needs as exported variables after that line (never credentials); anything else, such as
    ``#cloud-config``, goes out as it was written.
    """
    script = pool.bootstrap
    first, newline, rest = script.partition("\n")
    if not _SHELL.fullmatch(first):
        return script
    taints = ",".join(f"{taint.key}={taint.value}:{taint.effect}" for taint in pool.taints)
    labels = ",".join(f"{key}={value}" for key, value in sorted(pool.labels.items()))
    values = {
        "KUBISNAP_CLUSTER": spec.name,
        "KUBISNAP_KUBERNETES_VERSION": spec.kubernetes,
        "KUBISNAP_NODE": server,
        "KUBISNAP_NODE_LABELS": labels,
        "KUBISNAP_NODE_TAINTS": taints,
        "KUBISNAP_POOL": pool.name,
        "KUBISNAP_ROLE": pool.role.value,
    }
    # every value was validated to a character set without quotes
    exports = "".join(f"export {name}='{value}'\n" for name, value in values.items())
    return f"{first}\n{exports}{rest}" if newline else f"{first}\n{exports}"
