"""The same questions by jq over JSON lines, and by DuckDB over a table of the same events.

Both get more than the journal has in a row: the store's position, what the event is about, and its
operation's kind and outcome stand in each line, so that nobody has to join. jq gets the oldest part of the
events, since it reads everything each time, and its time is multiplied.
"""

import importlib.util
import json
import shutil
import sqlite3
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.table import seconds
from kubisnap.engine.domain.events import Recorded
from kubisnap.engine.domain.history import OperationView
from kubisnap.engine.domain.subjects import words
from kubisnap.engine.journal.audit.entries import unpacked
from kubisnap.engine.journal.audit.queries import Query
from kubisnap.engine.journal.codec import Codec

JQ_EVENTS = 50_000
RUNS = 3

Answers = Mapping[str, tuple[Query, list[int]]]
_COLUMNS = {
    "position": "BIGINT",
    "stream": "VARCHAR",
    "version": "BIGINT",
    "time": "BIGINT",
    "actor": "VARCHAR",
    "operation": "BIGINT",
    "reason": "VARCHAR",
    "kind": "VARCHAR",
    "resource": "VARCHAR",
    "operation_kind": "VARCHAR",
    "outcome": "VARCHAR",
    "words": "VARCHAR",
    "payload": "JSON",
}


def compare(answers: Answers, ours: Mapping[str, Sequence[float]], store: Path) -> None:
    """Print how long each takes for the first question of each filter."""
    duck, jq = importlib.util.find_spec("duckdb"), shutil.which("jq")
    told: dict[str, dict[str, float]] = {
        name: {"kubisnap": statistics.median(ours[name])} for name in answers
    }
    with tempfile.TemporaryDirectory(prefix="kubisnap-others-") as made:
        folder = Path(made)
        if duck is not None or jq is not None:
            lines = folder / "all.jsonl"
            count = _write(store, lines)
            if duck is not None:
                _by_duckdb(lines, answers, told)
            if jq is not None:
                _by_jq(jq, lines, count, answers, told)
    _print(told, {"kubisnap": True, "DuckDB": duck is not None, "jq": jq is not None})


def _print(told: Mapping[str, Mapping[str, float]], names: Mapping[str, bool]) -> None:
    print(f"{'newest 20 events by, median':<36}" + "".join(f"{name:>14}" for name in names))
    for question, times in told.items():
        cells = [f"{times[name]:,.1f} ms" if name in times else "not installed" for name in names]
        print(f"{question:<36}" + "".join(f"{cell:>14}" for cell in cells))
    print(f"(jq reads {JQ_EVENTS:,} events, multiplied)\n")


# ── the events as lines ──────────────────────────────────────────────────────────────────────


def _write(store: Path, target: Path) -> int:
    encode = msgspec.json.Encoder().encode
    count = 0
    with target.open("wb") as sink:
        for line in _lines(store):
            sink.write(encode(line) + b"\n")
            count += 1
    return count


def _lines(store: Path) -> Iterator[dict[str, Any]]:
    decode = Codec().decode
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        views: dict[int, OperationView] = {
            number: unpacked(view, {}, stream)
            for number, stream, view in connection.execute("SELECT id, stream, view FROM audit_operations")
        }
        rows = connection.execute(
            "SELECT a.position, a.operation, a.resource, e.originator_id, e.originator_version, "
            "e.topic, e.state FROM stored_events e JOIN audit_entries a ON a.position = e.rowid "
            "WHERE a.operation > 0 ORDER BY a.position"
        )
        for position, operation, resource, stream, *row in rows:
            yield _line(
                position, decode(stream, (row[0], row[1], row[2])), row[1], resource, views[operation]
            )


def _line(position: int, item: Recorded, kind: str, resource: str, view: OperationView) -> dict[str, Any]:
    return {
        "position": position,
        "stream": item.stream,
        "version": item.version,
        "time": item.time,
        "actor": item.actor,
        "operation": item.operation,
        "reason": item.reason,
        "kind": kind,
        "resource": resource,
        "operation_kind": view.kind,
        "outcome": view.outcome,
        "words": f" {' '.join(sorted(words(item)))} ",
        "payload": msgspec.to_builtins(item.event),
    }


# ── DuckDB ───────────────────────────────────────────────────────────────────────────────────


def _by_duckdb(lines: Path, answers: Answers, told: dict[str, dict[str, float]]) -> None:
    import duckdb

    with closing(duckdb.connect(str(lines.with_name("all.duckdb")))) as connection:
        columns = ", ".join(f"{name}: '{kind}'" for name, kind in _COLUMNS.items())
        connection.execute(
            f"CREATE TABLE events AS SELECT * FROM read_json('{lines}', format = 'newline_delimited', "
            f"columns = {{{columns}}}) ORDER BY position"
        )
        for name, (query, expected) in answers.items():
            statement, arguments = _sql(query)

            def ask(statement: str = statement, arguments: list[object] = arguments) -> list[int]:
                rows = connection.execute(statement, arguments).fetchall()
                return [int(row[0]) for row in rows]

            _check("DuckDB", name, expected, ask())
            told[name]["DuckDB"] = 1000 * statistics.median(seconds(ask) for _ in range(RUNS))


def _sql(query: Query) -> tuple[str, list[object]]:
    parts: list[tuple[str, object]] = [("stream = ?", cluster) for cluster in query.clusters]
    parts += [
        (f"{column} = ?", value)
        for column, value in (
            ("actor", query.actor),
            ("kind", query.event_kind),
            ("operation_kind", query.operation_kind),
            ("outcome", query.outcome),
        )
        if value
    ]
    if query.resource:
        parts.append(("concat(resource, '/') LIKE concat(?, '/%')", query.resource))
    parts += [("time >= ?", query.since)] if query.since is not None else []
    parts += [("time <= ?", query.until)] if query.until is not None else []
    parts += [
        ("contains(words, ?)", f" {text}{'' if beginning else ' '}") for text, beginning in query.words()
    ]
    where = f"WHERE {' AND '.join(clause for clause, _ in parts)} " if parts else ""
    return f"SELECT * FROM events {where}ORDER BY position DESC LIMIT 20", [value for _, value in parts]


# ── jq ───────────────────────────────────────────────────────────────────────────────────────


def _by_jq(jq: str, lines: Path, count: int, answers: Answers, told: dict[str, dict[str, float]]) -> None:
    part = lines.with_name("part.jsonl")
    taken = min(count, JQ_EVENTS)
    with lines.open("rb") as source, part.open("wb") as sink:
        for _, line in zip(range(taken), source, strict=False):
            sink.write(line)
    for name, (query, _) in answers.items():
        started = time.perf_counter()
        subprocess.run(
            [jq, "-c", f"select({_filter(query)})", str(part)], check=True, stdout=subprocess.DEVNULL
        )
        told[name]["jq"] = (time.perf_counter() - started) * 1000 * count / taken


def _filter(query: Query) -> str:
    text: Callable[[object], str] = json.dumps
    parts = [f".stream == {text(cluster)}" for cluster in query.clusters]
    parts += [
        f".{column} == {text(value)}"
        for column, value in (
            ("actor", query.actor),
            ("kind", query.event_kind),
            ("operation_kind", query.operation_kind),
            ("outcome", query.outcome),
        )
        if value
    ]
    if query.resource:
        parts.append(f"(.resource + {text('/')} | startswith({text(query.resource + '/')}))")
    parts += [f".time >= {query.since}"] if query.since is not None else []
    parts += [f".time <= {query.until}"] if query.until is not None else []
    parts += [
        f"(.words | contains({text(' ' + word + ('' if beginning else ' '))}))"
        for word, beginning in query.words()
    ]
    return " and ".join(parts) or "true"


def _check(who: str, name: str, expected: list[int], found: list[int]) -> None:
    if expected != found:
        raise AssertionError(f"{who} has other answers to {name}: {found} instead of {expected}")
