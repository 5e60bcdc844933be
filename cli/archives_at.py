"""Which store of archives is meant, and the small words of its commands."""

import os
import re
from typing import TYPE_CHECKING

from ..archives.stores import ArchiveStore, open_store
from ..engine.errors import InvalidInput
from . import wiring

if TYPE_CHECKING:
    from ..archives.stores.trash import Item

VARIABLE = "KUBISNAP_ARCHIVES"
_PERIOD = re.compile(r"(\d{1,5})([hdw])", re.ASCII)
_SECONDS = {"h": 3600, "d": 86_400, "w": 7 * 86_400}


def archive_store(value: str) -> ArchiveStore:
    """Open a store: what was given with ``--archives``, ``KUBISNAP_ARCHIVES``, or the data folder's."""
    if value:
        return open_store(value)
    if set_value := os.environ.get(VARIABLE, ""):
        return open_store(set_value, field=VARIABLE)
    return open_store(str(wiring.data_folder() / "snapshots"))


def period(text: str, field: str) -> int:
    """Return a length of time in seconds. Raises `InvalidInput`.

    >>> period("90d", "--keep-within"), period("36h", "--grace")
    (7776000, 129600)
    """
    match = _PERIOD.fullmatch(text)
    if match is None:
        raise InvalidInput(field, f"{text!r} is not a length of time, such as 36h, 90d or 8w")
    return int(match[1]) * _SECONDS[match[2]]


def of_cluster(items: "tuple[Item, ...]", cluster: str) -> "list[Item]":
    """Return those of a cluster: by its name, or by name and id where a name was used again."""
    return [item for item in items if cluster in {"", item.name.cluster, item.name.folder}]
