"""The list that `kubisnap log` prints: operations or events, as text, JSON, JSON lines, CSV; and its tail."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
import typer

from ..engine.domain.history import OperationView, narrate
from ..engine.errors import InvalidInput
from ..engine.journal.audit.queries import Found, Page, Query
from ..engine.journal.log import Journal
from ..engine.operations.context import Context
from . import as_of as moments
from .auditing import Asked, Rows, as_it_was, flat, pages, together
from .exits import CODES
from .render import history as render
from .render.differences import difference_document, patch_lines
from .render.style import table
from .session import Session

if TYPE_CHECKING:
    from ..engine.operations.patches import Patches

T = TypeVar("T")

_OPERATIONS: Final = (
    "cluster",
    "number",
    "started",
    "ended",
    "operation_kind",
    "actor",
    "outcome",
    "summary",
    "reason",
    "error",
    "created",
    "updated",
    "deleted",
    "adopted",
    "rolled_back",
    "retries",
    "lost",
)
_EVENTS: Final = (
    "cluster",
    "position",
    "time",
    "operation",
    "actor",
    "event",
    "resource",
    "text",
    "reason",
)
_POLL_SECONDS: Final = 0.5
_AT_ONCE: Final = 1_000


@dataclass(frozen=True)
class Wanted:
    """How the list is wanted: how many, from where, of what, in which order."""

    number: int
    cursor: str
    events: bool
    patch: bool
    reverse: bool
    follow: bool
    past: bool = False

    def __post_init__(self) -> None:
        if self.patch and self.events:
            raise InvalidInput("--patch", "it is of operations, not together with --events")
        if self.follow and (self.cursor or self.reverse):
            raise InvalidInput("--follow", "it begins with the newest: not together with --cursor, --reverse")
        if self.follow and self.past:
            raise InvalidInput("--follow", "nothing is added to the past: not together with --as-of, --until")


def show(session: Session, journal: Journal, asked: Asked, wanted: Wanted, context: Context) -> None:
    """Print the list, and with `follow` what is added to it until Ctrl-C."""
    if asked.then is not None:
        moments.echo(session, asked.then)
    if wanted.follow and session.json:
        raise InvalidInput("--follow", "one document cannot go on", advice="add -o jsonl")
    newest = journal.audit.newest()
    if wanted.follow:  # what is added from here on is told by following, and not twice
        asked = asked._replace(query=msgspec.structs.replace(asked.query, upto=newest))
    lister = _Lister(session, journal, asked, context.now(), patch=wanted.patch)
    if session.output in {"jsonl", "csv"}:
        lister.rows(wanted)
    elif wanted.events:
        lister.events(wanted)
    else:
        lister.operations(wanted)
    if wanted.follow:
        query = msgspec.structs.replace(asked.query, upto=0)
        _follow(lister, journal, query, wanted, context, newest)


class _Lister:
    def __init__(self, session: Session, journal: Journal, asked: Asked, now: int, *, patch: bool) -> None:
        self._session = session
        self._journal = journal
        self._asked = asked
        self._now = now
        self._patches = _patches(journal) if patch else None
        self._color = session.colored(sys.stdout)
        self._rows: Rows | None = None
        self.unfinished: list[tuple[str, int]] = []
        """Operations that were listed, by cluster and number, and had not ended."""

    def named(self, cluster_id: str, view: OperationView) -> OperationView:
        """Return an operation with its cluster's name, as it was at the moment that is asked for."""
        view.cluster = self._asked.names[cluster_id]
        if not view.ended:
            self.unfinished.append((cluster_id, view.number))
        then = self._asked.then
        return view if then is None else as_it_was(self._journal, cluster_id, view, then.moment.position)

    def operations(self, wanted: Wanted) -> None:
        """Print operations as a table or one document."""
        page = together(self._journal.audit.operations, self._asked.query, wanted.number, wanted.cursor)
        pairs = [(cluster, self.named(cluster, view)) for cluster, view in page.items]
        pairs = pairs[::-1] if wanted.reverse or wanted.follow else pairs
        documents = [self._document(*pair) for pair in pairs]
        self._session.result(
            self._operations_text(pairs), "Log", {"operations": documents, **self._more(page.cursor)}
        )
        if not pairs and not wanted.follow:
            self._tell_empty()
        self._tell_more(page.cursor, wanted)

    def events(self, wanted: Wanted) -> None:
        """Print events as a table or one document."""
        page = together(self._journal.audit.events, self._asked.query, wanted.number, wanted.cursor)
        items = page.items[::-1] if wanted.reverse or wanted.follow else page.items
        documents = [self._event(item) for item in items]
        self._session.result(
            self._events_text(items), "Events", {"events": documents, **self._more(page.cursor)}
        )
        if not items and not wanted.follow:
            self._tell_empty()
        self._tell_more(page.cursor, wanted)

    def rows(self, wanted: Wanted) -> None:
        """Print one on each line; only a page is in memory, unless the oldest come first."""
        for document in self._documents(wanted):
            self.row(document, events=wanted.events)

    def row(self, document: dict[str, Any], *, events: bool) -> None:
        """Print one line of JSON or CSV."""
        if self._rows is None:
            self._rows = Rows(self._session, tuple(_EVENTS if events else _OPERATIONS))
        if self._session.output == "csv" and not events:
            document = flat(document)
        self._rows.write(document)

    def added(
        self, items: Sequence[Found], views: Sequence[tuple[str, OperationView]], *, events: bool
    ) -> None:
        """Print what was added since the list."""
        if self._session.output in {"jsonl", "csv"} or self._session.json:
            documents = (
                [self._event(item) for item in items] if events else [self._document(*pair) for pair in views]
            )
            for document in documents:
                self.row(document, events=events)
            return
        text = self._events_text(items) if events else self._operations_text(views)
        if text:
            print(text, flush=True)

    def _documents(self, wanted: Wanted) -> Iterator[dict[str, Any]]:
        audit, query = self._journal.audit, self._asked.query
        if wanted.events:
            yield from map(self._event, self._in_order(audit.events, query, wanted))
        else:
            for cluster, view in self._in_order(audit.operations, query, wanted):
                yield self._document(cluster, self.named(cluster, view))

    def _in_order(self, ask: Callable[..., Page[T]], query: Query, wanted: Wanted) -> Iterator[T]:
        """Yield answers page by page, or the oldest first; say at the end where there are more."""
        if wanted.reverse or wanted.follow:
            page = together(ask, query, wanted.number, wanted.cursor)
            yield from reversed(page.items)
            self._tell_more(page.cursor, wanted)
            return
        cursor = ""
        for page in pages(ask, query, wanted.number, wanted.cursor):
            yield from page.items
            cursor = page.cursor
        self._tell_more(cursor, wanted)

    def _event(self, item: Found) -> dict[str, Any]:
        document = render.event_document(item.recorded, item.resource)
        return {
            "cluster": self._asked.names[item.recorded.stream],
            **document,
            "text": narrate(item.recorded, item.resource),
        }

    def _document(self, cluster_id: str, view: OperationView) -> dict[str, Any]:
        document = render.operation_document(view)
        if self._patches is not None:
            found = self._patches.of(cluster_id, view.number)
            document["differences"] = [difference_document(item) for item in found]
        return document

    def _operations_text(self, pairs: Sequence[tuple[str, OperationView]]) -> str:
        ids = {id(view): cluster_id for cluster_id, view in pairs}

        def below(view: OperationView) -> list[str]:
            if self._patches is None:
                return []
            return patch_lines(self._patches.of(ids[id(view)], view.number), color=self._color)

        return render.log_text(
            [view for _, view in pairs],
            self._now,
            utc=self._session.utc,
            many=self._asked.many,
            color=self._color,
            below=below,
        )

    def _events_text(self, items: Sequence[Found]) -> str:
        many = len({item.recorded.stream for item in items}) > 1
        names, utc = self._asked.names, self._session.utc
        return table(
            [
                render.event_cells(item, names[item.recorded.stream], self._now, utc=utc, many=many)
                for item in items
            ]
        )

    def _more(self, cursor: str) -> dict[str, Any]:
        then = self._asked.then
        return {"cursor": cursor or None} | ({} if then is None else {"as_of": moments.document(then)})

    def _tell_empty(self) -> None:
        self._session.tell(
            "the log is empty" if self._asked.query == Query() else "nothing of that in the log"
        )

    def _tell_more(self, cursor: str, wanted: Wanted) -> None:
        if cursor and not wanted.follow:
            self._session.tell(f"older ones: add --cursor {cursor}")


def _patches(journal: Journal) -> "Patches":
    from ..engine.operations.patches import Patches

    return Patches(journal)


def _follow(
    lister: _Lister, journal: Journal, query: Query, wanted: Wanted, context: Context, position: int
) -> None:
    """Print what is added after a position of the store: each event, or operations as they end."""
    audit, met = journal.audit, dict.fromkeys(lister.unfinished)
    try:
        while True:
            found = audit.after(query, position, limit=_AT_ONCE)
            if found:
                position = found[-1].position
            met |= {(item.recorded.stream, item.recorded.operation): None for item in found}
            ended = []
            for cluster_id, number in list(met):
                view = audit.operation(cluster_id, number)
                if view is not None and view.ended:
                    del met[cluster_id, number]
                    ended.append((cluster_id, lister.named(cluster_id, view)))
            lister.added(found, ended, events=wanted.events)
            if len(found) < _AT_ONCE:
                context.clock.sleep(_POLL_SECONDS)
    except KeyboardInterrupt as error:  # the only way out, and no mistake
        raise typer.Exit(CODES["interrupted"]) from error
