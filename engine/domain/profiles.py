"""Built-in profiles: small clusters to start from. Pure functions of their arguments."""

from collections.abc import Callable, Mapping
from zlib import crc32

import msgspec

from .model import (
    ClusterSpec,
    FirewallSpec,
    Image,
    NetworkSpec,
    Placement,
    PoolSpec,
    Protocol,
    Role,
    Rule,
    Size,
    SshKeySpec,
)

DEFAULT_KUBERNETES = "1.34"
_WORLD = ("0.0.0.0/0", "::/0")


def _range_for(name: str) -> str:
    """Return a private /20 that depends on the name: clouds refuse networks that overlap in one account.

    Second octets 150-219 stay clear of the ranges that DigitalOcean keeps for itself and of those
    that it gives to its default VPCs.
    """
    number = crc32(name.encode()) % 1120
    return f"10.{150 + number // 16}.{number % 16 * 16}.0/20"


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """A named starting point for one cloud."""

    name: str
    cloud: str
    title: str
    region: str
    build: Callable[[str, str], ClusterSpec]


def _small(cloud: str, *, control_plane: Size, worker: Size) -> Callable[[str, str], ClusterSpec]:
    """Return the builder of kubicorn's walkthrough cluster: 1 control plane, 2 workers, 2 firewalls.

    Source: kubicorn's ``profiles/digitalocean/ubuntu_16_04.go``. SSH and the API server are open to
    the world, as there; everything between the servers is open; all else is closed. The API server
    listens on 6443 (kubeadm's default) where kubicorn used 443.
    """

    def build(name: str, region: str) -> ClusterSpec:
        within = tuple(
            Rule(protocol=protocol, ports="all", sources=(Role.CONTROL_PLANE.value, Role.WORKER.value))
            for protocol in (Protocol.TCP, Protocol.UDP, Protocol.ICMP)
        )
        ssh = Rule(protocol=Protocol.TCP, ports="22", sources=_WORLD)
        api = Rule(protocol=Protocol.TCP, ports="6443", sources=_WORLD)
        image = Image(os="ubuntu-24.04")
        return ClusterSpec(
            name=name,
            kubernetes=DEFAULT_KUBERNETES,
            placement=Placement(cloud=cloud, region=region),
            network=NetworkSpec(cidr=_range_for(name)),
            firewalls=(
                FirewallSpec(name="control-plane", role=Role.CONTROL_PLANE, allow=(ssh, api, *within)),
                FirewallSpec(name="workers", role=Role.WORKER, allow=(ssh, *within)),
            ),
            pools=(
                PoolSpec(
                    name="control-plane", role=Role.CONTROL_PLANE, count=1, size=control_plane, image=image
                ),
                PoolSpec(name="workers", role=Role.WORKER, count=2, size=worker, image=image),
            ),
        )

    return build


PROFILES: Mapping[str, Profile] = {
    profile.name: profile
    for profile in (
        Profile(
            name="digitalocean-small",
            cloud="digitalocean",
            title="1 control plane, 2 workers, network, 2 firewalls, SSH key",
            region="nyc3",
            build=_small(
                "digitalocean",
                control_plane=Size.pinned("digitalocean", "s-2vcpu-2gb"),
                worker=Size.pinned("digitalocean", "s-1vcpu-2gb"),
            ),
        ),
        *(
            Profile(
                name=f"{cloud}-small",
                cloud=cloud,
                title="the same there, in sizes that are chosen by what they have",
                region=region,
                build=_small(
                    cloud,
                    control_plane=Size(vcpus=2, memory_mib=2048, disk_gib=25),
                    worker=Size(vcpus=1, memory_mib=2048, disk_gib=25),
                ),
            )
            for cloud, region in (("aws", "us-east-1"), ("hetzner", "fsn1"))
        ),
        Profile(
            name="sandbox-small",
            cloud="sandbox",
            title="the same on the simulated cloud",
            region="sim-us-east",
            build=_small(
                "sandbox",
                control_plane=Size(vcpus=2, memory_mib=2048, disk_gib=25),
                worker=Size(vcpus=1, memory_mib=2048, disk_gib=25),
            ),
        ),
    )
}


def default_profile(cloud: str) -> Profile | None:
    """Return the profile that `create --cloud CLOUD` starts from."""
    return PROFILES.get(f"{cloud}-small")


def with_ssh_key(spec: ClusterSpec, public_key: str, name: str = "admin") -> ClusterSpec:
    """Return the spec with one more SSH key."""
    key = SshKeySpec(name=name, public_key=public_key)
    return msgspec.structs.replace(spec, ssh_keys=(*spec.ssh_keys, key))
