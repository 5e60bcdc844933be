"""Blobs: content that belongs to a cluster and is no event, such as manifests and scripts.

A blob is known by the SHA-256 of its bytes. Its label is for people, and puts what is alike side by
side: packs of labels in order compress to a third of single blobs. A label is data, never a path.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Annotated, Final, NamedTuple

import msgspec

from .format import (
    MAX_BLOB_BYTES,
    MAX_ITEMS,
    MAX_LABEL,
    MAX_SECRET_BYTES,
    Digest,
    Malformed,
    canonical,
    check_label,
    encoded,
)

PACK_BYTES: Final = 1024 * 1024
PACK_BLOBS: Final = 16_384
"""Where a pack is closed: before its blobs' and labels' bytes pass this, or at so many.

Part of the format, as the root is over packs."""

_LENGTH: Final = 4

_Label = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_LABEL)]


class Blob(NamedTuple):
    """Bytes under a label, for example ``apps/v1/Deployment/shop/web``."""

    label: str
    data: bytes

    @property
    def digest(self) -> bytes:
        """Return what the blob is known by: SHA-256 of its bytes."""
        return hashlib.sha256(self.data).digest()


class Hashed(NamedTuple):
    """A blob and its digest."""

    blob: Blob
    digest: bytes


class Secret(NamedTuple):
    """A value that is stored encrypted or not at all."""

    label: str
    data: bytes

    def __repr__(self) -> str:
        return f"Secret(label={self.label!r})"


class _Pack(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    labels: Annotated[tuple[_Label, ...], msgspec.Meta(max_length=MAX_ITEMS)]
    blobs: Annotated[tuple[bytes, ...], msgspec.Meta(max_length=MAX_ITEMS)]


class _Sealed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A secret with random bytes ahead, so that its hash tells nothing.

    `data` is the value's length (4 bytes), the value, and zeros.
    """

    nonce: Digest
    label: _Label
    data: bytes


_PACKS = msgspec.msgpack.Decoder(_Pack)
_SECRETS = msgspec.msgpack.Decoder(_Sealed)


def packs(blobs: Iterable[Hashed]) -> Iterator[list[Hashed]]:
    """Gather blobs into packs, by the rule that every writer keeps. Raises Malformed.

    They come in the order of their labels, so that the same blobs give the same archive.
    """
    pending: list[Hashed] = []
    length, before = 0, ""
    for item in blobs:
        label = item.blob.label
        check_label(label)
        if label < before:
            raise Malformed(f"blobs come in the order of their labels, and {label} comes after {before}")
        if len(item.blob.data) > MAX_BLOB_BYTES:
            raise Malformed(f"blob {label} has {len(item.blob.data)} bytes, more than one may have")
        size = len(label.encode()) + len(item.blob.data)
        if pending and (len(pending) == PACK_BLOBS or length + size > PACK_BYTES):
            yield pending
            pending, length = [], 0
        pending.append(item)
        length, before = length + size, label
    if pending:
        yield pending


def encode_pack(pack: list[Blob]) -> bytes:
    """Return a pack's bytes."""
    labels, blobs = zip(*pack, strict=True)
    return encoded(_Pack(labels, blobs), "a label")


def decode_pack(raw: bytes, count: int) -> list[Blob]:
    """Return a pack's blobs."""
    found = canonical(_PACKS, raw, "a pack of blobs")
    if not len(found.labels) == len(found.blobs) == count:
        raise Malformed("a pack has more or fewer blobs than its header says")
    if not "".join(found.labels).isprintable():  # their lengths were checked with their types
        raise Malformed("a label cannot be printed")
    if list(found.labels) != sorted(found.labels):
        raise Malformed("the blobs of a pack are not in the order of their labels")
    if max(map(len, found.blobs), default=0) > MAX_BLOB_BYTES:
        raise Malformed("a blob is larger than any may be")
    return list(map(Blob, found.labels, found.blobs))


def encode_secret(secret: Secret, nonce: bytes) -> bytes:
    """Return a secret's bytes, padded so that their number says little of its length (Padmé)."""
    check_label(secret.label)
    if len(secret.data) > MAX_SECRET_BYTES:
        raise Malformed(f"secret {secret.label} has {len(secret.data)} bytes, more than one may have")
    named = len(encoded(secret.label, "a label"))
    bare = len(secret.data).to_bytes(_LENGTH) + secret.data
    return encoded(
        _Sealed(nonce, secret.label, bare.ljust(_padded(named + len(bare)) - named, b"\0")), "a label"
    )


def decode_secret(raw: bytes) -> Secret:
    """Return a secret."""
    found = canonical(_SECRETS, raw, "a secret")
    length = int.from_bytes(found.data[:_LENGTH])
    secret = Secret(found.label, found.data[_LENGTH : _LENGTH + length])
    if length > MAX_SECRET_BYTES or encode_secret(secret, found.nonce) != raw:
        raise Malformed("a secret is not padded as the format says")
    return secret


def _padded(length: int) -> int:
    """Return the next length that Padmé allows: at most 12 % more, and few lengths in all.

    Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs",
    2019, section 4.
    """
    length = max(length, 256)
    exponent = length.bit_length() - 1
    kept = exponent.bit_length()
    low = exponent - kept
    return (length + (1 << low) - 1) >> low << low
