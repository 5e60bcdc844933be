"""What an undo, a redo or a revert is of, whether it can be taken back itself, and what is lost."""

from collections import Counter
from typing import Any, Final

from ...engine.domain.events import OperationKind
from ...engine.domain.resources import Kind
from ...engine.domain.times import ago
from ...engine.domain.undoing import Reach, Undoing
from ...engine.operations.changing import Prepared
from ...engine.operations.planning import Action
from ...engine.operations.undoing import reversal_of
from .style import counted, printable, rfc3339

_NEW: Final = {
    Kind.SERVER: ("server", "what was on its disk does not come back"),
    Kind.VOLUME: ("volume", "it is empty: what was on it does not come back"),
    Kind.RESERVED_IP: ("reserved address", "it is another address than before"),
}
"""What is made anew in place of what an operation deleted, and what is not as it was then."""


def heading_of(undoing: Undoing, now: int) -> str:
    """Say what is taken back or done again, by whom it was done, and how long ago."""
    told = [printable(f"{act} ({act.actor}, {ago((now - act.time) // 1_000_000)})") for act in undoing.acts]
    if not undoing.to and len(told) == 1:
        return f"{undoing.kind} of {told[0]}"
    way = "of"
    if undoing.to:
        way = f"to #{undoing.to}{', back over' if told else ': as it was declared then'}"
    return "\n".join([f"{undoing.kind} {way}", *(f"  {line}" for line in told)])


def _verb(prepared: Prepared) -> str:
    """Return what takes this back in its turn; an undo that went elsewhere than back is undone."""
    undoing = prepared.undoing
    return "redo" if undoing is not None and undoing.kind is OperationKind.UNDO and undoing.of else "undo"


def way_back_of(prepared: Prepared) -> str:
    """Return the line that says what takes this back once it is done; empty where nothing does."""
    changes = bool(prepared.intents) or prepared.undoing is not None
    if not changes or reversal_of(prepared).reach not in {Reach.REVERSIBLE, Reach.WITH_LOSS}:
        return ""
    verb = _verb(prepared)
    return f"{verb}: kubisnap {verb} {prepared.name}"


def reach_text(prepared: Prepared) -> str:
    """Say whether an undo, redo or revert can be taken back itself, and how; nothing for other changes."""
    if prepared.undoing is None:
        return ""
    lossy = reversal_of(prepared).reach is Reach.WITH_LOSS
    return f"{'reversible with loss' if lossy else 'reversible'}: kubisnap {_verb(prepared)} {prepared.name}"


def losses_of(prepared: Prepared) -> list[str]:
    """Say what an undo, redo or revert does not bring back."""
    if prepared.undoing is None:
        return []
    replaced = {step.key for step in prepared.plan.steps if step.action is Action.DELETE}
    made = Counter(
        step.key.kind
        for step in prepared.plan.steps
        if step.action is Action.CREATE and step.key.kind in _NEW and step.key not in replaced
    )
    lines = [f"! {item}" for item in prepared.undoing.kept]
    for kind, (noun, told) in _NEW.items():
        if made[kind]:
            lines.append(f"! {counted(made[kind], noun)} made anew: {'of each, ' * (made[kind] > 1)}{told}")
    return lines


def undoing_document(prepared: Prepared) -> dict[str, Any] | None:
    """Return as JSON what is taken back or done again."""
    undoing = prepared.undoing
    if undoing is None:
        return None
    return {
        "operation_kind": undoing.kind.value,
        "of": undoing.of,
        "to": undoing.to or None,
        "operations": [
            {
                "number": act.number,
                "operation_kind": act.kind.value,
                "summary": act.summary,
                "actor": act.actor,
                "started": rfc3339(act.time),
            }
            for act in undoing.acts
        ],
        "losses": [line.removeprefix("! ") for line in losses_of(prepared)],
    }
