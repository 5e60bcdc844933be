"""Indexes, manifests and last bytes that do not belong to the records: both readers refuse them."""

import io
import struct
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from kubisnap.archives import Access, Blob, SnapshotFile, seeking
from kubisnap.archives.format import END_MAGIC, TRAILER, Kind, RecordHeader, encode
from kubisnap.archives.index import IndexPart
from kubisnap.engine.errors import CorruptArchive
from tests.unit.archives.forging import Forge
from tests.unit.archives.making import (
    BLOBS,
    IDENTITIES,
    RECIPIENTS,
    SECRETS,
    header_of,
    log,
    made,
    read,
    sought,
    verified,
)


def forge() -> Forge:
    return Forge(header_of(log(4))).events(log(2)).events(log(2, 3)).pack(BLOBS)


def refused(data: bytes, problem: str = ".") -> None:
    """Both readers refuse it."""
    with pytest.raises(CorruptArchive, match=problem):
        sought(data, Access())
    with pytest.raises(CorruptArchive):
        verified(data, Access())


def test_the_forger_is_able_to_make_a_good_one() -> None:
    data = forge().close()
    assert sought(data, Access()).info == verified(data, Access())
    assert read(data, Access()).rows == tuple(log(4))


@pytest.mark.parametrize(
    "trailer",
    [
        lambda index, manifest, chain: TRAILER.pack(index, manifest, chain, b"KSNPEND\r"),
        lambda index, manifest, chain: TRAILER.pack(index, manifest, bytes(32), END_MAGIC),
        lambda index, manifest, chain: TRAILER.pack(index + 1, manifest, chain, END_MAGIC),
        lambda index, manifest, chain: TRAILER.pack(index, manifest + 1, chain, END_MAGIC),
        lambda index, manifest, chain: TRAILER.pack(index, index, chain, END_MAGIC),
        lambda index, manifest, chain: TRAILER.pack(manifest, manifest, chain, END_MAGIC),
        lambda index, manifest, chain: TRAILER.pack(manifest, index, chain, END_MAGIC),
        lambda index, manifest, chain: TRAILER.pack(0, 0, chain, END_MAGIC),
        lambda index, manifest, chain: TRAILER.pack(2**64 - 1, 2**64 - 1, chain, END_MAGIC),
        lambda index, manifest, chain: TRAILER.pack(200, manifest, chain, END_MAGIC),
        lambda index, manifest, chain: b"",
    ],
)
def test_last_bytes_that_point_elsewhere_are_refused(trailer: Callable[[int, int, bytes], bytes]) -> None:
    refused(forge().close(trailer=trailer))


def test_an_index_larger_than_anybody_lists_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    data = forge().close()
    monkeypatch.setattr(seeking, "_LONGEST_TAIL", 10)
    with pytest.raises(CorruptArchive, match="contradict themselves"):
        sought(data, Access())


def part_of(**changed: Any) -> Callable[[list[bytes]], list[bytes]]:
    """Change fields of the only part of an index."""

    def change(parts: list[bytes]) -> list[bytes]:
        (part,) = [IndexPart(*fields) for fields in map(_decoded, parts)]
        values = {name: getattr(part, name) for name in IndexPart.__struct_fields__}
        for name, value in changed.items():
            values[name] = value(values[name]) if callable(value) else value
        return [encode(list(values.values()))]

    return change


def _decoded(part: bytes) -> list[Any]:
    return msgspec.msgpack.decode(part, type=list[Any])


@pytest.mark.parametrize(
    "parts",
    [
        part_of(stored=lambda found: (found[0] + 1, *found[1:])),
        part_of(stored=lambda found: (8_454_144, *found[1:])),
        part_of(stored=lambda found: (0, 0, 0)),
        part_of(stored=lambda found: (-1, *found[1:])),
        part_of(stored=lambda found: (2**64 - 1, *found[1:])),
        part_of(stored=lambda found: found[:-1]),
        part_of(raw=lambda found: (found[0] + 1, found[1] - 1, found[2])),
        part_of(raw=lambda found: (8 * 1024 * 1024 + 1, *found[1:])),
        part_of(items=lambda found: (1, 3, found[2])),
        part_of(items=lambda found: (0, 4, found[2])),
        part_of(items=lambda found: (65_537, *found[1:])),
        part_of(items=lambda found: (2, 2, found[2] + 1)),
        part_of(times=lambda found: (found[0], found[1] + 1, 0)),
        part_of(times=lambda found: (found[0] + 1, found[1], 0)),
        part_of(times=lambda found: (found[0], found[1], 1)),
        part_of(times=lambda found: (-1, *found[1:])),
        part_of(kinds=b"\x01\x02\x01"),
        part_of(kinds=b"\x01\x01\x03"),
        part_of(kinds=b"\x01\x01\x12"),
        part_of(kinds=b"\x01\x01"),
        part_of(kinds=b""),
        part_of(first=1),
        part_of(first=2**63),
        part_of(leaves=lambda found: found[32:]),
        part_of(leaves=lambda found: found[32:64] + found[:32] + found[64:]),
        part_of(leaves=lambda found: bytes(len(found))),
        part_of(prefixes=lambda found: found[8:]),
        part_of(prefixes=lambda found: found[1:]),
        part_of(prefixes=lambda found: found[8:16] + found[:8] + found[16:]),
        part_of(prefixes=b""),
        lambda parts: [],
        lambda parts: parts * 2,
        lambda parts: [parts[0] + b"\xc0"],
        lambda parts: [b"\x91" * 100_000],
        lambda parts: [b""],
    ],
)
def test_an_index_that_disagrees_with_the_records_is_refused(
    parts: Callable[[list[bytes]], list[bytes]],
) -> None:
    refused(forge().close(parts=parts))


def test_an_index_in_smaller_parts_than_it_should_be_is_refused() -> None:
    def halves(parts: list[bytes]) -> list[bytes]:
        part = IndexPart(*_decoded(parts[0]))
        columns = (part.kinds, part.stored, part.raw, part.items, part.times)
        return [
            encode([0, *(column[:2] for column in columns), part.leaves[:64], b""]),
            encode([2, *(column[2:] for column in columns), part.leaves[64:], part.prefixes]),
        ]

    refused(forge().close(parts=halves), "a part of the index ends too early")


@pytest.mark.parametrize(
    "changed",
    [
        {"events": 3},
        {"blobs": 2},
        {"secrets": 1},
        {"raw": 0},
        {"raw": -1},
        {"events": 2**63},
        {"first_time": 0},
        {"first_time": -1},
        {"last_time": 253_402_300_800_000_000},
        {"omitted": ("right\u202eleft",)},
        {"omitted": ("",)},
        {"omitted": ("x" * 513,)},
        {"omitted": ("x",) * 10_001},
        {"omitted": "x"},
    ],
)
def test_a_manifest_that_counts_otherwise_is_refused(changed: dict[str, Any]) -> None:
    refused(forge().close(manifest=changed))


@pytest.mark.parametrize("changed", [{"blob_bytes": 5}, {"last_time": 0}])
def test_what_only_all_contents_can_tell_is_found_by_reading_them_all(changed: dict[str, Any]) -> None:
    """The seeking reader does not read all of them; the root that it reports is over this manifest."""
    data = forge().close(manifest=changed)
    with pytest.raises(CorruptArchive, match="the manifest does not agree"):
        verified(data, Access())


def test_a_root_of_something_else_is_refused() -> None:
    refused(forge().close(root=bytes(32)), "not those that the footer names")


def _again(forged: Forge, kind: int, raw: bytes) -> Forge:
    forged.record(kind, raw)
    return forged


@pytest.mark.parametrize("kind", [Kind.MANIFEST, Kind.FOOTER, Kind.INDEX])
def test_a_record_too_many_at_the_end_is_refused(kind: Kind) -> None:
    def twice(parts: list[bytes]) -> list[bytes]:
        return parts

    forged = forge()
    forged.index.close()
    forged.record(Kind.INDEX, forged.index.parts[0])
    raw = encode(forged.manifest())
    at = len(forged.data)
    forged.record(Kind.MANIFEST, raw)
    forged.record(kind, raw)
    forged.footer(raw, None, None, ())
    index_at = forged.data.index(b"KSR\x01\x12")
    refused(forged.data + TRAILER.pack(index_at, at, forged.chain, END_MAGIC))


def test_without_a_key_a_second_manifest_is_found_all_the_same() -> None:
    archive = made(log(2), recipients=RECIPIENTS)
    header = archive.info.header
    forged = Forge(header)
    forged.record(Kind.EVENTS, b"", 2, body=b"?" * 30, flags=3, stored=30)
    at = len(forged.data)
    raw = encode(forged.manifest())
    forged.record(Kind.MANIFEST, raw)
    second = len(forged.data)
    forged.record(Kind.MANIFEST, raw)
    forged.footer(raw, None, None, ())
    data = forged.data + TRAILER.pack(at, second, forged.chain, END_MAGIC)
    for look in (sought, verified):
        with pytest.raises(CorruptArchive):
            look(data, Access(keyless=True))


def test_records_between_that_may_be_passed_over_are_passed_over_by_both() -> None:
    forged = forge()
    forged.record(0x04, b"from the future", 7, flags=0x80)
    forged.record(0x11, b"", 0, flags=0x82)
    index_at = len(forged.data)
    data = forged.close()
    assert struct.unpack_from("<Q", data, len(data) - TRAILER.size) == (index_at,)
    assert sought(data, Access()).info == verified(data, Access())
    assert read(data, Access()).blobs == BLOBS


def test_an_index_that_reaches_into_itself_is_refused() -> None:
    """Records listed that overlap what closes the archive."""
    whole = forge()
    whole.index.add(RecordHeader(Kind.BLOBS, 1, 3, 10, 10, 1), bytes(32), prefixes=bytes(8))
    whole.counts |= {"blobs": 4, "raw": whole.counts["raw"] + 10}
    refused(whole.close())


@pytest.mark.parametrize("sequence", [0, 2, 4, 2**24 - 1])
def test_an_index_with_another_number_than_is_due_is_refused(sequence: int) -> None:
    forged = forge()
    forged.index.close()
    index_at = len(forged.data)
    forged.record(Kind.INDEX, forged.index.parts[0], sequence=sequence)
    raw = encode(forged.manifest())
    manifest_at = len(forged.data)
    forged.sequence = sequence + 1
    forged.record(Kind.MANIFEST, raw)
    forged.footer(raw, None, None, ())
    refused(forged.data + TRAILER.pack(index_at, manifest_at, forged.chain, END_MAGIC))


def test_secrets_are_read_with_a_key_and_checked_one_by_one() -> None:
    archive = made(log(2), secrets=SECRETS, recipients=RECIPIENTS)
    file = sought(archive.data, Access(IDENTITIES))
    assert [entry.kind for entry in file.entries()] == [Kind.EVENTS, Kind.SECRET, Kind.SECRET]
    assert file.info == verified(archive.data, Access(IDENTITIES))


def test_a_leaf_that_is_not_the_records_is_found_by_checking_the_record() -> None:
    """The root is over the leaves that the index lists, so it is only the record that tells."""
    for forged in (
        Forge(header_of(log(2))).events(log(2), leaf=bytes(32)),
        Forge(header_of(log(2))).events(log(2)).pack(BLOBS, leaf=bytes(32)),
    ):
        data = forged.close()
        refused(data, "a record's contents are not those that the footer names")
        file = SnapshotFile(io.BytesIO(data), name="x")
        with pytest.raises(CorruptArchive, match="not those that the footer names") as caught:
            [*file.blobs(), *file.blocks(1, 2)]
        assert caught.value.offset in [entry.offset for entry in file.entries()]


def test_last_bytes_that_point_at_the_footer_alone_are_refused() -> None:
    data = forge().close()
    footer = data.rindex(b"KSR\x01\x1f")
    refused(data[:-56] + TRAILER.pack(footer, footer, data[-40:-8], END_MAGIC), "contradict themselves")


def test_a_footer_that_reaches_into_the_last_bytes_or_behind_them_is_refused() -> None:
    for more in (16, 24, 48, 56, 5000):
        forged = forge()
        index_at = len(forged.data)
        forged.index.close()
        forged.record(Kind.INDEX, forged.index.parts[0])
        manifest_at = len(forged.data)
        forged.record(Kind.MANIFEST, encode(forged.manifest()))
        forged.record(Kind.FOOTER, b"?" * 100, stored=100 + more, length=100 + more)
        refused(forged.data + TRAILER.pack(index_at, manifest_at, forged.chain, END_MAGIC))


def test_an_index_is_divided_where_its_blobs_are_many() -> None:
    many = [Blob(f"{n:05}", n.to_bytes(3)) for n in range(5 * 16_384)]
    archive = made(log(1), blobs=many)
    file = sought(archive.data, Access())
    assert archive.data.count(b"KSR\x01\x12") == 2
    assert [entry.items for entry in file.entries()] == [1, *[16_384] * 5]
    for blob in many[:: 16_384 - 1]:
        assert file.blob(blob.digest) == blob
    assert verified(archive.data, Access()) == file.info
