"""Every error that kubisnap raises on purpose, in one tree.

An error carries facts; its sentence is made in ``__str__`` and its next step in ``hint``.
Each family has a module; all are imported from here. Nothing here knows exit codes or screens:
`kubisnap.cli.exits` turns an error into text, JSON and an exit status, in one place.

    KubisnapError
    ├── InvalidInput            what was typed or written is wrong: names the field and the place
    ├── NotFound                no such cluster, operation, store, ...
    ├── AlreadyExists           the name is taken
    │   └── NameHeld            by another cluster than the one whose history is imported
    ├── Refused                 understood, and declined before anything was changed
    ├── BudgetExceeded          so were these five
    ├── ConfirmationNeeded
    ├── CannotTranslate
    ├── LossesRefused           --strict, and the target cloud cannot hold all of it
    ├── WrongAccount
    ├── NothingUnfinished       there is nothing to resume or abandon
    ├── StillUnfinished         something is, and is to be resumed or abandoned first
    ├── NothingToUndo           nor to redo, or the operation changed nothing
    ├── Irreversible            an operation that undo does not take back; says what does
    ├── ChangedSince            what an operation changed was changed again after it
    ├── StalePlan               a saved plan, and the cluster is not what it was made for any more
    ├── CorruptPlan             a saved plan that cannot be read
    ├── TooManyDeletions        more than `--max-deletions` allows
    ├── AnotherMigration        the cluster is on its way to somewhere else
    ├── MigrationBlocked        preflight found what is in the way
    ├── NotVerified             a migrated cluster is not as it should be
    ├── SourceMovedOn           and what it is migrated from was changed since it was captured
    ├── Locked                  another operation on this cluster is running
    ├── StoreError              the event store
    │   ├── NotAStore
    │   ├── StoreUnusable
    │   │   ├── StoreDenied     the user of a team store may not do this
    │   │   └── MissingDriver   PostgreSQL, without the package that speaks to it
    │   ├── DamagedIndex        the audit index, which can be made anew
    │   ├── LogMoved            somebody else wrote first
    │   ├── AnotherHistory      what is to be imported does not go on from what is there
    │   │   └── HistoryThere    or what is to be copied from another store
    │   ├── BrokenChain         events are not what was written
    │   ├── IndexDiffers        the audit index is not what the events say
    │   ├── CopyDiffers         what arrived is not what was sent
    │   ├── UnknownEvent        written by a newer kubisnap
    │   └── MalformedEvent
    ├── ArchiveError            the snapshot file
    │   ├── CorruptArchive
    │   ├── CorruptLines        exported events with a line that no export wrote
    │   ├── Salvaged            a part of a damaged archive was saved
    │   ├── NotEncrypted        a key was named, and the file is not encrypted
    │   ├── NotSigned           by nobody who is trusted
    │   ├── MissingParent       an incremental snapshot goes on from one that is not there
    │   ├── PassphraseNotTried  it would take this machine too long
    │   ├── WrongKey            encrypted, and nothing given opens it
    │   └── UnsupportedArchive
    ├── CloudError              what a cloud answered, or did not
    │   ├── ResourceMissing
    │   ├── Conflict
    │   │   └── Busy            it is being changed: the same call succeeds in a while
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

from .asking import (
    AlreadyExists,
    BudgetExceeded,
    CannotTranslate,
    ConfirmationNeeded,
    InvalidInput,
    LossesRefused,
    NotFound,
    Refused,
    WrongAccount,
)
from .auditing import BrokenChain, IndexDiffers
from .base import Fact, Facts, KubisnapError
from .clouds import (
    Busy,
    CloudError,
    Conflict,
    Denied,
    KeptByCloud,
    QuotaExceeded,
    RateLimited,
    Rejected,
    ResourceMissing,
    TimedOut,
    Unavailable,
)
from .endings import CloudSilent, Interrupted, OperationFailed, OutOfTime, PerhapsTwice, RollbackIncomplete
from .keeping import (
    ArchiveError,
    CorruptArchive,
    DamagedIndex,
    LogMoved,
    MalformedEvent,
    MissingDriver,
    MissingParent,
    NotAStore,
    NotEncrypted,
    NotSigned,
    PassphraseNotTried,
    StoreDenied,
    StoreError,
    StoreUnusable,
    UnknownEvent,
    UnsupportedArchive,
    WrongKey,
)
from .migrating import AnotherMigration, MigrationBlocked, NotVerified, SourceMovedOn
from .moving import AnotherHistory, CopyDiffers, CorruptLines, HistoryThere, NameHeld, Salvaged
from .standing import Came, CorruptPlan, Locked, NothingUnfinished, StalePlan, TooManyDeletions
from .undoing import Again, ChangedSince, Irreversible, NothingToUndo, StillUnfinished

__all__ = [
    "Again",
    "AlreadyExists",
    "AnotherHistory",
    "AnotherMigration",
    "ArchiveError",
    "BrokenChain",
    "BudgetExceeded",
    "Busy",
    "Came",
    "CannotTranslate",
    "ChangedSince",
    "CloudError",
    "CloudSilent",
    "ConfirmationNeeded",
    "Conflict",
    "CopyDiffers",
    "CorruptArchive",
    "CorruptLines",
    "CorruptPlan",
    "DamagedIndex",
    "Denied",
    "Fact",
    "Facts",
    "HistoryThere",
    "IndexDiffers",
    "Interrupted",
    "InvalidInput",
    "Irreversible",
    "KeptByCloud",
    "KubisnapError",
    "Locked",
    "LogMoved",
    "LossesRefused",
    "MalformedEvent",
    "MigrationBlocked",
    "MissingDriver",
    "MissingParent",
    "NameHeld",
    "NotAStore",
    "NotEncrypted",
    "NotFound",
    "NotSigned",
    "NotVerified",
    "NothingToUndo",
    "NothingUnfinished",
    "OperationFailed",
    "OutOfTime",
    "PassphraseNotTried",
    "PerhapsTwice",
    "QuotaExceeded",
    "RateLimited",
    "Refused",
    "Rejected",
    "ResourceMissing",
    "RollbackIncomplete",
    "Salvaged",
    "SourceMovedOn",
    "StalePlan",
    "StillUnfinished",
    "StoreDenied",
    "StoreError",
    "StoreUnusable",
    "TimedOut",
    "TooManyDeletions",
    "Unavailable",
    "UnknownEvent",
    "UnsupportedArchive",
    "WrongAccount",
    "WrongKey",
    "facts_of",
]


def facts_of(error: KubisnapError) -> Mapping[str, Fact]:
    """Return the facts of an error with its kind first."""
    return {"kind": error.kind, **error.facts}
