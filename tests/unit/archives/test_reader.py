"""What is written is what is read, in one pass, through anything that carries bytes."""

import io
import os
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import msgspec
import pytest

from kubisnap import archives
from kubisnap.archives import (
    Access,
    Blob,
    Recipients,
    Secret,
    open_reader,
    read_snapshot,
    summary,
    verify_snapshot,
    write_snapshot,
    writer,
)
from kubisnap.archives.blobs import encode_secret
from kubisnap.engine.journal.codec import MAX_EVENT_BYTES, Codec, StoredRow
from tests.golden.make_log import recorded, recorded_later
from tests.unit.archives.making import (
    ALONE,
    BLOBS,
    CLUSTER,
    FORMS,
    IDENTITIES,
    OTHER_IDENTITY,
    RECIPIENTS,
    SECRETS,
    SIGNER,
    STRANGER,
    forms,
    header_of,
    log,
    made,
    read,
    row_of,
    sought,
    verified,
)


class Trickle(io.RawIOBase):
    """A pipe at its worst: takes and gives a few bytes at a time and cannot be sought."""

    def __init__(self, data: bytes = b"", step: int = 1) -> None:
        self._data = io.BytesIO(data)
        self._step = step

    def write(self, data: Any, /) -> int:
        return self._data.write(bytes(data[: self._step]))

    def read(self, size: int = -1, /) -> bytes:
        assert size > 0
        return self._data.read(min(size, self._step))

    def getvalue(self) -> bytes:
        return self._data.getvalue()


MIB = 1024 * 1024
CASES: dict[str, list[StoredRow]] = {
    "one event": log(1),
    "4,096 events": log(4096),
    "4,097 events": log(4097),
    "the largest event": [row_of(1, MAX_EVENT_BYTES)],
    "a full block": [row_of(1, MIB)],
    "one byte more": [row_of(1, MIB - 999), row_of(2, 1000)],
    "every kind": [
        Codec().encode(item)._replace(version=n) for n, item in enumerate((*recorded(), *recorded_later()), 1)
    ],
}


@pytest.mark.parametrize("name", CASES)
def test_any_log_comes_back_byte_for_byte(name: str) -> None:
    rows = CASES[name]
    archive = made(rows)
    snapshot = read(archive.data, Access())
    assert snapshot.rows == tuple(rows)
    assert all(type(row) is StoredRow for row in snapshot.rows)
    assert (
        snapshot.info
        == archive.info
        == verified(archive.data, Access())
        == sought(archive.data, Access()).info
    )
    assert made(rows).data == archive.data


def test_events_are_those_that_the_codec_reads() -> None:
    rows, codec = CASES["every kind"], Codec()
    reader = open_reader(io.BytesIO(made(rows).data), name="x")
    found = [item for block in reader.contents() for item in block.events(codec, CLUSTER)]  # type: ignore[union-attr]
    assert found == [codec.decode(CLUSTER, row) for row in rows]


def test_blobs_and_secrets_come_back() -> None:
    archive = made(log(3), blobs=BLOBS, secrets=reversed_(SECRETS), recipients=RECIPIENTS, sign_with=[SIGNER])
    snapshot = read(archive.data, Access(IDENTITIES, (SIGNER.public,)))
    assert (snapshot.blobs, snapshot.secrets) == (BLOBS, SECRETS)
    assert snapshot.info == archive.info
    manifest = archive.info.manifest
    assert (manifest.events, manifest.blobs, manifest.blob_bytes, manifest.secrets) == (3, 3, 24, 2)


def reversed_(secrets: tuple[Secret, ...]) -> tuple[Secret, ...]:
    return secrets[::-1]


def test_secrets_are_not_in_a_plain_archive_but_named() -> None:
    archive = made(log(3), secrets=SECRETS)
    assert read(archive.data, Access()).secrets == ()
    assert archive.info.manifest.omitted == tuple(secret.label for secret in SECRETS)
    assert b"hunter2" not in archive.data


def test_a_content_is_written_once_and_not_where_the_parents_have_it() -> None:
    twice = [*BLOBS, Blob("v1/d", BLOBS[0].data)]
    assert read(made(log(1), blobs=twice).data, Access()).blobs == BLOBS
    archive = made(log(1), blobs=twice, known={BLOBS[0].digest, BLOBS[2].digest})
    assert read(archive.data, Access()).blobs == BLOBS[1:2]


def test_packs_are_closed_by_bytes_and_by_number() -> None:
    def packs_of(blobs: list[Blob]) -> list[int]:
        return [entry.items for entry in sought(made(log(1), blobs=blobs).data, Access()).entries()][1:]

    several = [Blob(f"{n}", bytes([n]) * (MIB // 2 - 1)) for n in range(5)]
    assert packs_of(several) == [2, 2, 1]
    assert packs_of([several[0], several[1]._replace(label="10"), *several[2:]]) == [1, 1, 2, 1]
    assert packs_of([several[0], several[1]._replace(label="é"), several[2]._replace(label="êê")]) == [
        1,
        1,
        1,
    ]
    many = [Blob(f"{n:05}", n.to_bytes(2)) for n in range(16_385)]
    data = made(log(1), blobs=many).data
    assert [entry.items for entry in sought(data, Access()).entries()] == [1, 16_384, 1]
    assert read(data, Access()).blobs == tuple(many)


def test_an_index_in_several_parts_is_read() -> None:
    rows = [row_of(n, 300) for n in range(1, 5)]
    many = [Secret(f"{n:04}", b"") for n in range(4100)]
    archive = made(rows, blobs=BLOBS, secrets=many, recipients=RECIPIENTS)
    file = sought(archive.data, Access(IDENTITIES))
    assert len(file.entries()) == 4102
    assert archive.data.count(b"KSR\x01\x12") == 2
    assert file.info == verified(archive.data, Access(IDENTITIES))


# ── the same, and not the same ───────────────────────────────────────────────────────────────


def test_same_input_same_bytes() -> None:
    one, two = (made(log(50), blobs=BLOBS, secrets=SECRETS, sign_with=[SIGNER, STRANGER]) for _ in "ab")
    assert one.data == two.data
    exchanged = made(log(50), blobs=BLOBS, secrets=SECRETS, sign_with=[STRANGER, SIGNER])
    assert exchanged.data == one.data


def test_the_root_depends_on_neither_compression_nor_encryption_nor_signatures(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    both = Recipients((str(OTHER_IDENTITY.to_public()), *RECIPIENTS.public))
    found = [
        made(log(50), blobs=BLOBS, **options)
        for options in ({}, {"sign_with": [SIGNER]}, {"recipients": RECIPIENTS}, {"recipients": both})
    ]
    monkeypatch.setattr(writer, "EVENTS_LEVEL", 19)
    monkeypatch.setattr(writer, "BLOBS_LEVEL", 1)
    found.append(made(log(50), blobs=BLOBS))
    found.append(made(log(50), blobs=BLOBS, changed={"cluster_name": "other", "tool": "another"}))
    assert len({archive.info.root for archive in found}) == 1
    assert len({archive.data for archive in found}) == 6


def test_the_root_depends_on_all_contents() -> None:
    whole = made(log(3), blobs=BLOBS)
    changed = [
        made(log(2), blobs=BLOBS),
        made(log(3)),
        made(log(3), blobs=BLOBS[:2]),
        made(log(3), blobs=[BLOBS[0]._replace(label="apps/v1/A"), *BLOBS[1:]]),
        made(log(3), blobs=BLOBS, secrets=SECRETS),
        made(log(3), blobs=BLOBS, secrets=SECRETS[:1], recipients=RECIPIENTS),
        made([*log(2), log(3)[2]._replace(tag="Other")], blobs=BLOBS),
        made(log(3), blobs=BLOBS, changed={"cluster_id": "f" * 32}),
        made(log(3, 4), blobs=BLOBS, parent=whole.parent),
    ]
    assert len({archive.info.root for archive in (whole, *changed)}) == 10


def test_a_secrets_record_says_little_of_its_length() -> None:
    lengths = {n: len(encode_secret(Secret("a", bytes(n)), bytes(32))) for n in range(40_000)}
    assert {lengths[n] for n in range(251)} == {293}
    assert lengths[251] > 293
    assert len(set(lengths.values())) < 200
    assert all(length <= max(293, n * 1.12 + 60) for n, length in lengths.items())


def test_an_encrypted_archive_shows_nothing_of_its_contents() -> None:
    rows = [log(1)[0], *log(2, 2)]
    archive = made(rows, blobs=BLOBS, secrets=SECRETS, recipients=RECIPIENTS)
    for word in (b"StepFailed", b"more traffic", b"replicas", b"apps/v1", b"hunter2", b"shop"):
        assert word not in archive.data


# ── pipes ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("step", [1, 7, 4096])
def test_pipes_that_take_and_give_a_few_bytes_are_enough(step: int) -> None:
    archive = made(log(20), blobs=BLOBS, sign_with=[SIGNER])
    sink = Trickle(step=step)
    write_snapshot(sink, header_of(log(20)), log(20), blobs=BLOBS, sign_with=[SIGNER])  # type: ignore[arg-type]
    assert sink.getvalue() == archive.data
    assert read_snapshot(Trickle(archive.data, step), name="x").rows == archive.rows  # type: ignore[arg-type]
    assert verify_snapshot(Trickle(archive.data, step), name="x").root == archive.info.root  # type: ignore[arg-type]


def test_an_unbuffered_pipe_of_the_system_is_enough() -> None:
    rows = [row_of(n, 200_000) for n in range(1, 9)]
    blobs = [Blob(f"{n}", os.urandom(300_000)) for n in range(3)]
    ours, theirs = os.pipe()

    def write() -> None:
        with io.FileIO(theirs, "wb") as sink:
            write_snapshot(sink, header_of(rows), rows, blobs=blobs)

    thread = threading.Thread(target=write)
    thread.start()
    with io.FileIO(ours) as source:
        snapshot = read_snapshot(source, name="-")
    thread.join()
    assert snapshot.rows == tuple(rows)
    assert snapshot.blobs == tuple(blobs)


def test_writing_holds_three_blocks_and_not_the_log() -> None:
    sink = io.BytesIO()
    sizes: list[int] = []

    def rows() -> Iterator[StoredRow]:
        for n in range(1, 13):
            sizes.append(len(sink.getvalue()))
            yield row_of(n, ALONE)

    write_snapshot(sink, header_of(log(12)), rows())
    assert len(set(sizes)) == 9  # one is gathered, two are being compressed


def test_reading_takes_no_more_than_the_next_record() -> None:
    rows = [row_of(n, ALONE) for n in range(1, 6)]
    archive = made(rows)
    source = io.BytesIO(archive.data)
    reader = open_reader(source, name="x")
    places = []
    for block in reader.contents():
        places.append(source.tell())
        assert block.first == len(places)  # type: ignore[union-attr]
    assert places == sorted(set(places))
    assert summary(reader) == archive.info


def test_a_reader_that_was_not_read_to_its_end_tells_nothing() -> None:
    reader = open_reader(io.BytesIO(made(log(3)).data), name="x")
    with closing(reader.contents()) as contents:  # type: ignore[type-var]
        next(contents)
    with pytest.raises(ValueError, match="not read to its end"):
        summary(reader)


@pytest.mark.parametrize("form", FORMS)
def test_a_reader_says_before_anything_is_read_whether_it_hands_out_contents(form: str) -> None:
    archive, access, opened = forms()[form]
    reader = open_reader(io.BytesIO(archive.data), name="x", access=access)
    assert reader.opened is opened
    assert bool(list(reader.contents())) is opened
    assert summary(reader).opened is opened


def test_the_package_names_what_it_offers() -> None:
    assert archives.__all__ == sorted(archives.__all__, key=lambda name: (name[0].islower(), name))
    assert all(hasattr(archives, name) for name in archives.__all__)


def test_a_secret_does_not_show_its_value() -> None:
    assert "hunter2" not in repr(SECRETS)
    assert "hunter2" not in repr(Recipients((), "hunter2"))
    assert msgspec.structs.asdict(made(log(1)).info.header)["sealed"] is None
