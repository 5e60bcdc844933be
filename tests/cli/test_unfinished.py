"""Operations that are running elsewhere, or whose process is gone."""

import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from kubisnap.adapters.sandbox import Sandbox
from kubisnap.cli import wiring
from kubisnap.engine.domain.resources import Kind
from kubisnap.engine.errors import Rejected
from tests.cli.test_streams import valid

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
        "apply web --resume --yes",
        "apply web --abandon --yes",
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
            assert error["facts"]["operation_kind"] == "create"
            valid(error)
        else:
            assert re.search(
                r"^error: web is being changed by ada: #1 create, process \d+ on desk, "
                r"since 2026-11-02T09:30:00Z \(\d+ (s|min) ago\)\n"
                r"hint: run the command again when it has ended: kubisnap log web tells\n"
                r"hint: if its process is gone, its hold ends by itself, at \S+Z unless it writes again\n$",
                done.err,
            )
    assert crashed.picture() == before


def test_get_log_and_doctor_say_that_it_is_unfinished(crashed: "Desk") -> None:
    assert "#1 unfinished" in crashed.ok("get").out
    assert "#1 unfinished" in crashed.ok("get web").out
    assert "… unfinished" in crashed.ok("log web").out
    assert "… unfinished" in crashed.ok("show web#1").out
    ways = "kubisnap apply web --resume     or     kubisnap apply web --abandon"
    doctor = crashed.ok("doctor").out
    assert f"WARN  operation  web #1 create unfinished\n      mend: {ways}\n" in doctor
    assert doctor.endswith("1 warning.\n")


def test_get_and_doctor_say_who_is_at_it(crashed: "Desk") -> None:
    """Without waiting: two minutes later the lease would be over."""
    assert re.search(
        r"^  ! #1 create is being carried out by ada, process \d+ on desk, since \S+Z \(.* ago\)\n"
        r"      held until 2026-11-02T\S+Z unless it writes again$",
        crashed.ok("get web").out,
        re.MULTILINE,
    )
    crashed.clock.sleep(-120)
    document = json.loads(crashed.ok("get web -o json").out)
    valid(document)
    assert document["unfinished"]["held"]["actor"] == "ada"
    crashed.clock.sleep(-120)
    doctor = crashed.ok("doctor").out
    assert re.search(r"^OK +operation +web #1 create runs, process \d+ on desk, since ", doctor, re.MULTILINE)


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
    assert done.err.splitlines()[-2].startswith("error: the log moved past position ")
    assert done.err.splitlines()[-1].startswith("hint: kubisnap log ")
    assert " 4/4 " in web.ok("get").out


# ── --resume and --abandon ───────────────────────────────────────────────────────────────────────


def keep(patch: pytest.MonkeyPatch, *kinds: Kind) -> None:
    """Let the cloud refuse to delete these kinds of resource."""
    delete = Sandbox.delete

    def refusing(sandbox: Sandbox, kind: Kind, resource_id: str) -> None:
        if kind in kinds:
            raise Rejected("sandbox", "not today", 422)
        delete(sandbox, kind, resource_id)

    patch.setattr(Sandbox, "delete", refusing)


def test_a_process_that_is_gone_is_gone_on_with_or_taken_back(
    crashed: "Desk", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wiring, "_alive", lambda _: False)
    valid(json.loads(crashed.ok("get -o json").out))
    done = crashed.ok("apply web --abandon --yes")
    assert done.out.startswith("#2 abandon web of #1 · ")
    assert crashed.run("get web").status == 10
    assert crashed.picture()["sandbox"] == []
    crashed.ok("create web --cloud sandbox --yes")


def test_an_operation_of_which_nothing_is_left_to_do_is_closed(
    web: "Desk", monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process died between its last step and its last word. Nobody is asked about that."""
    monkeypatch.setattr(wiring, "_alive", lambda _: False)
    with closing(sqlite3.connect(web.home / "store.sqlite")) as connection:
        guards = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("DELETE FROM stored_events WHERE rowid = (SELECT max(rowid) FROM stored_events)")
        for _, guard in guards:
            connection.execute(guard)
        connection.commit()
    assert "#1 unfinished" in web.ok("get").out
    done = web.ok("apply web")
    assert "note: #1 create is unfinished" in done.err
    assert done.out.startswith("#2 apply web")
    assert " ready " in web.ok("get").out


def test_a_deletion_that_removed_nothing_is_withdrawn(web: "Desk", monkeypatch: pytest.MonkeyPatch) -> None:
    before = web.picture()["sandbox"]
    with monkeypatch.context() as patch:
        keep(patch, *Kind)
        assert web.run("delete web --yes=web --no-capture-first --parallel 1").status == 1
    assert " deleting " in web.ok("get").out
    assert web.run("apply web --resume --yes").status == 1
    web.ok("apply web --abandon --yes")
    assert " ready " in web.ok("get").out
    assert web.picture()["sandbox"] == before
    assert web.run("plan web --exit-code").status == 0


def test_what_cannot_be_taken_back_is_named_and_tried_again(
    web: "Desk", monkeypatch: pytest.MonkeyPatch
) -> None:
    web.one_at_a_time()
    assert web.run("scale web workers=4 --timeout 10s --yes").status == 9
    with monkeypatch.context() as patch:
        keep(patch, Kind.SERVER)
        for option in ("", " -o json"):
            done = web.run(f"apply web --abandon --yes{option}")
            assert done.status == 3
            assert done.out == ""
            if option:
                error = json.loads(done.err)
                valid(error)
                assert error["name"] == "partial"
                assert error["facts"]["left"][0].startswith("server/workers-2 (srv-")
            else:
                assert re.search(
                    r"^error: #3 could not take everything back\n"
                    r"  rolled back 0 changes; could not remove:\n"
                    r"    server/workers-2 \(srv-\w+\): .*not today.*\n"
                    r"hint: kubisnap apply web --abandon      goes on with what is left\n",
                    done.err,
                    re.MULTILINE,
                )
    assert web.ok("apply web --abandon --yes").out.startswith("#5 abandon web of #2, #3, #4 · ")
    assert web.run("plan web --exit-code").status == 0
    assert " 3/3 " in web.ok("get").out


def test_a_rollback_that_was_not_finished_is_finished_by_resume(
    web: "Desk", monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was declared stays declared: it was the operation that failed, not the wish."""
    web.one_at_a_time()
    web.set_quota("server", 4)
    with monkeypatch.context() as patch:
        keep(patch, Kind.SERVER)
        failed = web.run("scale web workers=5 --yes")
    assert failed.status == 3
    assert "hint: kubisnap apply web --abandon      takes back what is left of it\n" in failed.err
    valid(json.loads(web.ok("get web -o json").out))
    assert json.loads(web.ok("get web -o json").out)["unfinished"]["rolling_back"] is True
    assert web.ok("apply web --resume --yes").out.startswith("#3 rollback web of #2 · ")
    assert " 3/6 " in web.ok("get").out
    assert web.run("apply web --resume --yes").status == 1


def test_an_abandoned_creation_that_was_not_finished_is_finished_by_resume(
    desk: "Desk", monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.one_at_a_time()
    assert desk.run("create web --cloud sandbox --timeout 30s --yes").status == 9
    with monkeypatch.context() as patch:
        keep(patch, Kind.SSH_KEY)
        assert desk.run("apply web --abandon --yes").status == 3
    assert desk.ok("apply web --resume --yes").out.startswith("#3 abandon web of #1, #2 · ")
    assert desk.run("get web").status == 10
    assert desk.picture()["sandbox"] == []
