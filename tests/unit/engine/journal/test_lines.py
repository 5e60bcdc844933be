"""Events as lines of JSON: what goes out comes back to the byte, and nothing else comes in."""

import json
from collections.abc import Callable

import msgspec
import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.errors import MalformedEvent
from kubisnap.engine.journal.codec import MAX_EVENT_BYTES, Codec, StoredRow
from kubisnap.engine.journal.lines import MAX_LINE_BYTES, NotALine, from_line, to_line
from tests.golden.make_log import recorded, recorded_later

STREAM = "7f3a9c21" * 4
ROWS = [Codec().encode(item) for item in (*recorded(), *recorded_later())]
LINE = to_line(STREAM, ROWS[0])


def test_every_kind_of_event_comes_back_to_the_byte() -> None:
    kinds = {ev.tag_of(cls) for cls in (*ev.Intent.__subclasses__(), *ev.Fact.__subclasses__())}
    assert kinds <= {row.tag for row in ROWS}
    for row in ROWS:
        line = to_line(STREAM, row)
        assert from_line(line) == (STREAM, row)
        assert line.endswith(b"\n")
        assert line.isascii()
        assert line.count(b"\n") == 1


def test_a_line_has_these_fields_in_this_order() -> None:
    document = json.loads(LINE)
    assert list(document) == [
        "stream", "version", "time", "actor", "operation", "cause", "reason", "kind", "schema", "payload",
    ]  # fmt: skip
    assert document["version"] == 1
    assert "event" not in document["payload"]


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1_793_611_800_000_007, "2026-11-02T09:30:00.000007Z"),
        (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_times_keep_every_microsecond(time: int, text: str) -> None:
    row = stored(time=time)
    line = to_line(STREAM, row)
    assert json.loads(line)["time"] == text
    assert from_line(line) == (STREAM, row)


def stored(
    payload: object = None, *, time: int = 0, actor: str = "ada", tag: str = "Odd", schema: int = 1
) -> StoredRow:
    content = {"event": tag} if payload is None else payload
    return StoredRow(1, tag, msgspec.msgpack.encode((schema, time, actor, 1, 0, "", content)))


@pytest.mark.parametrize(
    "row",
    [
        stored({"event": "Odd", "degrees": 5.0, "small": -0.0, "large": 1e300, "tiny": 5e-324}),
        stored({"event": "Odd", "number": 2**64 - 1, "negative": -(2**63)}),
        stored({"event": "Odd", "text": 'quote " slash \\ \x00 \x7f \x9b \u2028 \U0001f600'}),
        stored({"event": "Odd", "deep": [{"a": [[], {}, None, True, False, 1, "x"]}]}),
        stored(actor="käthe\n\u202e"),
        stored(schema=7),
    ],
)
def test_what_the_journal_can_keep_comes_back_also_of_kinds_unknown_here(row: StoredRow) -> None:
    assert from_line(to_line(STREAM, row)) == (STREAM, row)


@pytest.mark.parametrize(
    "row",
    [
        stored({"event": "Odd", "bytes": b"\x00"}),
        stored({"event": "Odd", "number": float("nan")}),
        stored({"event": "Odd", "number": float("inf")}),
        stored({"event": "Other"}),
        stored({"first": 1, "event": "Odd"}),
        stored({}),
        stored({"event": "Odd", "map": {1: 2}}),
        stored([1]),
        stored(time=-1),
        stored(time=2**62),
        StoredRow(1, "Odd", b"\xc1"),
        StoredRow(1, "Odd", stored().state.replace(b"\xa3Odd", b"\xd9\x03Odd")),
    ],
)
def test_what_would_not_come_back_is_not_written(row: StoredRow) -> None:
    with pytest.raises(MalformedEvent):
        to_line(STREAM, row)


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda line: line[:-1], "it is cut off"),
        (lambda line: line[:40] + b"\n", "it is not an event in JSON"),
        (lambda _: b"\n", "it is not an event in JSON"),
        (lambda _: b"[]\n", "it is not an event in JSON"),
        (lambda _: b"\xff\xfe\n", "it is not an event in JSON"),
        (lambda line: line.replace(b",", b", ", 1), "it is not as kubisnap export writes it"),
        (lambda line: line.replace(b'"schema":1', b'"schema":1.0'), "it is not an event in JSON"),
        (lambda line: line.replace(b'{"stream"', b'{"more":1,"stream"'), "it is not an event in JSON"),
        (lambda line: line.replace(b'"schema":1', b'"schema":1,"schema":1'), "it is not as kubisnap"),
        (lambda line: line.replace(b"Z", b"+00:00", 1), "it is not as kubisnap export writes it"),
        (lambda line: line.replace(b"T", b" ", 1), "it is not as kubisnap export writes it"),
        (lambda line: line.replace(b'"2', b'"x2', 1), "it holds what no event holds"),
        (lambda line: line.replace(b'"version":1', b'"version":01'), "it is not an event in JSON"),
        (lambda line: line.replace(b'"payload":{', b'"payload":{"event":"x",'), "it is not as kubisnap"),
        (lambda line: line.replace(b'"schema":1', b'"schema":99999999999999999999'), "it holds what no"),
        (lambda line: b"\xef\xbb\xbf" + line, "it is not an event in JSON"),
        (lambda line: line.replace(b"\n", b"\r\n"), "it is not as kubisnap export writes it"),
    ],
)
def test_any_other_line_is_refused(damage: Callable[[bytes], bytes], problem: str) -> None:
    damaged = damage(LINE)
    assert damaged != LINE
    with pytest.raises(NotALine) as caught:
        from_line(damaged)
    assert str(caught.value).startswith(problem)


def test_a_line_of_any_length_is_refused_without_looking_into_it() -> None:
    with pytest.raises(NotALine, match="longer than any event"):
        from_line(b" " * (MAX_LINE_BYTES + 1))


def test_the_largest_event_fits_into_a_line() -> None:
    state = stored({"event": "Odd", "text": ""}).state
    worst = "\x01" * (MAX_EVENT_BYTES - len(state) - 4)
    row = stored({"event": "Odd", "text": worst})
    assert len(row.state) == MAX_EVENT_BYTES
    assert from_line(to_line(STREAM, row)) == (STREAM, row)


def test_deep_nesting_is_refused_and_not_a_crash() -> None:
    deep = LINE.replace(b'"payload":{', b'"payload":{"x":' + b"[" * 100_000 + b"]" * 100_000 + b",")
    with pytest.raises(NotALine):
        from_line(deep)
