"""Opens and authenticates archives by docs/archive-format-crypto.md alone: for `ksnap_reader`, and optional.

`unwrap` is any age: it takes a slot and returns what is in it, or None where it is for somebody else.
"""

import base64
import hmac
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgpack
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from tests.independent.ksnap_reader import Archive, Decrypt, Refused, need, sha256, unpack

SUITE = "age-chacha20poly1305-hkdf-sha256-v1"


def hkdf(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 with SHA-256."""
    prk, okm = hmac.digest(salt, key, "sha256"), b""
    while len(okm) < length:
        okm += hmac.digest(prk, okm[-32:] + info + bytes([len(okm) // 32 + 1]), "sha256")
    return okm[:length]


def opener(unwrap: Callable[[bytes], bytes | None]) -> Callable[[list[Any]], Decrypt]:
    """Return what `ksnap_reader.read` wants."""

    def open_seal(seal: list[Any]) -> Decrypt:
        suite, salt, commitment, slots = seal
        need(suite == SUITE and len(salt) == 32 and 1 <= len(slots) <= 32, "another suite")
        opened = next((found for found in map(unwrap, slots) if found is not None), b"")
        need(opened, "no slot opens")
        need(len(opened) == 85 and opened[:21] == b"kubisnap-file-key-v1\0", "a slot of something else")
        need(opened[53:] == salt, "a slot of another archive")
        infos = [b"kubisnap archive v2 " + SUITE.encode() + klass.to_bytes(2) for klass in (0, 1)]
        okms = [hkdf(opened[21:53], salt, info, 76) for info in infos]
        found = sha256(b"kubisnap archive v2 commitment\0", *(okm[44:] for okm in okms))
        need(hmac.compare_digest(found, commitment), "another file key")

        def decrypt(place: bytes, klass: int, number: int, body: bytes) -> bytes:
            nonce = (int.from_bytes(okms[klass][32:44]) ^ number).to_bytes(12)
            try:
                return ChaCha20Poly1305(okms[klass][:32]).decrypt(nonce, body, place)
            except InvalidTag as error:
                raise Refused("a record does not decrypt") from error

        return decrypt

    return open_seal


def secret_of(raw: bytes) -> tuple[str, bytes]:
    """Return a secret's label and bytes."""
    nonce, label, data = unpack(raw)
    secret, named = data[4 : 4 + int.from_bytes(data[:4])], len(msgpack.packb(label))
    length = max(named + 4 + len(secret), 256)
    exponent = length.bit_length() - 1
    step = 1 << exponent - exponent.bit_length()  # Padmé
    whole = (data[:4] + secret).ljust(-(-length // step) * step - named, b"\0")
    need(len(nonce) == 32 and data == whole and int.from_bytes(data[:4]) == len(secret), "padded otherwise")
    return label, secret


def signers(note: str, trusted: Mapping[str, bytes]) -> list[str]:
    """Return who of those trusted, by name and public key, signed a note."""
    text, _, lines = note.rpartition("\n\n")
    names = []
    for line in lines.splitlines() if text else []:
        dash, name, encoded = line.split(" ")
        need(dash == "—", "not a signature")
        data = base64.b64decode(encoded, validate=True)
        key = trusted.get(name)
        if key is not None and data[:4] == sha256(name.encode(), b"\n\1", key)[:4]:
            try:
                Ed25519PublicKey.from_public_bytes(key).verify(data[4:], f"{text}\n".encode())
            except InvalidSignature as error:
                raise Refused("a signature does not hold") from error
            names.append(name)
    return names


def join(archives: Sequence[Archive]) -> tuple[list[dict[str, Any]], list[tuple[str, bytes]]]:
    """Return a whole log and its blobs from a chain of archives, the oldest first."""
    due: list[Any] | None = None
    for one in archives:
        need(one.header["parent"] == due, "not the parent")
        need(one.header["cluster_id"] == archives[0].header["cluster_id"], "another cluster's")
        due = [one.root, one.header["position"]]
    return [event for one in archives for event in one.events], [
        pair for one in archives for pair in one.blobs
    ]
