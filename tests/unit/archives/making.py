"""Small logs and the archives of them, in every form that there is."""

import io
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple

import msgspec
import pyrage

from kubisnap.archives import (
    Access,
    Blob,
    Identities,
    Parent,
    Recipients,
    Secret,
    SigningKey,
    Snapshot,
    SnapshotFile,
    SnapshotHeader,
    SnapshotInfo,
    columns,
    read_snapshot,
    sealing,
    verify_snapshot,
    write_snapshot,
)
from kubisnap.archives.sealing import RecordKeys, Sealed
from kubisnap.engine.domain import events as ev
from kubisnap.engine.journal.codec import Codec, StoredRow

CLUSTER = "0123456789abcdef" * 2
START = 1_700_000_000_000_000
IDENTITY = pyrage.x25519.Identity.generate()
OTHER_IDENTITY = pyrage.x25519.Identity.generate()
RECIPIENTS = Recipients((str(IDENTITY.to_public()),))
IDENTITIES = Identities((str(IDENTITY),))
SIGNER = SigningKey("ops.example", b"s" * 32)
STRANGER = SigningKey("stranger.example", b"t" * 32)

ALONE = columns.BLOCK_BYTES // 2 + 1
"""An event of this size has a block to itself, if its neighbours are as large."""

Rows = Sequence[StoredRow]


def payload(**fields: Any) -> msgspec.Raw:
    return msgspec.Raw(msgspec.msgpack.encode(fields))


def row(
    version: int,
    tag: str = "StepFailed",
    *,
    time: int = START,
    actor: str = "ada",
    operation: int = 1,
    cause: int = 0,
    reason: str = "",
    schema: int = 1,
    data: bytes = b"\x80",
) -> StoredRow:
    """An event in the form in which the journal keeps it, whatever is in it."""
    state = (schema, time, actor, operation, cause, reason, msgspec.Raw(data))
    return StoredRow(version, tag, msgspec.msgpack.encode(state))


def row_of(version: int, size: int) -> StoredRow:
    """An event whose stored form has `size` bytes."""
    bare = len(row(version, data=b"").state)
    found = row(version, data=b"\xc5" + (min(size - bare - 3, 60_000)).to_bytes(2) + bytes(size - bare - 3))
    if size - bare > 60_000:
        found = row(version, data=b"\xc6" + (size - bare - 5).to_bytes(4) + bytes(size - bare - 5))
    assert len(found.state) == size
    return found


def log(count: int, first: int = 1) -> list[StoredRow]:
    """A log of two kinds of events that change a little from one to the next."""
    return [
        row(
            n,
            "StepStarted" if n % 2 else "StepFailed",
            time=START + n * 7 - n % 3 * 20,
            actor="ada" if n % 5 else "käthe",
            operation=n // 4,
            cause=max(n - 2, 0),
            reason="" if n % 3 else "more traffic",
            data=msgspec.msgpack.encode({"step": n, "error": "x" * (n % 7)}),
        )
        for n in range(first, first + count)
    ]


def events(count: int, first: int = 1) -> list[ev.Recorded]:
    """Events that the engine knows."""
    return [
        ev.Recorded(
            stream=CLUSTER,
            version=n,
            time=START + n,
            actor="ada",
            operation=n // 3,
            cause=n - 1,
            reason="why not",
            schema=1,
            event=ev.StepFailed(step=n, error="Rejected", message="no")
            if n % 2
            else ev.StepSucceeded(step=n, attributes={"id": str(n)}),
        )
        for n in range(first, first + count)
    ]


def stored(recorded: Iterable[ev.Recorded]) -> list[StoredRow]:
    codec = Codec()
    return [codec.encode(item) for item in recorded]


def header_of(rows: Rows, parent: Parent | None = None, **changed: Any) -> SnapshotHeader:
    first = 1 if parent is None else parent.position + 1
    header = SnapshotHeader(
        cluster_id=CLUSTER,
        cluster_name="web",
        first=first,
        position=first + len(rows) - 1,
        parent=parent,
        tool="kubisnap 2",
    )
    return msgspec.structs.replace(header, **changed)


class Made(NamedTuple):
    data: bytes
    info: SnapshotInfo
    rows: tuple[StoredRow, ...]

    @property
    def parent(self) -> Parent:
        return Parent(self.info.root, self.info.header.position)


def made(
    rows: Rows, *, parent: Parent | None = None, changed: dict[str, Any] | None = None, **options: Any
) -> Made:
    sink = io.BytesIO()
    info = write_snapshot(sink, header_of(rows, parent, **(changed or {})), rows, **options)
    return Made(sink.getvalue(), info, tuple(rows))


BLOBS = (Blob("apps/v1/a", b"replicas: 1\n"), Blob("apps/v1/b", b"replicas: 2\n"), Blob("v1/c", b""))
SECRETS = (Secret("v1/Secret/shop/tls", b"-----BEGIN"), Secret("v1/Secret/shop/token", b"hunter2"))


class Form(NamedTuple):
    """A way in which archives are written, and with what they are read."""

    made: Made
    access: Access
    opened: bool = True


@cache
def forms() -> dict[str, Form]:
    """A small archive in each form."""
    whole = made(log(2))
    private = made(log(2), blobs=BLOBS[:1], secrets=SECRETS[:1], recipients=RECIPIENTS, sign_with=[SIGNER])
    grown = made(log(2, 3), parent=whole.parent, blobs=BLOBS)
    trusted = (SIGNER.public,)
    return {
        "plain": Form(whole, Access()),
        "signed": Form(made(log(2), sign_with=[SIGNER]), Access(trusted=trusted, signed=True)),
        "encrypted": Form(private, Access(IDENTITIES, trusted, encrypted=True, signed=True)),
        "keyless": Form(
            private, Access(None, trusted, encrypted=True, signed=True, keyless=True), opened=False
        ),
        "incremental": Form(grown, Access()),
    }


FORMS = ("plain", "signed", "encrypted", "keyless", "incremental")

Looking = Callable[[bytes, Access], object]


def verified(data: bytes, access: Access) -> SnapshotInfo:
    return verify_snapshot(io.BytesIO(data), name="x.ksnap", access=access)


def thorough(data: bytes, access: Access) -> SnapshotInfo:
    """Verify, and see that what somebody wrote are events."""
    return verify_snapshot(io.BytesIO(data), name="x.ksnap", access=access, thorough=True)


def read(data: bytes, access: Access) -> Snapshot:
    return read_snapshot(io.BytesIO(data), name="x.ksnap", access=access)


def sought(data: bytes, access: Access) -> SnapshotFile:
    """Open at the end, and check every entry."""
    file = SnapshotFile(io.BytesIO(data), name="x.ksnap", access=access)
    if file.info.opened:
        for entry in file.entries():
            file.check(entry)
    return file


_unseal = sealing.unseal


@cache
def _unsealed(sealed: Sealed, private: tuple[str, ...]) -> RecordKeys:
    return _unseal(sealed, Identities(private), name="x.ksnap")


def remembering(sealed: Sealed, identities: Identities, *, name: str) -> RecordKeys:
    """Unseal each header once: the thousands of damaged copies of an archive have the same slots."""
    assert identities.passphrase is None
    return _unsealed(sealed, identities.private)
