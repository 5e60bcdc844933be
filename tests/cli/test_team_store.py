"""The command line on a team's server: everything that works on a file, who may do what, no password."""

import json
import sys
from typing import TYPE_CHECKING

import pytest

from kubisnap.engine.journal.log import open_journal
from tests.postgres_server import PASSWORD, Database

if TYPE_CHECKING:
    from .conftest import Desk

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
