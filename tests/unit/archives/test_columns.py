"""Blocks of events in columns: rows come back byte for byte, or are refused on both sides."""

from collections.abc import Callable
from typing import Any, ClassVar

import msgspec
import pytest

from kubisnap.archives import columns
from kubisnap.archives.columns import BLOCK_BYTES, BLOCK_EVENTS, MAX_NUMBER, MAX_TAG, EventBlock, blocks, pack
from kubisnap.archives.format import MAX_TIME, Malformed
from kubisnap.engine.domain import events as ev
from kubisnap.engine.errors import MalformedEvent, UnknownEvent
from kubisnap.engine.journal.codec import MAX_EVENT_BYTES, Codec, StoredRow
from tests.golden.make_log import recorded, recorded_later
from tests.unit.archives.making import CLUSTER, events, log, row, row_of, stored

GOLDEN = [
    Codec().encode(item)._replace(version=n) for n, item in enumerate((*recorded(), *recorded_later()), 1)
]
encode = msgspec.msgpack.encode


def block_of(rows: list[StoredRow]) -> EventBlock:
    packed = pack(rows, rows[0].version)
    return EventBlock(packed.raw, packed.events, rows[0].version)


@pytest.mark.parametrize(
    "rows", [log(1), log(50), log(3, 1_000_000), GOLDEN], ids=["1", "50", "later", "all"]
)
def test_rows_come_back_byte_for_byte(rows: list[StoredRow]) -> None:
    block = block_of(rows)
    block.check()
    assert block.rows() == rows
    assert (block.count, block.first) == (len(rows), rows[0].version)


def test_events_are_those_that_the_codec_reads_from_the_rows() -> None:
    codec = Codec()
    assert list(block_of(GOLDEN).events(codec, CLUSTER)) == [codec.decode(CLUSTER, item) for item in GOLDEN]


class Grown(ev.Event, frozen=True, kw_only=True, tag="Grown"):
    SCHEMA: ClassVar[int] = 3
    FAMILY: ClassVar[ev.Family] = "fact"
    size: int


class Steady(ev.Event, frozen=True, kw_only=True, tag="Steady"):
    FAMILY: ClassVar[ev.Family] = "fact"
    name: str = ""


GROWING = Codec(
    [Grown, Steady],
    {
        ("Grown", 1): lambda payload: {"length": payload["l"]},
        ("Grown", 2): lambda payload: {"size": payload["length"]},
    },
)


def grown(version: int, schema: int) -> StoredRow:
    field = {1: {"l": version}, 2: {"length": version}, 3: {"event": "Grown", "size": version}}[schema]
    return row(version, "Grown", schema=schema, data=encode(field))


@pytest.mark.parametrize("schemas", [(1,), (2, 2), (3, 3), (1, 2, 3), (3, 1, 3, 2, 1)])
def test_events_of_older_schemas_are_brought_up_as_the_codec_does(schemas: tuple[int, ...]) -> None:
    rows = [grown(n, schema) for n, schema in enumerate(schemas, 1)]
    rows.append(row(len(rows) + 1, "Steady", data=encode({"event": "Steady", "name": "x"})))
    found = list(block_of(rows).events(GROWING, CLUSTER))
    assert found == [GROWING.decode(CLUSTER, item) for item in rows]
    assert [item.schema for item in found] == [3] * len(schemas) + [1]


def test_an_older_event_that_cannot_be_brought_up_is_refused_where_it_stands() -> None:
    wrong = row(101, "Grown", schema=2, data=encode({"width": 1}))
    rows = [*(grown(n, 1 + n % 3) for n in range(1, 101)), wrong, grown(102, 3)]
    found = block_of(rows).events(GROWING, CLUSTER)
    assert [next(found) for _ in range(100)] == [GROWING.decode(CLUSTER, item) for item in rows[:100]]
    with pytest.raises(MalformedEvent):
        next(found)


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (row(2, "Unheard"), UnknownEvent),
        (row(2, "StepFailed", schema=2), UnknownEvent),
        (row(2, "StepFailed", schema=0), MalformedEvent),
        (row(2, "StepFailed", data=b"\x81\xa4step\xa3one"), MalformedEvent),
        (row(2, "StepFailed", data=b"\x80"), MalformedEvent),
        (row(2, "StepFailed", data=b"\xc0"), MalformedEvent),
        (row(2, "StepFailed", data=b"\x81\xa4step\xa1\xff"), MalformedEvent),
    ],
)
def test_what_the_codec_refuses_is_refused_in_a_block_with_the_same_error(
    bad: StoredRow, error: type[Exception]
) -> None:
    with pytest.raises(error):
        Codec().decode(CLUSTER, bad)
    block = block_of([GOLDEN[0], bad])
    with pytest.raises(error):
        list(block.events(Codec(), CLUSTER))
    assert block.rows()[1] == bad


def test_a_block_is_closed_at_its_number_of_events_or_before_its_bytes_pass() -> None:
    def sizes(*lengths: int) -> list[int]:
        return [len(found) for found in blocks(row_of(n, size) for n, size in enumerate(lengths, 1))]

    assert sizes(BLOCK_BYTES) == [1]
    assert sizes(100, BLOCK_BYTES - 100) == [2]
    assert sizes(101, BLOCK_BYTES - 100) == [1, 1]
    assert sizes(BLOCK_BYTES + 1, 100, 100) == [1, 2]
    assert [len(found) for found in blocks(log(BLOCK_EVENTS))] == [BLOCK_EVENTS]
    assert [len(found) for found in blocks(log(BLOCK_EVENTS + 1))] == [BLOCK_EVENTS, 1]
    assert list(blocks([])) == []


# ── what is no row ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"\xc0",
        row(2).state + b"\xc0",
        row(2).state[:-1],
        encode([1, 2, "ada", 1, 0, ""]),
        encode([1, 2, "ada", 1, 0, "", {}, {}]),
        encode([1.0, 2, "ada", 1, 0, "", {}]),
        encode([1, 2, b"ada", 1, 0, "", {}]),
        encode([None, 2, "ada", 1, 0, "", {}]),
        row(2).state.replace(b"\xa3ada", b"\xd9\x03ada"),
        row(2).state.replace(b"\x97\x01", b"\x97\xcc\x01"),
        row(2).state.replace(b"\x97", b"\xdc\x00\x07"),
        row(2).state.replace(b"ada", b"a\xff!"),
        encode([1, 2, "ada", 1, 0, ""])[:-1] + b"\xa0" + b"\x91" * 100_000,
    ],
)
def test_a_row_in_any_other_form_than_the_journals_is_refused_by_its_number(state: bytes) -> None:
    with pytest.raises(Malformed, match="event 2 is not in the form"):
        pack([row(1), StoredRow(2, "StepFailed", state), row(3)], 1)


@pytest.mark.parametrize("bad", [1, 128, 129, 200, 257, 300])
def test_a_row_in_another_form_is_told_by_its_number_wherever_it_stands(bad: int) -> None:
    rows = [row(n) for n in range(1, 301)]
    rows[bad - 1] = StoredRow(bad, "StepFailed", row(bad).state + b"\xc0")
    with pytest.raises(Malformed, match=f"event {bad} is not in the form"):
        pack(rows, 1)


def test_rows_that_are_right_only_when_joined_are_refused() -> None:
    whole = row(1).state + row(2).state
    for cut in (0, 3, len(whole) - 3, len(whole)):
        with pytest.raises(Malformed, match="event 1 is not in the form"):
            pack([StoredRow(1, "StepFailed", whole[:cut]), StoredRow(2, "StepFailed", whole[cut:])], 1)


@pytest.mark.parametrize("versions", [(2, 3), (1, 3), (1, 1), (2, 1), (0, 1), (-1, 0)])
def test_rows_in_another_order_are_refused(versions: tuple[int, ...]) -> None:
    with pytest.raises(Malformed, match=r"event \-?\d+ is where event \d should be"):
        pack([row(version) for version in versions], 1)


@pytest.mark.parametrize(
    "tag", ["", "x" * (MAX_TAG + 1), "bell\a", "right\u202eleft", "half\ud800", "two\nlines"]
)
def test_a_kind_of_event_that_no_screen_can_show_is_refused(tag: str) -> None:
    with pytest.raises(Malformed, match="a kind of event"):
        pack([row(1, tag)], 1)
    assert block_of([row(1, "x" * MAX_TAG)]).rows()[0].tag == "x" * MAX_TAG


@pytest.mark.parametrize("field", ["operation", "cause"])
def test_numbers_have_a_range_that_is_kept_by_whoever_writes(field: str) -> None:
    good: dict[str, Any] = {field: MAX_NUMBER}
    least: dict[str, Any] = {field: 0}
    rows = [row(1, **good), row(2, **least), row(3, **good)]
    assert block_of(rows).rows() == rows
    for bad in (-1, MAX_NUMBER + 1, 2**63, 2**64 - 1):
        wrong: dict[str, Any] = {field: bad}
        with pytest.raises(Malformed, match="an operation or a cause that is no number"):
            pack([row(1), row(2, **wrong)], 1)


def test_a_schema_is_a_number_of_one_byte() -> None:
    rows = [row(1, schema=255), row(2, schema=0), row(3, schema=255)]
    assert block_of(rows).rows() == rows
    for bad in (-1, 256, 2**63, 2**64 - 1):
        with pytest.raises(Malformed, match="a schema that cannot be written"):
            pack([row(1), row(2, schema=bad)], 1)


def test_a_block_has_at_most_256_kinds_of_events() -> None:
    rows = [row(n, f"kind {n}") for n in range(1, 258)]
    assert block_of(rows[:256]).rows() == rows[:256]
    with pytest.raises(Malformed, match="more than 256 kinds"):
        pack(rows, 1)
    refused(forged(rows[:256], lambda found: found["tags"].append("kind 257")), "not what format")


def test_times_are_those_of_the_years_1970_to_9999() -> None:
    rows = [row(1, time=MAX_TIME), row(2, time=0), row(3, time=MAX_TIME)]
    assert block_of(rows).rows() == rows
    for bad in (-1, MAX_TIME + 1, -(2**63), 2**64 - 1):
        with pytest.raises(Malformed, match="outside the years"):
            pack([row(1, time=bad)], 1)


def test_an_event_of_the_largest_size_fits_and_a_larger_one_does_not() -> None:
    rows = [row_of(1, MAX_EVENT_BYTES)]
    block = block_of(rows)
    block.check()
    assert block.rows() == rows
    with pytest.raises(Malformed, match="larger than any"):
        pack([row_of(1, MAX_EVENT_BYTES + 1)], 1)


# ── what is no block ─────────────────────────────────────────────────────────────────────────


def forged(
    rows: list[StoredRow], change: Callable[[dict[str, Any]], object], times: bytes | None = None
) -> EventBlock:
    raw = pack(rows, rows[0].version).raw
    names = [field.name for field in msgspec.structs.fields(columns.Columns)]
    values = dict(zip(names, msgspec.msgpack.decode(raw[16:]), strict=True))
    for name in ("kinds", "schemas"):
        values[name] = bytearray(values[name])
    change(values)
    return EventBlock((times or raw[:16]) + encode(list(values.values())), len(rows), rows[0].version)


def refused(block: EventBlock, problem: str) -> None:
    """Every way of looking at it refuses it."""
    for look in (block.check, block.rows, lambda: list(block.events(Codec(), CLUSTER))):
        with pytest.raises(Malformed, match=problem):
            look()


def test_the_forger_changes_nothing_where_nothing_is_changed() -> None:
    assert forged(log(5), lambda _: None).rows() == log(5)


@pytest.mark.parametrize(
    "name", ["kinds", "schemas", "times", "who", "operations", "causes", "why", "payloads"]
)
def test_columns_of_another_length_are_refused(name: str) -> None:
    refused(forged(log(5), lambda found: found[name].append(0)), "differ in length")
    refused(forged(log(5), lambda found: found[name].pop()), "differ in length")
    refused(forged(log(5), lambda found: found[name].extend([0] * BLOCK_EVENTS)), "not what format")


@pytest.mark.parametrize("name", ["tags", "actors", "reasons"])
def test_tables_in_another_order_or_with_more_or_less_than_is_used_are_refused(name: str) -> None:
    for change in (
        lambda found: found[name].append("unused"),
        lambda found: found[name].pop(),
    ):
        refused(forged(log(5), change), "differ in length|not in the order")
    column = {"tags": "kinds", "actors": "who", "reasons": "why"}[name]
    refused(
        forged(
            log(5), lambda found: found.update({column: type(found[column])(1 - n for n in found[column])})
        ),
        "not in the order",
    )
    for number in (2, 255) if column == "kinds" else (2, -1, 2**62):
        refused(forged(log(5), lambda found: found[column].__setitem__(1, number)), "not in the order")  # noqa: B023


@pytest.mark.parametrize("people", [1, 2, 127, 128, 129, 255, 256, 257, 300])
def test_a_table_is_used_in_its_order_however_long_it_is(people: int) -> None:
    rows = [row(n, actor=f"{n % people}", cause=n - 1) for n in range(1, 2 * people + 1)]
    assert block_of(rows).rows() == rows
    for change in (
        lambda found: found["who"].__setitem__(0, people - 1 or -1),
        lambda found: found["who"].__setitem__(-1, people),
        lambda found: found["who"].__setitem__(-1, -1),
        lambda found: found["actors"].append("unused"),
        lambda found: found["who"].__setitem__(slice(None), [0] * len(rows)) or found["actors"].append("0"),
    ):
        refused(forged(rows, change), "not in the order")


@pytest.mark.parametrize("name", ["times", "who", "operations", "causes", "why"])
def test_a_column_of_small_numbers_in_a_longer_form_is_refused(name: str) -> None:
    def longer(found: dict[str, Any]) -> None:
        found[name] = msgspec.Raw(b"\xdc\x00\x05" + bytes(5))

    def wider(found: dict[str, Any]) -> None:
        found[name] = msgspec.Raw(encode(found[name][:-1]).replace(b"\x94", b"\x95", 1) + b"\xcc\x00")

    def one_that_is_no_number(found: dict[str, Any]) -> None:
        found[name] = msgspec.Raw(encode(found[name][:-1]).replace(b"\x94", b"\x95", 1) + b"\xc0")

    for change in (longer, wider):
        refused(forged(log(5), change), "not in its one encoding")
    refused(forged(log(5), one_that_is_no_number), "not what format")


def test_a_table_with_the_same_entry_twice_is_refused() -> None:
    def twice(found: dict[str, Any]) -> None:
        found["actors"] = ["ada", "ada"]

    refused(forged(log(5), twice), "not in the order")


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("operations", [2**62] * 5),
        ("operations", [0, -1, 0, 0, 0]),
        ("operations", [2**62, 1, 0, 0, 0]),
        ("causes", [0, 0, 0, 0, 6]),
        ("causes", [-(2**62), 0, 0, 0, 0]),
    ],
)
def test_sums_beyond_what_a_number_may_be_are_refused(name: str, numbers: list[int]) -> None:
    refused(
        forged(log(5), lambda found: found.update({name: numbers})),
        "an operation or a cause that is no number",
    )


@pytest.mark.parametrize("number", [2**62 + 1, -(2**62) - 1, 2**64 - 1, 1.0, True, None, "1"])
def test_a_column_holds_numbers_of_62_bits_only(number: object) -> None:
    refused(forged(log(5), lambda found: found["operations"].__setitem__(0, number)), "not what format")


@pytest.mark.parametrize("numbers", [[MAX_TIME, 1, 0, 0, 0], [-1, 1, 0, 0, 0], [2**62] * 5, [5, -6, 0, 0, 0]])
def test_times_that_leave_the_calendar_are_refused(numbers: list[int]) -> None:
    refused(forged(log(5), lambda found: found.update({"times": numbers})), "outside the years")


def test_first_and_last_time_must_be_those_of_the_events() -> None:
    raw = pack(log(5), 1).raw
    for at in (7, 15):
        times = bytearray(raw[:16])
        times[at] ^= 1
        refused(forged(log(5), lambda _: None, bytes(times)), "contradicts itself about its times")
    with pytest.raises(Malformed, match="outside the years"):
        EventBlock(b"\xff" * 16 + raw[16:], 5, 1).times()
    with pytest.raises(Malformed, match="too short"):
        EventBlock(raw[:15], 5, 1).times()


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x80\xc0",
        b"\x81\xa4step",
        b"\xc1",
        b"\x80" * 8_000_000,
        b"\x91" * 1_000_000,
        b"\xdd\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
    ],
)
def test_a_payload_that_is_not_one_value_is_refused(payload: bytes) -> None:
    raw = msgspec.Raw(payload)
    for place in (0, 4):
        refused(forged(log(5), lambda found: found["payloads"].__setitem__(place, raw)), "not what format")  # noqa: B023


def test_a_payload_of_another_kind_than_its_tag_is_refused_where_events_are_made() -> None:
    """As rows they are what the columns say; the codec refuses those rows as well."""
    rows = stored(events(4))
    assert list(forged(rows, lambda _: None).events(Codec(), CLUSTER)) == events(4)
    block = forged(rows, lambda found: found["payloads"].reverse())
    block.check()
    for item in block.rows():
        with pytest.raises(MalformedEvent):
            Codec().decode(CLUSTER, item)
    with pytest.raises(Malformed, match="of another kind of event than its tag"):
        next(block.events(Codec(), CLUSTER))


def test_an_event_that_does_not_repeat_its_tag_is_one_as_it_is_for_the_codec() -> None:
    bare = row(2, "StepFailed", data=encode({"step": 1, "error": "Rejected", "message": "no"}))
    rows = [*stored(events(1)), bare, *stored(events(300, 3))]
    due = [Codec().decode(CLUSTER, item) for item in rows]
    assert list(block_of(rows).events(Codec(), CLUSTER)) == due


def test_the_event_that_is_wrong_is_named() -> None:
    rows = [*stored(events(3)), row(4, "StepStarted", data=b"\xc0")]
    with pytest.raises(MalformedEvent) as caught:
        list(block_of(rows).events(Codec(), CLUSTER))
    assert caught.value.tag == "StepStarted"


def test_events_come_while_they_are_asked_for_and_so_do_errors() -> None:
    rows = [*stored(events(300)), row(301, "StepFailed", data=b"\xc0")]
    found = block_of(rows).events(Codec(), CLUSTER)
    assert [next(found) for _ in range(300)] == events(300)
    with pytest.raises(MalformedEvent):
        next(found)


@pytest.mark.parametrize("tag", ["", "x" * 101, "\x1b[2J", "right\u202eleft"])
def test_a_forged_kind_that_no_screen_can_show_is_refused(tag: str) -> None:
    refused(
        forged(log(5), lambda found: found["tags"].__setitem__(1, tag)), "a kind of event|not what format"
    )


def test_a_forged_event_larger_than_any_may_be_is_refused() -> None:
    large = encode(bytes(MAX_EVENT_BYTES))
    refused(forged(log(1), lambda found: found.update(payloads=[msgspec.Raw(large)])), "larger than any")


def test_a_block_in_any_other_encoding_is_refused() -> None:
    raw = pack(log(5), 1).raw
    for other in (
        raw + b"\xc0",
        raw[:16] + b"\xdc\x00\x0b" + raw[17:],
        raw.replace(b"\xa3ada", b"\xd9\x03ada"),
        raw.replace(b"\xa3ada", b"\xa3a\xffa"),
        raw[:-1],
        raw[:16],
        raw[:16] + b"\xdf\xff\xff\xff\xff",
        raw[:16] + b"\x91" * 1_000_000,
        raw[:16] + encode({"tags": []}),
    ):
        refused(EventBlock(other, 5, 1), "not what format|not in its one encoding|too short")
