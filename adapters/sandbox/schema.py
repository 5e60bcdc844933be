"""The sandbox's file: its tables, and how it comes into being.

The file is made complete under another name and then linked into place, so that of several
processes that start at once none meets a half-made one.
"""

import os
import sqlite3
import uuid
from contextlib import closing
from pathlib import Path

APPLICATION_ID = 0x6B734342  # "ksCB", told by `file`: nobody's database is taken for a sandbox
VERSION = 1
BUSY_SECONDS = 60.0

_TABLES = """
CREATE TABLE resources (
    account TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
    name TEXT NOT NULL, cluster TEXT NOT NULL, unique_key TEXT,
    ready_at REAL NOT NULL, busy_until REAL NOT NULL, listed_at REAL NOT NULL, gone_at REAL,
    failure TEXT NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (account, kind, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX resources_unique ON resources (account, kind, unique_key) WHERE unique_key IS NOT NULL;
CREATE INDEX resources_by_name ON resources (account, kind, name);
CREATE INDEX resources_by_cluster ON resources (account, cluster);
CREATE INDEX resources_leaving ON resources (gone_at) WHERE gone_at IS NOT NULL;
CREATE TABLE links (
    account TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
    target_kind TEXT NOT NULL, target TEXT NOT NULL,
    PRIMARY KEY (account, kind, id, target_kind),
    FOREIGN KEY (account, kind, id) REFERENCES resources ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX links_by_target ON links (account, target_kind, target);
CREATE TABLE addresses (
    account TEXT NOT NULL, scope TEXT NOT NULL, address TEXT NOT NULL, kind TEXT NOT NULL, id TEXT NOT NULL,
    PRIMARY KEY (account, scope, address),
    FOREIGN KEY (account, kind, id) REFERENCES resources ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX addresses_by_holder ON addresses (account, kind, id);
CREATE TABLE quotas (
    account TEXT NOT NULL, kind TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (account, kind)
) WITHOUT ROWID;
CREATE TABLE counters (
    account TEXT NOT NULL, scope TEXT NOT NULL, n INTEGER NOT NULL, PRIMARY KEY (account, scope)
) WITHOUT ROWID;
"""


_MAKING = f"""
BEGIN;
{_TABLES}
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
COMMIT;
"""
"""In one transaction: each costs a sync of the disk."""


class NotASandbox(Exception):
    """The file is there and is something else."""


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection to the sandbox file at `path`, which is made if there is none.

    Raises `OSError`, `sqlite3.Error`, or `NotASandbox`.
    """
    if not path.exists():
        _make(path)
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=rw",  # never an empty file where there was none
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        _prepare(connection, path)
    except (sqlite3.Error, NotASandbox):
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = NORMAL")
    (found,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if (found, version) != (APPLICATION_ID, VERSION):
        raise NotASandbox(f"{path} is not a sandbox of this version")


def _make(path: Path) -> None:
    _make_folder(path.parent)
    draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}.new")
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            connection.executescript(_MAKING)
            connection.execute("PRAGMA journal_mode = WAL")
        try:
            os.link(draft, path)
        except FileExistsError:
            return  # another process was first; its file is as good
    finally:
        draft.unlink()


def _make_folder(folder: Path) -> None:
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for step in reversed(missing):
        step.mkdir(mode=0o700, exist_ok=True)
