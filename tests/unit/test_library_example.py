"""A cluster as a user of the library writes it, typed, and what is said when it is wrong."""

import pytest

import kubisnap
from kubisnap import (
    ClusterSpec,
    FirewallSpec,
    Forward,
    Image,
    KubisnapError,
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

ANYWHERE = ("0.0.0.0/0", "::/0")


def shop(*, workers: int, ssh_from: tuple[str, ...] = ANYWHERE) -> ClusterSpec:
    return ClusterSpec(
        name="shop",
        kubernetes="1.34",
        placement=Placement(cloud="digitalocean", place="eu-central"),
        network=NetworkSpec(cidr="10.160.0.0/20", subnets=(SubnetSpec(name="back", cidr="10.160.1.0/24"),)),
        ssh_keys=(SshKeySpec(name="admin", public_key=f"ssh-ed25519 {'A' * 68} ada@example.com"),),
        firewalls=(
            FirewallSpec(
                name="workers",
                role=Role.WORKER,
                allow=(
                    Rule(protocol=Protocol.TCP, ports="22", sources=ssh_from),
                    Rule(protocol=Protocol.TCP, ports="all", sources=(Role.CONTROL_PLANE, Role.WORKER)),
                ),
            ),
        ),
        pools=(
            PoolSpec(
                name="control-plane",
                role=Role.CONTROL_PLANE,
                count=1,
                size=Size.pinned("digitalocean", "s-2vcpu-4gb"),
            ),
            PoolSpec(
                name="workers",
                role=Role.WORKER,
                count=workers,
                size=Size(vcpus=2, memory_mib=4096),
                image=Image(os="debian-12"),
                labels={"tier": "web"},
                taints=(Taint(key="dedicated", value="web"),),
                bootstrap="#!/bin/sh\necho hello\n",
                subnet="back",
            ),
        ),
        load_balancers=(
            LoadBalancerSpec(name="entry", role=Role.WORKER, forward=(Forward(port=443, target_port=30443),)),
        ),
        volumes=(VolumeSpec(name="data", size_gib=100, server="workers-0"),),
        reserved_ips=(ReservedIpSpec(name="api", server="control-plane-0"),),
    )


def test_a_cluster_written_as_a_literal_is_valid() -> None:
    spec = shop(workers=3)

    kubisnap.validate(spec)
    assert spec.servers() == ("control-plane-0", "workers-0", "workers-1", "workers-2")
    assert kubisnap.neutral(spec) == kubisnap.neutral(shop(workers=3, ssh_from=ANYWHERE[::-1]))


@pytest.mark.parametrize(
    ("spec", "field", "problem"),
    [
        (shop(workers=-1), "pools[1].count", "-1 servers cannot be"),
        (shop(workers=0), "volumes[0].server", "no server is called 'workers-0'"),
        (shop(workers=1, ssh_from=("office",)), "firewalls[0].allow[0].sources", "'office' is not a CIDR"),
        (shop(workers="3"), "pools[1].count", "expected `int`, got `str`"),  # type: ignore[arg-type]
    ],
)
def test_a_wrong_cluster_is_an_error_that_names_the_field(
    spec: ClusterSpec, field: str, problem: str
) -> None:
    with pytest.raises(KubisnapError) as caught:
        kubisnap.validate(spec)

    assert caught.value.facts["field"] == field
    assert problem in str(caught.value)
