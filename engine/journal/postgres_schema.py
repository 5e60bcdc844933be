"""The tables of a team store and how they come to be: numbered steps, one writer at a time.

Everything lives in a schema of its own, ``kubisnap``. A database of another program is not written to.
"""

from typing import LiteralString

from psycopg import Connection
from psycopg.rows import DictRow

from ..errors import NotAStore
from .audit import postgres as audit

TURN: LiteralString = "SELECT pg_catalog.pg_advisory_xact_lock(1802727024, 1)"
"""Waits until nobody else writes; lets go at the end of the transaction. ``ksnp``, and the first lock.

Not LOCK TABLE: that needs the right to change or delete events, which nobody should have.
"""

VERSION: LiteralString = "SELECT COALESCE(max(version), 0) AS version FROM kubisnap.migrations"

_FIRST: LiteralString = """
CREATE TABLE kubisnap.migrations (
    version integer PRIMARY KEY,
    applied timestamptz NOT NULL DEFAULT now(),
    applied_by text NOT NULL DEFAULT session_user
);
COMMENT ON TABLE kubisnap.migrations IS 'the schema of this kubisnap event store, step by step';

CREATE TABLE kubisnap.events (
    notification_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    originator_id text COLLATE "C" NOT NULL,
    originator_version bigint NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    UNIQUE (originator_id, originator_version)
);

CREATE FUNCTION kubisnap.one_writer_at_a_time() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(1802727024, 1);
    RETURN NULL;
END $$;
CREATE TRIGGER one_writer_at_a_time BEFORE INSERT ON kubisnap.events
    FOR EACH STATEMENT EXECUTE FUNCTION kubisnap.one_writer_at_a_time();

CREATE FUNCTION kubisnap.events_are_never_changed() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'events are never changed and never deleted' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER events_are_never_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON kubisnap.events
    FOR EACH STATEMENT EXECUTE FUNCTION kubisnap.events_are_never_changed();
"""

_CHECKPOINTS: LiteralString = """
CREATE TABLE kubisnap.checkpoints (
    stream text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    fold bytea NOT NULL,
    hash bytea NOT NULL,
    digest bytea NOT NULL,
    state bytea NOT NULL,
    PRIMARY KEY (stream, version)
);
"""

MIGRATIONS: tuple[LiteralString, ...] = (_FIRST + audit.TABLES + _CHECKPOINTS,)
"""Each leads from the version before it to its own number; the first is 1. Never changed, only added to."""

_LOOK = """
SELECT
    EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'kubisnap') AS room,
    COALESCE(bool_or(n.nspname = 'kubisnap' AND c.relname = 'migrations'), false) AS ours,
    count(*) FILTER (WHERE n.nspname = 'kubisnap') AS inside,
    count(*) AS tables
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND n.nspname !~ '^pg_(toast|temp)'
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
"""


def version_of(connection: Connection[DictRow], url: str) -> int:
    """Return the version of the store in a database, 0 where there is none yet and may be one.

    Raises `NotAStore` for a database of another program, and for one of a newer kubisnap.
    """
    return _look(connection, url)[0]


def migrate(connection: Connection[DictRow], url: str) -> int:
    """Bring the store to the newest version, all steps or none; return that version.

    Any number of processes may begin at once: each waits for its turn, then sees what is left to do.
    """
    with connection.transaction():
        connection.execute(TURN)
        connection.execute("SET LOCAL statement_timeout = 0")
        version, has_schema = _look(connection, url)
        if not version:
            _refuse_encoding(connection, url)
        if not has_schema:
            connection.execute("CREATE SCHEMA kubisnap")
        for number, step in enumerate(MIGRATIONS[version:], start=version + 1):
            connection.execute(step, prepare=False)
            connection.execute("INSERT INTO kubisnap.migrations (version) VALUES (%s)", (number,))
    return len(MIGRATIONS)


def _refuse_encoding(connection: Connection[DictRow], url: str) -> None:
    """Raise `NotAStore` for a database that cannot keep every text: words are searched for as they are."""
    found = connection.info.parameter_status("server_encoding")
    if found not in {"UTF8", "SQL_ASCII"}:
        raise NotAStore(url, f"its encoding is {found}: createdb --encoding=UTF8 --template=template0")


def _look(connection: Connection[DictRow], url: str) -> tuple[int, bool]:
    """Return the store's version, and whether its schema is there, perhaps still empty."""
    (found,) = connection.execute(_LOOK).fetchall()
    if not found["ours"]:
        if found["inside"] or (found["tables"] and not found["room"]):
            raise NotAStore(url, "it is a database of another program")
        return 0, found["room"]
    (row,) = connection.execute(VERSION).fetchall()
    refuse_newer(row["version"], url)
    return row["version"], True


def refuse_newer(version: int, url: str) -> None:
    """Raise `NotAStore` where a newer kubisnap has changed the store."""
    if version > len(MIGRATIONS):
        raise NotAStore(url, f"its schema {version} is newer than this version's {len(MIGRATIONS)}")
