"""What is in a store of archives, as `snapshots`, `forget` and `gc` show it."""

from collections.abc import Iterable, Sequence
from typing import Any

from ...archives.stores.names import SnapshotName
from ...archives.stores.retention import Kept, Verdict
from ...archives.stores.trash import Item, Sweep
from .style import counted, moment, printable, rfc3339, size, table


def snapshots_text(items: Sequence[Item], now: int, *, utc: bool, forgotten: bool) -> str:
    """Return a line for each snapshot; with `forgotten`, whether it is still wanted."""
    rows = [
        [
            item.name.cluster,
            item.name.id,
            moment(item.name.captured, now, utc=utc),
            str(item.name.position),
            size(item.size),
            _kind(item.name),
            *(["" if item.forgotten is None else "forgotten"] if forgotten else []),
        ]
        for item in items
    ]
    header = [
        "CLUSTER",
        "SNAPSHOT",
        "CAPTURED",
        "POSITION",
        "SIZE",
        "KIND",
        *(["STATE"] if forgotten else []),
    ]
    return table(rows, header=header) if rows else ""


def snapshot_document(item: Item) -> dict[str, Any]:
    """Return a snapshot as JSON."""
    return {
        "name": str(item.name),
        "cluster": item.name.cluster,
        "cluster_id": item.name.cluster_id,
        "captured": rfc3339(item.name.captured),
        "position": item.name.position,
        "root": item.name.root,
        "parent": item.name.parent or None,
        "bytes": item.size,
        "forgotten": None if item.forgotten is None else rfc3339(item.forgotten),
    }


def verdict_text(verdict: Verdict, now: int, *, utc: bool) -> str:
    """Return what stays and why, and what is forgotten."""
    rows = [[*_row("keep", kept.name, now, utc=utc), _because(kept)] for kept in verdict.keep]
    rows += [[*_row("forget", name, now, utc=utc), ""] for name in verdict.forget]
    lines = [f"  {line}" for line in table(rows).splitlines()]
    return "\n".join([*lines, "", f"{len(verdict.forget)} to forget, {len(verdict.keep)} to keep."])


def _row(act: str, name: SnapshotName, now: int, *, utc: bool) -> list[str]:
    return [act, name.cluster, name.id, moment(name.captured, now, utc=utc), _kind(name)]


def _because(kept: Kept) -> str:
    return "; ".join([", ".join(kept.reasons)] * bool(kept.reasons) + [f"! {one}" for one in kept.warnings])


def _kind(name: SnapshotName) -> str:
    return f"on {name.parent[:12]}" if name.parent else "full"


def verdict_document(verdict: Verdict) -> dict[str, Any]:
    """Return a decision as JSON."""
    return {
        "keep": [
            {"name": str(kept.name), "reasons": list(kept.reasons), "warnings": list(kept.warnings)}
            for kept in verdict.keep
        ],
        "forget": [str(name) for name in verdict.forget],
    }


def sweep_text(sweep: Sweep, now: int, *, utc: bool) -> str:
    """Return what is removed for good, and what is held back."""
    rows = [[*_row("remove", item.name, now, utc=utc), size(item.size)] for item in sweep.snapshots] + [
        [*_row("hold back", item.name, now, utc=utc), "needed"] for item in sweep.held_back
    ]
    lines = [f"  {line}" for line in table(rows).splitlines()]
    lines += [f"  remove  marker without a snapshot: {printable(item.name)}" for item in sweep.markers]
    lines += [f"  remove  unfinished: {printable(item.name)}" for item in sweep.leftovers]
    return "\n".join([*lines, *([""] if lines else []), sweep_count(sweep, "to remove")])


def sweep_count(sweep: Sweep, verb: str) -> str:
    """Return one line of numbers."""
    freed = sum(item.size for item in sweep.snapshots)
    rest = len(sweep.markers) + len(sweep.leftovers)
    told = f"{counted(len(sweep.snapshots), 'snapshot')} {verb} ({size(freed)}), {counted(rest, 'leftover')}"
    return f"{told}; {len(sweep.held_back)} held back." if sweep.held_back else f"{told}."


def sweep_document(sweep: Sweep) -> dict[str, Any]:
    """Return a collection as JSON."""
    return {
        "removed": _names(item.name for item in sweep.snapshots),
        "held_back": _names(item.name for item in sweep.held_back),
        "markers": _names(item.name for item in sweep.markers),
        "leftovers": _names(item.name for item in sweep.leftovers),
        "bytes": sum(item.size for item in sweep.snapshots),
    }


def _names(names: Iterable[object]) -> list[str]:
    return [printable(str(name)) for name in names]
