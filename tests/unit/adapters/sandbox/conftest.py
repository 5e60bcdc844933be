from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kubisnap.adapters.sandbox import Sandbox
from kubisnap.adapters.testing import Bench, ManualClock, new_cluster
from kubisnap.engine.domain.resources import Kind

OFFER = ("sim-us-east", "sb-1x1", "sim-debian-12")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sandbox.sqlite"


@pytest.fixture
def opened(path: Path, clock: ManualClock) -> Iterator[Callable[..., Sandbox]]:
    """Open sandboxes on one file; all are closed at the end."""
    sandboxes: list[Sandbox] = []

    def open_one(**settings: Any) -> Sandbox:
        sandboxes.append(Sandbox(**{"path": path, "clock": clock, "latency": 0.0, **settings}))
        return sandboxes[-1]

    yield open_one
    for sandbox in sandboxes:
        sandbox.close()


@pytest.fixture
def sandbox(opened: Callable[..., Sandbox]) -> Sandbox:
    """A sandbox in which everything is done at once."""
    return opened()


@pytest.fixture
def slow(opened: Callable[..., Sandbox]) -> Sandbox:
    """A sandbox as slow as a real cloud."""
    return opened(latency=1.0)


@pytest.fixture
def bench_on(clock: ManualClock) -> Callable[[Sandbox], Bench]:
    """Make a bench on a sandbox."""

    def make(sandbox: Sandbox) -> Bench:
        return Bench(
            sandbox,
            lambda: clock.sleep(1.0),
            cluster=new_cluster("web"),
            kinds=frozenset(Kind) - {Kind.LOAD_BALANCER_MEMBER},
            offer=OFFER,
        )

    return make


@pytest.fixture
def slow_bench(bench_on: Callable[[Sandbox], Bench], slow: Sandbox) -> Bench:
    return bench_on(slow)


@pytest.fixture
def bench(bench_on: Callable[[Sandbox], Bench], sandbox: Sandbox) -> Bench:
    return bench_on(sandbox)
