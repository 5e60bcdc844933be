"""What `create`, `apply`, `scale`, `restore` and `delete` have in common: show, ask, run, tell."""

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from ..engine.domain.events import OperationKind
from ..engine.domain.model import ClusterSpec
from ..engine.domain.undoing import Reach
from ..engine.errors import InvalidInput, TooManyDeletions
from ..engine.journal.log import Journal
from ..engine.operations.abandoning import carry_out_rollback
from ..engine.operations.changing import (
    MAX_DELETIONS,
    Prepared,
    carry_out,
    refuse_mass_deletion,
    refuse_over_budget,
)
from ..engine.operations.context import Context
from ..engine.operations.execution import Result
from ..engine.ports import Cloud
from . import wiring
from .confirm import confirm_change, confirm_mass_deletion
from .render.clusters import unfinished_text
from .render.plans import counts_of, plan_document, plan_text
from .render.style import duration
from .render.undoing import way_back_of
from .session import Session
from .stopping import stopping_at_once

_POOL = re.compile(r"pools\[(\d+)\]\.?")


@dataclass(frozen=True)
class Change:
    """What kind of change it is, and what its options say.

    `budget` is as typed; `confirm` replaces the ``[y/N]`` question. `max_deletions`: more are asked for
    by number, None lets all go. `taking_back` are the unfinished operations that are taken back, if it
    is that; `heading` stands over the plan. `as_of` is the moment a new cluster is made from, for machines.
    """

    kind: str
    summary: str = ""
    budget: str = ""
    yes: bool = False
    dry_run: bool = False
    confirm: Callable[[], None] | None = None
    max_deletions: int | None = None
    taking_back: tuple[int, ...] = ()
    heading: str = ""
    as_of: Mapping[str, Any] | None = None

    @property
    def title(self) -> str:
        """Say what is taken back, or nothing."""
        return f"taking back {numbered(self.taking_back)}" if self.taking_back else ""


def numbered(operations: Iterable[int]) -> str:
    """Return numbers of operations for people."""
    return ", ".join(f"#{number}" for number in operations)


def cap(max_deletions: int | None) -> int:
    """Return how many deletions go without being asked for by number."""
    return MAX_DELETIONS if max_deletions is None else max_deletions


def budget_of(text: str) -> Decimal | None:
    """Return the budget in US dollars a month, or None. Raises `InvalidInput`."""
    if not text:
        return None
    try:
        amount = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        amount = Decimal(-1)
    if not amount.is_finite() or amount < 0:
        raise InvalidInput("--budget", f"{text!r} is not an amount of dollars, such as 40")
    return amount


def show_plan(session: Session, prepared: Prepared, *, what: Change | None = None, file: str = "") -> None:
    """Print the plan as the result; `file` is where it was saved."""
    what = what or Change(kind="")
    document = plan_document(prepared)
    if what.taking_back:
        document |= {"taking_back": list(what.taking_back), "reversal": Reach.NOTHING.value}
    if what.as_of is not None:
        document["as_of"] = what.as_of
    if file:
        document["file"] = file
    text = plan_text(prepared, color=session.colored(sys.stdout), title=what.title, heading=what.heading)
    session.result(text, "Plan", document)


def change(
    session: Session,
    cloud: Cloud,
    prepared: Prepared,
    context: Context,
    what: Change,
    *,
    before: Callable[[Journal], None] | None = None,
) -> bool:
    """Show what was prepared, ask, carry it out and say how it went; return whether it ran.

    The store is not made, and nothing is written anywhere, before the yes; `before` runs between
    the yes and the first change.
    """
    refuse_over_budget(prepared, budget_of(what.budget))
    pending = prepared.state.pending()
    if not what.taking_back:
        tell_unfinished(session, prepared, what.kind)
    if what.dry_run:
        show_plan(session, prepared, what=what)
        return False
    if prepared.empty and pending is None:
        session.result(
            f"{prepared.name}: nothing to do, what is declared is there.",
            "Change",
            {"cluster": prepared.name, "cluster_id": prepared.cluster_id, "outcome": "nothing-to-do"},
        )
        return False
    if prepared.told_only and not what.taking_back:  # nothing to say yes to
        session.tell(f"{plan_text(prepared, color=session.colored(sys.stderr))}\n")
        what = replace(what, summary=what.summary or ("drift recorded" if prepared.news else ""))
    else:
        _show_and_ask(session, prepared, what)
    run = carry_out_rollback if what.taking_back else carry_out
    way_back = "" if what.taking_back else way_back_of(prepared)
    as_json = session.json or session.progress == "jsonl"
    stopping = stopping_at_once(prepared.name, as_json=as_json, deleting=what.kind == "delete")
    with stopping, wiring.journal(session, create=True) as journal:
        if before is not None:
            before(journal)  # what it recorded is ours: the log did not move behind anybody's back
            prepared = msgspec.structs.replace(prepared, position=prepared.state.position)
        result = run(journal, cloud, prepared, context, kind=OperationKind(what.kind), summary=what.summary)
    _tell(session, prepared, what, result)
    if way_back:
        session.tell(way_back)
    return True


def _show_and_ask(session: Session, prepared: Prepared, what: Change) -> None:
    """Show the plan on stderr, and ask unless the yes was given. Nobody is asked about what was not shown."""
    asking = session.interactive and not what.yes
    show = session.show if asking else session.tell
    color = session.colored(sys.stderr)
    show(f"{plan_text(prepared, color=color, title=what.title, heading=what.heading)}\n")
    if what.max_deletions is not None:
        try:
            refuse_mass_deletion(prepared, what.max_deletions)
        except TooManyDeletions as error:
            confirm_mass_deletion(session, error, yes=what.yes)
            return
    if what.confirm is not None:
        what.confirm()
    elif what.taking_back:
        question = f"Take back {numbered(what.taking_back)} of {prepared.name}?"
        confirm_change(session, question, yes=what.yes)
    else:
        confirm_change(session, f"Apply to {prepared.name}?", yes=what.yes)


_GOES_ON = {
    "apply": "this goes on with it",
    "plan": "apply goes on with it",
    "scale": "this goes on with it, towards the new numbers",
    "delete": "what it made is removed, too",
}


def tell_unfinished(session: Session, prepared: Prepared, kind: str) -> None:
    """Say that something is unfinished, and what is done about it."""
    pending = prepared.state.pending()
    if pending is None or kind not in _GOES_ON:
        return
    told = _GOES_ON["apply" if prepared.state.retired else kind]
    session.tell(f"note: {unfinished_text(pending)} is unfinished; {told}")
    if kind != "delete":
        session.tell(f"      to take it back instead: kubisnap apply {prepared.name} --abandon")


def _tell(session: Session, prepared: Prepared, what: Change, result: Result) -> None:
    text = " ".join(part for part in (f"#{result.operation}", what.kind, prepared.name, what.summary) if part)
    session.result(
        f"{text} · {duration(result.seconds)}",
        "Change",
        {
            "cluster": prepared.name,
            "cluster_id": prepared.cluster_id,
            "outcome": result.outcome.value,
            "operation": result.operation,
            "operation_kind": what.kind,
            "summary": what.summary,
            "steps": result.done,
            "counts": counts_of(prepared),
            "seconds": round(result.seconds, 3),
            "kept": list(result.kept),
            **({} if what.as_of is None else {"as_of": what.as_of}),
            **({} if prepared.undoing is None else {"of": prepared.undoing.of}),
        },
    )
    _tell_kept(session, result)


def _tell_kept(session: Session, result: Result) -> None:
    """Say what was let go of and still is at the cloud: nobody is to find it by accident."""
    for item in result.kept:
        session.tell(f"note: {item}")


def in_options(error: InvalidInput, *, spec: ClusterSpec, options: Mapping[str, str]) -> InvalidInput:
    """Return the error in the words of the command line: an option, or a pool's name, for the field."""
    if error.field in options:
        return InvalidInput(options[error.field], error.problem, error.where, error.advice)
    match = _POOL.match(error.field)
    if match is None or int(match[1]) >= len(spec.pools):
        return error
    field = f"pool {spec.pools[int(match[1])].name}"
    rest = error.field[match.end() :]
    return InvalidInput(f"{field}: {rest}" if rest else field, error.problem, error.where, error.advice)


def opened(cloud: Cloud) -> "closing[Cloud]":
    """Return the cloud for a ``with``."""
    return closing(cloud)
