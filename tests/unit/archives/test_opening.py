"""Policies are outside the file: what is asked of an archive, and with what it is opened."""

import base64
import io
from collections.abc import Callable

import pytest

from kubisnap.archives import Access, Identities, SigningKey, open_reader, opening
from kubisnap.archives.format import MAX_NOTE_BYTES
from kubisnap.archives.sealing import TooMuchWork
from kubisnap.engine.errors import (
    ArchiveError,
    CorruptArchive,
    NotEncrypted,
    NotSigned,
    PassphraseNotTried,
    WrongKey,
)
from tests.unit.archives.forging import Record, apart, rechained
from tests.unit.archives.making import (
    BLOBS,
    IDENTITIES,
    OTHER_IDENTITY,
    RECIPIENTS,
    SECRETS,
    SIGNER,
    STRANGER,
    log,
    made,
    read,
    sought,
    verified,
)

LOOKS = (verified, read, sought)
TRUSTED = (SIGNER.public,)
SIGNED = Access(trusted=TRUSTED, signed=True)


def refused(data: bytes, access: Access, error: type[ArchiveError]) -> None:
    for look in LOOKS:
        with pytest.raises(error) as caught:
            look(data, access)
        assert type(caught.value) is error


@pytest.fixture(scope="module")
def plain() -> bytes:
    return made(log(3)).data


@pytest.fixture(scope="module")
def encrypted() -> bytes:
    return made(log(3), blobs=BLOBS, secrets=SECRETS, recipients=RECIPIENTS).data


@pytest.fixture(scope="module")
def signed() -> bytes:
    return made(log(3), sign_with=[SIGNER]).data


def test_encryption_that_is_required_is_missed_in_a_plain_archive(plain: bytes, encrypted: bytes) -> None:
    refused(plain, Access(IDENTITIES, encrypted=True), NotEncrypted)
    for look in LOOKS:
        look(encrypted, Access(IDENTITIES, encrypted=True))


def test_what_is_encrypted_opens_with_its_key_only(encrypted: bytes) -> None:
    refused(encrypted, Access(), WrongKey)
    refused(encrypted, Access(Identities()), WrongKey)
    refused(encrypted, Access(Identities((str(OTHER_IDENTITY),))), WrongKey)
    refused(encrypted, Access(Identities((str(OTHER_IDENTITY),)), keyless=True), WrongKey)
    assert read(encrypted, Access(IDENTITIES)).secrets == SECRETS


def test_a_wrong_key_is_told_before_contents_are_read(encrypted: bytes) -> None:
    class Once(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            assert self.tell() < 2_000
            return super().read(size)

    with pytest.raises(WrongKey):
        open_reader(Once(encrypted), name="x")


def test_without_a_key_every_byte_is_verified_and_nothing_is_told(encrypted: bytes) -> None:
    info = verified(encrypted, Access(keyless=True))
    whole = verified(encrypted, Access(IDENTITIES))
    assert (info.root, info.manifest, info.opened) == (whole.root, whole.manifest, False)
    snapshot = read(encrypted, Access(keyless=True))
    assert (snapshot.rows, snapshot.blobs, snapshot.secrets) == ((), (), ())


def test_a_signature_that_is_required_must_be_of_a_trusted_key(plain: bytes, signed: bytes) -> None:
    refused(plain, SIGNED, NotSigned)
    refused(signed, Access(trusted=(STRANGER.public,), signed=True), NotSigned)
    refused(signed, Access(signed=True), NotSigned)
    assert verified(signed, SIGNED).signers == ("ops.example",)


def test_a_signature_by_a_stranger_is_told_as_such(signed: bytes) -> None:
    info = verified(signed, Access(trusted=(STRANGER.public,)))
    assert (info.signers, info.strangers) == ((), (SIGNER.public.title,))
    with pytest.raises(NotSigned) as caught:
        verified(signed, Access(trusted=(STRANGER.public,), signed=True))
    assert caught.value.strangers == (SIGNER.public.title,)


def test_of_many_signatures_those_that_are_trusted_count() -> None:
    keys = [SigningKey(f"key-{n:02}", bytes([n]) * 32) for n in range(16)]
    data = made(log(3), sign_with=keys).data
    info = verified(data, Access(trusted=(keys[3].public, keys[5].public), signed=True))
    assert info.signers == ("key-03", "key-05")
    assert len(info.strangers) == 14


def test_a_key_of_the_same_name_is_a_stranger(signed: bytes) -> None:
    namesake = SigningKey(SIGNER.name, b"other" * 6 + b"ww")
    refused(signed, Access(trusted=(namesake.public,), signed=True), NotSigned)


# ── the footer, changed ──────────────────────────────────────────────────────────────────────


def with_note(data: bytes, change: Callable[[str], str | bytes]) -> bytes:
    """Change the footer, everything after it made right again."""
    start, records, _ = apart(data)
    note = change(records[-1].body.decode())
    body = note if isinstance(note, bytes) else note.encode()
    return rechained(start, [*records[:-1], records[-1]._replace(body=body)])


def test_a_signature_that_was_stripped_is_missed_where_it_is_required(signed: bytes) -> None:
    bare = with_note(signed, lambda note: note[: note.index("\n\n") + 1])
    assert verified(bare, Access(trusted=TRUSTED)).signers == ()
    refused(bare, SIGNED, NotSigned)


def test_a_signature_of_another_archive_is_not_one_of_this(signed: bytes) -> None:
    other = made(log(4), sign_with=[SIGNER]).data
    line = apart(other).records[-1].body.decode().split("\n\n")[1]
    exchanged = with_note(signed, lambda note: note.split("\n\n")[0] + "\n\n" + line)
    refused(exchanged, SIGNED, CorruptArchive)
    refused(exchanged, Access(trusted=TRUSTED), CorruptArchive)
    assert verified(exchanged, Access()).strangers == (SIGNER.public.title,)


def test_a_footer_of_another_archive_is_refused(signed: bytes) -> None:
    other = apart(made(log(4), sign_with=[SIGNER]).data).records[-1].body
    refused(with_note(signed, lambda _: other), SIGNED, CorruptArchive)


def _line(name: str = "x", data: bytes = b"1234" + bytes(64)) -> str:
    return f"— {name} {base64.b64encode(data).decode()}\n"


@pytest.mark.parametrize(
    "change",
    [
        lambda note: "",
        lambda note: note[:-1],
        lambda note: note + "\n",
        lambda note: note.replace("\n", "\r\n"),
        lambda note: "\n" + note,
        lambda note: note.replace("cluster 0", "cluster 1"),
        lambda note: note.replace("events 1 3", "events 1 4"),
        lambda note: note.replace("root ", "root  "),
        lambda note: note.replace("snapshot/v2", "snapshot/v1"),
        lambda note: note + note,
        lambda note: note + note.split("\n")[3] + "\n",
        lambda note: "root " + "0" * 64 + "\n" + note,
        lambda note: note.upper(),
        lambda note: note + "\n" + "— \n",
        lambda note: note + "\n" + "x" * 100 + "\n",
        lambda note: note + "\n" + _line("two words"),
        lambda note: note + "\n" + _line("right\u202eleft"),
        lambda note: note + "\n" + _line("c1\x9b31m"),
        lambda note: note + "\n" + _line(data=b"1234"),
        lambda note: note + "\n" + _line() * 17,
        lambda note: note + "\n" + _line(data=bytes(MAX_NOTE_BYTES)),
        lambda note: note.encode() + b"\xff\n",
        lambda note: bytes(MAX_NOTE_BYTES + 1),
        lambda note: b"\x00" * 100,
        lambda note: note.replace("a", "\u0430").encode(),
    ],
)
def test_a_footer_in_any_other_form_is_refused(plain: bytes, change: Callable[[str], str | bytes]) -> None:
    refused(with_note(plain, change), Access(), CorruptArchive)


def test_signatures_of_unknown_kinds_are_strangers(plain: bytes) -> None:
    several = with_note(plain, lambda note: note + "\n" + _line("a") + _line("b", b"1234" + bytes(100)) * 2)
    info = verified(several, Access(trusted=TRUSTED))
    assert info.strangers == ("a+31323334", "b+31323334")


def test_the_error_does_not_repeat_what_a_footer_says(plain: bytes) -> None:
    bad = "\x1b[31m"
    for change in (lambda _: bad, lambda _: f"— {bad} x\n", lambda note: f"{note}\n— {bad} x\n"):
        with pytest.raises(CorruptArchive) as caught:
            verified(with_note(plain, change), Access())
        assert "\x1b" not in str(caught.value)


# ── up and down ──────────────────────────────────────────────────────────────────────────────


def without_flag(record: Record, flag: int) -> Record:
    head = bytearray(record.head)
    head[5] ^= flag
    return record._replace(head=bytes(head))


@pytest.mark.parametrize("number", range(6))
def test_a_record_that_says_it_is_plain_in_an_encrypted_archive_is_refused(
    encrypted: bytes, number: int
) -> None:
    start, records, _ = apart(encrypted)
    records[number] = without_flag(records[number], 2)
    for access in (Access(IDENTITIES), Access(keyless=True)):
        with pytest.raises(
            CorruptArchive,
            match=r"encrypted in an|none of those",
        ):
            verified(rechained(start, records), access)


@pytest.mark.parametrize("number", range(4))
def test_a_record_that_says_it_is_encrypted_in_a_plain_archive_is_refused(plain: bytes, number: int) -> None:
    start, records, _ = apart(plain)
    records[number] = without_flag(records[number], 2)
    with pytest.raises(CorruptArchive, match=r"encrypted in an|none of those"):
        verified(rechained(start, records), Access())


def test_records_of_a_plain_archive_in_an_encrypted_one_are_refused(plain: bytes, encrypted: bytes) -> None:
    start, sealed, _ = apart(encrypted)
    records = [apart(plain).records[0], *sealed[1:]]
    for access in (Access(IDENTITIES), Access(keyless=True)):
        with pytest.raises(CorruptArchive, match=r"not encrypted in an encrypted archive"):
            verified(rechained(start, records), access)


def test_a_secret_in_a_plain_archive_is_refused(plain: bytes) -> None:
    from kubisnap.archives import blobs
    from tests.unit.archives.forging import Forge
    from tests.unit.archives.making import header_of

    data = Forge(header_of(log(3))).events(log(3)).secret(blobs.encode_secret(SECRETS[0], bytes(32))).close()
    for look in LOOKS:
        with pytest.raises(CorruptArchive, match="a secret is not encrypted"):
            look(data, Access())


def swapped(data: bytes, other: bytes) -> list[tuple[str, bytes]]:
    """`data` with one piece of `other` in place of its own, and everything that needs no key made right."""
    ours, theirs = apart(data), apart(other)
    assert [r.kind for r in ours.records] == [r.kind for r in theirs.records]
    found = [("header", rechained(theirs.start, ours.records))]
    for number, record in enumerate(theirs.records):
        mixed = [*ours.records[:number], record, *ours.records[number + 1 :]]
        found.append((f"record {number}", rechained(ours.start, mixed)))
    return found


def test_a_piece_of_another_archive_for_the_same_reader_is_refused(encrypted: bytes) -> None:
    """The key opens both, and the file keys are different ones: no record goes from one to the other.

    Without a key nobody can tell but by a signature; the second half shows that.
    """
    other = made(log(3), blobs=BLOBS, secrets=SECRETS, recipients=RECIPIENTS).data
    for what, data in swapped(encrypted, other):
        if what == "record 5":  # the manifest: public, and the same in both
            continue
        refused(data, Access(IDENTITIES), CorruptArchive)


def test_a_piece_of_another_signed_archive_is_refused_without_a_key(encrypted: bytes) -> None:
    one, two = (
        made(log(3), blobs=BLOBS, secrets=SECRETS, recipients=RECIPIENTS, sign_with=[SIGNER]).data
        for _ in "ab"
    )
    for what, data in swapped(one, two):
        if what == "record 5":
            continue
        refused(data, Access(trusted=TRUSTED, signed=True, keyless=True), CorruptArchive)


def test_a_slot_of_another_archive_is_refused(encrypted: bytes) -> None:
    """Its own salt is wrapped with the file key, so a slot opens the archive for which it was made."""
    import msgspec

    from kubisnap.archives.format import decode_header
    from tests.unit.archives.forging import Forge

    def header(data: bytes) -> bytes:
        return apart(data).start[16:-32]

    ours = decode_header(header(encrypted))
    theirs = decode_header(header(made(log(3), recipients=RECIPIENTS).data))
    assert ours.sealed is not None
    assert theirs.sealed is not None
    for changed in (
        msgspec.structs.replace(ours.sealed, slots=theirs.sealed.slots),
        msgspec.structs.replace(ours.sealed, salt=theirs.sealed.salt),
        msgspec.structs.replace(ours.sealed, commitment=theirs.sealed.commitment),
    ):
        forged = Forge(msgspec.structs.replace(ours, sealed=changed)).data
        refused(forged, Access(IDENTITIES), CorruptArchive)


def test_format_1_is_neither_encrypted_nor_signed(golden_v1: bytes) -> None:
    for access, error in ((Access(encrypted=True), NotEncrypted), (SIGNED, NotSigned)):
        for look in (verified, read):
            with pytest.raises(error):
                look(golden_v1, access)


def test_a_passphrase_that_this_machine_does_not_try_is_neither_damage_nor_wrong(
    encrypted: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unseal(*_: object, **__: object) -> None:
        raise TooMuchWork("too slow")

    monkeypatch.setattr(opening, "unseal", unseal)
    refused(encrypted, Access(IDENTITIES), PassphraseNotTried)
