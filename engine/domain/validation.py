"""Whether a spec makes sense by itself, before any cloud is asked.

`problems` finds every mistake and names the field in the way that the specification is written
(``pools[1].count``); `validate` raises the first. What a particular cloud offers is checked by
translation.
"""

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from ..errors import InvalidInput
from .model import ClusterSpec, FirewallSpec, PoolSpec, Protocol, Role, Rule
from .resources import Kind

CLUSTER_NAME_LENGTH = 30
PART_NAME_LENGTH = 20
LONGEST_NAME = 63
"""DNS labels (RFC 1035): server names become host names, ``<cluster>-<pool>-<n>-<8 hex digits>``."""

MAX_BOOTSTRAP_BYTES = 48 * 1024
MAX_SERVERS = 5000
"""As many nodes as Kubernetes is made for (https://kubernetes.io/docs/setup/best-practices/cluster-large/)."""

_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
_KUBERNETES = re.compile(r"1\.[0-9]{1,3}(\.[0-9]{1,3})?")
_LABEL_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_LABEL_PREFIX = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_PUBLIC_KEY = re.compile(
    r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com|"
    r"sk-ecdsa-sha2-nistp256@openssh\.com) [A-Za-z0-9+/]{40,}={0,3}( [^\r\n]*)?"
)
_PORTS = re.compile(r"([1-9][0-9]{0,4})(-([1-9][0-9]{0,4}))?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_NAMED_BY_MSGSPEC = (
    (re.compile(r"object contains unknown field `(.*)`"), "there is no such field"),
    (re.compile(r"object missing required field `(.*)`"), "is missing"),
)


class Problem(NamedTuple):
    """A mistake: where, and what."""

    field: str
    problem: str


def validate(spec: ClusterSpec) -> None:
    """Raise `InvalidInput` for the first mistake in the spec."""
    for field, problem in problems(spec):
        raise InvalidInput(field, problem)


def problems(spec: ClusterSpec) -> Iterator[Problem]:
    """Yield every mistake in the spec, in reading order."""
    try:  # Python literals are not checked when they are made; what is no spec at all shows as text
        plain = msgspec.to_builtins(spec, enc_hook=repr)
        spec = msgspec.convert(plain, ClusterSpec)
    except msgspec.ValidationError as error:
        yield split_message(error)
        return
    unfit = list(_unfit("", plain))
    if unfit:
        yield from unfit
        return
    yield from _name("name", spec.name, CLUSTER_NAME_LENGTH)
    if not _KUBERNETES.fullmatch(spec.kubernetes):
        yield Problem("kubernetes", f"{spec.kubernetes!r} is not a version such as 1.34 or 1.34.2")
    yield from _placement(spec)
    yield from _network(spec)
    if sum(max(pool.count, 0) for pool in spec.pools) > MAX_SERVERS:  # the names of so many are not even made
        largest = max(range(len(spec.pools)), key=lambda index: spec.pools[index].count)
        yield Problem(f"pools[{largest}].count", f"a cluster of more than {MAX_SERVERS} servers")
        return
    yield from _unique(spec)
    for index, key in enumerate(spec.ssh_keys):
        if not _PUBLIC_KEY.fullmatch(key.public_key):
            yield Problem(
                f"ssh_keys[{index}].public_key", "not an OpenSSH public key (ssh-ed25519 AAAA... comment)"
            )
    for index, pool in enumerate(spec.pools):
        yield from _pool(f"pools[{index}]", spec, pool)
    if not any(pool.role is Role.CONTROL_PLANE and pool.count > 0 for pool in spec.pools):
        yield Problem("pools", "a cluster needs a pool with role control-plane and at least one server")
    for index, firewall in enumerate(spec.firewalls):
        yield from _firewall(f"firewalls[{index}]", firewall)
    yield from _edges(spec)
    yield from _drift(spec)


def _drift(spec: ClusterSpec) -> Iterator[Problem]:
    seen: set[str] = set()
    for rule in spec.drift:
        field = f"drift.{rule.kind}"
        if rule.kind not in set(Kind):
            yield Problem(field, f"is no kind of resource; kinds: {', '.join(Kind)}")
        if rule.kind in seen:
            yield Problem(field, "is there twice")
        seen.add(rule.kind)


def split_message(error: msgspec.ValidationError) -> Problem:
    """Split msgspec's message into field and problem.

    >>> split_message(msgspec.ValidationError("Expected `int`, got `str` - at `$.pools[0].count`"))
    Problem(field='pools[0].count', problem='expected `int`, got `str`')
    """
    message, _, path = str(error).partition(" - at `")
    field = path.rstrip("`").rpartition("`")[2].removeprefix("$").removeprefix(".")
    problem = message[:1].lower() + message[1:]
    for pattern, told in _NAMED_BY_MSGSPEC:
        if (match := pattern.fullmatch(problem)) is not None:
            return Problem(f"{field}.{match[1]}".removeprefix("."), told)
    return Problem(field, problem)


def _unfit(field: str, value: Any) -> Iterator[Problem]:
    """Yield what no log can hold: text that is not Unicode, numbers that no machine counts with."""
    if isinstance(value, str) and _SURROGATE.search(value):
        yield Problem(field, "holds half a character (a lone surrogate)")
    elif isinstance(value, int) and value.bit_length() > 63:
        yield Problem(field, "is far too large")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _unfit(field, key)
            yield from _unfit(f"{field}.{key}".removeprefix("."), item)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _unfit(f"{field}[{index}]", item)


def _name(field: str, name: str, length: int) -> Iterator[Problem]:
    if not name:
        yield Problem(field, "a name is needed")
    elif not _NAME.fullmatch(name):
        yield Problem(
            field, f"{name!r} is not a name: lower-case letters, digits and hyphens, a letter first"
        )
    elif len(name) > length:
        yield Problem(field, f"{name!r} is longer than {length} characters")


def _placement(spec: ClusterSpec) -> Iterator[Problem]:
    placement = spec.placement
    if not placement.cloud:
        yield Problem("cloud", "which cloud?")
    if placement.latitude is not None and not -90 <= placement.latitude <= 90:
        yield Problem("latitude", f"{placement.latitude} is not between -90 and 90")
    if placement.longitude is not None and not -180 <= placement.longitude <= 180:
        yield Problem("longitude", f"{placement.longitude} is not between -180 and 180")


def _cidr(field: str, text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | Problem:
    """Return the range; only its one canonical spelling will do, so that what a cloud answers is equal."""
    try:
        found = ipaddress.ip_network(text.replace("%", "?"), strict=False)  # no scopes, they are a host's own
    except ValueError:
        return Problem(field, f"{text!r} is not a CIDR such as 10.100.0.0/20")
    if str(found) != text:
        return Problem(field, f"{text!r} is not how that range is written; did you mean {found}?")
    return found


def _network(spec: ClusterSpec) -> Iterator[Problem]:
    yield from _name("network.name", spec.network.name, PART_NAME_LENGTH)
    whole = _cidr("network.cidr", spec.network.cidr)
    if isinstance(whole, Problem):
        yield whole
        return
    if whole.version != 4 or not whole.is_private or not 16 <= whole.prefixlen <= 28:
        yield Problem("network.cidr", f"{whole} is not a private IPv4 range between /16 and /28")
    seen: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
    for index, subnet in enumerate(spec.network.subnets):
        field = f"network.subnets[{index}]"
        yield from _name(f"{field}.name", subnet.name, PART_NAME_LENGTH)
        part = _cidr(f"{field}.cidr", subnet.cidr)
        if isinstance(part, Problem):
            yield part
        elif part.version != whole.version or not part.subnet_of(whole):  # type: ignore[arg-type]
            yield Problem(f"{field}.cidr", f"{part} is not inside the network's {whole}")
        elif any(part.overlaps(other) for other in seen):
            yield Problem(f"{field}.cidr", f"{part} overlaps another subnet")
        else:
            seen.append(part)


def _unique(spec: ClusterSpec) -> Iterator[Problem]:
    groups: tuple[tuple[str, Iterable[str]], ...] = (
        ("ssh_keys", (key.name for key in spec.ssh_keys)),
        ("pools", (pool.name for pool in spec.pools)),
        ("firewalls", (firewall.name for firewall in spec.firewalls)),
        ("load_balancers", (balancer.name for balancer in spec.load_balancers)),
        ("volumes", (volume.name for volume in spec.volumes)),
        ("reserved_ips", (address.name for address in spec.reserved_ips)),
        ("network.subnets", (subnet.name for subnet in spec.network.subnets)),
    )
    for field, names in groups:
        seen: set[str] = set()
        for index, name in enumerate(names):
            if field != "network.subnets":
                yield from _name(f"{field}[{index}].name", name, PART_NAME_LENGTH)
            if name in seen:
                yield Problem(f"{field}[{index}].name", f"{name!r} is there twice")
            seen.add(name)
    material: set[str] = set()
    for index, key in enumerate(spec.ssh_keys):
        body = " ".join(key.public_key.split()[:2])
        if body in material:
            yield Problem(f"ssh_keys[{index}].public_key", "the same key is there twice")
        material.add(body)


def _pool(field: str, spec: ClusterSpec, pool: PoolSpec) -> Iterator[Problem]:
    if pool.count < 0:
        yield Problem(f"{field}.count", f"{pool.count} servers cannot be")
        return
    longest = len(f"{spec.name}-{pool.name}-{max(pool.count - 1, 0)}-12345678")
    if longest > LONGEST_NAME:
        yield Problem(f"{field}.name", f"with the cluster's name it makes host names of {longest} characters")
    yield from _system(field, pool, spec.placement.cloud)
    if len(pool.bootstrap.encode()) > MAX_BOOTSTRAP_BYTES:
        yield Problem(f"{field}.bootstrap", f"longer than {MAX_BOOTSTRAP_BYTES} bytes")
    if pool.subnet and pool.subnet not in {subnet.name for subnet in spec.network.subnets}:
        yield Problem(f"{field}.subnet", f"no subnet is called {pool.subnet!r}")
    for key, value in pool.labels.items():
        yield from _label(f"{field}.labels", key, value)
    for index, taint in enumerate(pool.taints):
        yield from _label(f"{field}.taints[{index}]", taint.key, taint.value)


def _system(field: str, pool: PoolSpec, cloud: str) -> Iterator[Problem]:
    """Check what servers of the pool are, and what runs on them."""
    size = pool.size
    if min(size.vcpus, size.memory_mib, size.disk_gib) < 0:
        yield Problem(f"{field}.size", "a size cannot be negative")
    elif size.architecture not in {"", "arm64"}:
        yield Problem(f"{field}.size.architecture", f"{size.architecture!r} is neither arm64 nor left out")
    elif not size.pins.get(cloud) and not (size.vcpus or size.memory_mib):
        yield Problem(f"{field}.size", "say vcpus and memory, or a cloud's own name for a size")
    if not pool.image.os and not pool.image.pins.get(cloud):
        yield Problem(f"{field}.image", "which operating system? for example ubuntu-24.04")


def _label(field: str, key: str, value: str) -> Iterator[Problem]:
    """Check a Kubernetes label or taint.

    Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
    """
    prefix, slash, name = key.rpartition("/")
    if not _LABEL_NAME.fullmatch(name) or (slash and not _LABEL_PREFIX.fullmatch(prefix)):
        yield Problem(field, f"{key!r} is not a Kubernetes label key")
    if value and not _LABEL_NAME.fullmatch(value):
        yield Problem(field, f"{value!r} is not a Kubernetes label value")


def _firewall(field: str, firewall: FirewallSpec) -> Iterator[Problem]:
    for index, rule in enumerate(firewall.allow):
        yield from _rule(f"{field}.allow[{index}]", rule)


def _rule(field: str, rule: Rule) -> Iterator[Problem]:
    if not rule.sources:
        yield Problem(f"{field}.sources", "from where? a CIDR, control-plane or worker")
    for source in rule.sources:
        if source not in set(Role):
            found = _cidr(f"{field}.sources", source)
            if isinstance(found, Problem):
                yield Problem(found.field, f"{found.problem}; roles are {', '.join(Role)}")
    if rule.ports == "all":
        return
    if rule.protocol is Protocol.ICMP:
        yield Problem(f"{field}.ports", "icmp has no ports")
        return
    match = _PORTS.fullmatch(rule.ports)
    if match is None:
        yield Problem(f"{field}.ports", f"{rule.ports!r} is not a port, a range such as 8000-8100, or all")
        return
    first, last = int(match[1]), int(match[3] or match[1])
    if not 1 <= first <= last <= 65535 or (match[3] and first == last):
        yield Problem(f"{field}.ports", f"{rule.ports!r} is not a range of ports between 1 and 65535")


def _edges(spec: ClusterSpec) -> Iterator[Problem]:
    """Check what stands around the servers: load balancers, volumes, reserved addresses."""
    for index, balancer in enumerate(spec.load_balancers):
        field = f"load_balancers[{index}].forward"
        if not balancer.forward:
            yield Problem(field, "which ports?")
        for forward in balancer.forward:
            if not (1 <= forward.port <= 65535 and 1 <= forward.target_port <= 65535):
                yield Problem(field, "ports are between 1 and 65535")
        if len({forward.port for forward in balancer.forward}) < len(balancer.forward):
            yield Problem(field, "the same port twice")
    servers = set(spec.servers())
    for index, volume in enumerate(spec.volumes):
        if not 1 <= volume.size_gib <= 16384:
            yield Problem(f"volumes[{index}].size_gib", f"{volume.size_gib} is not between 1 and 16384 GiB")
        if volume.server and volume.server not in servers:
            yield Problem(f"volumes[{index}].server", f"no server is called {volume.server!r}")
    yield from _reserved_ips(spec, servers)


def _reserved_ips(spec: ClusterSpec, servers: set[str]) -> Iterator[Problem]:
    taken: dict[str, str] = {}
    for index, address in enumerate(spec.reserved_ips):
        if not address.server:
            continue
        field = f"reserved_ips[{index}].server"
        if address.server not in servers:
            yield Problem(field, f"no server is called {address.server!r}")
        elif address.server in taken:
            yield Problem(field, f"{address.server} already has {taken[address.server]!r}")
        taken[address.server] = address.name
