"""Nothing is written that would not be read."""

import io
from itertools import count

import msgspec
import pytest

from kubisnap.archives import ArchiveUnwritable, SnapshotHeader, write_snapshot, writer
from kubisnap.archives import format as layout
from kubisnap.engine.errors import ArchiveError, facts_of
from kubisnap.engine.journal.codec import StoredRow

Rows = tuple[StoredRow, ...]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cluster_id", "0" * 31),
        ("cluster_id", "G" * 32),
        ("cluster_id", "0" * 32 + "\n"),
        ("cluster_name", ""),
        ("cluster_name", "x" * 64),
        ("cluster_name", "red\x1b[31m"),
        ("cluster_name", "right\u202eleft"),
        ("cluster_name", "half\ud800"),
        ("tool", "two\nlines"),
        ("first_time", -1),
        ("created", 253_402_300_800_000_000),
        ("last_time", 2**64),
        ("position", 4),
    ],
)
def test_a_header_that_no_reader_would_take_is_refused(
    header: SnapshotHeader, rows: Rows, field: str, value: object
) -> None:
    sink = io.BytesIO()
    with pytest.raises(ArchiveUnwritable):
        write_snapshot(sink, msgspec.structs.replace(header, **{field: value}), rows)
    assert sink.getvalue() == b""


@pytest.mark.parametrize("events", [0, 1_000_001])
def test_a_snapshot_has_at_least_one_event_and_at_most_a_million(header: SnapshotHeader, events: int) -> None:
    with pytest.raises(ArchiveUnwritable):
        write_snapshot(io.BytesIO(), msgspec.structs.replace(header, position=events, events=events), ())


@pytest.mark.parametrize("versions", [(2, 3, 4, 5, 6), (1, 2, 4, 5, 6), (1, 2, 2, 3, 4), (1, 3, 2, 4, 5)])
def test_rows_with_a_gap_a_repetition_or_another_order_are_refused(
    header: SnapshotHeader, versions: tuple[int, ...]
) -> None:
    with pytest.raises(ArchiveUnwritable, match=r"event \d is where event \d should be"):
        write_snapshot(io.BytesIO(), header, [StoredRow(n, "kind", b"") for n in versions])


@pytest.mark.parametrize("given", [4, 6])
def test_more_or_fewer_rows_than_the_header_counts_are_refused(header: SnapshotHeader, given: int) -> None:
    with pytest.raises(ArchiveUnwritable, match="the header counts"):
        write_snapshot(io.BytesIO(), header, [StoredRow(n, "kind", b"") for n in range(1, given + 1)])


def test_rows_without_end_are_not_followed_far(
    header: SnapshotHeader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "BLOCK_ROWS", 2)
    log = (StoredRow(n, "kind", b"") for n in count(1))
    with pytest.raises(ArchiveUnwritable, match="more than the 5 events"):
        write_snapshot(io.BytesIO(), header, log)
    assert next(log).version < 10


@pytest.mark.parametrize("tag", ["", "x" * 101, "bell\a", "half\udfff"])
def test_a_tag_that_no_screen_can_show_is_refused(header: SnapshotHeader, tag: str) -> None:
    with pytest.raises(ArchiveUnwritable, match="event 1 has a kind"):
        write_snapshot(io.BytesIO(), header, [StoredRow(1, tag, b"")])


def test_an_event_larger_than_a_block_is_refused(header: SnapshotHeader) -> None:
    row = StoredRow(1, "kind", bytes(8 * 1024 * 1024))
    with pytest.raises(ArchiveUnwritable, match="event 1 has 8388620 bytes"):
        write_snapshot(io.BytesIO(), header, [row])


def test_more_bytes_than_a_reader_would_hold_are_refused(
    header: SnapshotHeader, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_TOTAL_BYTES", 100)
    with pytest.raises(ArchiveUnwritable, match="more than 100 bytes"):
        write_snapshot(io.BytesIO(), header, rows)


def test_the_error_names_the_file_and_is_not_about_a_corrupt_one(header: SnapshotHeader) -> None:
    with pytest.raises(ArchiveError) as caught:
        write_snapshot(io.BytesIO(), header, [], name="web.ksnap")
    assert str(caught.value) == "cannot write web.ksnap: the header counts 5 events, there are 0"
    assert facts_of(caught.value) == {
        "kind": "failed",
        "archive": "web.ksnap",
        "problem": "the header counts 5 events, there are 0",
    }
    assert caught.value.hint


def test_what_was_written_before_an_error_is_not_an_archive(header: SnapshotHeader, rows: Rows) -> None:
    sink = io.BytesIO()
    with pytest.raises(ArchiveUnwritable):
        write_snapshot(sink, header, rows[:-1])
    assert layout.END_MAGIC not in sink.getvalue()


def test_the_error_of_a_closed_pipe_is_left_to_its_owner(header: SnapshotHeader, rows: Rows) -> None:
    class Closed(io.BytesIO):
        def write(self, _data: object, /) -> int:
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        write_snapshot(Closed(), header, rows)
