"""Verifies archives: to the last byte with those that they go on from, or a sample of one."""

import re
from collections.abc import Sequence
from pathlib import Path
from random import SystemRandom
from typing import NamedTuple

from ..archives import Access, SnapshotInfo, summary
from ..archives.reader import Reader
from ..engine.errors import InvalidInput, MissingParent
from ..engine.journal.codec import Codec
from ..engine.operations.snapshots import ArchivedCluster, unpack_events
from .archiving import chained, name_of
from .inspecting import Sample, can_jump, check_sample

_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)%", re.ASCII)


class Verified(NamedTuple):
    """What was verified: `links`, the archive and then those that it goes on from.

    `cluster` is what their events add up to, None where that is not known: one is `missing`, or there
    was no key.
    """

    links: tuple[SnapshotInfo, ...]
    cluster: ArchivedCluster | None = None
    missing: MissingParent | None = None

    @property
    def info(self) -> SnapshotInfo:
        """The archive itself."""
        return self.links[0]


def share_of(text: str, file: str) -> float:
    """Return a share such as ``10%`` as a number up to 1. Raises `InvalidInput`."""
    match = _SHARE.fullmatch(text)
    share = float(match[1]) / 100 if match else 0
    if not 0 < share <= 1:
        raise InvalidInput(
            "--read-data", f"{text!r} is not a share, such as 10%", advice="above 0%, up to 100%"
        )
    if share < 1 and file == "-":
        raise InvalidInput("--read-data", "stdin is read to its end, there is no sample of it")
    return share


def verify_file(file: str, parents: Sequence[Path] = (), access: Access | None = None) -> Verified:
    """Verify every byte of an archive, and of those that it goes on from as far as they are there."""
    with chained(file, parents, access=access) as chain:
        if not chain.reader.opened:
            return Verified((verified(chain.reader),))
        try:
            cluster = unpack_events(name_of(file), "", chain.events(Codec()))
        except MissingParent as missing:
            return Verified(tuple(chain.links), missing=missing)
    return Verified(tuple(chain.links), cluster)


def verified(reader: Reader) -> SnapshotInfo:
    """Read an archive to its end, as far as that goes without a key."""
    for _ in reader.contents():
        pass
    return summary(reader)


def verify_sample(file: str, share: float, access: Access | None = None) -> Verified | Sample:
    """Verify a random share of an archive's records; all of one of format 1, which cannot be sampled."""
    if not can_jump(file):
        return verify_file(file, access=access)
    return check_sample(file, share, SystemRandom(), access)
