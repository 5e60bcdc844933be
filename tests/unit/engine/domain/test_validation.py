"""Every mistake in a spec is found, and the field that it is in is named."""

import time
from typing import Any

import msgspec
import pytest

from kubisnap.engine.domain.model import (
    ClusterSpec,
    FirewallSpec,
    Forward,
    Image,
    LoadBalancerSpec,
    NetworkSpec,
    Placement,
    PoolSpec,
    Protocol,
    ReservedIpSpec,
    Role,
    Rule,
    Size,
    SshKeySpec,
    SubnetSpec,
    Taint,
    VolumeSpec,
)
from kubisnap.engine.domain.profiles import PROFILES, default_profile, with_ssh_key
from kubisnap.engine.domain.validation import MAX_BOOTSTRAP_BYTES, MAX_SERVERS, problems, validate
from kubisnap.engine.errors import InvalidInput
from tests.unit.engine.examples import CONTROL_PLANE, KEY, SPEC, WORKERS, changed, with_workers


def network(cidr: str = "10.0.0.0/16", *subnets: str) -> ClusterSpec:
    parts = tuple(SubnetSpec(name=f"s{n}", cidr=subnet) for n, subnet in enumerate(subnets))
    return changed(network=NetworkSpec(cidr=cidr, subnets=parts), pools=(CONTROL_PLANE,), volumes=())


def rule(ports: str = "all", *sources: str, protocol: Protocol = Protocol.TCP) -> ClusterSpec:
    rules = (Rule(protocol=protocol, ports=ports, sources=sources),)
    return changed(firewalls=(FirewallSpec(name="guard", role=Role.WORKER, allow=rules),))


def keys(*public_keys: str) -> ClusterSpec:
    return changed(
        ssh_keys=tuple(SshKeySpec(name=f"k{n}", public_key=key) for n, key in enumerate(public_keys))
    )


def forward(*ports: tuple[int, int]) -> ClusterSpec:
    forwards = tuple(Forward(port=port, target_port=target) for port, target in ports)
    return changed(load_balancers=(LoadBalancerSpec(name="entry", role=Role.WORKER, forward=forwards),))


def placed(**fields: Any) -> ClusterSpec:
    return changed(placement=Placement(**{"cloud": "acme", **fields}))


WRONG: dict[str, tuple[ClusterSpec, str, str]] = {
    "no name": (changed(name=""), "name", "a name is needed"),
    "capitals in the name": (changed(name="Web"), "name", "not a name"),
    "a name that starts with a digit": (changed(name="1web"), "name", "not a name"),
    "a name that ends in a hyphen": (changed(name="web-"), "name", "not a name"),
    "a name with a line break": (changed(name="web\n"), "name", "not a name"),
    "a name that is too long": (changed(name="w" * 31), "name", "longer than 30"),
    "a version that is none": (changed(kubernetes="latest"), "kubernetes", "not a version"),
    "a version with a v": (changed(kubernetes="v1.34"), "kubernetes", "not a version"),
    "a version in other digits": (changed(kubernetes="1.٣٤"), "kubernetes", "not a version"),
    "no cloud": (placed(cloud=""), "cloud", "which cloud?"),
    "a latitude beyond the pole": (placed(latitude=91.0), "latitude", "not between -90 and 90"),
    "a latitude that is no number": (placed(latitude=float("nan")), "latitude", "not between"),
    "a longitude beyond the date line": (placed(longitude=-181.0), "longitude", "not between -180 and 180"),
    "a network that is no range": (network("ten"), "network.cidr", "not a CIDR"),
    "a network with host bits": (network("10.0.0.1/16"), "network.cidr", "did you mean 10.0.0.0/16?"),
    "a network with a netmask": (
        network("10.0.0.0/255.255.0.0"),
        "network.cidr",
        "did you mean 10.0.0.0/16?",
    ),
    "a public network": (network("8.8.0.0/16"), "network.cidr", "not a private IPv4 range"),
    "an IPv6 network": (network("fd00::/64"), "network.cidr", "not a private IPv4 range"),
    "a network that is too wide": (network("10.0.0.0/15"), "network.cidr", "between /16 and /28"),
    "a network that is too narrow": (network("10.0.0.0/29"), "network.cidr", "between /16 and /28"),
    "a network without a name": (
        changed(with_workers(subnet=""), network=NetworkSpec(name="")),
        "network.name",
        "a name is needed",
    ),
    "a subnet that is no range": (network("10.0.0.0/16", "x"), "network.subnets[0].cidr", "not a CIDR"),
    "a subnet outside": (network("10.0.0.0/16", "10.1.0.0/24"), "network.subnets[0].cidr", "not inside"),
    "a subnet of another kind": (
        network("10.0.0.0/16", "fd00::/64"),
        "network.subnets[0].cidr",
        "not inside",
    ),
    "subnets that overlap": (
        network("10.0.0.0/16", "10.0.0.0/24", "10.0.0.128/25"),
        "network.subnets[1].cidr",
        "overlaps",
    ),
    "the same subnet twice": (
        changed(
            network=NetworkSpec(
                cidr="10.0.0.0/16",
                subnets=(
                    SubnetSpec(name="back", cidr="10.0.1.0/24"),
                    SubnetSpec(name="back", cidr="10.0.2.0/24"),
                ),
            )
        ),
        "network.subnets[1].name",
        "there twice",
    ),
    "the same pool twice": (
        changed(pools=(CONTROL_PLANE, CONTROL_PLANE), volumes=()),
        "pools[1].name",
        "there twice",
    ),
    "the same volume twice": (changed(volumes=SPEC.volumes * 2), "volumes[1].name", "there twice"),
    "a firewall with a bad name": (
        changed(firewalls=(FirewallSpec(name="a b", role=Role.WORKER),)),
        "firewalls[0].name",
        "not a name",
    ),
    "a private key": (
        keys("-----BEGIN OPENSSH PRIVATE KEY-----"),
        "ssh_keys[0].public_key",
        "not an OpenSSH",
    ),
    "a key of an old kind": (keys("ssh-dss " + "A" * 68), "ssh_keys[0].public_key", "not an OpenSSH"),
    "two lines in a key": (keys(f"{KEY} a\nssh-rsa"), "ssh_keys[0].public_key", "not an OpenSSH"),
    "the same key with another comment": (
        keys(f"{KEY} a", f"{KEY} b"),
        "ssh_keys[1].public_key",
        "same key is there twice",
    ),
    "fewer servers than none": (
        changed(with_workers(count=-1), volumes=()),
        "pools[1].count",
        "-1 servers cannot be",
    ),
    "too many servers": (with_workers(count=MAX_SERVERS), "pools[1].count", f"more than {MAX_SERVERS}"),
    "no control plane": (changed(pools=(WORKERS,), reserved_ips=()), "pools", "role control-plane"),
    "an empty control plane": (
        changed(pools=(msgspec.structs.replace(CONTROL_PLANE, count=0),), volumes=(), reserved_ips=()),
        "pools",
        "at least one server",
    ),
    "host names that are too long": (
        changed(
            name="w" * 30,
            pools=(CONTROL_PLANE, PoolSpec(name="p" * 20, role=Role.WORKER, count=1001, size=Size(vcpus=1))),
            volumes=(),
        ),
        "pools[1].name",
        "host names of 65 characters",
    ),
    "a negative size": (
        with_workers(size=Size(vcpus=-1, memory_mib=1)),
        "pools[1].size",
        "cannot be negative",
    ),
    "no size": (with_workers(size=Size()), "pools[1].size", "say vcpus and memory"),
    "a size named for another cloud only": (
        with_workers(size=Size(pins={"other": "x"})),
        "pools[1].size",
        "say vcpus and memory",
    ),
    "no image": (with_workers(image=Image(os="")), "pools[1].image", "which operating system?"),
    "an image named for another cloud only": (
        with_workers(image=Image(os="", pins={"other": "x"})),
        "pools[1].image",
        "which operating system?",
    ),
    "a long script": (
        with_workers(bootstrap="x" * (MAX_BOOTSTRAP_BYTES + 1)),
        "pools[1].bootstrap",
        "longer than",
    ),
    "a script that is long in bytes": (
        with_workers(bootstrap="€" * (MAX_BOOTSTRAP_BYTES // 3 + 1)),
        "pools[1].bootstrap",
        "longer than",
    ),
    "half a character": (with_workers(bootstrap="\ud800"), "pools[1].bootstrap", "half a character"),
    "an unknown subnet": (with_workers(subnet="front"), "pools[1].subnet", "no subnet is called 'front'"),
    "a bad label": (with_workers(labels={"a b": "1"}), "pools[1].labels", "not a Kubernetes label key"),
    "a bad label prefix": (with_workers(labels={"/a": "1"}), "pools[1].labels", "not a Kubernetes label key"),
    "a quote in a label": (
        with_workers(labels={"a": "it's"}),
        "pools[1].labels",
        "not a Kubernetes label value",
    ),
    "a bad taint": (
        with_workers(taints=(Taint(key="-"),)),
        "pools[1].taints[0]",
        "not a Kubernetes label key",
    ),
    "a rule from nowhere": (rule("22"), "firewalls[0].allow[0].sources", "from where?"),
    "a rule from a stranger": (
        rule("22", "master"),
        "firewalls[0].allow[0].sources",
        "roles are control-plane",
    ),
    "a rule from an address without a length": (
        rule("22", "1.2.3.4"),
        "firewalls[0].allow[0].sources",
        "did you mean 1.2.3.4/32?",
    ),
    "a rule from a scoped address": (
        rule("22", "fe80::%eth0/64"),
        "firewalls[0].allow[0].sources",
        "not a CIDR",
    ),
    "ports of icmp": (
        rule("22", "worker", protocol=Protocol.ICMP),
        "firewalls[0].allow[0].ports",
        "no ports",
    ),
    "ports backwards": (rule("90-80", "worker"), "firewalls[0].allow[0].ports", "not a range"),
    "a range of one port": (rule("80-80", "worker"), "firewalls[0].allow[0].ports", "not a range"),
    "port nought": (rule("0", "worker"), "firewalls[0].allow[0].ports", "not a port"),
    "a port with leading noughts": (rule("0022", "worker"), "firewalls[0].allow[0].ports", "not a port"),
    "a port in other digits": (rule("２２", "worker"), "firewalls[0].allow[0].ports", "not a port"),
    "a port that is too high": (rule("65536", "worker"), "firewalls[0].allow[0].ports", "not a range"),
    "ports that are words": (rule("ssh", "worker"), "firewalls[0].allow[0].ports", "not a port"),
    "a load balancer without ports": (forward(), "load_balancers[0].forward", "which ports?"),
    "a forwarded port nought": (forward((0, 80)), "load_balancers[0].forward", "between 1 and 65535"),
    "a target port that is too high": (
        forward((80, 65536)),
        "load_balancers[0].forward",
        "between 1 and 65535",
    ),
    "the same port twice": (forward((80, 1), (80, 2)), "load_balancers[0].forward", "the same port twice"),
    "a volume of nothing": (
        changed(volumes=(VolumeSpec(name="v", size_gib=0),)),
        "volumes[0].size_gib",
        "not between",
    ),
    "a volume of everything": (
        changed(volumes=(VolumeSpec(name="v", size_gib=16385),)),
        "volumes[0].size_gib",
        "not between 1 and 16384",
    ),
    "a volume at a server beyond the pool": (
        changed(volumes=(VolumeSpec(name="v", size_gib=1, server="workers-3"),)),
        "volumes[0].server",
        "no server is called 'workers-3'",
    ),
    "an address at no server": (
        changed(reserved_ips=(ReservedIpSpec(name="a", server="nobody"),)),
        "reserved_ips[0].server",
        "no server is called 'nobody'",
    ),
    "two addresses at one server": (
        changed(
            reserved_ips=(ReservedIpSpec(name="a", server="cp-0"), ReservedIpSpec(name="b", server="cp-0"))
        ),
        "reserved_ips[1].server",
        "cp-0 already has 'a'",
    ),
}

MISTYPED: dict[str, tuple[ClusterSpec, str, str]] = {
    "text for a number": (with_workers(count="3"), "pools[1].count", "expected `int`, got `str`"),
    "a fraction of a server": (with_workers(count=1.5), "pools[1].count", "expected `int`"),
    "yes for a number": (with_workers(count=True), "pools[1].count", "expected `int`, got `bool`"),
    "an unknown role": (with_workers(role="master"), "pools[1].role", "invalid enum value 'master'"),
    "a pool that is none": (changed(pools=(object(),)), "pools[0]", "expected `object`, got `str`"),
    "nothing for a placement": (changed(placement=None), "placement", "expected `object`, got `null`"),
    "a label that is a number": (
        with_workers(labels={"a": 1}),
        "pools[1].labels[...]",
        "expected `str`, got `int`",
    ),
    "a label's key that is a number": (
        with_workers(labels={1: "a"}),
        "pools[1].labels",
        "expected `str`, got `int`",
    ),
    "a number that no machine counts with": (
        with_workers(size=Size(vcpus=2**63)),
        "pools[1].size.vcpus",
        "too large",
    ),
}


@pytest.mark.parametrize(("spec", "field", "problem"), WRONG.values(), ids=WRONG)
def test_a_mistake_is_told_with_its_field_and_nothing_else_is_wrong(
    spec: ClusterSpec, field: str, problem: str
) -> None:
    found = [item for item in problems(spec) if item.field == field]

    assert found, list(problems(spec))
    assert problem in found[0].problem
    assert {item.field for item in problems(spec)} == {field}


@pytest.mark.parametrize(("spec", "field", "problem"), MISTYPED.values(), ids=MISTYPED)
def test_a_literal_of_the_wrong_type_is_told_with_its_field(
    spec: ClusterSpec, field: str, problem: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        validate(spec)

    assert caught.value.field == field
    assert problem in caught.value.problem


def test_a_good_cluster_has_no_problems() -> None:
    validate(SPEC)
    assert list(problems(SPEC)) == []


@pytest.mark.parametrize("ports", ["1", "65535", "8000-8100", "1-65535", "all"])
def test_these_are_ports(ports: str) -> None:
    validate(rule(ports, "worker", "0.0.0.0/0", "::/0", "2001:db8::/32", "1.2.3.4/32"))


@pytest.mark.parametrize(
    "key",
    ["ssh-rsa", "ecdsa-sha2-nistp521", "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"],
)
def test_every_kind_of_key_that_openssh_makes_today_is_taken(key: str) -> None:
    validate(keys(f"{key} {'A' * 66}== ada@example.com"))


def test_every_mistake_is_found_not_only_the_first() -> None:
    spec = changed(name="", kubernetes="x", volumes=(VolumeSpec(name="V", size_gib=0, server="nobody"),))

    assert [field for field, _ in problems(spec)] == [
        "name",
        "kubernetes",
        "volumes[0].name",
        "volumes[0].size_gib",
        "volumes[0].server",
    ]


def test_the_first_mistake_is_the_one_that_is_raised() -> None:
    with pytest.raises(InvalidInput, match=r"^name: a name is needed$"):
        validate(changed(name="", kubernetes="x"))


@pytest.mark.parametrize("counts", [(10**12,), (5000, 1), (-(10**12), 10**12)])
def test_an_absurd_number_of_servers_is_refused_before_their_names_are_made(counts: tuple[int, ...]) -> None:
    pools = tuple(
        PoolSpec(name=f"p{n}", role=Role.WORKER, count=c, size=Size(vcpus=1)) for n, c in enumerate(counts)
    )
    started = time.monotonic()

    assert any(field.endswith("count") for field, _ in problems(changed(pools=(*pools, CONTROL_PLANE))))
    assert time.monotonic() - started < 5  # it would be minutes, and all memory


def test_as_many_servers_as_kubernetes_is_made_for_are_fine() -> None:
    validate(changed(pools=(CONTROL_PLANE, msgspec.structs.replace(WORKERS, count=MAX_SERVERS - 1))))


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
@pytest.mark.parametrize("name", ["a", "web", "a-name-of-thirty-characters-xx"])
def test_every_profile_makes_a_good_cluster_of_its_cloud(profile: Any, name: str) -> None:
    spec = with_ssh_key(profile.build(name, profile.region), KEY)

    validate(spec)
    assert (spec.name, spec.placement) == (name, Placement(cloud=profile.cloud, region=profile.region))
    assert default_profile(profile.cloud) is profile
    assert spec.ssh_keys == (SshKeySpec(name="admin", public_key=KEY),)


def test_a_cloud_without_a_profile_has_none() -> None:
    assert default_profile("nowhere") is None


def test_clusters_of_different_names_mostly_get_networks_that_do_not_overlap() -> None:
    build = PROFILES["sandbox-small"].build
    ranges = {build(f"c{n}", "sim-us-east").network.cidr for n in range(100)}

    assert len(ranges) > 85
