"""The private keys that may be offered to a server: from a file, or in the hands of ssh-agent.

A password is never asked for and never sent, and neither is a passphrase: ssh-agent is for that.
"""

import contextlib
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from .host_keys import parse_host_key
from .problems import AuthenticationRefused, legible

if TYPE_CHECKING:
    import paramiko

_USUAL = ("id_ed25519", "id_ecdsa", "id_rsa")
_FEW = 5
"""A server hangs up after six attempts, as OpenSSH is delivered."""


class Identities:
    """Which keys are ours. `file` is the one to use; without it, those of the agent and in `folder`.

    `agent` says whether ssh-agent may be asked at all (its address is ``SSH_AUTH_SOCK``).
    """

    def __init__(self, file: Path | None, *, agent: bool = True, folder: Path | None = None) -> None:
        self._file = file
        self._agent = agent
        self._folder = folder

    def keys(self, held: ExitStack) -> Iterator["paramiko.PKey"]:
        """Yield keys that can sign until `held` is closed. Raises `AuthenticationRefused`."""
        if self._file is not None:
            yield self._from_file(self._file, held)
            return
        yield from self._from_agent(held)[:_FEW]
        for path in (self._folder / name for name in _USUAL) if self._folder else ():
            with contextlib.suppress(AuthenticationRefused):  # one that is encrypted is the agent's to offer
                if path.is_file():
                    yield _loaded(path)

    def _from_file(self, path: Path, held: ExitStack) -> "paramiko.PKey":
        try:
            return _loaded(path)
        except _EncryptedError as error:
            wanted = _public_half(path)
            for key in self._from_agent(held):
                if key.asbytes() == wanted:
                    return key
            problem = f"the key {path} has a passphrase, and ssh-agent does not have it"
            raise AuthenticationRefused(problem, f"ssh-add {path}") from error

    def _from_agent(self, held: ExitStack) -> "list[paramiko.PKey]":
        import paramiko

        address = os.environ.get("SSH_AUTH_SOCK", "")
        if not self._agent or not address or not _listens(address):
            return []
        try:
            agent = paramiko.Agent()
            held.callback(agent.close)
            return list(agent.get_keys())
        except (paramiko.SSHException, OSError) as error:
            raise AuthenticationRefused(f"ssh-agent cannot be asked: {legible(str(error))}") from error


def _listens(address: str) -> bool:
    """Tell whether an agent is there; paramiko would leave a socket open that leads nowhere."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(address)
        except OSError:
            return False
    return True


class _EncryptedError(AuthenticationRefused):
    pass


def _loaded(path: Path) -> "paramiko.PKey":
    import paramiko
    from paramiko.pkey import UnknownKeyType

    try:
        if path.stat().st_mode & 0o077:
            raise AuthenticationRefused(f"others may read the private key {path}", f"chmod 600 {path}")
        return paramiko.PKey.from_path(path)
    except OSError as error:
        raise AuthenticationRefused(f"the key {path} cannot be read: {error.strerror}") from error
    except TypeError as error:  # what cryptography says of a key that needs a passphrase
        raise _EncryptedError(f"the key {path} has a passphrase") from error
    except (ValueError, paramiko.SSHException, UnknownKeyType) as error:
        raise AuthenticationRefused(f"{path} is not a private key that can be used") from error


def _public_half(path: Path) -> bytes:
    try:
        return parse_host_key(path.with_name(f"{path.name}.pub").read_text(encoding="utf-8")).material
    except (OSError, ValueError):
        return b""
