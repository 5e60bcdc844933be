"""Forgetting and removing, apart: a marker says that a snapshot is not wanted; `gc` removes it much later.

The marker ``trash/<name>.json`` is one more write-once object, so a snapshot is never moved or rewritten,
and to have it again is to remove the marker.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from .base import PROBE, ArchiveStore, Leftover, Stored
from .errors import HeldByLock, NameTaken
from .names import SnapshotName
from .retention import needed, newest_full

TRASH: Final = "trash/"
_SUFFIX: Final = ".json"
LEFTOVER_SECONDS: Final = 24 * 3600


@dataclass(frozen=True)
class Item:
    """A snapshot that is there. `forgotten` is when, in microseconds by the store's clock, or None."""

    name: SnapshotName
    size: int
    modified: int
    forgotten: int | None = None


@dataclass(frozen=True)
class Listing:
    """Everything that a store holds, newest first in each log; `strangers` are not snapshots."""

    items: tuple[Item, ...] = ()
    stray_markers: tuple[Stored, ...] = ()
    strangers: tuple[Stored, ...] = ()

    @property
    def snapshots(self) -> tuple[Item, ...]:
        """Return those that were not forgotten."""
        return tuple(item for item in self.items if item.forgotten is None)


@dataclass(frozen=True)
class Sweep:
    """What `gc` removes: snapshots (children before parents), markers without one, unfinished writes."""

    snapshots: tuple[Item, ...] = ()
    markers: tuple[Stored, ...] = ()
    leftovers: tuple[Leftover, ...] = ()
    held_back: tuple[Item, ...] = ()
    """Forgotten long enough ago, and kept: others stand on them, a lock, or it is a log's last full one."""
    locked: tuple[HeldByLock, ...] = ()
    """What an object lock did not let go; known only once it was tried."""


def listing(store: ArchiveStore) -> Listing:
    """Look at everything in a store. Markers are read first: what is forgotten meanwhile still shows."""
    markers = {item.name: item for item in store.list(TRASH)}
    items: list[Item] = []
    strangers: list[Stored] = []
    for stored in store.list():
        name = SnapshotName.parse(stored.name)
        if name is not None:
            marker = markers.pop(marker_of(name), None)
            items.append(Item(name, stored.size, stored.modified, marker.modified if marker else None))
        elif not stored.name.startswith(TRASH) and stored.name != PROBE:
            strangers.append(stored)
    stray = [item for item in markers.values() if _marked(item.name) is not None]
    strangers += [item for item in markers.values() if _marked(item.name) is None]
    items.sort(key=lambda item: (item.name.folder, -item.name.captured, str(item.name)))
    return Listing(tuple(items), tuple(stray), tuple(strangers))


def marker_of(name: SnapshotName) -> str:
    """Return the name of the marker that forgets a snapshot."""
    return f"{TRASH}{name}{_SUFFIX}"


def _marked(marker: str) -> SnapshotName | None:
    if not (marker.startswith(TRASH) and marker.endswith(_SUFFIX)):
        return None
    return SnapshotName.parse(marker[len(TRASH) : -len(_SUFFIX)])


def forget(store: ArchiveStore, names: Iterable[SnapshotName], *, actor: str) -> int:
    """Mark snapshots as not wanted and return how many were not marked already."""
    count = 0
    for name in names:
        note = {"kubisnap": "1.0", "kind": "Forgotten", "snapshot": str(name), "actor": actor}
        content = json.dumps(note, ensure_ascii=True).encode() + b"\n"
        try:
            store.put(marker_of(name), lambda sink, content=content: sink.write(content))  # type: ignore[misc]
        except NameTaken:
            continue
        count += 1
    return count


def bring_back(store: ArchiveStore, name: SnapshotName) -> None:
    """Take back that a snapshot was forgotten; one that was not is as it was."""
    store.delete(marker_of(name))


def plan_sweep(store: ArchiveStore, now: int, grace: int) -> Sweep:
    """Look what `sweep` would remove. `now` is in microseconds, `grace` in seconds."""
    seen = listing(store)
    oldest = now - grace * 1_000_000
    due = {item.name: item for item in seen.items if item.forgotten is not None and item.forgotten < oldest}
    staying = _staying(seen, due, now)
    going = [item for name, item in due.items() if name not in staying]
    return Sweep(
        snapshots=tuple(_children_first(going)),
        markers=tuple(marker for marker in seen.stray_markers if marker.modified < oldest),
        leftovers=tuple(_abandoned(store, now)),
        held_back=tuple(item for name, item in due.items() if name in staying),
    )


def _staying(seen: Listing, due: Iterable[SnapshotName], now: int) -> set[SnapshotName]:
    """Return what is not removed, whoever forgot it, log by log.

    That is what snapshots that stay stand on, and the newest full one: whoever may only write can
    make markers, too, and is not to have everything removed with them.
    """
    logs: dict[str, list[SnapshotName]] = defaultdict(list)
    for item in seen.items:
        logs[item.name.folder].append(item.name)
    leaving = set(due)
    found: set[SnapshotName] = set()
    for names in logs.values():
        found |= needed([name for name in names if name not in leaving], names) | newest_full(names, now)
    return found


def _children_first(items: Iterable[Item]) -> list[Item]:
    """Order so that what is cut short leaves no snapshot without its parent: a log only grows."""
    return sorted(items, key=lambda item: (item.name.folder, -item.name.position, -item.name.captured))


def _abandoned(store: ArchiveStore, now: int) -> Iterator[Leftover]:
    """Yield unfinished writes of ours that nobody can still be at."""
    for leftover in store.leftovers():
        ours = SnapshotName.parse(leftover.name) or _marked(leftover.name) or _hidden(leftover)
        if ours and leftover.started < now - LEFTOVER_SECONDS * 1_000_000:
            yield leftover


def _hidden(leftover: Leftover) -> bool:
    return leftover.name == leftover.token  # a folder's temporary file, which only a folder store yields


def sweep(store: ArchiveStore, plan: Sweep, now: int, grace: int) -> Sweep:
    """Remove what was planned and is still to be removed now, and return that.

    The store is looked at again first: a snapshot that was brought back since, or that a new increment
    stands on, stays. Two sweeps at once remove the same and disturb each other in nothing. What an
    object lock holds stays with what it stands on, and does not keep the others.
    """
    again = plan_sweep(store, now, grace)
    agreed = {item.name for item in plan.snapshots}
    done = Sweep(
        snapshots=tuple(item for item in again.snapshots if item.name in agreed),
        markers=tuple(marker for marker in again.markers if marker in plan.markers),
        leftovers=tuple(leftover for leftover in again.leftovers if leftover in plan.leftovers),
        held_back=again.held_back,
    )
    done = _remove_snapshots(store, done)
    for name in [marker.name for marker in done.markers]:
        with suppress(HeldByLock):
            store.delete(name)
    for leftover in done.leftovers:
        store.discard(leftover)
    return done


def _remove_snapshots(store: ArchiveStore, plan: Sweep) -> Sweep:
    """Remove what no lock holds and nothing that is locked stands on; return what came of it."""
    removed: list[Item] = []
    locked: list[HeldByLock] = []
    stuck: set[SnapshotName] = set()
    for item in plan.snapshots:
        if item.name in stuck:
            continue
        try:
            store.delete(str(item.name))
        except HeldByLock as error:
            locked.append(error)
            stuck |= {item.name} | needed([item.name], [other.name for other in plan.snapshots])
            continue
        removed.append(item)
        with suppress(HeldByLock):  # a marker without a snapshot is removed when its lock is over
            store.delete(marker_of(item.name))
    held = (*plan.held_back, *(item for item in plan.snapshots if item.name in stuck))
    return replace(plan, snapshots=tuple(removed), held_back=held, locked=tuple(locked))
