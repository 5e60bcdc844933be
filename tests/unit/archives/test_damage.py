"""Accidents: a bit, a byte, a cut, a record; each is found, by both readers, in every form.

Which form promises what, against whoever changes bytes on purpose and makes every checksum, number and
hash right again that needs no key (`forging.rechained`):

==============  =============================================================================
plain           the same root is the same contents; whoever knows no root knows nothing
incremental     as plain, and its parents are those that it was written for
encrypted       with the key: nothing is moved, exchanged, or left out
signed          nothing is changed at all; so, too, encrypted and signed, and without the key
==============  =============================================================================
"""

import io
from collections.abc import Callable, Iterator

import pytest

from kubisnap.archives import Access, open_reader
from kubisnap.archives.format import Kind
from kubisnap.archives.reader import Reader
from kubisnap.engine.errors import ArchiveError, CorruptArchive, NotSigned, UnsupportedArchive, WrongKey
from kubisnap.engine.journal.codec import StoredRow
from tests.unit.archives.forging import Record, apart, glued, rechained
from tests.unit.archives.making import (
    ALONE,
    BLOBS,
    FORMS,
    IDENTITIES,
    RECIPIENTS,
    SIGNER,
    Form,
    forms,
    log,
    made,
    read,
    row_of,
    sought,
    verified,
)

pytestmark = pytest.mark.usefixtures("_unsealed_once")

LOOKS = {"streaming": verified, "seeking": sought}
Look = Callable[[bytes, Access], object]


def found(look: Look, form: Form, data: bytes) -> ArchiveError | None:
    """Return the error of looking, which is one of ours. Nothing else may come, and no wrong result."""
    try:
        look(data, form.access)
    except (CorruptArchive, UnsupportedArchive, WrongKey, NotSigned) as error:
        return error
    return None


def passed_over(look: Look, form: Form) -> range:
    """Return where a reader does not look: without a key the seeking one reads the ends only."""
    if look is verified or form.opened:
        return range(0)
    start, records, trailer = apart(form.made.data)
    end = len(form.made.data) - len(trailer) - sum(len(r.bytes()) for r in records if r.kind >= Kind.INDEX)
    return range(len(start), end - 32)


def flips(data: bytes, bit: int) -> Iterator[tuple[int, bytes]]:
    for place in range(len(data)):
        yield place, data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]


@pytest.mark.parametrize("bit", range(8))
@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("how", LOOKS)
def test_every_flipped_bit_is_found_at_or_before_its_place(how: str, name: str, bit: int) -> None:
    form, look = forms()[name], LOOKS[how]
    unseen = passed_over(look, form)
    for place, data in flips(form.made.data, bit):
        error = found(look, form, data)
        if place in unseen:
            continue
        assert isinstance(error, CorruptArchive), place
        if look is verified and not 12 <= place < 16:  # a header that is said to be longer than the file
            assert error.offset is not None
            assert error.offset <= place, place


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("how", LOOKS)
def test_every_cut_is_found(how: str, name: str) -> None:
    form, look = forms()[name], LOOKS[how]
    for length in range(len(form.made.data)):
        error = found(look, form, form.made.data[:length])
        assert isinstance(error, CorruptArchive), length
        if look is verified:
            assert error.offset == (length if length >= 8 else 0)
            assert "cut off" in error.problem or length == 0


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("how", LOOKS)
def test_every_missing_repeated_or_inserted_byte_is_found(how: str, name: str) -> None:
    form, look = forms()[name], LOOKS[how]
    data = form.made.data
    for place in range(len(data)):
        for other in (
            data[:place] + data[place + 1 :],
            data[:place] + data[place : place + 1] + data[place:],
            data[:place] + bytes([(data[place] + 1) % 256]) + data[place:],
        ):
            assert isinstance(found(look, form, other), CorruptArchive), place


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("how", LOOKS)
def test_anything_after_the_end_is_found(how: str, name: str) -> None:
    form, look = forms()[name], LOOKS[how]
    for more in (b"\0", b"\n", b"KSNPEND\n", form.made.data[-56:], form.made.data):
        error = found(look, form, form.made.data + more)
        assert isinstance(error, CorruptArchive)
        if look is verified:
            assert error.problem == "there is more after the end of the archive"
            assert error.offset == len(form.made.data)


def orders(count: int) -> Iterator[list[int]]:
    """Every order in which a record is dropped, one stands twice, or two are exchanged."""
    every = range(count)
    yield from ([n for n in every if n != dropped] for dropped in every)
    yield from ([*every[: twice + 1], *every[twice:]] for twice in every)
    for one in every:
        for two in range(one + 1, count):
            yield [{one: two, two: one}.get(n, n) for n in every]
    yield []


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("how", LOOKS)
def test_every_dropped_repeated_or_exchanged_record_is_found(how: str, name: str) -> None:
    form, look = forms()[name], LOOKS[how]
    start, records, trailer = apart(form.made.data)
    for order in orders(len(records)):
        data = glued(start, [records[n] for n in order], trailer)
        if order == [1, 0, *range(2, len(records))] and passed_over(look, form):
            continue  # between the ends, where nobody looked
        assert isinstance(found(look, form, data), CorruptArchive), order


# ── with every hash made right again ─────────────────────────────────────────────────────────


@pytest.mark.parametrize("numbered", [True, False])
@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("how", LOOKS)
def test_records_moved_by_a_forger_are_found(how: str, name: str, numbered: bool) -> None:
    """By their number where it is left, by index, root, cipher or signature where it is not."""
    form, look = forms()[name], LOOKS[how]
    start, records, _ = apart(form.made.data)
    for order in orders(len(records)):
        data = rechained(start, [records[n] for n in order], numbered=numbered)
        assert isinstance(found(look, form, data), CorruptArchive | NotSigned), order


@pytest.mark.parametrize("name", ["signed", "encrypted", "keyless"])
def test_a_signature_holds_against_whoever_changes_a_bit_and_every_hash(name: str) -> None:
    form = forms()[name]
    start, records, _ = apart(form.made.data)
    for number, record in enumerate(records[:-1]):
        for place in range(len(record.body)):
            body = bytearray(record.body)
            body[place] ^= 1 << place % 8
            data = rechained(
                start, [*records[:number], record._replace(body=bytes(body)), *records[number + 1 :]]
            )
            assert isinstance(found(verified, form, data), CorruptArchive), (number, place)


def test_encryption_holds_against_whoever_changes_a_bit_and_has_no_key() -> None:
    """But for what is public: the manifest, which the root is over, and the footer."""
    archive = made(log(2), blobs=BLOBS, recipients=RECIPIENTS)
    form = Form(archive, Access(IDENTITIES))
    start, records, _ = apart(archive.data)
    for number, record in enumerate(records[:-1]):
        for place in range(len(record.body)):
            body = bytearray(record.body)
            body[place] ^= 1 << place % 8
            data = rechained(
                start, [*records[:number], record._replace(body=bytes(body)), *records[number + 1 :]]
            )
            for look in LOOKS.values():
                assert isinstance(found(look, form, data), CorruptArchive), (number, place)


def test_without_a_key_a_forger_of_an_unsigned_encrypted_archive_is_not_found() -> None:
    """What is promised without a key and without a signature: accidents are found, and no more than that."""
    archive = made(log(2), recipients=RECIPIENTS)
    start, records, _ = apart(archive.data)
    body = bytes([records[0].body[0] ^ 1]) + records[0].body[1:]
    data = rechained(start, [records[0]._replace(body=body), *records[1:]])
    assert not verified(data, Access(keyless=True)).opened
    with pytest.raises(CorruptArchive):
        verified(data, Access(IDENTITIES))


def replaced(records: list[Record], number: int, other: Record) -> list[Record]:
    return [*records[:number], other, *records[number + 1 :]]


@pytest.mark.parametrize("signed", [True, False])
def test_parts_of_two_archives_do_not_mix(signed: bool) -> None:
    keys = [SIGNER] if signed else []
    other = made(log(2), blobs=BLOBS, sign_with=keys).data
    one, two = apart(made(log(3), blobs=BLOBS, sign_with=keys).data), apart(other)
    form = Form(made(log(2)), Access(trusted=(SIGNER.public,), signed=signed))
    mixed = [
        glued(one.start, two.records, two.trailer),
        glued(two.start, one.records, one.trailer),
        glued(one.start, one.records, two.trailer),
        *(glued(one.start, replaced(one.records, n, two.records[n]), one.trailer) for n in (0, 2, 3, 4)),
        rechained(one.start, two.records),
        rechained(two.start, one.records),
        *(rechained(one.start, replaced(one.records, n, two.records[n])) for n in (0, 2, 3, 4)),
    ]
    for number, data in enumerate(mixed):
        for look in LOOKS.values():
            assert isinstance(found(look, form, data), CorruptArchive), number


# ── what the error says ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "the file is empty"),
        (b"\x89", "cut off: the file ends within its first bytes"),
        (b"\x89KSN\r\n\x1a", "cut off: the file ends within its first bytes"),
        (b"\x89KSN\r\n\x1a\n", "cut off: the file ends within its first bytes"),
        (b"cluster: web\n", "this is not a snapshot archive"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00", "this is not a snapshot archive"),
        (b"a", "this is not a snapshot archive"),
        (b"\x89KSN\n\x1a\nxxxx", "the first bytes are damaged, as by a transfer in text mode"),
        (b"\x09KSN\r\n\x1a\nxxx", "the first bytes are damaged, as by a transfer in text mode"),
        (b"\xc2\x89KSN\r\n\x1a\n", "the first bytes are damaged, as by a transfer in text mode"),
    ],
)
def test_a_file_that_does_not_begin_as_an_archive_is_called_what_it_is(data: bytes, problem: str) -> None:
    for look in (read, verified, sought):
        with pytest.raises(CorruptArchive) as caught:
            look(data, Access())
        assert (caught.value.problem, caught.value.name) == (problem, "x.ksnap")


def test_text_mode_is_found_by_the_first_bytes() -> None:
    data = forms()["plain"].made.data
    for mangled in (
        data.replace(b"\r\n", b"\n"),
        data.replace(b"\n", b"\r\n"),
        data.decode("latin-1").encode(),
        bytes(byte & 0x7F for byte in data),
        data.split(b"\x1a")[0],
    ):
        with pytest.raises(CorruptArchive, match=r"text mode|cut off"):
            verified(mangled, Access())


def test_the_events_before_the_damage_are_told() -> None:
    """Blocks of one event each, a pack and what closes the archive, one bit wrong in each in turn."""
    archive = made([row_of(n, ALONE) for n in range(1, 5)], blobs=BLOBS)
    start, records, trailer = apart(archive.data)
    place = len(start)
    for number, record in enumerate(records):
        body = bytes([record.body[0] ^ 1]) + record.body[1:]
        with pytest.raises(CorruptArchive) as caught:
            verified(glued(start, replaced(records, number, record._replace(body=body)), trailer), Access())
        assert caught.value.problem == f"record {number} is damaged"
        assert caught.value.offset == place
        assert caught.value.intact == (1, min(number, 4))
        place += len(record.bytes())
    with pytest.raises(CorruptArchive) as caught:
        verified(glued(start, records, bytes(len(trailer))), Access())
    assert (caught.value.offset, caught.value.intact) == (place, (1, 4))


def test_events_that_were_taken_before_the_damage_are_those_that_are_told() -> None:
    archive = made([row_of(n, ALONE) for n in range(1, 5)])
    for length in range(1_000, len(archive.data) - 1, 200):
        reader = open_reader(io.BytesIO(archive.data[:length]), name="x")
        rows: list[StoredRow] = []

        def take(reader: Reader = reader, rows: list[StoredRow] = rows) -> None:
            for block in reader.contents():
                rows += block.rows()  # type: ignore[union-attr]

        with pytest.raises(CorruptArchive) as caught:
            take()
        assert tuple(rows) == archive.rows[: len(rows)]
        assert caught.value.intact == (1, len(rows))


def test_of_an_increment_its_own_events_are_told() -> None:
    form = forms()["incremental"]
    with pytest.raises(CorruptArchive) as caught:
        verified(form.made.data[:-1], form.access)
    assert caught.value.intact == (3, 4)
    with pytest.raises(CorruptArchive) as caught:
        verified(form.made.data[:300], form.access)
    assert caught.value.intact == (3, 2)
    assert "no event before it is intact" in str(caught.value)


def test_damage_ahead_of_the_records_leaves_nothing_to_tell_of() -> None:
    with pytest.raises(CorruptArchive) as caught:
        verified(forms()["plain"].made.data[:100], Access())
    assert caught.value.intact is None


@pytest.mark.parametrize("place", [8, 9, 10, 11])
def test_a_flipped_bit_in_the_version_is_damage_and_not_a_newer_format(place: int) -> None:
    for bit in range(8):
        data = bytearray(forms()["plain"].made.data)
        data[place] ^= 1 << bit
        for look in (verified, read, sought):
            with pytest.raises(CorruptArchive, match="the format version or the header is damaged"):
                look(bytes(data), Access())
