"""Errors of a migration: what is in its way, and what was not found as it should be."""

from dataclasses import dataclass
from typing import ClassVar

from .base import Facts, KubisnapError


@dataclass(eq=False)
class MigrationBlocked(KubisnapError):
    """Preflight found that it would not succeed."""

    cluster: str
    target: str
    problems: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.cluster} cannot be migrated to {self.target}: {'; '.join(self.problems)}"

    @property
    def hint(self) -> str:
        """Say that nothing happened."""
        return "nothing was changed; make room or choose another target, then run the command again"

    @property
    def facts(self) -> Facts:
        """Return what is in the way."""
        return {"cluster": self.cluster, "target": self.target, "problems": list(self.problems)}


@dataclass(eq=False)
class AnotherMigration(KubisnapError):
    """The cluster is on its way to somewhere else."""

    cluster: str
    under_way: str
    target: str

    def __str__(self) -> str:
        return f"{self.cluster} is being migrated to {self.under_way} already"

    @property
    def hint(self) -> str:
        """Name both ways on."""
        return (
            f"kubisnap migrate {self.cluster}      goes on with that\n"
            f"kubisnap delete {self.target}      gives it up; the source goes on as before"
        )

    @property
    def facts(self) -> Facts:
        """Return where it is going."""
        return {"cluster": self.cluster, "under_way": self.under_way, "target": self.target}


@dataclass(eq=False)
class NotVerified(KubisnapError):
    """The new cluster is not as it should be; the source is, and goes on serving."""

    kind: ClassVar[str] = "partial"
    cluster: str
    target: str
    problems: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.target} is not as it should be: {'; '.join(self.problems)}"

    @property
    def hint(self) -> str:
        """Name the way on, and the way back."""
        return (
            f"nothing was cut over: {self.cluster} goes on serving\n"
            f"kubisnap migrate {self.cluster}      makes up for it and looks again\n"
            f"kubisnap delete {self.target}      gives it up"
        )

    @property
    def facts(self) -> Facts:
        """Return what is wrong."""
        return {"cluster": self.cluster, "target": self.target, "problems": list(self.problems)}


@dataclass(eq=False)
class SourceMovedOn(KubisnapError):
    """The source was changed after it was captured: the new cluster is not like it any more."""

    kind: ClassVar[str] = "partial"
    cluster: str
    target: str
    operations: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.cluster} was changed after it was captured: {', '.join(self.operations)}"

    @property
    def hint(self) -> str:
        """Name the way on."""
        return (
            f"nothing was cut over: {self.cluster} goes on serving\n"
            f"kubisnap migrate {self.cluster}      captures it again and brings {self.target} up to it"
        )

    @property
    def facts(self) -> Facts:
        """Return what came in between."""
        return {"cluster": self.cluster, "target": self.target, "operations": list(self.operations)}
