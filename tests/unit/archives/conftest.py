"""Thousands of damaged copies of an archive have the same keys: they are unsealed once."""

from pathlib import Path

import pytest

from kubisnap.archives import opening
from tests.unit.archives import making


@pytest.fixture
def _unsealed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "unseal", making.remembering)


@pytest.fixture
def golden_v1() -> bytes:
    """The frozen archive of format 1.0."""
    return Path(__file__).parents[2].joinpath("golden", "archive-v1.ksnap").read_bytes()
