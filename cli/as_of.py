"""References on the command line: read by this machine's clock and zone, looked up, and echoed."""

from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Any, NamedTuple

from ..engine.domain.refs import ByTime, LoggedRef, Now, Qualified, parse_logged_ref
from ..engine.domain.state import ClusterState
from ..engine.domain.times import timestamp
from ..engine.errors import InvalidInput, NotFound
from ..engine.journal.log import Journal
from ..engine.operations.looking import Marks, marks_of
from ..engine.operations.moments import (
    Moment,
    cluster_of,
    find_moment,
    moment_of,
    name_of,
    state_at,
)
from . import wiring
from .render.style import rfc3339
from .session import Session

if TYPE_CHECKING:
    from ..archives import SnapshotHeader


class Then(NamedTuple):
    """A moment of one cluster: how it was typed, what it came to, and how that can be typed (`called`)."""

    text: str
    cluster_id: str
    name: str
    moment: Moment
    called: str


def read_ref(text: str, now: int, *, field: str = "--as-of") -> LoggedRef:
    """Return the reference that was typed; `now` in microseconds since 1970 UTC. Raises `InvalidInput`."""
    return parse_logged_ref(text, now=now, zone=wiring.local_zone(), field=field)


def find(journal: Journal, name: str, text: str, now: int, *, field: str = "--as-of") -> Then:
    """Return the moment of a cluster that was typed; also of one that is gone. Raises `NotFound`."""
    return found(journal, Qualified(name, read_ref(text, now, field=field)), text)


def found(journal: Journal, what: Qualified, text: str) -> Then:
    """Return the moment of a cluster that a reference names. Raises `NotFound`, `InvalidInput` for live."""
    ref = what.ref
    if not isinstance(ref, LoggedRef):
        raise InvalidInput("REF", f"{text} is not in the log")
    cluster_id = cluster_of(journal, what.cluster, ref)
    moment = moment_of(journal, cluster_id, ref, what.cluster)
    called = name_of(marks_of(journal, cluster_id), moment, what.cluster)
    return Then(text, cluster_id, what.cluster, moment, called)


def in_archive(text: str, file: str, now: int) -> "Callable[[Marks, SnapshotHeader], Then]":
    """Return what finds a moment in the log of an archive, for ``--at``. Raises `InvalidInput`."""
    ref = read_ref(text, now, field="--at")

    def find_in(marks: Marks, header: "SnapshotHeader") -> Then:
        name = header.cluster_name
        moment = find_moment(marks, ref, name, look=f"kubisnap export {file}")
        return Then(text, header.cluster_id, name, moment, name_of(marks, moment, name))

    return find_in


def existing(journal: Journal, then: Then) -> ClusterState:
    """Return how the cluster was. Raises `NotFound` where it was not declared yet, or deleted."""
    state = state_at(journal, then.cluster_id, then.moment)
    advice = f"kubisnap log {then.name}"
    if not state.declared:
        raise NotFound("cluster", then.called, advice=f"{advice}      nothing was declared yet")
    if state.gone:
        raise NotFound("cluster", then.called, advice=f"{advice}      it was deleted by then")
    return state


def all_existing(journal: Journal, text: str, now: int) -> tuple[int, list[ClusterState]]:
    """Return the time that was typed, and every cluster that there was then.

    Raises `InvalidInput` for what is counted in the log of one cluster.
    """
    ref = read_ref(text, now)
    if not isinstance(ref, ByTime | Now):
        raise InvalidInput(
            "--as-of",
            f"{text} is counted in the log of one cluster",
            advice=f"name the cluster: kubisnap get CLUSTER --as-of '{text}'",
        )
    states = []
    for claim in journal.claims():
        for cluster_id in journal.holders(claim.name):
            try:
                moment = moment_of(journal, cluster_id, ref, claim.name)
            except NotFound:
                continue  # it began later
            state = state_at(journal, cluster_id, moment)
            if state.declared and not state.gone:
                states.append(state)
    return (ref.time if isinstance(ref, ByTime) else now), states


# ── echoing ──────────────────────────────────────────────────────────────────────────────────────


def echo(session: Session, then: Then, *, of: str = "") -> None:
    """Say on stderr what a reference came to; `of` says which of several."""
    told = f"as of {moment_text(then.moment, utc=session.utc)}"
    session.tell(f"{of}: {told}" if of else told)


def moment_text(moment: Moment, *, utc: bool) -> str:
    """Return a moment for people: its time here and in UTC, and the operation."""
    return f"{time_text(moment.time, wiring.local_zone(), utc=utc)}, operation #{moment.operation}"


def time_text(microseconds: int, zone: tzinfo, *, utc: bool) -> str:
    """Return a time as wall clocks show it, and in UTC: ``2026-08-01 09:30 CEST = 07:30Z``.

    Without what is the same on both sides; the seconds only where there are some.
    """
    if utc:
        return timestamp(microseconds)
    there = datetime.fromtimestamp(microseconds // 1_000_000, UTC)
    here = there.astimezone(zone)
    clock = "%H:%M:%S" if there.second else "%H:%M"
    if not here.utcoffset():
        return f"{there:%Y-%m-%d} {there:{clock}}Z"
    date = "" if here.date() == there.date() else f"{there:%Y-%m-%d} "
    return f"{here:%Y-%m-%d} {here:{clock}} {here.tzname()} = {date}{there:{clock}}Z"


def document(then: Then) -> dict[str, Any]:
    """Return what a reference came to as JSON."""
    moment = then.moment
    return {
        "ref": then.text,
        "time": rfc3339(moment.time),
        "position": moment.position,
        "operation": moment.operation,
    }
