"""What is fuzzed: bytes come in, and whatever is not a good archive must be refused as such.

The first byte says what the others are: a whole archive, or a part of one, around which everything is
made right, so that changes reach behind the checksums.
"""

import io
import struct
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Final

from kubisnap.archives import (
    Access,
    Identities,
    SnapshotFile,
    SnapshotHeader,
    SnapshotInfo,
    columns,
    opening,
    read_snapshot,
    sealing,
    verify_snapshot,
)
from kubisnap.archives import blobs as contents
from kubisnap.archives.format import (
    MAX_ITEMS,
    MAX_RAW_BYTES,
    MAX_SECRET_BYTES,
    Kind,
    Malformed,
    decode_header,
)
from kubisnap.archives.signing import SigningKey
from kubisnap.engine.domain.events import Recorded
from kubisnap.engine.errors import (
    CorruptArchive,
    MalformedEvent,
    NotSigned,
    UnknownEvent,
    UnsupportedArchive,
    WrongKey,
)
from kubisnap.engine.journal.codec import Codec, StoredRow
from tests.unit.archives.forging import Forge, apart, rechained

IDENTITY: Final = "AGE-SECRET-KEY-1FUJW0YG977PAX3XD90HG2RMAQPW4ZZ37FH0CMLRWVZ8NZSL9M5DQFAF7DZ"
"""Made for these files, and for nothing else."""
SIGNER: Final = SigningKey("fuzz.example", b"f" * 32)
CLUSTER: Final = "0123456789abcdef" * 2
CODEC: Final = Codec()

ACCESSES: Final = (
    Access(Identities((IDENTITY,)), (SIGNER.public,)),
    Access(keyless=True),
)
REFUSALS: Final = (CorruptArchive, UnsupportedArchive, WrongKey, NotSigned)


class WrongResult(AssertionError):
    """Hostile bytes did more than being refused."""


def header_of(count: int) -> SnapshotHeader:
    return SnapshotHeader(
        cluster_id=CLUSTER, cluster_name="web", first=1, position=count, parent=None, tool="kubisnap 2"
    )


_unseal = sealing.unseal


@lru_cache(1000)
def _remembered(sealed: sealing.Sealed, private: tuple[str, ...]) -> sealing.RecordKeys | Exception:
    try:
        return _unseal(sealed, Identities(private), name="x")
    except (WrongKey, sealing.SealingError) as error:
        return error


def remembering(sealed: sealing.Sealed, identities: Identities, *, name: str) -> sealing.RecordKeys:
    """Unseal each header once: most inputs differ behind it."""
    found = _remembered(sealed, identities.private)
    if isinstance(found, Exception):
        raise found
    return found


def look(data: bytes) -> None:
    """Both readers, with a key and without, refuse it or tell the same."""
    for access in ACCESSES:
        if access.keyless and sealing.SUITE.encode() not in data:
            continue  # the same again
        plain = _info(lambda: verify_snapshot(io.BytesIO(data), name="x", access=access))  # noqa: B023
        info = _info(lambda: _thorough(data, access))  # noqa: B023
        whole = _info(lambda: read_snapshot(io.BytesIO(data), name="x", access=access).info)  # noqa: B023
        if info != whole:
            raise WrongResult("verified is not read")
        if info is not None and info != plain:
            raise WrongResult("whoever looks closer finds less wrong")
        sought = _info(lambda: _sought(data, access))  # noqa: B023
        if info is not None and info.format == "2.0" and info != sought:
            raise WrongResult("what is read in one pass is refused by the reader that jumps")


def _thorough(data: bytes, access: Access) -> SnapshotInfo:
    return verify_snapshot(io.BytesIO(data), name="x", access=access, thorough=True)


def _info(looking: Callable[[], SnapshotInfo]) -> SnapshotInfo | None:
    try:
        return looking()
    except REFUSALS as error:
        if not str(error).isprintable():
            raise WrongResult("an error repeats what the file says") from error
        return None


def _compare_events(events: Callable[[], Iterator[Recorded]], rows: list[StoredRow]) -> None:
    """A block gives the events that the codec gives of its rows, or neither gives any."""
    if _events(events) != _events(lambda: (CODEC.decode(CLUSTER, row) for row in rows)):
        raise WrongResult("a block's events are not those of its rows")


def _events(taking: Callable[[], Iterator[Recorded]]) -> list[str] | None:
    try:
        return [repr(item) for item in taking()]  # as text: a number may be NaN
    except (UnknownEvent, MalformedEvent, CorruptArchive, Malformed):
        return None


def _sought(data: bytes, access: Access) -> SnapshotInfo:
    file = SnapshotFile(io.BytesIO(data), name="x", access=access)
    if file.info.opened:
        for entry in file.entries():
            file.check(entry)
        for block in file.blocks(1, file.header.position):
            _compare_events(lambda: block.events(CODEC, CLUSTER), block.rows())  # noqa: B023
        for blob in file.blobs():
            if file.blob(blob.digest) is None:
                raise WrongResult("a blob is not found")
    return file.info


def mended(data: bytes) -> None:
    """An archive whose numbers, checksums, chain and last bytes are made right."""
    if len(data) < 16 or len(data) < 16 + struct.unpack_from("<I", data, 12)[0] + 32:
        return
    try:
        start, records, _ = apart(data)
        good = [record for record in records if len(record.head) == 32]
        look(rechained(start, good))
    except struct.error:
        return


def block(data: bytes) -> None:
    """A block of events; its first two bytes say how many."""
    count, raw = int.from_bytes(data[:2]) % columns.BLOCK_EVENTS + 1, data[2:]
    try:
        rows = columns.EventBlock(raw, count, 1).rows()
    except Malformed:
        rows = None
    if rows is not None:
        if columns.pack(rows, 1).raw != raw:
            raise WrongResult("a block has two encodings")
        _compare_events(lambda: columns.EventBlock(raw, count, 1).events(CODEC, CLUSTER), rows)
    if len(raw) >= 16:
        look(Forge(header_of(count)).block(raw, count).close())


def content(kind: Kind) -> Callable[[bytes], None]:
    """Return the target for a record of this kind behind a good block."""

    def target(data: bytes) -> None:
        count, raw = int.from_bytes(data[:2]) % MAX_ITEMS + 1, data[2:]
        forged = _good_block()
        forged.counts[{Kind.BLOBS: "blobs", Kind.SECRET: "secrets"}[kind]] += count
        look(forged.content(kind, raw, count).close())

    return target


def secret(data: bytes) -> None:
    """A secret by itself, and in an archive that is not encrypted, where none may be."""
    with suppress(Malformed):
        found = contents.decode_secret(data[2:])
        if len(found.data) > MAX_SECRET_BYTES or not found.label.isprintable():
            raise WrongResult("a secret is larger than any may be, or cannot be shown")
    content(Kind.SECRET)(data)


def _good_block() -> Forge:
    from tests.unit.archives.making import log

    return Forge(header_of(2)).events(log(2))


def index(data: bytes) -> None:
    """An index."""
    look(_good_block().close(parts=lambda _: [data]))


def manifest(data: bytes) -> None:
    """A manifest."""
    look(_good_block().close(manifest=data))


def footer(data: bytes) -> None:
    """What stands behind the statement."""
    look(_good_block().close(note=lambda text: text.encode() + data))


def header(data: bytes) -> None:
    """A header, and what comes of it."""
    try:
        found = decode_header(data)
    except Malformed:
        look(Forge(data).data)
        return
    if found.sealed is None and found.events <= 100:
        look(Forge(data).close())


TARGETS: Final = (
    look,
    mended,
    block,
    content(Kind.BLOBS),
    secret,
    index,
    manifest,
    footer,
    header,
)
LOOK, MENDED, BLOCK, PACK, SECRET, INDEX, MANIFEST, FOOTER, HEADER = range(len(TARGETS))


def run(data: bytes) -> None:
    """Run one input."""
    if 0 < len(data) <= MAX_RAW_BYTES:
        opening.unseal = remembering  # type: ignore[attr-defined]
        TARGETS[data[0] % len(TARGETS)](data[1:])
