"""Places to keep events in, and ways to get at them behind kubisnap's back."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.postgres_server import Database
from tests.unit.engine.damage import by_force


@dataclass(frozen=True)
class StorePlace:
    """Where a store is or can be made; `sql` runs statements past kubisnap.

    `force` runs some together with nothing that keeps events from being changed, tables by their bare names;
    `null` is the byte 0.
    """

    kind: str
    url: str
    shown: str
    table: str
    newer: str
    sql: Callable[[str], list[tuple[Any, ...]]]
    refusal: type[Exception]
    force: Callable[..., None]
    null: str


def sqlite_place(path: Path) -> StorePlace:
    def sql(statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            return connection.execute(statement).fetchall()

    def force(*statements: str) -> None:
        with by_force(path) as connection:
            for statement in statements:
                connection.execute(statement)

    url = f"sqlite:///{path}"
    return StorePlace(
        "sqlite",
        url,
        url,
        "stored_events",
        "PRAGMA user_version=99",
        sql,
        sqlite3.IntegrityError,
        force,
        "x'00'",
    )


def postgres_place(database: Database) -> StorePlace:
    def force(*statements: str) -> None:
        with database.connect() as connection, connection.transaction():
            connection.execute("SET LOCAL search_path = kubisnap")
            connection.execute("ALTER TABLE events DISABLE TRIGGER USER")
            for statement in statements:
                connection.execute(statement.encode())
            connection.execute("ALTER TABLE events ENABLE TRIGGER USER")

    newer = "INSERT INTO kubisnap.migrations (version) VALUES (99)"
    return StorePlace(
        "postgres",
        database.url,
        database.shown,
        "kubisnap.events",
        newer,
        database.sql,
        psycopg.errors.InsufficientPrivilege,
        force,
        "'\\x00'::bytea",
    )
