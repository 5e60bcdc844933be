"""The contract for the adapter that ``--kubisnap-cloud`` names, as the plugin runs it.

Imports are absolute: pytest names this module by the folders that it is in, which in a checkout of
kubisnap begin above the package. Relative ones would load everything a second time, and no error
of an adapter would be the one that a test expects.
"""

import time
from collections.abc import Iterator

import pytest

from kubisnap.adapters.testing import CloudContract, Settle, subject
from kubisnap.adapters.testing.plugin import subject_of
from kubisnap.engine.domain.catalogue import Feature
from kubisnap.engine.ports import Cloud

__all__ = ["TestCloud"]


class TestCloud(CloudContract):
    """Every rule of the contract, with what the adapter's catalogue says of itself."""

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Take over what the catalogue says before kinds are made parameters of."""
        told, cls = subject_of(metafunc.config), type(self)
        catalogue = told.catalogue
        cls.region, cls.size, cls.image = told.offer
        cls.kinds, cls.nameless, cls.unique = catalogue.kinds, catalogue.nameless, told.wanted.unique
        cls.needs_subnet = catalogue.subnet_needed
        cls.needs_network = catalogue.groups_in_network
        cls.keys_in_region = catalogue.keys_in_region
        cls.runs_user_data = Feature.USER_DATA in catalogue.features
        cls.many, cls.secrets = told.many, told.secrets
        super().pytest_generate_tests(metafunc)

    @pytest.fixture
    def cloud(self, pytestconfig: pytest.Config) -> Iterator[Cloud]:
        """Open it with the environment's settings."""
        with subject_of(pytestconfig).opened() as cloud:
            yield cloud

    @pytest.fixture
    def other_account_cloud(self, pytestconfig: pytest.Config) -> Iterator[Cloud]:
        """Open it with the settings of a second account."""
        yield from _opened(pytestconfig, subject.OTHER, "those of a second account")

    @pytest.fixture
    def cloud_with_wrong_credentials(self, pytestconfig: pytest.Config) -> Iterator[Cloud]:
        """Open it with credentials that open nothing."""
        yield from _opened(pytestconfig, subject.WRONG, "credentials that open nothing")

    @pytest.fixture
    def unreachable_cloud(self, pytestconfig: pytest.Config) -> Iterator[Cloud]:
        """Open it where no cloud answers."""
        yield from _opened(pytestconfig, subject.UNREACHABLE, "an end point where nothing answers")

    @pytest.fixture
    def settle(self, pytestconfig: pytest.Config) -> Settle:
        """Wait: this cloud has its own clock."""
        pause: float = pytestconfig.option.kubisnap_pause
        return lambda: time.sleep(pause)


def _opened(config: pytest.Config, prefix: str, meaning: str) -> Iterator[Cloud]:
    told = subject_of(config)
    if not told.knows(prefix):
        pytest.skip(f"no setting is in the environment as {prefix}..., for {meaning}")
    with told.opened(prefix) as cloud:
        yield cloud
