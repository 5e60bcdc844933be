"""Errors of the audit log: a chain that does not hold, an index that says something else."""

from dataclasses import dataclass
from typing import ClassVar

from .base import Facts
from .keeping import StoreError


@dataclass(eq=False)
class BrokenChain(StoreError):
    """A cluster's log is not what was written. `findings` say where, `events` how many there are."""

    kind: ClassVar[str] = "corrupt"
    url: str
    cluster: str
    events: int
    findings: tuple[str, ...]

    def __str__(self) -> str:
        return f"the log of {self.cluster} is not what was written"

    @property
    def hint(self) -> str:
        """Say what helps: what is kept elsewhere."""
        return (
            f"nothing was changed in {self.url}\n"
            "kubisnap snapshots      archives hold the log as it was; kubisnap verify SNAPSHOT checks them"
        )

    @property
    def facts(self) -> Facts:
        """Return what was found."""
        return {
            "store": self.url,
            "cluster": self.cluster,
            "events": self.events,
            "findings": list(self.findings),
        }


@dataclass(eq=False)
class IndexDiffers(StoreError):
    """The audit index does not say what the events say, in these tables."""

    kind: ClassVar[str] = "corrupt"
    url: str
    tables: tuple[str, ...]

    def __str__(self) -> str:
        return f"the audit index of {self.url} is not what its events say: {', '.join(self.tables)}"

    @property
    def hint(self) -> str:
        """Say how to make it anew, and what to look at first."""
        return (
            "kubisnap verify CLUSTER      whether the events are what was written: look at that first\n"
            "kubisnap audit rebuild      makes the index anew from the events"
        )

    @property
    def facts(self) -> Facts:
        """Return which tables."""
        return {"store": self.url, "tables": list(self.tables)}
