"""Errors about what was asked: wrong, unknown, too much, or not confirmed. Nothing was changed."""

from dataclasses import dataclass
from typing import ClassVar

from .base import Facts, KubisnapError


@dataclass(eq=False)
class InvalidInput(KubisnapError):
    """A value that cannot be used: `field` names it, `where` the file and line if there is one."""

    kind: ClassVar[str] = "usage"
    field: str
    problem: str
    where: str = ""
    advice: str = ""

    def __str__(self) -> str:
        named = f"{self.field}: {self.problem}" if self.field else self.problem
        return f"{self.where}: {named}" if self.where else named

    @property
    def hint(self) -> str:
        """Return the advice given by whoever found the mistake; for a file, how to check it again."""
        if self.advice or ":" not in self.where:
            return self.advice
        file = self.where.split(":", 1)[0]
        return f"kubisnap plan -f {file}      checks the file and changes nothing"

    @property
    def facts(self) -> Facts:
        """Return field, problem and place."""
        return {"field": self.field, "problem": self.problem, "where": self.where}


@dataclass(eq=False)
class NotFound(KubisnapError):
    """Something named that does not exist."""

    kind: ClassVar[str] = "not-found"
    what: str
    name: str
    known: tuple[str, ...] = ()
    advice: str = ""

    def __str__(self) -> str:
        return f"no {self.what} {self.name!r}"

    @property
    def hint(self) -> str:
        """List what does exist."""
        if self.advice:
            return self.advice
        return f"known: {', '.join(self.known)}" if self.known else ""

    @property
    def facts(self) -> Facts:
        """Return what was looked for."""
        return {"what": self.what, "name": self.name, "known": list(self.known)}


@dataclass(eq=False)
class AlreadyExists(KubisnapError):
    """A cluster name that is in use. `unfinished` is an operation on that cluster, or 0."""

    name: str
    unfinished: int = 0

    def __str__(self) -> str:
        return f"a cluster named {self.name!r} already exists in this store"

    @property
    def hint(self) -> str:
        """Point at the cluster that has the name."""
        if self.unfinished:
            return (
                f"kubisnap apply {self.name} --resume      goes on with its #{self.unfinished}\n"
                f"kubisnap apply {self.name} --abandon      takes it back"
            )
        return f"kubisnap get {self.name}      see it, or choose another name"

    @property
    def facts(self) -> Facts:
        """Return the name."""
        return {"name": self.name, "unfinished": self.unfinished}


@dataclass(eq=False)
class Refused(KubisnapError):
    """Declined before anything was changed."""

    problem: str
    advice: str = ""

    def __str__(self) -> str:
        return self.problem

    @property
    def hint(self) -> str:
        """Return the way out."""
        return self.advice


@dataclass(eq=False)
class BudgetExceeded(KubisnapError):
    """The plan costs more a month than the operator allows."""

    monthly: str
    budget: str

    def __str__(self) -> str:
        return f"the cluster would cost ${self.monthly} a month, the budget is ${self.budget}"

    @property
    def hint(self) -> str:
        """Say the two ways out."""
        return "choose fewer or smaller servers, or raise --budget"

    @property
    def facts(self) -> Facts:
        """Return both sums, in US dollars a month."""
        return {"monthly_usd": self.monthly, "budget_usd": self.budget}


@dataclass(eq=False)
class ConfirmationNeeded(KubisnapError):
    """A change needs a yes and nobody can be asked, or the answer was no."""

    kind: ClassVar[str] = "needs-yes"
    action: str
    flag: str = "--yes"

    def __str__(self) -> str:
        return f"{self.action} needs a confirmation, and there is nobody to ask"

    @property
    def hint(self) -> str:
        """Name the flag that says yes."""
        return f"add {self.flag}"

    @property
    def facts(self) -> Facts:
        """Return the flag."""
        return {"flag": self.flag}


@dataclass(eq=False)
class CannotTranslate(KubisnapError):
    """A cluster that the target cloud cannot hold."""

    cloud: str
    problems: tuple[str, ...]
    advice: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.cloud} cannot hold this cluster: {'; '.join(self.problems)}"

    @property
    def hint(self) -> str:
        """Say what to choose instead."""
        general = "choose another region or cloud, or change the named parts of the cluster"
        return "\n".join((*self.advice, general))

    @property
    def facts(self) -> Facts:
        """Return the problems."""
        return {"cloud": self.cloud, "problems": list(self.problems)}


@dataclass(eq=False)
class LossesRefused(KubisnapError):
    """A cluster that the target cloud holds in parts only, or worse, where all was asked for."""

    cloud: str
    losses: tuple[str, ...]

    def __str__(self) -> str:
        what = "one loss" if len(self.losses) == 1 else f"{len(self.losses)} losses"
        return f"{self.cloud} cannot hold all of this cluster, and --strict allows no loss: {what}"

    @property
    def hint(self) -> str:
        """Say how to go on."""
        return "choose another cloud or region, or leave --strict out: what is lost is shown and asked for"

    @property
    def facts(self) -> Facts:
        """Return the losses."""
        return {"cloud": self.cloud, "losses": list(self.losses)}


@dataclass(eq=False)
class WrongAccount(KubisnapError):
    """The credentials open another account than the one that holds the cluster."""

    kind: ClassVar[str] = "denied"
    cluster: str
    expected: str
    found: str

    def __str__(self) -> str:
        return (
            f"{self.cluster} lives in account {self.expected}, but the credentials given open {self.found}; "
            "nothing was changed"
        )

    @property
    def hint(self) -> str:
        """Say how to go on on purpose."""
        return (
            "use the credentials of that account; to recreate the cluster in the other account: "
            "kubisnap capture, then kubisnap restore --as NEWNAME"
        )

    @property
    def facts(self) -> Facts:
        """Return both accounts."""
        return {"cluster": self.cluster, "expected": self.expected, "found": self.found}
