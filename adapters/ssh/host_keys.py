"""Servers' own keys: pinned ones, and OpenSSH's file ``known_hosts`` for the rest.

A key that is not known is refused, or recorded once where the operator says so; one that is another
than before is always refused. Sources: sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"; RFC 4253, 6.6.
"""

import base64
import binascii
import fcntl
import hashlib
import hmac
import os
import re
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from threading import Lock
from typing import NamedTuple, NoReturn, Protocol

from .problems import HostKeyRefused, legible

MAX_BYTES = 16 * 1024 * 1024
_TYPE = re.compile(r"[A-Za-z0-9@._-]{1,64}")
_SIGNATURES = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}
"""What a key of a type signs with, where that has another name; SHA-1 is not among it."""


class HostKey(NamedTuple):
    """A public key: its type, such as ``ssh-ed25519``, and the key itself."""

    type: str
    material: bytes

    def __str__(self) -> str:
        return f"{self.type} {base64.b64encode(self.material).decode()}"

    @property
    def fingerprint(self) -> str:
        """Return what ``ssh-keygen -l`` shows of it."""
        digest = base64.b64encode(hashlib.sha256(self.material).digest()).decode()
        return f"SHA256:{digest.rstrip('=')}"


def parse_host_key(text: str) -> HostKey:
    """Return a key from OpenSSH's form, ``TYPE BASE64 [COMMENT]``. Raises `ValueError` for what is none.

    >>> parse_host_key("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAAQ==").fingerprint
    'SHA256:fuGRv0EU4vDDOCt4bUIcZ7i6BmtHO4x+h5VDMsdWFxM'
    """
    parts = text.split()
    if len(parts) < 2 or not _TYPE.fullmatch(parts[0]):
        raise ValueError("not a public key: TYPE BASE64")
    try:
        material = base64.b64decode(parts[1], validate=True)
    except binascii.Error:
        raise ValueError("not a public key: its second word is not base64") from None
    name = parts[0].encode()
    if material[: 4 + len(name)] != len(name).to_bytes(4) + name:
        raise ValueError(f"not a public key of type {parts[0]}")
    return HostKey(parts[0], material)


def label(address: str, port: int) -> str:
    """Return what OpenSSH calls a server in its files.

    >>> label("node-1.example.com", 22), label("10.0.0.7", 2222)
    ('node-1.example.com', '[10.0.0.7]:2222')
    """
    name = address.lower()
    return name if port == 22 else f"[{name}]:{port}"


class Verifier(Protocol):
    """Says whether a server's key is its own."""

    def algorithms(self) -> tuple[str, ...]:
        """Return the algorithms of known keys, which the server is asked for first."""
        ...

    def check(self, key: HostKey) -> None:
        """Raise `HostKeyRefused` unless the key is the server's own."""
        ...


class Pinned:
    """A key that the operator wrote down. `title` is the server's name for people."""

    def __init__(self, key: HostKey, *, title: str) -> None:
        self._key = key
        self._title = title

    def algorithms(self) -> tuple[str, ...]:
        """Return those of the key's type."""
        return _algorithms([self._key])

    def check(self, key: HostKey) -> None:
        """Raise `HostKeyRefused` for any other key."""
        if key != self._key:
            _changed(self._title, key, [self._key], "the inventory has")


class _Entry(NamedTuple):
    line: int
    marker: str
    key: HostKey


class KnownHosts:
    """A file in OpenSSH's format. `first_use`: a server that is not in it yet is recorded as it is met.

    Several processes may use one file. What cannot be understood is an error, never skipped: it may
    be the line that tells a forged key from the true one.
    """

    def __init__(self, path: Path, *, first_use: bool = False) -> None:
        self.path = path
        self._first_use = first_use
        self._lock = Lock()

    def of(self, address: str, port: int, *, title: str) -> Verifier:
        """Return what checks the key of one server."""
        return _Recorded(self, label(address, port), title)

    def entries(self, name: str) -> list[_Entry]:
        """Return what the file says about a server; nothing where there is no file."""
        try:
            with self.path.open("rb") as file:
                if os.fstat(file.fileno()).st_mode & 0o002:
                    problem = f"{self.path} may be written by everybody, so nobody can rely on it"
                    raise HostKeyRefused(problem, f"chmod o-w {self.path}")
                data = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise HostKeyRefused(f"{self.path} cannot be read: {error.strerror}") from error
        if len(data) > MAX_BYTES:
            raise HostKeyRefused(f"{self.path} is longer than {MAX_BYTES} bytes")
        return list(self._parsed(data, name))

    def _parsed(self, data: bytes, name: str) -> Iterator[_Entry]:
        for number, line in enumerate(data.decode("utf-8", "replace").split("\n"), 1):
            words = line.split()
            if not words or words[0].startswith("#"):
                continue
            marker = words.pop(0) if words[0].startswith("@") else ""
            try:
                if marker not in {"", "@revoked", "@cert-authority"}:
                    raise ValueError("the marker is unknown")  # noqa: TRY301
                entry = _Entry(number, marker, parse_host_key(" ".join(words[1:3])))
                if _named(name, words[0]):
                    yield entry
            except (ValueError, IndexError) as error:
                problem = f"{self.path}:{number} cannot be understood: {legible(str(error))}"
                raise HostKeyRefused(problem, "mend or remove the line") from error

    def check(self, name: str, title: str, key: HostKey) -> None:
        """Raise `HostKeyRefused` unless this is the key of the server called `name` in the file."""
        if self._known(name, title, key):
            return
        if not self._first_use:
            raise HostKeyRefused(
                f"the host key of {title} is not known: it shows {key.fingerprint} ({key.type})",
                "compare it with what ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub says there; "
                f"if it is the same, add this line to {self.path}:\n{name} {key}",
            )
        with self._lock:
            self._record(name, title, key)

    def _known(self, name: str, title: str, key: HostKey) -> bool:
        entries = self.entries(name)
        if any(entry.marker == "@revoked" and entry.key == key for entry in entries):
            raise HostKeyRefused(f"{title} shows a host key that {self.path} says is revoked")
        known = [entry for entry in entries if not entry.marker]
        if known and key not in [entry.key for entry in known]:
            lines = ", ".join(str(entry.line) for entry in known)
            advice = f"if the machine was installed anew, remove line {lines} of {self.path}"
            _changed(title, key, [entry.key for entry in known], f"{self.path} has", advice)
        return bool(known)

    def _record(self, name: str, title: str, key: HostKey) -> None:
        """Append a line, durably; another process may have done so since the file was read."""
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
            with os.fdopen(descriptor, "rb+", buffering=0) as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if self._known(name, title, key):
                    return
                size = file.seek(0, os.SEEK_END)
                whole = not size or os.pread(descriptor, 1, size - 1) == b"\n"
                file.write(f"{'' if whole else chr(10)}{name} {key}\n".encode())
                os.fsync(descriptor)
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise HostKeyRefused(
                f"the host key of {title} cannot be recorded in {self.path}: {error.strerror}"
            ) from error


class _Recorded:
    """The keys that a file has of one server."""

    def __init__(self, file: KnownHosts, name: str, title: str) -> None:
        self._file = file
        self._name = name
        self._title = title

    def algorithms(self) -> tuple[str, ...]:
        """Return those of the keys' types, so that a server with several shows one that is known."""
        return _algorithms([entry.key for entry in self._file.entries(self._name) if not entry.marker])

    def check(self, key: HostKey) -> None:
        """Raise `HostKeyRefused` unless the key is in the file, or may be recorded there."""
        self._file.check(self._name, self._title, key)


def _algorithms(keys: list[HostKey]) -> tuple[str, ...]:
    return tuple(name for key in keys for name in _SIGNATURES.get(key.type, (key.type,)))


def _changed(title: str, shown: HostKey, known: list[HostKey], where: str, advice: str = "") -> NoReturn:
    told = ", ".join(f"{key.fingerprint} ({key.type})" for key in known[:5])
    raise HostKeyRefused(
        f"THE HOST KEY OF {title} HAS CHANGED: it shows {shown.fingerprint} ({shown.type}), but {where} "
        f"{told}. Either it was installed anew, or somebody is in its place. Nothing was sent to it",
        advice or "ask whoever runs the machine; if it was installed anew, write the new key down",
    )


def _named(name: str, patterns: str) -> bool:
    """Tell whether the first field of a line means a server."""
    found = False
    for pattern in patterns.split(","):
        if pattern.startswith("|1|"):
            found = found or _hashed(name, pattern)
        elif _matches(name, pattern.removeprefix("!")):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def _hashed(name: str, pattern: str) -> bool:
    salt, _, digest = pattern.removeprefix("|1|").partition("|")
    try:
        made = hmac.new(base64.b64decode(salt, validate=True), name.encode(), "sha1").digest()
        return hmac.compare_digest(made, base64.b64decode(digest, validate=True))
    except binascii.Error:
        raise ValueError("a name that is hashed otherwise than by |1|SALT|HASH") from None


def _matches(name: str, pattern: str) -> bool:
    if "*" not in pattern and "?" not in pattern:
        return name == pattern.lower() or _same_address(name, pattern)
    wanted = re.escape(pattern.lower()).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(wanted, name) is not None


def _same_address(name: str, pattern: str) -> bool:
    """Compare IPv6 addresses, which can be written in several ways."""
    try:
        return ":" in name and ip_address(name) == ip_address(pattern)
    except ValueError:
        return False
