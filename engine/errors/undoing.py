"""Errors about taking back: nothing there, not possible, not yet. Nothing was changed."""

from dataclasses import dataclass
from typing import NamedTuple

from .base import Facts, KubisnapError


@dataclass(eq=False)
class StillUnfinished(KubisnapError):
    """An operation did not come to its end; what it is about is settled first."""

    cluster: str
    operation: int
    operation_kind: str

    def __str__(self) -> str:
        return f"#{self.operation} {self.operation_kind} of {self.cluster} is unfinished"

    @property
    def hint(self) -> str:
        """Name both ways on."""
        return (
            f"kubisnap apply {self.cluster} --resume      goes on with it\n"
            f"kubisnap apply {self.cluster} --abandon      takes it back"
        )

    @property
    def facts(self) -> Facts:
        """Return the operation."""
        return {
            "cluster": self.cluster,
            "operation": self.operation,
            "operation_kind": self.operation_kind,
        }


@dataclass(eq=False)
class NothingToUndo(KubisnapError):
    """There is nothing to take back. `action` is ``undo``, ``redo`` or ``revert``; `reason` says why."""

    cluster: str
    action: str
    reason: str = ""
    operation: int = 0

    def __str__(self) -> str:
        told = f"nothing on {self.cluster} to {self.action}"
        return f"{told}: {self.reason}" if self.reason else told

    @property
    def hint(self) -> str:
        """Say where to see what there is."""
        return f"kubisnap log {self.cluster}      shows its operations"

    @property
    def facts(self) -> Facts:
        """Return what was asked, of which operation (0: of none), and why not."""
        return {
            "cluster": self.cluster,
            "action": self.action,
            "reason": self.reason,
            "operation": self.operation,
        }


@dataclass(eq=False)
class Irreversible(KubisnapError):
    """An operation that is not taken back by undoing. `way_back` is what to type instead."""

    cluster: str
    operation: int
    operation_kind: str
    reason: str
    way_back: str = ""

    def __str__(self) -> str:
        return f"#{self.operation} {self.operation_kind} of {self.cluster} cannot be undone: {self.reason}"

    @property
    def hint(self) -> str:
        """Return the way back."""
        return self.way_back

    @property
    def facts(self) -> Facts:
        """Return the operation and the reason."""
        return {
            "cluster": self.cluster,
            "operation": self.operation,
            "operation_kind": self.operation_kind,
            "reason": self.reason,
        }


class Again(NamedTuple):
    """A field that was changed again: `what` it is, and the operation that did it, by whom, and when."""

    what: str
    by: str
    actor: str
    when: str
    ago: str


@dataclass(eq=False)
class ChangedSince(KubisnapError):
    """What the operation changed was changed again after it, so that taking it back would undo that, too.

    `again` names each field; `problem` is what would be wrong with the rest otherwise. `later` is the
    newest of the operations that came after it, or 0.
    """

    cluster: str
    operation: int
    operation_kind: str
    again: tuple[Again, ...] = ()
    problem: str = ""
    later: int = 0

    def __str__(self) -> str:
        told = f"#{self.operation} {self.operation_kind} of {self.cluster} cannot be taken back alone"
        return f"{told}: {self.problem}" if self.problem else f"{told}: what it changed was changed since"

    @property
    def hint(self) -> str:
        """Say how to take back what came after it first, or to see it."""
        later = f"kubisnap revert {self.cluster}#{self.later}      takes that back first\n"
        return (
            f"{later if self.later else ''}"
            f"kubisnap undo {self.cluster} --to '#{self.operation - 1}'      "
            "takes back everything since, and it\n"
            f"kubisnap show {self.cluster}#{self.operation}      what it did"
        )

    @property
    def facts(self) -> Facts:
        """Return the operation, and the fields with who changed them."""
        return {
            "cluster": self.cluster,
            "operation": self.operation,
            "operation_kind": self.operation_kind,
            "problem": self.problem,
            "again": [f"{item.what}: {item.by} ({item.actor}, {item.when})" for item in self.again],
        }
