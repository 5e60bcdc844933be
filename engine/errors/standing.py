"""Errors about how a cluster stands: held, finished, or not as a plan was made for it."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from .base import Facts, KubisnapError


@dataclass(eq=False)
class NothingUnfinished(KubisnapError):
    """Every operation on the cluster came to its end."""

    cluster: str

    def __str__(self) -> str:
        return f"nothing on {self.cluster} is unfinished"

    @property
    def hint(self) -> str:
        """Say how to see what there is."""
        return f"kubisnap log {self.cluster}      shows how each operation ended"

    @property
    def facts(self) -> Facts:
        """Return the cluster."""
        return {"cluster": self.cluster}


class Came(NamedTuple):
    """An operation that came in between: what, by whom, and when, for machines and for people."""

    what: str
    actor: str
    when: str
    ago: str


@dataclass(eq=False)
class StalePlan(KubisnapError):
    """A saved plan that is not about the cluster as it is now. `between` says what came in between.

    `again` is what to ask for a new one with.
    """

    kind: ClassVar[str] = "stale-plan"
    cluster: str
    file: str
    made_at: int
    now_at: int
    between: tuple[Came, ...] = ()
    reason: str = ""
    again: str = ""

    def __str__(self) -> str:
        if self.reason:
            return f"the plan is not about {self.cluster} as it is now: {self.reason}"
        return f"the plan was made at position {self.made_at} of the log, which is at {self.now_at} now"

    @property
    def hint(self) -> str:
        """Say how to see the old plan, and how to make a new one."""
        return (
            f"kubisnap show {self.file}      what it would have done\n"
            f"kubisnap plan {self.again or self.cluster} --out {self.file}      a new one"
        )

    @property
    def facts(self) -> Facts:
        """Return both positions and what came between."""
        return {
            "cluster": self.cluster,
            "made_at": self.made_at,
            "now_at": self.now_at,
            "between": [f"{came.what} ({came.actor}, {came.when})" for came in self.between],
            "reason": self.reason,
        }


@dataclass(eq=False)
class CorruptPlan(KubisnapError):
    """A saved plan that is damaged, or in a format that this version does not read."""

    kind: ClassVar[str] = "corrupt"
    file: str
    problem: str

    def __str__(self) -> str:
        return f"{self.file}: {self.problem}"

    @property
    def hint(self) -> str:
        """Say that nothing was done with it."""
        return "nothing was changed; make the plan anew: kubisnap plan CLUSTER --out FILE"

    @property
    def facts(self) -> Facts:
        """Return file and problem."""
        return {"file": self.file, "problem": self.problem}


@dataclass(eq=False)
class TooManyDeletions(KubisnapError):
    """More would be deleted than goes without being asked for by number."""

    kind: ClassVar[str] = "needs-yes"
    cluster: str
    deletions: int
    allowed: int

    def __str__(self) -> str:
        noun = "resource" if self.deletions == 1 else "resources"
        return f"{self.deletions} {noun} of {self.cluster} would be deleted, {self.allowed} go without asking"

    @property
    def hint(self) -> str:
        """Name the option that allows it."""
        return f"look at the plan again; to go on: --max-deletions {self.deletions}"

    @property
    def facts(self) -> Facts:
        """Return both numbers."""
        return {"cluster": self.cluster, "deletions": self.deletions, "allowed": self.allowed}


@dataclass(eq=False)
class Locked(KubisnapError):
    """Another operation on the cluster is running, or was when its host was last heard of."""

    kind: ClassVar[str] = "locked"
    cluster: str
    operation: int
    operation_kind: str
    actor: str
    holder: str
    since: str
    expires: str
    age: str = ""

    def __str__(self) -> str:
        age = f" ({self.age})" if self.age else ""
        return (
            f"{self.cluster} is being changed by {self.actor}: #{self.operation} {self.operation_kind}, "
            f"{self.holder}, since {self.since}{age}"
        )

    @property
    def hint(self) -> str:
        """Say how to wait, and what happens when its process is gone."""
        return (
            f"run the command again when it has ended: kubisnap log {self.cluster} tells\n"
            f"if its process is gone, its hold ends by itself, at {self.expires} unless it writes again"
        )

    @property
    def facts(self) -> Facts:
        """Return holder and times."""
        return {
            "cluster": self.cluster,
            "operation": self.operation,
            "operation_kind": self.operation_kind,
            "actor": self.actor,
            "holder": self.holder,
            "since": self.since,
            "expires": self.expires,
        }
