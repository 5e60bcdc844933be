"""Stores of generated events, made once for each version of the code that they depend on, and kept."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from benchmarks.audit import data
from kubisnap.engine.domain.events import Recorded
from kubisnap.engine.journal.codec import Codec
from kubisnap.engine.journal.sqlite import Recorder, open_sqlite

_SOURCES = (
    "kubisnap.engine.domain",
    "kubisnap.engine.journal",
    "benchmarks.archive",
    "benchmarks.audit.data",
)
"""What decides about the bytes of a store."""


def many(count: int) -> Path:
    """Return a store of several hundred clusters that have `count` events together."""
    return _kept(f"many-{count}", lambda: data.appends(count))


def alone(count: int) -> Path:
    """Return a store of one cluster with `count` events."""
    return _kept(f"alone-{count}", lambda: data.alone(count))


def copy(store: Path, folder: Path) -> Path:
    """Return a copy of a store, for what changes it."""
    target = folder / store.name
    shutil.copyfile(store, target)
    return target


def _kept(name: str, pieces: Callable[[], Iterator[Sequence[Recorded]]]) -> Path:
    folder = _folder()
    store = folder / f"{name}-{_digest()}.sqlite"
    if store.exists():
        return store
    for older in folder.glob(f"{name}-*"):  # and what is left of one that was not finished
        older.unlink()
    part = store.with_suffix(".part")
    started = time.perf_counter()
    count = fill(part, pieces())
    part.rename(store)
    taken, size = time.perf_counter() - started, store.stat().st_size / 1e6
    print(f"made {name}: {count:,} events, {size:,.0f} MB, in {taken:,.0f} s", flush=True)
    return store


def fill(path: Path, pieces: Iterator[Sequence[Recorded]]) -> int:
    """Write a store through the recorder, the index with it; nothing is synced: it can be made again."""
    recorder = open_sqlite(path, create=True)
    if recorder is None:
        raise AssertionError("a store that is made is there")
    encode, count = Codec().encode, 0
    with closing(recorder.datastore):
        hurry(recorder)
        for piece in pieces:
            recorder.insert_rows([(item.stream, *encode(item)) for item in piece], piece)
            count += len(piece)
    return count


def hurry(recorder: Recorder, synchronous: str = "OFF") -> None:
    """Set how much the connection that writes waits for the disk."""
    with recorder.datastore.get_connection(commit=True) as connection:
        connection.cursor().execute(f"PRAGMA synchronous={synchronous}")


def _folder() -> Path:
    """Return a folder that only this user writes to."""
    folder = Path(tempfile.gettempdir()) / f"kubisnap-bench-audit-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.getuid() or found.st_mode & 0o077 or folder.is_symlink():
        raise PermissionError(f"{folder} is not this user's alone")
    return folder


def _digest() -> str:
    digest = sha256()
    for name in _SOURCES:
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            raise ImportError(name)
        path = Path(spec.origin)
        for source in sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]:
            digest.update(source.read_bytes())
    return digest.hexdigest()[:16]
