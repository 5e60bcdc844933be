"""Keys for archives: made once, found by name or path, and passphrases from everywhere but an option."""

import os
import pty
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from kubisnap.archives.sealing import Identities, Recipients, seal, unseal
from kubisnap.archives.signing import SigningKey
from kubisnap.cli import keyfiles, passphrases
from kubisnap.cli.confirm import NotAnswered
from kubisnap.cli.exits import failure_of
from kubisnap.cli.keyring import identities, passphrase, recipient, signing_key, trusted_keys
from kubisnap.cli.session import Session
from kubisnap.engine.errors import InvalidInput, NotFound, Refused, WrongKey

if TYPE_CHECKING:
    from .conftest import Desk

PETER = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PETERS = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
FULL = 28
NOBODY = Session(no_input=True)


@pytest.fixture
def ops(desk: "Desk") -> Path:
    """A desk with a signing and an encryption key called ops; the folder they are in."""
    desk.ok("keys generate ops")
    return desk.home / "data/kubisnap/keys"


def age_pair() -> tuple[str, str]:
    identity = pyrage.x25519.Identity.generate()
    return str(identity), str(identity.to_public())


# ── files ────────────────────────────────────────────────────────────────────────────────────────


def test_private_files_are_the_owners_alone_whatever_the_umask(desk: "Desk") -> None:
    before = os.umask(0)
    try:
        desk.ok("keys generate ops")
    finally:
        os.umask(before)
    where = desk.home / "data/kubisnap/keys"

    assert where.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in where.iterdir()}
    assert modes == {"ops.sign": 0o600, "ops.sign.pub": 0o644, "ops.age": 0o600, "ops.age.pub": 0o644}


def test_no_private_half_is_ever_shown(desk: "Desk") -> None:
    done = [desk.run(line) for line in ("keys generate a", "keys generate b -o json", "keys list")]
    done += [desk.run("keys list -o json"), desk.run("keys generate a")]
    where = desk.home / "data/kubisnap/keys"
    secrets = [path.read_text().splitlines()[-1] for name in "ab" for path in where.glob(f"{name}.*[ne]")]

    assert len(secrets) == 4
    assert all(secret.startswith(("PRIVATE+KEY+", "AGE-SECRET-KEY-1")) for secret in secrets)
    assert not [item for item in done for secret in secrets if secret in item.text]


def test_keys_are_where_the_environment_says(desk: "Desk") -> None:
    desk.setenv("KUBISNAP_KEYS", "vault/keys")
    desk.ok("keys generate ops --only signing")

    assert sorted(path.name for path in (desk.home / "vault/keys").iterdir()) == ["ops.sign", "ops.sign.pub"]
    assert not (desk.home / "data/kubisnap/keys").exists()


@pytest.mark.parametrize("there", ["ops.sign", "ops.sign.pub", "ops.age", "ops.age.pub"])
def test_one_file_that_is_there_keeps_all_others_from_being_made(desk: "Desk", there: str) -> None:
    desk.ok("keys generate other --only signing")
    where = desk.home / "data/kubisnap/keys"
    (where / there).symlink_to("nowhere")

    assert desk.run("keys generate ops").status == 1
    assert sorted(path.name for path in where.iterdir()) == sorted(["other.sign", "other.sign.pub", there])


def test_a_full_disk_leaves_no_half_of_a_key(desk: "Desk", monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.fsync
    left = [whole, whole, whole]

    def fsync(descriptor: int) -> None:
        if not left:
            raise OSError(FULL, os.strerror(FULL))
        left.pop()(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        done = desk.run("keys generate ops")

    assert (done.status, "No space left" in done.err) == (1, True)
    assert list((desk.home / "data/kubisnap/keys").iterdir()) == []
    desk.ok("keys generate ops")


def test_another_process_that_makes_the_same_key_wins_and_loses_nothing(
    desk: "Desk", monkeypatch: pytest.MonkeyPatch
) -> None:
    def overtaken(where: Path) -> None:
        where.mkdir(parents=True)
        (where / "ops.age").write_text("theirs")

    monkeypatch.setattr(keyfiles, "_prepare", overtaken)

    assert desk.run("keys generate ops").status == 1
    (left,) = (desk.home / "data/kubisnap/keys").iterdir()
    assert left.read_text() == "theirs"


@pytest.mark.skipif(shutil.which("age") is None, reason="needs the command age (Debian package age)")
def test_the_command_age_takes_the_keys(ops: Path) -> None:
    public = subprocess.run(
        ["age-keygen", "-y", ops / "ops.age"], check=True, capture_output=True, text=True
    ).stdout
    sealed = subprocess.run(
        ["age", "-R", ops / "ops.age.pub"], input=b"x", check=True, capture_output=True
    ).stdout
    opened = subprocess.run(
        ["age", "-d", "-i", ops / "ops.age"], input=sealed, check=True, capture_output=True
    ).stdout

    assert public == (ops / "ops.age.pub").read_text()
    assert opened == b"x"


def test_a_folder_that_cannot_be_read_is_told(
    ops: Path, desk: "Desk", monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", refuse)

    done = desk.run("keys list")
    assert (done.status, "Permission denied" in done.err) == (2, True)


# ── what options mean ────────────────────────────────────────────────────────────────────────────


def test_a_name_is_enough_to_seal_open_sign_and_trust(ops: Path) -> None:
    key = signing_key("ops")
    sealed, keys = seal(Recipients(recipient("ops")))

    assert key.name == "ops"
    assert trusted_keys() == (key.public,)
    assert unseal(sealed, Identities(identities(["ops"])), name="x").commitment == keys.commitment
    assert signing_key(str(ops / "ops.sign")) == key
    assert recipient(str(ops / "ops.age.pub")) == recipient("ops")
    assert identities([str(ops / "ops.age")]) == identities(["ops"])


def test_a_recipient_is_a_key_a_name_or_a_file_with_several(desk: "Desk") -> None:
    (_, ada), (_, bob) = age_pair(), age_pair()
    public = Ed25519PrivateKey.generate().public_key()
    ssh = f"{public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()} eve@b.example"
    desk.write("team.txt", f"# the team\n{ada}\n\n  {bob}\n{ssh}\n")

    assert recipient(ada) == (ada,)
    assert recipient(ssh) == (ssh,)
    assert recipient("team.txt") == (ada, bob, ssh)


def test_an_identity_is_a_file_of_ages_or_of_ssh(desk: "Desk") -> None:
    (ada, _), (bob, _) = age_pair(), age_pair()
    ssh = (
        Ed25519PrivateKey.generate()
        .private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
        .decode()
    )
    desk.write("two.txt", f"# mine\n{ada}\n{bob}\n")
    desk.write("id_ed25519.key", ssh)

    assert identities(["two.txt", "./id_ed25519.key"]) == (ada, bob, ssh)


def test_trusted_are_the_keys_of_a_file_or_those_of_the_folder_and_ones_own(desk: "Desk", ops: Path) -> None:
    peter, other = SigningKey.parse(PETER).public, SigningKey("other", bytes(32)).public
    own = signing_key("ops").public
    (ops / "colleague.sign.pub").write_text(f"{other.text()}\n")
    desk.write("release.keys", f"# releases\n{PETERS}\n")

    assert trusted_keys(Path("release.keys")) == (peter,)
    assert trusted_keys() == (own,)
    (ops / "trusted").write_text(f"{PETERS}\n{own.text()}\n")
    assert trusted_keys() == (peter, own)


def test_a_private_key_that_others_can_read_is_not_used_by_its_name(ops: Path) -> None:
    for name in ("ops.sign", "ops.age"):
        (ops / name).chmod(0o640)
    for use in (lambda: signing_key("ops"), lambda: identities(["ops"])):
        with pytest.raises(Refused) as told:
            use()
        assert told.value.hint.startswith("chmod 600 ")


def test_names_that_are_not_there_are_told_with_those_that_are(desk: "Desk", ops: Path) -> None:
    (ops / "ops.sign").rename(ops / "moved.sign")
    for use, known in (
        (lambda: signing_key("prod"), "known: moved"),
        (lambda: identities(["prod"]), "known: ops"),
        (lambda: recipient("prod"), "known: ops"),
    ):
        with pytest.raises(NotFound) as told:
            use()
        assert told.value.hint == known
    desk.setenv("KUBISNAP_KEYS", "empty")
    with pytest.raises(NotFound) as told:
        signing_key("prod")
    assert told.value.hint == "kubisnap keys generate NAME"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "holds no"),
        ("# nothing\n", "holds no"),
        ("x\n", "line 1"),
        ("\n# a\nAGE-SECRET-KEY-1QQQQ\n", "line 3"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nQQQQ\n", "k.txt"),
        ("\udcff", "UTF-8"),
        ("x" * 70_000, "larger"),
    ],
)
def test_files_without_keys_are_told_by_name_and_line_and_nothing_is_quoted(
    desk: "Desk", content: str, told: str
) -> None:
    (desk.home / "k.txt").write_bytes(content.encode(errors="surrogateescape"))

    uses: list[Callable[[], object]] = [lambda: recipient("k.txt"), lambda: identities(["k.txt"])]
    for use in uses:
        with pytest.raises(InvalidInput) as error:
            use()
        assert "k.txt" in str(error.value)
        assert "QQQQ" not in str(error.value)
        assert told in str(error.value)
    with pytest.raises(InvalidInput):
        signing_key("./k.txt")


def test_other_things_than_keys_are_told(desk: "Desk") -> None:
    private, public = age_pair()
    desk.write("two.sign", f"{PETER}\n{PETER}\n")
    desk.write("locked.age", "age-encryption.org/v1\n-> scrypt x 18\n")
    desk.write("private.txt", f"{private}\n")
    desk.write("trusted.txt", f"{PETER}\n")

    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: signing_key("two.sign"), "2 signing keys"),
        (lambda: signing_key("missing.sign"), "No such file"),
        (lambda: identities(["locked.age"]), "locked with a passphrase"),
        (lambda: recipient("private.txt"), "not a recipient"),
        (lambda: recipient(public[:-1] + "x"), "not a recipient"),
        (lambda: recipient("ssh-ed25519 AAAA"), "not a recipient"),
        (lambda: trusted_keys(Path("trusted.txt")), "line 1"),
    ]
    for use, told in cases:
        with pytest.raises(InvalidInput) as error:
            use()
        assert told in str(error.value)
        assert private not in str(error.value)
        assert PETER[-20:] not in str(error.value)


def test_a_wrong_key_has_an_exit_status_of_its_own() -> None:
    assert failure_of(WrongKey("web.ksnap", 2, passphrase=True, tried=False)).code == 12


# ── passphrases ──────────────────────────────────────────────────────────────────────────────────


def test_a_passphrase_comes_from_a_variable_a_file_or_a_command(desk: "Desk") -> None:
    desk.write("phrase.txt", "correct horse \r\n")
    desk.write("print phrase.py", "print('correct horse')\n")
    for name, value, expected in (
        ("KUBISNAP_PASSPHRASE", "correct horse", "correct horse"),
        ("KUBISNAP_PASSPHRASE_FILE", "phrase.txt", "correct horse "),
        ("KUBISNAP_PASSPHRASE_COMMAND", f"{sys.executable} 'print phrase.py'", "correct horse"),
    ):
        desk.setenv(name, value)
        assert passphrase(NOBODY) == passphrase(NOBODY, new=True) == expected
        desk.delenv(name)
    assert passphrases.given_passphrase() is None


def test_a_command_is_run_without_a_shell(desk: "Desk") -> None:
    desk.setenv("KUBISNAP_PASSPHRASE_COMMAND", "echo $HOME; touch made")

    assert passphrase(NOBODY) == "$HOME; touch made"
    assert not (desk.home / "made").exists()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({}, "nobody to ask"),
        ({"": "a", "_FILE": "b"}, "set together with KUBISNAP_PASSPHRASE_FILE"),
        ({"_FILE": "a", "_COMMAND": "b"}, "set together with KUBISNAP_PASSPHRASE_COMMAND"),
        ({"_FILE": "missing.txt"}, "No such file"),
        ({"_FILE": "empty.txt"}, "not one line"),
        ({"_FILE": "two.txt"}, "not one line"),
        ({"_FILE": "long.txt"}, "not one line"),
        ({"_FILE": "latin.txt"}, "not text"),
        ({"_COMMAND": "false"}, "exit status 1"),
        ({"_COMMAND": "true"}, "not one line"),
        ({"_COMMAND": "no-such-command"}, "cannot run it"),
        ({"_COMMAND": "echo 'x"}, "quotation mark"),
    ],
)
def test_what_gives_no_passphrase_is_told_by_its_variable(
    desk: "Desk", settings: dict[str, str], told: str
) -> None:
    for name, content in (("empty", b"\n"), ("two", b"a\nb\n"), ("long", b"x" * 5000), ("latin", b"\xfc")):
        (desk.home / f"{name}.txt").write_bytes(content)
    for name, value in settings.items():
        desk.setenv(f"KUBISNAP_PASSPHRASE{name}", value)

    with pytest.raises(InvalidInput) as error:
        passphrase(NOBODY)
    assert told in str(error.value)
    assert error.value.field.startswith("KUBISNAP_PASSPHRASE")


class _Typing:
    """Stands in for a terminal: answers are read, echo is switched off before the question is shown."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: str | BaseException) -> None:
        import termios

        monkeypatch.delenv("CI", raising=False)
        self.echo: list[bool] = []
        answering = iter(answers)

        class Stdin:
            def isatty(self) -> bool:
                return True

            def fileno(self) -> int:
                return 0

            def readline(self) -> str:
                answer = next(answering)
                if isinstance(answer, BaseException):
                    raise answer
                return answer

        monkeypatch.setattr(sys, "stdin", Stdin())
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
        monkeypatch.setattr(termios, "tcgetattr", lambda _: [0, 0, 0, termios.ECHO])
        monkeypatch.setattr(
            termios, "tcsetattr", lambda _, __, mode: self.echo.append(bool(mode[3] & termios.ECHO))
        )


def test_a_passphrase_is_typed_unseen_and_a_new_one_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    typing = _Typing(monkeypatch, "correct horse\n", "correct horse\n", "correct horse\n")

    assert passphrase(Session()) == "correct horse"
    assert passphrase(Session(), new=True) == "correct horse"
    assert typing.echo == [False, True] * 2, "off from the first question to the end of the last"


def test_two_that_differ_none_and_ctrl_c_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    typing = _Typing(monkeypatch, "a\n", "b\n", "\n", "", KeyboardInterrupt())

    for told in ("differ", "empty", "empty"):
        with pytest.raises(Refused, match=told):
            passphrase(Session(), new=True)
    with pytest.raises(NotAnswered):
        passphrase(Session())
    assert typing.echo[-1]


@pytest.mark.parametrize("ahead", [False, True])
def test_at_a_real_terminal_what_is_typed_does_not_show(monkeypatch: pytest.MonkeyPatch, ahead: bool) -> None:
    """Nor what is typed ahead of the second question."""
    monkeypatch.delenv("CI", raising=False)
    master, slave = pty.openpty()
    shown = b""

    def answer() -> None:
        nonlocal shown
        for lines in [2, 0] if ahead else [1, 1]:
            while not shown.endswith(b"(hidden): "):
                shown += os.read(master, 1)
            os.write(master, b"correct horse\n" * lines)
            shown += os.read(master, 1)

    typist = threading.Thread(target=answer, daemon=True)
    typist.start()
    with os.fdopen(slave, "w", buffering=1, encoding="utf-8") as terminal, monkeypatch.context() as patch:
        patch.setattr(sys, "stdin", os.fdopen(os.dup(slave), encoding="utf-8"))
        patch.setattr(sys, "stderr", terminal)
        typed = passphrase(Session(), new=True)
        sys.stdin.close()
        typist.join()
    os.close(master)

    assert typed == "correct horse"
    assert b"horse" not in shown
    assert shown.startswith(b"Passphrase (hidden): \r")
