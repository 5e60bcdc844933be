"""Packs, labels, secrets and manifests that are none, in archives whose hashes are all right."""

from typing import Any

import msgspec
import pytest

from kubisnap.archives import Access, Blob, Secret, columns
from kubisnap.archives import blobs as contents
from kubisnap.archives import format as layout
from kubisnap.archives.format import Kind, encode
from kubisnap.engine.errors import ArchiveError, CorruptArchive
from tests.unit.archives.forging import Forge
from tests.unit.archives.making import (
    BLOBS,
    IDENTITIES,
    RECIPIENTS,
    SECRETS,
    events,
    header_of,
    log,
    made,
    read,
    remembering,
    sought,
    stored,
    thorough,
    verified,
)

MIB = 1024 * 1024
ROWS = stored(events(4))
HEADER = header_of(ROWS)
RAW = columns.pack(ROWS, 1).raw


def refused(data: bytes, problem: str, error: type[ArchiveError] = CorruptArchive) -> None:
    for look in (verified, read, sought):
        with pytest.raises(error, match=problem) as caught:
            look(data, Access())
        assert caught.value.name == "x.ksnap"  # type: ignore[attr-defined]
        assert str(caught.value).isprintable()


def forge(header: Any = HEADER, **changed: Any) -> Forge:
    return Forge(header, **changed)


@pytest.mark.parametrize(
    "raw",
    [
        encode([["a"], []]),
        encode([[], [b""]]),
        encode([["a"], [b"", b""]]),
        encode([["a", "b"], [b"1", b"2"]]),
        encode([["a"], ["text"]]),
        encode([["a"], [None]]),
        encode([[b"a"], [b""]]),
        encode([["a"], [b""], 1]),
        encode([["a"]]),
        encode({"labels": ["a"]}),
        encode([["a"], [b""]]) + b"\xc0",
        encode([["a"], [b""]]).replace(b"\xa1a", b"\xd9\x01a"),
        encode([["a"], [b""]]).replace(b"\xc4\x00", b"\xc5\x00\x00"),
        encode([["a"], [b""]]).replace(b"\xa1a", b"\xa1\xff"),
        encode([["b", "a"], [b"1", b"2"]]),
        b"\x92\xdd\xff\xff\xff\xff",
        b"\x92\x91\xa1a\xdd\xff\xff\xff\xff",
        b"\x92\x91\xa1a\x91\xc6\xff\xff\xff\xff",
        b"\x91" * 1_000_000,
        b"\x80" * (8 * MIB),
        b"",
    ],
)
def test_a_pack_that_is_none_is_refused(raw: bytes) -> None:
    refused(forge().events(ROWS).pack([Blob("a", b"")], raw).close(), "a pack|pack of blobs|blobs of a pack")


@pytest.mark.parametrize(
    "label",
    ["", "x" * 513, "bell\a", "a\x1b[2J", "right\u202eleft", "zero\u200bwidth", "a\nb", "a\0b", "\x9b31m"],
)
def test_a_label_that_no_screen_can_show_is_refused(label: str) -> None:
    refused(forge().events(ROWS).pack([Blob(label, b"")]).close(), "a label|pack of blobs")


@pytest.mark.parametrize("label", ["../../etc/passwd", "/etc/passwd", "..", "C:\\x", "a/../b", "-rf", "~"])
def test_a_label_that_looks_like_a_path_is_a_label(label: str) -> None:
    data = forge().events(ROWS).pack([Blob(label, b"1")]).close()
    assert read(data, Access()).blobs == (Blob(label, b"1"),)
    assert sought(data, Access()).blob(Blob("", b"1").digest) == Blob(label, b"1")


def test_a_blob_larger_than_any_may_be_is_refused() -> None:
    refused(
        forge().events(ROWS).pack([Blob("a", bytes(layout.MAX_BLOB_BYTES + 1))]).close(), "a blob is larger"
    )


def test_packs_whose_labels_are_in_another_order_are_refused() -> None:
    packs = [Blob("c", b"1"), Blob("d", b"2")], [Blob("b", b"3"), Blob("c", b"4")]
    data = forge().events(ROWS).pack(packs[0]).pack(packs[1]).close()
    for look in (verified, thorough, read, lambda data, access: list(sought(data, access).blobs())):
        with pytest.raises(CorruptArchive, match="not in the order of their labels") as caught:
            look(data, Access())
        assert data.startswith(b"KSR\x01\x02", caught.value.offset or 0)


def test_one_label_may_stand_in_two_packs() -> None:
    same = [Blob("a", b"1"), Blob("b", b"2"), Blob("b", b"3")]
    data = forge().events(ROWS).pack(same[:2]).pack(same[2:]).close()
    assert read(data, Access()).blobs == tuple(same)
    assert tuple(sought(data, Access()).blobs()) == tuple(same)


def test_more_blobs_than_a_record_may_hold_are_refused() -> None:
    many = [Blob(f"{n}", b"") for n in range(layout.MAX_ITEMS + 1)]
    forged = forge().events(ROWS)
    forged.record(Kind.BLOBS, contents.encode_pack(many), len(many))
    with pytest.raises(CorruptArchive, match="larger than any may be"):
        verified(forged.data, Access())


def insider() -> Forge:
    """A forger who may read the archive."""
    sealed = made(log(1), recipients=RECIPIENTS).info.header.sealed
    assert sealed is not None
    header = msgspec.structs.replace(HEADER, sealed=sealed)
    return Forge(header, keys=remembering(sealed, IDENTITIES, name="x")).events(ROWS)


GOOD_SECRET = contents.encode_secret(SECRETS[0], bytes(32))


def secret_of(
    label: str = "a",
    value: bytes = b"key",
    *,
    claimed: int | None = None,
    length: int = 254,
    nonce: bytes = bytes(32),
) -> bytes:
    """A secret with `length` bytes of data, which claim to hold so many of a value."""
    claim = (len(value) if claimed is None else claimed).to_bytes(4)
    return encode([nonce, label, (claim + value).ljust(length, b"\0")[: max(length, 0)]])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xc0",
        b"\x91" * 1_000_000,
        GOOD_SECRET + b"\0",
        GOOD_SECRET[:-1] + b"\x01",
        GOOD_SECRET.replace(b"\xb2v1/", b"\xd9\x12v1/"),
        secret_of(nonce=bytes(31)),
        secret_of("", length=255),
        secret_of("a\x1b", length=253),
        secret_of(length=0),
        secret_of(length=3),
        secret_of(length=100),
        secret_of(length=253),
        secret_of(length=255),
        secret_of(length=5000),
        secret_of(claimed=2),
        secret_of(claimed=251),
        secret_of(claimed=layout.MAX_SECRET_BYTES),
        secret_of(claimed=2**32 - 1),
        secret_of(value=bytes(layout.MAX_SECRET_BYTES + 1), length=1_081_342),
        encode([bytes(32), "a", "text"]),
        encode([bytes(32), "a", b"", bytes(254)]),
        encode([bytes(32), "a"]),
    ],
)
def test_a_secret_that_is_none_is_refused_also_of_an_insider(raw: bytes) -> None:
    assert raw != GOOD_SECRET
    data = insider().secret(raw).close()
    for look in (verified, read, sought):
        with pytest.raises(CorruptArchive):
            look(data, Access(IDENTITIES))


def test_what_is_forged_is_good_where_nothing_is_wrong() -> None:
    assert secret_of() == contents.encode_secret(Secret("a", b"key"), bytes(32))
    longer = contents.encode_secret(Secret("a", b"key\0"), bytes(32))
    assert longer == secret_of(claimed=4)
    assert contents.decode_secret(longer) == Secret("a", b"key\0")


def test_an_insider_is_able_to_forge_a_good_one() -> None:
    data = insider().pack(BLOBS).secret(GOOD_SECRET).close()
    assert read(data, Access(IDENTITIES)).secrets == SECRETS[:1]


@pytest.mark.parametrize("field", ["raw", "blob_bytes"])
def test_bytes_are_counted_up_to_2_to_the_62(field: str) -> None:
    most, more = (forge().events(ROWS).close(manifest={field: number}) for number in (2**62, 2**62 + 1))
    with pytest.raises(CorruptArchive, match="the manifest does not agree with the records"):
        verified(most, Access())
    refused(more, "the manifest is not what format")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xc0",
        b"\x91" * 1_000_000,
        encode([1, 2]),
        encode({"events": 4}),
        encode(forge().events(ROWS).manifest()) + b"\xc0",
        b"\x88" + encode(forge().events(ROWS).manifest())[1:] + b"\xa6events\x04",
        encode(forge().events(ROWS).manifest()).replace(b"\xa6events\x04", b"\xa6events\xcc\x04"),
        encode(msgspec.to_builtins(forge().events(ROWS).manifest()) | {"surprise": 1}),
    ],
)
def test_a_manifest_that_is_none_is_refused(raw: bytes) -> None:
    refused(forge().events(ROWS).close(manifest=raw), "the manifest is not")
