"""OpenStack's adapter keeps the contract on a real control plane: Keystone, Nova, Neutron, Glance, Cinder, Octavia.

Servers are Nova's, made by a hypervisor that only pretends, in seconds: time passes by waiting.
"""

import time
from collections.abc import Iterator
from typing import ClassVar

import pytest

from kubisnap.adapters import openstack
from kubisnap.adapters.testing import Bench, CloudContract, Settle
from kubisnap.adapters.testing.bench import BALANCER, FIREWALL, SERVER
from kubisnap.engine.domain.resources import Kind, Status
from kubisnap.engine.errors import Rejected
from kubisnap.engine.ports import Cloud
from tests.contract.openstack_site import OpenStackSite, site

pytestmark = [pytest.mark.openstack, pytest.mark.long]

_NAP = 0.3
"""Seconds between looks at a real cloud."""


@pytest.fixture(scope="module")
def cloud_site() -> Iterator[OpenStackSite]:
    with site() as made:
        yield made


class TestOpenStack(CloudContract):
    kinds = frozenset(Kind)
    # names are unique for keys only; what takes several steps, and what joins two things, is looked for first
    unique: ClassVar[frozenset[Kind]] = frozenset(
        {
            Kind.SSH_KEY,
            Kind.SUBNET,
            Kind.FIREWALL,
            Kind.VOLUME_ATTACHMENT,
            Kind.LOAD_BALANCER,
            Kind.LOAD_BALANCER_MEMBER,
            Kind.RESERVED_IP_ASSIGNMENT,
        }
    )
    needs_subnet = True
    many = 4  # a real server takes seconds; paging is tested on recorded answers

    @pytest.fixture(autouse=True)
    def offers(self, cloud_site: OpenStackSite, monkeypatch: pytest.MonkeyPatch) -> None:
        """Name what the site offers."""
        cls = type(self)
        monkeypatch.setattr(cls, "region", cloud_site.region, raising=False)
        monkeypatch.setattr(cls, "size", cloud_site.size, raising=False)
        monkeypatch.setattr(cls, "image", cloud_site.image, raising=False)
        monkeypatch.setattr(cls, "secrets", (*cloud_site.passwords, "#!/bin/sh"))

    @pytest.fixture
    def settle(self) -> Settle:
        return lambda: time.sleep(_NAP)

    @pytest.fixture
    def cloud(self, cloud_site: OpenStackSite) -> Iterator[Cloud]:
        yield from _opened(cloud_site.settings[0])

    @pytest.fixture
    def other_account_cloud(self, cloud_site: OpenStackSite) -> Iterator[Cloud]:
        yield from _opened(cloud_site.settings[1])

    @pytest.fixture
    def cloud_with_wrong_credentials(self, cloud_site: OpenStackSite) -> Iterator[Cloud]:
        yield from _opened({**cloud_site.settings[0], "OS_PASSWORD": "not-the-password"})

    @pytest.fixture
    def unreachable_cloud(self, cloud_site: OpenStackSite) -> Iterator[Cloud]:
        yield from _opened({**cloud_site.settings[0], "OS_AUTH_URL": "http://127.0.0.1:9/v3"})


def _opened(settings: dict[str, str]) -> Iterator[Cloud]:
    cloud = openstack.factory(settings)
    yield cloud
    cloud.close()


__all__ = ["BALANCER", "FIREWALL", "SERVER", "Bench", "Rejected", "Status"]
