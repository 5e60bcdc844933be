"""What differs, as people read it, and as machines do."""

from collections.abc import Sequence
from typing import Any

import msgspec

from ...engine.domain.comparing import Difference, Sign
from ...engine.domain.model import Spec
from .style import counted, paint, printable, table

_COLORS = {Sign.ADDED: "green", Sign.REMOVED: "red", Sign.CHANGED: "yellow"}
_LONGEST = 48


def differences_text(found: Sequence[Difference], *, same: str, color: bool) -> str:
    """Return a line for each difference; `same` says what is the same where there is none."""
    lines = [_difference_text(item, color=color) for item in found]
    return "\n".join([*lines, _counting(found, same)])


def patch_lines(found: Sequence[Difference], *, color: bool) -> list[str]:
    """Return a line for each difference, to stand below an operation."""
    return [f"    {_difference_text(item, color=color)}" for item in found]


def stat_text(found: Sequence[Difference], *, same: str) -> str:
    """Return how many differences there are, part by part."""
    parts = dict.fromkeys(item.part for item in found)
    rows = [
        [printable(part), "".join(item.sign.value for item in found if item.part == part)] for part in parts
    ]
    return "\n".join([*table(rows).splitlines(), _counting(found, same)])


def _counting(found: Sequence[Difference], same: str) -> str:
    if not found:
        return f"no difference: {same}"
    counts = [sum(item.sign is sign for item in found) for sign in Sign]
    return f"{counts[0]} added, {counts[1]} removed, {counts[2]} changed"


def differences_document(before: str, after: str, found: Sequence[Difference]) -> dict[str, Any]:
    """Return the differences as JSON."""
    return {
        "before": before,
        "after": after,
        "counts": {
            name: sum(item.sign is sign for item in found)
            for name, sign in (("added", Sign.ADDED), ("removed", Sign.REMOVED), ("changed", Sign.CHANGED))
        },
        "differences": [difference_document(item) for item in found],
    }


def _difference_text(item: Difference, *, color: bool) -> str:
    """Return one difference as a line."""
    sign = paint(item.sign.value, _COLORS[item.sign], on=color)
    if item.sign is Sign.CHANGED and isinstance(item.before, tuple) and isinstance(item.after, tuple):
        more = sum(one not in item.before for one in item.after)
        less = sum(one not in item.after for one in item.before)
        told = f"{item.field} +{more} -{less}"
    elif item.sign is Sign.CHANGED:
        told = f"{item.field} {_shown(item.before)} → {_shown(item.after)}"
    else:
        told = f"{item.field} {_shown(item.after if item.before is None else item.before)}".lstrip()
    return f"{sign} {printable(item.part)}  {told}".rstrip()


def _shown(value: Any) -> str:
    """Return a value on one line, short."""
    if isinstance(value, Spec):
        fields = [(name, getattr(value, name)) for name in value.__struct_fields__ if name != "name"]
        text = ", ".join(f"{name} {_shown(found)}" for name, found in fields if found or found == 0)
    elif isinstance(value, tuple):
        parts = [_shown(item) for item in value]
        text = ", ".join(parts) if not parts or not isinstance(value[0], Spec) else f"{len(parts)}"
    elif isinstance(value, dict):
        text = ", ".join(f"{key}={_shown(found)}" for key, found in value.items())
    elif isinstance(value, str) and (len(value) > _LONGEST or "\n" in value):
        return f"“{printable(value.splitlines()[0])[: _LONGEST - 8]}…” ({counted(len(value), 'character')})"
    else:
        text = "nothing" if value is None or value == "" else printable(str(value))
    return text


def difference_document(item: Difference) -> dict[str, Any]:
    """Return one difference as JSON."""
    return {
        "sign": item.sign.value,
        "part": item.part,
        "field": item.field,
        "before": msgspec.to_builtins(item.before),
        "after": msgspec.to_builtins(item.after),
    }
