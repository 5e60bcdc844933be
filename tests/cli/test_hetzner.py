"""The main job against Hetzner's API over HTTP, spoken by the simulator."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from kubisnap.adapters.hetzner.simulator import FaultRule, HetznerSimulator

if TYPE_CHECKING:
    from .conftest import Desk

MANIFEST = """\
name: web
kubernetes: "1.34"
cloud: hetzner
region: fsn1
network: {cidr: 10.100.0.0/20, subnets: [{name: back, cidr: 10.100.1.0/24}]}
ssh_keys:
  - name: admin
    public_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcXFxcX
pools:
  - {name: control-plane, role: control-plane, count: 1, size: cpx22, image: ubuntu-24.04}
  - {name: workers, role: worker, count: 2, size: cx23, image: ubuntu-24.04}
firewalls:
  - name: workers
    role: worker
    allow:
      - {protocol: tcp, ports: 22, from: 0.0.0.0/0}
      - {protocol: tcp, ports: all, from: [control-plane, worker]}
volumes: [{name: data, size_gib: 5, server: workers-0}]
load_balancers: [{name: web, role: worker, forward: [{port: 80, target_port: 30080}]}]
reserved_ips: [{name: entry, server: workers-1}]
"""
NOTHING = {
    "firewalls": 0,
    "floating_ips": 0,
    "load_balancers": 0,
    "networks": 0,
    "servers": 0,
    "ssh_keys": 0,
    "volumes": 0,
}


@pytest.fixture
def hetzner(desk: "Desk") -> Iterator[HetznerSimulator]:
    """A simulated Hetzner on the desk's clock, with its first project's token in the environment."""
    projects = {"first": desk.token, "second": desk.second_token}
    with HetznerSimulator(projects=projects, now=desk.clock.now, hourly_limit=10**6) as simulator:
        desk.setenv("HCLOUD_TOKEN", desk.token)
        desk.setenv("HCLOUD_ENDPOINT", simulator.url)
        yield simulator


def test_create_change_delete(desk: "Desk", hetzner: HetznerSimulator) -> None:
    desk.write("web.yaml", MANIFEST)
    made = desk.ok("create web -f web.yaml --yes")
    assert "hetzner has no subnet: back left out" in made.err
    assert hetzner.inventory("first") == {
        "firewalls": 1,
        "floating_ips": 1,
        "load_balancers": 1,
        "networks": 1,
        "servers": 3,
        "ssh_keys": 1,
        "volumes": 1,
    }
    assert desk.run("plan web --exit-code").status == 0
    changed = MANIFEST.replace("count: 2", "count: 3").replace("size_gib: 5", "size_gib: 20")
    changed = changed.replace("target_port: 30080", "target_port: 31080, protocol: http")
    desk.write("web.yaml", changed.replace("ports: 22", "ports: 2222"))
    desk.ok("apply web -f web.yaml --yes")
    assert desk.run("plan web --exit-code").status == 0
    desk.ok("delete web --yes web")
    assert hetzner.inventory("first") == NOTHING


def test_a_creation_that_fails_takes_itself_back(desk: "Desk", hetzner: HetznerSimulator) -> None:
    """Also firewalls, which Hetzner removes only once they are on nothing."""
    desk.write("web.yaml", MANIFEST)
    hetzner.inject(FaultRule(action="quota", path="load_balancers"))
    assert desk.run("create web -f web.yaml --yes").status != 0
    assert hetzner.inventory("first") == NOTHING


def test_another_projects_token_changes_nothing(desk: "Desk", hetzner: HetznerSimulator) -> None:
    desk.write("web.yaml", MANIFEST)
    desk.ok("create web -f web.yaml --yes")
    before = hetzner.snapshot("first")
    desk.setenv("HCLOUD_TOKEN", desk.second_token)
    refused = desk.run("delete web --yes web")
    assert refused.status != 0
    assert "nothing was changed" in refused.err
    assert hetzner.snapshot("first") == before
    assert hetzner.inventory("second") == NOTHING
