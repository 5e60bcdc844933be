"""The blueprint: every resource that a complete spec asks of its cloud, and what each needs first. Pure."""

import re
from collections.abc import Iterator

from ..domain.catalogue import Catalogue
from ..domain.model import ClusterSpec, PoolSpec, Role, canonical
from ..domain.resources import (
    Desired,
    Firewall,
    Key,
    Kind,
    LoadBalancer,
    Network,
    ReservedIp,
    ReservedIpAssignment,
    Server,
    SshKey,
    Subnet,
    Tag,
    Volume,
    VolumeAttachment,
)

_SHELL = re.compile(r"#!\s*(\S*/)?(env\s+(-S\s+)?(\S*/)?)?(a|ba|da|k|mk|z)?sh(\s.*)?")


def blueprint(spec: ClusterSpec, catalogue: Catalogue) -> list[Desired]:
    """Return the desired resources, each after everything that it needs.

    Kinds that the cloud does not have are left out; translation has listed them as losses.
    """
    spec = canonical(spec)  # what is compared with a cloud must not depend on the order of writing
    kinds = catalogue.kinds
    resources = [
        item
        for group in (_groundwork(spec, kinds), _servers(spec, kinds), _edges(spec, kinds))
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


def _groundwork(spec: ClusterSpec, _: frozenset[Kind]) -> Iterator[Desired]:
    """Yield what servers stand on."""
    yield Desired(key=Key(Kind.TAG, "cluster"), resource=Tag())
    for role in _roles(spec):
        yield Desired(key=_tag(role), resource=Tag(role=role))
    for ssh_key in spec.ssh_keys:
        # the comment is for people and no cloud keeps it apart: compare the material only
        material = " ".join(ssh_key.public_key.split()[:2])
        yield Desired(key=Key(Kind.SSH_KEY, ssh_key.name), resource=SshKey(public_key=material))
    network = Key(Kind.NETWORK, spec.network.name)
    yield Desired(key=network, resource=Network(region=spec.placement.region, cidr=spec.network.cidr))
    for subnet in spec.network.subnets:
        yield Desired(
            key=Key(Kind.SUBNET, subnet.name),
            resource=Subnet(cidr=subnet.cidr, network=network.name),
            needs=(network,),
        )
    for firewall in spec.firewalls:
        sources = {Role(s) for rule in firewall.allow for s in rule.sources if s in set(Role)}
        yield Desired(
            key=Key(Kind.FIREWALL, firewall.name),
            resource=Firewall(role=firewall.role, rules=firewall.allow),
            needs=tuple(_tag(role) for role in Role if role in sources | {firewall.role}),
        )


def _servers(spec: ClusterSpec, kinds: frozenset[Kind]) -> Iterator[Desired]:
    for pool in spec.pools:
        yield from _pool(spec, pool, kinds)


def _pool(spec: ClusterSpec, pool: PoolSpec, kinds: frozenset[Kind]) -> Iterator[Desired]:
    cloud = spec.placement.cloud
    subnet = pool.subnet if Kind.SUBNET in kinds else ""
    needs = [Key(Kind.TAG, "cluster"), _tag(pool.role), Key(Kind.NETWORK, spec.network.name)]
    if subnet:
        needs.append(Key(Kind.SUBNET, subnet))
    needs += [Key(Kind.SSH_KEY, ssh_key.name) for ssh_key in spec.ssh_keys]
    # firewalls first: no server is ever reachable before it is protected
    needs += [Key(Kind.FIREWALL, item.name) for item in spec.firewalls if item.role == pool.role]
    for name in pool.servers():
        resource = Server(
            region=spec.placement.region,
            size=pool.size.pins[cloud],
            image=pool.image.pins[cloud],
            role=pool.role,
            pool=pool.name,
            network=spec.network.name,
            subnet=subnet,
            ssh_keys=tuple(ssh_key.name for ssh_key in spec.ssh_keys),
            user_data=user_data(spec, pool, name),
        )
        yield Desired(key=Key(Kind.SERVER, name), resource=resource, needs=tuple(needs))


def _edges(spec: ClusterSpec, _: frozenset[Kind]) -> Iterator[Desired]:
    """Yield what stands around the servers."""
    region = spec.placement.region
    network = Key(Kind.NETWORK, spec.network.name)
    for volume in spec.volumes:
        key = Key(Kind.VOLUME, volume.name)
        yield Desired(
            key=key,
            resource=Volume(region=region, size_gib=volume.size_gib),
            needs=(Key(Kind.TAG, "cluster"),),
        )
        if volume.server:
            yield Desired(
                key=Key(Kind.VOLUME_ATTACHMENT, volume.name),
                resource=VolumeAttachment(volume=volume.name, server=volume.server),
                needs=(key, Key(Kind.SERVER, volume.server)),
            )
    for balancer in spec.load_balancers:
        yield Desired(
            key=Key(Kind.LOAD_BALANCER, balancer.name),
            resource=LoadBalancer(
                region=region, network=spec.network.name, role=balancer.role, forward=balancer.forward
            ),
            needs=(network, _tag(balancer.role)),
        )
    for address in spec.reserved_ips:
        key = Key(Kind.RESERVED_IP, address.name)
        yield Desired(key=key, resource=ReservedIp(region=region))
        if address.server:
            yield Desired(
                key=Key(Kind.RESERVED_IP_ASSIGNMENT, address.name),
                resource=ReservedIpAssignment(reserved_ip=address.name, server=address.server),
                needs=(key, Key(Kind.SERVER, address.server)),
            )


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
