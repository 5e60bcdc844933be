"""Signed notes: as the specification and Go write them; nothing else is taken for one."""

import base64

import pytest

from kubisnap.archives.signing import (
    BadSignature,
    MalformedKey,
    MalformedNote,
    PublicKey,
    SigningError,
    SigningKey,
    open_note,
    sign_note,
)

PETER = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PETERS = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
ENOCHS = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
BY_PETER = (
    "— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
BY_ENOCH = (
    "— EnochRoot "
    "rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)
QUASIMODO = """\
Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
"""  # noqa: E501 - to the byte
NO_BREAK = "\u00a0"
peter, enoch = PublicKey.parse(PETERS), PublicKey.parse(ENOCHS)
NOTE = f"{TEXT}\n{BY_PETER}{BY_ENOCH}"


def test_a_key_of_gos_documentation_signs_as_it_does_there() -> None:
    key = SigningKey.parse(PETER)

    assert sign_note(TEXT, [key]) == f"{TEXT}\n{BY_PETER}"
    assert key.text() == PETER
    assert key.public == peter
    assert key.public.text() == PETERS
    assert key.public.title == "PeterNeumann+c74f20a3"


def test_a_note_tells_who_of_those_trusted_signed_it_and_lists_the_others() -> None:
    both = open_note(NOTE, [enoch, peter])
    one = open_note(NOTE, [peter, peter])
    nobody = open_note(NOTE, [])

    assert (both.text, both.signers, both.strangers) == (TEXT, (peter, enoch), ())
    assert (one.signers, one.strangers) == ((peter,), ("EnochRoot+af0cfe78",))
    assert (nobody.signers, nobody.strangers) == ((), ("PeterNeumann+c74f20a3", "EnochRoot+af0cfe78"))


def test_the_note_of_the_specification_is_divided_at_its_last_empty_line() -> None:
    note = open_note(QUASIMODO, [peter])

    assert note.text == QUASIMODO[: QUASIMODO.index("\n—")]
    assert note.strangers == ("quasimodo.example/salvatore+367ba04b",)


def test_signatures_are_ordered_by_name_and_every_key_signs_once() -> None:
    keys = [SigningKey(name, bytes([number]) * 32) for number, name in enumerate("cabdefa")]
    note = sign_note("x\n", keys)
    titles = [(key.name, key.public.id) for key in keys]

    assert [line.split()[1] for line in note.splitlines()[2:]] == ["a", "a", "b", "c", "d", "e", "f"]
    assert [key.title for key in open_note(note, [key.public for key in keys]).signers] == [
        "+".join(title) for title in sorted(titles)
    ]
    assert sorted(titles) != sorted(titles, key=lambda title: title[1])
    assert note == sign_note("x\n", keys[::-1])
    assert open_note(note, [key.public for key in keys]).strangers == ()
    with pytest.raises(MalformedNote):
        sign_note("x\n", [keys[0], keys[0]])


def test_sixteen_keys_may_sign_and_not_seventeen_and_not_none() -> None:
    keys = [SigningKey(f"k{number}", bytes([number]) * 32) for number in range(17)]
    note = sign_note("x\n", keys[:16])

    assert len(open_note(note, [key.public for key in keys]).signers) == 16
    with pytest.raises(MalformedNote):
        open_note(note + sign_note("x\n", keys[16:]).splitlines(keepends=True)[2], [])
    for many in (keys, []):
        with pytest.raises(MalformedNote):
            sign_note("x\n", many)


def test_a_new_key_signs_and_shows_nothing_of_itself() -> None:
    key = SigningKey.generate("ops")

    assert SigningKey.parse(key.text()) == key
    assert PublicKey.parse(key.public.text()) == key.public
    assert open_note(sign_note("x\n", [key]), [key.public]).signers == (key.public,)
    assert repr(key) == "SigningKey(name='ops')"
    assert SigningKey.generate("ops") != key


@pytest.mark.parametrize("bit", range(0, 8 * 68, 3))
def test_a_changed_bit_of_a_trusted_signature_is_never_a_signature(bit: int) -> None:
    name, encoded = BY_PETER.removeprefix("— ").split()
    data = bytearray(base64.b64decode(encoded))
    data[bit // 8] ^= 1 << bit % 8
    note = f"{TEXT}\n— {name} {base64.b64encode(data).decode()}\n"

    if bit < 32:  # another id: somebody else's
        assert open_note(note, [peter]).signers == ()
    else:
        with pytest.raises(BadSignature):
            open_note(note, [peter])


def test_a_changed_text_a_shortened_and_a_second_false_signature_are_found() -> None:
    false = BY_PETER.replace("/ZJk", "/ZJm")
    for note in (
        NOTE.replace("answer", "answEr"),
        f"\n{NOTE}",
        f"{TEXT}\n{BY_PETER[:-5]}\n",
        f"{TEXT}\n{BY_PETER}{false}",
        f"{TEXT}\n{false}{BY_PETER}",
        f"{TEXT}\n— PeterNeumann x08gowA=\n",
    ):
        with pytest.raises(BadSignature) as told:
            open_note(note, [peter])
        assert told.value.key == "PeterNeumann+c74f20a3"


def test_a_stranger_with_a_trusted_name_stays_a_stranger() -> None:
    other = SigningKey("PeterNeumann", bytes(32))

    assert open_note(sign_note(TEXT, [other]), [peter]).strangers == (other.public.title,)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        TEXT,
        f"{TEXT}\n",
        f"{TEXT}{BY_PETER}",
        f"{TEXT}\n{BY_PETER[:-1]}",
        f"{TEXT}\n{BY_PETER}\n",
        f"{TEXT}\n{BY_PETER}unexpected\n",
        f"{TEXT}\n{BY_PETER.replace('—', '-')}",
        f"{TEXT}\n{BY_PETER.replace('— ', '—')}",
        f"{TEXT}\n{BY_PETER.replace('— ', '—  ')}",
        f"{TEXT}\n{BY_PETER.replace('rN', 'r N')}",
        f"{TEXT}\n{BY_PETER.replace('rN', 'r+N')}",
        f"{TEXT}\n{BY_PETER.replace('rN', f'r{NO_BREAK}N')}",
        f"{TEXT}\n{BY_PETER.replace('AM=', 'AN=')}",
        f"{TEXT}\n{BY_PETER.replace('AM=', 'AM')}",
        f"{TEXT}\n{BY_PETER.replace('AM=', 'AM= ')}",
        f"{TEXT}\n— PeterNeumann x08gow==\n",
        f"{TEXT}\n— PeterNeumann \n",
        f"{TEXT}\n— PeterNeumann ü\n",
        f"{TEXT}\n{BY_PETER}".replace("\n", "\r\n"),
        f"\t{TEXT}\n{BY_PETER}",
        f"\x00{TEXT}\n{BY_PETER}",
        f"\ud800{TEXT}\n{BY_PETER}",
        "x" * 1_000_000 + f"\n\n{BY_PETER}",
    ],
)
def test_what_is_no_note_is_refused_whoever_is_trusted(note: str) -> None:
    for trusted in ([], [peter]):
        with pytest.raises(MalformedNote):
            open_note(note, trusted)


@pytest.mark.parametrize("text", ["", "x", "x\r\n", "a\tb\n", "\x1b[2J\n", "\ud800\n"])
def test_what_no_note_can_hold_is_not_signed(text: str) -> None:
    with pytest.raises(MalformedNote):
        sign_note(text, [SigningKey.parse(PETER)])


def test_a_text_may_hold_empty_lines_and_lines_that_look_like_signatures() -> None:
    text = f"a\n\n{BY_PETER}\n\n"
    key = SigningKey.parse(PETER)

    assert open_note(sign_note(text, [key]), [peter]).text == text


def test_no_part_and_no_change_of_a_keys_text_is_a_key() -> None:
    for text, parse in ((PETERS, PublicKey.parse), (PETER, SigningKey.parse)):
        parts = {text[i:j] for i in range(len(text)) for j in range(i + 1, len(text) + 1)} - {text}
        changed = {
            text[:i] + chr(ord(text[i]) + step) + text[i + 1 :] for i in range(len(text)) for step in (1, -1)
        }
        for wrong in parts | changed:
            with pytest.raises(MalformedKey):
                parse(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        PETERS.replace("c74f20a3", "C74F20A3"),
        f"{PETERS}\n",
        "",
        "ü+c74f20a3+ü",
    ],
)
def test_other_kinds_and_forms_of_keys_are_refused(wrong: str) -> None:
    with pytest.raises(MalformedKey):
        PublicKey.parse(wrong)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b", "a\nb", "a\x01b", "\ud800"])
def test_a_key_has_a_name_that_a_line_can_hold(name: str) -> None:
    for make in (PublicKey, SigningKey):
        with pytest.raises(MalformedKey):
            make(name, bytes(32))
        with pytest.raises(MalformedKey):
            make("name", bytes(31))


def test_two_trusted_keys_of_one_name_and_id_are_refused_rather_than_guessed_between(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(PublicKey, "id", "00000000")

    with pytest.raises(MalformedKey):
        open_note(NOTE, [peter, PublicKey(peter.name, bytes(32))])


def test_points_of_small_order_are_accepted_as_the_library_does_so_trust_is_the_readers_choice() -> None:
    anybody = PublicKey("anybody", b"\x01" + bytes(31))

    assert anybody.verifies("any text\n", b"\x01" + bytes(63))


def test_a_signature_whose_number_is_too_large_is_another_form_of_it_and_refused() -> None:
    """RFC 8032: S is below the order of the group, or a signature could be changed into a second one."""
    order = 2**252 + 27742317777372353535851937790883648493
    signature = SigningKey.parse(PETER).sign(TEXT)
    larger = (int.from_bytes(signature[32:], "little") + order).to_bytes(32, "little")

    assert peter.verifies(TEXT, signature)
    assert not peter.verifies(TEXT, signature[:32] + larger)


def test_all_of_it_is_one_family_of_value_errors_that_quote_no_secret() -> None:
    assert issubclass(SigningError, ValueError)
    with pytest.raises(SigningError) as told:
        SigningKey.parse(PETER.replace("c74f20a3", "c74f20a4"))
    assert "AYEKFALV" not in str(told.value)
