"""Verifying a cluster's log against its hash chain, and saying what was found."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ..engine.errors import BrokenChain, InvalidInput
from . import wiring
from .render.style import counted
from .session import Session

_NAME: Final = re.compile(r"[a-z][a-z0-9-]*(?:@[0-9a-f]{8})?")
_NAMES: Final = "name:"


def is_cluster(session: Session, text: str) -> bool:
    """Tell whether a cluster is meant: there is no file of that name, and a cluster has or had it."""
    if not _NAME.fullmatch(text) or Path(text).exists():
        return False
    with wiring.journal(session) as journal:
        return journal.claim_of(text.partition("@")[0]) is not None


def refuse_for_logs(name: str, options: Sequence[str]) -> None:
    """Raise `InvalidInput` where options of archives are given for a cluster's log."""
    if options:
        raise InvalidInput(
            options[0], f"that is for snapshots; {name} is a cluster", advice=f"kubisnap verify {name}"
        )


def verify_log(session: Session, name: str) -> None:
    """Verify a cluster's log, and that of its name. Raises `BrokenChain` with everything that was found."""
    with wiring.journal(session) as journal:
        cluster_id = journal.cluster_id(name, gone=True)
        report = journal.verify(cluster_id)
        names = journal.verify(f"{_NAMES}{name.partition('@')[0]}")
        url = journal.url
    findings = [
        *map(str, report.findings),
        *(f"in the log of the name, {finding}" for finding in names.findings),
    ]
    if findings:
        raise BrokenChain(url, name, report.events, tuple(findings))
    head = f"sha256:{report.head.hex()}"
    session.result(
        f"{name}: {counted(report.events, 'event')}, every one as it was written\n  head  {head}",
        "Chain",
        {
            "cluster": name,
            "cluster_id": cluster_id,
            "events": report.events,
            "head": head,
        },
    )
    session.tell("note the head somewhere else: with it, nobody can cut the log's end off unseen")
