"""A server with no more than an outside, and the adapter in front of it."""

from collections.abc import Iterator

import pytest

from kubisnap.adapters import openstack
from kubisnap.engine.ports import Cloud
from tests.unit.adapters.openstack.asking import NETWORK, once
from tests.unit.adapters.openstack.replay import Replay, replay


@pytest.fixture
def server() -> Iterator[Replay]:
    with replay({}) as serving:
        serving.answers[f"GET {NETWORK}/networks?router:external=true"] = once(
            {"networks": [{"id": "outside", "name": "public"}]}
        )
        yield serving


@pytest.fixture
def cloud(server: Replay) -> Iterator[Cloud]:
    opened = openstack.factory(server.settings)
    yield opened
    opened.close()
