"""Signed notes and record keys: whatever is put in comes out, and nothing else does."""

import re

import pyrage
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kubisnap.archives.sealing import (
    CLASSES,
    MAX_SEQUENCE,
    Identities,
    NotDecrypted,
    Recipients,
    RecordKeys,
    seal,
    unseal,
)
from kubisnap.archives.signing import (
    BadSignature,
    MalformedKey,
    MalformedNote,
    PublicKey,
    SigningKey,
    open_note,
    sign_note,
)

bytes32 = st.binary(min_size=32, max_size=32)
letters = st.characters(exclude_categories=("Cs", "Cc"), include_characters="\n\x7f")
texts = st.text(letters, max_size=200).map(lambda text: f"{text}\n")
names = st.text(letters, min_size=1, max_size=20).filter(lambda name: not re.search(r"[\s+]", name))
signers = st.builds(SigningKey, names, bytes32)
PETER = SigningKey("peter", bytes(32))
NOTE = sign_note("a\n\nb\n", [PETER])


@given(texts, st.lists(signers, min_size=1, max_size=4, unique_by=lambda key: key.public.title))
@example("\n\n— x y\n", [PETER])
def test_every_text_comes_back_with_all_who_signed_it(text: str, keys: list[SigningKey]) -> None:
    note = open_note(sign_note(text, keys), [key.public for key in keys])

    assert note.text == text
    assert set(note.signers) == {key.public for key in keys}
    assert note.strangers == ()


@given(signers)
def test_every_key_survives_being_written_down(key: SigningKey) -> None:
    assert SigningKey.parse(key.text()) == key
    assert PublicKey.parse(key.public.text()) == key.public


@given(st.text(max_size=60))
def test_no_text_makes_reading_a_key_fail_otherwise(text: str) -> None:
    for parse in (PublicKey.parse, SigningKey.parse):
        for tried in (text, f"PRIVATE+KEY+{text}", f"a+01234567+{text}"):
            with pytest.raises(MalformedKey):
                parse(tried)


@given(st.integers(0, len(NOTE) - 1), st.text(max_size=3), st.integers(0, 3))
def test_no_change_of_a_note_leaves_it_signed_by_a_trusted_key(at: int, instead: str, length: int) -> None:
    changed = NOTE[:at] + instead + NOTE[at + length :]
    if changed == NOTE:
        return
    try:
        note = open_note(changed, [PETER.public])
    except (BadSignature, MalformedNote):
        return
    assert note.signers in ((), (PETER.public,))
    assert not note.signers or note.text == "a\n\nb\n"


@given(
    bytes32, bytes32, bytes32, st.binary(max_size=64), st.integers(0, MAX_SEQUENCE), st.binary(max_size=500)
)
def test_every_record_comes_back_from_its_place(
    file_key: bytes, salt: bytes, header: bytes, record: bytes, sequence: int, data: bytes
) -> None:
    keys = RecordKeys(file_key, salt)
    bodies = [keys.encrypt(header, record, sequence, klass, data) for klass in CLASSES]

    assert [len(body) for body in bodies] == [len(data) + 16] * 2
    for klass, body in zip(CLASSES, bodies, strict=True):
        assert keys.decrypt(header, record, sequence, klass, body) == data
        with pytest.raises(NotDecrypted):
            keys.decrypt(header, record, sequence ^ 1, klass, body)
        with pytest.raises(NotDecrypted):
            keys.decrypt(header, record, sequence, 1 - klass, body)


@given(st.integers(1, 4), st.data())
def test_whoever_it_was_sealed_for_opens_it(count: int, data: st.DataObject) -> None:
    people = [pyrage.x25519.Identity.generate() for _ in range(count)]
    sealed, keys = seal(Recipients(tuple(str(one.to_public()) for one in people)))
    who = data.draw(st.sampled_from(people))

    assert unseal(sealed, Identities((str(who),)), name="x").commitment == keys.commitment
