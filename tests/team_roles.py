"""The roles of a team store, made as the page says: who owns it, who works with it, who only reads."""

import re
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from kubisnap.engine.journal.log import open_journal
from tests.postgres_server import Database

PAGE = Path(__file__).resolve().parents[1] / "docs" / "stores.md"


@contextmanager
def as_the_page_says(team: Database) -> Iterator[Callable[[str], str]]:
    """Set up the roles and say the address for a member of one: owner, operator, auditor."""
    mark = secrets.token_hex(4)

    def statements(name: str) -> str:
        (found,) = re.findall(rf"<!-- sql: {name} -->\n```sql\n(.+?)```", PAGE.read_text("utf-8"), re.DOTALL)
        renamed = re.sub(r"kubisnap_(owner|operator|auditor)", rf"\1_{mark}", found)
        return renamed.replace("DATABASE kubisnap", f"DATABASE {team.name}")

    team.sql(statements("setup"))
    members = {"owner": f"owner_{mark}"}
    team.sql(f"ALTER ROLE owner_{mark} PASSWORD 'canary-of-a-role'")
    for role in ("operator", "auditor"):
        members[role] = f"a_{role}_{mark}"
        team.sql(f"CREATE ROLE a_{role}_{mark} LOGIN PASSWORD 'canary-of-a-role' IN ROLE {role}_{mark}")
    owner = team.url_for(members["owner"])
    open_journal(owner, create=True).close()
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(statements("grants").encode())
    yield lambda role: team.url_for(members[role])
    every = [*members.values(), f"operator_{mark}", f"auditor_{mark}"]
    team.empty()
    team.sql(f"DROP OWNED BY {', '.join(every)}; DROP ROLE {', '.join(every)}")
