"""The one place where an error becomes text, JSON and an exit status.

The codes are public and stable; a code that a script does not know means failure. What is printed
carries no secret: values of secret-looking variables are taken out, control characters are shown.
"""

import json
import os
from dataclasses import dataclass, field
from typing import Any

from ..engine.errors import (
    BrokenChain,
    ChangedSince,
    Fact,
    KubisnapError,
    LossesRefused,
    OperationFailed,
    PerhapsTwice,
    RollbackIncomplete,
    StalePlan,
)
from .render.style import counted, printable

CODES: dict[str, int] = {
    "ok": 0,
    "failed": 1,
    "usage": 2,
    "partial": 3,
    "denied": 4,
    "differs": 5,
    "needs-yes": 6,
    "stale-plan": 7,
    "timeout": 9,
    "not-found": 10,
    "locked": 11,
    "wrong-key": 12,
    "corrupt": 13,
    "interrupted": 130,
    "bug": 255,
}


@dataclass(frozen=True)
class Failure:
    """What went wrong, for people and machines. `details` and the lines of `hint` are for people."""

    name: str
    message: str
    hint: str = ""
    facts: dict[str, Fact] = field(default_factory=dict)
    details: tuple[str, ...] = ()

    @property
    def code(self) -> int:
        """Return the exit status."""
        return CODES[self.name]

    def text(self) -> str:
        """Return the lines for stderr: what, what was done about it, what to type next."""
        lines = [
            f"error: {_lower(self.message)}",
            *self.details,
            *(f"hint: {line}" for line in self.hint.splitlines()),
        ]
        return "\n".join(_safe(line) for line in lines)

    def json(self) -> str:
        """Return the JSON twin of `text`: one ``exit_error`` document on one line."""
        document: dict[str, Any] = {
            "kubisnap": "1.0",
            "type": "exit_error",
            "code": self.code,
            "name": self.name,
            "message": self.message,
            "hint": self.hint,
            "facts": self.facts,
        }
        return _without_secrets(json.dumps(document, ensure_ascii=False))


def failure_of(error: KubisnapError) -> Failure:
    """Return what to tell of one of our own errors."""
    return Failure(
        name=_name(error),
        message=str(error),
        hint=error.hint,
        facts=dict(error.facts),
        details=tuple(_details(error)),
    )


def _name(error: KubisnapError) -> str:
    if isinstance(error, OperationFailed):
        return "partial" if error.partial else _name(error.cause)
    return error.kind


def _details(error: KubisnapError) -> list[str]:
    match error:
        case OperationFailed():
            return _aftermath(error)
        case RollbackIncomplete():
            return _left(error.rolled_back, error.left)
        case PerhapsTwice(left=items) | BrokenChain(findings=items) | LossesRefused(losses=items):
            return [f"  {item}" for item in items]
        case StalePlan():
            return [f"  {came.what} ({came.actor}, {came.ago}) came between" for came in error.between]
        case ChangedSince():
            return [f"  {item.what}: {item.by} ({item.actor}, {item.ago})" for item in error.again]
        case _:
            return []


def _left(rolled_back: int, left: tuple[str, ...]) -> list[str]:
    undone = counted(rolled_back, "change")
    return [f"  rolled back {undone}; could not remove:", *(f"    {item}" for item in left)]


def _aftermath(error: OperationFailed) -> list[str]:
    """Say what became of the changes that were made before the failure."""
    if error.left:
        return _left(error.rolled_back, error.left)
    if error.done:
        stay = "stays" if error.done == 1 else "stay"
        return [f"  {counted(error.done, 'step')} {stay} done: what was deleted cannot be brought back"]
    if not error.rolled_back:
        return ["  nothing had been made; everything at the cloud is as before"]
    return [f"  rolled back {counted(error.rolled_back, 'change')}; everything at the cloud is as before"]


def _lower(sentence: str) -> str:
    """Start in lower case, unless the first word is a name such as HTTP or DigitalOcean."""
    first = sentence.split(" ", 1)[0]
    return sentence if any(letter.isupper() for letter in first[1:]) else sentence[:1].lower() + sentence[1:]


def _safe(line: str) -> str:
    return printable(_without_secrets(line))


def _without_secrets(text: str) -> str:
    from .reports import redacted

    return redacted(text, os.environ)
