"""Snapshot archives in and out: the engine's captures to files, and verified events back."""

import shutil
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from ..archives import (
    Access,
    Blob,
    Parent,
    Recipients,
    Secret,
    SigningKey,
    SnapshotHeader,
    SnapshotInfo,
    save_snapshot,
    verify_snapshot,
    write_snapshot,
)
from ..archives.chains import Chain
from ..archives.files import compare
from ..archives.stores import ArchiveStore, SnapshotName
from ..engine.domain.events import ClusterDeclared
from ..engine.errors import NotFound, Refused
from ..engine.journal.codec import Codec
from ..engine.operations.looking import Marks, told_by
from ..engine.operations.snapshots import (
    ArchivedCluster,
    Capture,
    Since,
    Written,
    archived_events,
    unpack_events,
)
from .as_of import Then
from .sources import address_of, claim_of, finder, open_at, opened

_CHUNK: Final = 1024 * 1024
_NAMED: Final = 32
"""So many digits of a root stand in the name of a snapshot in a store."""


class Archivist:
    """Writes captures as they were asked for: to whom readable, signed by whom, without what is `known`."""

    def __init__(
        self,
        *,
        recipients: Recipients | None = None,
        sign_with: Collection[SigningKey] = (),
        known: Collection[bytes] = frozenset(),
        blobs: Iterable[Blob] = (),
        secrets: Collection[Secret] = (),
    ) -> None:
        self._recipients = recipients
        self._sign_with = sign_with
        self._known = known
        self._blobs = blobs
        self._secrets = secrets
        self.omitted: tuple[str, ...] = ()
        """The secrets that were left out of what was written."""

    def to_file(self, content: Capture, path: Path) -> Written:
        """Write a new archive, read back and verified before it gets its name."""
        keyless = Access(keyless=True)  # who may read it is not always who writes it
        info = save_snapshot(path, lambda sink: self.write(sink, content, str(path)), keyless)
        return Written(digest=info.digest, size=info.size, file=path.name)

    def to_store(self, content: Capture, store: ArchiveStore, now: int) -> Written:
        """Write an archive into a store, under a name that tells what it is; `now` is when it was captured.

        It is made and verified on this machine first: its name says its root, and nothing that does not
        read back is ever there.
        """
        with tempfile.TemporaryFile(prefix="kubisnap-") as made:
            info = self.write(made, content, store.url)
            made.seek(0)
            compare(store.url, info, made, Access(keyless=True))
            made.seek(0)
            parent = "" if info.header.parent is None else info.header.parent.root.hex()[:_NAMED]
            name = SnapshotName(
                content.cluster_name,
                content.cluster_id[:8],
                now,
                content.position,
                info.root.hex()[:_NAMED],
                parent,
            )
            store.put(str(name), partial(shutil.copyfileobj, made, length=_CHUNK))
        return Written(digest=info.digest, size=info.size, file=address_of(store, str(name)))

    def to_stdout(self, content: Capture) -> Written:
        """Write an archive to stdout in one pass."""
        info = self.write(sys.stdout.buffer, content, "stdout")
        sys.stdout.buffer.flush()
        return Written(digest=info.digest, size=info.size, file="-")

    def write(self, sink: BinaryIO, content: Capture, name: str) -> SnapshotInfo:
        """Write an archive in one pass."""
        info = write_snapshot(
            sink,
            _header(content),
            content.rows,
            blobs=self._blobs,
            secrets=self._secrets,
            known=self._known,
            recipients=self._recipients,
            sign_with=self._sign_with,
            name=name,
        )
        self.omitted = info.manifest.omitted
        return info


class Base(NamedTuple):
    """What an incremental snapshot goes on from, and the blobs that need not be written again."""

    since: Since
    blobs: frozenset[bytes]


def base_of(file: str, parents: Sequence[Path], access: Access | None = None) -> Base:
    """Read and verify a snapshot, and those that it goes on from, to make one that goes on from it."""
    with open_at(file) as source:
        chain = Chain(source, name=file, find=finder(file, parents), access=access, claim=claim_of(file))
        newest = deque(chain.rows(), maxlen=1)
    if not newest:
        raise Refused(f"{file} holds no events to go on from")
    root = chain.info.root
    return Base(Since(chain.info.header.cluster_id, root, newest[0]), frozenset(chain.blobs))


def name_of(file: str) -> str:
    """Return what errors call a file."""
    return "stdin" if file == "-" else file


@contextmanager
def chained(file: str, parents: Sequence[Path] = (), *, access: Access | None = None) -> Iterator[Chain]:
    """Open an archive with its parents. Nothing of it counts before its last event was taken."""
    with opened(file) as (source, name):
        yield Chain(source, name=name, find=finder(file, parents), access=access, claim=claim_of(file))


class Unpacked(NamedTuple):
    """An archive that was read: the cluster in it, and what else there was, parents included.

    `then` says which moment of its history the cluster is from, where one was asked for.
    """

    cluster: ArchivedCluster
    info: SnapshotInfo
    blobs: int
    secrets: dict[str, bytes]
    omitted: tuple[str, ...]
    then: Then | None = None


def from_file(
    file: str,
    parents: Sequence[Path] = (),
    *,
    access: Access | None = None,
    at: Callable[[Marks, SnapshotHeader], Then] | None = None,
) -> Unpacked:
    """Return what is in an archive, every byte of it and of its parents verified first.

    With `at`, the cluster is as it was at the moment that this returns for the archive's log.
    """
    name, then = name_of(file), None
    with chained(file, parents, access=access) as chain:
        events = chain.events(Codec())
        if at is None:
            archived = unpack_events(name, "", events)
        else:
            log = archived_events(name, events)
            then = at(told_by(log), chain.reader.header)
            log = [item for item in log if item.version <= then.moment.position]
            if not any(isinstance(item.event, ClusterDeclared) for item in log):
                raise NotFound("cluster", then.called, advice="nothing was declared yet")
            archived = unpack_events(name, "", log)
    cluster = archived.of(chain.info.digest)
    return Unpacked(cluster, chain.info, len(chain.blobs), chain.secrets, chain.omitted, then)


def check_file(file: str, access: Access | None = None) -> SnapshotInfo:
    """Verify an archive without keeping it in memory."""
    with opened(file) as (source, name):
        return verify_snapshot(source, name=name, access=access)


def _header(content: Capture) -> SnapshotHeader:
    since = content.since
    return SnapshotHeader(
        cluster_id=content.cluster_id,
        cluster_name=content.cluster_name,
        first=content.first,
        position=content.position,
        parent=None if since is None else Parent(since.root, since.last.version),
        tool=content.tool,
    )
