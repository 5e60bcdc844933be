"""Operations that are running elsewhere, or whose process is gone."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kubisnap.cli import wiring

if TYPE_CHECKING:
    from .conftest import Desk


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


@pytest.fixture
def crashed(desk: "Desk") -> "Desk":
    """A desk whose `create web` died in the middle: log and cloud are as they were at that moment."""
    desk.one_at_a_time()
    moment = desk.home.parent
    naps, died = 0, 0.0

    def keep() -> None:
        nonlocal naps, died
        naps += 1
        if naps == 30:
            died = desk.clock.now()
            for name in ("store.sqlite", "sandbox.sqlite"):
                _copy(desk.home / name, moment / name)

    desk.clock.on_sleep = keep
    desk.ok("create web --cloud sandbox --yes")
    desk.clock.on_sleep = lambda: None
    # back to where its lease still runs, and what it had asked for is settled
    desk.clock.sleep(died + 20 - desk.clock.now())
    for name in ("store.sqlite", "sandbox.sqlite"):
        for suffix in ("", "-wal", "-shm"):
            (desk.home / f"{name}{suffix}").unlink(missing_ok=True)
        _copy(moment / name, desk.home / name)
        (desk.home / name).chmod(0o600)
    assert desk.events("web")[-1] == "ResourceProvisioned"
    return desk


@pytest.mark.parametrize(
    "line",
    [
        "apply web --yes",
        "plan web",
        "scale web workers=3 --yes",
        "capture web --out w.ksnap",
        "delete web --yes=web",
    ],
)
def test_while_its_process_runs_the_cluster_is_locked(crashed: "Desk", line: str) -> None:
    """The holder is this very process, which is alive."""
    before = crashed.picture()
    for option in ("", " -o json"):
        done = crashed.run(line + option)
        assert done.status == 11
        assert done.out == ""
        if option:
            error = json.loads(done.err)
            assert error["name"] == "locked"
            assert error["facts"]["actor"] == "ada"
        else:
            assert done.err.startswith("error: web is being changed by ada: #1 create, process ")
            assert "\nhint: " in done.err
    assert crashed.picture() == before


def test_get_log_and_doctor_say_that_it_is_unfinished(crashed: "Desk") -> None:
    assert "#1 unfinished" in crashed.ok("get").out
    assert "#1 unfinished" in crashed.ok("get web").out
    assert "… unfinished" in crashed.ok("log web").out
    assert "… unfinished" in crashed.ok("show web#1").out
    doctor = crashed.ok("doctor").out
    assert "WARN  operation  web #1 unfinished\n      mend: kubisnap apply web\n" in doctor
    assert doctor.endswith("1 warning.\n")


def test_once_its_process_is_gone_apply_goes_on(crashed: "Desk", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "_alive", lambda _: False)
    done = crashed.ok("apply web --yes")
    assert done.out.startswith("#2 apply web")
    assert crashed.run("plan web --exit-code").status == 0
    log = crashed.ok("log web").out
    assert "#2" in log
    assert "… interrupted" in log


def test_two_at_once_and_one_is_told(web: "Desk", monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else scales between the plan and the yes."""

    def meanwhile(*_: object, yes: bool) -> None:
        if not yes:
            web.ok("scale web workers=3 --yes")

    monkeypatch.setattr("kubisnap.cli.changes.confirm_change", meanwhile)
    done = web.run("scale web workers=9")
    assert done.status == 7
    assert done.err.splitlines()[-2].startswith("error: the log moved past position 40 ")
    assert done.err.splitlines()[-1].startswith("hint: kubisnap log ")
    assert " 4/4 " in web.ok("get").out
