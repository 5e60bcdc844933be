"""Events as lines of JSON, and back: the same bytes, or a refusal.

A line is what the journal keeps, in words: nothing is brought up to today's schema, so that a log that
went out and came back is the same log. It is ASCII, so that it is the same in every encoding and harmless
on every screen. Lines carry no hash: whoever wants to be sure takes an archive.

    {"stream":"…","version":1,"time":"2026-11-02T09:30:00.000000Z","actor":"ada","operation":1,
     "cause":0,"reason":"","kind":"ClusterDeclared","schema":1,"payload":{…}}
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from ..errors import MalformedEvent
from .codec import MAX_EVENT_BYTES, StoredRow

MAX_LINE_BYTES: Final = 8 * MAX_EVENT_BYTES
"""JSON writes a control character in six bytes, and has names for what the journal numbers."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TAG = "event"

_Envelope = tuple[int, int, str, int, int, str, dict[str, Any]]
_STATES = msgspec.msgpack.Decoder(_Envelope)


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line. `stream` is the cluster's id, `kind` the event's stable tag, `schema` the payload's."""

    stream: str
    version: int
    time: str
    actor: str
    operation: int
    cause: int
    reason: str
    kind: str
    schema: int
    payload: dict[str, Any]


_LINES = msgspec.json.Decoder(Line)


class NotALine(ValueError):
    """Bytes that `to_line` never writes. Whoever reads them adds the file and the line's number."""


def to_line(stream: str, row: StoredRow) -> bytes:
    """Return a row as a line, with its line feed. Raises `MalformedEvent` for what would not come back."""
    try:
        line = _line(stream, row)
        back = _row(_LINES.decode(line))
    except (msgspec.MsgspecError, ValueError, TypeError, RecursionError, OverflowError) as error:
        raise MalformedEvent(row.tag, f"JSON has no form for it: {error}") from error
    if back != row:
        raise MalformedEvent(row.tag, "JSON has no form for all of it")
    return line


def from_line(data: bytes) -> tuple[str, StoredRow]:
    """Return a line's stream and row. Raises `NotALine` unless it is exactly as `to_line` writes it."""
    if len(data) > MAX_LINE_BYTES:
        raise NotALine("it is longer than any event")
    if not data.endswith(b"\n"):
        raise NotALine("it is cut off")
    try:
        found = _LINES.decode(data)
        row = _row(found)
        same = _line(found.stream, row) == data
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise NotALine("it is not an event in JSON") from error
    except (ValueError, TypeError, RecursionError, OverflowError) as error:
        raise NotALine("it holds what no event holds") from error
    if not same:
        raise NotALine("it is not as kubisnap export writes it")
    return found.stream, row


def _line(stream: str, row: StoredRow) -> bytes:
    schema, time, actor, operation, cause, reason, payload = _STATES.decode(row.state)
    payload.pop(_TAG, None)
    line = {
        "stream": stream,
        "version": row.version,
        "time": _time(time),
        "actor": actor,
        "operation": operation,
        "cause": cause,
        "reason": reason,
        "kind": row.tag,
        "schema": schema,
        "payload": payload,
    }
    return json.dumps(line, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"


def _row(line: Line) -> StoredRow:
    payload = {_TAG: line.kind, **line.payload}
    time = (datetime.fromisoformat(line.time) - _EPOCH) // _MICROSECOND
    envelope = (line.schema, time, line.actor, line.operation, line.cause, line.reason, payload)
    return StoredRow(line.version, line.kind, msgspec.msgpack.encode(envelope))


def _time(microseconds: int) -> str:
    if microseconds < 0:
        raise ValueError("a time before 1970")
    return (_EPOCH + timedelta(microseconds=microseconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
