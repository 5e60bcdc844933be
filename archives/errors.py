"""The two errors of the archives that are not about what an archive says.

That a file is damaged or too new are `CorruptArchive` and `UnsupportedArchive` of the engine;
these two say that the machine would not let us read or write it.
"""

from dataclasses import dataclass
from typing import ClassVar

from ..engine.errors import ArchiveError, Facts


@dataclass(eq=False)
class ArchiveUnwritable(ArchiveError):
    """The archive cannot be written: no such folder, a full disk, or rows that do not fit the format."""

    kind: ClassVar[str] = "failed"
    name: str
    problem: str

    def __str__(self) -> str:
        return f"cannot write {self.name}: {self.problem}"

    @property
    def hint(self) -> str:
        """Say what state things are in."""
        return (
            "no snapshot was made and the cluster was not touched; correct this, then run the command again"
        )

    @property
    def facts(self) -> Facts:
        """Return file and problem."""
        return {"archive": self.name, "problem": self.problem}


@dataclass(eq=False)
class ArchiveUnreadable(ArchiveError):
    """The operating system does not hand out the archive's bytes. Nothing is known of what they are."""

    kind: ClassVar[str] = "failed"
    name: str
    problem: str

    def __str__(self) -> str:
        return f"cannot read {self.name}: {self.problem}"

    @property
    def hint(self) -> str:
        """Say that the archive itself may be fine."""
        return "the archive may be fine: check the path, its permissions and the disk"

    @property
    def facts(self) -> Facts:
        """Return file and problem."""
        return {"archive": self.name, "problem": self.problem}
