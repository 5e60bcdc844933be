"""The adapter for hosts keeps the contract, on real SSH servers; and what is particular about it there."""

import subprocess
from collections.abc import Callable, Iterator
from typing import ClassVar

import pytest

from kubisnap.adapters import hosts
from kubisnap.adapters.hosts import scripts
from kubisnap.adapters.hosts.facts import Facts, read
from kubisnap.adapters.testing import CloudContract, Settle
from kubisnap.engine.domain.resources import Kind
from kubisnap.engine.ports import Cloud
from tests.ssh_servers import Machines, program, running

pytestmark = pytest.mark.ssh


def _this_machine() -> Facts:
    """Ask this machine the way hosts are asked: the servers are all on it."""
    told = subprocess.run(["/bin/sh"], input=scripts.FACTS.encode(), capture_output=True, check=True)
    return read(told.stdout, "this machine")


HERE = _this_machine()


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    sshd = program()
    if sshd is None:
        pytest.skip("there is no sshd (openssh-server), or loopback has one address only")
    if HERE.lacking:
        pytest.skip(f"this machine cannot stand for a host: {HERE.lacking}")
    with running(tmp_path_factory.mktemp("machines"), 10, sshd) as machines:
        yield machines


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Cloud]]:
    """Open inventories; all are closed at the end."""
    folder = tmp_path_factory.mktemp("inventories")
    clouds: list[Cloud] = []

    def make(inventory: str) -> Cloud:
        path = folder / f"{len(clouds)}.yaml"
        path.write_text(inventory, encoding="utf-8")
        clouds.append(hosts.factory({"KUBISNAP_HOSTS": str(path)}))
        return clouds[-1]

    yield make
    for cloud in clouds:
        cloud.close()


@pytest.fixture(scope="module")
def first(machines: Machines, opened: Callable[[str], Cloud]) -> Cloud:
    """Some machines; kept open, since to shake hands with ten of them takes a second."""
    return opened(machines.inventory("first"))


@pytest.fixture(scope="module")
def second(machines: Machines, opened: Callable[[str], Cloud]) -> Cloud:
    """The same machines in another inventory: what is claimed in one is nobody else's business."""
    return opened(machines.inventory("second"))


class TestHosts(CloudContract):
    region, size, image = "default", HERE.size, HERE.os
    kinds = frozenset({Kind.SERVER})
    unique = kinds
    many = 6
    runs_user_data = False
    secrets: ClassVar[tuple[str, ...]] = ("PRIVATE KEY",)

    @pytest.fixture
    def settle(self) -> Settle:
        return lambda: None

    @pytest.fixture
    def cloud(self, first: Cloud) -> Cloud:
        return first

    @pytest.fixture
    def other_account_cloud(self, second: Cloud) -> Cloud:
        return second

    @pytest.fixture
    def cloud_with_wrong_credentials(self, machines: Machines, opened: Callable[[str], Cloud]) -> Cloud:
        defaults = {"user": machines.user, "identity": str(machines.stranger)}
        return opened(machines.inventory("first", machines=machines.all[:2], defaults=defaults))

    @pytest.fixture
    def unreachable_cloud(self, machines: Machines, opened: Callable[[str], Cloud]) -> Cloud:
        text = machines.inventory("first", machines=machines.all[:2])
        for machine in machines.all[:2]:
            text = text.replace(f"port: {machine.port}", "port: 1")
        return opened(text)
