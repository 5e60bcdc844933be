"""Errors of what keeps the history: the event store and the snapshot file."""

from dataclasses import dataclass
from typing import ClassVar

from .base import Facts, KubisnapError


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
        if self.url.startswith("sqlite:"):
            return "nothing was written to it; name another file with --store sqlite:///PATH"
        return (
            "nothing was written to it; name another database with --store postgresql://USER@HOST/DATABASE, "
            "or, in a shared one, have an empty schema kubisnap made"
        )

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
class StoreDenied(StoreUnusable):
    """The user of a team store may not do this: an auditor may only read."""

    kind: ClassVar[str] = "denied"

    def __str__(self) -> str:
        return f"the store {self.url} does not let this user do that: {self.problem}"

    @property
    def hint(self) -> str:
        """Say what is needed."""
        return "name a user that may: --store postgresql://USER@HOST/DATABASE; roles are in docs/stores.md"


@dataclass(eq=False)
class MissingDriver(StoreUnusable):
    """The store is PostgreSQL, and the package that speaks to it is not installed."""

    @property
    def hint(self) -> str:
        """Say how to install it."""
        return "pip install 'kubisnap[postgres]'"


@dataclass(eq=False)
class DamagedIndex(StoreError):
    """The audit index does not go with the events, or cannot be read. The events are not concerned."""

    kind: ClassVar[str] = "corrupt"
    problem: str

    def __str__(self) -> str:
        return f"the audit index is damaged: {self.problem}"

    @property
    def hint(self) -> str:
        """Say how it is made anew."""
        return "kubisnap audit rebuild      makes it anew from the events"

    @property
    def facts(self) -> Facts:
        """Return the problem."""
        return {"problem": self.problem}


@dataclass(eq=False)
class LogMoved(StoreError):
    """Optimistic concurrency: another writer appended to this cluster's log first.

    `beyond`: the log does not even reach the position. It is not the one that was read: a backup was put
    in its place, say.
    """

    kind: ClassVar[str] = "stale-plan"
    expected: int
    beyond: bool = False

    def __str__(self) -> str:
        if self.beyond:
            return f"the log ends before position {self.expected}, where it was read: it is another one now"
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
        return {"expected_position": self.expected, "beyond": self.beyond}


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
    intact: tuple[int, int] | None = None

    def __str__(self) -> str:
        at = "" if self.offset is None else f" (at byte {self.offset})"
        return f"{self.name}: {self.problem}{at}{self._before()}"

    def _before(self) -> str:
        if self.intact is None:
            return ""
        first, last = self.intact
        return (
            "; no event before it is intact"
            if last < first
            else f"; events {first} to {last} before it are intact"
        )

    @property
    def hint(self) -> str:
        """Say that nothing was done with it, and what can be saved."""
        lines = ["nothing was acted on and nothing was changed; use another copy of the snapshot"]
        if self.intact is not None and self.intact[0] <= self.intact[1]:
            lines.append(f"kubisnap export {self.name} --salvage      what is intact, as JSON lines")
        return "\n".join(lines)

    @property
    def facts(self) -> Facts:
        """Return file, problem, offset, and the first and last event that are intact."""
        first, last = self.intact or (None, None)
        return {
            "archive": self.name,
            "problem": self.problem,
            "offset": self.offset,
            "intact_first": first,
            "intact_last": last,
        }


@dataclass(eq=False)
class WrongKey(ArchiveError):
    """An encrypted archive that nothing given opens.

    `slots` is how many keys would, one of them a `passphrase` or not; `tried` is whether any was given.
    """

    kind: ClassVar[str] = "wrong-key"
    name: str
    slots: int
    passphrase: bool
    tried: bool

    def __str__(self) -> str:
        given = "nothing that was given opens it" if self.tried else "no key was given"
        return f"{self.name}: encrypted, and {given}"

    @property
    def hint(self) -> str:
        """Say how to hand in a key."""
        lines = []
        if self.slots > self.passphrase:
            lines.append(
                "--identity FILE      an age or SSH private key, or the name of a key in kubisnap keys list"
            )
        if self.passphrase:
            lines.append(
                "KUBISNAP_PASSPHRASE_FILE=FILE      the passphrase, where there is no terminal to type it at"
            )
        return "\n".join(lines)

    @property
    def facts(self) -> Facts:
        """Return the archive and what would open it."""
        return {"archive": self.name, "slots": self.slots, "passphrase": self.passphrase}


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
class NotEncrypted(ArchiveError):
    """A key was named to open an archive with, and it is not encrypted: somebody may have replaced it."""

    kind: ClassVar[str] = "wrong-key"
    name: str

    def __str__(self) -> str:
        return f"{self.name} is not encrypted, though a key was named to open it with"

    @property
    def hint(self) -> str:
        """Say how to go on, if that is right."""
        return "if you know that it never was encrypted, leave the key out"

    @property
    def facts(self) -> Facts:
        """Return the file."""
        return {"archive": self.name}


@dataclass(eq=False)
class NotSigned(ArchiveError):
    """No key that is trusted signed the archive; whether it is whole is another question."""

    name: str
    strangers: tuple[str, ...] = ()

    def __str__(self) -> str:
        by = f"; the signatures call themselves {', '.join(self.strangers)}" if self.strangers else ""
        return f"{self.name} is not signed by anyone you trust{by}"

    @property
    def hint(self) -> str:
        """Say how trust is given."""
        return "kubisnap keys list      the keys that are trusted; others: --trusted FILE"

    @property
    def facts(self) -> Facts:
        """Return the file and who claims to have signed it."""
        return {"archive": self.name, "strangers": ", ".join(self.strangers)}


@dataclass(eq=False)
class MissingParent(ArchiveError):
    """An incremental snapshot whose parent was not found. `parent` is the parent's digest."""

    kind: ClassVar[str] = "not-found"
    name: str
    parent: str
    position: int
    looked_in: str = ""

    def __str__(self) -> str:
        where = f", nor in {self.looked_in}" if self.looked_in else ""
        return (
            f"{self.name} goes on after event {self.position} of the snapshot {self.parent}, "
            f"which was not given{where}"
        )

    @property
    def hint(self) -> str:
        """Say how to hand it in."""
        return "put it beside this one, or name it: --with FILE"

    @property
    def facts(self) -> Facts:
        """Return the file, and which parent is missing."""
        return {"archive": self.name, "parent": self.parent, "position": self.position}


@dataclass(eq=False)
class PassphraseNotTried(ArchiveError):
    """Trying an archive's passphrase would take this machine too long. The archive may be fine."""

    kind: ClassVar[str] = "failed"
    name: str

    def __str__(self) -> str:
        return f"{self.name}: this machine is too slow, or too busy, to try the passphrase"

    @property
    def hint(self) -> str:
        """Say what else opens it."""
        return "run the command again on another machine, or with a key that opens it: --identity FILE"

    @property
    def facts(self) -> Facts:
        """Return the file."""
        return {"archive": self.name}
