"""Snapshot archives in and out: the engine's captures to files, and verified events back."""

import sys
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from ..archives import (
    Access,
    Blob,
    Parent,
    Recipients,
    Secret,
    SigningKey,
    SnapshotHeader,
    SnapshotInfo,
    open_snapshot,
    save_snapshot,
    verify_snapshot,
    write_snapshot,
)
from ..archives.chains import Chain
from ..engine.errors import Refused, StoreUnusable
from ..engine.journal.codec import Codec
from ..engine.operations.snapshots import ArchivedCluster, Capture, Since, Written, unpack_events
from .parents import finder


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

    def to_file(self, content: Capture, path: Path, *, make_folder: bool = False) -> Written:
        """Write a new archive, read back and verified before it gets its name."""
        if make_folder:
            try:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            except OSError as error:
                raise StoreUnusable(str(path.parent), error.strerror or str(error)) from error
        keyless = Access(keyless=True)  # who may read it is not always who writes it
        info = save_snapshot(path, lambda sink: self.write(sink, content, str(path)), keyless)
        return Written(digest=info.digest, size=info.size, file=path.name)

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
    with open_snapshot(Path(file)) as source:
        chain = Chain(source, name=file, find=finder(file, parents), access=access)
        newest = deque(chain.rows(), maxlen=1)
    if not newest:
        raise Refused(f"{file} holds no events to go on from")
    root = chain.info.root
    return Base(Since(chain.info.header.cluster_id, root, newest[0]), frozenset(chain.blobs))


def name_of(file: str) -> str:
    """Return what errors call a file."""
    return "stdin" if file == "-" else file


@contextmanager
def opened(file: str) -> Iterator[tuple[BinaryIO, str]]:
    """Open an archive, or stdin for ``-``; give the bytes and what to call them."""
    if file == "-":
        yield sys.stdin.buffer, name_of(file)
        return
    with open_snapshot(Path(file)) as source:
        yield source, file


@contextmanager
def chained(file: str, parents: Sequence[Path] = (), *, access: Access | None = None) -> Iterator[Chain]:
    """Open an archive with its parents. Nothing of it counts before its last event was taken."""
    with opened(file) as (source, name):
        yield Chain(source, name=name, find=finder(file, parents), access=access)


class Unpacked(NamedTuple):
    """An archive that was read: the cluster in it, and what else there was, parents included."""

    cluster: ArchivedCluster
    info: SnapshotInfo
    blobs: int
    secrets: dict[str, bytes]
    omitted: tuple[str, ...]


def from_file(file: str, parents: Sequence[Path] = (), *, access: Access | None = None) -> Unpacked:
    """Return what is in an archive, every byte of it and of its parents verified first."""
    with chained(file, parents, access=access) as chain:
        archived = unpack_events(name_of(file), "", chain.events(Codec()))
    cluster = archived.of(chain.info.digest)
    return Unpacked(cluster, chain.info, len(chain.blobs), chain.secrets, chain.omitted)


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
