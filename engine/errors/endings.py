"""Errors that say how an operation ended, otherwise than intended."""

from dataclasses import dataclass, field
from typing import ClassVar

from .base import Facts, KubisnapError
from .clouds import CloudError, Rejected


@dataclass(eq=False)
class OperationFailed(KubisnapError):
    """An operation did not reach what was intended.

    `left` names what this operation made and could not remove; empty means that everything
    it had made is gone again. `done` counts the steps that stay done.
    """

    cluster: str
    operation: int
    step: str
    cause: KubisnapError
    rolled_back: int = 0
    left: tuple[str, ...] = ()
    done: int = 0
    deleting: bool = False

    def __str__(self) -> str:
        return f"#{self.operation} failed at {self.step}: {self.cause}"

    @property
    def partial(self) -> bool:
        """Whether something stays changed."""
        return bool(self.left) or self.done > 0

    @property
    def hint(self) -> str:
        """Say how to go on."""
        again = f"kubisnap apply {self.cluster}      try again; the intent is kept"
        if self.deleting:
            again = (
                f"kubisnap delete {self.cluster}      goes on with what is left\n"
                f"kubisnap apply {self.cluster} --abandon      keeps what is left"
            )
        elif self.partial:
            again += f"\nkubisnap apply {self.cluster} --abandon      takes back what is left of it"
        elif isinstance(self.cause, Rejected):  # it would be refused again
            again = (
                f"kubisnap apply -f FILE      with another specification; the intent is kept\n"
                f"kubisnap delete {self.cluster}      give it up"
            )
        return f"{self.cause.hint}\n{again}" if self.cause.hint else again

    @property
    def facts(self) -> Facts:
        """Return counts, leftovers and the cause's facts."""
        return {
            "cluster": self.cluster,
            "operation": self.operation,
            "step": self.step,
            "rolled_back": self.rolled_back,
            "left": list(self.left),
            "steps_done": self.done,
            **{f"cause_{key}": value for key, value in self.cause.facts.items()},
        }


@dataclass(eq=False)
class RollbackIncomplete(KubisnapError):
    """A rollback that was asked for ended with something left; it can be run again."""

    kind: ClassVar[str] = "partial"
    cluster: str
    operation: int
    rolled_back: int
    left: tuple[str, ...]
    deleting: bool = False

    def __str__(self) -> str:
        return f"#{self.operation} could not take everything back"

    @property
    def hint(self) -> str:
        """Say how to go on."""
        if self.deleting:
            return f"kubisnap delete {self.cluster}      goes on with what is left"
        return f"kubisnap apply {self.cluster} --abandon      goes on with what is left"

    @property
    def facts(self) -> Facts:
        """Return what was taken back and what is left."""
        return {
            "cluster": self.cluster,
            "operation": self.operation,
            "rolled_back": self.rolled_back,
            "left": list(self.left),
        }


@dataclass(eq=False)
class PerhapsTwice(KubisnapError):
    """Everything was made, and something twice that could not be removed, or nobody could look for it."""

    kind: ClassVar[str] = "partial"
    cluster: str
    operation: int
    done: int
    left: tuple[str, ...]

    def __str__(self) -> str:
        return f"#{self.operation} made everything, and perhaps something twice"

    @property
    def hint(self) -> str:
        """Say how to go on."""
        return f"kubisnap apply {self.cluster}      looks again, and removes what is too much"

    @property
    def facts(self) -> Facts:
        """Return what was done and what may be left."""
        return {
            "cluster": self.cluster,
            "operation": self.operation,
            "steps_done": self.done,
            "left": list(self.left),
        }


@dataclass(eq=False)
class Interrupted(KubisnapError):
    """Stopped before the end. What was done is recorded; `deleting` says what kind of work it was."""

    kind: ClassVar[str] = "interrupted"
    cluster: str
    operation: int
    done: int
    total: int
    deleting: bool = False

    def __str__(self) -> str:
        return f"stopped after {self.done} of {self.total} steps; recorded as #{self.operation} (unfinished)"

    @property
    def hint(self) -> str:
        """Name the commands that go on, and that go back."""
        if self.deleting:
            return (
                f"kubisnap delete {self.cluster}      goes on with what is left\n"
                f"kubisnap apply {self.cluster} --abandon      keeps what is left"
            )
        return (
            f"kubisnap apply {self.cluster} --resume      goes on from here\n"
            f"kubisnap apply {self.cluster} --abandon      takes it back"
        )

    @property
    def facts(self) -> Facts:
        """Return the counts."""
        return {"cluster": self.cluster, "operation": self.operation, "done": self.done, "total": self.total}


@dataclass(eq=False)
class OutOfTime(Interrupted):
    """The operation's own deadline came first. `seconds` is what it was given."""

    kind: ClassVar[str] = "timeout"
    seconds: float = field(default=0.0, kw_only=True)

    def __str__(self) -> str:
        return f"{self.seconds:.0f} seconds are over: {super().__str__()}"


@dataclass(eq=False)
class CloudSilent(Interrupted):
    """The cloud stopped answering for good: nothing can be finished, and nothing taken back."""

    kind: ClassVar[str] = "partial"
    cause: CloudError = field(kw_only=True)

    def __str__(self) -> str:
        return f"{self.cause}; {super().__str__()}"

    @property
    def facts(self) -> Facts:
        """Return the counts and the cloud's last words."""
        return {**super().facts, **{f"cause_{key}": value for key, value in self.cause.facts.items()}}
