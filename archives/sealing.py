"""Who can read an archive: one random file key, a copy of it for each reader, and the keys made of it.

Wrapping is age's (age-encryption.org/v1, through `pyrage`), records are encrypted by ChaCha20-Poly1305 and
keys derived by HKDF-SHA256 (`cryptography`); nothing here is a cipher of our own.
``docs/archive-format-crypto.md`` is the normative text; in short::

    slot        = age file, binary, for one recipient or one passphrase, of
                  "kubisnap-file-key-v1" | 0x00 | file key (32) | salt (32)
    okm(class)  = HKDF-SHA256(key = file key, salt = salt, length = 76,
                  info = "kubisnap archive v2 " | suite | class as u16 big-endian)
                = record key (32) | base nonce (12) | class commitment (32)
    commitment  = SHA-256("kubisnap archive v2 commitment" | 0x00
                  | class commitment of class 0 | class commitment of class 1)
    record      = ChaCha20-Poly1305(record key, nonce = base nonce XOR sequence as 12 bytes big-endian,
                  associated data = header hash (32) | record header, data)

The file key, and with it everything, is new in every archive, so a nonce is used once as long as no
sequence number is repeated within a class. ChaCha20-Poly1305 alone does not commit to its key; the
commitment does, and is compared before anything is decrypted.

A passphrase goes through age's scrypt. `pyrage` chooses the work factor so that one try takes about a
second on the machine that seals, and it is not ours to set: measured 2^18 (256 MiB, 1.2 s) and 2^19
(512 MiB, 2.4 s), each for sealing and again for opening. Above 2^20 (1 GiB) a slot is neither written nor
tried: a hostile file must not take a machine down. rage has a limit of its own, 16 times what it finds
right for the machine at hand: `TooMuchWork`.
"""

import hashlib
import hmac
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..engine.errors import WrongKey

SUITE: Final = "age-chacha20poly1305-hkdf-sha256-v1"
MAIN: Final = 0
SECRET: Final = 1
CLASSES: Final = (MAIN, SECRET)
KEY_BYTES: Final = 32
HASH_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
MAX_SLOTS: Final = 32
MAX_SLOT_BYTES: Final = 4 * 1024
MAX_STANZAS: Final = 4
"""In a slot: one, and what rage adds of random ones ("grease") to keep readers tolerant."""
MAX_WORK_FACTOR: Final = 20
MAX_SEQUENCE: Final = 2**64 - 1

_SLOT_MARK: Final = b"kubisnap-file-key-v1\0"
_KEYS: Final = b"kubisnap archive v2 "
_COMMITMENT: Final = b"kubisnap archive v2 commitment\0"
_AGE: Final = b"age-encryption.org/v1"
_AGE_TAIL: Final = re.compile(rb"[A-Za-z0-9+/]{43}\n", re.ASCII)
_AGE_PAYLOAD: Final = 16 + len(_SLOT_MARK) + 2 * KEY_BYTES + TAG_BYTES
_SCRYPT: Final = "scrypt"

_Bytes32 = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
_Slot = Annotated[bytes, msgspec.Meta(min_length=1, max_length=MAX_SLOT_BYTES)]


class SealingError(ValueError):
    """What is wrong with a seal, a key or a record. Whoever read it adds the file's name."""


class BrokenSeal(SealingError):
    """The part of the header that holds the keys is not what the format says."""


class BadKeyText(SealingError):
    """A recipient or an identity that is none. Quotes nothing of it."""


class TooMuchWork(SealingError):
    """The passphrase was not tried: rage finds it too much for this machine. The seal may be fine."""


class CannotSeal(SealingError):
    """Nobody to seal for, or a slot that no reader would accept."""


class NotDecrypted(SealingError):
    """A record that was changed, or stands in another place or file than it was written for."""


class Sealed(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What an encrypted archive's public header says: everything that opens it, for whoever has a key."""

    suite: Literal["age-chacha20poly1305-hkdf-sha256-v1"]
    salt: _Bytes32
    commitment: _Bytes32
    slots: Annotated[tuple[_Slot, ...], msgspec.Meta(min_length=1, max_length=MAX_SLOTS)]


@dataclass(frozen=True)
class Recipients:
    """Who shall be able to read: public keys (age1..., ssh-ed25519, ssh-rsa) and at most one passphrase."""

    public: tuple[str, ...] = ()
    passphrase: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Identities:
    """What opens archives: AGE-SECRET-KEY-1... or whole OpenSSH private keys, and a passphrase."""

    private: tuple[str, ...] = field(default=(), repr=False)
    passphrase: str | None = field(default=None, repr=False)


class RecordKeys:
    """The keys of one archive's records, by class. Shows nothing of them."""

    __slots__ = ("_ciphers", "_nonces", "commitment")

    def __init__(self, file_key: bytes, salt: bytes) -> None:
        if len(file_key) != KEY_BYTES or len(salt) != KEY_BYTES:
            raise BrokenSeal("a file key and its salt have 32 bytes each")
        derived = [_derived(file_key, salt, klass) for klass in CLASSES]
        self._ciphers = [ChaCha20Poly1305(okm[:KEY_BYTES]) for okm in derived]
        self._nonces = [int.from_bytes(okm[KEY_BYTES : KEY_BYTES + NONCE_BYTES], "big") for okm in derived]
        commitments = b"".join(okm[KEY_BYTES + NONCE_BYTES :] for okm in derived)
        self.commitment = hashlib.sha256(_COMMITMENT + commitments).digest()

    def __repr__(self) -> str:
        return "RecordKeys(...)"

    def encrypt(
        self, header_hash: bytes, record_header: bytes, sequence: int, klass: int, data: bytes
    ) -> bytes:
        """Return a record's body, 16 bytes longer. Never use a sequence number twice for a class."""
        nonce, associated = self._place(header_hash, record_header, sequence, klass)
        return self._ciphers[klass].encrypt(nonce, data, associated)

    def decrypt(
        self, header_hash: bytes, record_header: bytes, sequence: int, klass: int, data: bytes
    ) -> bytes:
        """Return what was encrypted for exactly this place. Raises `NotDecrypted`."""
        nonce, associated = self._place(header_hash, record_header, sequence, klass)
        try:
            return self._ciphers[klass].decrypt(nonce, data, associated)
        except InvalidTag:
            raise NotDecrypted(f"record {sequence} was changed, or is not where it was written") from None

    def _place(
        self, header_hash: bytes, record_header: bytes, sequence: int, klass: int
    ) -> tuple[bytes, bytes]:
        if klass not in CLASSES or not 0 <= sequence <= MAX_SEQUENCE or len(header_hash) != HASH_BYTES:
            raise NotDecrypted("no such class of records, no such number, or no hash of a header")
        nonce = (self._nonces[klass] ^ sequence).to_bytes(NONCE_BYTES, "big")
        return nonce, header_hash + record_header


def _derived(file_key: bytes, salt: bytes, klass: int) -> bytes:
    info = _KEYS + SUITE.encode("ascii") + klass.to_bytes(2, "big")
    length = KEY_BYTES + NONCE_BYTES + HASH_BYTES
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(file_key)


# ── sealing ──────────────────────────────────────────────────────────────────────────────────────


def seal(recipients: Recipients, random: Callable[[int], bytes] = os.urandom) -> tuple[Sealed, RecordKeys]:
    """Make a file key, wrap it once for each recipient in the order given, the passphrase last.

    Raises `BadKeyText` and `CannotSeal`. `random` gives file key and salt; age takes its own chance from
    the system, so slots differ each time.
    """
    import pyrage

    public = list(dict.fromkeys(recipients.public))
    wrapped = [recipient_of(text) for text in public]
    if not wrapped and recipients.passphrase is None:
        raise CannotSeal("there is nobody to encrypt for")
    if recipients.passphrase == "":
        raise CannotSeal("the passphrase is empty")
    if len(wrapped) + (recipients.passphrase is not None) > MAX_SLOTS:
        raise CannotSeal(f"an archive has at most {MAX_SLOTS} recipients")
    file_key, salt = random(KEY_BYTES), random(KEY_BYTES)
    content = _SLOT_MARK + file_key + salt
    slots = [pyrage.encrypt(content, [recipient]) for recipient in wrapped]
    if recipients.passphrase is not None:
        slots.append(pyrage.passphrase.encrypt(content, recipients.passphrase))
    keys = RecordKeys(file_key, salt)
    sealed = Sealed(SUITE, salt, keys.commitment, tuple(slots))
    try:
        has_passphrase(sealed)
    except BrokenSeal as error:  # such as an enormous ssh-rsa key, or a work factor of years to come
        raise CannotSeal(f"no reader would accept what was made: {error}") from error
    return sealed, keys


def recipient_of(text: str) -> Any:
    """Return pyrage's recipient for a public key. Raises `BadKeyText`."""
    import pyrage

    if "\n" in text or len(text) > MAX_SLOT_BYTES:
        raise BadKeyText("a recipient is one line: age1..., ssh-ed25519 ... or ssh-rsa ...")
    kind = pyrage.ssh.Recipient if text.startswith("ssh-") else pyrage.x25519.Recipient
    try:
        return kind.from_str(text)
    except pyrage.RecipientError:
        raise BadKeyText(  # not quoted: what was given by mistake may be the private half
            "not a recipient: age1... as age-keygen makes, ssh-ed25519 ... or ssh-rsa ..."
        ) from None


def identity_of(text: str) -> Any:
    """Return pyrage's identity for a private key. Raises `BadKeyText`, which quotes nothing of it."""
    import pyrage

    try:
        if text.lstrip().startswith("-----BEGIN"):
            return pyrage.ssh.Identity.from_buffer(text.encode())
        return pyrage.x25519.Identity.from_str(text)
    except pyrage.IdentityError as error:
        if "decrypted first" in str(error):
            raise BadKeyText(
                "the SSH key is locked with a passphrase; make an unlocked copy with ssh-keygen -p"
            ) from None
        raise BadKeyText("neither AGE-SECRET-KEY-1... nor an OpenSSH private key (ed25519, rsa)") from None


# ── opening ──────────────────────────────────────────────────────────────────────────────────────


def unseal(sealed: Sealed, identities: Identities, *, name: str) -> RecordKeys:
    """Return the keys of the archive `name`, once they are what its header promises.

    Identities are tried on every slot, then the passphrase on its own. Raises `WrongKey` where nothing
    opens any, `BrokenSeal` where a seal is not what the format says, `BadKeyText`, `TooMuchWork`.
    age cannot tell a slot that was changed from one that is for somebody else: both are `WrongKey`.
    """
    locked = has_passphrase(sealed)
    private = [identity_of(text) for text in identities.private]
    for content in _opened(sealed, private, identities.passphrase):
        keys = _keys_of(content, sealed)
        if not hmac.compare_digest(keys.commitment, sealed.commitment):
            raise BrokenSeal("the file key is not the one that the archive was written with")
        return keys
    raise WrongKey(
        name=name,
        slots=len(sealed.slots),
        passphrase=locked,
        tried=bool(private) or identities.passphrase is not None,
    )


def has_passphrase(sealed: Sealed) -> bool:
    """Tell whether a passphrase opens it. Raises `BrokenSeal` where a limit is not kept; computes nothing."""
    if not 0 < len(sealed.slots) <= MAX_SLOTS:
        raise BrokenSeal(f"a seal has 1 to {MAX_SLOTS} slots")
    locked = sum(_is_locked(slot) for slot in sealed.slots)
    if locked > 1:
        raise BrokenSeal("the seal has more than one passphrase")
    return locked == 1


def _opened(sealed: Sealed, private: Sequence[Any], passphrase: str | None) -> list[bytes]:
    """Return the contents of the first slot that opens, or nothing. The passphrase is slow, so it is last."""
    import pyrage

    ways: list[tuple[bool, Callable[[bytes], bytes]]] = []
    if private:
        ways.append((False, lambda slot: pyrage.decrypt(slot, private)))
    if passphrase is not None:
        ways.append((True, lambda slot: pyrage.passphrase.decrypt(slot, passphrase)))
    for locked, opening in ways:
        for slot in sealed.slots:
            if _is_locked(slot) is locked:
                try:
                    return [opening(slot)]
                except pyrage.DecryptError as error:
                    if "Excessive work" in str(error):  # rage's own limit, by the speed of this machine
                        raise TooMuchWork(
                            "this machine is too slow, or too busy, to try the passphrase"
                        ) from None
    return []


def _keys_of(content: bytes, sealed: Sealed) -> RecordKeys:
    mark, rest = content[: len(_SLOT_MARK)], content[len(_SLOT_MARK) :]
    if mark != _SLOT_MARK or len(rest) != 2 * KEY_BYTES or rest[KEY_BYTES:] != sealed.salt:
        raise BrokenSeal("a slot was made for something else than this archive")
    return RecordKeys(rest[:KEY_BYTES], sealed.salt)


def _is_locked(slot: bytes) -> bool:
    """Tell whether a slot is for a passphrase. Raises `BrokenSeal` unless it is an age file within limits."""
    stanzas = _stanzas(slot)
    kinds = [stanza[0] for stanza in stanzas]
    if _SCRYPT not in kinds:
        return False
    if len(stanzas) != 1 or len(stanzas[0]) != 3 or not re.fullmatch(r"[1-9][0-9]?", stanzas[0][2]):
        raise BrokenSeal("a slot mixes a passphrase with something else")
    if int(stanzas[0][2]) > MAX_WORK_FACTOR:
        raise BrokenSeal(
            f"the passphrase's work factor is 2^{stanzas[0][2]}; above 2^{MAX_WORK_FACTOR} none is tried"
        )
    return True


def _stanzas(slot: bytes) -> list[list[str]]:
    """Return the words of each stanza's first line."""
    head, _, tail = slot.partition(b"\n--- ")
    end = _AGE_TAIL.match(tail)
    version, *lines = head.split(b"\n")
    if len(slot) > MAX_SLOT_BYTES or version != _AGE or end is None or len(tail) - end.end() != _AGE_PAYLOAD:
        raise BrokenSeal("a slot is no age file with a file key")
    try:
        stanzas = [line[3:].decode("ascii").split(" ") for line in lines if line.startswith(b"-> ")]
    except UnicodeDecodeError as error:
        raise BrokenSeal("a slot is no age file with a file key") from error
    if not 0 < len(stanzas) <= MAX_STANZAS:
        raise BrokenSeal(f"a slot has 1 to {MAX_STANZAS} stanzas")
    return stanzas
