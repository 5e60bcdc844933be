"""The audit index answers what a scan of all events answers, whatever the logs, the questions, the pages."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import msgspec
import pytest
from eventsourcing.sqlite import SQLiteConnection
from hypothesis import given, settings
from hypothesis import strategies as st

from kubisnap.engine.journal import reading, sqlite
from kubisnap.engine.journal.audit import asking, entries, finding, sql, verifying
from kubisnap.engine.journal.audit import sqlite as index
from kubisnap.engine.journal.audit.queries import Query
from kubisnap.engine.journal.log import Journal, open_journal
from tests.property.audited import (
    CLUSTERS,
    RESOURCES,
    STRANGER,
    TIMES,
    Told,
    Write,
    dump,
    fits,
    keep,
    queries,
    told,
    writes,
)

third = settings(max_examples=max(10, settings().max_examples // 3))
"""Each example is a store of its own."""
quarter = settings(max_examples=max(10, settings().max_examples // 4))


class Unsynced(sqlite._Pool):
    def _create_connection(self) -> SQLiteConnection:
        connection = super()._create_connection()
        connection.cursor().execute("PRAGMA synchronous=OFF")
        return connection


@pytest.fixture(autouse=True, scope="module")
def _small_parts() -> Iterator[None]:
    """So small that every way through the code is taken; and no test here is about power cuts."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (entries, sql):
            patch.setattr(module, "BLOCK", 4)
        patch.setattr(entries, "_STARTS", 2)
        patch.setattr(finding, "FEW", 2)
        patch.setattr(finding, "_AT_ONCE", 3)
        patch.setattr(finding, "_LOOKED_AT", 2)
        patch.setattr(asking, "_BACK", 1)
        patch.setattr(verifying, "_AT_ONCE", 3)
        patch.setattr(reading, "_ROWS_AT_ONCE", 3)
        patch.setattr(index, "AT_ONCE", 5)
        patch.setattr(sqlite, "_Pool", Unsynced)
        yield


@cache
def blank() -> bytes:
    """Return a store without events: to make one for each example would take longer than the rest."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.sqlite"
        open_journal(f"sqlite:///{path}", create=True).close()
        return path.read_bytes()


@contextmanager
def store(items: list[Write]) -> Iterator[tuple[Journal, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.sqlite"
        path.write_bytes(blank())
        with open_journal(f"sqlite:///{path}", create=True) as journal:
            for item in items:
                keep(journal, item)
            yield journal, path


def newest_operations(items: list[Told]) -> list[tuple[str, int]]:
    """Return the operations of these events, the newest first: by where they began."""
    found = {(item.first, item.recorded.stream, item.recorded.operation) for item in items}
    return [(stream, number) for _, stream, number in sorted(found, reverse=True)]


def between_pages(journal: Journal, query: Query, item: Write) -> None:
    """Write something that may fit. What changes which operations fit has to be another operation."""
    if query.kind or query.outcome:
        item = item._replace(envelope=item.envelope._replace(operation=99))
    keep(journal, item)


@third
@given(data=st.data(), items=writes(), limit=st.integers(1, 5))
def test_the_pages_of_events_are_what_a_scan_finds(
    data: st.DataObject, items: list[Write], limit: int
) -> None:
    with store(items) as (journal, path):
        for query in data.draw(st.lists(queries, min_size=1, max_size=12)):
            expected = [item[:3] for item in reversed(told(journal, path)) if fits(query, item)]
            found, cursor = [], ""
            for number in range(len(expected) + 2):
                page = journal.audit.events(query, limit=limit, cursor=cursor)
                assert len(page.items) == limit or not page.cursor
                found += [tuple(item) for item in page.items]
                cursor = page.cursor
                if not cursor:
                    break
                if number == 0:
                    between_pages(journal, query, data.draw(st.sampled_from(items)))
            assert found == expected


@third
@given(data=st.data(), items=writes(), limit=st.integers(1, 5))
def test_the_pages_of_operations_are_what_a_scan_finds(
    data: st.DataObject, items: list[Write], limit: int
) -> None:
    with store(items) as (journal, path):
        for query in data.draw(st.lists(queries, min_size=1, max_size=12)):
            expected = newest_operations([item for item in told(journal, path) if fits(query, item)])
            found, cursor = [], ""
            for number in range(len(expected) + 2):
                page = journal.audit.operations(query, limit=limit, cursor=cursor)
                assert len(page.items) == limit or not page.cursor
                found += [(stream, view.number) for stream, view in page.items]
                cursor = page.cursor
                if not cursor:
                    break
                if number == 0:
                    between_pages(journal, query, data.draw(st.sampled_from(items)))
            assert found == expected


@quarter
@given(items=writes())
def test_an_operation_is_told_as_its_events_tell_it(items: list[Write]) -> None:
    with store(items) as (journal, path):
        events = told(journal, path)
        views = {(item.recorded.stream, item.recorded.operation): item.operation for item in events}
        audit = journal.audit
        page = audit.operations(Query(), limit=100)
        assert len(page.items) == len(views)
        for (stream, number), view in views.items():
            ours = [item[:3] for item in events if (item[2].stream, item[2].operation) == (stream, number)]
            shown = msgspec.structs.replace(view, events=[])
            assert audit.operation(stream, number) == shown
            assert (stream, shown) in page.items
            assert [tuple(item) for item in audit.of_operation(stream, number)] == ours
        assert audit.operation(STRANGER, 1) is None
        assert audit.operation(CLUSTERS[0], 77) is None
        assert audit.of_operation(STRANGER, 1) == audit.of_operation(CLUSTERS[0], 77) == []


@quarter
@given(data=st.data(), items=writes(), query=queries, limit=st.integers(1, 5))
def test_what_came_after_a_position_is_what_a_scan_finds(
    data: st.DataObject, items: list[Write], query: Query, limit: int
) -> None:
    with store(items) as (journal, path):
        events = told(journal, path)
        newest = journal.audit.newest()
        assert newest >= max((item.position for item in events), default=0)
        at = data.draw(st.integers(0, newest + 1))
        expected = [item[:3] for item in events if fits(query, item) and item.position > at]
        found = [tuple(item) for item in journal.audit.after(query, at, limit=limit)]
        assert found == expected[:limit]


@quarter
@given(data=st.data(), items=writes(), resource=st.sampled_from(RESOURCES), time=st.sampled_from(TIMES))
def test_one_clusters_log_is_asked_as_it_is_scanned(
    data: st.DataObject, items: list[Write], resource: str, time: int
) -> None:
    with store(items) as (journal, path):
        audit, events = journal.audit, told(journal, path)
        for cluster in (*CLUSTERS, STRANGER):
            ours = [item for item in events if item.recorded.stream == cluster]
            upto = data.draw(st.none() | st.integers(0, len(ours) + 1))
            early = [item for item in ours if upto is None or item.recorded.version <= upto]
            about = [item[:3] for item in early if fits(Query(resource=resource), item)]
            assert [tuple(item) for item in audit.about(cluster, resource, upto=upto)] == about
            wanted = [item[:3] for item in early if item.recorded.event.FAMILY == "intent"]
            assert [tuple(item) for item in audit.intents(cluster, upto=upto)] == wanted
            upto_then = [item.recorded.version for item in ours if item.recorded.time <= time]
            assert audit.version_at(cluster, time) == max(upto_then, default=0)
            assert [audit.store_position(cluster, item.recorded.version) for item in ours] == [
                item.position for item in ours
            ]
            assert audit.store_position(cluster, len(ours) + 1) == 0


@quarter
@given(items=writes())
def test_the_index_made_anew_is_the_one_that_was_written_with_the_events(items: list[Write]) -> None:
    with store(items) as (journal, path):
        before = dump(path)
        assert journal.audit_differences() == []
        assert journal.rebuild_audit() == len(before["audit_entries"])
        assert dump(path) == before
        for stream in (*CLUSTERS, *(claim.cluster_id for claim in journal.claims())):
            report = journal.verify(stream)
            assert (report.events, report.findings) == (len(journal.rows(stream)), ())
