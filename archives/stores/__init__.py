"""Where archives are kept: a folder or a bucket, behind one interface.

    store = open_store("s3://backups/kubisnap")
    store.put(str(name), lambda sink: sink.write(archive))
    with store.open(str(name)) as source:
        ...

What a snapshot is can be told from its name alone (`names`); which ones to keep is decided in
`retention`, what becomes of the others in `trash`.
"""

from .base import ArchiveStore, Leftover, Stored
from .errors import (
    ArchiveStoreError,
    ExtraMissing,
    HeldByLock,
    NameTaken,
    NotExclusive,
    Replaced,
    StoreDenied,
    StoreFailed,
)
from .names import SnapshotName
from .urls import open_store

__all__ = [
    "ArchiveStore",
    "ArchiveStoreError",
    "ExtraMissing",
    "HeldByLock",
    "Leftover",
    "NameTaken",
    "NotExclusive",
    "Replaced",
    "SnapshotName",
    "StoreDenied",
    "StoreFailed",
    "Stored",
    "open_store",
]
