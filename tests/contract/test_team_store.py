"""What only the team's server can do or suffer: lost connections, roles, migrations, other programs."""

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from kubisnap.engine.errors import InvalidInput, LogMoved, NotAStore, StoreDenied, StoreUnusable
from kubisnap.engine.journal import postgres_connections as connections
from kubisnap.engine.journal import postgres_schema as schema
from kubisnap.engine.journal.log import Journal, open_journal
from kubisnap.engine.journal.postgres import PostgresRecorder
from kubisnap.engine.journal.postgres_facts import look_at
from tests.postgres_proxy import Loss, lossy
from tests.postgres_server import LOOPBACK, PASSWORD, Database
from tests.unit.engine.starters import ENVELOPE, events

pytestmark = pytest.mark.postgres

CLUSTER = "c" * 32


@pytest.fixture
def journal(team: Database) -> Iterator[Journal]:
    with open_journal(team.url, create=True) as opened:
        yield opened


def recorder_of(journal: Journal) -> PostgresRecorder:
    assert isinstance(journal._recorder, PostgresRecorder)
    return journal._recorder


def setting(journal: Journal, name: str) -> str:
    with recorder_of(journal).datastore.get_connection() as connection:
        (row,) = connection.execute("SELECT current_setting(%s) AS value", (name,)).fetchall()
        return str(row["value"])


# ── lost connections ─────────────────────────────────────────────────────────────────────────────


def test_connections_that_were_cut_are_made_again(team: Database, journal: Journal) -> None:
    for position in range(5):
        assert team.kill_connections() > 0
        journal.append(CLUSTER, position, events(), ENVELOPE)
        assert team.kill_connections() > 0
        assert len(journal.read(CLUSTER)) == position + 1
        assert journal.claims() == []


def test_a_transaction_that_is_cut_off_is_made_again_and_written_once(
    team: Database, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = iter([1, 2])
    wait = PostgresRecorder._wait_for_turn

    def cut_off(self: PostgresRecorder, cursor: "psycopg.Cursor[dict[str, object]]") -> None:
        wait(self, cursor)
        if next(turns, None):
            team.kill_connections()

    monkeypatch.setattr(PostgresRecorder, "_wait_for_turn", cut_off)
    journal.append(CLUSTER, 0, events(count=3), ENVELOPE)
    assert [row.version for row in journal.rows(CLUSTER)] == [1, 2, 3]


@pytest.mark.parametrize("loss", list(Loss))
def test_a_commit_whose_answer_is_lost_is_found_out_about(
    team: Database, journal: Journal, loss: Loss
) -> None:
    journal.append(CLUSTER, 0, events("before"), ENVELOPE)
    with lossy(team, loss, loss) as proxy, open_journal(proxy.url) as far:
        mine = far.append(CLUSTER, 1, events("mine", 2), ENVELOPE)
        assert proxy.connections == 3 if loss is Loss.BEFORE else 2
        assert journal.read(CLUSTER)[1:] == mine
        with pytest.raises(LogMoved):
            far.append(CLUSTER, 1, events("mine", 2), ENVELOPE)


def test_who_wrote_the_same_place_meanwhile_is_not_taken_for_us(
    team: Database, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ours did not get there, and theirs did before the store could be asked."""
    with lossy(team, Loss.BEFORE) as proxy, open_journal(proxy.url) as far:
        wait, turns = PostgresRecorder._wait_for_turn, iter([False, True])

        def come_between(self: PostgresRecorder, cursor: "psycopg.Cursor[dict[str, object]]") -> None:
            if self is recorder_of(far) and next(turns, False):
                journal.append(CLUSTER, 0, events("theirs"), ENVELOPE)
            wait(self, cursor)

        monkeypatch.setattr(PostgresRecorder, "_wait_for_turn", come_between)
        with pytest.raises(LogMoved):
            far.append(CLUSTER, 0, events("ours"), ENVELOPE)
    assert len(journal.read(CLUSTER)) == 1


@pytest.mark.parametrize("loss", list(Loss))
def test_a_server_that_stays_away_is_told_and_so_is_the_doubt(
    team: Database, journal: Journal, loss: Loss, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "GIVE_UP_SECONDS", 0.2)
    with lossy(team, loss, then_down=True) as proxy, open_journal(proxy.url) as far:
        with pytest.raises(StoreUnusable, match="whether the last event was kept is not known"):
            far.append(CLUSTER, 0, events(), ENVELOPE)
        with pytest.raises(StoreUnusable) as caught:
            far.read(CLUSTER)
    assert "not known" not in str(caught.value)
    assert len(journal.read(CLUSTER)) == (loss is Loss.AFTER)


def test_a_server_that_is_not_there_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(StoreUnusable, match="refused"):
        open_journal(f"postgresql://ada:{PASSWORD}@{LOOPBACK}:{port}/k")


# ── locks and time ───────────────────────────────────────────────────────────────────────────────


def test_a_lock_that_is_held_is_waited_for_and_then_told(
    team: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "LOCK_SECONDS", 1)
    with open_journal(team.url, create=True) as journal, team.connect() as other:
        other.execute("BEGIN")
        other.execute(schema.TURN)
        with pytest.raises(StoreUnusable, match="lock timeout"):
            journal.append(CLUSTER, 0, events(), ENVELOPE)
        other.execute("ROLLBACK")
        journal.append(CLUSTER, 0, events(), ENVELOPE)


def test_who_sleeps_in_a_transaction_keeps_nobody_waiting_for_long(
    team: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sleeper is cut off by the server, writes again when it wakes up, and meets who came between."""
    monkeypatch.setattr(connections, "IDLE_SECONDS", 1)
    asleep, awake = threading.Event(), threading.Event()
    wait = PostgresRecorder._wait_for_turn
    with open_journal(team.url, create=True) as sleeper, open_journal(team.url) as other:

        def sleep(self: PostgresRecorder, cursor: "psycopg.Cursor[dict[str, object]]") -> None:
            wait(self, cursor)
            if self is recorder_of(sleeper) and not asleep.is_set():
                asleep.set()
                awake.wait(30)

        monkeypatch.setattr(PostgresRecorder, "_wait_for_turn", sleep)
        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(sleeper.append, CLUSTER, 0, events("slow"), ENVELOPE)
            asleep.wait(30)
            other.append(CLUSTER, 0, events("quick"), ENVELOPE)
            awake.set()
            with pytest.raises(LogMoved):
                slow.result()
        assert len(other.read(CLUSTER)) == 1


def test_a_session_is_set_up_whatever_the_database_says(team: Database) -> None:
    for wrong in (
        "synchronous_commit = off",
        "default_transaction_isolation = 'serializable'",
        "lock_timeout = 0",
    ):
        team.sql(f"ALTER DATABASE {team.name} SET {wrong}")
    with open_journal(team.url, create=True) as journal:
        names = ("synchronous_commit", "default_transaction_isolation", "lock_timeout", "application_name")
        assert [setting(journal, name) for name in names] == ["on", "read committed", "30s", "kubisnap"]


# ── the schema ───────────────────────────────────────────────────────────────────────────────────


def test_nothing_lies_outside_of_its_own_schema(team: Database, journal: Journal) -> None:
    assert journal.made
    found = team.sql(
        "SELECT DISTINCT nspname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
        "WHERE relkind IN ('r', 'v') AND nspname NOT IN ('pg_catalog', 'information_schema')"
    )
    assert found == [("kubisnap",)]
    assert team.sql("SELECT count(*) FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace "
                    "WHERE nspname = 'public'") == [(0,)]  # fmt: skip


def test_an_older_store_is_read_as_it_is_and_changed_by_the_first_who_writes(
    team: Database, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal.append(CLUSTER, 0, events(), ENVELOPE)
    step = "CREATE TABLE kubisnap.extra (position bigint)"
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, step))
    with open_journal(team.url) as newer:
        assert len(newer.read(CLUSTER)) == 1
        assert team.sql("SELECT version FROM kubisnap.migrations") == [(1,)]
        newer.append(CLUSTER, 1, events(), ENVELOPE)
    assert team.sql("SELECT version FROM kubisnap.migrations ORDER BY 1") == [(1,), (2,)]
    assert team.sql("SELECT count(*) FROM kubisnap.extra") == [(0,)]


def test_a_migration_that_fails_leaves_the_store_as_it_was(
    team: Database, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = ("CREATE TABLE kubisnap.extra (position bigint)", "CREATE TABLE kubisnap.events ()")
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, *steps))
    with pytest.raises(NotAStore, match="already exists"):
        open_journal(team.url, create=True)
    assert team.sql("SELECT to_regclass('kubisnap.extra')::text") == [(None,)]
    assert team.sql("SELECT max(version) FROM kubisnap.migrations") == [(1,)]


def test_an_older_version_at_work_is_refused_once_a_newer_one_has_changed_the_store(
    team: Database, journal: Journal
) -> None:
    journal.append(CLUSTER, 0, events(), ENVELOPE)
    team.sql("INSERT INTO kubisnap.migrations (version) VALUES (2)")
    with pytest.raises(NotAStore, match="schema 2 is newer"):
        journal.append(CLUSTER, 1, events(), ENVELOPE)
    assert len(journal.read(CLUSTER)) == 1


def test_a_database_that_cannot_keep_every_text_is_refused(team: Database) -> None:
    name = f"{team.name}_latin"
    team.sql(f"CREATE DATABASE {name} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
    with pytest.raises(NotAStore, match="its encoding is LATIN1: createdb --encoding=UTF8"):
        open_journal(team.server.url(name), create=True)
    team.sql(f"DROP DATABASE {name}")


def test_a_store_in_a_shared_database_needs_a_schema_that_was_made_for_it(team: Database) -> None:
    team.sql("CREATE TABLE customers (name text)")
    with pytest.raises(NotAStore, match="another program") as caught:
        open_journal(team.url, create=True)
    assert "schema kubisnap" in caught.value.hint
    team.sql("CREATE SCHEMA kubisnap")
    with open_journal(team.url, create=True) as journal:
        journal.append(CLUSTER, 0, events(), ENVELOPE)


def test_another_programs_schema_of_our_name_is_not_written_to(team: Database) -> None:
    team.sql("CREATE SCHEMA kubisnap; CREATE TABLE kubisnap.customers (name text)")
    with pytest.raises(NotAStore, match="another program"):
        open_journal(team.url, create=True)
    assert team.sql("SELECT count(*) FROM pg_class WHERE relname = 'events'") == [(0,)]


@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE kubisnap.events",
        "MERGE INTO kubisnap.events USING (SELECT 1) AS one ON true WHEN MATCHED THEN DELETE",
        "UPDATE kubisnap.events SET state = '' WHERE false",
    ],
)
def test_events_are_not_changed_in_any_way(team: Database, journal: Journal, statement: str) -> None:
    journal.append(CLUSTER, 0, events(), ENVELOPE)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="never changed"):
        team.sql(statement)


def test_who_writes_with_another_tool_waits_for_its_turn(team: Database, journal: Journal) -> None:
    """So that a reader who follows misses none of theirs either."""
    insert = (
        "INSERT INTO kubisnap.events (originator_id, originator_version, topic, state) VALUES (%s, 1, '', '')"
    )
    with team.connect() as first, team.connect() as second:
        first.execute("BEGIN")
        first.execute(insert, ("first",))
        second.execute("SET lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            second.execute(insert, ("second",))
        first.execute("COMMIT")
        second.execute(insert, ("second",))
    assert [row.stream for part in journal.each_of_all() for row in part] == ["first", "second"]


def test_what_the_database_cannot_hold_is_told_and_nothing_of_it_is_kept(journal: Journal) -> None:
    with pytest.raises(StoreUnusable, match="NUL"):
        journal.keep([("fine", 1, "x", b""), ("not\0fine", 1, "x", b"")])
    assert journal.rows("fine") == []


# ── roles ────────────────────────────────────────────────────────────────────────────────────────


def test_an_auditor_reads_and_an_operator_adds(roles: Callable[[str], str]) -> None:
    with open_journal(roles("operator"), create=True) as operator:
        operator.found(CLUSTER, "web", events(count=3), ENVELOPE)
        operator.append(CLUSTER, 3, events(), ENVELOPE)
    with open_journal(roles("auditor"), create=True) as auditor:
        assert auditor.cluster_id("web") == CLUSTER
        assert len(auditor.read(CLUSTER)) == 4
        assert sum(len(part) for part in auditor.each_of_all()) == 5
        assert auditor.holders("web") == {CLUSTER: "web"}
        with pytest.raises(StoreDenied, match="permission denied") as caught:
            auditor.append(CLUSTER, 4, events(), ENVELOPE)
    assert caught.value.kind == "denied"
    assert [look_at(roles(role)).writes for role in ("owner", "operator", "auditor")] == [True, True, False]


@pytest.mark.parametrize("role", ["operator", "auditor"])
def test_neither_of_them_can_do_anything_else(roles: Callable[[str], str], role: str) -> None:
    refused = psycopg.errors.InsufficientPrivilege
    with psycopg.connect(roles(role), autocommit=True) as connection:
        for statement in (
            "UPDATE kubisnap.events SET state = ''",
            "DELETE FROM kubisnap.events",
            "TRUNCATE kubisnap.events",
            "ALTER TABLE kubisnap.events DISABLE TRIGGER ALL",
            "DROP TABLE kubisnap.events",
            "TRUNCATE kubisnap.audit_entries",
            "UPDATE kubisnap.audit_entries SET hash = ''",
            "DELETE FROM kubisnap.audit_operations",
            "DELETE FROM kubisnap.checkpoints",
            "INSERT INTO kubisnap.migrations (version) VALUES (9)",
            "CREATE TABLE kubisnap.mine ()",
            "SET session_replication_role = replica",
        ):
            with pytest.raises(refused):
                connection.execute(statement.encode())


def test_who_may_not_change_the_schema_says_so(
    roles: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    step = "CREATE TABLE kubisnap.extra (position bigint)"
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, step))
    with pytest.raises(StoreDenied):
        open_journal(roles("operator"), create=True)
    with open_journal(roles("auditor")) as auditor:
        assert auditor.claims() == []
    open_journal(roles("owner"), create=True).close()


def test_a_server_that_only_reads_is_told(team: Database, journal: Journal) -> None:
    journal.append(CLUSTER, 0, events(), ENVELOPE)
    team.sql(f"ALTER DATABASE {team.name} SET default_transaction_read_only = on")
    with open_journal(team.url) as frozen:
        assert len(frozen.read(CLUSTER)) == 1
        with pytest.raises(StoreDenied, match="read-only"):
            frozen.append(CLUSTER, 1, events(), ENVELOPE)
    assert not look_at(team.url).writes


# ── addresses and passwords ──────────────────────────────────────────────────────────────────────


def test_a_password_may_come_from_its_file_and_from_a_service(
    team: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = team.shown
    secret = tmp_path / "pgpass"
    secret.write_text(f"*:*:*:owner:{PASSWORD}\n")
    secret.chmod(0o600)
    with monkeypatch.context() as patch:
        patch.setenv("PGPASSFILE", str(secret))
        assert not open_journal(bare).made
    with monkeypatch.context() as patch:
        patch.setenv("PGPASSWORD", PASSWORD)
        assert not open_journal(bare).made
    services = tmp_path / "services"
    services.write_text(
        f"[team]\nhost={LOOPBACK}\nport={team.server.port}\ndbname={team.name}\nuser=owner\npassword={PASSWORD}\n"
    )
    monkeypatch.setenv("PGSERVICEFILE", str(services))
    journal = open_journal("postgresql:///?service=team")
    assert (journal.made, journal.url) == (False, "postgresql:///?service=team")


@pytest.mark.parametrize(
    "change",
    [
        ("owner:", "nobody:"),
        ("canary", "wrong-canary"),
        ("/test_", "/no_such_"),
        (f"@{LOOPBACK}", "@[::1"),
        ("postgresql://", "postgresql://x:y@"),
        ("/test_", "/test_?canary=1&"),
        ("@", "%zz@"),
    ],
)
def test_no_error_shows_a_password(team: Database, change: tuple[str, str]) -> None:
    with pytest.raises((StoreUnusable, InvalidInput)) as caught:
        open_journal(team.url.replace(*change, 1))
    error: BaseException | None = caught.value
    while error is not None:
        assert "canary" not in f"{error!s} {error!r}", type(error)
        error = None if error.__suppress_context__ and error.__cause__ is None else error.__cause__
    assert "canary" not in str(caught.value.facts) + caught.value.hint
