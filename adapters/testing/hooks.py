"""What a contract suite is told about the adapter under test: capabilities as attributes, fixtures."""
# ruff: noqa: S101 - a suite of tests asserts

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar

import pytest

from ...engine.domain.resources import ClusterRef, Kind
from ...engine.errors import CloudError
from ...engine.ports import Cloud
from .bench import Bench, Settle, new_cluster


class Hooks:
    """The part of `CloudContract` that a subclass fills in."""

    region: ClassVar[str]
    """A region that has the size and the image."""
    size: ClassVar[str]
    """A small size."""
    image: ClassVar[str]
    """An image of an operating system."""
    kinds: ClassVar[frozenset[Kind]]
    """What the adapter supports; its catalogue must say the same."""
    unique: ClassVar[frozenset[Kind]] = frozenset()
    """Kinds of which the cloud refuses a second one of the same name (SSH keys: the same material)."""
    nameless: ClassVar[frozenset[Kind]] = frozenset()
    """Kinds for which the cloud keeps neither name nor tag, so that nobody can find them without an id."""
    needs_subnet: ClassVar[bool] = False
    """Whether servers and load balancers stand in a subnet; as in its catalogue."""
    needs_network: ClassVar[bool] = False
    """Whether tags and firewalls are parts of a network (``groups_in_network`` in its catalogue)."""
    runs_user_data: ClassVar[bool] = True
    """Whether servers run user data (`Feature.USER_DATA` in its catalogue); none is sent otherwise."""
    keys_in_region: ClassVar[bool] = False
    """Whether an SSH key is there in one region only; as in its catalogue."""
    many: ClassVar[int] = 33
    """How many servers to list; more than a page, if the account may have so many."""
    secrets: ClassVar[tuple[str, ...]] = ()
    """Credentials in use, which no error may show."""

    @pytest.fixture
    def cloud(self) -> Iterator[Cloud]:
        """Give the adapter under test."""
        raise NotImplementedError

    @pytest.fixture
    def other_account_cloud(self) -> Iterator[Cloud]:
        """Give the adapter with another account's credentials."""
        raise NotImplementedError

    @pytest.fixture
    def settle(self) -> Settle:
        """Give what lets time pass."""
        raise NotImplementedError

    @pytest.fixture
    def cloud_with_wrong_credentials(self) -> Iterator[Cloud]:
        """Give the adapter with credentials that open nothing."""
        pytest.skip("not told how to be denied")

    @pytest.fixture
    def unreachable_cloud(self) -> Iterator[Cloud]:
        """Give the adapter pointed at where no cloud answers."""
        pytest.skip("not told how to be unreachable")

    @pytest.fixture
    def new_bench(self, cloud: Cloud, settle: Settle) -> Iterator[Callable[[ClusterRef], Bench]]:
        """Give a maker of benches; what was made on them is removed at the end, the newest bench first."""
        benches: list[Bench] = []

        def make(cluster: ClusterRef) -> Bench:
            offer = (self.region, self.size, self.image)
            bench = Bench(
                cloud,
                settle,
                cluster=cluster,
                kinds=self.kinds,
                offer=offer,
                number=len(benches),
                needs_subnet=self.needs_subnet,
                needs_network=self.needs_network,
                user_data=self.runs_user_data,
                keys_in_region=self.keys_in_region,
            )
            benches.append(bench)
            return bench

        yield make
        for bench in reversed(benches):
            bench.clear()

    @pytest.fixture
    def bench(self, new_bench: Callable[[ClusterRef], Bench]) -> Bench:
        """Give a bench for a cluster of its own."""
        return new_bench(new_cluster())

    @contextmanager
    def refused(self, kind: type[CloudError], cloud: Cloud) -> Iterator[None]:
        """Expect an error, one that names its cloud and shows no secret."""
        with pytest.raises(kind) as caught:
            yield
        error: BaseException | None = caught.value
        assert caught.value.cloud == cloud.name
        assert cloud.name in str(caught.value)
        while error is not None:  # a traceback shows the causes, too
            told = f"{error} {error!r} {getattr(error, 'facts', '')} {getattr(error, 'hint', '')}"
            assert not [secret for secret in self.secrets if secret in told]
            error = error.__cause__ or error.__context__
