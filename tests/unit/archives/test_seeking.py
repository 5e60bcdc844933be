"""The reader that jumps gives the same as the one that streams, reads little, and believes nothing."""

import io
import struct
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from kubisnap.archives import Access, Blob, SnapshotFile, seeking
from kubisnap.archives.format import END_MAGIC, TRAILER, Kind, RecordHeader, encode
from kubisnap.archives.index import IndexPart
from kubisnap.engine.errors import CorruptArchive, UnsupportedArchive, WrongKey
from kubisnap.engine.journal.codec import Codec
from tests.unit.archives.forging import Forge
from tests.unit.archives.making import (
    BLOBS,
    CLUSTER,
    FORMS,
    IDENTITIES,
    RECIPIENTS,
    SECRETS,
    Made,
    events,
    forms,
    header_of,
    log,
    made,
    read,
    row_of,
    sought,
    stored,
    verified,
)

HALF = 600_000


class Counted(io.BytesIO):
    """Counts what is read of it."""

    taken = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.taken += len(data)
        return data


def many_blobs(count: int, size: int = 40_000) -> list[Blob]:
    """Blobs that fill several packs, and do not compress."""
    return [
        Blob(f"v1/{n:05}", b"".join((n * 1_000_003 + i * i).to_bytes(8) for i in range(size // 8)))
        for n in range(count)
    ]


@pytest.fixture(scope="module")
def large() -> Made:
    """Six blocks of one event each, and three packs."""
    return made([row_of(n, HALF) for n in range(1, 7)], blobs=many_blobs(60))


@pytest.mark.parametrize("form", FORMS)
def test_both_readers_tell_the_same_of_an_archive(form: str) -> None:
    archive, access, opened = forms()[form]
    file = sought(archive.data, access)
    assert file.info == verified(archive.data, access)
    assert (file.header, file.manifest) == (file.info.header, file.info.manifest)
    assert file.info.opened is opened


def test_any_range_of_events_is_in_the_blocks_that_are_given(large: Made) -> None:
    file = sought(large.data, Access())
    for first in range(1, 7):
        for last in range(first, 8):
            found = [row for block in file.blocks(first, last) for row in block.rows()]
            assert found == list(large.rows[first - 1 : last])
    assert list(file.blocks(7, 100)) == []
    assert list(file.blocks(0, 0)) == []


def test_a_range_of_an_increment_counts_from_the_start_of_the_log() -> None:
    whole = made(log(10))
    grown = sought(made(log(5, 11), parent=whole.parent).data, Access())
    (block,) = grown.blocks(12, 13)
    assert block.rows() == log(5, 11)
    assert list(grown.blocks(1, 10)) == []


def test_events_come_in_todays_schemas() -> None:
    archive = made(stored(events(5)))
    (block,) = sought(archive.data, Access()).blocks(2, 3)
    assert block.events(Codec(), CLUSTER) == events(5)


def test_a_blob_is_found_by_its_digest_or_the_first_bytes_of_it(large: Made) -> None:
    file = sought(large.data, Access())
    for blob in many_blobs(60)[::7]:
        for length in (8, 9, 31, 32):
            assert file.blob(blob.digest[:length]) == blob
    assert file.blob(bytes(32)) is None
    wrong = many_blobs(1)[0].digest[:31] + b"?"
    assert file.blob(wrong) is None


def test_blobs_come_in_the_order_of_their_labels(large: Made) -> None:
    assert list(sought(large.data, Access()).blobs()) == many_blobs(60)


def test_little_is_read_for_a_part(large: Made) -> None:
    source = Counted(large.data)
    file = SnapshotFile(source, name="x")
    assert source.taken < 4_000
    source.taken = 0
    assert [block.count for block in file.blocks(3, 3)] == [1]
    entry = file.entries()[2]
    assert source.taken == 32 + 32 + entry.stored + 32
    source.taken = 0
    assert file.blob(many_blobs(1)[0].digest) is not None
    assert source.taken < len(large.data) / 2


def test_a_source_that_gives_a_few_bytes_at_a_time_is_enough() -> None:
    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 3))

    archive = made(log(3), blobs=BLOBS)
    file = SnapshotFile(Slow(archive.data), name="x")
    assert [row for block in file.blocks(1, 3) for row in block.rows()] == log(3)


def test_without_a_key_the_end_is_read_and_contents_are_not() -> None:
    archive, access, _ = forms()["keyless"]
    file = sought(archive.data, access)
    for look in (
        file.entries,
        lambda: list(file.blobs()),
        lambda: list(file.blocks(1, 2)),
        lambda: file.blob(b""),
    ):
        with pytest.raises(WrongKey):
            look()


def test_format_1_has_no_index() -> None:
    data = Forge(b"", version=(1, 0)).data
    with pytest.raises(UnsupportedArchive):
        SnapshotFile(io.BytesIO(data), name="x")


# ── forged ends ──────────────────────────────────────────────────────────────────────────────


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
