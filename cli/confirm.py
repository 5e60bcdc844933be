"""Asking before something is changed: never without a terminal, the same flag everywhere."""

import sys
from dataclasses import dataclass

from ..engine.errors import ConfirmationNeeded, KubisnapError, Refused, TooManyDeletions
from .render.style import counted
from .session import Session


@dataclass(eq=False)
class WrongName(ConfirmationNeeded):
    """``--yes=NAME`` names another cluster than the one to delete. `action` is that other name."""

    cluster: str = ""

    def __str__(self) -> str:
        return f"--yes={self.action} does not name the cluster to delete, {self.cluster}; nothing was changed"


class NotAnswered(KubisnapError):
    """Ctrl-C instead of an answer."""

    kind = "interrupted"

    def __str__(self) -> str:
        return "interrupted; nothing was changed"


def confirm_change(session: Session, question: str, *, yes: bool) -> None:
    """Ask ``[y/N]``. Raises `ConfirmationNeeded` where nobody can be asked, `Refused` on a no."""
    if yes:
        return
    if not session.interactive:
        raise ConfirmationNeeded("this change")
    if _answer(f"{question} [y/N] ").lower() not in {"y", "yes"}:
        raise Refused("declined; nothing was changed")


def refuse_wrong_name(name: str, yes: str) -> None:
    """Raise `WrongName` if ``--yes=NAME`` is given and is about something else."""
    if yes not in {"", name}:
        raise WrongName(yes, f"--yes={name}", name)


def confirm_deletion(session: Session, name: str, *, yes: str) -> None:
    """Have the cluster's name typed. `yes` is the name given with ``--yes=NAME``."""
    refuse_wrong_name(name, yes)
    if yes:
        return
    if not session.interactive:
        raise ConfirmationNeeded(f"deleting {name}", f"--yes={name}")
    if _answer(f"Type the name of the cluster to delete it ({name}): ") != name:
        raise Refused("that is not its name; nothing was changed")


def confirm_mass_deletion(session: Session, error: TooManyDeletions, *, yes: bool) -> None:
    """Have the number of deletions typed; raise `error` on a mere ``--yes``, and where nobody is there."""
    if yes or not session.interactive:
        raise error
    number = str(error.deletions)
    question = (
        f"{counted(error.deletions, 'resource')} would be deleted; type the number to go on ({number}): "
    )
    if _answer(question) != number:
        raise Refused("that is not the number; nothing was changed")


def _answer(question: str) -> str:
    try:
        print(question, end="", file=sys.stderr, flush=True)
        line = sys.stdin.readline()
    except KeyboardInterrupt:
        print(file=sys.stderr)
        raise NotAnswered from None
    if not line.endswith("\n"):  # Ctrl-D: what follows is to stand on a line of its own
        print(file=sys.stderr)
    return line.strip()
