"""Connections to a PostgreSQL server: few, made when they are needed, replaced when they are lost.

Not psycopg's pool: that one tells of a wrong password only after its time is up, without the reason,
and starts threads for commands that need one connection for a second.
"""

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from eventsourcing.persistence import (
    DatabaseError,
    IntegrityError,
    InterfaceError,
    OperationalError,
    PersistenceError,
)
from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow, dict_row

from .addresses import no_store

MOST_CONNECTIONS = 4
CONNECT_SECONDS = 10
LOCK_SECONDS = 30
STATEMENT_SECONDS = 60
IDLE_SECONDS = 10
"""A process that sleeps in the middle of a transaction keeps others waiting so long, and not longer."""

GIVE_UP_SECONDS = 30.0
"""So long a connection that was lost is tried to be had again. Less than half of a lease."""

_DEFAULTS: Mapping[str, Any] = {
    "application_name": "kubisnap",
    "connect_timeout": CONNECT_SECONDS,
    "keepalives_idle": 20,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
_SESSION = """
SELECT set_config('lock_timeout', %s, false), set_config('statement_timeout', %s, false),
    set_config('idle_in_transaction_session_timeout', %s, false),
    set_config('default_transaction_isolation', 'read committed', false),
    set_config('search_path', 'kubisnap, pg_catalog', false),
    set_config('synchronous_commit',
        CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
        ELSE current_setting('synchronous_commit') END, false)
"""
_GONE = ("08", "57P", "25P03")
"""Beginnings of the codes with which a server says that this connection is over."""


class Unreachable(PersistenceError):
    """The server cannot be had: never, or not again within `GIVE_UP_SECONDS`."""


class Declined(PersistenceError):
    """The server answered that it will not do this: a lock that is held, a full disk."""


class Denied(PersistenceError):
    """The user, or the server as a whole, may not do this."""


def parameters_of(url: str) -> dict[str, Any]:
    """Return what to connect with. Raises `InvalidInput`, which shows no part of a password.

    Hosts elsewhere are spoken to over TLS, unless the address or the environment says otherwise.
    """
    try:
        given = conninfo_to_dict(url)
    except psycopg.ProgrammingError:  # whose text quotes what it could not read: perhaps a password
        raise no_store(url) from None
    if not given.get("sslmode") and not _told_elsewhere(given) and not is_local(given):
        given["sslmode"] = "require"
    return {**_DEFAULTS, **{name: value for name, value in given.items() if value is not None}}


def _told_elsewhere(given: Mapping[str, Any]) -> bool:
    names = ("PGSSLMODE", "PGSERVICE")
    return bool(given.get("service")) or any(os.environ.get(name) for name in names)


def is_local(given: Mapping[str, Any]) -> bool:
    """Tell whether what is connected to is this machine."""
    asked = given.get("hostaddr") or given.get("host")
    hosts = str(asked or os.environ.get("PGHOSTADDR") or os.environ.get("PGHOST") or "").split(",")
    return all(host in {"", "localhost", "::1"} or host.startswith(("/", "@", "127.")) for host in hosts)


class Connections:
    """At most `MOST_CONNECTIONS` to one server. Safe to use from several threads."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self._parameters = parameters
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self._lock = threading.Lock()
        self._idle: list[Connection[DictRow]] = []
        self._closed = False
        self._has_worked = False
        self._lost_at: float | None = None

    @contextmanager
    def connection(self) -> Iterator[Connection[DictRow]]:
        """Lend a connection, outside of any transaction. Raises the library's errors for psycopg's."""
        with self._free:
            connection = self._take()
            try:
                with _telling(connection):
                    yield connection
            finally:
                self._put_back(connection)

    def close(self) -> None:
        """Close all of them, now or when they are given back."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> Connection[DictRow]:
        with self._lock:
            if self._closed:
                raise Unreachable("the store was closed")
            if self._idle:
                return self._idle.pop()
        return self._new()

    def _put_back(self, connection: Connection[DictRow]) -> None:
        well = not connection.closed and connection.info.transaction_status == TransactionStatus.IDLE
        dropped = [] if well else [connection]
        with self._lock:
            if not well:
                if self._lost_at is None:
                    self._lost_at = time.monotonic()
                dropped += self._idle  # what ended one ended the others, too: a restart, a network
                self._idle = []
            elif self._closed:
                dropped.append(connection)
            else:
                self._lost_at = None
                self._idle.append(connection)
        for one in dropped:
            one.close()

    def _new(self) -> Connection[DictRow]:
        """Connect; wait for a server that was there before and is not now."""
        pause = 0.05
        while True:
            try:
                connection = self._connect()
            except psycopg.Error as error:
                if not self._may_try_again():
                    raise Unreachable(told(error)) from error
            else:
                self._has_worked = True
                return connection
            time.sleep(pause)
            pause = min(2 * pause, 1.0)

    def _may_try_again(self) -> bool:
        now = time.monotonic()
        with self._lock:
            if self._lost_at is None:
                self._lost_at = now
            return self._has_worked and not self._closed and now - self._lost_at < GIVE_UP_SECONDS

    @property
    def gave_up(self) -> bool:
        """Whether nothing has come to its end for `GIVE_UP_SECONDS`."""
        with self._lock:
            return self._lost_at is not None and time.monotonic() - self._lost_at >= GIVE_UP_SECONDS

    def _connect(self) -> Connection[DictRow]:
        connection = psycopg.connect(
            **self._parameters, autocommit=True, row_factory=dict_row, client_encoding="utf-8"
        )
        seconds = (LOCK_SECONDS, STATEMENT_SECONDS, IDLE_SECONDS)
        try:
            connection.execute(_SESSION, [f"{number}s" for number in seconds])
        except psycopg.Error:
            connection.close()
            raise
        return connection


@contextmanager
def _telling(connection: Connection[DictRow]) -> Iterator[None]:
    """Raise the library's errors for psycopg's. `OperationalError`: the connection is lost, try again."""
    try:
        yield
    except psycopg.errors.UniqueViolation as error:
        raise IntegrityError(told(error)) from error
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction) as error:
        raise Denied(told(error)) from error
    except psycopg.Error as error:
        if connection.closed or _lost(error):
            connection.close()
            raise OperationalError(told(error)) from error
        if isinstance(error, psycopg.InterfaceError):
            raise InterfaceError(told(error)) from error
        if isinstance(error, psycopg.OperationalError | psycopg.DataError):
            raise Declined(told(error)) from error
        raise DatabaseError(told(error)) from error


def _lost(error: psycopg.Error) -> bool:
    """Whether an error is of the connection: a server says so by its code, and libpq has no code at all."""
    if error.sqlstate is None:
        return isinstance(error, psycopg.OperationalError)
    return error.sqlstate.startswith(_GONE)


def told(error: psycopg.Error) -> str:
    """Return what a server or libpq said, in one line. Neither of them says a password."""
    return " ".join((error.diag.message_primary or str(error) or type(error).__name__).split())
