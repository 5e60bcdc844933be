"""Drift as people read it, and as machines do."""

from collections.abc import Iterator
from typing import Any

import msgspec

from ...engine.domain.events import DriftObserved, ResourceUpdated
from ...engine.domain.model import DriftPolicy
from ...engine.operations.changing import Prepared
from ...engine.operations.drift import Drift
from .style import paint, printable, table

_LONGEST = 48

_DONE = {
    (DriftPolicy.WARN, False): "stays as it is",
    (DriftPolicy.WARN, True): "stays away",
    (DriftPolicy.REVERT, False): "is brought back",
    (DriftPolicy.REVERT, True): "is made again",
    (DriftPolicy.ADOPT, False): "is declared from now on",
    (DriftPolicy.ADOPT, True): "is not declared any more",
}


def drift_lines(prepared: Prepared, *, color: bool) -> list[str]:
    """Return what somebody else changed, and what is done about it, for people."""
    shown = [drift for drift in prepared.drift if drift.policy is not DriftPolicy.IGNORE]
    rows = [row for drift in shown for row in _rows(drift)]
    over = [f"  {event.key} is again as it was" for event in prepared.news if _over(event)]
    if not rows and not over:
        return []
    lines = table(rows).splitlines() if rows else []
    painted = [f"  {paint('!', 'yellow', on=color)} {line}".rstrip() for line in lines]
    return ["changed by somebody else:", *painted, *over, ""]


def _over(event: DriftObserved | ResourceUpdated) -> bool:
    return isinstance(event, DriftObserved) and not event.missing and not event.changes


def _rows(drift: Drift) -> Iterator[list[str]]:
    done = _DONE[drift.policy, drift.missing]
    told = f"{done}: {printable(drift.note)}" if drift.note else done
    name = f"{drift.key.kind} {drift.key.name}"
    if drift.missing:
        yield [name, "is gone", told]
    for number, change in enumerate(drift.changes):
        before, after = change.before, change.after
        if isinstance(before, list | tuple) and isinstance(after, list | tuple):
            more = [item for item in after if item not in before]
            less = [item for item in before if item not in after]
            what = f"{change.field} +{len(more)} -{len(less)}"
        else:
            what = f"{change.field} {_short(before)} → {_short(after)}"
        yield [name if number == 0 else "", what, told if number == 0 else ""]


def _short(value: Any) -> str:
    text = printable(value if isinstance(value, str) else msgspec.json.encode(value).decode())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def drift_document(drift: Drift) -> dict[str, Any]:
    """Return one resource's drift as JSON."""
    return {
        "resource": str(drift.key),
        "id": drift.resource_id,
        "policy": drift.policy.value,
        "missing": drift.missing,
        "changes": msgspec.to_builtins(drift.changes),
        "note": drift.note,
    }


def told_document(event: DriftObserved) -> dict[str, Any]:
    """Return drift as the log tells it, as JSON."""
    return {
        "resource": str(event.key),
        "id": event.resource_id,
        "policy": event.policy.value,
        "missing": event.missing,
        "changes": [
            {
                "field": item.field,
                "before": msgspec.json.decode(item.before),
                "after": msgspec.json.decode(item.after),
            }
            for item in event.changes
        ],
        "note": "",
    }
