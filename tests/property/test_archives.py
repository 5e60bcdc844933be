"""Archives: whatever is written comes back, whatever is changed is found, no bytes do worse than an error."""

import hashlib
import io
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, multiple, rule

from kubisnap.archives import Access, Blob, Parent, Secret, SigningKey, columns
from kubisnap.archives import format as layout
from kubisnap.archives.blobs import decode_pack, decode_secret, encode_pack, encode_secret
from kubisnap.archives.chains import Chain, Found
from kubisnap.archives.format import MAGIC, Kind, Malformed
from kubisnap.engine.errors import ArchiveError, CorruptArchive, NotSigned, UnsupportedArchive, WrongKey
from kubisnap.engine.journal.codec import StoredRow
from tests.unit.archives.forging import Forge, apart, rechained
from tests.unit.archives.making import (
    BLOBS,
    FORMS,
    IDENTITIES,
    RECIPIENTS,
    SECRETS,
    SIGNER,
    Made,
    forms,
    header_of,
    log,
    made,
    read,
    row,
    sought,
    thorough,
    verified,
)

printable = st.characters(exclude_categories=("C", "Z"), include_characters=" ")
texts = st.text(st.characters(codec="utf-8"), max_size=20)
numbers = st.integers(0, 5) | st.integers(0, columns.MAX_NUMBER)
payloads = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | texts
    | st.binary(max_size=40)
    | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=4,
).map(msgspec.msgpack.encode)
fields = st.fixed_dictionaries(
    {
        "tag": st.sampled_from(["one", "two", "three"]) | st.text(printable, min_size=1, max_size=100),
        "time": st.integers(0, layout.MAX_TIME),
        "actor": texts,
        "operation": numbers,
        "cause": numbers,
        "reason": texts,
        "schema": st.integers(0, 255),
        "data": payloads,
    }
)


def numbered(events: list[dict[str, Any]], first: int = 1) -> list[StoredRow]:
    return [row(n, **event) for n, event in enumerate(events, first)]


logs = st.lists(fields, min_size=1, max_size=10).map(numbered)
labels = st.text(printable, min_size=1, max_size=60)
blobs = st.lists(st.builds(Blob, labels, st.binary(max_size=200)), max_size=8).map(sorted)
secrets = st.lists(
    st.builds(Secret, labels, st.binary(max_size=600)), max_size=4, unique_by=lambda secret: secret.label
)
signers = st.lists(
    st.sampled_from([SIGNER, SigningKey("b", b"b" * 32), SigningKey("c", b"c" * 32)]), unique=True
)
ACCESS = Access(IDENTITIES, (SIGNER.public,))


def each_once(found: list[Blob]) -> tuple[Blob, ...]:
    return tuple(
        {blob.data: blob for blob in reversed(found)}[data] for data in dict.fromkeys(b.data for b in found)
    )


@given(rows=logs, blobs=blobs, secrets=secrets, encrypted=st.booleans(), sign_with=signers)
def test_any_archive_comes_back_as_it_was(
    rows: list[StoredRow],
    blobs: list[Blob],
    secrets: list[Secret],
    *,
    encrypted: bool,
    sign_with: list[SigningKey],
) -> None:
    options: dict[str, Any] = {"blobs": blobs, "secrets": secrets, "sign_with": sign_with}
    plain = made(rows, **options)
    archive = made(rows, recipients=RECIPIENTS, **options) if encrypted else plain
    snapshot = read(archive.data, ACCESS)
    assert snapshot.rows == tuple(rows)
    assert snapshot.blobs == each_once(blobs)
    assert snapshot.secrets == (tuple(sorted(secrets)) if encrypted else ())
    info = verified(archive.data, ACCESS)
    assert info == snapshot.info == sought(archive.data, ACCESS).info
    assert (info.root, info.manifest, info.size) == (
        archive.info.root,
        archive.info.manifest,
        len(archive.data),
    )
    assert made(rows, **options).data == plain.data
    if not secrets:
        assert archive.info.root == plain.info.root


@given(rows=logs, data=st.data())
def test_any_part_is_the_part_of_the_whole(rows: list[StoredRow], data: st.DataObject) -> None:
    first, last = sorted((data.draw(st.integers(1, len(rows))), data.draw(st.integers(1, len(rows)))))
    file = sought(made(rows).data, Access())
    found = [item for block in file.blocks(first, last) for item in block.rows()]
    assert [item for item in found if first <= item.version <= last] == rows[first - 1 : last]


@given(logs, logs)
def test_two_logs_have_the_same_root_only_if_they_are_the_same(
    one: list[StoredRow], two: list[StoredRow]
) -> None:
    assert (made(one).info.root == made(two).info.root) == (one == two)


# ── encodings ────────────────────────────────────────────────────────────────────────────────


@given(logs)
def test_a_block_has_one_encoding(rows: list[StoredRow]) -> None:
    raw = columns.pack(rows, 1).raw
    block = columns.EventBlock(raw, len(rows), 1)
    block.check()
    assert block.rows() == rows
    assert columns.pack(block.rows(), 1).raw == raw


@given(blobs.filter(bool), secrets.filter(bool), st.binary(min_size=32, max_size=32))
def test_packs_and_secrets_have_one_encoding(blobs: list[Blob], secrets: list[Secret], nonce: bytes) -> None:
    raw = encode_pack(blobs)
    assert decode_pack(raw, len(blobs)) == blobs
    sealed = encode_secret(secrets[0], nonce)
    assert decode_secret(sealed) == secrets[0]
    assert encode_secret(decode_secret(sealed), nonce) == sealed


def changes(raw: bytes) -> st.SearchStrategy[bytes]:
    """A few bytes of `raw` exchanged, taken away or put in."""
    places = st.tuples(st.integers(0, len(raw)), st.integers(0, 4), st.binary(max_size=9))

    def change(edits: list[tuple[int, int, bytes]]) -> bytes:
        data = raw
        for place, gone, more in edits:
            data = data[:place] + more + data[place + gone :]
        return data

    return st.lists(places, min_size=1, max_size=3).map(change)


RAW = columns.pack(log(6), 1).raw


@given(changes(RAW) | st.binary())
def test_whatever_a_block_holds_it_is_refused_or_in_its_one_encoding(raw: bytes) -> None:
    block = columns.EventBlock(raw, 6, 1)
    try:
        rows = block.rows()
    except Malformed:
        return
    block.check()
    assert columns.pack(rows, 1).raw == raw


@given(changes(encode_pack(list(BLOBS))))
def test_whatever_a_pack_holds_it_is_refused_or_in_its_one_encoding(raw: bytes) -> None:
    try:
        found = decode_pack(raw, 3)
    except Malformed:
        return
    assert encode_pack(found) == raw


@given(changes(encode_secret(SECRETS[0], bytes(32))))
def test_whatever_a_secret_holds_it_is_refused_or_in_its_one_encoding(raw: bytes) -> None:
    try:
        found = decode_secret(raw)
    except Malformed:
        return
    assert encode_secret(found, raw[3:35]) == raw


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=6), st.data())
def test_packs_are_taken_in_the_order_of_their_labels_only(order: list[str], data: st.DataObject) -> None:
    every = [Blob(label, bytes([n])) for n, label in enumerate(order)]
    cut = data.draw(st.integers(0, len(every)))
    forged = Forge(header_of(log(2))).events(log(2))
    for pack in (every[:cut], every[cut:]):
        if pack:
            forged.pack(pack)
    archive = forged.close()
    if order == sorted(order):
        assert read(archive, Access()).blobs == tuple(every)
    else:
        with pytest.raises(CorruptArchive, match="not in the order of their labels"):
            verified(archive, Access())


# ── hostile bytes ────────────────────────────────────────────────────────────────────────────


def refused(data: bytes, access: Access) -> None:
    """Each way of looking raises one of ours, and nothing else."""
    for look in (verified, read, sought):
        with pytest.raises((CorruptArchive, UnsupportedArchive, WrongKey, NotSigned)):
            look(data, access)


@given(form=st.sampled_from([name for name in FORMS if name != "keyless"]), data=st.data())
def test_any_exchange_of_any_part_is_found(form: str, data: st.DataObject) -> None:
    good, access, _ = forms()[form]
    begin, end = sorted(data.draw(st.tuples(*[st.integers(0, len(good.data))] * 2)))
    other = data.draw(
        st.binary(max_size=64)
        | st.sampled_from([good.data[end:], good.data[:begin], good.data[begin:end] * 2, bytes(end - begin)])
    )
    changed = good.data[:begin] + other + good.data[end:]
    if changed != good.data:
        refused(changed, access)


@given(st.binary())
def test_arbitrary_bytes_are_refused(data: bytes) -> None:
    refused(data, Access())
    refused(MAGIC + data, Access())


@given(st.integers(0, 3), st.integers(0, 3), st.binary(max_size=300))
@example(2, 0, b"")
def test_an_arbitrary_header_with_the_right_hash_is_refused(major: int, minor: int, header: bytes) -> None:
    start = struct.pack("<8sHHI", MAGIC, major, minor, len(header)) + header
    with pytest.raises(ArchiveError) as caught:
        verified(start + hashlib.sha256(start).digest(), Access())
    assert isinstance(caught.value, UnsupportedArchive) == ((major, minor) not in {(1, 0), (2, 0)})


@given(
    form=st.sampled_from(["plain", "encrypted", "incremental"]),
    number=st.integers(0, 6),
    data=st.data(),
)
def test_an_arbitrary_body_with_every_hash_right_is_refused_or_the_same_for_all(
    form: str, number: int, data: st.DataObject
) -> None:
    """A forger's plain archive may be a good one; then every reader tells the same of it."""
    good, access, _ = forms()[form]
    start, records, _ = apart(good.data)
    chosen = records[number % len(records)]
    records[number % len(records)] = chosen._replace(body=data.draw(changes(chosen.body)))
    forged = rechained(start, records)
    outcomes: list[object] = []
    for look in (thorough, sought):
        try:
            outcomes.append(look(forged, access))
        except (CorruptArchive, NotSigned):
            outcomes.append(None)
    told = [getattr(outcome, "info", outcome) for outcome in outcomes]
    assert told[0] == told[1]


@given(
    kind=st.sampled_from([*Kind]) | st.integers(0, 255),
    flags=st.integers(0, 3) | st.integers(0, 255),
    lengths=st.fixed_dictionaries(
        {}, optional={"stored": st.integers(0, 2**32 - 1), "length": st.integers(0, 2**32 - 1)}
    ),
    items=st.integers(0, 9) | st.integers(0, 2**32 - 1),
    raw=st.binary(max_size=100) | changes(RAW),
)
def test_an_arbitrary_record_with_the_right_hashes_is_refused(
    kind: int, flags: int, lengths: dict[str, int], items: int, raw: bytes
) -> None:
    forged = Forge(header_of(log(7)))
    forged.record(kind, raw, items, flags=flags, **lengths)
    refused(forged.close(), Access())


# ── captures ─────────────────────────────────────────────────────────────────────────────────


class Captures(RuleBasedStateMachine):
    """A cluster goes on and is captured, whole or after any capture before; any of them is restored."""

    def __init__(self) -> None:
        super().__init__()
        self.log: list[StoredRow] = []
        self.blobs: dict[str, bytes] = {}
        self.shelf: dict[bytes, bytes] = {}

    captures = Bundle("captures")

    @rule(events=st.lists(fields, min_size=1, max_size=5))
    def go_on(self, events: list[dict[str, Any]]) -> None:
        self.log += numbered(events, len(self.log) + 1)

    @rule(label=labels, data=st.binary(max_size=20))
    def change_a_blob(self, label: str, data: bytes) -> None:
        self.blobs[label] = data

    def _taken(self, archive: Made, known: dict[bytes, str]) -> tuple[Made, list[StoredRow], set[bytes]]:
        self.shelf[archive.info.root] = archive.data
        digests = {Blob("", data).digest for data in self.blobs.values()}
        return archive, list(self.log), set(known) | digests

    def _options(self, encrypted: bool, signed: bool) -> dict[str, Any]:
        return {
            "blobs": sorted(Blob(*item) for item in self.blobs.items()),
            "recipients": RECIPIENTS if encrypted else None,
            "sign_with": [SIGNER] if signed else [],
        }

    @rule(target=captures, encrypted=st.booleans(), signed=st.booleans())
    def capture_all(self, *, encrypted: bool, signed: bool) -> Any:
        if not self.log:
            return multiple()
        return self._taken(made(self.log, **self._options(encrypted, signed)), {})

    @rule(target=captures, earlier=captures, encrypted=st.booleans(), signed=st.booleans())
    def capture_what_is_new(self, earlier: Any, *, encrypted: bool, signed: bool) -> Any:
        parent, before, _ = earlier
        chain = self._chain(parent)
        assert list(chain.rows()) == before
        options = self._options(encrypted, signed) | {"known": chain.blobs}
        archive = made(self.log[len(before) :], parent=parent.parent, **options)
        return self._taken(archive, chain.blobs)

    def _chain(self, tip: Made) -> Chain:
        def find(parent: Parent) -> Found | None:
            data = self.shelf[parent.root]
            return Found(parent.root.hex(), lambda: io.BytesIO(data))

        return Chain(io.BytesIO(tip.data), name="tip", find=find, access=ACCESS)

    @rule(tip=captures)
    def restore(self, tip: Any) -> None:
        archive, rows, digests = tip
        chain = self._chain(archive)
        assert list(chain.rows()) == rows
        assert set(chain.blobs) == digests
        assert chain.info.root == archive.info.root
        assert sought(archive.data, ACCESS).info.root == archive.info.root

    @rule(tip=consumes(captures))
    def lose(self, tip: Any) -> None:
        """It is no longer gone on from; others may still need it."""

    @invariant()
    def every_archive_is_still_whole(self) -> None:
        for root, data in list(self.shelf.items())[-2:]:
            assert verified(data, Access(keyless=True)).root == root


TestCaptures = Captures.TestCase
TestCaptures.settings = settings(
    max_examples=60, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
