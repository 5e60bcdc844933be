"""The name of a snapshot in a store: all that can be told without opening it.

    web-0a1b2c3d/20261125T101500.123456Z-41-<32 hex of the root>[-<32 hex of the parent's root>].ksnap

Names are made by whoever can write to the store. One that does not read exactly so is not a snapshot;
one that does is a claim, which only opening the archive confirms.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Self

_CLUSTER: Final = r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"
_FORM: Final = re.compile(
    rf"(?P<cluster>{_CLUSTER})-(?P<cluster_id>[0-9a-f]{{8}})/"
    r"(?P<time>\d{8}T\d{6}\.\d{6}Z)-(?P<position>[1-9]\d{0,17})-(?P<root>[0-9a-f]{32})"
    r"(?:-(?P<parent>[0-9a-f]{32}))?\.ksnap",
    re.ASCII,
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, order=True)
class SnapshotName:
    """What a snapshot's name says. `parent` is empty for a full one; `cluster_id` is its first 8 digits."""

    cluster: str
    cluster_id: str
    captured: int
    position: int
    root: str
    parent: str = ""

    def __post_init__(self) -> None:
        if _read(str(self)) != self._values():
            raise ValueError(f"these do not make the name of a snapshot: {self!r}")

    def __str__(self) -> str:
        moment = _EPOCH + timedelta(microseconds=self.captured)
        parent = f"-{self.parent}" if self.parent else ""
        return (
            f"{self.folder}/{moment:%Y%m%dT%H%M%S}.{self.captured % 1_000_000:06d}Z"
            f"-{self.position}-{self.root}{parent}.ksnap"
        )

    @property
    def folder(self) -> str:
        """Return what all snapshots of the cluster's log start with, up to the slash."""
        return f"{self.cluster}-{self.cluster_id}"

    @property
    def id(self) -> str:
        """Return what people call it: the start of its root."""
        return self.root[:12]

    @classmethod
    def parse(cls, name: str) -> Self | None:
        """Return what a name says, or None for anything that is not exactly the name of a snapshot."""
        values = _read(name)
        if values is None:
            return None
        try:
            return cls(*values)
        except ValueError:
            return None

    def _values(self) -> tuple[str, str, int, int, str, str]:
        return (self.cluster, self.cluster_id, self.captured, self.position, self.root, self.parent)


def _read(name: str) -> tuple[str, str, int, int, str, str] | None:
    found = _FORM.fullmatch(name)
    if found is None:
        return None
    try:
        moment = datetime.fromisoformat(found["time"])
    except ValueError:
        return None
    captured = (moment - _EPOCH) // _MICROSECOND
    values = (found["cluster"], found["cluster_id"], captured, int(found["position"]), found["root"])
    return (*values, found["parent"] or "") if captured >= 0 else None
