"""Nothing is written that would not be read, and whatever fails on the way leaves no archive."""

import errno
import io
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import pytest

from kubisnap.archives import (
    Access,
    ArchiveUnwritable,
    Blob,
    Parent,
    Recipients,
    Secret,
    SigningKey,
    SnapshotInfo,
    blobs,
    save_snapshot,
    verify_snapshot,
    write_snapshot,
    writer,
)
from kubisnap.archives import format as layout
from kubisnap.archives.format import END_MAGIC, MAX_BLOB_BYTES, MAX_LABEL, MAX_OMITTED, MAX_SECRET_BYTES
from kubisnap.engine.errors import ArchiveError, CorruptArchive, facts_of
from kubisnap.engine.journal.codec import StoredRow
from tests.unit.archives.making import (
    BLOBS,
    RECIPIENTS,
    SECRETS,
    SIGNER,
    header_of,
    log,
    made,
    row,
    sought,
    verified,
)


def refused(problem: str, rows: list[StoredRow] | None = None, **options: Any) -> bytes:
    """Return what was written until it was refused, which is no archive."""
    rows = log(3) if rows is None else rows
    header = options.pop("header", header_of(rows))
    sink = io.BytesIO()
    with pytest.raises(ArchiveUnwritable, match=problem):
        write_snapshot(sink, header, rows, **options)
    assert END_MAGIC not in sink.getvalue()
    return sink.getvalue()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cluster_id", "0" * 31),
        ("cluster_id", "G" * 32),
        ("cluster_id", "0" * 32 + "\n"),
        ("cluster_id", "../" * 10 + "xx"),
        ("cluster_name", ""),
        ("cluster_name", "x" * 64),
        ("cluster_name", "red\x1b[31m"),
        ("cluster_name", "right\u202eleft"),
        ("cluster_name", "half\ud800"),
        ("tool", "two\nlines"),
        ("position", 0),
        ("position", -1),
        ("position", 2**64),
        ("position", layout.MAX_EVENTS + 1),
        ("first", 0),
        ("first", 2),
        ("parent", Parent(bytes(31), 1)),
        ("parent", Parent(bytes(32), 0)),
        ("parent", Parent(bytes(32), 1)),
        ("must", ("x" * layout.MAX_HEADER_BYTES,)),
    ],
)
def test_a_header_that_no_reader_would_take_is_refused_before_a_byte_is_written(
    field: str, value: object
) -> None:
    header = msgspec.structs.replace(header_of(log(3)), **{field: value})
    assert refused(".", header=header) == b""


def test_a_whole_log_has_an_event() -> None:
    assert refused("the header is not what format", []) == b""


@pytest.mark.parametrize("given", [0, 2, 4, 5000])
def test_more_or_fewer_rows_than_the_header_counts_are_refused(given: int) -> None:
    refused("the header counts 3|more than the 3 events", log(given), header=header_of(log(3)))


def test_rows_without_end_are_not_followed_far() -> None:
    endless = (row(n) for n in count(1))
    with pytest.raises(ArchiveUnwritable, match="more than the 3 events"):
        write_snapshot(io.BytesIO(), header_of(log(3)), endless)
    assert next(endless).version < 10_000


def test_rows_that_do_not_go_on_after_the_parent_are_refused() -> None:
    parent = made(log(2)).parent
    refused("event 1 is where event 3 should be", log(2), header=header_of(log(2, 3), parent))


# ── blobs and secrets ────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "label", ["", "x" * (MAX_LABEL + 1), "bell\a", "right\u202eleft", "half\ud800", "a\0b"]
)
def test_a_label_that_no_screen_can_show_is_refused(label: str) -> None:
    refused("a label is empty, too long, or cannot be printed", blobs=[Blob(label, b"")])
    refused("a label is empty, too long, or cannot be printed", secrets=[Secret(label, b"")])
    refused(
        "a label is empty, too long, or cannot be printed",
        secrets=[Secret(label, b"")],
        recipients=RECIPIENTS,
    )


def test_blobs_out_of_order_are_refused() -> None:
    refused("blobs come in the order of their labels", blobs=[Blob("b", b"1"), Blob("a", b"2")])


def test_a_blob_of_the_largest_size_fits_and_a_larger_one_does_not() -> None:
    largest = Blob("a", bytes(MAX_BLOB_BYTES))
    assert sought(made(log(1), blobs=[largest]).data, Access()).blob(largest.digest) == largest
    refused("more than one may have", blobs=[Blob("a", bytes(MAX_BLOB_BYTES + 1))])


def test_a_secret_of_the_largest_size_fits_and_a_larger_one_does_not() -> None:
    made(log(1), secrets=[Secret("a", bytes(MAX_SECRET_BYTES))], recipients=RECIPIENTS)
    refused(
        "more than one may have", secrets=[Secret("a", bytes(MAX_SECRET_BYTES + 1))], recipients=RECIPIENTS
    )


def test_two_secrets_of_one_label_are_refused() -> None:
    refused("two secrets have one label", secrets=[Secret("a", b"1"), Secret("a", b"2")])


def test_more_secrets_than_can_be_listed_are_refused() -> None:
    many = [Secret(f"{n:05}", b"") for n in range(MAX_OMITTED + 1)]
    refused("there are more than 10000 secrets", secrets=many)
    assert made(log(1), secrets=many[1:]).info.manifest.omitted[-1] == "10000"


def test_more_in_one_pack_than_fits_a_record_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blobs, "PACK_BYTES", 100 * layout.MAX_RAW_BYTES)
    large = [Blob(f"{n}", n.to_bytes(1) * MAX_BLOB_BYTES) for n in range(3)]
    refused("more was to be put into one record than fits", blobs=large)


def test_counts_that_a_manifest_cannot_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(_self: object, omitted: tuple[str, ...]) -> object:
        return layout.Manifest(
            events=3, blobs=0, blob_bytes=0, secrets=0, raw=layout.MAX_BYTES + 1, first_time=0, last_time=0
        )

    monkeypatch.setattr(writer._Content, "manifest", wrong)
    refused("the manifest is not what format")


# ── keys ─────────────────────────────────────────────────────────────────────────────────────


def test_there_are_at_most_16_signatures_by_different_keys() -> None:
    keys = [SigningKey(f"key-{n}", bytes([n]) * 32) for n in range(17)]
    assert len(made(log(3), sign_with=keys[:16]).info.signers) == 16
    refused("signed by 1 to 16", sign_with=keys)
    refused("signed by 1 to 16", sign_with=[SIGNER, SIGNER])


def test_signatures_that_no_reader_would_take_are_refused() -> None:
    refused("more signatures than fit", sign_with=[SigningKey("x" * layout.MAX_NOTE_BYTES, b"s" * 32)])
    refused("a name that cannot be printed", sign_with=[SigningKey("right\u202eleft", b"s" * 32)])


def test_nobody_to_encrypt_for_is_refused() -> None:
    assert refused("nobody to encrypt for", recipients=Recipients()) == b""
    assert refused("not a recipient", recipients=Recipients(("age1nobody",))) == b""


def test_the_error_names_the_file_and_is_not_about_a_corrupt_one() -> None:
    with pytest.raises(ArchiveError) as caught:
        write_snapshot(io.BytesIO(), header_of(log(3)), [], name="web.ksnap")
    assert str(caught.value) == "cannot write web.ksnap: the header counts 3 events, there are 0"
    assert facts_of(caught.value) == {
        "kind": "failed",
        "archive": "web.ksnap",
        "problem": "the header counts 3 events, there are 0",
    }
    assert caught.value.hint


# ── faults ───────────────────────────────────────────────────────────────────────────────────


class Failing(io.BytesIO):
    """A sink that takes `good` writes and raises at the next, having taken half of it."""

    def __init__(self, good: int, error: BaseException) -> None:
        super().__init__()
        self.left = good
        self.error = error

    def write(self, data: Any, /) -> int:
        if not self.left:
            super().write(bytes(data)[: len(data) // 2])
            raise self.error
        self.left -= 1
        return super().write(data)


class Writes(io.BytesIO):
    number = 0

    def write(self, data: Any, /) -> int:
        self.number += 1
        return super().write(data)


def write_all(sink: BinaryIO) -> SnapshotInfo:
    return write_snapshot(
        sink,
        header_of(log(3)),
        log(3),
        blobs=BLOBS,
        secrets=SECRETS,
        recipients=RECIPIENTS,
        sign_with=[SIGNER],
    )


@pytest.fixture(scope="module")
def writes() -> int:
    sink = Writes()
    write_all(sink)
    assert sink.number > 20
    return sink.number


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        BrokenPipeError(errno.EPIPE, "Broken pipe"),
        KeyboardInterrupt(),
    ],
    ids=["full", "closed", "interrupted"],
)
def test_an_error_of_the_sink_passes_through_and_what_it_took_is_no_archive(
    writes: int, error: BaseException
) -> None:
    for good in range(writes):
        sink = Failing(good, error)
        with pytest.raises(type(error)):
            write_all(sink)
        for look in (verified, sought):
            with pytest.raises(CorruptArchive):
                look(sink.getvalue(), Access(keyless=True))


def test_a_sink_that_fails_leaves_no_file(writes: int, tmp_path: Path) -> None:
    for error, raised in (
        (OSError(errno.ENOSPC, "full"), ArchiveUnwritable),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ):
        for good in range(0, writes, 3):

            def write(file: BinaryIO, good: int = good, error: BaseException = error) -> SnapshotInfo:
                failing = Failing(good, error)
                try:
                    return write_all(failing)
                finally:
                    file.write(failing.getvalue())

            with pytest.raises(raised):
                save_snapshot(tmp_path / "web.ksnap", write)
            assert list(tmp_path.iterdir()) == []


class Broken(Exception):
    pass


@pytest.mark.parametrize("error", [Broken, KeyboardInterrupt, OSError])
def test_whatever_stops_the_log_stops_the_writing_as_it_is(
    error: type[BaseException], tmp_path: Path
) -> None:
    def rows(good: int) -> Iterator[StoredRow]:
        yield from log(good)
        raise error

    for good in range(4):

        def write(sink: BinaryIO, good: int = good) -> SnapshotInfo:
            return write_snapshot(sink, header_of(log(4)), rows(good))

        with pytest.raises(ArchiveUnwritable if error is OSError else error):
            save_snapshot(tmp_path / "web.ksnap", write)
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [Broken, KeyboardInterrupt])
def test_whatever_stops_the_blobs_stops_the_writing_as_it_is(error: type[BaseException]) -> None:
    def some() -> Iterator[Blob]:
        yield BLOBS[0]
        raise error

    sink = io.BytesIO()
    with pytest.raises(error):
        write_snapshot(sink, header_of(log(3)), log(3), blobs=some())
    with pytest.raises(CorruptArchive):
        verify_snapshot(io.BytesIO(sink.getvalue()), name="x")


def test_what_is_encrypted_is_saved_without_a_key_to_open_it(tmp_path: Path) -> None:
    info = save_snapshot(tmp_path / "web.ksnap", write_all)
    with (tmp_path / "web.ksnap").open("rb") as file:
        found = verify_snapshot(file, name="x", access=Access(keyless=True))
    assert (found.root, found.opened) == (info.root, False)
