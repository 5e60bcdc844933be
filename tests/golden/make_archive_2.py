"""Made the golden archives of format 2.0, once. They stay as they are: later versions must read them.

Inputs are fixed and follow from numbers; tags and payloads are nobody's, so nothing here moves with the
events that kubisnap knows. What age makes (the slots of encrypted archives) differs each time.
"""

import hashlib
import io
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pyrage

from kubisnap.archives import (
    Blob,
    Parent,
    Recipients,
    Secret,
    SigningKey,
    SnapshotHeader,
    SnapshotInfo,
    write_snapshot,
)
from kubisnap.engine.journal.codec import StoredRow

FOLDER = Path(__file__).parent
ZSTD = (1, 5, 7)
"""The libzstd that compressed the files. Another one may compress to other bytes."""
IDENTITY = (FOLDER / "archive-v2-key-for-tests-only.txt").read_text(encoding="ascii").split()[-1]
PASSPHRASE = "a passphrase for tests only"
SIGNER = SigningKey("golden.example", hashlib.sha256(b"a signing key for tests only").digest())
CLUSTER = "000102030405060708090a0b0c0d0e0f"
START = 1_704_164_645_000_000
LONG = 8_193
"""One more than a block holds."""


class Golden(NamedTuple):
    """An archive's name and what goes into it."""

    name: str
    rows: Sequence[StoredRow]
    options: dict[str, Any]
    encrypted: bool = False

    @property
    def path(self) -> Path:
        return FOLDER / f"archive-v2-{self.name}.ksnap"


def row(number: int, tag: str, *envelope: Any, payload: Any) -> StoredRow:
    return StoredRow(number, tag, msgspec.msgpack.encode((*envelope, payload)))


def odd_rows() -> list[StoredRow]:
    """Some events that go to the edges of what an envelope may be."""
    farthest = 253_402_300_799_999_999
    return [
        row(1, "golden-first", 1, START, "ada", 1, 0, "", payload={"name": "größe-1"}),
        row(2, "golden-other", 1, START - 1, "ada", 1, 1, "the clock went back", payload={}),
        row(3, "golden-first", 255, 0, "", 0, 0, "", payload=None),
        row(4, "golden-other", 0, farthest, "käthe\n", 1 << 62, 1 << 62, "\0", payload=[1, [2.5, True]]),
        # a number in a longer form than it needs, as another encoder may write it
        row(5, "golden-third", 1, START, "ada", 2, 4, "", payload=msgspec.Raw(b"\x81\xa1n\xcf" + bytes(8))),
        row(6, "golden-third", 1, START + 7, "käthe\n", 2, 6, "", payload=b"\xff" * 300),
    ]


def long_rows(first: int) -> list[StoredRow]:
    """As many events as do not fit one block."""
    return [
        row(
            number,
            f"golden-{number % 3}",
            1,
            START + number * 1_000,
            "ada" if number % 100 else "käthe",
            3,
            number - 1,
            "",
            payload={"n": number % 8},
        )
        for number in range(first, first + LONG)
    ]


BLOBS = (
    Blob("apps/v1/Deployment/shop/web", b"replicas: 2\n"),
    Blob("apps/v1/Deployment/shop/web-again", b"replicas: 2\n"),
    Blob("v1/ConfigMap/größe", b""),
    Blob("v1/ConfigMap/shop", bytes(range(256))),
)
BIG_BLOBS = (Blob("v1/a", b"a" * 600_000), *BLOBS[3:], Blob("v1/b", b"b" * 600_000))
SECRETS = (Secret("v1/Secret/shop/token", b"hunter2"), Secret("v1/Secret/shop/tls", b"k" * 300))


def header(rows: Sequence[StoredRow], parent: Parent | None = None) -> SnapshotHeader:
    return SnapshotHeader(
        cluster_id=CLUSTER,
        cluster_name="größe-1",
        first=rows[0].version,
        position=rows[-1].version,
        parent=parent,
        tool="kubisnap golden",
    )


def fixed() -> Callable[[int], bytes]:
    """Return what stands in for chance: the same bytes each time, and never twice."""
    numbers = count()
    return lambda size: hashlib.sha256(b"golden %d" % next(numbers)).digest()[:size]


def golden() -> list[Golden]:
    """Return all archives, the plain one first."""
    odd = odd_rows()
    public = str(pyrage.x25519.Identity.from_str(IDENTITY).to_public())
    parent = Parent(write(Golden("plain", odd, {"blobs": BLOBS}))[1].root, len(odd))
    sealed: dict[str, Any] = {"blobs": BLOBS, "secrets": SECRETS}
    known = {blob.digest for blob in BLOBS}
    return [
        Golden("plain", odd, {"blobs": BLOBS}),
        Golden("signed", odd, {"blobs": BLOBS, "sign_with": [SIGNER]}),
        Golden("omitted", odd[:1], {"secrets": SECRETS}),
        Golden(
            "child",
            long_rows(len(odd) + 1),
            {"parent": parent, "blobs": BIG_BLOBS, "known": known},
        ),
        Golden(
            "encrypted", odd, {**sealed, "recipients": Recipients((public,)), "sign_with": [SIGNER]}, True
        ),
        Golden("passphrase", odd[:2], {"recipients": Recipients(passphrase=PASSPHRASE)}, True),
    ]


def write(one: Golden) -> tuple[bytes, SnapshotInfo]:
    """Return an archive's bytes, and what is in it."""
    sink = io.BytesIO()
    options = dict(one.options)
    head = header(one.rows, options.pop("parent", None))
    info = write_snapshot(sink, head, one.rows, random=fixed(), **options)
    return sink.getvalue(), info


if __name__ == "__main__":
    for each in golden():
        if not each.path.exists():
            made, found = write(each)
            each.path.write_bytes(made)
            print(each.name, len(made), hashlib.sha256(made).hexdigest(), found.digest)  # noqa: T201
