"""Asking the audit index from the command line: which clusters, which time, page by page."""

import csv
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple, TypeVar

from ..engine.domain.history import OperationView, operations
from ..engine.domain.refs import ByOperation, ByTime
from ..engine.errors import InvalidInput
from ..engine.journal.audit.queries import Page, Query
from ..engine.journal.log import Journal
from . import as_of as moments
from .session import Session

T = TypeVar("T")

_PAGE: Final = 500
_FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")


class Asked(NamedTuple):
    """What is asked for, of which clusters, and as of when: `then` for one, `upto` its position."""

    query: Query
    names: "Names"
    many: bool
    then: moments.Then | None = None


class Names:
    """What clusters are called; each is looked up once."""

    def __init__(self, journal: Journal, known: dict[str, str] | None = None) -> None:
        self._journal = journal
        self._known = dict(known or {})

    def __getitem__(self, cluster_id: str) -> str:
        """Return what to call a cluster."""
        if cluster_id not in self._known:
            self._known[cluster_id] = self._journal.called(cluster_id)
        return self._known[cluster_id]


def asked(
    journal: Journal,
    now: int,
    *,
    cluster: str,
    since: str,
    until: str,
    as_of: str | None,
    **filters: str,
) -> Asked:
    """Return the query for what was typed. Raises `InvalidInput`, `NotFound`."""
    known: dict[str, str] = {}
    if cluster:
        last = journal.cluster_id(cluster, gone=True)
        known = journal.holders(cluster) or {last: cluster}
    times = {
        field: _time(journal, cluster, text, now, f"--{field}")
        for field, text in (("since", since), ("until", until))
        if text
    }
    then, upto = None, 0
    if as_of is not None and cluster:
        then = moments.find(journal, cluster, as_of, now)
        upto = journal.audit.store_position(then.cluster_id, then.moment.position)
    elif as_of is not None:
        time = _time(journal, "", as_of, now, "--as-of")
        times["until"] = min(times.get("until", time), time)
    query = Query(clusters=tuple(known), upto=upto, **times, **filters)  # type: ignore[arg-type]  # two kinds
    many = len(known) if cluster else journal.audit.clusters()
    return Asked(query, Names(journal, known), many > 1, then)


def _time(journal: Journal, cluster: str, text: str, now: int, field: str) -> int:
    """Return the time that a reference names; places in a log need the cluster whose log it is."""
    ref = moments.read_ref(text, now, field=field)
    if isinstance(ref, ByTime):
        return ref.time
    if isinstance(ref, ByOperation) and field == "--since" and cluster:
        found = journal.audit.operation(journal.cluster_id(cluster, gone=True), ref.number)
        if found is not None:
            return found.started
    if not cluster:
        raise InvalidInput(
            field, f"{text} is counted in the log of one cluster", advice="kubisnap log CLUSTER"
        )
    return moments.find(journal, cluster, text, now, field=field).moment.time


def pages(ask: Callable[..., Page[T]], query: Query, number: int, cursor: str) -> Iterator[Page[T]]:
    """Yield pages of answers, newest first, `number` of them in all (0: every one)."""
    left = number or sys.maxsize
    while left:
        page = ask(query, limit=min(left, _PAGE), cursor=cursor)
        yield page
        cursor = page.cursor
        left -= len(page.items)
        if not cursor:
            return


def together(ask: Callable[..., Page[T]], query: Query, number: int, cursor: str) -> Page[T]:
    """Return the same on one page."""
    items: list[T] = []
    for page in pages(ask, query, number, cursor):
        items += page.items
        cursor = page.cursor
    return Page(items, cursor)


def as_it_was(journal: Journal, cluster_id: str, view: OperationView, position: int) -> OperationView:
    """Return an operation as it was told up to a position of the log, if it went on after that."""
    if view.last <= position:
        return view
    events = [item.recorded for item in journal.audit.of_operation(cluster_id, view.number)]
    (past,) = operations(view.cluster, [item for item in events if item.version <= position])
    return past


# ── rows for other programs ──────────────────────────────────────────────────────────────────


class Rows:
    """Writes answers one by one, as lines of JSON or CSV."""

    def __init__(self, session: Session, columns: tuple[str, ...]) -> None:
        self._columns = columns
        self._csv = csv.writer(sys.stdout, lineterminator="\n") if session.output == "csv" else None
        if self._csv is not None:
            self._csv.writerow(columns)

    def write(self, document: dict[str, Any]) -> None:
        """Write one. In CSV, text that a spreadsheet would take for a formula gets a ' ahead of it."""
        if self._csv is None:
            print(json.dumps(document, ensure_ascii=False, separators=(",", ":")), flush=True)
            return
        self._csv.writerow([_cell(document.get(name)) for name in self._columns])
        sys.stdout.flush()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        return str(value)
    return f"'{value}" if value.startswith(_FORMULAS) else value


def flat(document: dict[str, Any]) -> dict[str, Any]:
    """Return an operation's document with its counts beside the rest."""
    return {**document, **document["counts"]}
