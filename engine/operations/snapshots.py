"""Capture and restore: a cluster's log out to an archive, and a new cluster from an archive's log.

The archive itself is written and read by whoever calls (`kubisnap.archives`); here is what goes in
and what comes of what comes out. Capturing asks nothing of the cloud, so that it works on a bad day.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple, Self

import msgspec

from ..domain import events as ev
from ..domain.catalogue import Catalogue
from ..domain.mapping import NO_MAPPING, Mapping
from ..domain.model import ClusterSpec
from ..domain.state import ClusterState, apply_event, fold
from ..domain.validation import validate
from ..errors import CorruptArchive, InvalidInput, Refused, StoreError
from ..journal.codec import Codec, StoredRow
from ..journal.log import Journal
from ..ports import Cloud
from .calling import reading, regulated
from .changing import Prepared, close_interrupted, prepare_create, refuse_if_held
from .context import Context, legible
from .translation import destination, refuse_losses, translate

_CLUSTER_ID = re.compile(r"[0-9a-f]{32}")


class Since(NamedTuple):
    """The snapshot that an incremental one goes on from: whose it is, its root, its last event."""

    cluster_id: str
    root: bytes
    last: StoredRow


class Capture(NamedTuple):
    """What goes into an archive: the events `first` to `position`, as an iterator that is read once."""

    cluster_id: str
    cluster_name: str
    rows: Iterable[StoredRow]
    first: int
    position: int
    since: Since | None
    tool: str

    @property
    def events(self) -> int:
        """Return how many events there are."""
        return self.position - self.first + 1


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """What was written: the archive's digest, its size in bytes, and where it is (may be empty)."""

    digest: str
    size: int
    file: str


class Captured(msgspec.Struct, frozen=True, kw_only=True):
    """A capture that is recorded as operation `operation`; the archive holds the log before it."""

    operation: int
    written: Written
    events: int
    position: int


def capture(
    journal: Journal,
    state: ClusterState,
    context: Context,
    write: Callable[[Capture], Written],
    since: Since | None = None,
    *,
    noting: Callable[[Written, int], Sequence[ev.AnyEvent]] = lambda _, __: (),
) -> Captured:
    """Write the cluster's log with `write`, or what was added `since`, and record that it was written.

    What `noting` makes of what was written, and of the position that it holds, is recorded with it.

    Raises `Locked` while an operation runs: a snapshot never holds half of one. Raises `Refused` where
    `since` is not of this cluster, or of a log that took another course.
    """
    if not state.declared:
        raise Refused("there is no cluster to capture")
    refuse_if_held(state, context)
    close_interrupted(journal, state, context)
    after = 0 if since is None else _continued(journal, state, since)
    content = Capture(
        cluster_id=state.cluster_id,
        cluster_name=state.name,
        rows=journal.each_row(state.cluster_id, after=after, until=state.position),
        first=after + 1,
        position=state.position,
        since=since,
        tool=context.tool,
    )
    written = write(content)
    number, position = state.operations + 1, state.position
    events: list[ev.AnyEvent] = [
        ev.OperationStarted(
            kind=ev.OperationKind.CAPTURE,
            summary=f"{content.events} events" if since is None else f"{content.events} events since {after}",
            holder=context.holder,
            tool=context.tool,
        ),
        ev.SnapshotCaptured(
            digest=written.digest,
            size=written.size,
            events=content.events,
            position=position,
            file=legible(written.file),
            parent="" if since is None else f"sha256:{since.root.hex()}",
        ),
        *noting(written, position),
        ev.OperationFinished(outcome=ev.Outcome.SUCCEEDED),
    ]
    for item in journal.append(state.cluster_id, position, events, context.envelope(number)):
        apply_event(state, item)
    return Captured(operation=number, written=written, events=content.events, position=position)


def _continued(journal: Journal, state: ClusterState, since: Since) -> int:
    """Return the position that the new events come after. Raises `Refused` if they would not fit."""
    what = "the snapshot to go on from"
    if since.cluster_id != state.cluster_id:
        raise Refused(f"{what} is of another cluster", "capture the whole log: leave --incremental-from out")
    position = since.last.version
    found = journal.rows(state.cluster_id, after=position - 1, until=position)
    if found != [since.last]:
        problem = "is newer than the log" if position > state.position else "tells another history"
        raise Refused(f"{what} {problem}", "capture the whole log: leave --incremental-from out")
    return position


class ArchivedCluster(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster as an archive holds it: its intent, and where that came from. `retired`: it is to be gone."""

    spec: ClusterSpec
    origin: ev.Origin
    retired: bool = False

    def of(self, digest: str) -> Self:
        """Return the same, from the archive of that digest, which is known when it was read to its end."""
        return msgspec.structs.replace(self, origin=msgspec.structs.replace(self.origin, archive=digest))


def unpack(name: str, digest: str, rows: Iterable[StoredRow]) -> ArchivedCluster:
    """Fold an archive's log, given as the journal's rows. See `unpack_events`."""
    codec = Codec()
    return unpack_events(name, digest, (codec.decode("", row) for row in rows))


def unpack_events(name: str, digest: str, events: Iterable[ev.Recorded]) -> ArchivedCluster:
    """Fold an archive's log and return the cluster in it. Raises what `archived_state` raises."""
    return of_state(archived_state(name, events), digest)


def archived_state(name: str, events: Iterable[ev.Recorded]) -> ClusterState:
    """Fold an archive's log. The archive `name` was verified; what it says is still checked.

    Raises `CorruptArchive` where the events do not make sense, `Refused` where the log declares no
    cluster, `UnknownEvent` where a newer kubisnap wrote it.
    """
    with _checked(name):
        state = fold(events)
    if not state.declared:
        raise Refused(f"{name} holds no cluster")
    if not _CLUSTER_ID.fullmatch(state.cluster_id):
        raise CorruptArchive(name, "its cluster's id is not one")
    try:
        validate(state.spec())
    except InvalidInput as error:
        raise CorruptArchive(name, f"its cluster is not valid: {error}") from error
    return state


def archived_events(name: str, events: Iterable[ev.Recorded]) -> list[ev.Recorded]:
    """Return all events of an archive's log. Raises `CorruptArchive`, `UnknownEvent`."""
    with _checked(name):
        return list(events)


@contextmanager
def _checked(name: str) -> Iterator[None]:
    """Turn what is wrong with an archive's events into an error that names the archive."""
    try:
        yield
    except (ValueError, StoreError) as error:
        if isinstance(error, StoreError) and error.kind != "corrupt":
            raise
        raise CorruptArchive(name, f"its events do not make a cluster: {error}") from error


def of_state(state: ClusterState, digest: str = "") -> ArchivedCluster:
    """Return what a new cluster like this one is made from; without a `digest`, from the log itself."""
    return ArchivedCluster(
        spec=state.spec(),
        retired=state.retired,
        origin=ev.Origin(
            archive=digest,
            cluster_id=state.cluster_id,
            cluster_name=state.name,
            position=state.position,
        ),
    )


def prepare_restore(
    journal: Journal,
    cloud: Cloud,
    archived: ArchivedCluster,
    context: Context,
    *,
    left: tuple[str, ...] = (),
    name: str = "",
    region: str = "",
    mapping: Mapping = NO_MAPPING,
    strict: bool = False,
    source: Catalogue | None = None,
) -> Prepared:
    """Prepare a new cluster like the archived one, or a forked one, on `cloud`, in `region` or the nearest.

    `left` says what else of the archive is not carried over, for the plan and the log. `mapping`, `source`
    and `region` are as for `translate`; with `strict` nothing may be lost.

    Its log starts anew: intents are replayed, facts stay behind in the archive, which the first
    event names. Raises what `prepare_create` raises, `CannotTranslate` and `LossesRefused`.
    """
    asked = regulated(cloud, context)
    catalogue = reading(asked.catalogue, context)
    target = destination(archived.spec, catalogue, region=region, mapping=mapping)
    allowance = reading(lambda: asked.allowance(target.name), context)
    translation = translate(
        archived.spec,
        catalogue,
        region=region,
        holder="a snapshot" if archived.origin.archive else "the log",
        mapping=mapping,
        taken=allowance.ranges,
        source=catalogue if archived.spec.placement.cloud == catalogue.cloud else source,
    )
    if strict:
        refuse_losses(translation)
    translation = msgspec.structs.replace(translation, left=translation.left + left)
    spec = msgspec.structs.replace(translation.spec, name=name or archived.spec.name)
    return prepare_create(journal, cloud, spec, context, origin=archived.origin, translation=translation)
