"""Saved plans in files: written for their owner only, read without trust, carried out or shown."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..engine.errors import AlreadyExists, InvalidInput, NotFound, StalePlan, StoreError
from ..engine.operations.changing import Prepared
from ..engine.operations.context import Context
from ..engine.operations.saved import (
    MAX_BYTES,
    SavedPlan,
    is_plan,
    load_plan,
    prepare_saved,
    refuse_if_stale,
    save_plan,
)
from . import changes, wiring
from .files import replace_file
from .render.plans import plan_document, plan_text
from .render.style import moment, printable, rfc3339
from .session import Session

_START = 64


def is_file(text: str) -> bool:
    """Tell a plan's file from a cluster: no cluster's name has a dot or a slash in it."""
    return "." in text or "/" in text


def refuse_bad_place(name: str) -> None:
    """Raise `InvalidInput` unless a plan may be written there."""
    if not is_file(name):
        advice = f"--out {name}.plan"
        raise InvalidInput("--out", f"{name!r} could be a cluster's name: add an ending", advice=advice)
    if not os.path.lexists(name):
        return
    try:
        with Path(name).open("rb") as file:
            ours = is_plan(file.read(_START))
    except OSError:
        ours = False
    if not ours:
        advice = "choose another name, or move the file away"
        raise InvalidInput("--out", f"{name} exists and is not a saved plan", advice=advice)


def save(name: str, prepared: Prepared, context: Context) -> None:
    """Write a plan's file, whole or not at all; an older plan of that name is replaced."""
    content = save_plan(prepared, context)
    try:
        replace_file(Path(name), content)
    except OSError as error:
        raise InvalidInput("--out", f"cannot write {name}: {error.strerror}") from error


def read(name: str) -> SavedPlan:
    """Read a plan's file. Raises `NotFound`, `InvalidInput`, `CorruptPlan`."""
    try:
        with Path(name).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise NotFound("plan", name, advice="check the path") from None
    except OSError as error:
        raise InvalidInput("PLAN", f"cannot read {name}: {error.strerror}") from error
    return load_plan(content, name)


def apply_saved(session: Session, file: str, context: Context, what: changes.Change) -> None:
    """Carry out exactly what a saved plan says. It was the preview: nobody is asked again."""
    saved = read(file)
    with wiring.journal(session) as journal:
        refuse_if_stale(journal, saved, context, file=file)  # before credentials are looked for
        with changes.opened(wiring.cloud(saved.spec.placement.cloud, field=file)) as cloud:
            prepared = prepare_saved(journal, cloud, saved, context, file=file)
            try:
                what = replace(what, summary=Path(file).name, confirm=lambda: None)
                changes.change(session, cloud, prepared, context, what)
            except AlreadyExists:  # somebody took the name since, and may have made the store
                with wiring.journal(session) as anew:
                    refuse_if_stale(anew, saved, context, file=file)
                raise


def show_saved(session: Session, file: str, context: Context) -> None:
    """Show what a saved plan would do, or would have done; a stale one with a warning."""
    saved = read(file)
    prepared, stale = saved.prepared(), _staleness(session, saved, context, file)
    made = moment(saved.made, context.now(), utc=session.utc)
    # no colours: the text is somebody else's, and control characters in it are shown, not sent
    lines = [
        *plan_text(prepared, color=False).splitlines(),
        "",
        f"saved plan, made {made} by {saved.actor} at position {saved.position} of the log",
    ]
    document: dict[str, Any] = {
        **plan_document(prepared),
        "file": file,
        "saved": {"made": rfc3339(saved.made), "actor": saved.actor, "tool": saved.tool, "stale": stale},
    }
    session.result("\n".join(printable(line) for line in lines), "Plan", document)
    if stale:
        session.tell(f"warning: {stale}")


def _staleness(session: Session, saved: SavedPlan, context: Context, file: str) -> str:
    try:
        with wiring.journal(session) as journal:
            refuse_if_stale(journal, saved, context, file=file)
    except StalePlan as error:
        return str(error)
    except StoreError as error:
        return f"whether it still can be carried out is not known: {error}"
    return ""
