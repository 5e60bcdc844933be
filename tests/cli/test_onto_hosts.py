"""A cluster is migrated onto machines that are there already, over real SSH, and given back."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kubisnap.cli import migrating
from tests.contract.test_hosts import HERE, machines, sshd
from tests.ssh_servers import Machines

if TYPE_CHECKING:
    from .conftest import Desk

__all__ = ["machines", "sshd"]  # fixtures

pytestmark = pytest.mark.ssh

CLUSTER = """\
name: web
kubernetes: "1.34"
cloud: sandbox
region: sim-us-east
network: {cidr: 10.153.16.0/20}
firewalls:
  - {name: workers, role: worker, allow: [{protocol: tcp, ports: 443, from: 0.0.0.0/0}]}
pools:
  - {name: control-plane, role: control-plane, count: 1, size: {vcpus: 1, memory: 1GiB}, image: debian-12}
  - {name: workers, role: worker, count: 2, size: {vcpus: 1, memory: 1GiB}, image: debian-12}
"""


@pytest.fixture
def site(desk: "Desk", machines: Machines, tmp_path: Path) -> Iterator[Machines]:
    desk.write("hosts.yaml", machines.inventory("garage"))
    desk.write("cluster.yaml", CLUSTER)
    desk.write("mapping.yaml", f"images: {{debian-12: {{hosts: {HERE.os}}}}}\n")
    desk.setenv("KUBISNAP_HOSTS", str(desk.home / "hosts.yaml"))
    desk.ok("apply -f cluster.yaml --yes")
    yield machines
    for machine in machines.all:
        for left in machine.home.glob("claims/*"):
            left.unlink()


def claims(site: Machines) -> int:
    return sum(len(list(machine.home.glob("claims/*.json"))) for machine in site.all)


COMMAND = "migrate web --to hosts --as web-garage --mapping mapping.yaml --yes"


def test_machines_are_claimed_tried_and_given_back(desk: "Desk", site: Machines) -> None:
    plan = desk.ok(f"{COMMAND} --dry-run").out
    assert "hosts has no network: main left out" in plan
    assert "hosts has no firewall: workers left out, nothing keeps traffic out" in plan
    report = json.loads(desk.ok(f"{COMMAND} -o json").out)
    assert report["moved"] == {"server": 3}
    told = next(step["told"] for step in report["steps"] if step["name"] == "verify")
    assert "servers that answer to SSH: 3" in told, "there is no firewall that would keep anybody out"
    assert claims(site) == 3
    desk.ok("plan web-garage --exit-code")
    assert "lost" not in desk.ok("delete web-garage --dry-run").out, "they are given back as they are"
    desk.ok("delete web-garage --yes=web-garage")
    assert claims(site) == 0


def test_strict_refuses_what_hosts_cannot_hold(desk: "Desk", site: Machines) -> None:
    done = desk.run(f"{COMMAND} --strict")
    assert done.status == 1
    assert "firewall" in done.err
    assert claims(site) == 0


def test_a_host_that_does_not_answer_is_named(
    desk: "Desk", site: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is tried for long: what is silent may hold a claim, so nothing is said to be complete."""
    monkeypatch.setattr(migrating, "_PATIENCE", 1.0)
    desk.ok(COMMAND)
    silent = site.all[0]
    text = (desk.home / "hosts.yaml").read_text(encoding="utf-8")
    desk.write("hosts.yaml", text.replace(f"port: {silent.port}\n", "port: 9\n", 1))
    done = desk.run("plan web-garage")
    assert done.status != 0
    assert silent.name in done.err
    desk.write("hosts.yaml", text)
    desk.ok("delete web-garage --yes=web-garage")
