"""The main job against DigitalOcean's API over HTTP, spoken by the simulator."""

import json
import re
from typing import TYPE_CHECKING

import pytest

from kubisnap.adapters.digitalocean.simulator import FaultRule
from kubisnap.engine.domain.model import neutral
from kubisnap.engine.journal.log import open_journal

if TYPE_CHECKING:
    from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator

    from .conftest import Desk

CREATE = "create web --cloud digitalocean --yes"
MANIFEST = """\
name: web
kubernetes: "1.34"
cloud: digitalocean
region: nyc3
network: {cidr: 10.100.0.0/20}
pools:
  - {name: control-plane, role: control-plane, count: 1, size: s-2vcpu-2gb, image: ubuntu-24.04}
  - {name: workers, role: worker, count: 2, size: s-1vcpu-2gb, image: ubuntu-24.04}
firewalls:
  - {name: workers, role: worker, allow: [{protocol: tcp, ports: 22, from: 0.0.0.0/0}]}
"""


def outcomes(desk: "Desk") -> list[tuple[int, str, str]]:
    """Return number, kind and outcome of web's operations, newest first."""
    document = json.loads(desk.ok("log web -o json").out)
    return [(item["number"], item["operation_kind"], item["outcome"]) for item in document["operations"]]


def test_create_scale_capture_lose_restore(desk: "Desk", ocean: "DigitalOceanSimulator") -> None:
    desk.ok(CREATE)
    desk.ok("scale web workers=4 --yes")
    assert ocean.inventory("first")["droplets"] == 5
    desk.ok("capture web --out web.ksnap")
    with open_journal("sqlite:///store.sqlite") as journal:
        captured = journal.state(journal.cluster_id("web")).spec()

    ocean.wipe("first")
    desk.setenv("DIGITALOCEAN_TOKEN", desk.second_token)
    desk.setenv("KUBISNAP_STORE", "sqlite:///elsewhere.sqlite")
    desk.ok("restore web.ksnap --as web-eu --on digitalocean:fra1 --yes")

    assert ocean.inventory("second")["droplets"] == 5
    with open_journal("sqlite:///elsewhere.sqlite") as journal:
        restored = journal.state(journal.cluster_id("web-eu")).spec()
    assert restored.placement.region == "fra1"
    assert neutral(restored) == neutral(captured)
    assert desk.run("plan web-eu --exit-code").status == 0


def test_what_was_lost_comes_back_with_apply(desk: "Desk", ocean: "DigitalOceanSimulator") -> None:
    desk.ok(CREATE)
    before = ocean.inventory("first")
    ocean.wipe("first")
    assert desk.run("plan web --exit-code").status == 5
    desk.ok("apply web --yes")
    assert ocean.inventory("first") == before
    assert desk.run("plan web --exit-code").status == 0


def test_delete_leaves_what_was_there_before(desk: "Desk", ocean: "DigitalOceanSimulator") -> None:
    """The account's own SSH key was used by both clusters and is made by neither of them alone."""
    desk.ok("create shop --cloud digitalocean --yes")
    before = ocean.snapshot("first")
    desk.ok(CREATE)
    desk.ok("delete web --yes=web")
    assert ocean.snapshot("first") == before


# ── a quota in the middle ────────────────────────────────────────────────────────────────────────


@pytest.fixture
def busy(desk: "Desk", ocean: "DigitalOceanSimulator") -> "DigitalOceanSimulator":
    """An account that holds another cluster's three droplets already."""
    desk.ok("create shop --cloud digitalocean --yes")
    return ocean


def limit(ocean: "DigitalOceanSimulator", *, droplets: int) -> None:
    ocean.set_droplet_limit("first", 3 + droplets)


@pytest.mark.parametrize("line", [CREATE, "apply -f cluster.yaml --yes", f"{CREATE} --parallel 1"])
def test_a_quota_hit_at_the_third_droplet_leaves_the_account_as_it_was(
    desk: "Desk", busy: "DigitalOceanSimulator", line: str
) -> None:
    desk.write("cluster.yaml", MANIFEST)
    limit(busy, droplets=2)
    before = busy.snapshot("first")

    failed = desk.run(line)

    assert failed.status == 1
    assert busy.snapshot("first") == before
    assert re.search(r"^error: #1 failed at server/[a-z0-9-]+: .*droplet limit", failed.err, re.MULTILINE)
    assert re.search(
        r"^  rolled back \d+ changes; everything at the cloud is as before$", failed.err, re.MULTILINE
    )
    assert failed.err.rstrip().endswith("hint: kubisnap apply web      try again; the intent is kept")

    assert outcomes(desk) == [(1, line.split(maxsplit=1)[0], "rolled-back")]
    story = desk.ok("show web#1").out
    assert re.search(r"StepFailed +server/[a-z0-9-]+: QuotaExceeded: ", story)
    assert "rolling back: delete server/" in story
    assert "rolling back: delete network/main" in story

    limit(busy, droplets=3)
    assert desk.run("plan web --exit-code").status == 5
    assert desk.run("apply web --yes").status == 0
    assert desk.run("plan web --exit-code").status == 0
    assert outcomes(desk) == [(2, "apply", "succeeded"), (1, line.split(maxsplit=1)[0], "rolled-back")]


def test_a_quota_hit_while_scaling_keeps_what_was_there(desk: "Desk", ocean: "DigitalOceanSimulator") -> None:
    desk.ok(CREATE)
    ocean.set_droplet_limit("first", 5)
    before = ocean.snapshot("first")
    failed = desk.run("scale web workers=5 --yes -o json")
    assert failed.status == 1
    assert ocean.snapshot("first") == before
    error = json.loads(failed.err)
    assert error["name"] == "failed"
    assert error["facts"]["left"] == []
    assert error["facts"]["cause_error"] == "QuotaExceeded"
    ocean.set_droplet_limit("first", 6)
    assert desk.run("apply web --yes").status == 0
    assert desk.run("plan web --exit-code").status == 0


def test_what_cannot_be_taken_back_is_named_and_the_status_is_3(
    desk: "Desk", ocean: "DigitalOceanSimulator"
) -> None:
    ocean.set_droplet_limit("first", 2)
    ocean.inject(FaultRule(action="status", method="DELETE", path="vpcs/.*", status=403))
    failed = desk.run(CREATE)
    assert failed.status == 3
    assert re.search(
        r"^  rolled back \d+ changes; could not remove:\n    network/main \(.*\): digitalocean: .*403",
        failed.err,
        re.MULTILINE,
    )
    assert ocean.inventory("first")["vpcs"] == 1
    ocean.clear_faults()
    ocean.set_droplet_limit("first", 3)
    assert desk.run("apply web --yes").status == 0
    assert ocean.inventory("first")["vpcs"] == 1


def test_a_deletion_that_fails_is_gone_on_with(desk: "Desk", ocean: "DigitalOceanSimulator") -> None:
    desk.ok(CREATE)
    ocean.inject(FaultRule(action="status", method="DELETE", path="vpcs/.*", status=422))
    failed = desk.run("delete web --yes=web")
    assert failed.status == 3
    assert re.search(
        r"^  \d steps stay done: what was deleted cannot be brought back$", failed.err, re.MULTILINE
    )
    assert failed.err.endswith(
        "hint: kubisnap delete web      goes on with what is left\n"
        "hint: kubisnap apply web --abandon      keeps what is left\n"
    )
    assert " deleting " in desk.ok("get").out
    refused = desk.run("apply web --yes")
    assert (refused.status, refused.err) == (
        1,
        (
            "error: web is being deleted\nhint: kubisnap delete web      to finish it\n"
            "hint: kubisnap apply web --abandon      to keep what is left of it\n"
        ),
    )
    ocean.clear_faults()
    desk.ok("delete web --yes=web")
    assert not any(ocean.inventory("first").values())
    assert desk.run("get web").status == 10


# ── other weather ────────────────────────────────────────────────────────────────────────────────


def test_a_passing_failure_is_told_and_survived(desk: "Desk", ocean: "DigitalOceanSimulator") -> None:
    ocean.inject(FaultRule(action="status", method="POST", path="vpcs", status=503, times=1))
    done = desk.ok(CREATE)
    assert re.search(r"^  … network/main: .*; again in [0-9.]+s \(attempt 2\)$", done.err, re.MULTILINE), (
        done.err
    )


def test_a_lost_answer_makes_nothing_twice(desk: "Desk", ocean: "DigitalOceanSimulator") -> None:
    ocean.inject(FaultRule(action="lose_answer", method="POST", path="droplets", nth=2))
    desk.ok(CREATE)
    assert ocean.inventory("first")["droplets"] == 3
    assert desk.run("plan web --exit-code").status == 0


@pytest.mark.parametrize(
    "line", ["plan web", "apply web --yes", "scale web workers=3 --yes", "delete web --yes=web"]
)
def test_another_accounts_token_is_refused(desk: "Desk", ocean: "DigitalOceanSimulator", line: str) -> None:
    desk.ok(CREATE)
    before = ocean.snapshot("first"), ocean.snapshot("second"), desk.picture()
    desk.setenv("DIGITALOCEAN_TOKEN", desk.second_token)
    refused = desk.run(line)
    assert refused.status == 4
    assert re.match(r"error: web lives in account .*, but the credentials given open .*second", refused.err)
    assert (ocean.snapshot("first"), ocean.snapshot("second"), desk.picture()) == before


@pytest.mark.parametrize(
    "line", ["get web", "log web", "show web#1", "capture web --out w.ksnap", "verify web.ksnap", "doctor"]
)
def test_reading_and_capturing_need_no_cloud(desk: "Desk", ocean: "DigitalOceanSimulator", line: str) -> None:
    desk.ok(CREATE)
    desk.ok("capture web --out web.ksnap")
    asked = len(ocean.requests)
    desk.delenv("DIGITALOCEAN_TOKEN")
    desk.ok(line)
    assert len(ocean.requests) == asked


def test_doctor_looks_at_the_account_whose_token_is_set(desk: "Desk", ocean: "DigitalOceanSimulator") -> None:
    assert re.search(
        r"^OK +cloud digitalocean +account first@example.com", desk.ok("doctor").out, re.MULTILINE
    )
    desk.setenv("DIGITALOCEAN_TOKEN", "dop_v1_" + "e" * 64)
    done = desk.run("doctor")
    assert done.status == 1
    assert re.search(r"^FAIL +cloud digitalocean .*401", done.out, re.MULTILINE)
