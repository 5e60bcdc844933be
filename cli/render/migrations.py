"""Migrations as people read them, live and in the end, and as machines do."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from textwrap import wrap
from typing import Any, Final, TextIO

import msgspec

from ...engine.domain.events import MigrationEnd
from ...engine.operations.cost import Cost
from ...engine.operations.migration import (
    INFRASTRUCTURE_ONLY,
    STEPS,
    Level,
    MigrationPlan,
    MigrationReport,
)
from ..session import Session
from . import plans
from .style import duration, paint, printable

_WIDTH: Final = 80
_WHOLE: Final[dict[str, Any]] = {"break_on_hyphens": False, "break_long_words": False}
"""Names of hosts are not torn apart."""
_SIGNS: Final = {Level.OK: ("✓", "green"), Level.NOTE: ("!", "yellow"), Level.FAIL: ("✗", "red")}
_TITLES: Final = {step.name: step.title for step in STEPS}


class Tree:
    """Tells how far a migration is: a line per step, with what it does and what came of it below."""

    def __init__(self, session: Session, stream: TextIO) -> None:
        self._session = session
        self._stream = stream
        self._color = session.colored(stream)
        self._silent = session.progress == "none" or (
            session.progress == "auto" and (session.quiet or session.json)
        )

    def began(self, number: int, steps: int, name: str, title: str) -> None:
        """Say that a step began."""
        self._tell(
            f"{paint(f'{number}/{steps}', 'bold', on=self._color)} {name} · {title}",
            {"type": "migration_step_started", "number": number, "steps": steps, "name": name},
        )

    def ended(self, number: int, steps: int, name: str, seconds: float, told: Sequence[str]) -> None:
        """Say what came of a step, and how long it took."""
        shown = () if name == "preflight" else told  # what was found stands in the plan above
        lines = [f"  {line}" for line in _wrapped(shown)]
        done = paint("└ done", "green", on=self._color)
        self._tell(
            "\n".join([*lines, f"  {done} in {duration(seconds)}"]),
            {
                "type": "migration_step_done",
                "number": number,
                "steps": steps,
                "name": name,
                "seconds": round(seconds, 3),
                "told": list(told),
            },
        )

    def skipped(self, number: int, steps: int, name: str) -> None:
        """Say that a step was taken before."""
        self._tell(
            f"{number}/{steps} {name} · done before",
            {"type": "migration_step_skipped", "number": number, "steps": steps, "name": name},
        )

    def _tell(self, text: str, document: dict[str, Any]) -> None:
        if self._silent:
            return
        line = json.dumps(document, ensure_ascii=False) if self._session.progress == "jsonl" else text
        with suppress(OSError, ValueError):  # nobody reads it any more
            print(line, file=self._stream, flush=True)


def plan_text(plan: MigrationPlan, *, color: bool) -> str:
    """Return the whole plan for people: its steps, what was found, what is made, what it costs."""
    head = f"{_place(plan.source)} → {_place(plan.target)} · migration {plan.id[:8]}"
    lines = [paint(head, "bold", on=color), *_why_again(plan), ""]
    for number, name in enumerate(plan.steps, start=1):
        done = " · done before" if name in plan.done else ""
        lines.append(f"  {number}/{len(plan.steps)} {name} · {_TITLES.get(name, '')}{done}")
        if name == "preflight":
            lines += list(_findings(plan, color=color))
    lines += ["", plans.plan_text(plan.prepared, color=color)]
    lines += [_costs(plan.cost_before, plan.prepared.cost_after), f"time: about {duration(plan.seconds)}"]
    lines += [f"! {line}" if n == 0 else f"  {line}" for n, line in enumerate(wrap(INFRASTRUCTURE_ONLY, 76))]
    lines.append(f"  {plan.source.name} is not touched, and goes on serving")
    if "retire" in plan.steps:
        gone = f"! in the end {_place(plan.source)} is deleted: what is on its disks and volumes is lost"
        lines[-1] = paint(gone, "red", on=color)
    return "\n".join(lines)


def _place(end: MigrationEnd) -> str:
    return f"{end.name} ({end.cloud}/{end.region})"


def _why_again(plan: MigrationPlan) -> list[str]:
    if plan.again:
        return [f"{plan.again}: it is captured again, and {plan.target.name} is brought up to it"]
    return ["going on with what was begun"] if plan.done else []


def _findings(plan: MigrationPlan, *, color: bool) -> Iterator[str]:
    for finding in plan.findings:
        sign, paint_as = _SIGNS[finding.level]
        first, *rest = wrap(printable(f"{finding.about}: {finding.text}"), _WIDTH - 8, **_WHOLE)
        yield f"      {paint(sign, paint_as, on=color)} {first}"
        yield from (f"        {line}" for line in rest)


def _costs(before: Cost | None, after: Cost) -> str:
    was = "unknown" if before is None else f"${before.monthly:.2f}"
    return f"cost a month: {was} at the source, ${after.monthly:.2f} at the target, both until it is deleted"


def _wrapped(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from wrap(printable(text), _WIDTH - 4, subsequent_indent="  ", **_WHOLE)


def report_text(report: MigrationReport, *, color: bool) -> str:
    """Return what the migration came to, for people."""
    head = f"migrated {_place(report.source)} → {_place(report.target)} · {duration(report.seconds)}"
    lines = [paint(head, "bold", on=color)]
    for step in report.steps:
        before = " · before" if step.before else ""
        lines.append(f"  {step.number}/{len(report.steps)} {step.name}  {duration(step.seconds)}{before}")
    moved = ", ".join(f"{count} {kind}" for kind, count in report.moved.items())
    lines += [*wrap(f"moved: {moved}", _WIDTH, subsequent_indent="  ", **_WHOLE), *_translated(report)]
    addresses = next((step.told for step in report.steps if step.name == "cut-over"), ())
    if addresses:
        lines += ["addresses, for you to point at:", *(f"  {line}" for line in _wrapped(addresses))]
    lines += [_costs(report.cost_before, report.cost_after), *wrap(f"! {INFRASTRUCTURE_ONLY}", _WIDTH)]
    return "\n".join(lines)


def _translated(report: MigrationReport) -> Iterator[str]:
    if report.choices:
        yield "translated:"
    for choice in report.choices:
        note = f" ({choice.note})" if choice.note else ""
        text = f"{choice.what}: {choice.wanted} → {choice.chosen}{note}"
        yield from (f"  {line}" for line in _wrapped([text]))
    if report.losses:
        yield "not carried over:"
    yield from (f"  {line}" for line in _wrapped(f"! {loss}" for loss in report.losses))


# ── JSON ─────────────────────────────────────────────────────────────────────────────────────


def plan_document(plan: MigrationPlan) -> dict[str, Any]:
    """Return the plan as one JSON-able document."""
    return {
        "migration": plan.id,
        "source": msgspec.to_builtins(plan.source),
        "target": msgspec.to_builtins(plan.target),
        "steps": [
            {"number": number, "name": name, "title": _TITLES.get(name, ""), "done": name in plan.done}
            for number, name in enumerate(plan.steps, start=1)
        ],
        "again": plan.again,
        "findings": msgspec.to_builtins(plan.findings),
        "cost": {
            "before": None if plan.cost_before is None else plans.cost_document(plan.cost_before),
            "after": plans.cost_document(plan.prepared.cost_after),
        },
        "seconds": plan.seconds,
        "infrastructure_only": True,
        "plan": plans.plan_document(plan.prepared),
    }


def report_document(report: MigrationReport) -> dict[str, Any]:
    """Return what the migration came to as one JSON-able document."""
    return {
        "migration": report.id,
        "source": msgspec.to_builtins(report.source),
        "target": msgspec.to_builtins(report.target),
        "steps": [
            {
                "number": step.number,
                "name": step.name,
                "seconds": round(step.seconds, 3),
                "told": list(step.told),
                "before": step.before,
            }
            for step in report.steps
        ],
        "moved": report.moved,
        "translation": {
            "choices": msgspec.to_builtins(report.choices),
            "losses": list(report.losses),
        },
        "cost": {
            "before": None if report.cost_before is None else plans.cost_document(report.cost_before),
            "after": plans.cost_document(report.cost_after),
        },
        "seconds": round(report.seconds, 3),
        "infrastructure_only": True,
    }
