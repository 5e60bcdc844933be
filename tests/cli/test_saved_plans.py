"""The files of saved plans: for their owner only, whole or not there, and never trusted."""

import json
import stat
from typing import TYPE_CHECKING

import msgspec
import pytest

from kubisnap.cli import changes, saving, wiring
from kubisnap.engine.errors import InvalidInput
from kubisnap.engine.operations import saved

if TYPE_CHECKING:
    from .conftest import Desk


CLUSTER = """\
name: web
kubernetes: "1.34"
cloud: sandbox
region: sim-us-east
network: {cidr: 10.153.16.0/20}
pools:
  - {name: control-plane, role: control-plane, count: 1, size: sb-2x2, image: ubuntu-24.04}
"""


def test_a_plan_is_its_owners_and_nothing_else_is_left(web: "Desk") -> None:
    before = set(web.home.iterdir())
    web.ok("plan web --out web.plan")
    path = web.home / "web.plan"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    first = path.read_bytes()
    web.ok("plan web --out web.plan")
    assert path.read_bytes() != first  # made at another time
    assert set(web.home.iterdir()) - before == {path}


def test_a_plan_that_cannot_be_written_leaves_nothing(web: "Desk", monkeypatch: pytest.MonkeyPatch) -> None:
    web.ok("plan web --out web.plan")
    before = web.picture()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    done = web.run("plan web --out web.plan")
    assert done.status == 2
    assert done.err == "error: --out: cannot write web.plan: No space left on device\n"
    assert web.picture() == before


def test_a_plan_holds_no_secret(desk: "Desk", ocean: object) -> None:
    desk.ok("create web --cloud digitalocean --yes")
    desk.ok("plan web --out web.plan")
    assert desk.token not in (desk.home / "web.plan").read_text()


def test_what_somebody_wrote_into_a_plan_does_not_reach_the_terminal(web: "Desk") -> None:
    web.ok("plan web --out web.plan")
    path = web.home / "web.plan"
    plan = msgspec.json.decode(path.read_bytes())["plan"]
    plan["actor"] = plan["account"]["title"] = "eve\x1b[2J\x07"
    inner = msgspec.json.encode(plan)
    path.write_bytes(b'{"kubisnap_plan":1,"digest":"%s","plan":%s}' % (saved._digest(inner).encode(), inner))
    shown = web.ok("show web.plan").out
    assert "eve\\x1b[2J\\x07" in shown
    assert "\x1b" not in shown


def test_a_plan_can_be_shown_where_the_store_cannot_be_read(web: "Desk") -> None:
    web.ok("plan web --out web.plan")
    web.write("store.sqlite", "dear diary\n" * 1000)
    done = web.ok("show web.plan")
    assert "warning: whether it still can be carried out is not known: " in done.err
    assert json.loads(web.ok("show web.plan -o json").out)["saved"]["stale"]


@pytest.mark.parametrize("name", ["web.plan", "./web", "plans/web", "a.b"])
def test_a_dot_or_a_slash_makes_it_a_file(name: str) -> None:
    assert saving.is_file(name)


def test_no_name_of_a_cluster_is_a_file(desk: "Desk") -> None:
    for name in ("a.b", "a/b"):
        assert desk.run(f"create {name} --cloud sandbox --yes").status == 2


def test_somebody_takes_the_name_in_the_last_moment(desk: "Desk", monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("cluster.yaml", CLUSTER)
    desk.ok("plan -f cluster.yaml --out web.plan")
    show = changes._show_and_ask

    def meanwhile(*given: object) -> None:
        monkeypatch.setattr(changes, "_show_and_ask", show)
        desk.ok("apply web.plan")

    monkeypatch.setattr(changes, "_show_and_ask", meanwhile)
    done = desk.run("apply web.plan")
    assert done.status == 7
    assert "  #1 apply web.plan (ada, " in done.err


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("20m", 1200), ("1h30m", 5400), ("2h", 7200), ("1h1m1s", 3661)]
)
def test_durations(text: str, seconds: int) -> None:
    assert wiring.seconds_of(text, "--timeout") == seconds


@pytest.mark.parametrize("text", ["", "20", "m", "-1s", "0s", "1m1h", " 1s", "1s ", "٣s", "1S", "9" * 20])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(InvalidInput, match="is not a duration"):
        wiring.seconds_of(text, "--timeout")
