"""Asking before something is changed: never without a terminal, the same flag everywhere."""

import sys

from ..engine.errors import ConfirmationNeeded, Refused
from .session import Session


def confirm_change(session: Session, question: str, *, yes: bool) -> None:
    """Ask ``[y/N]``. Raises `ConfirmationNeeded` where nobody can be asked, `Refused` on a no."""
    if yes:
        return
    if not session.interactive:
        raise ConfirmationNeeded("this change")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise Refused("declined; nothing was changed")


def confirm_deletion(session: Session, name: str, *, yes: str) -> None:
    """Have the cluster's name typed. `yes` is the name given with ``--yes=NAME``."""
    if yes:
        if yes != name:
            raise ConfirmationNeeded(f"deleting {name}, not {yes},", f"--yes={name}")
        return
    if not session.interactive:
        raise ConfirmationNeeded(f"deleting {name}", f"--yes={name}")
    print(f"Type the name of the cluster to delete it ({name}): ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip() != name:
        raise Refused("that is not its name; nothing was changed")
