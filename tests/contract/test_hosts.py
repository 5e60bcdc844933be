"""The adapter for hosts keeps the contract, on real SSH servers; and what is particular about it there."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import pytest

from kubisnap.adapters import hosts
from kubisnap.adapters.hosts import scripts
from kubisnap.adapters.hosts.facts import Facts, read
from kubisnap.adapters.ssh.host_keys import KnownHosts
from kubisnap.adapters.testing import Bench, CloudContract, Settle, new_cluster
from kubisnap.engine.domain.resources import Key, Kind
from kubisnap.engine.errors import Denied, Rejected
from kubisnap.engine.ports import Cloud
from tests.ssh_servers import Machine, Machines, new_key, program, running

pytestmark = pytest.mark.ssh


def _this_machine() -> Facts:
    """Ask this machine the way hosts are asked: the servers are all on it."""
    told = subprocess.run(["/bin/sh"], input=scripts.FACTS.encode(), capture_output=True, check=False)
    try:
        return read(told.stdout, "this machine")
    except Rejected as error:
        pytest.skip(f"this machine cannot stand for a host: {error}", allow_module_level=True)


HERE = _this_machine()


@pytest.fixture(scope="module")
def sshd() -> str:
    path = program()
    if path is None:
        pytest.skip("there is no sshd (openssh-server), or loopback has one address only")
    if HERE.lacking:
        pytest.skip(f"this machine cannot stand for a host: {HERE.lacking}")
    return path


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory, sshd: str) -> Iterator[Machines]:
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


def bench_on(cloud: Cloud) -> Bench:
    offer = (TestHosts.region, TestHosts.size, TestHosts.image)
    return Bench(
        cloud, lambda: None, cluster=new_cluster(), kinds=TestHosts.kinds, offer=offer, user_data=False
    )


def unpinned(machines: Machines, *chosen: Machine, trust: str = "recorded") -> str:
    """Return an inventory that has no keys of its hosts."""
    lines = machines.inventory("keys", machines=chosen, trust=trust).splitlines()
    return "\n".join(line for line in lines if "host_key" not in line)


def openssh(machine: Machine, machines: Machines, known_hosts: Path) -> str:
    """Come in with OpenSSH's own client, which believes a file of host keys and nothing else."""
    if (ssh := shutil.which("ssh")) is None:
        pytest.skip("there is no ssh (openssh-client)")
    options = {
        "UserKnownHostsFile": known_hosts,
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "IdentityFile": machines.identity,
        "IdentitiesOnly": "yes",
        "BatchMode": "yes",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    command = [
        ssh,
        "-F",
        "none",
        *words,
        "-p",
        str(machine.port),
        f"{machines.user}@{machine.address}",
        "echo in",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or done.stderr.strip()


def test_openssh_believes_the_keys_that_are_recorded(machines: Machines, tmp_path: Path) -> None:
    machine = machines.all[0]
    (tmp_path / "hosts.yaml").write_text(unpinned(machines, machine, trust="first-use"), encoding="utf-8")
    recorded = tmp_path / "hosts.yaml.known_hosts"
    cloud = hosts.factory({"KUBISNAP_HOSTS": str(tmp_path / "hosts.yaml")})
    try:
        cloud.account()
    finally:
        cloud.close()

    assert recorded.read_text(encoding="utf-8") == machine.known_hosts_line
    assert openssh(machine, machines, recorded) == "in"
    recorded.write_text(
        machines.all[1].known_hosts_line.replace(
            f"[{machines.all[1].address}]:{machines.all[1].port}", f"[{machine.address}]:{machine.port}"
        ),
        encoding="utf-8",
    )
    assert "Host key verification failed" in openssh(machine, machines, recorded)
    cloud = hosts.factory({"KUBISNAP_HOSTS": str(tmp_path / "hosts.yaml")})
    try:
        with pytest.raises(Denied, match="HAS CHANGED"):
            cloud.account()
    finally:
        cloud.close()


def test_files_that_openssh_writes_are_believed(machines: Machines, tmp_path: Path) -> None:
    machine = machines.all[0]
    (tmp_path / "hosts.yaml").write_text(unpinned(machines, machine), encoding="utf-8")
    file = tmp_path / "known"
    settings = {"KUBISNAP_HOSTS": str(tmp_path / "hosts.yaml"), "KUBISNAP_KNOWN_HOSTS": str(file)}
    file.write_text("".join(one.known_hosts_line for one in machines.all), encoding="utf-8")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    assert machine.address not in file.read_text(encoding="utf-8")

    cloud = hosts.factory(settings)
    try:
        assert cloud.account().id == "hosts/keys"
    finally:
        cloud.close()
    assert len(KnownHosts(file).entries(f"[{machine.address}]:{machine.port}")) == 1


def test_a_server_with_several_keys_shows_the_one_that_is_known(
    sshd: str, tmp_path: Path, opened: Callable[[str], Cloud]
) -> None:
    new_key(tmp_path / "rsa", "rsa")
    with running(tmp_path / "machines", 1, sshd, more=f"HostKey {tmp_path / 'rsa'}") as machines:
        rsa = " ".join((tmp_path / "rsa.pub").read_text(encoding="ascii").split()[:2])
        text = machines.inventory("several").replace(machines.all[0].host_key, rsa)

        assert opened(text).account().id == "hosts/several"


def test_a_server_that_allows_one_session_at_a_time_is_enough(
    sshd: str, tmp_path: Path, opened: Callable[[str], Cloud]
) -> None:
    with running(tmp_path, 1, sshd, more="MaxSessions 1") as machines:
        cloud = opened(machines.inventory("strict"))
        with ThreadPoolExecutor(8) as crew:
            seen = list(crew.map(lambda _: cloud.observe_all(new_cluster()), range(24)))

    assert seen == [[]] * 24


def test_a_machine_that_started_anew_keeps_its_claim(sshd: str, tmp_path: Path) -> None:
    """The connection is gone, the claim is not."""
    with running(tmp_path, 1, sshd) as machines:
        [machine] = machines.all
        (tmp_path / "hosts.yaml").write_text(machines.inventory("rack"), encoding="utf-8")
        cloud = hosts.factory({"KUBISNAP_HOSTS": str(tmp_path / "hosts.yaml")})
        try:
            bench = bench_on(cloud)
            seen = bench.make(Key(Kind.SERVER, "workers-0"))
            machine.hang_up()
            assert cloud.observe(Kind.SERVER, seen.id) == seen
            bench.clear()
        finally:
            cloud.close()


def test_as_root_a_claim_is_the_machines_and_not_the_users(
    sshd: str, tmp_path: Path, opened: Callable[[str], Cloud]
) -> None:
    """Each machine has a /var/lib of its own here, by namespaces."""
    enter = 'mount --bind {folder}/var /var/lib && exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"'
    unshared = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*unshared, "mount", "--bind", "/tmp", "/var/lib"], check=False).returncode:
        pytest.skip("no user and mount namespaces for us here")
    with running(tmp_path, 2, sshd, more=f"ForceCommand {' '.join(unshared)} sh -c '{enter}'") as machines:
        for machine in machines.all:
            (machine.folder / "var").mkdir()
        cloud = opened(machines.inventory("root").replace("  claims: ~/claims\n", ""))
        bench = bench_on(cloud)

        bench.make(Key(Kind.SERVER, "workers-0"))
        bench.make(Key(Kind.SERVER, "workers-1"))

        for number, machine in enumerate(machines.all):
            claim = json.loads((machine.folder / "var/kubisnap/claim.json").read_text(encoding="utf-8"))
            assert claim["logical"] == f"workers-{number}"
            assert list(machine.home.iterdir()) == []
        bench.clear()
