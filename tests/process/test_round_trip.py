"""A cluster goes round: DigitalOcean, AWS, OpenStack if one runs, Hetzner, DigitalOcean; and is what it was.

By the real command, over HTTP, against servers on loopback: DigitalOcean's and Hetzner's are ours (held to
their published descriptions), AWS's is moto, OpenStack is a real control plane.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from kubisnap.adapters.aws.simulator import AwsSimulator
from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator
from kubisnap.adapters.hetzner.simulator import HetznerSimulator
from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.model import ClusterSpec, neutral
from kubisnap.engine.journal.log import open_journal
from kubisnap.engine.operations.translation import renumbered
from tests.contract.openstack_site import site
from tests.process.stage import PUBLIC_KEY

_KEPT = ("PATH", "PYTHONPATH", "LANG", "TMPDIR")
_RICH = f"""\
name: web
kubernetes: "1.34"
cloud: digitalocean
region: nyc3
network:
  cidr: 10.170.0.0/20
ssh_keys:
  - {{name: admin, public_key: {PUBLIC_KEY}}}
pools:
  - {{name: control-plane, role: control-plane, count: 1, size: s-2vcpu-2gb}}
  - {{name: workers, role: worker, count: 2, size: s-1vcpu-2gb}}
firewalls:
  - name: workers
    role: worker
    allow:
      - {{protocol: tcp, ports: 443, from: 0.0.0.0/0}}
      - {{protocol: tcp, ports: 8000-8100, from: 10.170.0.0/20}}
      - {{protocol: udp, ports: all, from: [worker, control-plane]}}
volumes:
  - {{name: data, size: 12GiB, server: workers-0}}
load_balancers:
  - name: front
    role: worker
    forward:
      - {{port: 443, target_port: 30443}}
      - {{port: 80, target_port: 30080, protocol: http}}
reserved_ips:
  - {{name: entry, server: workers-0}}
"""


@dataclass
class Traveller:
    """Types commands in a folder of its own, with credentials for every cloud."""

    home: Path
    clouds: dict[str, str]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        keep = {name: os.environ[name] for name in _KEPT if name in os.environ}
        done = subprocess.run(
            [sys.executable, "-m", "kubisnap", *words],
            cwd=self.home,
            env={
                **keep,
                "HOME": str(self.home),
                "XDG_DATA_HOME": str(self.home / "data"),
                "KUBISNAP_STORE": f"sqlite:///{self.home / 'store.sqlite'}",
                "KUBISNAP_LIST_LAG": "1s",
                **self.clouds,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
        return done

    def spec(self, name: str) -> ClusterSpec:
        with open_journal(f"sqlite:///{self.home / 'store.sqlite'}") as journal:
            return journal.state(journal.cluster_id(name)).spec()

    def steps(self, name: str) -> list[ev.MigrationStepTaken]:
        with open_journal(f"sqlite:///{self.home / 'store.sqlite'}") as journal:
            events = [item.event for item in journal.read(journal.cluster_id(name))]
        return [event for event in events if isinstance(event, ev.MigrationStepTaken)]

    def migrate(self, source: str, target: str, name: str) -> dict[str, Any]:
        """Migrate, and return the report."""
        done = self.run("migrate", source, "--to", target, "--as", name, "--no-reach", "--yes", "-o", "json")
        report: dict[str, Any] = json.loads(done.stdout)
        return report


@pytest.fixture
def traveller(tmp_path: Path) -> Iterator[Traveller]:
    with ExitStack() as stack:
        ocean = stack.enter_context(
            DigitalOceanSimulator(
                accounts={"first": "dop_v1_round"}, burst_limit=None, boot_seconds=0.2, action_seconds=0.1
            )
        )
        amazon = stack.enter_context(AwsSimulator(regions=("us-east-1",)))
        amazon.add_account("AKIAROUND")
        hetzner = stack.enter_context(
            HetznerSimulator(projects={"first": "h" * 64}, boot_seconds=0.2, action_seconds=0.1)
        )
        yield Traveller(
            tmp_path,
            {
                "DIGITALOCEAN_TOKEN": "dop_v1_round",
                "DIGITALOCEAN_END_POINT": ocean.url,
                "AWS_ACCESS_KEY_ID": "AKIAROUND",
                "AWS_SECRET_ACCESS_KEY": "any",
                "AWS_ENDPOINT_URL": amazon.url,
                "HCLOUD_TOKEN": "h" * 64,
                "HCLOUD_ENDPOINT": hetzner.url,
            },
        )


def expected(before: ClusterSpec, reports: list[dict[str, Any]]) -> ClusterSpec:
    """Return the intent as it must be: as before, but for the address ranges that the reports list."""
    for report in reports:
        for choice in report["translation"]["choices"]:
            if choice["what"] == "network":
                assert choice["wanted"] == before.network.cidr
                before = renumbered(before, choice["chosen"])
    return before


def goes_round(traveller: Traveller, *clouds: str) -> ClusterSpec:
    """Migrate from cloud to cloud and back to DigitalOcean; return what the last one is to be like."""
    before, name, reports = traveller.spec("web"), "web", []
    for cloud in (*clouds, "digitalocean"):
        after = f"web-{cloud}"
        reports.append(traveller.migrate(name, cloud, after))
        traveller.run("plan", after, "--exit-code")
        assert traveller.spec(after).servers() == before.servers()
        name = after
    places = [(report["source"]["cloud"], report["target"]["cloud"]) for report in reports]
    assert places == list(pairwise(("digitalocean", *clouds, "digitalocean")))
    assert traveller.spec("web") == before, "the first was not touched"
    traveller.run("plan", "web", "--exit-code")
    for passed in (f"web-{cloud}" for cloud in clouds):
        steps = traveller.steps(passed)
        assert {step.step for step in steps} == {"preflight", "capture", "create", "verify", "cut-over"}
        assert len({step.migration for step in steps}) == 2, "one that came, one that left"
    return expected(before, reports)


@pytest.mark.long
def test_what_is_declared_is_the_same_after_going_round(traveller: Traveller) -> None:
    """With every kind of resource: HTTP and groups come back where a cloud can hold them."""
    (traveller.home / "cluster.yaml").write_text(_RICH, encoding="utf-8")
    traveller.run("apply", "-f", "cluster.yaml", "--yes")
    wanted = goes_round(traveller, "aws", "hetzner")
    assert neutral(traveller.spec("web-digitalocean")) == neutral(wanted)


@pytest.mark.long
@pytest.mark.openstack
def test_so_it_is_for_the_demos_cluster_over_openstack(traveller: Traveller) -> None:
    with site(1, flavor=(2048, 2, 60)) as openstack:
        traveller.clouds |= openstack.settings[0]
        traveller.run("create", "web", "--cloud", "digitalocean", "--yes")
        wanted = goes_round(traveller, "aws", "openstack", "hetzner")
        assert neutral(traveller.spec("web-digitalocean")) == neutral(wanted)
        traveller.run("delete", "web-openstack", "--yes=web-openstack")
