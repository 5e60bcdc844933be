"""Places to keep events in, and ways to get at them behind kubisnap's back."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from tests.postgres_server import Database


@dataclass(frozen=True)
class StorePlace:
    """Where a store is or can be made; `sql` runs statements past kubisnap."""

    kind: str
    url: str
    shown: str
    table: str
    newer: str
    sql: Callable[[str], list[tuple[Any, ...]]]
    refusal: type[Exception]


def sqlite_place(path: Path) -> StorePlace:
    def sql(statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            return connection.execute(statement).fetchall()

    url = f"sqlite:///{path}"
    return StorePlace(
        "sqlite", url, url, "stored_events", "PRAGMA user_version=99", sql, sqlite3.IntegrityError
    )


def postgres_place(database: Database) -> StorePlace:
    newer = "INSERT INTO kubisnap.migrations (version) VALUES (99)"
    return StorePlace(
        "postgres",
        database.url,
        database.shown,
        "kubisnap.events",
        newer,
        database.sql,
        psycopg.errors.InsufficientPrivilege,
    )
