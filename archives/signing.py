"""Signed notes: a short text, and under it who says so. C2SP signed-note, Ed25519 only.

The format is https://c2sp.org/signed-note. Any tool that knows signed notes checks ours, and this module
checks theirs: keys and notes are in the forms of Go's ``golang.org/x/mod/sumdb/note``. A note is the
text, an empty line, and a line for each signature::

    — NAME base64(key id, 4 bytes | Ed25519 signature of the text, 64 bytes)

A key is known by its name and its id, the first 4 bytes of SHA-256(name | 0x0A | 0x01 | public key). The
id is no fingerprint: trust hangs on the whole public key, which the reader has from elsewhere.

Ed25519 is what `cryptography` (OpenSSL) makes of RFC 8032: S must be below the group's order; encodings of
public keys that are not canonical, and points of small order, are not refused. Whoever has such a key
trusted can find texts that it "signed"; but whose key is trusted is the reader's choice, never the file's.
"""

import base64
import binascii
import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

MAX_SIGNATURES: Final = 16
MAX_NOTE_CHARACTERS: Final = 1_000_000
KEY_BYTES: Final = 32
_ED25519: Final = b"\x01"
_ID_BYTES: Final = 4
_PRIVATE: Final = "PRIVATE+KEY+"
_DASH: Final = "— "
_BETWEEN: Final = "\n\n"
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")
_ID: Final = re.compile(r"[0-9a-f]{8}", re.ASCII)


class SigningError(ValueError):
    """What is wrong with a key or a note. Whoever read it adds the file's name."""


class MalformedKey(SigningError):
    """A text that is no key in the form of signed notes."""


class MalformedNote(SigningError):
    """A text that is no signed note."""


class BadSignature(SigningError):
    """A trusted key's signature that does not belong to the text: text or signature was changed."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the signature of {key} does not belong to this text")
        self.key = key


@dataclass(frozen=True)
class PublicKey:
    """Whom a signature may come from. Its text is ``NAME+ID+base64(0x01 | 32 bytes)``, Go's "vkey"."""

    name: str
    raw: bytes

    def __post_init__(self) -> None:
        _check_name(self.name, MalformedKey)
        if len(self.raw) != KEY_BYTES:
            raise MalformedKey("a public key has 32 bytes")

    @property
    def id(self) -> str:
        """Return the key id, 8 hex digits."""
        return hashlib.sha256(b"%s\n%s%s" % (self.name.encode(), _ED25519, self.raw)).hexdigest()[:8]

    @property
    def title(self) -> str:
        """Return name and id, by which signature lines call the key."""
        return f"{self.name}+{self.id}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the key that a text stands for, its id checked. Raises `MalformedKey`."""
        name, key_id, raw = _parts(text)
        key = cls(name, raw)
        if key.id != key_id:
            raise MalformedKey(f"the key of {name!r} was mistyped or changed: its id does not fit")
        return key

    def text(self) -> str:
        """Return the key as it is handed around."""
        return f"{self.title}+{_encoded(_ED25519 + self.raw)}"

    def verifies(self, text: str, signature: bytes) -> bool:
        """Tell whether the 64 bytes are this key's signature of a text."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, text.encode())
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class SigningKey:
    """Who signs. Its text is ``PRIVATE+KEY+NAME+ID+base64(0x01 | 32 bytes)``, Go's "skey"."""

    name: str
    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        _check_name(self.name, MalformedKey)
        if len(self.seed) != KEY_BYTES:
            raise MalformedKey("a signing key has 32 bytes")

    @classmethod
    def generate(cls, name: str) -> Self:
        """Return a new key."""
        return cls(name, secrets.token_bytes(KEY_BYTES))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the key that a text stands for, its id checked. Raises `MalformedKey`, quoting no secret."""
        if not text.startswith(_PRIVATE):
            raise MalformedKey("a signing key begins with PRIVATE+KEY+")
        name, key_id, seed = _parts(text.removeprefix(_PRIVATE))
        key = cls(name, seed)
        if key.public.id != key_id:
            raise MalformedKey(f"the signing key of {name!r} was mistyped or changed: its id does not fit")
        return key

    @property
    def public(self) -> PublicKey:
        """Return the half that others get."""
        return PublicKey(
            self.name, Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        )

    def text(self) -> str:
        """Return the secret text."""
        return f"{_PRIVATE}{self.public.title}+{_encoded(_ED25519 + self.seed)}"

    def sign(self, text: str) -> bytes:
        """Return the 64 bytes of the signature, the same ones for the same text."""
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(text.encode())


@dataclass(frozen=True)
class OpenedNote:
    """A note that was looked at. Without `signers` nobody whom we trust says anything: ignore the text.

    `signers` are the trusted keys whose signatures hold, `strangers` the titles of the other keys;
    both in the note's order, each once.
    """

    text: str
    signers: tuple[PublicKey, ...]
    strangers: tuple[str, ...]


def sign_note(text: str, keys: Sequence[SigningKey]) -> str:
    """Return the text with the signatures of 1 to 16 keys, ordered by name and id.

    The same text and keys give the same note. Raises `MalformedNote` for a text that no note can hold.
    """
    _check_text(text)
    unique = {key.public.title: key for key in keys}
    if not 0 < len(keys) == len(unique) <= MAX_SIGNATURES:
        raise MalformedNote(f"a note is signed by 1 to {MAX_SIGNATURES} different keys")
    ordered = sorted(unique.values(), key=lambda key: (key.name, key.public.id))
    return text + "\n" + "".join(_line(key, text) for key in ordered)


def open_note(note: str, trusted: Sequence[PublicKey]) -> OpenedNote:
    """Return what a note says and who of those trusted says so.

    Raises `MalformedNote`, and `BadSignature` where a trusted key's signature does not hold; signatures
    of other keys are listed and otherwise ignored, also when they share a trusted key's name or id.
    """
    text, lines = _divide(note)
    known = _by_title(trusted)
    signers: dict[str, PublicKey] = {}
    strangers: dict[str, None] = {}
    for line in lines:
        title, signature = _parse_line(line)
        key = known.get(title)
        if key is None:
            strangers[title] = None
        elif key.verifies(text, signature):
            signers[title] = key
        else:
            raise BadSignature(title)
    return OpenedNote(text, tuple(signers.values()), tuple(strangers))


def _by_title(trusted: Sequence[PublicKey]) -> dict[str, PublicKey]:
    known: dict[str, PublicKey] = {}
    for key in trusted:
        if known.setdefault(key.title, key) != key:
            raise MalformedKey(f"two different trusted keys are called {key.title}")
    return known


def _divide(note: str) -> tuple[str, list[str]]:
    """Return the text with its last newline, and the signature lines."""
    if len(note) > MAX_NOTE_CHARACTERS:
        raise MalformedNote("a note is longer than any may be")
    cut = note.rfind(_BETWEEN)
    if cut < 0 or not note.endswith("\n"):
        raise MalformedNote("a note is a text, an empty line and lines with signatures")
    text = note[: cut + 1]
    _check_text(note)
    lines = note[cut + len(_BETWEEN) :].split("\n")[:-1]
    if not 0 < len(lines) <= MAX_SIGNATURES:
        raise MalformedNote(f"a note has 1 to {MAX_SIGNATURES} signatures")
    return text, lines


def _check_text(text: str) -> None:
    if not text.endswith("\n") or _CONTROL.search(text):
        raise MalformedNote("a note ends with a newline and holds no other control characters")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise MalformedNote("a note holds what UTF-8 cannot write") from error


def _line(key: SigningKey, text: str) -> str:
    return f"{_DASH}{key.name} {_encoded(bytes.fromhex(key.public.id) + key.sign(text))}\n"


def _parse_line(line: str) -> tuple[str, bytes]:
    """Return the title of the key and the signature that a line tells of."""
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH):
        raise MalformedNote("a signature line begins with a dash")
    _check_name(name, MalformedNote)
    data = _decoded(encoded, MalformedNote)
    if len(data) <= _ID_BYTES:
        raise MalformedNote("a signature line holds no signature")
    return f"{name}+{data[:_ID_BYTES].hex()}", data[_ID_BYTES:]


def _parts(text: str) -> tuple[str, str, bytes]:
    """Return name, id and the 32 bytes of a key's text."""
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    if not _ID.fullmatch(key_id):
        raise MalformedKey("a key is written as NAME+ID+KEY, its id as 8 hex digits")
    data = _decoded(encoded, MalformedKey)
    if data[:1] != _ED25519 or len(data) != 1 + KEY_BYTES:
        raise MalformedKey("a key is of another kind than Ed25519")
    return name, key_id, data[1:]


def _check_name(name: str, error: type[SigningError]) -> None:
    if not name or "+" in name or any(char.isspace() for char in name) or _CONTROL.search(name):
        raise error("a key's name is neither empty nor holds spaces, plus signs or control characters")
    try:
        name.encode()
    except UnicodeEncodeError as unwritable:
        raise error("a key's name holds what UTF-8 cannot write") from unwritable


def _encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _decoded(text: str, error: type[SigningError]) -> bytes:
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise error("a key or signature is not written in base64") from None
    if _encoded(data) != text:
        raise error("a key or signature is not in its one base64 form")
    return data
