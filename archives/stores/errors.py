"""What can go wrong with a store of archives. None of these carries a secret, or a server's free text."""

from dataclasses import dataclass
from typing import ClassVar

from ...engine.errors import ArchiveError, Facts


class ArchiveStoreError(ArchiveError):
    """A store of archives cannot do what was asked."""

    kind: ClassVar[str] = "failed"


@dataclass(eq=False)
class NameTaken(ArchiveStoreError):
    """There is something under the name already, and archives are never written over anything."""

    store: str
    name: str

    def __str__(self) -> str:
        return f"{self.store} holds {self.name} already, and snapshots are never written over anything"

    @property
    def hint(self) -> str:
        """Say that what is there is as it was."""
        return "what is there was not touched; take another snapshot"

    @property
    def facts(self) -> Facts:
        """Return store and name."""
        return {"archives": self.store, "name": self.name}


@dataclass(eq=False)
class StoreFailed(ArchiveStoreError):
    """The store does not answer, or says that it cannot. `code` is the server's word for it."""

    store: str
    problem: str
    code: str = ""
    request_id: str = ""

    def __str__(self) -> str:
        said = f" ({self.code})" if self.code else ""
        request = f" [request {self.request_id}]" if self.request_id else ""
        return f"cannot use the archives in {self.store}: {self.problem}{said}{request}"

    @property
    def hint(self) -> str:
        """Say that the same can be tried again."""
        return "check the address and the network, then run the command again; nothing half-written counts"

    @property
    def facts(self) -> Facts:
        """Return what is known."""
        return {
            "archives": self.store,
            "problem": self.problem,
            "code": self.code,
            "request": self.request_id,
        }


@dataclass(eq=False)
class StoreDenied(StoreFailed):
    """Credentials are missing or refused, or do not allow this."""

    kind: ClassVar[str] = "denied"

    def __str__(self) -> str:
        return f"denied: {super().__str__()}"

    @property
    def hint(self) -> str:
        """Say where credentials come from."""
        if not self.store.startswith("s3://"):
            return "check who owns the folder and its permissions"
        return (
            "check AWS_PROFILE or AWS_ACCESS_KEY_ID, and what it is allowed (docs/archive-stores.md lists it)"
        )


@dataclass(eq=False)
class HeldByLock(ArchiveStoreError):
    """The bucket's object lock does not let an archive go yet: `until` a time, or empty for a legal hold."""

    kind: ClassVar[str] = "denied"
    store: str
    name: str
    until: str = ""

    def __str__(self) -> str:
        until = f"until {self.until}" if self.until else "by a legal hold"
        return f"{self.name} cannot be removed from {self.store}: it is locked {until}"

    @property
    def hint(self) -> str:
        """Say that this is what the lock is for."""
        return "the lock does its work; run kubisnap gc again when it is over"

    @property
    def facts(self) -> Facts:
        """Return name and time."""
        return {"archives": self.store, "name": self.name, "until": self.until}


@dataclass(eq=False)
class NotExclusive(ArchiveStoreError):
    """The server cannot create an object only where there is none, so it could write over an archive."""

    store: str

    def __str__(self) -> str:
        return f"{self.store} cannot promise not to write over a snapshot: it knows no conditional writes"

    @property
    def hint(self) -> str:
        """Say what is needed."""
        return "use a server that honours If-None-Match on PutObject and CompleteMultipartUpload, or a folder"

    @property
    def facts(self) -> Facts:
        """Return the store."""
        return {"archives": self.store}


@dataclass(eq=False)
class Replaced(ArchiveStoreError):
    """While an archive was read, something else came to stand under its name, or nothing does any more."""

    kind: ClassVar[str] = "corrupt"
    store: str
    name: str

    def __str__(self) -> str:
        return f"{self.name} was replaced or removed in {self.store} while it was read"

    @property
    def hint(self) -> str:
        """Say that this does not happen by itself."""
        return (
            "nothing was done with what was read; kubisnap never replaces a snapshot: see who can write there"
        )

    @property
    def facts(self) -> Facts:
        """Return store and name."""
        return {"archives": self.store, "name": self.name}


@dataclass(eq=False)
class ExtraMissing(ArchiveStoreError):
    """Object storage needs a package that is not installed."""

    store: str

    def __str__(self) -> str:
        return f"{self.store} needs the package boto3, which is not installed"

    @property
    def hint(self) -> str:
        """Return the command."""
        return "pip install 'kubisnap[s3]'"

    @property
    def facts(self) -> Facts:
        """Return the package's name."""
        return {"archives": self.store, "package": "boto3"}
