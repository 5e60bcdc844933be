"""The log, as `log` and `show` show it."""

from typing import Any

import msgspec

from ...engine.domain.events import Event, Recorded, tag_of
from ...engine.domain.history import OperationView, narrate
from .style import duration, moment, paint, printable, rfc3339, table

_SIGNS = {
    "succeeded": ("✓", "green"),
    "rolled-back": ("↩", "yellow"),
    "partial": ("!", "red"),
    "failed": ("✗", "red"),
    "interrupted": ("…", "yellow"),
    "unfinished": ("…", "yellow"),
}


def log_text(views: list[OperationView], now: int, *, utc: bool, many: bool, color: bool) -> str:
    """Return a line for each operation: number, when, what, who, outcome, why."""
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


def events_text(
    events: list[Recorded], logs: dict[str, list[Recorded]], names: dict[str, str], now: int, *, utc: bool
) -> str:
    """Return a line for each event; `logs` are the whole logs that they are from, by cluster."""
    many = len({item.stream for item in events}) > 1
    told = {
        (item.stream, item.version): text
        for items in logs.values()
        for item, text in zip(items, narrate(items), strict=True)
    }
    return table(
        [
            [
                *([names.get(item.stream, item.stream[:8])] if many else []),
                str(item.version),
                moment(item.time, now, utc=utc),
                f"#{item.operation}",
                tag_of(item.event),
                printable(told[item.stream, item.version]),
            ]
            for item in events
        ]
    )


def operation_text(view: OperationView, *, utc: bool, now: int, color: bool) -> str:
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
            printable(text),
        ]
        for item, text in zip(view.events, narrate(view.events), strict=True)
    ]
    return "\n".join([*lines, "", table(rows)])


def operation_document(view: OperationView, *, events: bool) -> dict[str, Any]:
    """Return an operation as JSON."""
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
    if events:
        document["events"] = [event_document(item) for item in view.events]
    return document


def event_document(item: Recorded) -> dict[str, Any]:
    """Return an event with its envelope as JSON."""
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
        "data": {key: value for key, value in msgspec.to_builtins(item.event).items() if key != "event"},
    }


def _family(event: Event) -> str:
    return event.FAMILY
