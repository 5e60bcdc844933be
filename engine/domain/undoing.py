"""Undo and redo, read from a cluster's log: what each operation changed of the intent. Pure.

Undo is sequential: it takes back the newest operation that is not itself undone, and repeated it goes
further back; redo goes forward again, until another operation changes the intent. The log is the only
memory of it. An operation that changed no intent (a capture, an apply that only caught up) does not
count; one that was abandoned does not either, and gives back what there was to undo and redo before it.
An operation that failed and was rolled back left its intent declared: it can be undone. But an undo that
so failed is not yet one: asked for again it is tried again, and does not go further back.
An undo of several operations at once names the oldest of them.

Only intents and the boundaries of operations are looked at. What is kept of each operation are two
copies of the intent that share their parts, so that a long log fits.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

import msgspec

from . import events as ev
from .cluster import NOTING, ClusterState
from .events import OperationKind
from .model import ClusterSpec
from .state import apply_intent


class Reach(StrEnum):
    """How far an operation can be taken back."""

    REVERSIBLE = "reversible"
    WITH_LOSS = "with-loss"
    IRREVERSIBLE = "irreversible"
    NOTHING = "nothing-to-undo"


class Reversal(msgspec.Struct, frozen=True, kw_only=True):
    """What undoing a kind of operation comes to. `way_back` is what to type instead, for `{cluster}`."""

    reach: Reach
    reason: str = ""
    way_back: str = ""


_BACK = Reversal(reach=Reach.REVERSIBLE)
_MADE = Reversal(
    reach=Reach.IRREVERSIBLE,
    reason="before it there was no cluster, and all that it holds would go",
    way_back="kubisnap delete {cluster}      removes it, and asks for its name",
)

REVERSALS: Final[Mapping[OperationKind, Reversal]] = {
    OperationKind.CREATE: _MADE,
    OperationKind.RESTORE: _MADE,
    OperationKind.FORK: _MADE,
    OperationKind.APPLY: _BACK,
    OperationKind.SCALE: _BACK,
    OperationKind.UNDO: _BACK,
    OperationKind.REDO: _BACK,
    OperationKind.REVERT: _BACK,
    OperationKind.DELETE: Reversal(
        reach=Reach.IRREVERSIBLE,
        reason="what was on its disks and volumes is gone, and its name was given back",
        way_back="kubisnap restore {snapshot}      makes it anew from its last snapshot\n"
        "kubisnap fork {cluster} --at '#{before}' --as {cluster}-2      makes another one as it was",
    ),
    OperationKind.CAPTURE: Reversal(reach=Reach.NOTHING, reason="a snapshot changes nothing in the cluster"),
    OperationKind.MIGRATE: Reversal(
        reach=Reach.NOTHING, reason="it wrote down a step of a migration, which changed nothing here"
    ),
    OperationKind.ABANDON: Reversal(reach=Reach.NOTHING, reason="it took back what was unfinished"),
    OperationKind.ROLLBACK: Reversal(reach=Reach.NOTHING, reason="it took back what was unfinished"),
}
"""What every kind of operation declares about its undoing."""


def reversal(kind: OperationKind, *, loses: bool = False) -> Reversal:
    """Return what taking back such an operation comes to; `loses`: its plan deletes what holds data."""
    declared = REVERSALS[kind]
    if loses and declared.reach is Reach.REVERSIBLE:
        return msgspec.structs.replace(declared, reach=Reach.WITH_LOSS)
    return declared


_GOING_BACK: Final = {OperationKind.UNDO, OperationKind.REDO, OperationKind.REVERT}
_OF: Final = re.compile(r"(of|to) #\d+")


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """An operation, and what was declared `before` and `after` it. `time` in microseconds since 1970 UTC.

    `of` is the operation that it took back, if it did.
    """

    number: int
    kind: OperationKind
    summary: str
    actor: str
    time: int
    of: int
    before: ClusterState
    after: ClusterState

    @property
    def changed(self) -> bool:
        """Whether it changed what is declared."""
        return self.before is not self.after

    @property
    def reversal(self) -> Reversal:
        """Return what taking it back comes to. An `apply` of a file may be what made the cluster."""
        return REVERSALS[self.kind] if self.before.declared or not self.changed else _MADE

    def __str__(self) -> str:
        short = _OF.match(self.summary) if self.kind in _GOING_BACK else None  # else they would grow and grow
        return f"#{self.number} {self.kind} {short[0] if short else self.summary}".rstrip()


@dataclass(frozen=True, eq=False)
class Stack:
    """What can be undone, the newest on top; the rest below. Shared by all moments that have it."""

    top: Act
    below: "Stack | None" = None


@dataclass(frozen=True, eq=False)
class Undone:
    """What can be done again: the `undo` that took back `acts`, and what there was to undo before it."""

    undo: Act
    acts: tuple[Act, ...]
    stack: Stack | None
    below: "Undone | None" = None


class Tried(NamedTuple):
    """An undo or a redo that failed and was rolled back: asked for again, it is the same one.

    `of` is what it took back, `before` the intent before it, `done` where things stand as soon as the
    cloud is as declared.
    """

    kind: OperationKind
    of: int
    before: ClusterState
    done: "Moment"


class Moment(NamedTuple):
    """Where things stood after an operation."""

    intent: ClusterState
    undo: Stack | None = None
    redo: Undone | None = None
    tried: Tried | None = None

    def settled(self) -> "Moment":
        """Return where things stand if an undo or redo that failed counts as done."""
        return self if self.tried is None else self.tried.done


class Undoing(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be taken back, chosen: an undo, a redo or a revert of `of`, towards `spec`.

    `acts` are the operations concerned, newest first; `to` is the operation to go back to, if one was
    named. `kept` says what cannot be as it was.
    """

    kind: OperationKind
    of: int
    acts: tuple[Act, ...]
    spec: ClusterSpec
    to: int = 0
    kept: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """Return what stands in the log behind the kind of operation."""
        if not self.to and len(self.acts) == 1:
            return f"of {self.acts[0]}"
        numbers = ", ".join(f"#{act.number}" for act in self.acts)
        if not self.to:
            return f"of {numbers}"
        return f"to #{self.to}, back over {numbers}" if self.acts else f"to #{self.to}"


@dataclass
class Past:
    """A log as undo sees it: its operations, and where things stood after each; `now` is after the last.

    `snapshot` is the file of the last snapshot that the log tells of, if it was written to one.
    """

    acts: dict[int, Act] = field(default_factory=dict)
    moments: dict[int, Moment] = field(default_factory=dict)
    now: Moment = Moment(ClusterState())  # noqa: RUF009 - never changed in place
    snapshot: str = ""


def read_past(events: Iterable[ev.Recorded]) -> Past:
    """Return what a cluster's log says about undoing. Events must come in order, from the first on."""
    past = Past()
    reader = _Reader(past)
    for item in events:
        event = item.event
        if isinstance(event, ev.OperationStarted):
            reader.close()
            reader.begin(event, item)
        elif isinstance(event, ev.Intent):
            reader.declare(event, item)
        elif isinstance(event, ev.RollbackStarted):
            reader.going_back = min(event.operations, default=0)
        elif isinstance(event, ev.OperationFinished):
            reader.finish(event, item)
        elif isinstance(event, ev.SnapshotCaptured):
            past.snapshot = event.file
    reader.close()
    return past


class _Reader:
    """Sorts a log's events into operations, one at a time."""

    def __init__(self, past: Past) -> None:
        self.past = past
        self.intent = ClusterState()
        self.going_back = 0
        self.outcome: ev.Outcome | None = None
        self._begun: tuple[ev.OperationStarted, ev.Recorded] | None = None
        self._declared = False
        self._before: dict[int, Moment] = {}

    def begin(self, event: ev.OperationStarted, recorded: ev.Recorded) -> None:
        self._begun = event, recorded
        self._declared, self.going_back, self.outcome = False, 0, None
        self._before[recorded.operation] = self.past.now

    def declare(self, event: ev.Intent, recorded: ev.Recorded) -> None:
        apply_intent(self.intent, event, recorded)
        self._declared = True

    def finish(self, event: ev.OperationFinished, recorded: ev.Recorded) -> None:
        if self._begun is not None and self._begun[1].operation == recorded.operation:
            self.outcome = event.outcome

    def close(self) -> None:
        """End the operation that began last."""
        if self._begun is None:
            return
        event, recorded = self._begun
        before = self.past.now
        act = Act(
            number=recorded.operation,
            kind=event.kind,
            summary=event.summary,
            actor=recorded.actor,
            time=recorded.time,
            of=event.of,
            before=before.intent,
            after=self.intent.intent() if self._declared else before.intent,
        )
        self.past.acts[act.number] = act
        self.past.now = self.past.moments[act.number] = self._moved(act, before)
        self._begun = None

    def _moved(self, act: Act, before: Moment) -> Moment:
        """Return where things stand after an operation."""
        if act.kind is OperationKind.ABANDON and self.going_back in self._before:
            return self._before[self.going_back]._replace(intent=act.after)
        if act.kind is OperationKind.ROLLBACK and self.going_back in self._before:
            undone = self.past.acts[self.going_back]
            return self._tried(undone, self._before[self.going_back], before)
        tried = before.tried
        if tried is not None and (act.kind, act.of) == (tried.kind, tried.of):
            before = before._replace(tried=None)
            act = msgspec.structs.replace(act, before=tried.before)
        elif act.changed or self._caught_up(act):
            before = before.settled()
        moved = _after(act, before)
        return self._tried(act, before, moved) if self.outcome is ev.Outcome.ROLLED_BACK else moved

    def _caught_up(self, act: Act) -> bool:
        return self.outcome is ev.Outcome.SUCCEEDED and act.kind not in NOTING

    @staticmethod
    def _tried(act: Act, before: Moment, done: Moment) -> Moment:
        """Return where things stand after an undo or redo that was rolled back; the intent stays declared."""
        if act.kind not in {OperationKind.UNDO, OperationKind.REDO} or not act.of:
            return done
        return before._replace(intent=act.after, tried=Tried(act.kind, act.of, act.before, done))


def _after(act: Act, before: Moment) -> Moment:
    """Return where things stand after an operation that came about."""
    if not act.changed:
        return before
    if act.kind is OperationKind.UNDO and (over := popped(before.undo, act.of)):
        undone = Undone(act, tuple(stack.top for stack in over), before.undo, before.redo)
        return Moment(act.after, over[-1].below, undone)
    redo = before.redo
    if act.kind is OperationKind.REDO and redo is not None and redo.undo.number == act.of:
        return Moment(act.after, redo.stack, redo.below)
    return Moment(act.after, Stack(act, before.undo))


def popped(stack: Stack | None, number: int) -> list[Stack]:
    """Return the stacks from the whole one down to that whose top is the operation; none if it is not in."""
    found: list[Stack] = []
    while stack is not None:
        found.append(stack)
        if stack.top.number == number:
            return found
        stack = stack.below
    return []
