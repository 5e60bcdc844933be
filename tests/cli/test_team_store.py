"""The command line on a team's server: everything that works on a file, who may do what, no password."""

import json
import re
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

from kubisnap.engine.journal.log import open_journal
from tests.cli.test_following import meanwhile, scaling
from tests.contract.store_places import postgres_place
from tests.postgres_server import PASSWORD, Database

if TYPE_CHECKING:
    from .conftest import Desk, Done

pytestmark = pytest.mark.postgres


@pytest.fixture
def office(desk: "Desk", team: Database) -> "Desk":
    """A desk whose store is the team's."""
    desk.setenv("KUBISNAP_STORE", team.url)
    return desk


def test_a_cluster_lives_on_a_team_store_from_its_first_event_to_its_last(
    office: "Desk", team: Database
) -> None:
    screens = [
        office.ok(line).screen
        for line in (
            "get",
            "create web --cloud sandbox --nodes 1 --yes",
            "get web",
            "scale web workers=2 --yes -m 'more to do'",
            "apply web --yes",
            "plan web --exit-code",
            "log",
            "show web#2",
            "capture web --out web.ksnap",
            "export web --out web.jsonl",
            "delete web --yes=web",
            "log web",
            "restore web.ksnap --as again --yes",
            "get",
        )
    ]
    assert "more to do" in screens[6]
    assert "delete" in screens[-3]
    assert "again" in screens[-1]
    assert team.shown in screens[0]
    assert PASSWORD not in "".join(screens)
    with open_journal(team.url) as journal:
        assert [(claim.name, claim.released) for claim in journal.claims()] == [
            ("again", False),
            ("web", True),
        ]


def test_the_same_commands_write_the_same_events_on_both_stores(desk: "Desk", team: Database) -> None:
    desk.one_at_a_time()
    written = []
    for number, url in enumerate(("sqlite:///store.sqlite", team.url)):
        desk.setenv("KUBISNAP_STORE", url)
        desk.setenv("KUBISNAP_SANDBOX", str(desk.home / f"cloud-{number}.sqlite"))
        desk.ok("create web --cloud sandbox --yes")
        with open_journal(url) as journal:
            written.append({row.tag for row in journal.rows(journal.cluster_id("web"))})
    assert written[0] == written[1] > {"ClusterDeclared", "ResourceProvisioned", "OperationFinished"}


def test_doctor_tells_what_it_found_at_the_server(office: "Desk", team: Database) -> None:
    before = office.ok("doctor").out
    assert f"OK    store     {team.shown}: not made yet" in before
    assert "no store in it yet; owner may write" in before
    assert office.ok("stores migrate").out == f"{team.shown}: made\n"
    assert office.ok("stores migrate").out == f"{team.shown}: ready\n"
    found = json.loads(office.ok("doctor -o json").out)["findings"]
    told = {(item["what"], item["level"]): item for item in found}
    assert told["store", "OK"]["told"] == f"{team.shown}: 0 clusters"
    assert "schema 1" in told["server", "OK"]["told"]
    assert "fsync is off" in told["server", "WARN"]["told"]
    assert "apart" in told["clock", "WARN"]["told"]  # the desk's clock stands still in another month
    assert ("disk", "OK") not in told


@pytest.mark.parametrize("line", ["get", "log web", "create web --cloud sandbox --yes", "stores migrate"])
def test_a_wrong_password_is_told_and_not_shown(office: "Desk", team: Database, line: str) -> None:
    office.setenv("KUBISNAP_STORE", team.url.replace(PASSWORD, "wrong-canary"))
    done = office.run(line)
    assert done.status == 1
    assert f"error: cannot use the store {team.shown}: " in done.err
    assert "password authentication failed" in done.err
    assert "canary" not in done.text
    doctor = office.run("doctor")
    assert (doctor.status, "canary" in doctor.text) == (1, False)


@pytest.mark.parametrize(
    "url", ["postgressql://a:canary@h/d", "postgresql://a:can/ary?canary@h/d", "mysql://db"]
)
def test_what_is_no_address_is_told_without_its_password(desk: "Desk", url: str) -> None:
    done = desk.run(f"--store '{url}' get")
    assert done.status == 2
    assert "is not a store" in done.err
    assert "canary" not in done.text


def test_an_auditor_reads_everything_and_is_denied_every_change_before_it_is_made(
    office: "Desk", team: Database
) -> None:
    office.ok("create web --cloud sandbox --nodes 1 --yes")
    role = f"auditor_of_{team.name}"
    team.sql(f"CREATE ROLE {role} LOGIN PASSWORD 'canary-of-a-role'")
    try:
        team.sql(f"GRANT USAGE ON SCHEMA kubisnap TO {role}")
        team.sql(f"GRANT SELECT ON ALL TABLES IN SCHEMA kubisnap TO {role}")
        office.setenv("KUBISNAP_STORE", team.url_for(role))
        for line in ("get", "get web", "log", "show web#1", "plan web", "export web"):
            office.ok(line)
        assert "may only read" in office.ok("doctor").out
        before = office.picture()["sandbox"]
        for line in (
            "scale web workers=3 --yes",
            "create shop --cloud sandbox --yes",
            "delete web --yes=web",
            "capture web",
        ):
            done = office.run(line)
            assert done.status == 4, done.text
            assert "does not let this user do that: permission denied" in done.err
            assert "docs/stores.md" in done.err
        assert office.picture()["sandbox"] == before
    finally:
        team.sql(f"DROP OWNED BY {role}; DROP ROLE {role}")


# ── the audit log ────────────────────────────────────────────────────────────────────────────────


def rows_of(done: "Done") -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.out.splitlines() if line.startswith("{")]


def test_the_log_of_a_team_is_asked_as_that_of_a_desk(office: "Desk", team: Database) -> None:
    """The same history on both, and the same answers to the same questions."""
    office.ok("create web --cloud sandbox --nodes 1 --yes -m 'the shop: it''s open'")
    office.ok("scale web workers=2 --yes -m 'more \\ to & do'")
    office.setenv("KUBISNAP_ACTOR", "bob")
    office.set_quota("server", 3)
    assert office.run("scale web workers=5 --yes").status != 0
    office.ok("capture web --out web.ksnap")
    office.ok(f"stores copy {team.url} sqlite:///desk.sqlite")
    lines = (
        "log",
        "log web -n 2",
        "log web --by ada",
        "log --kind scale",
        "log --kind ServerPoolScaled --events",
        "log web --resource server/workers-0 --events",
        "log --resource server -n 1",
        "log --outcome succeeded",
        "log --outcome rolled-back",
        "log --grep shop",
        "log --grep 'wor* sca*'",
        "log --grep 'a\\b:*&|c'",
        "log web --since 2h --until now",
        "log web --since '#2' --events -n 0",
        "log web --as-of '#1' -p",
        "log web -p",
        "log -o json",
        "log web --events -o csv -n 5",
        "log web --events --reverse -n 5 -o jsonl",
        "show web#2",
        "blame web pool/workers",
        "blame web pool/workers.count --as-of '#1'",
        "get web --as-of '#1'",
        "diff web#1 web",
        "verify web",
        "audit rebuild --dry-run",
    )
    now = office.clock.now()
    screens = []
    for store in (team.url, "sqlite:///desk.sqlite"):
        office.clock.sleep(now - office.clock.now())
        office.setenv("KUBISNAP_STORE", store)
        screens.append({line: office.run(line) for line in lines})
    there, here = screens
    for line in lines:
        assert there[line].status == here[line].status == 0, there[line].text
        assert re.sub(r"\d+\.\d+$", "", there[line].out) == re.sub(r"\d+\.\d+$", "", here[line].out), line
    assert "more \\ to & do" in there["show web#2"].out
    assert [line for line in lines if not there[line].out.strip()] == [r"log --grep 'a\b:*&|c'"]
    assert "#3" in there["log --outcome rolled-back"].out


def test_an_operation_of_a_team_is_undone_and_its_cluster_forked(office: "Desk", team: Database) -> None:
    office.ok("create web --cloud sandbox --nodes 1 --yes")
    office.ok("scale web workers=3 --yes")
    office.ok("undo web --yes")
    office.ok("redo web --yes")
    office.ok("revert web#2 --yes")
    office.ok("fork web --at '#2' --as copy --yes")
    with open_journal(team.url) as journal:
        assert journal.audit_differences() == []
        assert {claim.name for claim in journal.claims()} == {"web", "copy"}
        state = journal.state(journal.cluster_id("copy"))
        assert state.pools["workers"].count == 3
    assert "revert" in office.ok("log web").out


def test_what_a_team_adds_is_followed(office: "Desk") -> None:
    office.ok("create web --cloud sandbox --nodes 1 --yes")
    meanwhile(office, scaling(3), lambda: None, scaling(1))
    done = office.run("log web --events --follow -n 1 --kind ServerPoolScaled -o jsonl")
    assert [row["text"] for row in rows_of(done)] == ["pool workers: 1 → 3", "pool workers: 3 → 1"]
    assert done.status == 130


def test_pages_go_on_where_they_ended(office: "Desk") -> None:
    office.ok("create web --cloud sandbox --nodes 1 --yes")
    for count in (2, 3, 1):
        office.ok(f"scale web workers={count} --yes")
    found, cursor = [], ""
    for _ in range(4):
        page = json.loads(office.ok(f"log web --grep workers -n 1 -o json {cursor}").out)
        found += [item["number"] for item in page["operations"]]
        if not page.get("cursor"):
            break
        cursor = f"--cursor {page['cursor']}"
    assert found == [4, 3, 2, 1]


def test_an_operator_does_not_make_the_index_anew_and_the_owner_does(
    desk: "Desk", roles: Callable[[str], str]
) -> None:
    desk.setenv("KUBISNAP_STORE", roles("operator"))
    desk.ok("create web --cloud sandbox --nodes 1 --yes")
    for role in ("operator", "auditor"):
        desk.setenv("KUBISNAP_STORE", roles(role))
        refused = desk.run("audit rebuild")
        assert refused.status == 4
        assert "does not let this user do that: permission denied" in refused.err
        assert "hint: name a user that may" in refused.err
        for line in (
            "log", "log web --events --grep workers", "show web#1", "blame web pool/workers", "verify web",
            "get web --as-of '#1'", "diff web#1 web", "audit rebuild --dry-run",
        ):  # fmt: skip
            desk.ok(line)
    desk.setenv("KUBISNAP_STORE", roles("owner"))
    assert "made the audit index anew from " in desk.ok("audit rebuild").text


def test_a_log_that_was_tampered_with_is_told_and_so_is_an_index(office: "Desk", team: Database) -> None:
    office.ok("create web --cloud sandbox --nodes 1 --yes")
    postgres_place(team).force("UPDATE audit_operations SET outcome = 'failed'")
    done = office.run("audit rebuild --dry-run")
    assert done.status == 13
    assert "audit_operations" in done.err
    assert "kubisnap audit rebuild" in done.err
    office.ok("audit rebuild")
    postgres_place(team).force("UPDATE stored_events SET topic = 'LeaseRenewed' WHERE originator_version = 3")
    done = office.run("verify web")
    assert done.status == 13
    assert "event 3 is not what was written" in done.err


def test_without_the_driver_the_way_to_it_is_told(
    office: "Desk", team: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("kubisnap.engine.journal.postgres")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    done = office.run("get")
    assert done.status == 1
    assert "hint: pip install 'kubisnap[postgres]'" in done.err
    assert team.shown in done.err


# ── moving ───────────────────────────────────────────────────────────────────────────────────────


def test_a_history_moves_to_the_team_and_work_goes_on_there(web: "Desk", team: Database) -> None:
    written = web.events("web")
    done = web.ok(f"stores copy sqlite:///store.sqlite {team.url}")
    assert f"copied {len(written) + 1} events from sqlite:///store.sqlite to {team.shown}\n" in done.out
    assert f"compared: {len(written) + 1} events of 2 logs, the same in both: sha256:" in done.out
    assert f"next: export KUBISNAP_STORE={team.shown}" in done.err
    assert PASSWORD not in done.text
    assert web.events("web") == written
    web.setenv("KUBISNAP_STORE", team.url)
    web.ok("scale web workers=3 --yes")
    again = json.loads(web.ok(f"stores copy {team.url} sqlite:///back.sqlite -o json").out)
    assert again["target"] == "sqlite:///back.sqlite"
    assert again["added"] == again["events"] > len(written)
    refused = web.run(f"stores copy {team.url} sqlite:///store.sqlite")
    assert refused.status == 0, "the old store is a part of the new one"
    refused = web.run(f"stores copy sqlite:///missing.sqlite {team.url}")
    assert refused.status == 10
    assert "no store 'sqlite:///missing.sqlite'" in refused.err


def test_a_copy_onto_another_history_is_refused(web: "Desk", team: Database) -> None:
    web.ok(f"stores copy sqlite:///store.sqlite {team.url}")
    web.ok("scale web workers=3 --yes")
    web.ok(f"scale web workers=4 --yes --store {team.url}")
    done = web.run(f"stores copy sqlite:///store.sqlite {team.url}")
    assert done.status == 1
    assert "the log of web in this store took another course after event" in done.err
    assert "nothing was copied" in done.err
