"""Moments: what a reference comes to in one log, and how the cluster was then.

A moment is a prefix of the log: every event up to one position. Its order is the log's, not the
clocks': a time names the last event, by position, that was recorded then or before, so that what a
clock ahead of others recorded in between belongs to it, too.
"""

from typing import Final, NamedTuple

from ..domain.model import ClusterSpec
from ..domain.refs import Back, ByEvent, ByOperation, BySnapshot, ByTime, LoggedRef, Now, Qualified
from ..domain.state import ClusterState
from ..domain.times import timestamp
from ..errors import InvalidInput, NotFound
from ..journal.log import Journal
from .looking import Marks, Place, marks_of

_DIGEST: Final = "sha256:"


class Moment(NamedTuple):
    """The log up to and with `position`.

    `time` is in microseconds since 1970 UTC: the one that was asked for, or that of the event at
    `position`. `operation` is the newest operation that had begun by then.
    """

    position: int
    time: int
    operation: int


def find_moment(marks: Marks, ref: LoggedRef, name: str, *, look: str = "") -> Moment:
    """Return the moment that a reference names in a log; `name` is what the cluster is called.

    `look` is the command that shows this log, ``kubisnap log NAME`` where none is given.

    ``#42`` is after the last event of operation 42. ``@-N`` is after the last event of the operation
    that began N before the newest one, ended or not. Raises `NotFound` where it names nothing,
    `InvalidInput` where a digest fits several snapshots.
    """
    last = marks.last()
    if last is None:
        raise NotFound("event in the log of", name)
    place = _place(marks, ref, last)
    if place is not None:
        return Moment(place.position, ref.time if isinstance(ref, ByTime) else place.time, place.operation)
    raise (
        _not_yet(marks, ref, name)
        if isinstance(ref, ByTime)
        else _nothing(marks, ref, name, last, look or f"kubisnap log {name}")
    )


def _place(marks: Marks, ref: LoggedRef, last: Place) -> Place | None:
    match ref:
        case Now():
            return last
        case ByTime(time=time):
            return marks.until(time)
        case ByOperation(number=number):
            return marks.end_of(number)
        case Back(count=count):
            return _back(marks, count)
        case ByEvent(position=position):
            return marks.at(position)
        case BySnapshot(digest=digest):
            return _captured(marks, digest)


def moment_of(journal: Journal, cluster_id: str, ref: LoggedRef, name: str) -> Moment:
    """Return the moment that a reference names in a cluster's log. Raises `NotFound`, `InvalidInput`."""
    return find_moment(marks_of(journal, cluster_id), ref, name)


def state_at(journal: Journal, cluster_id: str, moment: Moment) -> ClusterState:
    """Return the fold of a cluster's log up to a moment."""
    return journal.state(cluster_id, until=moment.position)


def spec_at(journal: Journal, cluster_id: str, moment: Moment) -> ClusterSpec:
    """Return what was declared at a moment. Raises `NotFound` where that was nothing yet."""
    state = state_at(journal, cluster_id, moment)
    if not state.declared:
        raise NotFound("cluster", f"{cluster_id[:8]}@e{moment.position}", advice="nothing was declared yet")
    return state.spec()


def name_of(marks: Marks, moment: Moment, name: str) -> str:
    """Return how a moment of a cluster can be typed: ``web#2`` where it ends an operation, ``web@e17``."""
    end = marks.end_of(moment.operation)
    ends = end is not None and end.position == moment.position
    return str(Qualified(name, ByOperation(moment.operation) if ends else ByEvent(moment.position)))


def last_wanted(journal: Journal, cluster_id: str) -> int | None:
    """Return the newest operation after which the cluster was not to be deleted; None: there is none."""
    marks = marks_of(journal, cluster_id)
    for number in reversed(marks.operations()):
        end = marks.end_of(number)
        state = None if end is None else journal.state(cluster_id, until=end.position)
        if state is not None and state.declared and not state.retired:
            return number
    return None


def cluster_of(journal: Journal, name: str, ref: LoggedRef) -> str:
    """Return the id of the cluster that a name stands for at a moment; also of one that is gone.

    A time names the one that had the name then: the last that had begun. Everything else is counted
    in the log of the last one that had it. Raises `NotFound`.
    """
    found = journal.cluster_id(name, gone=True)
    if isinstance(ref, ByTime) and "@" not in name:
        for cluster_id in journal.holders(name):
            first = marks_of(journal, cluster_id).first()
            if first is not None and first.time <= ref.time:
                found = cluster_id
    return found


def _back(marks: Marks, count: int) -> Place | None:
    numbers = marks.operations()
    return marks.end_of(numbers[-1 - count]) if count < len(numbers) else None


def _captured(marks: Marks, digest: str) -> Place | None:
    kept = marks.snapshots()
    if digest == "latest":
        fitting = kept[-1:]
    else:
        fitting = [item for item in kept if item.digest.removeprefix(_DIGEST).startswith(digest)]
    if not fitting:
        return None
    if len({item.digest for item in fitting}) > 1:
        raise InvalidInput(f"snap:{digest}", f"{len(fitting)} snapshots begin so", advice="add digits")
    return marks.at(fitting[-1].position)


def _not_yet(marks: Marks, ref: ByTime, name: str) -> NotFound:
    """Return the error for a time before the log began."""
    first = marks.first()
    began = "" if first is None else f"the log of {name} begins at {timestamp(first.time)}"
    return NotFound("cluster", str(Qualified(name, ref)), advice=began)


def _nothing(marks: Marks, ref: LoggedRef, name: str, last: Place, look: str) -> NotFound:
    """Return the error for a place that the log does not have, with what it has."""
    called = str(Qualified(name, ref))
    if isinstance(ref, BySnapshot):
        return NotFound("snapshot", str(ref), advice=f"{look}      its snapshots: {len(marks.snapshots())}")
    if isinstance(ref, ByEvent):
        return NotFound("event", called, advice=f"{look}      its events: {last.position}")
    numbers = marks.operations()
    there = " to ".join(f"#{number}" for number in dict.fromkeys((*numbers[:1], *numbers[-1:]))) or "none"
    return NotFound("operation", called, advice=f"{look}      its operations: {there}")
