"""The log, as `log` and `show` show it."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ...engine.domain.blaming import Blamed
from ...engine.domain.events import Event, Recorded, tag_of
from ...engine.domain.history import OperationView, narrate
from ...engine.journal.audit.queries import Found
from .style import duration, moment, paint, printable, rfc3339, table

_SIGNS = {
    "succeeded": ("✓", "green"),
    "rolled-back": ("↩", "yellow"),
    "partial": ("!", "red"),
    "failed": ("✗", "red"),
    "interrupted": ("…", "yellow"),
    "unfinished": ("…", "yellow"),
}


def log_text(
    views: Sequence[OperationView],
    now: int,
    *,
    utc: bool,
    many: bool,
    color: bool,
    below: Callable[[OperationView], list[str]] = lambda _: [],
) -> str:
    """Return a line for each operation: number, when, what, who, outcome, why; and what is `below` it."""
    rows = []
    for view in views:
        sign, _ = _SIGNS.get(view.outcome, ("?", "red"))
        rows.append(
            [
                *([view.cluster] if many else []),
                f"#{view.number}",
                moment(view.started, now, utc=utc),
                view.kind,
                printable(view.actor),
                f"{sign} {view.outcome}",
                printable(_what(view)),
                f"“{printable(view.reason)}”" if view.reason else "",
            ]
        )
    lines: list[str] = []
    for view, line in zip(views, table(rows).splitlines(), strict=True):
        sign, paint_as = _SIGNS.get(view.outcome, ("?", "red"))
        mark = f"{sign} {view.outcome}"
        lines.append(line.replace(mark, paint(mark, paint_as, on=color), 1))
        if view.error:
            lines.append(f"    {printable(view.error)}")
        lines += below(view)
    return "\n".join(lines)


def _what(view: OperationView) -> str:
    parts = [view.summary] if view.summary else []
    counts = [
        f"{sign}{count}"
        for sign, count in (("+", view.created), ("~", view.updated), ("-", view.deleted))
        if count
    ]
    if counts:
        parts.append(" ".join(counts))
    return "; ".join(parts)


def event_cells(found: Found, name: str, now: int, *, utc: bool, many: bool) -> list[str]:
    """Return an event's line, cell by cell: position, when, operation, kind, what."""
    item = found.recorded
    return [
        *([name] if many else []),
        str(item.version),
        moment(item.time, now, utc=utc),
        f"#{item.operation}",
        tag_of(item.event),
        printable(narrate(item, found.resource)),
    ]


def operation_text(view: OperationView, events: list[Found], *, utc: bool, now: int, color: bool) -> str:
    """Return one operation in full: its head, then each event with its offset in time."""
    sign, paint_as = _SIGNS.get(view.outcome, ("?", "red"))
    lines = [
        paint(
            f"{view.cluster} #{view.number} {view.kind} {printable(view.summary)}".rstrip(), "bold", on=color
        ),
        f"  who      {printable(view.actor)}",
        f"  when     {moment(view.started, now, utc=True)} ({moment(view.started, now, utc=False)})",
        *([f"  why      {printable(view.reason)}"] if view.reason else []),
        *([f"  where    {view.cloud}, account {view.account}"] if view.cloud else []),
        f"  with     {view.tool}",
        f"  outcome  {paint(f'{sign} {view.outcome}', paint_as, on=color)}"
        + (f" after {duration((view.ended - view.started) / 1e6)}" if view.ended else ""),
    ]
    if view.error:
        lines.append(f"  error    {printable(view.error)}")
    lines += [f"  left     {printable(item)}" for item in view.left]
    rows = [
        [
            f"  {item.version}",
            rfc3339(item.time) if utc else f"+{duration((item.time - view.started) / 1e6)}",
            tag_of(item.event),
            printable(narrate(item, resource)),
        ]
        for _, resource, item in events
    ]
    return "\n".join([*lines, "", table(rows)])


def event_text(name: str, found: Found, now: int, *, color: bool) -> str:
    """Return one event in full: its envelope, then what it holds, as JSON."""
    item = found.recorded
    data = {key: value for key, value in msgspec.to_builtins(item.event).items() if key != "event"}
    rows = [
        ("who", item.actor),
        ("when", f"{moment(item.time, now, utc=True)} ({moment(item.time, now, utc=False)})"),
        ("why", item.reason),
        ("in", f"operation #{item.operation}"),
        ("after", f"event {item.cause}" if item.cause else ""),
        ("about", found.resource),
        ("says", narrate(item, found.resource)),
    ]
    head = paint(f"{name}@e{item.version} {tag_of(item.event)}", "bold", on=color)
    body = json.dumps(data, indent=2, ensure_ascii=False)
    return "\n".join(
        [head, *(f"  {label:<7}{printable(text)}" for label, text in rows if text), "", _shown(body)]
    )


def _shown(text: str) -> str:
    return "\n".join(printable(line) for line in text.splitlines())


def blame_text(values: list[Blamed], now: int, *, utc: bool, color: bool) -> str:
    """Return a line for each value: field, value, operation, when, who, why."""
    rows = [
        [
            f"{'- ' if item.gone else '  '}{printable(item.field)}",
            printable(_value(item)),
            f"#{item.recorded.operation}",
            moment(item.recorded.time, now, utc=utc),
            printable(item.recorded.actor),
            f"“{printable(item.recorded.reason)}”" if item.recorded.reason else "",
        ]
        for item in values
    ]
    if not any(item.gone for item in values):
        rows = [[row[0].removeprefix("  "), *row[1:]] for row in rows]
    lines = table(rows).splitlines()
    return "\n".join(
        paint(line, "dim", on=color and item.gone) for item, line in zip(values, lines, strict=True)
    )


def _value(item: Blamed) -> str:
    if item.gone:
        return "is gone"
    if "[" in item.field and not isinstance(item.value, str | int | float):
        return "is there"
    return (
        item.value
        if isinstance(item.value, str) and item.value
        else json.dumps(item.value, ensure_ascii=False)
    )


def blame_document(item: Blamed) -> dict[str, Any]:
    """Return a value and who set it as JSON."""
    recorded = item.recorded
    return {
        "field": item.field,
        "value": item.value,
        "gone": item.gone,
        "operation": recorded.operation,
        "position": recorded.version,
        "time": rfc3339(recorded.time),
        "actor": recorded.actor,
        "reason": recorded.reason,
        "event": tag_of(recorded.event),
    }


def operation_document(view: OperationView, events: list[Found] | None = None) -> dict[str, Any]:
    """Return an operation as JSON, with its events if they are given."""
    document: dict[str, Any] = {
        "cluster": view.cluster,
        "number": view.number,
        "operation_kind": view.kind,
        "summary": view.summary,
        "actor": view.actor,
        "reason": view.reason,
        "started": rfc3339(view.started),
        "ended": rfc3339(view.ended) if view.ended else None,
        "outcome": view.outcome,
        "error": view.error,
        "cloud": view.cloud,
        "account": view.account,
        "tool": view.tool,
        "counts": {
            "created": view.created,
            "updated": view.updated,
            "deleted": view.deleted,
            "adopted": view.adopted,
            "rolled_back": view.rolled_back,
            "retries": view.retries,
            "lost": view.lost,
        },
        "left": list(view.left),
    }
    if view.of:
        document["of"] = view.of
    if events is not None:
        document["events"] = [event_document(item.recorded, item.resource) for item in events]
    return document


def event_document(item: Recorded, resource: str | None = None) -> dict[str, Any]:
    """Return an event with its envelope as JSON; `resource` is what it is about."""
    about = {} if resource is None else {"resource": resource}
    return {
        "cluster_id": item.stream,
        "position": item.version,
        "time": rfc3339(item.time),
        "actor": item.actor,
        "operation": item.operation,
        "cause": item.cause,
        "reason": item.reason,
        "schema": item.schema,
        "family": _family(item.event),
        "event": tag_of(item.event),
        **about,
        "data": {key: value for key, value in msgspec.to_builtins(item.event).items() if key != "event"},
    }


def _family(event: Event) -> str:
    return event.FAMILY
