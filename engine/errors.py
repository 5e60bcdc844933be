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
    ├── NothingUnfinished       there is nothing to resume or abandon
    ├── StalePlan               a saved plan, and the cluster is not what it was made for any more
    ├── CorruptPlan             a saved plan that cannot be read
    ├── TooManyDeletions        more than `--max-deletions` allows
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
    ├── RollbackIncomplete      something could not be taken back
    ├── PerhapsTwice            all is made, and something may be there twice
    └── Interrupted             Ctrl-C: stopped, recorded, to be resumed or abandoned
        ├── OutOfTime           so is this: `--timeout` ran out
        └── CloudSilent         and this: the cloud does not answer any more
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

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


def facts_of(error: KubisnapError) -> Mapping[str, Fact]:
    """Return the facts of an error with its kind first."""
    return {"kind": error.kind, **error.facts}
