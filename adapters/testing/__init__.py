"""The contract that every cloud adapter keeps, as a pytest suite to inherit from.

    import pytest
    from kubisnap.adapters.testing import CloudContract, Settle

    class TestMyCloud(CloudContract):
        region, size, image = "nyc1", "small", "ubuntu-24-04-x64"
        kinds = frozenset({Kind.NETWORK, Kind.SERVER})

        @pytest.fixture
        def cloud(self): ...               # the adapter under test
        @pytest.fixture
        def other_account_cloud(self): ... # the same adapter with another account's credentials
        @pytest.fixture
        def settle(self) -> Settle: ...    # lets time pass

Or, with nothing to write, for an adapter that is installed: `kubisnap.adapters.testing.plugin`.

`CloudContract` says what else may be set. The suite removes what it makes, and works under names of
clusters that exist for one test only: what else an account holds is left alone. It needs pytest and
hypothesis, which kubisnap itself does not; nothing but tests may import this package.
"""

import pytest

pytest.register_assert_rewrite(f"{__name__}.contract", f"{__name__}.bench", f"{__name__}.crowds")

from .bench import Bench, ManualClock, Settle, canonical_rules, new_cluster, public_key  # noqa: E402
from .contract import CloudContract  # noqa: E402
from .strategies import firewall_rules  # noqa: E402

__all__ = [
    "Bench",
    "CloudContract",
    "ManualClock",
    "Settle",
    "canonical_rules",
    "firewall_rules",
    "new_cluster",
    "public_key",
]
