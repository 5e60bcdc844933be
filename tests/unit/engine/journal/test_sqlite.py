"""The store's file: how it is made, what it refuses to be, and what it refuses to do."""

import os
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from kubisnap.engine.errors import LogMoved, NotAStore, StoreUnusable
from kubisnap.engine.journal import sqlite
from kubisnap.engine.journal.log import Journal, open_journal
from kubisnap.engine.journal.sqlite import APPLICATION_ID, SCHEMA_VERSION, Recorder
from tests.unit.engine.starters import (
    ENVELOPE,
    at_once,
    begin_store,
    claim,
    events,
    fill_disk,
    write_after,
)

CLUSTER = "c" * 32


def recorder_of(journal: Journal) -> Recorder:
    assert isinstance(journal._recorder, Recorder)
    return journal._recorder


def pragma(journal: Journal, name: str) -> object:
    with recorder_of(journal).datastore.get_connection(commit=False) as connection:
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA {name}")
        return cursor.fetchone()[0]


def raw(path: Path) -> "closing[sqlite3.Connection]":
    return closing(sqlite3.connect(path, isolation_level=None))


# ── how it is made ───────────────────────────────────────────────────────────────────────────


def test_every_commit_is_synced_and_readers_do_not_wait(journal: Journal) -> None:
    assert pragma(journal, "synchronous") == 2  # FULL
    assert pragma(journal, "journal_mode") == "wal"
    assert pragma(journal, "trusted_schema") == 0


def test_every_connection_is_set_up_the_same(journal: Journal) -> None:
    store = recorder_of(journal).datastore
    with store.get_connection(commit=False), store.get_connection(commit=False):
        assert pragma(journal, "synchronous") == 2


def test_the_file_is_the_owners_only_and_says_what_it_is(journal: Journal, path: Path) -> None:
    journal.append(CLUSTER, 0, events(), ENVELOPE)
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    assert pragma(journal, "application_id") == APPLICATION_ID
    assert pragma(journal, "user_version") == SCHEMA_VERSION


def test_missing_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "store.sqlite"
    open_journal(f"sqlite:///{path}", create=True).close()
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "name",
    [
        "what?.sqlite",
        "a#b.sqlite",
        "100%.sqlite",
        "%41.sqlite",
        "with space.sqlite",
        "größe.sqlite",
        "a?mode=memory",
        ":memory:",
        "a&b=c;d",
        "quote'\"s",
    ],
)
def test_any_name_is_a_name(tmp_path: Path, name: str) -> None:
    url = f"sqlite:///{tmp_path / name}"
    with open_journal(url, create=True) as journal:
        journal.append(CLUSTER, 0, events(), ENVELOPE)
    assert [file.name for file in tmp_path.iterdir()] == [name]
    with open_journal(url) as journal:
        assert len(journal.read(CLUSTER)) == 1


def test_a_name_that_is_no_text_is_a_name(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.sqlite")
    with open_journal(f"sqlite:///{path}", create=True) as journal:
        journal.append(CLUSTER, 0, events(), ENVELOPE)
    assert [os.fsencode(file.name) for file in tmp_path.iterdir()] == [b"caf\xe9.sqlite"]


def test_an_empty_file_becomes_a_store(path: Path, url: str) -> None:
    path.touch()
    with open_journal(url, create=True) as journal:
        journal.append(CLUSTER, 0, events(), ENVELOPE)
    with open_journal(url) as journal:
        assert len(journal.read(CLUSTER)) == 1


def test_a_store_that_was_only_begun_is_completed(path: Path, url: str) -> None:
    """A process that ended between making the file and making the table leaves this behind."""
    with raw(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
    before = path.read_bytes()
    assert before
    with open_journal(url) as journal:
        assert journal.claims() == []
    assert path.read_bytes() == before, "reading makes nothing"
    with open_journal(url, create=True) as journal:
        journal.append(CLUSTER, 0, events(), ENVELOPE)


# ── reading makes nothing ────────────────────────────────────────────────────────────────────


def test_reading_what_is_not_there_makes_no_file(tmp_path: Path) -> None:
    with open_journal(f"sqlite:///{tmp_path / 'a' / 'store.sqlite'}") as journal:
        assert journal.read(CLUSTER) == []
        assert journal.rows(CLUSTER) == []
        assert journal.claims() == []
        assert journal.claim_of("web") is None
        assert journal.state(CLUSTER).position == 0
        with pytest.raises(StoreUnusable, match="does not exist"):
            journal.append(CLUSTER, 0, events(), ENVELOPE)
        with pytest.raises(StoreUnusable, match="does not exist"):
            journal.found(CLUSTER, "web", events(), ENVELOPE)
    assert list(tmp_path.iterdir()) == []


def test_reading_an_empty_file_leaves_it_empty(path: Path, url: str) -> None:
    path.touch()
    with open_journal(url) as journal:
        assert journal.claims() == []
    assert path.stat().st_size == 0
    assert list(path.parent.iterdir()) == [path]


# ── somebody else's file ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("create", [True, False])
@pytest.mark.parametrize(
    "content",
    [
        b"x",
        b"\n",
        b"apiVersion: v1\n",
        b"line of text\n" * 1000,
        os.urandom(8192),
        b"\x00" * 4096,
        b"SQLite format 3\x00",
        b"SQLite format 3\x00" + os.urandom(4080),
    ],
    ids=["byte", "newline", "short", "text", "garbage", "zeroes", "magic", "magic-garbage"],
)
def test_what_is_no_database_is_not_touched(path: Path, url: str, content: bytes, *, create: bool) -> None:
    path.write_bytes(content)
    with pytest.raises(NotAStore):
        open_journal(url, create=create)
    assert path.read_bytes() == content
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.parametrize("mark", [0, 0x12345678])
def test_another_programs_database_is_not_touched(path: Path, url: str, mode: str, mark: int) -> None:
    with raw(path) as connection:
        connection.execute(f"PRAGMA journal_mode={mode}")
        connection.execute("CREATE TABLE stored_events (a)")
        connection.execute(f"PRAGMA application_id={mark}")
    before = path.read_bytes()
    with pytest.raises(NotAStore, match="another program"):
        open_journal(url, create=True)
    assert path.read_bytes() == before


def test_another_programs_empty_database_is_not_touched(path: Path, url: str) -> None:
    with raw(path) as connection:
        connection.execute("PRAGMA application_id=5")
    before = path.read_bytes()
    with pytest.raises(NotAStore, match="another program"):
        open_journal(url, create=True)
    assert path.read_bytes() == before


def test_a_newer_schema_is_refused_and_not_touched(path: Path, url: str) -> None:
    open_journal(url, create=True).close()
    with raw(path) as connection:
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    before = path.read_bytes()
    for create in (True, False):
        with pytest.raises(NotAStore, match=f"schema {SCHEMA_VERSION + 1} is newer"):
            open_journal(url, create=create)
    assert path.read_bytes() == before


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    for create in (True, False):
        with pytest.raises(StoreUnusable):
            open_journal(f"sqlite:///{tmp_path}", create=create)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_a_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreUnusable):
        open_journal(f"sqlite:///{tmp_path / 'file' / 'store.sqlite'}", create=True)


def test_a_damaged_store_is_told(path: Path, url: str) -> None:
    with open_journal(url, create=True) as journal:
        for position in range(40):
            journal.append(CLUSTER, position, events("z" * 400), ENVELOPE)
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(NotAStore), open_journal(url) as journal:
        journal.read(CLUSTER)


def test_our_mark_without_our_table_is_told(path: Path, url: str) -> None:
    with raw(path) as connection:
        connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
    with pytest.raises(StoreUnusable, match="no such table"):
        open_journal(url, create=True)


def test_a_connection_in_the_middle_of_something_is_told(journal: Journal) -> None:
    """The library lets through what SQLite says to a second BEGIN."""
    with recorder_of(journal).datastore.get_connection(commit=False) as connection:
        connection.cursor().execute("BEGIN")
    with pytest.raises(StoreUnusable):
        journal.append(CLUSTER, 0, events(), ENVELOPE)


# ── what a person without rights meets ───────────────────────────────────────────────────────


@pytest.fixture
def shared() -> Iterator[Path]:
    """A folder that everybody may enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def nobody() -> Iterator[None]:
    """Be a user without rights, where tests run as root; elsewhere they have none anyhow."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def closed_store(folder: Path) -> Path:
    path = folder / "store.sqlite"
    with open_journal(f"sqlite:///{path}", create=True) as journal:
        journal.append(CLUSTER, 0, events(), ENVELOPE)
    path.chmod(0o000)
    return path


def test_an_unreadable_store_is_told(shared: Path, request: pytest.FixtureRequest) -> None:
    path = closed_store(shared)
    request.getfixturevalue("nobody")
    for create in (True, False):
        with pytest.raises(StoreUnusable):
            open_journal(f"sqlite:///{path}", create=create)


def test_a_store_in_a_folder_that_cannot_be_written_is_told(
    shared: Path, request: pytest.FixtureRequest
) -> None:
    path = closed_store(shared)
    path.chmod(0o444)
    shared.chmod(0o555)
    request.getfixturevalue("nobody")
    with pytest.raises(StoreUnusable), open_journal(f"sqlite:///{path}") as journal:
        journal.append(CLUSTER, 1, events(), ENVELOPE)


def test_a_folder_that_cannot_be_made_is_told(shared: Path, request: pytest.FixtureRequest) -> None:
    shared.chmod(0o555)
    request.getfixturevalue("nobody")
    with pytest.raises(StoreUnusable):
        open_journal(f"sqlite:///{shared / 'a' / 'store.sqlite'}", create=True)


# ── events are never changed ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE stored_events SET state = x'00'",
        "UPDATE stored_events SET originator_version = 9 WHERE rowid = 1",
        "DELETE FROM stored_events",
        "DELETE FROM stored_events WHERE rowid = 2",
    ],
)
def test_events_are_neither_changed_nor_deleted(journal: Journal, path: Path, statement: str) -> None:
    journal.append(CLUSTER, 0, events(count=3), ENVELOPE)
    before = journal.read(CLUSTER)
    with raw(path) as connection, pytest.raises(sqlite3.IntegrityError, match="events are never"):
        connection.execute(statement)
    assert journal.read(CLUSTER) == before


def test_a_position_is_never_used_twice(journal: Journal, path: Path) -> None:
    journal.append(CLUSTER, 0, events(count=3), ENVELOPE)
    with raw(path) as connection:  # by force: what the triggers are there against
        connection.execute("DROP TRIGGER events_are_never_deleted")
        connection.execute("DELETE FROM stored_events WHERE rowid = 3")
    journal.append(CLUSTER, 2, events(), ENVELOPE)
    with raw(path) as connection:
        assert [row for (row,) in connection.execute("SELECT rowid FROM stored_events")] == [1, 2, 4]


def test_a_log_with_a_hole_is_told_by_name(journal: Journal, path: Path) -> None:
    journal.append(CLUSTER, 0, events(count=3), ENVELOPE)
    with raw(path) as connection:
        connection.execute("DROP TRIGGER events_are_never_deleted")
        connection.execute("DELETE FROM stored_events WHERE rowid = 2")
    with pytest.raises(NotAStore, match="damaged"):
        journal.state(CLUSTER)


# ── several at once ──────────────────────────────────────────────────────────────────────────


def test_several_processes_may_begin_a_store_at_once(tmp_path: Path) -> None:
    """Each of them gets a store that works, and nothing of what they write is lost."""
    for attempt in range(3):
        url = f"sqlite:///{tmp_path / f'store-{attempt}.sqlite'}"
        assert at_once(begin_store, [(url, number) for number in range(6)]) == ["ok"] * 6
        with open_journal(url) as journal:
            assert [len(journal.read(f"{number:032x}")) for number in range(6)] == [3] * 6


def test_one_of_several_processes_gets_a_name(url: str) -> None:
    answers = at_once(claim, [(url, number) for number in range(4)])
    assert answers == ["AlreadyExists"] * 3 + ["ok"]
    with open_journal(url) as journal:
        (held,) = journal.claims()
        assert len(journal.read(held.cluster_id)) == 1
        others = {f"{number:032x}" for number in range(4)} - {held.cluster_id}
        assert all(journal.read(other) == [] for other in others), "who lost has written nothing"


def test_one_of_several_writers_wins_and_the_others_are_told(journal: Journal, url: str) -> None:
    journal.append(CLUSTER, 0, events(), ENVELOPE)
    assert at_once(write_after, [(url, 1)] * 4) == ["LogMoved"] * 3 + ["ok"]
    assert [item.version for item in journal.read(CLUSTER)] == [1, 2, 3]


def test_a_store_that_stays_locked_is_told(url: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "LOCK_TIMEOUT_SECONDS", 0.05)
    with open_journal(url, create=True) as journal, raw(path) as other:
        journal.append(CLUSTER, 0, events(), ENVELOPE)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnusable, match="locked"):
            journal.append(CLUSTER, 1, events(), ENVELOPE)
        assert len(journal.read(CLUSTER)) == 1, "readers do not wait for writers"
        other.execute("ROLLBACK")
        journal.append(CLUSTER, 1, events(), ENVELOPE)


def test_a_new_store_that_stays_locked_is_told(url: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "LOCK_TIMEOUT_SECONDS", 0.05)
    path.touch()
    with raw(path) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreUnusable, match="locked"):
            open_journal(url, create=True)


# ── a full disk ──────────────────────────────────────────────────────────────────────────────


def test_a_full_store_is_told_and_nothing_is_half_written(journal: Journal) -> None:
    journal.append(CLUSTER, 0, events(), ENVELOPE)
    store = recorder_of(journal).datastore
    with store.get_connection(commit=False) as connection:
        cursor = connection.cursor()
        cursor.execute("PRAGMA page_count")
        cursor.execute(f"PRAGMA max_page_count={cursor.fetchone()[0] + 1}")
    with pytest.raises(StoreUnusable, match="full"):
        journal.append(CLUSTER, 1, events("x" * 1000, 20), ENVELOPE)
    assert len(journal.read(CLUSTER)) == 1
    with store.get_connection(commit=False) as connection:
        connection.cursor().execute("PRAGMA max_page_count=1000000")
    journal.append(CLUSTER, 1, events("x" * 1000, 20), ENVELOPE)
    assert len(journal.read(CLUSTER)) == 21


def test_files_that_cannot_grow_are_told_and_nothing_is_half_written(url: str) -> None:
    """The commit itself fails here, as on a disk that is full."""
    assert at_once(fill_disk, [(url, 300_000)]) == ["StoreUnusable, then StoreUnusable, whole: True"]
    with open_journal(url) as journal:
        position = len(journal.read(CLUSTER))
        journal.append(CLUSTER, position, events(), ENVELOPE)
        with pytest.raises(LogMoved):
            journal.append(CLUSTER, position, events(), ENVELOPE)
