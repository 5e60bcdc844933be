"""Servers' keys: what is known, what is refused, what is recorded."""

import base64
import hmac
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kubisnap.adapters.ssh.host_keys import HostKey, KnownHosts, Pinned, Verifier, parse_host_key
from kubisnap.adapters.ssh.problems import HostKeyRefused


def key(mark: bytes = b"a", kind: str = "ssh-ed25519") -> HostKey:
    return HostKey(kind, len(kind).to_bytes(4) + kind.encode() + mark * 32)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "known_hosts"


def server(file: Path, *, first_use: bool = False, address: str = "10.0.0.7", port: int = 2222) -> Verifier:
    return KnownHosts(file, first_use=first_use).of(address, port, title="node-1")


def test_a_key_survives_being_written_and_read() -> None:
    assert parse_host_key(f"{key()} root@node-1") == key()


@pytest.mark.parametrize(
    "text", ["", "ssh-ed25519", "ssh-ed25519 !!!", "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAAQ==", "a/b AAAA"]
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a public key"):
        parse_host_key(text)


def test_an_unknown_server_is_refused_and_the_line_that_is_shown_makes_it_known(file: Path) -> None:
    with pytest.raises(HostKeyRefused) as caught:
        server(file).check(key())

    assert key().fingerprint in caught.value.problem
    assert not file.exists()
    line = caught.value.advice.splitlines()[-1]
    file.write_text(f"{line}\n", encoding="utf-8")
    server(file).check(key())


def test_first_use_records_a_key_once_for_the_owner_only(file: Path) -> None:
    for _ in range(2):
        server(file, first_use=True).check(key())

    assert file.read_text(encoding="utf-8") == f"[10.0.0.7]:2222 {key()}\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_first_use_keeps_what_is_there_whole_though_its_last_line_has_no_end(file: Path) -> None:
    file.write_text(f"elsewhere {key(b'z')}", encoding="utf-8")

    server(file, first_use=True).check(key())

    assert file.read_text(encoding="utf-8").splitlines() == [
        f"elsewhere {key(b'z')}",
        f"[10.0.0.7]:2222 {key()}",
    ]


def test_a_key_that_changed_is_refused_even_at_first_use_and_with_another_type(file: Path) -> None:
    file.write_text(f"# ours\n[10.0.0.7]:2222 {key()}\n", encoding="utf-8")

    for other in (key(b"b"), key(b"b", "ecdsa-sha2-nistp256")):
        with pytest.raises(HostKeyRefused, match="HAS CHANGED") as caught:
            server(file, first_use=True).check(other)
        assert key().fingerprint in caught.value.problem
        assert other.fingerprint in caught.value.problem
        assert f"line 2 of {file}" in caught.value.advice


def test_a_pinned_key_is_the_only_one() -> None:
    pinned = Pinned(key(), title="node-1")

    pinned.check(key())

    with pytest.raises(HostKeyRefused, match="HAS CHANGED"):
        pinned.check(key(b"b"))
    assert pinned.algorithms() == ("ssh-ed25519",)


def test_an_rsa_key_is_never_asked_to_sign_with_sha1(file: Path) -> None:
    file.write_text(f"[10.0.0.7]:2222 {key(kind='ssh-rsa')}\n", encoding="utf-8")

    assert server(file).algorithms() == ("rsa-sha2-512", "rsa-sha2-256")


def test_a_server_may_have_several_keys_and_several_names(file: Path) -> None:
    both = "node-1.example.com,[10.0.0.7]:2222"
    file.write_text(f"{both} {key()}\n{both} {key(b'b')}\n", encoding="utf-8")

    server(file).check(key(b"b"))
    server(file, address="NODE-1.example.com", port=22).check(key())


def test_a_revoked_key_is_refused_whatever_else_the_file_says(file: Path) -> None:
    file.write_text(f"[10.0.0.7]:2222 {key()}\n@revoked * {key()}\n", encoding="utf-8")

    with pytest.raises(HostKeyRefused, match="revoked"):
        server(file, first_use=True).check(key())


def test_an_authority_vouches_for_nobody_here(file: Path) -> None:
    file.write_text(f"@cert-authority * {key()}\n", encoding="utf-8")

    with pytest.raises(HostKeyRefused, match="not known"):
        server(file).check(key())


def test_hashed_names_and_patterns_are_understood(file: Path) -> None:
    salt = b"0123456789abcdefghij"
    digest = hmac.new(salt, b"[10.0.0.7]:2222", "sha1").digest()
    hashed = f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"
    file.write_text(f"{hashed} {key()}\n*.example.com,!bad.example.com {key(b'b')}\n", encoding="utf-8")

    server(file).check(key())
    server(file, address="good.example.com", port=22).check(key(b"b"))
    with pytest.raises(HostKeyRefused, match="not known"):
        server(file, address="bad.example.com", port=22).check(key(b"b"))


@pytest.mark.parametrize(
    "line", ["node-1", "node-1 ssh-ed25519", "@strange node-1 {key}", "|1|?|? {key}", "node-1 1024 35 12345"]
)
def test_a_line_that_cannot_be_understood_is_named_and_not_skipped(file: Path, line: str) -> None:
    file.write_text(f"\n{line.format(key=key())}\n[10.0.0.7]:2222 {key()}\n", encoding="utf-8")

    with pytest.raises(HostKeyRefused, match="known_hosts:2 cannot be understood"):
        server(file).check(key())


def test_a_file_that_everybody_may_write_is_not_believed(file: Path) -> None:
    file.write_text(f"[10.0.0.7]:2222 {key()}\n", encoding="utf-8")
    file.chmod(0o666)

    with pytest.raises(HostKeyRefused, match="everybody") as caught:
        server(file).check(key())
    assert caught.value.advice == f"chmod o-w {file}"


def test_a_place_where_nothing_can_be_recorded_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HostKeyRefused, match="cannot be"):
        server(tmp_path / "missing" / "known_hosts", first_use=True).check(key())
    with pytest.raises(HostKeyRefused, match="cannot be read"):
        server(tmp_path).check(key())


def test_many_that_meet_servers_at_the_same_time_record_each_once(file: Path) -> None:
    def meet(number: int) -> None:
        # several files' worth of locks: as if in several processes
        server(file, first_use=True, address=f"10.0.0.{number % 10}").check(key(bytes([number % 10 + 1])))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(meet, range(40)))

    lines = file.read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(set(lines)) == 10


def test_ipv6_addresses_are_the_same_however_they_are_written(file: Path) -> None:
    file.write_text(f"2001:DB8:0::1 {key()}\n", encoding="utf-8")

    server(file, address="2001:db8::1", port=22).check(key())
