"""Capture and restore: a cluster's log out to an archive, and a new cluster from an archive's log.

The archive itself is written and read by whoever calls (`kubisnap.archives`); here is what goes in
and what comes of what comes out. Capturing asks nothing of the cloud, so that it works on a bad day.
"""

import re
from collections.abc import Callable, Iterable

import msgspec

from ..domain import events as ev
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
from .translation import translate

_CLUSTER_ID = re.compile(r"[0-9a-f]{32}")


class Capture(msgspec.Struct, frozen=True, kw_only=True):
    """What goes into an archive. Times in microseconds since 1970 UTC."""

    cluster_id: str
    cluster_name: str
    rows: tuple[StoredRow, ...]
    first_time: int
    last_time: int
    created: int
    tool: str


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
    journal: Journal, state: ClusterState, context: Context, write: Callable[[Capture], Written]
) -> Captured:
    """Write the cluster's log with `write` and record that it was written.

    Raises `Locked` while an operation runs: a snapshot never holds half of one.
    """
    if not state.declared:
        raise Refused("there is no cluster to capture")
    refuse_if_held(state, context)
    close_interrupted(journal, state, context)
    rows = tuple(journal.rows(state.cluster_id, until=state.position))
    codec = Codec()
    written = write(
        Capture(
            cluster_id=state.cluster_id,
            cluster_name=state.name,
            rows=rows,
            first_time=codec.decode(state.cluster_id, rows[0]).time,
            last_time=codec.decode(state.cluster_id, rows[-1]).time,
            created=context.now(),
            tool=context.tool,
        )
    )
    number, position = state.operations + 1, state.position
    events: list[ev.AnyEvent] = [
        ev.OperationStarted(
            kind=ev.OperationKind.CAPTURE,
            summary=f"{len(rows)} events",
            holder=context.holder,
            tool=context.tool,
        ),
        ev.SnapshotCaptured(
            digest=written.digest,
            size=written.size,
            events=len(rows),
            position=position,
            file=legible(written.file),
        ),
        ev.OperationFinished(outcome=ev.Outcome.SUCCEEDED),
    ]
    for item in journal.append(state.cluster_id, position, events, context.envelope(number)):
        apply_event(state, item)
    return Captured(operation=number, written=written, events=len(rows), position=position)


class ArchivedCluster(msgspec.Struct, frozen=True, kw_only=True):
    """A cluster as an archive holds it: its intent, and where that came from."""

    spec: ClusterSpec
    origin: ev.Origin
    events: tuple[ev.Recorded, ...]


def unpack(name: str, digest: str, rows: Iterable[StoredRow]) -> ArchivedCluster:
    """Fold an archive's log. The archive `name` was verified; what it says is still checked.

    Raises `CorruptArchive` where the events do not make sense, `Refused` where the log declares no
    cluster, `UnknownEvent` where a newer kubisnap wrote it.
    """
    codec = Codec()
    try:
        events = tuple(codec.decode("", row) for row in rows)
        state = fold(events)
    except (ValueError, StoreError) as error:
        if isinstance(error, StoreError) and error.kind != "corrupt":
            raise
        raise CorruptArchive(name, f"its events do not make a cluster: {error}") from error
    if not state.declared:
        raise Refused(f"{name} holds no cluster")
    if not _CLUSTER_ID.fullmatch(state.cluster_id):
        raise CorruptArchive(name, "its cluster's id is not one")
    spec = state.spec()
    try:
        validate(spec)
    except InvalidInput as error:
        raise CorruptArchive(name, f"its cluster is not valid: {error}") from error
    return ArchivedCluster(
        spec=spec,
        origin=ev.Origin(
            archive=digest,
            cluster_id=state.cluster_id,
            cluster_name=state.name,
            position=state.position,
        ),
        events=events,
    )


def prepare_restore(
    journal: Journal,
    cloud: Cloud,
    archived: ArchivedCluster,
    context: Context,
    *,
    name: str = "",
    region: str = "",
) -> Prepared:
    """Prepare a new cluster like the archived one, on `cloud`, in `region` or the nearest.

    Its log starts anew: intents are replayed, facts stay behind in the archive, which the first
    event names. Raises what `prepare_create` raises, and `CannotTranslate`.
    """
    catalogue = reading(regulated(cloud, context).catalogue, context)
    translation = translate(archived.spec, catalogue, region=region)
    spec = msgspec.structs.replace(translation.spec, name=name or archived.spec.name)
    return prepare_create(journal, cloud, spec, context, origin=archived.origin, translation=translation)
