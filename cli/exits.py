"""The one place where an error becomes text, JSON and an exit status.

The codes are public and stable; a code that a script does not know means failure.
"""

import json
from typing import Any

from ..engine.errors import Fact, KubisnapError, OperationFailed

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


def name_of(error: KubisnapError) -> str:
    """Return the name of an error's exit code."""
    if isinstance(error, OperationFailed):
        return "partial" if error.partial else name_of(error.cause)
    return error.kind


def code_of(error: KubisnapError) -> int:
    """Return an error's exit status."""
    return CODES[name_of(error)]


def text_of(error: KubisnapError) -> str:
    """Return the lines for stderr: what, what was done about it, what to type next."""
    lines = [f"error: {_lower(str(error))}"]
    if isinstance(error, OperationFailed):
        lines += _aftermath(error)
    lines += [f"hint: {line}" for line in error.hint.splitlines()]
    return "\n".join(lines)


def _aftermath(error: OperationFailed) -> list[str]:
    if error.left:
        return [
            f"  rolled back {error.rolled_back}; could not remove:",
            *(f"    {item}" for item in error.left),
        ]
    if error.done:
        return [f"  {error.done} steps stay done; nothing that they removed can be brought back"]
    return [f"  rolled back: {error.rolled_back} made by #{error.operation} are gone, the rest is as before"]


def _lower(sentence: str) -> str:
    """Start in lower case, unless the first word is a name such as HTTP or DigitalOcean."""
    first = sentence.split(" ", 1)[0]
    return sentence if any(letter.isupper() for letter in first[1:]) else sentence[:1].lower() + sentence[1:]


def json_of(error: KubisnapError) -> str:
    """Return the JSON twin of `text_of`, one line."""
    return exit_error(code_of(error), name_of(error), str(error), error.hint, dict(error.facts))


def exit_error(code: int, name: str, message: str, hint: str, facts: dict[str, Fact]) -> str:
    """Return one ``exit_error`` document."""
    document: dict[str, Any] = {
        "kubisnap": "1.0",
        "type": "exit_error",
        "code": code,
        "name": name,
        "message": message,
        "hint": hint,
        "facts": facts,
    }
    return json.dumps(document, ensure_ascii=False)
