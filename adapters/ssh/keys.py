"""Finds the operator's public SSH key, or makes one.

The private half of a made key stays in one file, readable by its owner only; it never enters an
event, an archive or a message.
"""

import os
from pathlib import Path

from ...engine.errors import InvalidInput

_USUAL = ("id_ed25519.pub", "id_ecdsa.pub", "id_rsa.pub")


def read_public_key(path: Path) -> str:
    """Return the one-line public key in a file. Raises `InvalidInput`."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput("--ssh-key", f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput("--ssh-key", f"{path} is not a public key") from error
    if "PRIVATE KEY" in text:
        raise InvalidInput("--ssh-key", f"{path} is a private key", advice=f"--ssh-key {path}.pub")
    return text.strip()


def usual_public_key(home: Path) -> Path | None:
    """Return the operator's own public key, if there is one in the usual place."""
    return next((path for name in _USUAL if (path := home / ".ssh" / name).is_file()), None)


def made_public_key(folder: Path) -> tuple[Path, bool]:
    """Return the public half of kubisnap's own key in `folder`, and whether it was made just now.

    An Ed25519 key (RFC 8709) in OpenSSH's format; folder 0700, private file 0600.
    """
    private, public = folder / "kubisnap_ed25519", folder / "kubisnap_ed25519.pub"
    if public.is_file() and private.is_file():
        return public, False
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    open_half = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(private, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
    public.write_bytes(open_half + b" kubisnap\n")
    return public, True
