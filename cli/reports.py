"""Bug reports: a traceback in a file of the owner's, with everything that looks secret taken out."""

import os
import re
import tempfile
from collections.abc import Mapping

_SECRET_NAMES = re.compile(r"TOKEN|SECRET|PASSWORD|PASSPHRASE|CREDENTIAL|API_?KEY|PRIVATE", re.IGNORECASE)
_SECRET_SHAPES = re.compile(r"(?:dop_v1_|Bearer )[A-Za-z0-9_.~+/=-]{6,}")
_IN_ADDRESS = re.compile(r"(?<=://)([^\s:/@]*):[^\s]+@")
_SHORTEST_SECRET = 4


def redacted(text: str, environment: Mapping[str, str]) -> str:
    """Return the text without values of secret-looking variables, token shapes, passwords in addresses."""
    secrets = {
        value
        for name, value in environment.items()
        if _SECRET_NAMES.search(name) and len(value) >= _SHORTEST_SECRET
    }
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "•••")
    return _SECRET_SHAPES.sub("•••", _IN_ADDRESS.sub(r"\1:•••@", text))


def save_report(text: str) -> str:
    """Save a report (0600) and return its path."""
    descriptor, path = tempfile.mkstemp(prefix="kubisnap-bug-", suffix=".txt")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(redacted(text, os.environ))
    return path
