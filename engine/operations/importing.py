"""Takes a cluster's whole log into this store: a history that moves house, byte for byte.

Asks no cloud and changes nothing there. An archive ends where no operation runs. Exported lines may end
within one: its log is taken as that of a process that is gone, whose hold lasts as long as its lease
says. While it lasts nothing is taken in; afterwards the next `apply` finds the operation interrupted
and asks the cloud what became of its calls, as it does after any crash.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from ..domain.validation import validate
from ..errors import CorruptArchive, InvalidInput, MalformedEvent, Refused
from ..journal.codec import StoredRow
from ..journal.log import Journal
from ..journal.whole import WholeLog
from .changing import refuse_if_held
from .context import Context

_CLUSTER_ID = re.compile(r"[0-9a-f]{32}")


class TakenIn(NamedTuple):
    """What became of an import: events that were `added`, behind those that were `known`."""

    added: int
    known: int


def checked_log(name: str, cluster_id: str, rows: Iterable[StoredRow]) -> WholeLog:
    """Return the log in the file `name` once every event of it was read and makes sense.

    Raises `CorruptArchive`, `UnknownEvent` for what a newer version wrote, `Refused` where it declares
    no cluster, and whatever taking the rows raises.
    """
    try:
        log = WholeLog.checked(cluster_id, rows)
    except MalformedEvent as error:
        raise CorruptArchive(name, f"its events do not make a cluster: {error}") from error
    if not log.state.declared:
        raise Refused(f"{name} holds no cluster")
    if not _CLUSTER_ID.fullmatch(cluster_id):
        raise CorruptArchive(name, "its cluster's id is not one")
    try:
        validate(log.state.spec())
    except InvalidInput as error:
        raise CorruptArchive(name, f"its cluster is not valid: {error}") from error
    return log


def refuse_if_running(log: WholeLog, context: Context) -> None:
    """Raise `Locked` where the log ends within an operation that may still run."""
    refuse_if_held(log.state, context)


def take_in(journal: Journal, log: WholeLog, context: Context) -> TakenIn:
    """Keep the log, or what is missing of it, in one transaction.

    Raises `Locked` while an operation holds the cluster, here or in the log, `AnotherHistory`,
    `NameHeld`, `LogMoved`.
    """
    refuse_if_running(log, context)
    refuse_if_held(journal.state(log.state.cluster_id), context)
    added = journal.take_in(log, context.envelope(log.state.operations))
    return TakenIn(added, len(log.rows) - added)
