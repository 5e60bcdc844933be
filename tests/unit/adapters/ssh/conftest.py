"""Servers in this process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ssh_impostor import Fakes, fakes


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Fakes]:
    with fakes(tmp_path) as made:
        yield made
