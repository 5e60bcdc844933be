"""The few names that a user of the library needs are there, and cost nothing until they are used."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import kubisnap

SOURCE = Path(str(kubisnap.__file__))
HEAVY = ("requests", "digitalocean", "eventsourcing", "typer", "msgspec", "yaml", "cryptography")


def imported_for_types() -> dict[str, str]:
    """Return the names that type checkers see, each with its home as ``module`` or ``module:name``."""
    found = {}
    for node in ast.walk(ast.parse(SOURCE.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level == 1:
            for alias in node.names:
                found[alias.asname or alias.name] = f"{node.module}:{alias.name}"
    return found


def test_every_public_name_can_be_imported() -> None:
    for name in kubisnap.__all__:
        assert getattr(kubisnap, name) is not None


def test_type_checkers_and_the_interpreter_find_each_name_in_the_same_place() -> None:
    homes = {}
    for name, home in kubisnap._HOME.items():
        module, _, attribute = home.partition(":")
        homes[name] = f"{module}:{attribute or name}"

    assert homes == imported_for_types()


def test_what_is_listed_is_what_there_is() -> None:
    assert set(kubisnap.__all__) == {*kubisnap._HOME, "__version__"}
    assert len(set(kubisnap.__all__)) == len(kubisnap.__all__)
    assert dir(kubisnap) == sorted(kubisnap.__all__)


def test_the_list_is_sorted_as_ruff_sorts_it() -> None:
    """Constants, then classes, then the rest (RUF022)."""

    def rank(name: str) -> tuple[int, str]:
        return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)

    assert list(kubisnap.__all__) == sorted(kubisnap.__all__, key=rank)


def test_a_name_that_there_is_not_is_told() -> None:
    with pytest.raises(AttributeError, match="module 'kubisnap' has no attribute 'nothing'"):
        kubisnap.nothing  # noqa: B018


@pytest.mark.parametrize(
    "statement", ["import kubisnap", "import kubisnap; kubisnap.__version__; dir(kubisnap)"]
)
def test_importing_the_library_loads_nothing_heavy(statement: str) -> None:
    program = f"import sys; {statement}; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.split() == []


def test_describing_a_cluster_loads_no_cloud_and_no_database() -> None:
    program = (
        "import sys, kubisnap; kubisnap.ClusterSpec; kubisnap.validate; kubisnap.load_manifest; "
        "print(*sorted({'requests', 'digitalocean', 'eventsourcing', 'typer'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stdout.split() == []
