"""Archives that are encrypted and signed, as somebody uses them: keys found, named, lost, not one's own."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pyrage
import pytest

if TYPE_CHECKING:
    from .conftest import Desk, Done

PASSPHRASE = "canary battery staple"
READING = (
    "cat web.ksnap 1",
    "cat web.ksnap --list",
    "diff web.ksnap web.ksnap",
    "export web.ksnap",
    "import web.ksnap --store sqlite:///new.sqlite",
    "restore web.ksnap --as copy --on sandbox --dry-run",
    "capture web --out more.ksnap --incremental-from web.ksnap",
)
LOOKING = ("verify web.ksnap", "inspect web.ksnap")
CHECKING = tuple(line for line in (*LOOKING, *READING) if not line.startswith("capture"))


def keys_folder(desk: "Desk") -> Path:
    return desk.home / "data/kubisnap/keys"


def lose(desk: "Desk", *names: str) -> None:
    """Take private keys out of the keys folder; they lie at the desk afterwards."""
    for name in names:
        (keys_folder(desk) / name).rename(desk.home / name)


@pytest.fixture
def sealed(kept: "Desk") -> "Desk":
    """A desk with the keys ops and bob, and an archive for both of them, signed by ops."""
    kept.ok("capture web --out web.ksnap --encrypt-to ops --encrypt-to bob --sign-with ops")
    return kept


def refused(desk: "Desk", line: str, status: int, *told: str) -> "Done":
    """Run what must be refused: it says why and what to do, and changes nothing."""
    before = desk.picture()
    done = desk.run(line)
    assert done.status == status, (line, done.text)
    assert done.out == "", line
    for text in (*told, "\nhint: "):
        assert text in done.err, line
    assert desk.picture() == before, line
    return done


# ── who can read it ──────────────────────────────────────────────────────────────────────────────


def test_ones_own_keys_are_found_without_being_named(sealed: "Desk") -> None:
    lose(sealed, "ops.age")  # bob's fits as well
    for line in (*LOOKING, *READING):
        sealed.ok(line)

    seen = json.loads(sealed.ok("inspect web.ksnap -o json").out)
    assert (seen["keys"], seen["signers"], seen["records"]["events"]) == (2, ["ops"], 1)
    assert "without a key" not in sealed.ok("verify web.ksnap").out


def test_a_reader_is_a_name_a_key_or_a_file_and_opens_it_by_name_or_by_path(kept: "Desk") -> None:
    age = {name: (keys_folder(kept) / f"{name}.age.pub").read_text().strip() for name in ("ops", "bob")}
    kept.write("team.txt", f"# the team\n{age['ops']}\n\n{age['bob']}\n")
    ways = {"name": ("bob", 1), "key": (age["bob"], 1), "file": ("./team.txt", 2), "both": ("./team.txt", 2)}
    for name, (reader, count) in ways.items():
        again = " --encrypt-to bob" if name == "both" else ""  # who is named twice has one key
        kept.ok(f"capture web --out {name}.ksnap --encrypt-to {reader}{again}")
        assert f"encrypted  for {count} key" in kept.ok(f"inspect {name}.ksnap").out
        kept.ok(f"cat {name}.ksnap 1 --identity bob")
    lose(kept, "bob.age")
    for name in ways:
        kept.ok(f"cat {name}.ksnap 1 --identity ./bob.age")
        kept.ok(f"restore {name}.ksnap --as copy --on sandbox --dry-run --identity {kept.home}/bob.age")


def test_without_a_key_nothing_is_read_but_it_can_be_verified_and_inspected(sealed: "Desk") -> None:
    lose(sealed, "ops.age", "bob.age")

    for line in READING:
        refused(sealed, line, 12, "error: web.ksnap: encrypted, and no key was given", "--identity FILE")
    looked = [sealed.ok(line).out for line in LOOKING]
    assert "! without a key: every byte is as it was written" in looked[0]
    assert "cluster    web (" in looked[1]
    assert "records" not in looked[1]
    assert all("ops (trusted)" in text for text in looked)


def test_a_key_that_does_not_fit_opens_nothing(sealed: "Desk") -> None:
    lose(sealed, "ops.age", "bob.age")
    sealed.ok("keys generate eve")

    for line in READING:
        refused(sealed, line, 12, "encrypted, and nothing that was given opens it", "--identity FILE")
    for line in (*LOOKING, *READING):  # who names a key wants it opened
        refused(sealed, f"{line} --identity eve", 12, "encrypted, and nothing that was given opens it")
    for line in LOOKING:
        sealed.ok(line)
    refused(sealed, "cat web.ksnap 1 --identity ops", 10, "no private encryption key 'ops'", "known: eve")


def test_who_names_a_key_is_not_handed_an_archive_that_anybody_may_have_written(kept: "Desk") -> None:
    kept.ok("capture web --out web.ksnap")

    for line in (*LOOKING, *READING):
        refused(kept, f"{line} --identity ops", 12, "error: web.ksnap is not encrypted")


def test_a_key_that_others_can_read_is_in_the_way_of_encrypted_archives_only(sealed: "Desk") -> None:
    sealed.ok("capture web --out plain.ksnap")
    own = keys_folder(sealed) / "bob.age"
    own.chmod(0o644)

    for line in CHECKING:
        sealed.ok(line.replace("web.ksnap", "plain.ksnap"))
    for line in READING:
        refused(sealed, line, 1, f"others can read the private key {own}", f"hint: chmod 600 {own}")
    sealed.ok("cat web.ksnap 1 --identity ops")
    own.chmod(0o600)
    sealed.ok("cat web.ksnap 1")


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        ("--encrypt-to nobody", 10, "no encryption key 'nobody'"),
        ("--encrypt-to age1nonsense", 2, "--encrypt-to: "),
        ("--encrypt-to ./nothing.txt", 2, "--encrypt-to: cannot read nothing.txt"),
        ("--sign-with nobody", 10, "no private signing key 'nobody'"),
        ("--passphrase", 2, "there is no passphrase, and nobody to ask"),
        ("--encrypt-to ops --incremental-from gone.ksnap", 10, "gone.ksnap"),
    ],
)
def test_what_cannot_be_encrypted_or_signed_as_asked_is_not_captured(
    sealed: "Desk", options: str, status: int, told: str
) -> None:
    before = sealed.picture()
    done = sealed.run(f"capture web --out new.ksnap {options}")

    assert (done.status, done.out) == (status, "")
    assert told in done.err
    assert sealed.picture() == before


# ── who signed it ────────────────────────────────────────────────────────────────────────────────


def test_who_demands_a_signature_gets_no_archive_without(kept: "Desk") -> None:
    kept.ok("capture web --out web.ksnap")

    for line in CHECKING:
        kept.ok(line.replace("new.sqlite", "other.sqlite"))
        refused(kept, f"{line} --signed", 13, "web.ksnap is not signed by anyone you trust", "--trusted FILE")


def test_a_strangers_signature_is_named_and_does_not_count(sealed: "Desk") -> None:
    sealed.ok("keys generate eve")
    keys = keys_folder(sealed)
    strangers, team = "--trusted ./eve.pub", "--trusted ./team.txt"
    sealed.write("eve.pub", (keys / "eve.sign.pub").read_text())
    sealed.write("team.txt", (keys / "ops.sign.pub").read_text() + (keys / "eve.sign.pub").read_text())

    assert "signed   ops+" in sealed.ok(f"verify web.ksnap {strangers}").out
    for line in CHECKING:
        told = "not signed by anyone you trust; the signatures call themselves ops+"
        refused(sealed, f"{line} --signed {strangers}", 13, told)
        sealed.ok(f"{line} --signed {team}")
    lose(sealed, "ops.sign")  # by itself, somebody else's public key in the folder is not trusted
    refused(sealed, "verify web.ksnap --signed", 13, "not signed by anyone you trust")
    (keys / "trusted").write_text((keys / "ops.sign.pub").read_text())
    assert "signed   ops (trusted)" in sealed.ok("verify web.ksnap --signed").out


def test_several_sign_and_one_that_is_trusted_is_enough(sealed: "Desk") -> None:
    sealed.ok("capture web --out two.ksnap --sign-with ops --sign-with bob")
    sealed.write("bob.pub", (keys_folder(sealed) / "bob.sign.pub").read_text())

    seen = json.loads(sealed.ok("verify two.ksnap --signed --trusted ./bob.pub -o json").out)

    assert seen["signers"] == ["bob"]
    assert [name.partition("+")[0] for name in seen["strangers"]] == ["ops"]


def test_a_signed_archive_that_was_changed_is_refused_wherever_it_was_changed(sealed: "Desk") -> None:
    content = (sealed.home / "web.ksnap").read_bytes()
    for at in range(5, len(content), len(content) // 12):
        changed = bytes([*content[:at], content[at] ^ 1, *content[at + 1 :]])
        (sealed.home / "changed.ksnap").write_bytes(changed)
        for line in ("verify changed.ksnap --signed", "restore changed.ksnap --as copy --yes --signed"):
            done = sealed.run(line)
            assert (done.status, done.out) == (13, ""), (at, done.text)
    assert "copy" not in sealed.ok("get").out


# ── passphrases, and what is secret ──────────────────────────────────────────────────────────────


def test_a_passphrase_is_typed_twice_to_write_once_to_read_and_shows_nowhere(kept: "Desk") -> None:
    typed = [f"{PASSPHRASE}\n", f"{PASSPHRASE}\n"]
    wrote = kept.at_terminal("capture web --out web.ksnap --passphrase", *typed)
    assert wrote.status == 0, wrote.screen
    assert wrote.screen.count("(hidden): ") == 2

    without = kept.run("cat web.ksnap 1")
    assert (without.status, without.out) == (12, "")
    assert "KUBISNAP_PASSPHRASE_FILE" in without.err
    read = kept.at_terminal("cat web.ksnap 1", *typed[:1])
    assert (read.status, read.screen.count("(hidden): ")) == (0, 1)
    kept.setenv("KUBISNAP_PASSPHRASE", PASSPHRASE)
    restored = kept.ok("restore web.ksnap --as copy --on sandbox --yes")
    kept.setenv("KUBISNAP_PASSPHRASE", f"{PASSPHRASE}!")
    wrong = kept.run("cat web.ksnap 1")
    assert wrong.status == 12
    screens = [done.text + done.screen for done in (wrote, without, read, restored, wrong)]
    files = [content for content in kept.picture().values() if isinstance(content, bytes)]
    assert not [text for text in screens if "canary" in text]
    assert not [content for content in files if b"canary" in content]


def test_two_passphrases_that_differ_write_nothing(kept: "Desk") -> None:
    before = kept.picture()
    done = kept.at_terminal("capture web --out web.ksnap --passphrase", "canary one\n", "canary two\n")

    assert done.status == 1
    assert "the two passphrases differ; nothing was changed" in done.screen
    assert "canary" not in done.screen
    assert kept.picture() == before


def test_no_private_key_is_in_any_output_log_error_or_archive(sealed: "Desk") -> None:
    identity = pyrage.x25519.Identity.generate()
    sealed.write("other.age", f"{identity}\n")
    private = [path.read_text().splitlines()[-1] for path in keys_folder(sealed).glob("*[ne]")]
    assert len(private) == 4
    lines = [
        *LOOKING,
        *READING,
        *(f"{line} --identity ./other.age" for line in READING),
        "log -n 99",
        "log web",
    ]
    lines += [f"{line} -o json --signed" for line in CHECKING if not line.startswith("export")]

    done = [sealed.run(line) for line in lines]

    assert {0, 12} == {item.status for item in done}
    written = b"".join(
        content
        for name, content in sealed.picture().items()
        if isinstance(content, bytes) and not name.startswith("data/") and name != "other.age"
    )
    written += (sealed.home / "store.sqlite").read_bytes()
    for secret in [*private, str(identity)]:
        assert not [item for item in done if secret in item.text]
        assert secret.encode() not in written
