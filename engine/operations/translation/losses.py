"""Losses: what a cloud cannot hold of a cluster, and what no log and no snapshot holds. Pure."""

from collections.abc import Callable, Iterator

from ...domain.catalogue import Catalogue, Feature
from ...domain.model import ClusterSpec, ForwardProtocol, Role, canonical
from ...domain.resources import Kind
from .ranges import is_inside
from .words import some


def lacking(spec: ClusterSpec, catalogue: Catalogue) -> Iterator[str]:
    """Say what the cloud cannot hold of a spec, or holds worse, and what follows.

    The blueprint leaves it out; the spec keeps it, so that a better cloud has it again.
    """
    spec = canonical(spec)
    yield from _kinds(spec, catalogue)
    for feature, told in _FEATURES.items():
        if feature not in catalogue.features:
            yield from (f"{catalogue.cloud} {loss}" for loss in told(spec, catalogue))


def left_behind(spec: ClusterSpec, catalogue: Catalogue, holder: str) -> Iterator[str]:
    """Say what is never carried over. `holder` is what the spec is from, and does not hold it."""
    yield f"what is on the servers' disks and what ran there: {holder} holds the intended infrastructure"
    yield "the servers' addresses: they are new ones"
    if spec.volumes and Kind.VOLUME in catalogue.kinds:
        yield f"volumes start empty: {holder} holds no volume data ({some(v.name for v in spec.volumes)})"
    if spec.reserved_ips and Kind.RESERVED_IP in catalogue.kinds:
        yield f"reserved addresses are new ones ({some(ip.name for ip in spec.reserved_ips)})"


def _kinds(spec: ClusterSpec, catalogue: Catalogue) -> Iterator[str]:
    attached = [item.name for item in spec.volumes if item.server and Kind.VOLUME in catalogue.kinds]
    pointed = [item.name for item in spec.reserved_ips if item.server and Kind.RESERVED_IP in catalogue.kinds]
    parts: tuple[tuple[Kind, list[str], str], ...] = (
        (Kind.SSH_KEY, [item.name for item in spec.ssh_keys], "who may log in is as it is there"),
        (Kind.NETWORK, [spec.network.name], "the servers have the networks that they have"),
        (Kind.SUBNET, [item.name for item in spec.network.subnets], "all servers share the network"),
        (Kind.LOAD_BALANCER, [item.name for item in spec.load_balancers], "nothing spreads the traffic"),
        (Kind.VOLUME, [item.name for item in spec.volumes], "the servers have their own disks only"),
        (Kind.VOLUME_ATTACHMENT, attached, "no server has them"),
        (Kind.RESERVED_IP, [item.name for item in spec.reserved_ips], "servers have their own addresses"),
        (Kind.RESERVED_IP_ASSIGNMENT, pointed, "they point to no server"),
        (Kind.FIREWALL, [item.name for item in spec.firewalls], "nothing keeps traffic out"),
    )
    for kind, names, meaning in parts:
        if names and kind not in catalogue.kinds:
            yield f"{catalogue.cloud} has no {kind}: {some(names)} left out, {meaning}"


def _new_servers(spec: ClusterSpec, _: Catalogue) -> Iterator[str]:
    if spec.servers():
        yield "makes no servers: it takes machines of the inventory"


def _public_addresses(spec: ClusterSpec, catalogue: Catalogue) -> Iterator[str]:
    reserved = {item.server for item in spec.reserved_ips if Kind.RESERVED_IP_ASSIGNMENT in catalogue.kinds}
    without = [name for name in spec.servers() if name not in reserved]
    if without:
        are = "is" if len(without) == 1 else "are"
        unless = ", unless by a reserved address" if Kind.RESERVED_IP_ASSIGNMENT in catalogue.kinds else ""
        yield f"gives servers no public address: {some(without)} {are} reached from inside only{unless}"


def _user_data(spec: ClusterSpec, _: Catalogue) -> Iterator[str]:
    pools = [pool.name for pool in spec.pools if pool.bootstrap and pool.count]
    if pools:
        yield f"runs no script at a server's first boot: the bootstrap of {some(pools)} does not run"


def _many_ssh_keys(spec: ClusterSpec, catalogue: Catalogue) -> Iterator[str]:
    first, *others = [item.name for item in spec.ssh_keys] or [""]
    if others and Kind.SSH_KEY in catalogue.kinds:
        yield f"lets one SSH key into a server, {first}: {some(others)} left out"


def _filters_within(spec: ClusterSpec, catalogue: Catalogue) -> Iterator[str]:
    if Kind.FIREWALL not in catalogue.kinds or not spec.firewalls:
        return
    names = some(item.name for item in spec.firewalls)
    inside = sorted(
        {text for item in spec.firewalls for rule in item.allow for text in rule.sources if _within(text)}
    )
    rules = f"; whatever {', '.join(inside)} may reach, servers reach each other" if inside else ""
    yield f"does not filter inside of the private network: {names} against what is outside only{rules}"


def _within(source: str) -> bool:
    """Tell whether a rule's source is about servers of the cluster, or private addresses."""
    return source in set(Role) or is_inside(source)


def _http(spec: ClusterSpec, catalogue: Catalogue) -> Iterator[str]:
    if Kind.LOAD_BALANCER not in catalogue.kinds:
        return
    for balancer in spec.load_balancers:
        ports = [str(item.port) for item in balancer.forward if item.protocol is ForwardProtocol.HTTP]
        if ports:
            yield f"forwards HTTP as TCP: {balancer.name}, port {', '.join(ports)}"


_FEATURES: dict[Feature, Callable[[ClusterSpec, Catalogue], Iterator[str]]] = {
    Feature.NEW_SERVERS: _new_servers,
    Feature.PUBLIC_ADDRESSES: _public_addresses,
    Feature.USER_DATA: _user_data,
    Feature.MANY_SSH_KEYS: _many_ssh_keys,
    Feature.FILTERS_WITHIN: _filters_within,
    Feature.HTTP: _http,
}
