"""Plans as people read them, and as machines do."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby
from textwrap import wrap
from typing import Any

import msgspec

from ...engine.domain.events import Choice
from ...engine.domain.resources import Server
from ...engine.operations.changing import Prepared
from ...engine.operations.cost import Cost, knows_prices, resource_cost
from ...engine.operations.planning import Action, Change, Step, fields_of
from ...engine.operations.undoing import reversal_of
from .drift import drift_document, drift_lines
from .style import counted, paint, printable, table
from .undoing import losses_of, reach_text, undoing_document

_SIGNS = {
    Action.CREATE: ("+", "green"),
    Action.UPDATE: ("~", "yellow"),
    Action.DELETE: ("-", "red"),
    Action.ADOPT: ("=", "cyan"),
    Action.FORGET: ("-", "dim"),
}
_WIDTH = 80
_SHOWN_ALIKE = 4
"""Longer runs of equal steps are shown as one line; ``-o json`` lists every step."""


def where(prepared: Prepared) -> str:
    """Return ``cloud/region`` of the cluster."""
    placement = prepared.spec.placement if prepared.spec is not None else prepared.state.placement
    return "" if placement is None else f"{placement.cloud}/{placement.region}"


def headline(prepared: Prepared) -> str:
    """Say which cluster and whose account, as the first line of every change does."""
    return " · ".join(
        (prepared.name, where(prepared), prepared.account.title, f"log #{prepared.state.operations}")
    )


def plan_text(prepared: Prepared, *, color: bool, title: str = "", heading: str = "") -> str:
    """Return the whole plan for people.

    One that takes back what is unfinished has a `title` that says what; `heading` says what an undo is
    of, or which moment a new cluster is made from.
    """
    if prepared.empty and not title:
        return f"{headline(prepared)}\n\nnothing to do: what is declared is there."
    lines = [paint(headline(prepared), "bold", on=color), *filter(None, (title, heading)), ""]
    lines += _translation(prepared)
    lines += drift_lines(prepared, color=color)
    drifted = {drift.key for drift in prepared.drift}
    lines += [
        f"  ! {key} ({item}) is not at the cloud any more"
        for key, item in prepared.lost
        if key not in drifted
    ]
    lines += list(_steps(prepared, color=color))
    if prepared.translation is None:
        lines += [f"  ! {printable(item)}" for item in prepared.lacking]
    about = "" if title else " differ; this concerns new ones only"
    lines += [f"  note: {note}{about}" for note in prepared.plan.notes]
    if prepared.idle and not title:
        lines.append("  nothing to change; the drift is recorded")
    elif prepared.plan.empty and not prepared.lost:
        gone = "nothing of it is left at the cloud; its name becomes free"
        recorded = "the new intent" if prepared.intents and not title else "the end of what was unfinished"
        same = f"nothing to change at the cloud; {recorded} is recorded"
        lines.append(f"  {gone if prepared.spec is None else same}")
    lines += ["", _counting(prepared), _cost_text(prepared)]
    lines += [line for line in (reach_text(prepared),) if line]
    lines += [paint(line, "red", on=color) for line in (*_losses(prepared), *losses_of(prepared))]
    return "\n".join(lines)


def _losses(prepared: Prepared) -> Iterator[str]:
    """Say what cannot be undone, each kind of loss once with the number of steps that have it."""
    counts = Counter(step.irreversible for step in prepared.plan.steps if step.irreversible)
    for loss, count in sorted(counts.items()):
        yield f"! {counted(count, 'step')} cannot be undone: {'for each, ' if count > 1 else ''}{loss}"


def _counting(prepared: Prepared) -> str:
    """Return the counting line."""
    counts = counts_of(prepared)
    parts = [f"{counts['create']} to add", f"{counts['update']} to change", f"{counts['delete']} to delete"]
    if counts["adopt"]:
        parts.append(f"{counts['adopt']} to take over")
    line = f"{', '.join(parts)}."
    undoable = prepared.plan.steps and not any(step.irreversible for step in prepared.plan.steps)
    if not undoable or prepared.undoing is not None:
        return line
    if prepared.new:
        return f"{line}   kubisnap delete {prepared.name} takes it back."
    return f"{line}   All of it can be undone."


def _cost_text(prepared: Prepared) -> str:
    """Return what it costs afterwards, and the difference, or what it costs where it comes from."""
    after, before = prepared.cost_after, prepared.cost_before
    text = f"cost: ${after.monthly:.2f}/month (${after.hourly:.5f}/hour)"
    if prepared.spec is not None and not knows_prices(prepared.catalogue):
        text = f"cost: unknown, {prepared.catalogue.cloud} tells no prices"
    translation = prepared.translation
    if translation is not None and translation.source_cost is not None:
        return f"{text}; ${translation.source_cost.monthly:.2f}/month where it comes from"
    difference = after.monthly - before.monthly
    if not before.monthly:
        return text
    sign = "+" if difference > 0 else "-"
    return f"{text}, {sign}${abs(difference):.2f}" if difference else f"{text}, as before"


def counts_of(prepared: Prepared) -> dict[str, int]:
    """Count the steps by what they do; the two halves of a replacement count once each."""
    plan = prepared.plan
    return {
        "create": plan.count(Action.CREATE),
        "update": plan.count(Action.UPDATE),
        "delete": plan.count(Action.DELETE, Action.FORGET),
        "adopt": plan.count(Action.ADOPT),
    }


def _translation(prepared: Prepared) -> list[str]:
    translation = prepared.translation
    if translation is None:
        return []
    lines = ["translated:"]
    for choice in translation.choices:
        lines += _choice(choice)
    for title, sign, items in (
        (f"lost at {prepared.catalogue.cloud}:", "!", translation.losses),
        ("not carried over:", "·", translation.left),
        ("in the mapping, and about nothing in this cluster:", "·", translation.unused),
    ):
        lines += [title] if items else []
        for item in items:
            lines += wrap(printable(item), _WIDTH, initial_indent=f"  {sign} ", subsequent_indent="    ")
    return [*lines, ""]


def _choice(choice: Choice) -> list[str]:
    """Return one line, or what was wanted and below it what was chosen."""
    wanted = f"  {choice.what}: {printable(choice.wanted)}"
    chosen = f"→ {printable(choice.chosen)}{f' ({printable(choice.note)})' if choice.note else ''}"
    if len(f"{wanted} {chosen}") <= _WIDTH:
        return [f"{wanted} {chosen}"]
    return [wanted, *wrap(chosen, _WIDTH, initial_indent="    ", subsequent_indent="      ")]


def _steps(prepared: Prepared, *, color: bool) -> Iterator[str]:
    rows: list[list[str]] = []
    signs: list[tuple[str, str]] = []
    for _, run in groupby(prepared.plan.steps, key=_alike):
        steps = list(run)
        shown = [steps] if len(steps) > _SHOWN_ALIKE else [[step] for step in steps]
        for group in shown:
            signs.append(_sign(group[0]))
            rows.append(_row(group, prepared))
    width = max((len(sign) for sign, _ in signs), default=0)
    for (sign, paint_as), line in zip(signs, table(rows).splitlines(), strict=True):
        yield f"  {' ' * (width - len(sign))}{paint(sign, paint_as, on=color)} {line}"


def _alike(step: Step) -> tuple[Any, ...]:
    pool = step.resource.pool if isinstance(step.resource, Server) else ""
    size = step.resource.size if isinstance(step.resource, Server) else ""
    return (step.action, step.key.kind, pool, size, step.reasons if pool else step.key.name, step.replaces)


def _sign(step: Step) -> tuple[str, str]:
    return ("-/+", "yellow") if step.replaces else _SIGNS[step.action]


def _row(group: list[Step], prepared: Prepared) -> list[str]:
    first, last = group[0], group[-1]
    name = first.key.name if len(group) == 1 else f"{first.key.name} … {last.key.name} ({len(group)})"
    cost = sum((_cost(step, prepared) for step in group), Cost())
    price = f"{'-' if cost.monthly < 0 else ''}${abs(cost.monthly):.2f}/mo" if cost.monthly else ""
    return [f"{first.key.kind} {name}", _detail(first), price, _why(first, prepared)]


def _cost(step: Step, prepared: Prepared) -> Cost:
    if step.resource is None or step.action in {Action.ADOPT, Action.FORGET}:
        return Cost()
    now = resource_cost(step.resource, prepared.catalogue)
    if step.action is Action.DELETE:
        return -now
    if step.action is Action.UPDATE and step.before is not None:
        return now + -resource_cost(step.before, prepared.catalogue)
    return now


def _detail(step: Step) -> str:
    if step.changes:
        return "; ".join(_change(change) for change in step.changes)
    fields = {} if step.resource is None else fields_of(step.resource)
    shown = (fields.get("size"), fields.get("cidr"), _gib(fields.get("size_gib")))
    return next((str(value) for value in shown if value), "")


def _gib(value: object) -> str:
    return f"{value} GiB" if value else ""


def _change(change: Change) -> str:
    if isinstance(change.before, list | tuple) and isinstance(change.after, list | tuple):
        more = sum(item not in change.before for item in change.after)
        less = sum(item not in change.after for item in change.before)
        return f"{change.field} +{more} -{less}"
    return f"{change.field} {change.before} → {change.after}"


def _why(step: Step, prepared: Prepared) -> str:
    expected = Action.DELETE if prepared.spec is None else Action.CREATE  # what such a plan is all about
    shown = bool(step.changes)  # what differs stands on the line already
    if (step.action is expected or shown) and not step.replaces:
        return ""
    return printable("; ".join(step.reasons))


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────


def plan_document(prepared: Prepared) -> dict[str, Any]:
    """Return the plan as one JSON-able document."""
    placement = prepared.spec.placement if prepared.spec is not None else prepared.state.placement
    return {
        "cluster": prepared.name,
        "cloud": "" if placement is None else placement.cloud,
        "region": "" if placement is None else placement.region,
        "account": {"id": prepared.account.id, "title": prepared.account.title},
        "log": {"operation": prepared.state.operations, "position": prepared.state.position},
        "empty": prepared.empty,
        "counts": counts_of(prepared),
        "cost": {
            "before": cost_document(prepared.cost_before),
            "after": cost_document(prepared.cost_after),
        },
        "steps": [_step_document(step, prepared) for step in prepared.plan.steps],
        "notes": [*prepared.plan.notes, *prepared.lacking],
        "lost": [{"resource": str(key), "id": item} for key, item in prepared.lost],
        "drift": [drift_document(drift) for drift in prepared.drift],
        "undoing": undoing_document(prepared),
        "reversal": reversal_of(prepared).reach.value,
        "translation": None
        if prepared.translation is None
        else {
            "choices": msgspec.to_builtins(prepared.translation.choices),
            "losses": list(prepared.translation.losses),
            "left": list(prepared.translation.left),
            "unused": list(prepared.translation.unused),
            "source_cost": None
            if prepared.translation.source_cost is None
            else cost_document(prepared.translation.source_cost),
        },
    }


def cost_document(cost: Cost) -> dict[str, str]:
    """Return a cost in US dollars, as strings so that no digit is lost."""
    return {
        "monthly_usd": _plain(cost.monthly),
        "hourly_usd": _plain(cost.hourly.quantize(Decimal("0.00001"))),
    }


def _plain(amount: Decimal) -> str:
    return f"{amount:f}"


def _step_document(step: Step, prepared: Prepared) -> dict[str, Any]:
    return {
        "id": step.id,
        "action": step.action.value,
        "kind": step.key.kind.value,
        "name": step.key.name,
        "resource_id": step.resource_id,
        "reasons": list(step.reasons),
        "changes": msgspec.to_builtins(step.changes),
        "after": list(step.after),
        "replaces": step.replaces,
        "irreversible": step.irreversible,
        "monthly_usd": _plain(_cost(step, prepared).monthly),
    }
