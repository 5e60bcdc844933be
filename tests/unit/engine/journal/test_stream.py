"""Long logs: read part by part, written many at once, and nothing about them is different for that."""

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubisnap.engine.domain import events as ev
from kubisnap.engine.errors import KubisnapError, LogMoved, MalformedEvent, NotAStore, UnknownEvent
from kubisnap.engine.journal import reading
from kubisnap.engine.journal.codec import MAX_EVENT_BYTES, Codec, StoredRow
from kubisnap.engine.journal.log import Journal, open_journal
from tests.golden.make_log import recorded
from tests.unit.engine.damage import slip_in
from tests.unit.engine.starters import ENVELOPE, events

CLUSTER = "c" * 32
EXAMPLES = list(recorded())


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_ROWS_AT_ONCE", 3)


def slipped_in(path: Path, *items: ev.Recorded) -> None:
    codec = Codec()
    slip_in(path, *((item.stream, *codec.encode(item)) for item in items))


# ── reading part by part ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5, 6, 7, 20])
def test_a_log_of_any_length_comes_whole_and_in_order(journal: Journal, count: int) -> None:
    written = journal.append(CLUSTER, 0, events(count=count), ENVELOPE)
    journal.append("d" * 32, 0, events(count=5), ENVELOPE)
    assert list(journal.stream(CLUSTER)) == journal.read(CLUSTER) == written
    assert [row.version for row in journal.rows(CLUSTER)] == list(range(1, count + 1))
    assert journal.state(CLUSTER).position == count


@pytest.mark.parametrize("after", range(9))
@pytest.mark.parametrize("until", [None, *range(9)])
def test_any_part_of_a_log_can_be_asked_for(journal: Journal, after: int, until: int | None) -> None:
    written = journal.append(CLUSTER, 0, events(count=7), ENVELOPE)
    expected = written[after:until]
    assert list(journal.stream(CLUSTER, after=after, until=until)) == expected
    assert [row.version for row in journal.rows(CLUSTER, after=after, until=until)] == [
        item.version for item in expected
    ]


def test_what_is_appended_meanwhile_is_read_too(journal: Journal) -> None:
    journal.append(CLUSTER, 0, events(count=4), ENVELOPE)
    stream = journal.stream(CLUSTER)
    first = next(stream)
    journal.append(CLUSTER, 4, events(count=4), ENVELOPE)
    assert [item.version for item in (first, *stream)] == list(range(1, 9))


def test_many_logs_can_be_begun_and_left(journal: Journal) -> None:
    """None of them keeps a connection or a transaction for itself."""
    journal.append(CLUSTER, 0, events(count=8), ENVELOPE)
    begun = [journal.stream(CLUSTER) for _ in range(50)]
    assert {next(stream).version for stream in begun} == {1}
    journal.append(CLUSTER, 8, events(), ENVELOPE)
    assert len(journal.read(CLUSTER)) == 9


def test_a_state_needs_no_room_for_the_whole_log(journal: Journal) -> None:
    size, count = 10_000, 200
    journal.append(CLUSTER, 0, events("x" * size, count), ENVELOPE)
    tracemalloc.start()
    try:
        assert journal.state(CLUSTER).position == count
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < size * count / 4


def test_a_journal_without_a_store_streams_nothing(url: str) -> None:
    with open_journal(url) as journal:
        assert list(journal.stream(CLUSTER)) == []


# ── damage in the middle ─────────────────────────────────────────────────────────────────────

BROKEN: dict[str, tuple[str, Any, type[KubisnapError]]] = {
    "no event at all": ("StepFailed", b"\xc1", MalformedEvent),
    "text": ("StepFailed", "text", MalformedEvent),
    "a number": ("StepFailed", 5, MalformedEvent),
    "nothing": ("StepFailed", b"", MalformedEvent),
    "of a newer version": ("ClusterTeleported", b"\x90", UnknownEvent),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_damaged_event_is_told_where_it_stands_and_not_before(
    journal: Journal, path: Path, case: str
) -> None:
    tag, state, error = BROKEN[case]
    written = journal.append(CLUSTER, 0, events(count=4), ENVELOPE)
    slip_in(path, (CLUSTER, 5, tag, state))
    slipped_in(path, *(msgspec.structs.replace(item, version=item.version + 5) for item in written))

    stream = journal.stream(CLUSTER)
    assert [next(stream).version for _ in range(4)] == [1, 2, 3, 4]
    with pytest.raises(error, match=tag):
        next(stream)
    for whole in (journal.read, journal.state):
        with pytest.raises(error, match=tag):
            whole(CLUSTER)
    assert len(journal.rows(CLUSTER)) == 9, "as stored, it can still be looked at"


@pytest.mark.parametrize("missing", [1, 2, 3, 4, 6, 7])
def test_a_gap_is_told_wherever_it_is(journal: Journal, path: Path, missing: int) -> None:
    written = journal.append("d" * 32, 0, events(count=8), ENVELOPE)
    ours = [msgspec.structs.replace(item, stream=CLUSTER) for item in written]
    slipped_in(path, *(item for item in ours if item.version != missing))
    with pytest.raises(NotAStore, match=f"damaged: event {missing + 1} cannot follow"):
        journal.state(CLUSTER)


@pytest.mark.parametrize("version", [0, -1, "x"])
def test_a_position_that_never_was_is_told(journal: Journal, path: Path, version: Any) -> None:
    """And reading comes to an end, whatever the last row of a part says of itself."""
    row = Codec().encode(journal.append(CLUSTER, 0, events(count=2), ENVELOPE)[0])
    slip_in(path, *((CLUSTER, number, row.tag, row.state) for number in (-3, -2, version)))
    with pytest.raises(NotAStore, match="damaged"):
        journal.state(CLUSTER)
    assert len(journal.rows(CLUSTER)) == 5


# ── writing many at once ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("taken", [1, 500, 1000])
def test_a_large_append_that_lost_the_race_writes_nothing(journal: Journal, path: Path, taken: int) -> None:
    """Nor does one whose thousandth event is in the way, which nobody but damage would put there."""
    (example,) = journal.append("d" * 32, 0, events("theirs"), ENVELOPE)
    theirs = msgspec.structs.replace(example, stream=CLUSTER, version=taken)
    slipped_in(path, theirs)
    with pytest.raises(LogMoved) as caught:
        journal.append(CLUSTER, 0, events("ours", 1000), ENVELOPE)
    assert (caught.value.expected, caught.value.beyond) == (0, False)
    assert journal.read(CLUSTER) == [theirs]
    journal.append("d" * 32, 1, events("ours", 1000), ENVELOPE)
    assert len(journal.read("d" * 32)) == 1001


@pytest.mark.parametrize(("there", "expected"), [(0, 1), (0, 1000), (3, 4), (3, 1000)])
def test_an_append_beyond_the_end_of_a_log_writes_nothing(
    journal: Journal, there: int, expected: int
) -> None:
    """As after a backup was put in the place of the store that was read."""
    written = journal.append(CLUSTER, 0, events(count=there), ENVELOPE)
    with pytest.raises(LogMoved, match=f"ends before position {expected}") as caught:
        journal.append(CLUSTER, expected, events(count=2), ENVELOPE)
    assert (caught.value.expected, caught.value.beyond) == (expected, True)
    assert journal.read(CLUSTER) == written
    journal.append(CLUSTER, there, events(), ENVELOPE)


def test_an_append_of_nothing_writes_nothing(journal: Journal) -> None:
    assert journal.append(CLUSTER, 0, [], ENVELOPE) == []
    assert journal.rows(CLUSTER) == []


# ── decoding in one go ───────────────────────────────────────────────────────────────────────


def told(decode: Callable[[], Any]) -> Any:
    """Return what comes of it, be it an error."""
    try:
        return decode()
    except (MalformedEvent, UnknownEvent) as error:
        return type(error), str(error)


def in_steps(codec: Codec, item: ev.Recorded, row: StoredRow) -> ev.Recorded:
    schema, time, actor, operation, cause, reason, event = codec._in_steps(row.tag, row.state)
    envelope = {"time": time, "actor": actor, "operation": operation, "cause": cause, "reason": reason}
    return ev.Recorded(stream=item.stream, version=row.version, schema=schema, event=event, **envelope)


@given(data=st.data())
def test_decoding_in_one_go_finds_what_decoding_in_steps_finds(data: st.DataObject) -> None:
    codec = Codec()
    item = data.draw(st.sampled_from(EXAMPLES))
    row = codec.encode(item)
    at = data.draw(st.integers(0, len(row.state) - 1))
    byte = data.draw(st.integers(0, 255))
    changed = row._replace(state=row.state[:at] + bytes([byte]) + row.state[at + 1 :])
    assert told(lambda: codec.decode(item.stream, changed)) == told(lambda: in_steps(codec, item, changed))


class LengthInMetres(ev.Event, frozen=True, kw_only=True, tag="Length"):
    length: int


class LengthInMillimetres(ev.Event, frozen=True, kw_only=True, tag="Length"):
    SCHEMA: ClassVar[int] = 2
    length: int


def of_schema(item: ev.Recorded, schema: int) -> StoredRow:
    return Codec().encode(msgspec.structs.replace(item, schema=schema))


def test_an_old_event_is_brought_up_though_its_bytes_look_like_todays() -> None:
    old: Any = LengthInMetres(length=2)
    row = Codec([LengthInMetres], {}).encode(msgspec.structs.replace(EXAMPLES[0], event=old, schema=1))
    up = {("Length", 1): lambda payload: {**payload, "length": payload["length"] * 1000}}
    found: Any = Codec([LengthInMillimetres], up).decode(CLUSTER, row)
    assert (found.event, found.schema) == (LengthInMillimetres(length=2000), 2)


def test_a_newer_event_is_refused_though_its_bytes_look_like_todays() -> None:
    with pytest.raises(UnknownEvent, match="schema 2"):
        Codec().decode(CLUSTER, of_schema(EXAMPLES[0], 2))


@pytest.mark.parametrize("schema", [0, -1])
def test_a_schema_that_never_was_is_malformed_though_the_rest_is_right(schema: int) -> None:
    with pytest.raises(MalformedEvent, match=f"schema {schema}"):
        Codec().decode(CLUSTER, of_schema(EXAMPLES[0], schema))


@pytest.mark.parametrize("item", EXAMPLES, ids=lambda item: f"{item.version}-{ev.tag_of(item.event)}")
def test_an_event_is_written_as_an_envelope_around_its_own_bytes(item: ev.Recorded) -> None:
    payload = msgspec.Raw(msgspec.msgpack.encode(item.event))
    envelope = [item.schema, item.time, item.actor, item.operation, item.cause, item.reason, payload]
    assert Codec().encode(item).state == msgspec.msgpack.encode(envelope)


def test_an_event_too_large_is_not_read_however_right_it_is() -> None:
    event = {"event": "StepFailed", "step": 1, "error": "", "message": "x" * MAX_EVENT_BYTES}
    state = msgspec.msgpack.encode([1, 5, "actor", 1, 0, "", event])
    with pytest.raises(MalformedEvent, match="too many"):
        Codec().decode(CLUSTER, StoredRow(1, "StepFailed", state))


def test_a_plain_row_is_as_good_as_a_named_one() -> None:
    item = EXAMPLES[0]
    row = Codec().encode(item)
    plain = (row.version, row.tag, row.state)
    assert Codec().decode(item.stream, plain) == Codec().decode(item.stream, row) == item
