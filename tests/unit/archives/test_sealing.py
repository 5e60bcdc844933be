"""Seals: opened by whom they were made for and nobody else; every change is found before it can harm."""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from kubisnap.archives import sealing
from kubisnap.archives.sealing import (
    MAIN,
    SECRET,
    SUITE,
    BadKeyText,
    BrokenSeal,
    CannotSeal,
    Identities,
    NotDecrypted,
    Recipients,
    RecordKeys,
    Sealed,
    SealingError,
    TooMuchWork,
    has_passphrase,
    seal,
    unseal,
)
from kubisnap.engine.errors import ArchiveError, WrongKey
from tests.unit.archives.agefiles import hkdf, locked

FILE_KEY, SALT = bytes(range(32)), bytes(range(100, 132))
CONTENT = b"kubisnap-file-key-v1\0" + FILE_KEY + SALT
COMMITMENT = bytes.fromhex("36904c889d3a3a7b3414069639fe8967ef5e2d2c077f34cf8c09747c98d2f81c")
HEADER, RECORD = hashlib.sha256(b"header").digest(), bytes(range(32))
KNOWN_RECORDS = [
    (MAIN, 0, "96aa776c4ee52a6316248adf5cb1388070ed0eb5b8970ff1"),
    (MAIN, 1, "151e586ee0ce171a78dd8888f7cd8d62c2cbb424c6eebdb6"),
    (SECRET, 0, "ca717b4390c5f7fc1065645b73145416ae633b2efee69516"),
    (MAIN, 2**64 - 1, "467b9cce272d22969803102c3749dd41a635db916309c170"),
]
IDENTITY = "AGE-SECRET-KEY-17SRU8FUQ2LNPKZUEW6GTNXHM8TC7DRRYSCHZFXSGWJY80HLFDQZS6SNM62"
MADE_BY_AGE_1_1_1 = base64.b64decode(
    "YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSAyK24xR0lEcDJkQW42QkIwcjErYVU3U05EVm1zVjM3UE5TZERXRWg0"
    "UkdZCmNXWkpIVjJLdE1CSjdBVFVCQ0gyUGtaUFpKeGZnT3ErQjNaWFFNOFVkWkkKLS0tIEw1MzdrNEJ0QmtsVVl5U0UzNUZ0"
    "M1hSTEVkbHltcW5oaTJtelMycCtvdUkKJQ77aN9DFBAzUz9thhncufJLkn/8nSFpinESTJc/7W+8ltR/1H594wvZJv6ZaSm2"
    "kVUIfgApt9FZDCQCwgRAU/mUB8JmeQ7Jx2GMHCQGhhp86t9KjvEX7d/0Ea4FOQGJfpLrLIT+7NFLvq5mOw+LWqu4y9aX"
)
LOCKED_SSH_KEY = (
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    "b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABAoQBWyWXCNE/WRhpL6//a2AAAAEAAAAAEA"
    "AAAzAAAAC3NzaC1lZDI1NTE5AAAAIKeMFEFB4XuuM57I9GN+wPnJXOxVptcHP67R9B+Z36oLAAAAkDrFMa4usm9Sm5fYE0np"
    "b8ADknegg4L8dZ6TWFcHj1hLX30oWVccb+9XKxNHPYX07R8gLCmL24c/mA2bnbLq9BrmhZiWed+h3PwBp4GF0tzxJ9Fpkmo0"
    "rNV8kixc66Ctwo+lpV53bWdQmKHnlyFUADCO/mK/xhEK3Sw+Uh/c1eTH4WEkCKwehKk8pz8p4Nsqsw=="
    "\n-----END OPENSSH PRIVATE KEY-----\n"
)


def pair() -> tuple[str, str]:
    """Return a new age identity and its recipient."""
    identity = pyrage.x25519.Identity.generate()
    return str(identity), str(identity.to_public())


def sealed_as(*slots: bytes, commitment: bytes = COMMITMENT, salt: bytes = SALT) -> Sealed:
    return Sealed(SUITE, salt, commitment, slots)


def opened(sealed: Sealed, *private: str, passphrase: str | None = None) -> RecordKeys:
    return unseal(sealed, Identities(private, passphrase), name="web.ksnap")


def flipped(data: bytes, step: int = 1) -> Iterator[bytes]:
    for bit in range(0, 8 * len(data), step):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)


# ── record keys ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("klass", "sequence", "known"), KNOWN_RECORDS)
def test_records_are_what_the_format_says_to_the_byte(klass: int, sequence: int, known: str) -> None:
    okm = hkdf(FILE_KEY, SALT, b"kubisnap archive v2 " + SUITE.encode() + bytes([0, klass]), 76)
    nonce = bytes(a ^ b for a, b in zip(okm[32:44], bytes(4) + sequence.to_bytes(8, "big"), strict=True))
    keys = RecordKeys(FILE_KEY, SALT)

    assert ChaCha20Poly1305(okm[:32]).encrypt(nonce, b"kubisnap", HEADER + RECORD).hex() == known
    assert keys.encrypt(HEADER, RECORD, sequence, klass, b"kubisnap").hex() == known
    assert keys.decrypt(HEADER, RECORD, sequence, klass, bytes.fromhex(known)) == b"kubisnap"


def test_the_commitment_is_what_the_format_says_and_covers_both_classes() -> None:
    parts = [
        hkdf(FILE_KEY, SALT, b"kubisnap archive v2 " + SUITE.encode() + bytes([0, klass]), 76)[44:]
        for klass in (MAIN, SECRET)
    ]

    assert hashlib.sha256(b"kubisnap archive v2 commitment\0" + b"".join(parts)).digest() == COMMITMENT
    assert RecordKeys(FILE_KEY, SALT).commitment == COMMITMENT


def test_every_changed_bit_of_a_record_its_header_and_the_files_header_is_found() -> None:
    keys = RecordKeys(FILE_KEY, SALT)
    body = keys.encrypt(HEADER, RECORD, 5, MAIN, b"kubisnap")
    changes = [
        *((HEADER, RECORD, changed) for changed in flipped(body)),
        *((HEADER, changed, body) for changed in flipped(RECORD)),
        *((changed, RECORD, body) for changed in flipped(HEADER)),
        (HEADER, RECORD, b""),
        (HEADER, RECORD, body[:-1]),
        (HEADER, RECORD, body + b"\0"),
        (HEADER, RECORD[:-1], RECORD[-1:] + body),
    ]

    for header, record, data in changes:
        with pytest.raises(NotDecrypted):
            keys.decrypt(header, record, 5, MAIN, data)


def test_a_record_belongs_to_one_place_one_class_and_one_archive() -> None:
    keys = RecordKeys(FILE_KEY, SALT)
    body = keys.encrypt(HEADER, RECORD, 5, MAIN, b"kubisnap")

    for other, sequence, klass in (
        (keys, 4, MAIN),
        (keys, 5, SECRET),
        (RecordKeys(FILE_KEY, bytes(32)), 5, MAIN),
        (RecordKeys(bytes(32), SALT), 5, MAIN),
        (keys, -1, MAIN),
        (keys, 2**64, MAIN),
        (keys, 5, 2),
        (keys, 5, -1),
    ):
        with pytest.raises(NotDecrypted):
            other.decrypt(HEADER, RECORD, sequence, klass, body)


def test_keys_have_the_right_size_and_show_nothing() -> None:
    keys = RecordKeys(FILE_KEY, SALT)

    assert repr(keys) == str(keys) == "RecordKeys(...)"
    assert not hasattr(keys, "__dict__")
    with pytest.raises(SealingError):
        keys.encrypt(HEADER[1:], HEADER[:1] + RECORD, 0, MAIN, b"")
    for file_key, salt in ((FILE_KEY[1:], SALT), (FILE_KEY, SALT + b"x")):
        with pytest.raises(BrokenSeal):
            RecordKeys(file_key, salt)


# ── recipients ───────────────────────────────────────────────────────────────────────────────────


def test_each_recipient_opens_it_and_a_stranger_does_not() -> None:
    (ada, to_ada), (bob, to_bob), (eve, _) = pair(), pair(), pair()
    sealed, keys = seal(Recipients((to_ada, to_bob, to_ada)))
    body = keys.encrypt(HEADER, RECORD, 0, MAIN, b"data")

    assert len(sealed.slots) == 2
    for private in ((ada,), (bob,), (eve, bob)):
        assert opened(sealed, *private).decrypt(HEADER, RECORD, 0, MAIN, body) == b"data"
    with pytest.raises(WrongKey) as told:
        opened(sealed, eve)
    assert isinstance(told.value, ArchiveError)
    assert told.value.kind == "wrong-key"
    assert told.value.facts == {"archive": "web.ksnap", "slots": 2, "passphrase": False}
    assert str(told.value) == "web.ksnap: encrypted, and nothing that was given opens it"
    assert told.value.hint.startswith("--identity FILE ")
    assert "PASSPHRASE" not in told.value.hint


def test_without_a_key_it_says_so() -> None:
    sealed, _ = seal(Recipients((pair()[1],)))

    with pytest.raises(WrongKey, match="no key was given"):
        opened(sealed)


def test_slots_stand_in_the_order_given() -> None:
    people = [pair() for _ in range(3)]
    sealed, _ = seal(Recipients(tuple(public for _, public in people)))

    for (private, _), slot in zip(people, sealed.slots, strict=True):
        opened(msgspec.structs.replace(sealed, slots=(slot,)), private)


def test_chance_is_handed_in_and_every_archive_has_a_key_of_its_own() -> None:
    private, public = pair()
    chance = iter([FILE_KEY, SALT])
    sealed, keys = seal(Recipients((public,)), lambda _: next(chance))

    assert (sealed.salt, sealed.commitment) == (SALT, COMMITMENT)
    assert keys.commitment == opened(sealed, private).commitment == COMMITMENT
    assert seal(Recipients((public,)))[0].commitment != seal(Recipients((public,)))[0].commitment


def test_thirty_two_may_read_and_not_thirty_three_and_not_nobody() -> None:
    people = tuple(pair()[1] for _ in range(33))

    assert len(seal(Recipients(people[:32]))[0].slots) == 32
    for too in (Recipients(people), Recipients(people[:32], "x"), Recipients(), Recipients((), "")):
        with pytest.raises(CannotSeal):
            seal(too)


def _ed25519() -> tuple[str, str]:
    return _openssh(ed25519.Ed25519PrivateKey.generate())


def _rsa() -> tuple[str, str]:
    return _openssh(rsa.generate_private_key(65537, 2048))


def _openssh(key: Any) -> tuple[str, str]:
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return private, f"{public} ada@example.com"


@pytest.mark.parametrize("make", [_ed25519, _rsa])
def test_ssh_keys_open_it_too(make: Callable[[], tuple[str, str]]) -> None:
    private, public = make()
    sealed, keys = seal(Recipients((pair()[1], public)))

    assert opened(sealed, private).commitment == keys.commitment
    with pytest.raises(WrongKey):
        opened(sealed, make()[0])


def test_what_is_no_key_is_told_without_quoting_a_secret() -> None:
    sealed, _ = seal(Recipients((pair()[1],)))

    for recipient in (
        "",
        "age1",
        "ssh-ed25519 AAAA",
        IDENTITY,
        f"{pair()[1]}\nx",
        "ecdsa-sha2-nistp256 AAAA",
    ):
        with pytest.raises(BadKeyText):
            seal(Recipients((recipient,)))
    for private in ("", "x", IDENTITY.replace("7", "8"), "-----BEGIN X-----", LOCKED_SSH_KEY):
        with pytest.raises(BadKeyText) as told:
            opened(sealed, private)
        assert not private or private not in str(told.value)
        assert ("ssh-keygen -p" in str(told.value)) == (private == LOCKED_SSH_KEY)


def test_secrets_show_in_no_representation() -> None:
    assert repr(Recipients(("age1x",), "hunter2")) == "Recipients(public=('age1x',))"
    assert repr(Identities((IDENTITY,), "hunter2")) == "Identities()"


# ── what is in the header ────────────────────────────────────────────────────────────────────────


def test_a_slot_that_age_wrote_opens() -> None:
    assert opened(sealed_as(MADE_BY_AGE_1_1_1), IDENTITY).commitment == COMMITMENT


@pytest.mark.skipif(shutil.which("age") is None, reason="needs the command age (Debian package age)")
def test_the_command_age_opens_a_slot(tmp_path: Path) -> None:
    key = tmp_path / "key"
    subprocess.run(["age-keygen", "-o", key], check=True, capture_output=True)
    public = subprocess.run(["age-keygen", "-y", key], check=True, capture_output=True, text=True).stdout
    sealed, _ = seal(Recipients((public.strip(),)))
    content = subprocess.run(
        ["age", "-d", "-i", key], input=sealed.slots[0], check=True, capture_output=True
    ).stdout
    again = subprocess.run(["age", "-r", public.strip()], input=content, check=True, capture_output=True)

    assert RecordKeys(content[21:53], content[53:]).commitment == sealed.commitment
    private = key.read_text().splitlines()[-1]
    rewrapped = opened(msgspec.structs.replace(sealed, slots=(again.stdout,)), private)
    assert rewrapped.commitment == sealed.commitment


def test_every_changed_bit_of_salt_and_commitment_is_found() -> None:
    for salt in flipped(SALT, 7):
        with pytest.raises(BrokenSeal, match="something else"):
            opened(sealed_as(MADE_BY_AGE_1_1_1, salt=salt), IDENTITY)
    for commitment in flipped(COMMITMENT):
        with pytest.raises(BrokenSeal, match="not the one"):
            opened(sealed_as(MADE_BY_AGE_1_1_1, commitment=commitment), IDENTITY)


def test_every_changed_bit_of_a_slot_and_every_shortened_slot_opens_nothing() -> None:
    changed = [*flipped(MADE_BY_AGE_1_1_1), MADE_BY_AGE_1_1_1 + b"\0"]
    changed += [MADE_BY_AGE_1_1_1[:cut] for cut in range(len(MADE_BY_AGE_1_1_1))]

    for slot in changed:
        with pytest.raises((BrokenSeal, WrongKey)):
            opened(sealed_as(slot), IDENTITY)


def test_a_slot_of_another_archive_does_not_fit() -> None:
    private, public = pair()
    one, other = seal(Recipients((public,)))[0], seal(Recipients((public,)))[0]

    with pytest.raises(BrokenSeal):
        opened(msgspec.structs.replace(one, slots=other.slots), private)


def test_an_age_file_with_something_else_in_it_is_no_slot() -> None:
    private, public = pair()
    to = [pyrage.x25519.Recipient.from_str(public)]

    for content in (b"", CONTENT[:-1], CONTENT + b"x", CONTENT.replace(b"v1", b"v2"), bytes(len(CONTENT))):
        with pytest.raises(BrokenSeal):
            opened(sealed_as(pyrage.encrypt(content, to)), private)
    with pytest.raises(BrokenSeal):
        opened(sealed_as(pyrage.encrypt(CONTENT, to, armored=True)), private)
    assert opened(sealed_as(pyrage.encrypt(CONTENT, to)), private).commitment == COMMITMENT


@pytest.mark.parametrize(
    "change",
    [
        {"suite": "age-xchacha20poly1305-hkdf-sha256-v1"},
        {"salt": SALT[1:]},
        {"commitment": COMMITMENT + b"x"},
        {"slots": ()},
        {"slots": (b"",)},
        {"slots": (b"x" * 4097,)},
        {"slots": (b"x",) * 33},
    ],
)
def test_a_seal_keeps_to_its_limits_when_it_is_read(change: dict[str, Any]) -> None:
    sealed = sealed_as(MADE_BY_AGE_1_1_1)
    encoded = msgspec.msgpack.encode(sealed)

    assert msgspec.msgpack.decode(encoded, type=Sealed) == sealed
    with pytest.raises(msgspec.ValidationError):
        msgspec.msgpack.decode(msgspec.msgpack.encode(msgspec.structs.replace(sealed, **change)), type=Sealed)


@pytest.mark.parametrize(
    "slot",
    [
        b"",
        b"age-encryption.org/v2" + MADE_BY_AGE_1_1_1[21:],
        MADE_BY_AGE_1_1_1.replace(b"\n-> X25519", b"\n-> X\xfc519"),
        MADE_BY_AGE_1_1_1.replace(b"-> X25519", b"-> a\n\n" * 4 + b"-> X25519"),
        MADE_BY_AGE_1_1_1.replace(b"-> X25519", b"X25519"),
        MADE_BY_AGE_1_1_1.replace(b"-> X25519", b"-> " + b"x" * 4000 + b" X25519"),
    ],
)
def test_what_is_no_age_file_within_limits_is_not_even_tried(
    slot: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(pyrage, "decrypt")

    with pytest.raises(BrokenSeal):
        opened(sealed_as(slot), IDENTITY)
    with pytest.raises(BrokenSeal):
        has_passphrase(Sealed(SUITE, SALT, COMMITMENT, ()))


def test_age_is_loaded_only_when_something_is_sealed_or_opened() -> None:
    told = "import sys, kubisnap.archives.sealing; print('pyrage' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], check=True, capture_output=True, text=True)

    assert done.stdout == "False\n"


def test_all_of_it_is_one_family_of_value_errors() -> None:
    assert issubclass(SealingError, ValueError)
    assert all(
        issubclass(error, SealingError) for error in (BadKeyText, BrokenSeal, CannotSeal, NotDecrypted)
    )


# ── passphrases ──────────────────────────────────────────────────────────────────────────────────


def test_a_passphrase_opens_it_beside_a_recipient_and_a_wrong_one_does_not() -> None:
    private, public = pair()
    sealed, keys = seal(Recipients((public,), "correct horse"))

    assert has_passphrase(sealed)
    assert opened(sealed, private).commitment == keys.commitment
    assert opened(sealed, pair()[0], passphrase="correct horse").commitment == keys.commitment


def test_a_wrong_passphrase_opens_nothing_and_the_hint_says_how_to_hand_in_the_right_one() -> None:
    sealed = sealed_as(locked(CONTENT, "correct horse"))

    assert opened(sealed, passphrase="correct horse").commitment == COMMITMENT
    with pytest.raises(WrongKey) as told:
        opened(sealed, passphrase="correct horse ")
    assert told.value.facts == {"archive": "web.ksnap", "slots": 1, "passphrase": True}
    assert told.value.hint.startswith("KUBISNAP_PASSPHRASE_FILE=FILE")
    assert "--identity" not in told.value.hint


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b" 10\n", b" 21\n"),
        (b" 10\n", b" 63\n"),
        (b" 10\n", b" 100\n"),
        (b" 10\n", b" 010\n"),
        (b" 10\n", b" +9\n"),
        (b" 10\n", b" 0\n"),
        (b" 10\n", b"\n"),
        (b" 10\n", b" 10 10\n"),
        (b"-> scrypt", b"-> x\n\n-> scrypt"),
        (b"\n--- ", b"\n-> x\n\n--- "),
        (b"\n--- ", b"\n-> scrypt AAAA 30\n\n--- "),
    ],
)
def test_a_hostile_passphrase_slot_is_refused_before_anything_is_computed(
    old: bytes, new: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    slot = locked(CONTENT, "x")
    assert old in slot
    monkeypatch.delattr(pyrage.passphrase, "decrypt")
    monkeypatch.delattr(pyrage, "decrypt")

    for passphrase in ("x", None):  # also where another key would open it
        with pytest.raises(BrokenSeal):
            opened(sealed_as(MADE_BY_AGE_1_1_1, slot.replace(old, new)), IDENTITY, passphrase=passphrase)


def test_a_machine_too_slow_for_the_passphrase_is_not_taken_for_a_wrong_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sealing, "MAX_WORK_FACTOR", 40)
    slot = locked(CONTENT, "x").replace(b" 10\n", b" 40\n")

    with pytest.raises(TooMuchWork):
        opened(sealed_as(slot), passphrase="x")


def test_a_seal_has_one_passphrase_so_that_one_try_is_all_that_a_file_can_ask_for() -> None:
    slot = locked(CONTENT, "x")

    with pytest.raises(BrokenSeal, match="more than one"):
        opened(sealed_as(slot, slot), passphrase="x")


def test_what_no_reader_would_try_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyrage.passphrase, "encrypt", lambda *_: locked(CONTENT, "x"))
    monkeypatch.setattr(sealing, "MAX_WORK_FACTOR", 9)

    with pytest.raises(CannotSeal, match="work factor"):
        seal(Recipients((), "x"))


def test_identities_are_not_tried_on_a_passphrase_slot_nor_the_other_way_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    slot, tried = locked(CONTENT, "x"), []

    def refuse(kind: str) -> Callable[..., bytes]:
        def decrypt(data: bytes, _: object) -> bytes:
            tried.append((kind, data))
            raise pyrage.DecryptError

        return decrypt

    monkeypatch.setattr(pyrage, "decrypt", refuse("identity"))
    monkeypatch.setattr(pyrage.passphrase, "decrypt", refuse("passphrase"))

    with pytest.raises(WrongKey):
        opened(sealed_as(slot, MADE_BY_AGE_1_1_1), IDENTITY, passphrase="x")
    assert tried == [("identity", MADE_BY_AGE_1_1_1), ("passphrase", slot)]


def test_the_files_of_this_test_are_age_files() -> None:
    content = os.urandom(85)

    assert pyrage.passphrase.decrypt(locked(content, "x"), "x") == content
