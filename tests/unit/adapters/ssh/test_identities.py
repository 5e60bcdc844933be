"""The operator's keys: in the usual places, and in the hands of a real ssh-agent."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kubisnap.adapters.ssh.identities import Identities
from kubisnap.adapters.ssh.problems import AuthenticationRefused
from tests.ssh_impostor import new_identity


def offered(identities: Identities) -> list[str]:
    with ExitStack() as held:
        return [key.get_base64() for key in identities.keys(held)]


def public(path: Path) -> str:
    return path.with_name(f"{path.name}.pub").read_text(encoding="ascii").split()[1]


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if shutil.which("ssh-agent") is None or shutil.which("ssh-add") is None:
        pytest.skip("there is no ssh-agent (openssh-client)")
    address = tmp_path / "agent"
    with subprocess.Popen(["ssh-agent", "-D", "-a", str(address)], stdout=subprocess.DEVNULL) as process:
        while not address.exists():
            assert process.poll() is None
        monkeypatch.setenv("SSH_AUTH_SOCK", str(address))
        yield
        process.terminate()


def add(path: Path, passphrase: str = "") -> None:
    """Give a key to the agent; it asks a program for the passphrase."""
    asked = path.with_name("asked")
    asked.write_text(f"#!/bin/sh\necho '{passphrase}'\n", encoding="utf-8")
    asked.chmod(0o700)
    environment = {**os.environ, "SSH_ASKPASS": str(asked), "SSH_ASKPASS_REQUIRE": "force"}
    subprocess.run(["ssh-add", "-q", str(path)], check=True, env=environment, capture_output=True)


def test_without_a_file_the_agents_keys_come_first_then_the_usual_ones(tmp_path: Path, agent: None) -> None:
    new_identity(tmp_path / "in-agent")
    new_identity(tmp_path / "id_ed25519")
    add(tmp_path / "in-agent")

    both = offered(Identities(None, folder=tmp_path))

    assert both == [public(tmp_path / "in-agent"), public(tmp_path / "id_ed25519")]
    assert offered(Identities(None, agent=False, folder=tmp_path)) == both[1:]


def test_a_usual_key_that_is_locked_is_passed_over(tmp_path: Path) -> None:
    new_identity(tmp_path / "id_ed25519", b"a passphrase")

    assert offered(Identities(None, agent=False, folder=tmp_path)) == []


def test_the_agent_opens_a_file_with_a_passphrase_and_offers_no_other_key(
    tmp_path: Path, agent: None
) -> None:
    new_identity(tmp_path / "locked", b"a passphrase")
    new_identity(tmp_path / "other")
    add(tmp_path / "other")
    with pytest.raises(AuthenticationRefused, match="ssh-agent does not have it"):
        offered(Identities(tmp_path / "locked"))

    add(tmp_path / "locked", "a passphrase")

    assert offered(Identities(tmp_path / "locked")) == [public(tmp_path / "locked")]


def test_an_agent_that_is_gone_is_as_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(tmp_path / "gone"))
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "gone"))

    assert offered(Identities(None)) == []
