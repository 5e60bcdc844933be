"""The folder with one's own keys: what files there are, how they are made, what may be wrong with them.

A key NAME has a private file, ``NAME.sign`` or ``NAME.age``, and a public one with ``.pub`` behind that;
a public file without a private one is somebody else's. The files are in the usual forms: those of signed
notes, and those of ``age-keygen``. Not to be confused with `kubisnap.cli.keys`, the SSH key of servers.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from ..engine.errors import InvalidInput, Refused
from . import wiring
from .render.style import rfc3339

MAX_FILE_BYTES: Final = 64 * 1024
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}", re.ASCII)
_NAMES: Final = "names are lower-case letters, digits and hyphens, up to 63; neither a hyphen nor age1 first"
_OTHERS: Final = 0o077
_OTHERS_WRITE: Final = 0o022
_PUBLIC: Final = ".pub"


class Kind(StrEnum):
    """What a key is for."""

    SIGNING = "signing"
    ENCRYPTION = "encryption"

    @property
    def suffix(self) -> str:
        """Return how the private file's name ends."""
        return ".sign" if self is Kind.SIGNING else ".age"


@dataclass(frozen=True)
class Held:
    """A key in the folder. `private` is the file of the private half, None where that is not here.

    `public` is what others get, `problem` what is wrong and `mend` what to do about it; each may be empty.
    """

    name: str
    kind: Kind
    public: str
    private: Path | None
    problem: str = ""
    mend: str = ""


@dataclass(frozen=True)
class _Draft:
    """A key that is not written yet."""

    path: Path
    secret: str
    public: str


def folder() -> Path:
    """Return where the keys are: ``KUBISNAP_KEYS``, or ``keys`` in the data folder."""
    given = os.environ.get("KUBISNAP_KEYS", "")
    return Path(given) if given else wiring.data_folder() / "keys"


def is_name(text: str) -> bool:
    """Tell whether a text can be a key's name; age1... never is, as that is a key itself."""
    return _NAME.fullmatch(text) is not None and not text.startswith("age1")


def private_file(name: str, kind: Kind) -> Path:
    """Return the file of the private half."""
    return folder() / f"{name}{kind.suffix}"


def public_file(name: str, kind: Kind) -> Path:
    """Return the file of the public half."""
    return folder() / f"{name}{kind.suffix}{_PUBLIC}"


def read_text(path: Path, field: str) -> str:
    """Return a small text file. Raises `InvalidInput`, which quotes nothing of it."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise InvalidInput(field, f"{path} is larger than any file of keys")
        return content.decode("utf-8")
    except OSError as error:
        raise InvalidInput(field, f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise InvalidInput(field, f"{path} is not text in UTF-8") from None


def entries(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a file of keys with their numbers, without comments and blank ones."""
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.strip()
        if entry and not entry.startswith("#"):
            yield number, entry


# ── making ───────────────────────────────────────────────────────────────────────────────────────


def make(name: str, kinds: tuple[Kind, ...]) -> list[Held]:
    """Make keys and return them. Raises `InvalidInput` and `Refused`; never touches a file that is there."""
    if not is_name(name):
        raise InvalidInput("NAME", f"{name!r} is not a name for a key", advice=_NAMES)
    where = folder()
    for path in (half for kind in kinds for half in (private_file(name, kind), public_file(name, kind))):
        if os.path.lexists(path):
            raise _taken(path)
    drafts = [_draft(name, kind) for kind in kinds]
    made: list[Path] = []
    try:
        _prepare(where)
        for draft in drafts:
            _write(draft.path, draft.secret, 0o600, made)
            _write(draft.path.with_name(draft.path.name + _PUBLIC), f"{draft.public}\n", 0o644, made)
        _sync(where)
    except OSError as error:
        for path in made:
            path.unlink(missing_ok=True)
        raise Refused(f"cannot make a key in {where}: {error.strerror}") from error
    return [Held(name, kind, draft.public, draft.path) for kind, draft in zip(kinds, drafts, strict=True)]


def _prepare(where: Path) -> None:
    if not where.is_dir():
        where.mkdir(parents=True, mode=0o700)
    problem, mend = folder_problem()
    if problem:
        raise Refused(f"{problem}; no key was made", mend)


def _taken(path: Path) -> Refused:
    return Refused(f"{path} is there already; no key is ever written over", "choose another name")


def _draft(name: str, kind: Kind) -> _Draft:
    path = private_file(name, kind)
    if kind is Kind.SIGNING:
        from ..archives.signing import SigningKey

        key = SigningKey.generate(name)
        return _Draft(path, f"{key.text()}\n", key.public.text())
    import pyrage

    identity = pyrage.x25519.Identity.generate()
    public = str(identity.to_public())
    created = rfc3339(int(wiring.SystemClock().now() * 1_000_000))
    return _Draft(path, f"# created: {created}\n# public key: {public}\n{identity}\n", public)


def _write(path: Path, text: str, mode: int, made: list[Path]) -> None:
    """Write a new file and note it in `made`, so that it can be taken back."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    made.append(path)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync(where: Path) -> None:
    descriptor = os.open(where, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# ── looking ──────────────────────────────────────────────────────────────────────────────────────


def held() -> list[Held]:
    """Return the keys in the folder by name, the broken ones with what is wrong."""
    where = folder()
    try:
        names = sorted(os.listdir(where))  # noqa: PTH208 - only names are wanted
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InvalidInput("KUBISNAP_KEYS", f"cannot read {where}: {error.strerror}") from error
    found = {
        (name, kind)
        for file in names
        for kind in Kind
        for name in [file.removesuffix(_PUBLIC).removesuffix(kind.suffix)]
        if is_name(name) and file in {name + kind.suffix, name + kind.suffix + _PUBLIC}
    }
    return [
        _look(name, kind) for name, kind in sorted(found, key=lambda key: (key[0], list(Kind).index(key[1])))
    ]


def folder_problem() -> tuple[str, str]:
    """Return what is wrong with the folder and what to do about it; both are empty where all is well."""
    where = folder()
    if where.is_dir() and where.stat().st_mode & _OTHERS_WRITE:
        return f"others can write to {where}", f"chmod 700 {where}"
    return "", ""


def own_names(kind: Kind) -> tuple[str, ...]:
    """Return the names that have a private half here."""
    return tuple(key.name for key in held() if key.kind is kind and key.private is not None)


def too_open(path: Path) -> bool:
    """Tell whether others than its owner can read or write a file."""
    return bool(path.stat().st_mode & _OTHERS)


def _look(name: str, kind: Kind) -> Held:
    private, public = private_file(name, kind), public_file(name, kind)
    here = private if os.path.lexists(private) else None
    written, expected = "", ""
    try:
        if os.path.lexists(public):
            written = _public_text(read_text(public, public.name), kind)
        if here is not None:
            expected = public_of(read_text(private, private.name), kind)
            if too_open(private):
                mend = f"chmod 600 {private}; make a new key if others may have read it"
                return Held(name, kind, expected, here, f"others can read {private.name}", mend)
    except (InvalidInput, ValueError) as error:
        return Held(name, kind, written, here, str(error), "restore it from a backup, or remove it")
    if here is not None and written != expected:
        problem = f"{public.name} is not the public half" if written else f"{public.name} is missing"
        return Held(name, kind, expected, here, problem, f"write {expected} into {public}")
    return Held(name, kind, written, here)


def _public_text(text: str, kind: Kind) -> str:
    """Return the one public key in a file. Raises a ValueError."""
    lines = [entry for _, entry in entries(text)]
    if len(lines) != 1:
        raise ValueError("the public file holds no key, or several")
    if kind is Kind.SIGNING:
        from ..archives.signing import PublicKey

        return PublicKey.parse(lines[0]).text()
    from ..archives.sealing import recipient_of

    recipient_of(lines[0])
    return lines[0]


def public_of(text: str, kind: Kind) -> str:
    """Return the public half of what a private file holds. Raises a ValueError that quotes nothing."""
    lines = [entry for _, entry in entries(text)]
    if len(lines) != 1:
        raise ValueError("the private file holds no key, or several")
    if kind is Kind.SIGNING:
        from ..archives.signing import SigningKey

        return SigningKey.parse(lines[0]).public.text()
    from ..archives.sealing import identity_of

    return str(identity_of(lines[0]).to_public())
