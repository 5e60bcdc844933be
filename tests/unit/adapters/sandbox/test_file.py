"""The sandbox's file: who may read it, several accounts and processes in it, and what is behind its back."""

import json
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kubisnap.adapters import sandbox as package
from kubisnap.adapters.sandbox import Sandbox, factory
from kubisnap.adapters.sandbox.settings import sandbox_of
from kubisnap.adapters.testing import Bench, ManualClock
from kubisnap.adapters.testing.bench import SAMPLES, SERVER, VOLUME
from kubisnap.engine.domain.resources import Key, Kind
from kubisnap.engine.errors import Denied, InvalidInput, Unavailable

Opener = Callable[..., Sandbox]


def test_nobody_else_may_read_it(
    tmp_path: Path, opened: Opener, bench_on: Callable[[Sandbox], Bench]
) -> None:
    path = tmp_path / "new" / "folder" / "sandbox.sqlite"
    bench_on(opened(path=path)).make(VOLUME)
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (path.parent, path.parent.parent)} == {0o700}


def test_nothing_is_left_beside_it(path: Path, opened: Opener) -> None:
    sandbox = opened()
    sandbox.account()
    sandbox.close()
    assert list(path.parent.iterdir()) == [path]


def test_making_an_adapter_touches_nothing(path: Path, opened: Opener) -> None:
    opened()
    assert not path.exists()


@pytest.mark.parametrize("content", [b"", b"not a database " * 100])
def test_another_file_is_left_alone(path: Path, opened: Opener, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(Unavailable, match="cannot be used"):
        opened().account()
    assert path.read_bytes() == content


def test_another_database_is_left_alone(path: Path, opened: Opener) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE precious (x)")
    connection.close()
    with pytest.raises(Unavailable, match="not a sandbox"):
        opened().account()


def test_a_closed_sandbox_is_unavailable(sandbox: Sandbox) -> None:
    sandbox.account()
    sandbox.close()
    with pytest.raises(Unavailable, match="closed"):
        sandbox.account()


def test_what_is_made_stays_after_closing(sandbox: Sandbox, bench: Bench, opened: Opener) -> None:
    bench.make(SERVER)
    before = sandbox.dump()
    sandbox.close()
    assert opened().dump() == before


def test_two_adapters_on_one_file_see_the_same(sandbox: Sandbox, bench: Bench, opened: Opener) -> None:
    other = opened()
    server = bench.make(SERVER)
    assert other.observe(Kind.SERVER, server.id) == server
    other.delete(Kind.SERVER, server.id)
    assert sandbox.observe(Kind.SERVER, server.id) is None


def test_threads_with_adapters_of_their_own_start_together(opened: Opener) -> None:
    with ThreadPoolExecutor(8) as pool:
        accounts = list(pool.map(lambda sandbox: sandbox.account(), [opened() for _ in range(8)]))
    assert len(set(accounts)) == 1


_PROCESS = """
import sys
from kubisnap.adapters.sandbox import factory
from kubisnap.engine.domain.resources import ClusterRef, Key, Kind, Request, Volume
me = sys.argv[2]
cloud = factory({"KUBISNAP_SANDBOX": sys.argv[1], "KUBISNAP_SANDBOX_LATENCY": "0"})
cluster = ClusterRef(id="7f" * 16, name="web")
for number in range(10):
    key = Key(Kind.VOLUME, f"p{me}-{number}")
    volume = Volume(region="sim-us-east", size_gib=1)
    cloud.create(Request(cluster=cluster, key=key, resource=volume, name=f"web-{key.name}", ids={}))
cloud.close()
"""


def test_processes_that_start_together_share_one_account(path: Path, opened: Opener) -> None:
    command = [sys.executable, "-W", "error", "-c", _PROCESS, str(path)]
    processes = [
        subprocess.Popen([*command, str(number)], stderr=subprocess.PIPE, text=True) for number in range(4)
    ]
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert errors == [""] * 4
    assert opened().inventory() == {"volume": 40}


def test_the_inventory_counts_what_is_there(sandbox: Sandbox, bench: Bench) -> None:
    assert sandbox.inventory("default") == {}
    bench.make(SAMPLES[Kind.VOLUME_ATTACHMENT])
    assert sandbox.inventory("default") == {
        "network": 1, "server": 1, "ssh-key": 1, "tag": 2, "volume": 1, "volume-attachment": 1,
    }  # fmt: skip
    assert sandbox.inventory("another") == {}


def test_a_wiped_account_is_empty_and_the_others_are_not(
    sandbox: Sandbox, bench: Bench, opened: Opener, bench_on: Callable[[Sandbox], Bench]
) -> None:
    other = opened(account="another")
    bench.make(SERVER)
    bench_on(other).make(SERVER)
    kept = other.dump()
    sandbox.wipe("default")
    assert sandbox.dump() == []
    assert bench.listed() == set()
    assert other.dump() == kept
    assert sandbox.account().id == "sandbox-default"


def test_a_dump_tells_exactly_what_is_there(sandbox: Sandbox, bench: Bench) -> None:
    for key in SAMPLES.values():
        if key not in bench.ids:
            bench.make(key)
    before = sandbox.dump()
    assert json.loads(json.dumps(before)) == before
    extra = bench.make(Key(Kind.VOLUME, "extra"))
    assert sandbox.dump() != before
    sandbox.delete(Kind.VOLUME, extra.id)
    assert sandbox.dump() == before


def test_user_data_and_keys_are_kept_and_never_told(sandbox: Sandbox, bench: Bench) -> None:
    server = bench.make(SERVER)
    assert set(server.properties) == {"region", "size", "image", "role"}
    (kept,) = (item for item in sandbox.dump() if item["kind"] == "server")
    assert kept["hidden"]["user_data"] == bench.server.user_data
    assert kept["hidden"]["ssh_keys"] == [bench.ids[Key(Kind.SSH_KEY, "admin")]]


@pytest.mark.parametrize("account", ["", " ", "-x", "a b", "ü", "x" * 64])
def test_an_account_has_a_name(opened: Opener, account: str) -> None:
    with pytest.raises(Denied) as caught:
        opened(account=account).catalogue()
    assert "KUBISNAP_SANDBOX_ACCOUNT" in caught.value.hint


def test_it_says_that_it_is_a_simulation(sandbox: Sandbox) -> None:
    assert sandbox.account().title == "sandbox account default (simulated)"
    assert all("simulated" in region.title for region in sandbox.catalogue().regions)


def test_settings_name_file_and_account(path: Path) -> None:
    cloud = factory({"KUBISNAP_SANDBOX": str(path), "KUBISNAP_SANDBOX_ACCOUNT": "demo"})
    assert cloud.account().id == "sandbox-demo"
    cloud.close()
    assert path.exists()


def test_without_settings_it_lives_with_the_users_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    cloud = factory({})
    cloud.account()
    cloud.close()
    assert [file.name for file in tmp_path.rglob("*.sqlite")] == ["sandbox.sqlite"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KUBISNAP_SANDBOX_SEED", "x"),
        ("KUBISNAP_SANDBOX_SEED", "1.5"),
        ("KUBISNAP_SANDBOX_LATENCY", "fast"),
        ("KUBISNAP_SANDBOX_LATENCY", "-1"),
        ("KUBISNAP_SANDBOX_LATENCY", "nan"),
        ("KUBISNAP_SANDBOX_LATENCY", "inf"),
    ],
)
def test_a_setting_that_is_no_number_is_named(name: str, value: str) -> None:
    with pytest.raises(InvalidInput, match=name):
        sandbox_of({name: value})


def test_finding_the_adapter_does_not_load_it() -> None:
    look = "import sys, kubisnap.adapters.sandbox; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", look], check=True, capture_output=True, text=True).stdout
    assert "kubisnap.adapters.sandbox" in loaded.split()
    assert "kubisnap.adapters.sandbox.adapter" not in loaded.split()


def test_the_package_has_what_it_names_and_nothing_else() -> None:
    assert all(getattr(package, name) for name in package.__all__)
    with pytest.raises(AttributeError, match="no attribute 'Castle'"):
        package.Castle  # noqa: B018


def test_a_manual_clock_goes_by_what_it_is_told(clock: ManualClock) -> None:
    before = clock.monotonic()
    clock.sleep(2.5)
    assert clock.now() == clock.monotonic() == before + 2.5
