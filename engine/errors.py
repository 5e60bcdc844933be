"""Every error that kubisnap raises on purpose, in one tree.

An error carries facts; its sentence is made in ``__str__`` and its next step in ``hint``.
Nothing here knows exit codes or screens: `kubisnap.cli.exits` turns an error into text,
JSON and an exit status, in one place.

    KubisnapError
    ├── InvalidInput            what was typed or written is wrong: names the field and the place
    ├── NotFound                no such cluster, operation, store, ...
    ├── AlreadyExists           the name is taken
    ├── Refused                 understood, and declined before anything was changed
    ├── BudgetExceeded          so were these four
    ├── ConfirmationNeeded
    ├── CannotTranslate
    ├── WrongAccount
    ├── Locked                  another operation on this cluster is running
    ├── StoreError              the event store
    │   ├── NotAStore
    │   ├── StoreUnusable
    │   ├── LogMoved            somebody else wrote first
    │   ├── UnknownEvent        written by a newer kubisnap
    │   └── MalformedEvent
    ├── ArchiveError            the snapshot file
    │   ├── CorruptArchive
    │   └── UnsupportedArchive
    ├── CloudError              what a cloud answered, or did not
    │   ├── ResourceMissing
    │   ├── Conflict
    │   ├── RateLimited
    │   ├── QuotaExceeded
    │   ├── Denied
    │   ├── Unavailable
    │   ├── TimedOut
    │   └── Rejected
    │       └── KeptByCloud
    ├── OperationFailed         an operation ended otherwise than intended; says what was undone
    └── Interrupted             Ctrl-C
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

Fact = str | int | float | bool | None | list[str]
Facts = dict[str, Fact]


class KubisnapError(Exception):
    """The root. Subclasses are dataclasses whose fields are the facts."""

    kind: ClassVar[str] = "failed"

    @property
    def hint(self) -> str:
        """Return the next thing to type or do, or an empty string."""
        return ""

    @property
    def facts(self) -> Facts:
        """Return the facts as JSON-able values, for machines."""
        return {}


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
    """A cluster name that is in use."""

    name: str

    def __str__(self) -> str:
        return f"a cluster named {self.name!r} already exists in this store"

    @property
    def hint(self) -> str:
        """Point at the cluster that has the name."""
        return f"kubisnap get {self.name}      see it, or choose another name"

    @property
    def facts(self) -> Facts:
        """Return the name."""
        return {"name": self.name}


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

    def __str__(self) -> str:
        return f"{self.cloud} cannot hold this cluster: {'; '.join(self.problems)}"

    @property
    def hint(self) -> str:
        """Say what to choose instead."""
        return "choose another region or cloud, or change the named parts of the cluster"

    @property
    def facts(self) -> Facts:
        """Return the problems."""
        return {"cloud": self.cloud, "problems": list(self.problems)}


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
    free_at: str

    def __str__(self) -> str:
        return (
            f"{self.cluster} is being changed by {self.actor}: #{self.operation} {self.operation_kind}, "
            f"{self.holder}, since {self.since}"
        )

    @property
    def hint(self) -> str:
        """Say when it becomes free."""
        return f"wait for it to end; if its process is gone the cluster is free {self.free_at}"

    @property
    def facts(self) -> Facts:
        """Return holder and times."""
        return {
            "cluster": self.cluster,
            "operation": self.operation,
            "actor": self.actor,
            "holder": self.holder,
            "since": self.since,
            "free_at": self.free_at,
        }


class StoreError(KubisnapError):
    """The event store cannot do what was asked."""


@dataclass(eq=False)
class NotAStore(StoreError):
    """The file that `--store` names is something else, or damaged."""

    kind: ClassVar[str] = "corrupt"
    url: str
    problem: str

    def __str__(self) -> str:
        return f"{self.url} is not a kubisnap store: {self.problem}"

    @property
    def hint(self) -> str:
        """Say that nothing was touched."""
        return "nothing was written to it; name another file with --store sqlite:///PATH"

    @property
    def facts(self) -> Facts:
        """Return the store's address."""
        return {"store": self.url, "problem": self.problem}


@dataclass(eq=False)
class StoreUnusable(StoreError):
    """The store cannot be opened or written: permissions, a full disk, a missing folder."""

    url: str
    problem: str

    def __str__(self) -> str:
        return f"cannot use the store {self.url}: {self.problem}"

    @property
    def hint(self) -> str:
        """Point at the check-up."""
        return "kubisnap doctor"

    @property
    def facts(self) -> Facts:
        """Return the store's address."""
        return {"store": self.url, "problem": self.problem}


@dataclass(eq=False)
class LogMoved(StoreError):
    """Optimistic concurrency: another writer appended to this cluster's log first."""

    kind: ClassVar[str] = "stale-plan"
    expected: int

    def __str__(self) -> str:
        return (
            f"the log moved past position {self.expected} while this was decided: somebody else wrote first"
        )

    @property
    def hint(self) -> str:
        """Say how to see who."""
        return "kubisnap log      see what came between, then run the command again"

    @property
    def facts(self) -> Facts:
        """Return the position that was expected to be the head."""
        return {"expected_position": self.expected}


@dataclass(eq=False)
class UnknownEvent(StoreError):
    """An event that this version of kubisnap cannot read."""

    tag: str
    schema: int
    known_schema: int | None

    def __str__(self) -> str:
        if self.known_schema is None:
            return f"the log holds an event of a kind unknown to this version: {self.tag}"
        return (
            f"the log holds {self.tag} in schema {self.schema}; this version reads up to {self.known_schema}"
        )

    @property
    def hint(self) -> str:
        """Say what would read it."""
        return "use the newer kubisnap that wrote it"

    @property
    def facts(self) -> Facts:
        """Return tag and schema numbers."""
        return {"tag": self.tag, "schema": self.schema, "known_schema": self.known_schema}


@dataclass(eq=False)
class MalformedEvent(StoreError):
    """Stored bytes that do not decode to the event that they claim to be."""

    kind: ClassVar[str] = "corrupt"
    tag: str
    problem: str

    def __str__(self) -> str:
        return f"an event in the log cannot be read: {self.tag}: {self.problem}"

    @property
    def facts(self) -> Facts:
        """Return tag and problem."""
        return {"tag": self.tag, "problem": self.problem}


class ArchiveError(KubisnapError):
    """A snapshot archive cannot be used."""

    kind: ClassVar[str] = "corrupt"


@dataclass(eq=False)
class CorruptArchive(ArchiveError):
    """Damaged, truncated, or not an archive at all. `offset` is in bytes from the start."""

    name: str
    problem: str
    offset: int | None = None

    def __str__(self) -> str:
        at = "" if self.offset is None else f" (at byte {self.offset})"
        return f"{self.name}: {self.problem}{at}"

    @property
    def hint(self) -> str:
        """Say that nothing was done with it."""
        return "nothing was read from it and nothing was changed; use another copy of the snapshot"

    @property
    def facts(self) -> Facts:
        """Return file, problem and offset."""
        return {"archive": self.name, "problem": self.problem, "offset": self.offset}


@dataclass(eq=False)
class UnsupportedArchive(ArchiveError):
    """Written in a newer format than this version can verify."""

    name: str
    version: str
    supported: str

    def __str__(self) -> str:
        return (
            f"{self.name}: written in archive format {self.version}, "
            f"this kubisnap verifies up to {self.supported}"
        )

    @property
    def hint(self) -> str:
        """Say what would read it."""
        return "the file may be fine: use a newer kubisnap"

    @property
    def facts(self) -> Facts:
        """Return both versions."""
        return {"archive": self.name, "version": self.version, "supported": self.supported}


@dataclass(eq=False)
class CloudError(KubisnapError):
    """What a cloud answered. `status` is the HTTP status where there is one.

    `request_id` is the provider's, to quote to its support. `retryable` says whether the same
    call may succeed later; `ambiguous` whether the call may have taken effect all the same.
    """

    cloud: str
    message: str
    status: int | None = None
    request_id: str = ""

    retryable: ClassVar[bool] = False
    ambiguous: bool = field(default=False, kw_only=True)

    def __str__(self) -> str:
        status = f" (HTTP {self.status})" if self.status else ""
        request = f" [request {self.request_id}]" if self.request_id else ""
        return f"{self.cloud}: {self.message}{status}{request}"

    @property
    def facts(self) -> Facts:
        """Return cloud, status and request id."""
        return {
            "cloud": self.cloud,
            "error": type(self).__name__,
            "message": self.message,
            "status": self.status,
            "request_id": self.request_id,
        }


@dataclass(eq=False)
class ResourceMissing(CloudError):
    """The thing asked about is not there (404)."""


@dataclass(eq=False)
class Conflict(CloudError):
    """The name is taken, or the thing is in use."""


@dataclass(eq=False)
class RateLimited(CloudError):
    """Too many requests; `retry_after` is in seconds, as the cloud asked, or None."""

    retry_after: float | None = None
    retryable: ClassVar[bool] = True


@dataclass(eq=False)
class QuotaExceeded(CloudError):
    """The account may not have more of this."""

    @property
    def hint(self) -> str:
        """Say what to do about a quota."""
        return f"raise the limit with {self.cloud} or make room, then run the command again"


@dataclass(eq=False)
class Denied(CloudError):
    """Credentials missing, refused or too narrow."""

    kind: ClassVar[str] = "denied"
    advice: str = ""

    @property
    def hint(self) -> str:
        """Name the setting that holds the credentials."""
        return self.advice


@dataclass(eq=False)
class Unavailable(CloudError):
    """No answer, or an answer that says to try later (5xx, reset, timeout)."""

    retryable: ClassVar[bool] = True

    @property
    def hint(self) -> str:
        """Say what to check."""
        return "check the network and the cloud's status page, then run the command again"


@dataclass(eq=False)
class TimedOut(CloudError):
    """The work was accepted and did not end within the time allowed."""

    kind: ClassVar[str] = "timeout"


@dataclass(eq=False)
class Rejected(CloudError):
    """The request is wrong and will stay so (400, 422)."""


@dataclass(eq=False)
class KeptByCloud(Rejected):
    """The cloud never gives this up, and nobody can make it: a region's default network, say.

    Whoever deletes lets go of it instead of failing for ever.
    """


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
        if isinstance(self.cause, Rejected):  # it would be refused again
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
class Interrupted(KubisnapError):
    """Ctrl-C. What was done is recorded."""

    kind: ClassVar[str] = "interrupted"
    cluster: str
    operation: int
    done: int
    total: int

    def __str__(self) -> str:
        return f"stopped after {self.done} of {self.total} steps; recorded as #{self.operation} (unfinished)"

    @property
    def hint(self) -> str:
        """Name the command that goes on."""
        return f"kubisnap apply {self.cluster}      goes on from here"

    @property
    def facts(self) -> Facts:
        """Return the counts."""
        return {"cluster": self.cluster, "operation": self.operation, "done": self.done, "total": self.total}


def facts_of(error: KubisnapError) -> Mapping[str, Fact]:
    """Return the facts of an error with its kind first."""
    return {"kind": error.kind, **error.facts}
