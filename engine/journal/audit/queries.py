"""What can be asked of the audit index, and what is answered."""

import re
from typing import Final, Generic, NamedTuple, TypeVar

import msgspec

from ...domain.events import OperationKind, Outcome, Recorded, all_event_types, tag_of
from ...domain.subjects import split, word
from ...errors import InvalidInput

KINDS_OF_OPERATIONS: Final = frozenset(OperationKind)
KINDS_OF_EVENTS: Final = frozenset(map(tag_of, all_event_types()))
OUTCOMES: Final = (*map(str, Outcome), "unfinished")
_SHORTEST_BEGINNING: Final = 3
_CURSOR: Final = re.compile(r"(\d{1,18})(?:\.(\d{1,18}))?", re.ASCII)

_LATEST: Final = (1 << 63) - 1

T = TypeVar("T")


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for; what is empty does not matter.

    `clusters` are ids; `since` and `until` microseconds since 1970 UTC, both included. `kind` is one of
    an operation or of an event, `resource` a kind and perhaps a name (``server/workers-0``), `text` words
    that must all be in an event; one that ends in * stands for all that begin so. `upto` is a position
    in the store: nothing after it counts.
    """

    clusters: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None
    actor: str = ""
    kind: str = ""
    resource: str = ""
    outcome: str = ""
    text: str = ""
    upto: int = 0

    def __post_init__(self) -> None:
        if self.kind and self.kind not in KINDS_OF_OPERATIONS | KINDS_OF_EVENTS:
            raise InvalidInput(
                "--kind",
                f"{self.kind!r} is neither an operation's kind nor an event's",
                advice=f"{', '.join(sorted(KINDS_OF_OPERATIONS))}; or an event's, such as FirewallDeclared",
            )
        if self.outcome and self.outcome not in OUTCOMES:
            raise InvalidInput("--outcome", f"{self.outcome!r} is no outcome", advice=", ".join(OUTCOMES))
        for name, time in (("--since", self.since), ("--until", self.until)):
            if time is not None and abs(time) > _LATEST:
                raise InvalidInput(name, f"{time} microseconds are not a time")
        for name, text in (
            ("CLUSTER", "".join(self.clusters)),
            ("--actor", self.actor),
            ("--resource", self.resource),
            ("--grep", self.text),
        ):
            if not _is_text(text):
                raise InvalidInput(name, f"{text!r} is not text in UTF-8")
        self.words()

    @property
    def operation_kind(self) -> str:
        """Return the kind, if it is an operation's."""
        return self.kind if self.kind in KINDS_OF_OPERATIONS else ""

    @property
    def event_kind(self) -> str:
        """Return the kind, if it is an event's."""
        return self.kind if self.kind not in KINDS_OF_OPERATIONS else ""

    @property
    def of_events(self) -> bool:
        """Whether single events must be looked at, to know which operations fit."""
        timed = self.since is not None or self.until is not None
        return bool(self.actor or self.event_kind or self.resource or self.text or timed)

    def without_beginnings(self) -> tuple["Query", list[str]]:
        """Return the same without those words that are only beginnings, and these."""
        words = self.words()
        whole = " ".join(text for text, beginning in words if not beginning)
        return msgspec.structs.replace(self, text=whole), [text for text, beginning in words if beginning]

    def words(self) -> list[tuple[str, bool]]:
        """Return the words that are asked for, and whether each is only a beginning.

        Raises `InvalidInput` for text without a word, and for a beginning that says too little.
        """
        found = []
        for item in split(self.text):
            beginning = item.endswith("*")
            text = word(item.rstrip("*") if beginning else item)
            if beginning and len(text) < _SHORTEST_BEGINNING:
                raise InvalidInput(
                    "--grep",
                    f"{item!r} is too short a beginning",
                    advice="three letters and more, such as wor*",
                )
            if text:
                found.append((text, beginning))
        if self.text and not found:
            raise InvalidInput("--grep", f"there is no word in {self.text!r}")
        return found


def _is_text(text: str) -> bool:
    """Whether it can be written: what came from the command line as other bytes cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


class Found(NamedTuple):
    """An event that was asked for. `position` is in the store; `resource` is what it is about."""

    position: int
    resource: str
    recorded: Recorded


class Page(NamedTuple, Generic[T]):
    """Some answers, newest first. `cursor` asks for those after them; empty: there are no more."""

    items: list[T]
    cursor: str


class Cursor(NamedTuple):
    """Where a page begins: after the position `before`; events are walked from `scan` on."""

    before: int | None = None
    scan: int | None = None

    @classmethod
    def parsed(cls, text: str) -> "Cursor":
        """Return what a page's `cursor` says. Raises `InvalidInput` for anything else.

        >>> Cursor.parsed(""), Cursor.parsed("17.42")
        (Cursor(before=None, scan=None), Cursor(before=17, scan=42))
        """
        if not text:
            return cls()
        match = _CURSOR.fullmatch(text)
        if match is None:
            raise InvalidInput("--cursor", f"{text!r} is not one that a page ended with")
        return cls(int(match[1]), None if match[2] is None else int(match[2]))
