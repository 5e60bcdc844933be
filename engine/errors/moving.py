"""Errors of a history on its way: exported as lines, saved out of a damaged archive, imported."""

from dataclasses import dataclass
from typing import ClassVar

from .asking import AlreadyExists
from .base import Facts
from .keeping import ArchiveError, StoreError


@dataclass(eq=False)
class NameHeld(AlreadyExists):
    """The name of a cluster whose history is to be imported, and another cluster has it."""

    @property
    def hint(self) -> str:
        """Say why there is no other name, and the way out."""
        return (
            "a history keeps the name that its cluster has at the cloud: there is no --as\n"
            f"kubisnap --store sqlite:///PATH import FILE      into a store without another {self.name}"
        )


@dataclass(eq=False)
class AnotherHistory(StoreError):
    """A log to import, of a cluster that has another one here. `known` events at the start are the same.

    `beyond`: the log here is the same and goes on.
    """

    cluster: str
    known: int
    beyond: bool = False

    def __str__(self) -> str:
        here = f"the log of {self.cluster} in this store"
        if self.beyond:
            return f"{here} goes on after event {self.known}, the last one to import"
        return f"{here} took another course after event {self.known}"

    @property
    def hint(self) -> str:
        """Say that nothing was changed."""
        if self.beyond:
            return f"nothing was changed: this store knows all of it, and more: kubisnap log {self.cluster}"
        return (
            "nothing was changed: two histories cannot be joined\n"
            "kubisnap --store sqlite:///PATH import FILE      into another store"
        )

    @property
    def facts(self) -> Facts:
        """Return the cluster and how far the logs agree."""
        return {"cluster": self.cluster, "known": self.known, "beyond": self.beyond}


class HistoryThere(AnotherHistory):
    """A store to be copied into another that has events at the same places which are not the same."""

    @property
    def hint(self) -> str:
        """Say that nothing was changed."""
        return "nothing was copied: two histories cannot be joined; copy into a store without it"


@dataclass(eq=False)
class CopyDiffers(StoreError):
    """A store was copied, and what arrived is not what was sent."""

    kind: ClassVar[str] = "corrupt"
    source: str
    target: str
    sent: int
    arrived: int

    def __str__(self) -> str:
        counts = f"{self.sent} events against {self.arrived}"
        return f"what is in {self.target} is not what was copied there: {counts}"

    @property
    def hint(self) -> str:
        """Say which of the two to trust."""
        return f"go on with {self.source}, which was not written to; do not use the copy"

    @property
    def facts(self) -> Facts:
        """Return both stores and how many events each has."""
        return {"source": self.source, "target": self.target, "sent": self.sent, "arrived": self.arrived}


@dataclass(eq=False)
class CorruptLines(ArchiveError):
    """A file of exported events with a line that no export wrote, or that does not belong there."""

    name: str
    line: int
    problem: str

    def __str__(self) -> str:
        return f"{self.name}: line {self.line}: {self.problem}"

    @property
    def hint(self) -> str:
        """Say that nothing was done with it."""
        return "nothing was changed; export it again: kubisnap export CLUSTER --out FILE"

    @property
    def facts(self) -> Facts:
        """Return the file, the line and what is wrong with it."""
        return {"archive": self.name, "line": self.line, "problem": self.problem}


@dataclass(eq=False)
class Salvaged(ArchiveError):
    """A damaged archive of which a part was saved: the events `first` to `last`, of `events` in all."""

    kind: ClassVar[str] = "partial"
    name: str
    problem: str
    offset: int | None
    first: int
    last: int
    events: int

    @property
    def lost(self) -> int:
        """Return how many events were not saved."""
        return self.events - (self.last - self.first + 1)

    def __str__(self) -> str:
        at = "" if self.offset is None else f" (at byte {self.offset})"
        return f"{self.name}: {self.problem}{at}; saved events {self.first} to {self.last}, lost {self.lost}"

    @property
    def hint(self) -> str:
        """Say what is not among what was saved, and what can be done with the rest."""
        lines = ["blobs, if it has any, are not part of an export"]
        if self.first == 1:
            lines.append("kubisnap import FILE      takes what was saved as the cluster's history")
        return "\n".join(lines)

    @property
    def facts(self) -> Facts:
        """Return where the damage is, what was saved and how much is lost."""
        return {
            "archive": self.name,
            "problem": self.problem,
            "offset": self.offset,
            "first": self.first,
            "last": self.last,
            "lost": self.lost,
        }
