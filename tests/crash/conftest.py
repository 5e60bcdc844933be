from collections.abc import Iterator

import pytest

from tests.unit.engine.world import unsynced


@pytest.fixture(autouse=True)
def _fast() -> Iterator[None]:
    """What a power cut leaves of a file is the journal's business and tested there."""
    with unsynced():
        yield
