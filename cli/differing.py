"""What differs between two archives, clusters, moments of them, or what a cloud shows. Nothing is written."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ..archives import Access
from ..archives.info import digest_text
from ..engine.domain.comparing import Difference, Sign, compare
from ..engine.domain.refs import ByTime, Live, Qualified
from ..engine.domain.state import ClusterState
from ..engine.errors import InvalidInput, NotFound
from ..engine.journal.codec import Codec
from ..engine.journal.log import Journal
from ..engine.operations.context import Context
from ..engine.operations.live import compare_with_live, look
from ..engine.operations.moments import state_at
from ..engine.operations.snapshots import archived_state
from . import as_of, changes, wiring
from .archiving import chained, name_of
from .session import Session
from .sides import File, Side

_SWAPPED = {Sign.ADDED: Sign.REMOVED, Sign.REMOVED: Sign.ADDED, Sign.CHANGED: Sign.CHANGED}


class Looked(NamedTuple):
    """A side that was looked up. `blobs` None: it has none to compare. `live`: as its cloud shows it.

    `timed`: it was named by its time.
    """

    name: str
    state: ClusterState
    then: as_of.Then | None = None
    blobs: Mapping[str, bytes] | None = None
    live: bool = False
    timed: bool = False

    @property
    def called(self) -> str:
        """Return what to call it where its time is told beside it."""
        return self.name if self.then is None or not self.timed else self.then.name

    @property
    def document(self) -> dict[str, Any] | None:
        """Return which moment of a cluster it is as JSON, None for what is none."""
        return None if self.then is None else as_of.document(self.then)


class Compared(NamedTuple):
    """What differs, and between what; `same` says what was compared, where nothing does."""

    before: Looked
    after: Looked
    found: list[Difference]
    same: str


def compare_sides(before: Looked, after: Looked, context: Context) -> Compared:
    """Return what differs. Asks the cloud where one side is live. Raises `InvalidInput`, `CloudError`."""
    if before.live and after.live:
        raise InvalidInput("REF", "one of the two can be live", advice=f"kubisnap diff {before.name} REF")
    if before.live:
        found = [_swapped(item) for item in _with_live(after, before, context)]
        return Compared(before, after, found, _AS_RECORDED)
    if after.live:
        return Compared(before, after, _with_live(before, after, context), _AS_RECORDED)
    found = [*compare(before.state.spec(), after.state.spec())]
    wanted = [not side.state.retired for side in (before, after)]
    if wanted[0] != wanted[1]:
        found.append(
            Difference(sign=Sign.CHANGED, part="cluster", field="wanted", before=wanted[0], after=wanted[1])
        )
    if before.blobs is None or after.blobs is None:
        return Compared(before, after, found, "the same is declared")
    found += _blobs(before.blobs, after.blobs)
    return Compared(before, after, found, "the same is declared, and the blobs are the same")


_AS_RECORDED = "what is there is as it was recorded"


def _with_live(recorded: Looked, live: Looked, context: Context) -> list[Difference]:
    with changes.opened(wiring.cloud_of(live.state)) as cloud:
        return compare_with_live(recorded.state, live.state, look(cloud, live.state, context))


def _swapped(item: Difference) -> Difference:
    return msgspec.structs.replace(item, sign=_SWAPPED[item.sign], before=item.after, after=item.before)


# ── looking up ───────────────────────────────────────────────────────────────────────────────────


def look_up(
    session: Session, sides: Sequence[Side], parents: Sequence[Path] = (), access: Access | None = None
) -> list[Looked]:
    """Return the sides: archives, verified, and moments of clusters; those are echoed on stderr.

    Opens the store only where it is needed. Raises `InvalidInput`, `NotFound`, `ArchiveError`.
    """
    if sides.count(File("-")) > 1:
        raise InvalidInput("FILE", "stdin can be read once: one of the two must be a file")
    if all(isinstance(side, File) for side in sides):
        return [_read(side.text, parents, access) for side in sides if isinstance(side, File)]
    with wiring.journal(session) as journal:
        looked = [
            _read(side.text, parents, access) if isinstance(side, File) else _moment(side, journal)
            for side in sides
        ]
    for side in looked:
        if side.then is not None and side.name != side.then.name:
            as_of.echo(session, side.then, of=side.called)
    return looked


def _moment(side: Qualified, journal: Journal) -> Looked:
    name = wiring.only_cluster(journal, side.cluster)
    side = Qualified(name, side.ref)
    if isinstance(side.ref, Live):
        return Looked(str(side), journal.state(journal.cluster_id(name)), live=True)
    then = as_of.found(journal, side, str(side.ref))
    state = state_at(journal, then.cluster_id, then.moment)
    if not state.declared:
        advice = f"kubisnap log {name} --events      nothing was declared yet"
        raise NotFound("cluster", then.called, advice=advice)
    return Looked(str(side), state, then, timed=isinstance(side.ref, ByTime))


def _read(file: str, parents: Sequence[Path], access: Access | None) -> Looked:
    with chained(file, parents, access=access) as chain:
        state = archived_state(name_of(file), chain.events(Codec()))
        blobs: dict[str, bytes] = {}
        for digest, label in chain.blobs.items():  # the newest archive's come first
            blobs.setdefault(label, digest)
    return Looked(file, state, blobs=blobs)


def _blobs(before: Mapping[str, bytes], after: Mapping[str, bytes]) -> list[Difference]:
    found = []
    for label in sorted(before.keys() | after.keys()):
        old, new = before.get(label), after.get(label)
        if old == new:
            continue
        sign = Sign.ADDED if old is None else Sign.REMOVED if new is None else Sign.CHANGED
        values = [None if digest is None else digest_text(digest) for digest in (old, new)]
        found.append(
            Difference(sign=sign, part=f"blob {label}", field="digest", before=values[0], after=values[1])
        )
    return found
