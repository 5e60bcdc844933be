"""What a server says about itself and a team store on it, for a check-up. Writes nothing."""

from typing import NamedTuple

from .addresses import shown
from .postgres import telling
from .postgres_connections import Connections, is_local, parameters_of
from .postgres_schema import version_of

_ASK = """
SELECT current_setting('server_version') AS server, current_user AS name,
    current_setting('fsync') = 'on' AS fsync,
    extract(epoch FROM clock_timestamp())::float8 AS time,
    pg_is_in_recovery() OR current_setting('default_transaction_read_only') = 'on' AS frozen
"""
_ASK_STORE = """
SELECT pg_total_relation_size('kubisnap.events') AS bytes,
    has_table_privilege('kubisnap.events', 'INSERT') AS writes
"""


class Facts(NamedTuple):
    """`version`: of the store's schema, 0 for none. `server_time`: seconds since 1970.

    `encrypted` and `verified` are of the connection; `local`: it does not leave this machine. `fsync`:
    the server keeps what it has confirmed. `writes`: the user may.
    """

    server: str
    user: str
    version: int
    size: int
    writes: bool
    fsync: bool
    local: bool
    encrypted: bool
    verified: bool
    server_time: float


def look_at(url: str) -> Facts:
    """Ask the server. Raises `InvalidInput`, `NotAStore`, `StoreDenied`, `StoreUnusable`."""
    name, parameters = shown(url), parameters_of(url)
    connections = Connections(parameters)
    try:
        with telling(name), connections.connection() as connection:
            version = version_of(connection, name)
            (row,) = connection.execute(_ASK).fetchall()
            size, writes = 0, True
            if version:
                (store,) = connection.execute(_ASK_STORE).fetchall()
                size, writes = store["bytes"], store["writes"]
            return Facts(
                server=row["server"].partition(" ")[0],
                user=row["name"],
                version=version,
                size=size,
                writes=writes and not row["frozen"],
                fsync=row["fsync"],
                local=is_local(parameters),
                encrypted=bool(connection.pgconn.ssl_in_use),
                verified=connection.info.get_parameters().get("sslmode") == "verify-full",
                server_time=row["time"],
            )
    finally:
        connections.close()
