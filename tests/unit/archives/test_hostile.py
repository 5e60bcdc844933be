"""Forgeries: every hash is right, and the contents are not. What is claimed is bounded and checked."""

import io
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from kubisnap.archives import Access, Blob, Secret, columns, open_reader
from kubisnap.archives import format as layout
from kubisnap.archives.format import Kind, encode
from kubisnap.archives.reader import Block
from kubisnap.archives.sealing import SUITE
from kubisnap.engine.errors import ArchiveError, CorruptArchive, UnsupportedArchive
from kubisnap.engine.journal.codec import Codec
from tests.unit.archives.forging import Forge
from tests.unit.archives.making import (
    BLOBS,
    CLUSTER,
    IDENTITIES,
    RECIPIENTS,
    events,
    header_of,
    log,
    made,
    read,
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


# ── the header ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "changed",
    [
        {"format": "kubisnap-other"},
        {"format": None},
        {"cluster_id": "../../../../../../../../etc/init"},
        {"cluster_id": "0" * 31},
        {"cluster_id": b"0" * 32},
        {"cluster_name": "\x1b]0;owned\a"},
        {"cluster_name": "right\u202eleft"},
        {"cluster_name": ""},
        {"cluster_name": "x" * 64},
        {"cluster_name": None},
        {"tool": "x" * 64},
        {"tool": "a\nb"},
        {"first": 0},
        {"first": 2},
        {"first": -1},
        {"position": 0},
        {"position": True},
        {"position": 4.0},
        {"position": layout.MAX_EVENTS + 1},
        {"position": 2**64 - 1},
        {"parent": []},
        {"parent": [bytes(32)]},
        {"parent": [bytes(32), 1]},
        {"parent": [bytes(31), 1], "first": 2},
        {"parent": [bytes(32), 0]},
        {"parent": [bytes(32), 1, 1], "first": 2},
        {"parent": [bytes(32), layout.MAX_EVENTS], "first": 5},
        {"must": None},
        {"must": [1]},
        {"sealed": []},
        {"sealed": ["rot13", bytes(32), bytes(32), [b"x"]]},
        {"sealed": [SUITE, bytes(32), bytes(32), []]},
        {"sealed": [SUITE, bytes(32), bytes(32), [b"x"] * 33]},
        {"sealed": [SUITE, bytes(31), bytes(32), [b"x"]]},
        {"sealed": [SUITE, bytes(32), bytes(32), [bytes(4097)]]},
        {"sealed": [SUITE, bytes(32), bytes(32), [b""]]},
        {"surprise": 1},
    ],
)
def test_a_header_with_a_wrong_value_is_refused(changed: dict[str, Any]) -> None:
    refused(forge(encode(msgspec.to_builtins(HEADER) | changed)).data, "the header")


def test_slots_that_are_no_age_files_are_refused_before_anything_is_computed() -> None:
    sealed = made(log(1), recipients=RECIPIENTS).info.header.sealed
    assert sealed is not None
    good = sealed.slots[0]
    for slot in (
        b"x",
        good[:-1],
        good + b"x",
        good.replace(b"X25519", b"\xff25519"),
        b"age-encryption.org/v1\n",
    ):
        header = msgspec.structs.replace(HEADER, sealed=msgspec.structs.replace(sealed, slots=(slot,)))
        for look in (verified, sought):
            with pytest.raises(CorruptArchive):
                look(forge(header).data, Access(IDENTITIES))


def test_a_header_in_any_other_encoding_is_refused() -> None:
    fields = msgspec.to_builtins(HEADER)
    good = encode(HEADER)
    assert good[0] == 0x89
    others = [
        encode(dict(reversed(fields.items()))),
        encode({key: value for key, value in fields.items() if key != "tool"}),
        good.replace(b"\xa8position\x04", b"\xa8position\xcc\x04"),
        b"\x8a" + good[1:] + b"\xa4tool" + encode("kubisnap 2"),
        good + b"\xc0",
        b"\xde\x00\x09" + good[1:],
        good.replace(b"\xa3web", b"\xd9\x03web"),
        good.replace(b"\xa3web", b"\xa3w\xffb"),
        good.replace(b"\xa3web", b"\xd7\xff" + bytes(8)),
        good.replace(b"\xa3web", b"\xc4\x03web"),
        b"\x91" * 30_000 + b"\xc0",
        b"\x81" * 30_000,
        b"\xdf\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xc0",
        b"",
    ]
    for other in others:
        assert other != good
        refused(forge(other).data, "the header")


@pytest.mark.parametrize("length", [layout.MAX_HEADER_BYTES + 1, 2**32 - 1])
def test_a_header_longer_than_any_may_be_is_not_read(length: int) -> None:
    source = io.BytesIO(struct.pack("<8sHHI", layout.MAGIC, 2, 0, length) + bytes(70_000))
    with pytest.raises(CorruptArchive, match="the header claims to be larger"):
        verified(source.getvalue(), Access())
    with pytest.raises(CorruptArchive):
        open_reader(source, name="x")
    assert source.tell() == 16


@pytest.mark.parametrize("version", [(2, 1), (3, 0), (513, 7), (0, 0), (2, 65_535)])
def test_a_newer_format_is_named_whatever_its_header_holds(version: tuple[int, int]) -> None:
    data = forge(b"\xffnothing that this version could decode", version=version).data + b"and what comes then"
    for look in (verified, read, sought):
        with pytest.raises(UnsupportedArchive) as caught:
            look(data, Access())
        assert (caught.value.version, caught.value.supported) == (f"{version[0]}.{version[1]}", "2.0")


def test_features_that_a_reader_must_know_are_not_passed_over() -> None:
    for must in (["x"], ["\x1b[31m"], [""], ["a"] * 1000):
        header = encode(msgspec.to_builtins(HEADER) | {"must": must})
        refused(forge(header).data, rf"2\.0 with {len(must)} extensions", UnsupportedArchive)


def test_the_error_does_not_repeat_what_the_file_says() -> None:
    for header in (
        b"\x81\xa6\x1b[31m!\xa0",
        encode({"format": "\x1b[31m"}),
        encode({"format": "kubisnap-snapshot", "\x1b[31m": 1}),
    ):
        with pytest.raises(CorruptArchive) as caught:
            verified(forge(header).data, Access())
        assert "\x1b" not in str(caught.value)


# ── records ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"flags": 0}, "none of those of format 2.0"),
        ({"flags": 2}, "encrypted in an archive that is not"),
        ({"flags": 3}, "encrypted in an archive that is not"),
        ({"flags": 0x81}, "none of those of format 2.0"),
        ({"flags": 0x41}, "none of those of format 2.0"),
        ({"klass": 1}, "none of those of format 2.0"),
        ({"klass": 0xFFFF}, "none of those of format 2.0"),
        ({"sync": b"KSR\x02"}, "none of those of format 2.0"),
        ({"sequence": 1}, "record 1 is where record 0 should be"),
        ({"sequence": layout.MAX_RECORDS}, "more records than an archive may have"),
        ({"sequence": 2**64 - 1}, "more records than an archive may have"),
        ({"length": layout.MAX_RAW_BYTES + 1}, "larger than any may be"),
        ({"length": 2**32 - 1}, "larger than any may be"),
        ({"stored": layout.MAX_STORED_BYTES + 1}, "larger than any may be"),
        ({"stored": 2**32 - 1}, "larger than any may be"),
        ({"length": 100}, "contradicts its header about its length"),
        ({"length": 0}, "contradicts its header about its length"),
        ({"body": b""}, "not compressed with zstd"),
        ({"body": b"not zstd at all"}, "not compressed with zstd"),
    ],
)
def test_a_record_with_a_wrong_header_is_refused(changed: dict[str, Any], problem: str) -> None:
    forged = forge()
    forged.record(Kind.EVENTS, RAW, 4, **changed)
    with pytest.raises(CorruptArchive, match=problem):
        verified(forged.data + bytes(layout.MAX_STORED_BYTES + 100), Access())


@pytest.mark.parametrize("items", [3, 5])
def test_a_block_of_another_number_of_events_is_refused(items: int) -> None:
    data = forge(header_of(log(items))).block(RAW, items).close()
    for look in (thorough, read, sought):
        with pytest.raises(CorruptArchive, match="differ in length"):
            look(data, Access())


@pytest.mark.parametrize(
    ("items", "problem"),
    [
        (0, "contradicts itself about what it holds"),
        (5, "more than the 4 events that the header counts"),
        (layout.MAX_ITEMS + 1, "larger than any may be"),
        (2**32 - 1, "larger than any may be"),
    ],
)
def test_a_block_of_a_number_of_events_that_cannot_be_is_refused_at_once(items: int, problem: str) -> None:
    forged = forge()
    forged.record(Kind.EVENTS, RAW, items)
    with pytest.raises(CorruptArchive, match=problem):
        verified(forged.data, Access())


def test_what_was_written_is_verified_byte_by_byte_though_it_be_no_events() -> None:
    """Whether it is events is asked of it by whoever wants events, and by `thorough`."""
    data = forge().block(RAW[:16] + b"\xc0", 4).close()
    assert verified(data, Access()).manifest.events == 4
    for look in (thorough, read, sought):
        with pytest.raises(CorruptArchive, match="a block of events is not what format"):
            look(data, Access())
    for place in range(len(data)):
        with pytest.raises(CorruptArchive):
            verified(data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :], Access())


@pytest.mark.parametrize(
    ("kind", "flags"),
    [(0x00, 0), (0x04, 0), (0x10, 1), (0x14, 0), (0x20, 0), (0x7F, 0), (0xFF, 0), (0x81, 1), (0x04, 0x7F)],
)
def test_an_unknown_record_that_may_not_be_passed_over_is_refused(kind: int, flags: int) -> None:
    forged = forge().events(ROWS)
    forged.record(kind, b"", 1, flags=flags)
    with pytest.raises(CorruptArchive, match=r"none of those of format 2\.0|stands after"):
        verified(forged.close(), Access())


@pytest.mark.parametrize("kind", [0x04, 0x10, 0x11])
def test_an_unknown_record_that_may_be_passed_over_is_between_contents_and_index(kind: int) -> None:
    forged = forge().events(ROWS).pack(BLOBS)
    forged.record(kind, b"of another version", 3, flags=0x80)
    data = forged.close()
    assert read(data, Access()).rows == tuple(ROWS)
    assert sought(data, Access()).info == verified(data, Access())


def _before_contents(forged: Forge, kind: int) -> bytes:
    forged.record(kind, b"", 0, flags=0x80)
    return forged.events(ROWS).close()


def _between_contents(forged: Forge, kind: int) -> bytes:
    forged.events(ROWS)
    forged.record(kind, b"", 0, flags=0x80)
    return forged.pack(BLOBS).close()


@pytest.mark.parametrize("place", [_before_contents, _between_contents])
@pytest.mark.parametrize("kind", [0x00, 0x04, 0x11, 0x14, 0x20, 0xFF])
def test_an_unknown_record_anywhere_else_is_refused(place: Callable[[Forge, int], bytes], kind: int) -> None:
    refused(place(forge(), kind), ".")


@pytest.mark.parametrize("kind", [0x14, 0x1E, 0x20, 0xFF])
def test_an_unknown_record_of_a_kind_that_stands_behind_the_index_is_refused(kind: int) -> None:
    forged = forge().events(ROWS)
    forged.record(kind, b"", 0, flags=0x80)
    refused(forged.close(), ".")


@pytest.mark.parametrize("kinds", [(0x05, 0x04), (0x11, 0x10), (0x11, 0x04, 0x11)])
def test_unknown_records_out_of_order_are_refused(kinds: tuple[int, ...]) -> None:
    forged = forge().events(ROWS)
    for kind in kinds:
        forged.record(kind, b"", 0, flags=0x80)
    refused(forged.close(), ".")


@pytest.mark.parametrize("kind", [0x11, 0x12, 0x14, 0x1E, 0x20])
def test_an_unknown_record_behind_the_index_is_refused(kind: int) -> None:
    forged = forge().events(ROWS)
    index_at = len(forged.data)
    forged.index.close()
    forged.record(Kind.INDEX, forged.index.parts[0])
    forged.record(kind, b"", 0, flags=0x80)
    raw = encode(forged.manifest())
    manifest_at = len(forged.data)
    forged.record(Kind.MANIFEST, raw)
    forged.footer(raw, None, None, ())
    trailer = layout.TRAILER.pack(index_at, manifest_at, forged.chain, layout.END_MAGIC)
    refused(forged.data + trailer, ".")


def test_blobs_ahead_of_events_are_refused() -> None:
    refused(forge().pack(BLOBS).events(ROWS).close(), "stands after|contradicts itself")


def test_blocks_dropped_repeated_or_exchanged_are_refused() -> None:
    first, second = ROWS[:2], ROWS[2:]
    refused(forge().events(first).close(), "does not agree")
    # Positions are not stored, so this is another log, which nobody signed: the root tells.
    exchanged = forge().events(second).events(first).close()
    assert (
        verified(exchanged, Access()).root
        != verified(forge().events(first).events(second).close(), Access()).root
    )
    refused(forge().events(ROWS).events(second).close(), "more than the 4|does not agree")
    refused(forge().close(), "does not agree")


def test_a_record_that_claims_megabytes_and_ends_is_cut_off() -> None:
    forged = forge()
    forged.record(Kind.EVENTS, b"", 4, length=8 * MIB, stored=8 * MIB)
    with pytest.raises(CorruptArchive, match="cut off"):
        verified(forged.data, Access())


@pytest.mark.parametrize("kind", [Kind.INDEX, Kind.MANIFEST, Kind.FOOTER])
def test_what_holds_nothing_of_a_log_counts_nothing(kind: Kind) -> None:
    forged = forge().events(ROWS)
    forged.record(kind, b"", 1)
    with pytest.raises(CorruptArchive, match="contradicts itself about what it holds"):
        verified(forged.data, Access())


def test_a_block_that_is_damaged_in_a_sound_record_names_its_place_and_the_events_before() -> None:
    rows = ROWS[:2]
    data = forge().events(rows).block(RAW[:16] + b"\xc0", 2).close()
    blocks = list(_blocks(data))
    assert list(blocks[0].events(Codec(), CLUSTER)) == events(2)
    for look in (blocks[1].rows, blocks[1].check, lambda: list(blocks[1].events(Codec(), CLUSTER))):
        with pytest.raises(CorruptArchive) as caught:
            look()
        assert caught.value.intact == (1, 2)
        assert data.startswith(b"KSR\x01", caught.value.offset or 0)


def _blocks(data: bytes) -> Iterator[Block]:
    """Blocks as they come, up to what is wrong with the rest."""
    reader = open_reader(io.BytesIO(data), name="x")
    with suppress(CorruptArchive):
        for block in reader.contents():
            assert not isinstance(block, Blob | Secret)
            yield block
