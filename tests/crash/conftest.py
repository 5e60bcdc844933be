"""How thorough it is: every moment with ``KUBISNAP_CRASH=every`` (``make crash``), else some of them."""

import os
from collections.abc import Iterator

import pytest

from tests.unit.engine.world import unsynced


@pytest.fixture(autouse=True)
def _fast() -> Iterator[None]:
    """What a power cut leaves of a file is the journal's business and tested there."""
    with unsynced():
        yield


@pytest.fixture
def every() -> bool:
    """Whether no moment is left out."""
    return os.environ.get("KUBISNAP_CRASH") == "every"
