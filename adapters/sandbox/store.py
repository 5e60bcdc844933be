"""The sandbox's memory: rows in SQLite, read and written in transactions.

A `Store` is safe from many threads (one connection behind a lock) and many processes (WAL,
``BEGIN IMMEDIATE``). Knows nothing of what a cloud allows; that is in `rules`.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...engine.domain.resources import Kind
from ...engine.errors import Unavailable
from .catalogue import CLOUD, DEFAULT_QUOTAS
from .rows import COLUMNS, Row, encoder, row_from
from .schema import NotASandbox, connect


class Session:
    """One transaction in one account at one moment. What has gone by `now` is not seen."""

    def __init__(self, connection: sqlite3.Connection, account: str, now: float) -> None:
        self._connection = connection
        self.account = account
        self.now = now

    def _select(self, where: str, *values: str) -> list[Row]:
        found = self._connection.execute(
            f"SELECT {COLUMNS} FROM resources WHERE account = ? AND (gone_at IS NULL OR gone_at > ?) "  # noqa: S608
            f"AND {where} ORDER BY kind, name, id",
            (self.account, self.now, *values),
        )
        return [row_from(values) for values in found]

    def get(self, kind: Kind, resource_id: str) -> Row | None:
        """Return the resource of that id, or None."""
        return next(iter(self._select("kind = ? AND id = ?", kind, resource_id)), None)

    def holder(self, kind: Kind, unique_key: str) -> Row | None:
        """Return who holds that unique name or key material, or None."""
        return next(iter(self._select("kind = ? AND unique_key = ?", kind, unique_key)), None)

    def named(self, kind: Kind, name: str) -> list[Row]:
        """Return all of that kind and name."""
        return self._select("kind = ? AND name = ?", kind, name)

    def of_cluster(self, cluster: str) -> list[Row]:
        """Return everything of the cluster with that id."""
        return self._select("cluster = ?", cluster)

    def everything(self) -> list[Row]:
        """Return all that the account holds."""
        return self._select("true")

    def pointing_to(self, kind: Kind, resource_id: str) -> list[Row]:
        """Return what links to a resource."""
        return self._select(
            "(kind, id) IN (SELECT kind, id FROM links WHERE account = resources.account "
            "AND target_kind = ? AND target = ?)",
            kind,
            resource_id,
        )

    def count(self, kind: Kind) -> int:
        """Return how many of a kind there are."""
        (number,) = self._connection.execute(
            "SELECT count(*) FROM resources WHERE account = ? AND kind = ? "
            "AND (gone_at IS NULL OR gone_at > ?)",
            (self.account, kind, self.now),
        ).fetchone()
        return int(number)

    def insert(self, row: Row) -> None:
        """Add a resource and its links."""
        values = (self.account, *(getattr(row, name) for name in COLUMNS.split(", ")[:-1]))
        self._connection.execute(
            f"INSERT INTO resources (account, {COLUMNS}) VALUES ({', '.join('?' * 12)})",  # noqa: S608
            (*values, encoder.encode(row.body)),
        )
        for link, target in row.body.links.items():
            self._connection.execute(
                "INSERT INTO links VALUES (?, ?, ?, ?, ?)",
                (self.account, row.kind, row.id, Kind(link.replace("_", "-")), target),
            )

    def change(self, row: Row) -> None:
        """Store a resource's new body and times; its links stay."""
        self._connection.execute(
            "UPDATE resources SET busy_until = ?, gone_at = ?, body = ? "
            "WHERE account = ? AND kind = ? AND id = ?",
            (row.busy_until, row.gone_at, encoder.encode(row.body), self.account, row.kind, row.id),
        )

    def remove(self, row: Row) -> None:
        """Take a resource out, with its links and addresses."""
        self._connection.execute(
            "DELETE FROM resources WHERE account = ? AND kind = ? AND id = ?",
            (self.account, row.kind, row.id),
        )

    def clear(self) -> None:
        """Take everything out of the account; its quotas stay, and no id is given twice."""
        self._connection.execute("DELETE FROM resources WHERE account = ?", (self.account,))

    def purge(self) -> None:
        """Take out what has gone by now, in all accounts."""
        self._connection.execute("DELETE FROM resources WHERE gone_at <= ?", (self.now,))

    def next_number(self, scope: str) -> int:
        """Return 1, 2, 3, ... for a scope, never the same twice in this account."""
        (number,) = self._connection.execute(
            "INSERT INTO counters VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET n = n + 1 RETURNING n",
            (self.account, scope),
        ).fetchone()
        return int(number)

    def take_address(self, scope: str, address: str, row: Row) -> None:
        """Give an address to a resource already inserted."""
        self._connection.execute(
            "INSERT INTO addresses VALUES (?, ?, ?, ?, ?)", (self.account, scope, address, row.kind, row.id)
        )

    def addresses(self, scope: str) -> frozenset[str]:
        """Return the addresses in use."""
        found = self._connection.execute(
            "SELECT address FROM addresses WHERE account = ? AND scope = ?", (self.account, scope)
        )
        return frozenset(address for (address,) in found)

    def quota(self, kind: Kind) -> int | None:
        """Return how many of a kind there may be, None without a limit."""
        found = self._connection.execute(
            "SELECT n FROM quotas WHERE account = ? AND kind = ?", (self.account, kind)
        ).fetchone()
        return int(found[0]) if found else DEFAULT_QUOTAS.get(kind)

    def set_quota(self, kind: Kind, number: int) -> None:
        """Set how many of a kind there may be."""
        self._connection.execute(
            "INSERT INTO quotas VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET n = excluded.n",
            (self.account, kind, number),
        )


class Store:
    """The file. Opened, and made, when first used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._closed = False

    @contextmanager
    def session(self, account: str, now: float, *, write: bool) -> Iterator[Session]:
        """Run one transaction; what the body raises undoes it. Raises `Unavailable` when the file fails."""
        with self._lock:
            try:
                connection = self._open()
                connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
                try:
                    session = Session(connection, account, now)
                    if write:
                        session.purge()
                    yield session
                    connection.execute("COMMIT")
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
            except (sqlite3.Error, OSError, NotASandbox) as error:
                raise Unavailable(CLOUD, f"the sandbox's file cannot be used: {error}") from error

    def _open(self) -> sqlite3.Connection:
        if self._closed:
            raise Unavailable(CLOUD, "this sandbox has been closed")
        if self._connection is None:
            self._connection = connect(self._path)
        return self._connection

    def close(self) -> None:
        """Close the file; a second time is fine."""
        with self._lock:
            self._closed = True
            if self._connection is not None:
                self._connection.close()
                self._connection = None
