"""The contract suite as a plugin: run as a stranger runs it, against the sandbox."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator
from kubisnap.adapters.sandbox.catalogue import CATALOGUE
from kubisnap.adapters.testing import subject
from kubisnap.adapters.testing.subject import Subject, Wanted, chosen, look
from kubisnap.engine.domain.catalogue import ARM64
from kubisnap.engine.errors import InvalidInput, Refused

SUITE = ("-p", "kubisnap.adapters.testing.plugin", "--pyargs", "kubisnap.adapters.testing.suite")
QUICK = ("-k", "test_the_catalogue_has_what_the_suite_uses or accounts")


def run(folder: Path, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run the suite in a process of its own, as one who only has kubisnap installed."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *SUITE, *words],
        cwd=folder,
        env={
            **os.environ,
            "KUBISNAP_SANDBOX": str(folder / "sandbox.sqlite"),
            "KUBISNAP_SANDBOX_LATENCY": "0",
            "PYTEST_ADDOPTS": "",
            **settings,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def simulator() -> Iterator[DigitalOceanSimulator]:
    with DigitalOceanSimulator(burst_limit=None, hourly_limit=10**6) as simulator:
        simulator.add_account("first", "dop_v1_first")
        yield simulator


def test_the_sandbox_keeps_the_contract_as_a_stranger_checks_it(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = run(
        tmp_path,
        "--kubisnap-cloud=sandbox",
        "--kubisnap-unique=volume",
        KUBISNAP_OTHER_KUBISNAP_SANDBOX_ACCOUNT="another",
        KUBISNAP_WRONG_KUBISNAP_SANDBOX_ACCOUNT="no name for an account",
        KUBISNAP_UNREACHABLE_KUBISNAP_SANDBOX=str(tmp_path / "file" / "sandbox.sqlite"),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\n=+ (\d\d) passed in ", done.stdout), done.stdout
    assert "sandbox sim-ap-south sb-1x1 sim-debian-12, at sandbox account default (simulated)" in done.stdout
    assert "nothing is real" in done.stdout


def test_what_needs_a_second_account_is_skipped_with_the_reason(tmp_path: Path) -> None:
    done = run(tmp_path, "--kubisnap-cloud=sandbox", "-rs", *QUICK)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed, 1 skipped" in done.stdout
    assert "KUBISNAP_OTHER_..., for those of a second account" in done.stdout


def test_a_broken_rule_is_shown_with_the_values_that_broke_it(tmp_path: Path) -> None:
    done = run(
        tmp_path, "--kubisnap-cloud=sandbox", *QUICK, KUBISNAP_OTHER_KUBISNAP_SANDBOX_ACCOUNT="default"
    )
    assert done.returncode == 1
    assert "1 failed, 1 passed" in done.stdout
    assert "Left contains" in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "name the adapter: --kubisnap-cloud NAME"),
        (("--kubisnap-cloud=nowhere",), "there is no cloud 'nowhere'\nclouds: "),
        (("--kubisnap-cloud=sandbox", "--kubisnap-size=huge"), "there is no size 'huge'\nsome: sb-1x1, "),
        (("--kubisnap-cloud=sandbox", "-n1"), "run them without -n"),
    ],
)
def test_what_cannot_be_run_is_said_in_a_sentence(words: tuple[str, ...], told: str, tmp_path: Path) -> None:
    done = run(tmp_path, *words)
    assert done.returncode in {2, 4}
    assert told in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_pytest_without_the_options_does_not_notice_the_plugin(tmp_path: Path) -> None:
    (tmp_path / "test_own.py").write_text("def test_own(): pass\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *SUITE[:2]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0
    assert "kubisnap:" not in done.stdout


def test_a_real_cloud_is_left_alone_until_somebody_agrees(simulator: DigitalOceanSimulator) -> None:
    settings = {"DIGITALOCEAN_TOKEN": "dop_v1_first", "DIGITALOCEAN_END_POINT": simulator.url}
    wanted = Wanted(cloud="digitalocean", region="fra1")
    with pytest.raises(Refused, match=r"is real: in fra1, at .+ costs money") as caught:
        look(wanted, settings, agreed=False)
    assert "--kubisnap-yes" in caught.value.hint
    found = look(wanted, settings, agreed=True)
    assert found.offer[0] == "fra1"
    assert found.many <= 33
    assert found.secrets == ("dop_v1_first",)
    assert set(simulator.inventory("first").values()) == {0}


def test_the_cheapest_of_what_fits_is_chosen() -> None:
    dearer = msgspec.structs.replace(CATALOGUE.sizes[0], name="arm", architecture=ARM64, monthly=Decimal(1))
    catalogue = msgspec.structs.replace(CATALOGUE, sizes=(dearer, *CATALOGUE.sizes))
    assert chosen(catalogue, Wanted(cloud="sandbox"))[1] == "sb-1x1"
    wanted = Wanted(cloud="sandbox", region="sim-us-west", size="sb-2x4", image="sim-rocky-9")
    assert chosen(catalogue, wanted) == ("sim-us-west", "sb-2x4", "sim-rocky-9")
    with pytest.raises(InvalidInput, match="fit together"):
        chosen(catalogue, Wanted(cloud="sandbox", region="sim-ap-south", image="sim-rocky-9"))


def test_a_second_account_has_its_own_settings_and_otherwise_the_same() -> None:
    settings = {"A_TOKEN": "first-token", "KUBISNAP_OTHER_A_TOKEN": "second-token", "PLACE": "here"}
    wanted = Wanted(cloud="sandbox", secrets=("A_TOKEN", "PLACE"))
    told = Subject(
        wanted=wanted, settings=settings, account="", catalogue=CATALOGUE, offer=("", "", ""), many=1
    )
    assert told.knows(subject.OTHER)
    assert not told.knows(subject.WRONG)
    assert told.secrets == ("first-token", "here", "second-token")
