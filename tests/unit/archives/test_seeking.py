"""The reader that jumps gives the same as the one that streams, reads little, and believes nothing."""

import io

import pytest

from kubisnap.archives import Access, Blob, SnapshotFile
from kubisnap.engine.errors import UnsupportedArchive, WrongKey
from kubisnap.engine.journal.codec import Codec
from tests.unit.archives.forging import Forge
from tests.unit.archives.making import (
    ALONE,
    BLOBS,
    CLUSTER,
    FORMS,
    Made,
    events,
    forms,
    log,
    made,
    row_of,
    sought,
    stored,
    verified,
)


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
    return made([row_of(n, ALONE) for n in range(1, 7)], blobs=many_blobs(60))


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
    assert list(block.events(Codec(), CLUSTER)) == events(5)


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
