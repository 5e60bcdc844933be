"""Two readers, one of them written from the documents alone, say the same of every archive."""

import hashlib
import io
import runpy
import struct
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgpack
import msgspec
import pyrage
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubisnap.archives import (
    Access,
    Blob,
    Identities,
    Parent,
    Recipients,
    Secret,
    SigningKey,
    SnapshotFile,
    SnapshotHeader,
    read_snapshot,
    verify_snapshot,
    write_snapshot,
)
from kubisnap.engine.errors import CorruptArchive, UnsupportedArchive
from kubisnap.engine.journal.codec import StoredRow
from tests.independent import ksnap_keys, ksnap_reader, ksnap_root
from tests.independent.ksnap_reader import Archive, Refused

GOLDEN = Path(__file__).parents[1] / "golden"
NAMES = ("plain", "signed", "omitted", "child", "encrypted", "passphrase")
SIGNER = SigningKey("second.example", b"s" * 32)
IDENTITY = pyrage.x25519.Identity.generate()
CLUSTER = "0123456789abcdef" * 2


@cache
def made() -> dict[str, Any]:
    """The names of the script that made the golden files."""
    return runpy.run_path(str(GOLDEN / "make_archive_2.py"))


def bytes_of(name: str) -> bytes:
    return (GOLDEN / f"archive-v2-{name}.ksnap").read_bytes()


def second(data: bytes, *identities: Any) -> Archive:
    """Read with the second reader."""
    keys = [pyrage.x25519.Identity.from_str(made()["IDENTITY"]), *identities]

    def unwrap(slot: bytes) -> bytes | None:
        try:
            if b"-> scrypt " in slot:
                return bytes(pyrage.passphrase.decrypt(slot, made()["PASSPHRASE"]))
            return bytes(pyrage.decrypt(slot, keys))
        except pyrage.DecryptError:
            return None

    return ksnap_reader.read(data, ksnap_keys.opener(unwrap))


def first(data: bytes, *private: str) -> Archive:
    """Read with kubisnap's, and put it as the second one does."""
    identities = Identities((made()["IDENTITY"], *private), made()["PASSPHRASE"])
    encrypted = msgpack.unpackb(data[16 : 16 + struct.unpack_from("<I", data, 12)[0]])["sealed"] is not None
    found = read_snapshot(io.BytesIO(data), name="x", access=Access(identities if encrypted else None))
    return Archive(
        header=msgspec.msgpack.decode(msgspec.msgpack.encode(found.info.header)),
        manifest=msgspec.msgpack.decode(msgspec.msgpack.encode(found.info.manifest)),
        events=[event_of(row) for row in found.rows],
        blobs=[(blob.label, blob.data) for blob in found.blobs],
        secrets=[tuple(secret) for secret in found.secrets],
        root=found.info.root,
        note="",
    )


def event_of(row: StoredRow) -> dict[str, Any]:
    envelope = msgpack.unpackb(row.state, strict_map_key=False)
    return dict(zip(ksnap_reader.ROW, (row.version, row.tag, *envelope), strict=True))


def agree(one: Archive, other: Archive) -> None:
    secrets: list[Any] = list(map(ksnap_keys.secret_of, other.secrets))
    assert Archive(**{**vars(other), "note": "", "secrets": secrets}) == one


@pytest.mark.parametrize("name", NAMES)
def test_both_readers_say_the_same_of_a_golden_file(name: str) -> None:
    agree(first(bytes_of(name)), second(bytes_of(name)))


@pytest.mark.parametrize("name", ["plain", "signed", "omitted", "child"])
def test_the_document_leads_a_writer_to_the_root_of_a_golden_file(name: str) -> None:
    [one] = [one for one in made()["golden"]() if one.name == name]
    parent = one.options.get("parent")

    assert second(bytes_of(name)).root == ksnap_root.root(
        made()["CLUSTER"],
        [ksnap_root.Row(row.tag, row.state) for row in one.rows],
        one.options.get("blobs", ()),
        parent=(parent.root, parent.position) if parent else (b"", 0),
        known=one.options.get("known", ()),
        omitted=sorted(secret.label for secret in one.options.get("secrets", ())),
    )


@pytest.mark.parametrize(
    "sizes",
    [
        [1_048_576, 1_048_576, 99],
        [1_048_576, 1_048_577],
        [1_048_568, 1_048_568],
        [1_048_568, 1_048_570],
        [4_194_304, 99],
        [99, 4_194_304],
        [99] * 3,
    ],
)
def test_the_document_leads_a_writer_to_the_same_blocks_and_packs(sizes: list[int]) -> None:
    """Right at the edges of the rules: an envelope of so many bytes each, and a blob of half as many."""
    rows = [row_of(size) for size in sizes]
    blobs = [Blob(f"v1/{n}", bytes([n]) * (size // 2)) for n, size in enumerate(sizes)]
    sink = io.BytesIO()
    header = SnapshotHeader(
        cluster_id=CLUSTER, cluster_name="web", first=1, position=len(rows), parent=None, tool="kubisnap"
    )
    written = write_snapshot(sink, header, [StoredRow(n, *row) for n, row in enumerate(rows, 1)], blobs=blobs)

    assert written.root == ksnap_root.root(CLUSTER, rows, blobs)


def row_of(size: int) -> ksnap_root.Row:
    """Return an event with an envelope of exactly so many bytes."""
    head = b"\x97" + msgpack.packb([1, 0, "ada", 1, 0, ""])[1:] + b"\xc6"
    length = size - len(head) - 4
    return ksnap_root.Row("edge", head + length.to_bytes(4) + bytes(length))


def test_the_second_reader_joins_a_child_to_its_parent() -> None:
    archives = [second(bytes_of("plain")), second(bytes_of("child"))]
    events, blobs = ksnap_keys.join(archives)

    assert [event["position"] for event in events] == list(range(1, 8200))
    assert [label for label, _ in blobs][-2:] == ["v1/a", "v1/b"]
    with pytest.raises(Refused, match="not the parent"):
        ksnap_keys.join([second(bytes_of("omitted")), archives[1]])


def test_the_second_reader_checks_signatures() -> None:
    key = made()["SIGNER"].public
    note = second(bytes_of("encrypted")).note

    assert ksnap_keys.signers(note, {key.name: key.raw}) == [key.name]
    assert ksnap_keys.signers(note, {}) == []
    assert ksnap_keys.signers(second(bytes_of("plain")).note, {key.name: key.raw}) == []
    with pytest.raises(Refused, match="does not hold"):
        ksnap_keys.signers(note.replace("events 1 6", "events 1 7"), {key.name: key.raw})


def test_the_second_reader_needs_the_key() -> None:
    with pytest.raises(Refused, match="no key was given"):
        ksnap_reader.read(bytes_of("encrypted"))
    with pytest.raises(Refused, match="no slot opens"):
        ksnap_reader.read(bytes_of("encrypted"), ksnap_keys.opener(lambda _: None))


def test_the_second_reader_leaves_format_1_to_others() -> None:
    with pytest.raises(Refused, match="another version"):
        ksnap_reader.read((GOLDEN / "archive-v1.ksnap").read_bytes())


def test_every_single_flipped_bit_is_refused() -> None:
    whole = bytes_of("plain")
    unnoticed = []
    for bit in range(len(whole) * 8):
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        try:
            ksnap_reader.read(bytes(data))
        except Refused:
            continue
        unnoticed.append(bit)
    assert len(ksnap_reader.read(whole).events) == 6
    assert unnoticed == []


def test_every_cut_is_refused() -> None:
    whole = bytes_of("plain")
    for length in range(len(whole)):
        with pytest.raises(Refused):
            ksnap_reader.read(whole[:length])


# ── records that nobody knows ────────────────────────────────────────────────────────────────────


def with_record(data: bytes, kind: int, flags: int, *, before: int = ksnap_reader.INDEX) -> bytes:
    """Return a plain archive with one more record, by the rules in all but that."""
    _, at = ksnap_reader.header_of(data)
    out, chain, places = data[:at], data[at - 32 : at], dict[int, int]()
    records = list(ksnap_reader.records(data, at))
    new = SimpleNamespace(kind=kind, flags=flags, klass=0, body=b"what nobody knows", items=0, long=17)
    place = next(number for number, one in enumerate(records) if one.kind == before)
    for number, one in enumerate([*records[:place], new, *records[place:]]):
        body = one.body
        if one.kind == ksnap_reader.FOOTER:
            body = body.rpartition(b"chain ")[0] + f"chain {chain.hex()}\n".encode()
        fields = (b"KSR\1", one.kind, one.flags, one.klass, number, len(body), one.long, one.items)
        head = struct.pack("<4sBBHQIII", *fields)
        head += struct.pack("<I", zlib.crc32(head))
        places.setdefault(one.kind, len(out))
        chain = hashlib.sha256(chain + head + body).digest()
        out += head + body + chain
    offsets = (places.get(ksnap_reader.INDEX, places[ksnap_reader.MANIFEST]), places[ksnap_reader.MANIFEST])
    return out + struct.pack("<QQ32s8s", *offsets, chain, b"KSNPEND\n")


@pytest.mark.parametrize("kind", [0x04, 0x11])
def test_both_readers_pass_over_a_record_that_says_it_may_be(kind: int) -> None:
    data = with_record(bytes_of("plain"), kind, 0x80)
    agree(first(data), second(data))
    assert second(data).root == second(bytes_of("plain")).root
    assert SnapshotFile(io.BytesIO(data), name="x").info == verify_snapshot(io.BytesIO(data), name="x")


@pytest.mark.parametrize(
    ("kind", "flags", "before"),
    [
        (0x04, 0x00, ksnap_reader.INDEX),
        (0x04, 0x80, ksnap_reader.EVENTS),
        (0x00, 0x80, ksnap_reader.EVENTS),
        (0x14, 0x80, ksnap_reader.FOOTER),
        (0x20, 0x80, ksnap_reader.FOOTER),
        (0x13, 0x80, ksnap_reader.MANIFEST),
    ],
)
def test_both_readers_refuse_other_records_that_they_do_not_know(kind: int, flags: int, before: int) -> None:
    data = with_record(bytes_of("plain"), kind, flags, before=before)
    with pytest.raises(Refused):
        second(data)
    with pytest.raises(CorruptArchive):
        first(data)


def test_a_kind_below_all_others_is_no_ignorable_one_though_nothing_follows_it() -> None:
    empty = write([], Parent(b"p" * 32, 5))
    data = with_record(empty, 0x00, 0x80, before=ksnap_reader.MANIFEST)
    with pytest.raises(Refused):
        second(data)
    with pytest.raises(CorruptArchive, match="none of those"):
        first(data)
    with pytest.raises(CorruptArchive):
        SnapshotFile(io.BytesIO(data), name="x")


def with_start(data: bytes, minor: int, **changed: Any) -> bytes:
    """Return the start of an archive of another version or another header."""
    length = struct.unpack_from("<I", data, 12)[0]
    header: bytes = msgpack.packb(msgpack.unpackb(data[16 : 16 + length]) | changed)
    start = data[:10] + struct.pack("<HI", minor, len(header)) + header
    return start + hashlib.sha256(start).digest() + data[48 + length :]


@pytest.mark.parametrize("start", [{"minor": 1}, {"minor": 0, "must": ["example.org/holograms"]}])
def test_both_readers_refuse_what_is_newer_or_asks_for_more(start: dict[str, Any]) -> None:
    data = with_start(bytes_of("plain"), **start)
    with pytest.raises(Refused, match=r"another version|not known"):
        second(data)
    with pytest.raises(UnsupportedArchive):
        first(data)


# ── fresh ones ───────────────────────────────────────────────────────────────────────────────────

text = st.text(max_size=8)
printable = st.text("abcäöü/.- ", min_size=1, max_size=8).filter(str.isprintable)
payload = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 63), (1 << 64) - 1) | text | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=5,
)
number = st.integers(0, 1 << 62)
envelope = st.tuples(
    st.integers(0, 255), st.integers(0, 253_402_300_799_999_999), text, number, number, text, payload
)
event = st.tuples(printable, envelope)
blobs = st.lists(st.builds(Blob, printable, st.binary(max_size=50)), max_size=4).map(sorted)
secrets = st.lists(
    st.builds(Secret, printable, st.binary(max_size=300)), max_size=2, unique_by=lambda s: s[0]
)


def write(rows: Sequence[Any], parent: Parent | None, **options: Any) -> bytes:
    before = 0 if parent is None else parent.position
    header = SnapshotHeader(
        cluster_id=CLUSTER,
        cluster_name="web",
        first=before + 1,
        position=before + len(rows),
        parent=parent,
        tool="kubisnap",
    )
    stored = [StoredRow(n, tag, msgspec.msgpack.encode(row)) for n, (tag, row) in enumerate(rows, before + 1)]
    sink = io.BytesIO()
    write_snapshot(sink, header, stored, **options)
    return sink.getvalue()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.lists(event, min_size=1, max_size=6),
    blobs=blobs,
    secrets=secrets,
    parent=st.none() | st.builds(Parent, st.binary(min_size=32, max_size=32), st.integers(1, 1 << 39)),
    encrypted=st.booleans(),
    signed=st.booleans(),
)
def test_both_readers_say_the_same_of_whatever_is_written(
    rows: list[Any],
    blobs: list[Blob],
    secrets: list[Secret],
    parent: Parent | None,
    *,
    encrypted: bool,
    signed: bool,
) -> None:
    data = write(
        rows,
        parent,
        blobs=blobs,
        secrets=secrets,
        recipients=Recipients((str(IDENTITY.to_public()),)) if encrypted else None,
        sign_with=[SIGNER] if signed else [],
    )
    other = second(data, IDENTITY)
    agree(first(data, str(IDENTITY)), other)
    if not (encrypted and secrets):
        assert other.root == ksnap_root.root(
            CLUSTER,
            [ksnap_root.Row(tag, msgspec.msgpack.encode(row)) for tag, row in rows],
            blobs,
            parent=(parent.root, parent.position) if parent else (b"", 0),
            omitted=sorted(label for label, _ in secrets),
        )
    assert ksnap_keys.signers(other.note, {SIGNER.name: SIGNER.public.raw}) == [SIGNER.name] * signed
