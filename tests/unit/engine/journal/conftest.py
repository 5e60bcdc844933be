from collections.abc import Iterator
from pathlib import Path

import pytest

from kubisnap.engine.journal.log import Journal, open_journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the store is."""
    return tmp_path / "store.sqlite"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.fixture
def journal(url: str) -> Iterator[Journal]:
    with open_journal(url, create=True) as opened:
        yield opened
