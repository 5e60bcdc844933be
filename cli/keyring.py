"""What options of other commands mean by a key: a name in the keys folder, a file, or the key itself.

What has a dot or a slash in it is a file, everything else a name. Files may hold comments. A private file
in the keys folder that others can read is refused; one that is named by its path is used as it is.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from ..engine.errors import InvalidInput, NotFound, Refused
from .keyfiles import Kind, entries, folder, held, own_names, private_file, public_file, read_text, too_open
from .passphrases import given_passphrase, passphrase

if TYPE_CHECKING:
    from ..archives.signing import PublicKey, SigningKey

__all__ = ["given_passphrase", "identities", "passphrase", "recipient", "signing_key", "trusted_keys"]

TRUSTED: Final = "trusted"
_Parsed = TypeVar("_Parsed")


def signing_key(text: str, *, field: str = "--sign-with") -> "SigningKey":
    """Return the signing key that a name or a file stands for.

    Raises `InvalidInput`, `NotFound`, and `Refused` where others can read it.
    """
    from ..archives.signing import SigningKey

    path = Path(text).expanduser() if _is_path(text) else _own(text, Kind.SIGNING)
    found = _parsed(path, field, SigningKey.parse)
    if len(found) != 1:
        raise InvalidInput(field, f"{path} holds {len(found)} signing keys, not one")
    return found[0]


def recipient(text: str, *, field: str = "--encrypt-to") -> tuple[str, ...]:
    """Return the public keys that a key, a name or a file with one or several of them stands for."""
    from ..archives.sealing import BadKeyText, recipient_of

    if text.startswith(("age1", "ssh-")) and not _is_path(text.split(" ", 1)[0]):
        try:
            recipient_of(text)
        except BadKeyText as error:
            raise InvalidInput(field, str(error)) from error
        return (text,)
    path = Path(text).expanduser()
    if not _is_path(text):
        path = public_file(text, Kind.ENCRYPTION)
        if not path.is_file():
            known = tuple(key.name for key in held() if key.kind is Kind.ENCRYPTION)
            raise NotFound("encryption key", text, known, "" if known else _MAKE)

    def check(line: str) -> str:
        recipient_of(line)
        return line

    found = _parsed(path, field, check)
    if not found:
        raise InvalidInput(field, f"{path} holds no public key")
    return tuple(found)


def identities(texts: Sequence[str], *, field: str = "--identity") -> tuple[str, ...]:
    """Return the private keys that names and files stand for.

    A file holds age's, one a line, or is one of OpenSSH's. Raises as `signing_key` does.
    """
    return tuple(key for text in texts for key in _identities(text, field))


def trusted_keys(path: Path | None = None, *, field: str = "--trusted") -> "tuple[PublicKey, ...]":
    """Return whose signatures count: the keys in a file, one a line.

    Without a file: those in ``trusted`` in the keys folder, if there is one, and the operator's own.
    """
    from ..archives.signing import PublicKey

    if path is not None:
        return tuple(_parsed(path, field, PublicKey.parse))
    usual = folder() / TRUSTED
    found = _parsed(usual, TRUSTED, PublicKey.parse) if usual.exists() else []
    own = [key.public for key in held() if key.kind is Kind.SIGNING and key.private and key.public]
    return tuple(dict.fromkeys([*found, *map(PublicKey.parse, own)]))


_MAKE: Final = "kubisnap keys generate NAME"


def _is_path(text: str) -> bool:
    return "." in text or "/" in text


def _own(name: str, kind: Kind) -> Path:
    """Return the private file of a name in the keys folder."""
    path = private_file(name, kind)
    if not path.is_file():
        known = own_names(kind)
        raise NotFound(f"private {kind} key", name, known, "" if known else _MAKE)
    if too_open(path):
        raise Refused(f"others can read the private key {path}", f"chmod 600 {path}")
    return path


def _identities(text: str, field: str) -> list[str]:
    from ..archives.sealing import BadKeyText, identity_of

    path = Path(text).expanduser() if _is_path(text) else _own(text, Kind.ENCRYPTION)
    content = read_text(path, field)
    if content.startswith(("age-encryption.org/", "-----BEGIN AGE")):
        raise InvalidInput(
            field, f"{path} is locked with a passphrase", advice=f"age -d {path} > unlocked.age"
        )
    if content.lstrip().startswith("-----BEGIN"):
        try:
            identity_of(content)
        except BadKeyText as error:
            raise InvalidInput(field, f"{path}: {error}") from error
        return [content]

    def check(line: str) -> str:
        identity_of(line)
        return line

    found = _parsed(path, field, check)
    if not found:
        raise InvalidInput(field, f"{path} holds no private key")
    return found


def _parsed(path: Path, field: str, parse: Callable[[str], _Parsed]) -> list[_Parsed]:
    """Return what the lines of a file stand for; an error names the line and quotes nothing of it."""
    found = []
    for number, line in entries(read_text(path, field)):
        try:
            found.append(parse(line))
        except ValueError as error:  # the errors of keys are ValueErrors
            raise InvalidInput(field, f"{path}, line {number}: {error}") from error
    return found
