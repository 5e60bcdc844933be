"""The audit index answers on a laptop and on a team's server what a scan of all events answers."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.resources import Key, Kind
from kubisnap.engine.errors import InvalidInput
from kubisnap.engine.journal import reading
from kubisnap.engine.journal.audit import asking, entries, finding, sql
from kubisnap.engine.journal.audit.queries import Query
from kubisnap.engine.journal.copying import copy_history
from kubisnap.engine.journal.log import Envelope, Journal, open_journal
from kubisnap.engine.journal.postgres import PostgresRecorder
from tests.contract.store_places import postgres_place, sqlite_place
from tests.postgres_server import new_database
from tests.property.audited import (
    CLUSTERS,
    RESOURCES,
    STRANGER,
    TIMES,
    Told,
    Write,
    fits,
    keep,
    queries,
    told_at,
    writes,
)
from tests.unit.engine.starters import ENVELOPE
from tests.unit.engine.world import without_syncs

T = TypeVar("T")
SEED = 20_261_127
CLUSTER = CLUSTERS[0]
_BOTH = ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)]


def drawn(strategy: st.SearchStrategy[T], count: int) -> list[T]:
    """Return examples, the same ones every time."""
    found: list[T] = []

    @seed(SEED)
    @settings(
        max_examples=count, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )
    @given(strategy)
    def take(item: T) -> None:
        found.append(item)

    take()
    return found


def history() -> list[Write]:
    """Return some hundred events of three clusters, in batches."""
    return [write for items in drawn(writes(), 60) for write in items]


@cache
def questions() -> list[Query]:
    return drawn(queries, 150)


@pytest.fixture(autouse=True, scope="module")
def _small_parts() -> Iterator[None]:
    """So small that every way through the code is taken."""
    with pytest.MonkeyPatch.context() as patch:
        without_syncs(patch)
        for module in (entries, sql):
            patch.setattr(module, "BLOCK", 16)
        patch.setattr(entries, "_STARTS", 5)
        patch.setattr(finding, "FEW", 4)
        patch.setattr(finding, "_AT_ONCE", 30)
        patch.setattr(asking, "_BACK", 5)
        patch.setattr(reading, "_ROWS_AT_ONCE", 50)
        patch.setattr(PostgresRecorder, "dialect", PostgresRecorder.dialect._replace(window=2))
        yield


@pytest.fixture(scope="module", params=_BOTH)
def full(
    request: pytest.FixtureRequest, _small_parts: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Journal]:
    """A store with the history, which the tests only ask."""
    if request.param == "sqlite":
        url = sqlite_place(tmp_path_factory.mktemp("audit") / "store.sqlite").url
    else:
        url = new_database(request.getfixturevalue("postgres_server")).url
    with open_journal(url, create=True) as journal:
        for write in history():
            keep(journal, write)
        yield journal


@pytest.fixture(scope="module")
def events(full: Journal) -> list[Told]:
    return scan(full)


@pytest.fixture(params=_BOTH)
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    if request.param == "sqlite":
        place = sqlite_place(tmp_path / "store.sqlite")
    else:
        place = postgres_place(request.getfixturevalue("team"))
    with open_journal(place.url, create=True) as opened:
        yield opened


def scan(journal: Journal) -> list[Told]:
    rows = (row for part in journal.each_of_all() for row in part)
    return told_at(journal, {(row.stream, row.version): row.position for row in rows})


def plain(found: Sequence[Any]) -> list[tuple[Any, ...]]:
    return [tuple(item) for item in found]


def all_pages(ask: Callable[..., Any], query: Query, limit: int, most: int) -> list[Any]:
    """Return what all pages together hold; there are no more of them than there need be."""
    found: list[Any] = []
    cursor = ""
    for _ in range(most // limit + 1):
        page = ask(query, limit=limit, cursor=cursor)
        assert len(page.items) == limit or not page.cursor
        found += page.items
        cursor = page.cursor
        if not cursor:
            return found
    raise AssertionError("there is no end to the pages")


def newest_operations(items: list[Told]) -> list[tuple[str, int]]:
    found = {(item.first, item.recorded.stream, item.recorded.operation) for item in items}
    return [(stream, number) for _, stream, number in sorted(found, reverse=True)]


# ── questions ────────────────────────────────────────────────────────────────────────────────


def test_the_history_is_one_to_ask_about(full: Journal, events: list[Told]) -> None:
    assert len(events) > 280
    assert {item.recorded.stream for item in events} == set(CLUSTERS)
    answers = [sum(fits(query, item) for item in events) for query in questions()]
    assert sum(answer > 0 for answer in answers) > 50
    assert full.audit.clusters() == 3
    assert full.audit.newest() >= events[-1].position


def test_the_pages_of_events_are_what_a_scan_finds(full: Journal, events: list[Told]) -> None:
    for number, query in enumerate(questions()):
        expected = [item[:3] for item in reversed(events) if fits(query, item)]
        limit = max(1 + number % 40, len(expected) // 4)
        assert plain(all_pages(full.audit.events, query, limit, len(expected))) == expected, query


def test_the_pages_of_operations_are_what_a_scan_finds(full: Journal, events: list[Told]) -> None:
    for number, query in enumerate(questions()):
        expected = newest_operations([item for item in events if fits(query, item)])
        found = all_pages(full.audit.operations, query, 1 + number % 7, len(expected))
        assert [(stream, view.number) for stream, view in found] == expected, query


def test_what_came_after_a_position_is_what_a_scan_finds(full: Journal, events: list[Told]) -> None:
    for number, query in enumerate(questions()[::3]):
        at = events[number * len(events) // 50].position
        expected = [item[:3] for item in events if fits(query, item) and item.position > at]
        assert plain(full.audit.after(query, at, limit=20)) == expected[:20], query


def test_an_operation_is_told_as_its_events_tell_it(full: Journal, events: list[Told]) -> None:
    views = {(item.recorded.stream, item.recorded.operation): item.operation for item in events}
    assert len(all_pages(full.audit.operations, Query(), 100, 100)) == len(views)
    for (stream, number), view in views.items():
        ours = [item[:3] for item in events if (item[2].stream, item[2].operation) == (stream, number)]
        assert full.audit.operation(stream, number) == msgspec.structs.replace(view, events=[])
        assert plain(full.audit.of_operation(stream, number)) == ours
    assert full.audit.operation(STRANGER, 1) is None
    assert full.audit.of_operation(STRANGER, 1) == full.audit.of_operation(CLUSTER, 77) == []


@pytest.mark.parametrize("cluster", [*CLUSTERS, STRANGER])
def test_one_clusters_log_is_asked_as_it_is_scanned(full: Journal, events: list[Told], cluster: str) -> None:
    audit = full.audit
    ours = [item for item in events if item.recorded.stream == cluster]
    versions = [item.recorded.version for item in ours]
    for upto in (None, 0, len(ours) // 2, len(ours) + 1):
        early = [item for item in ours if upto is None or item.recorded.version <= upto]
        for resource in RESOURCES:
            about = [item[:3] for item in early if fits(Query(resource=resource), item)]
            assert plain(audit.about(cluster, resource, upto=upto)) == about
        assert plain(audit.intents(cluster, upto=upto)) == [item[:3] for item in early if is_intent(item)]
        assert plain(audit.turns(cluster, upto=upto)) == [item[:3] for item in early if is_turn(item)]
    for time in TIMES:
        upto_then = [item.recorded.version for item in ours if item.recorded.time <= time]
        assert audit.version_at(cluster, time) == max(upto_then, default=0)
    assert [audit.store_position(cluster, version) for version in versions] == [
        item.position for item in ours
    ]
    assert [audit.event(cluster, version) for version in versions] == [item[:3] for item in ours]
    assert [audit.place(cluster, version) for version in versions] == [place(ours, item) for item in ours]
    assert audit.place(cluster, len(ours) + 1) is None
    assert audit.event(cluster, len(ours) + 1) is None
    assert audit.store_position(cluster, len(ours) + 1) == 0
    assert audit.last_version(cluster) == len(ours)
    assert audit.numbers(cluster) == [number for _, number in begun(ours)]
    for kind in ("server", "pool", "cluster", "nothing"):
        assert audit.resources(cluster, kind) == sorted(
            {item.resource for item in ours if item.resource.partition("/")[0] == kind}
        )
    names = [item[2].event.name for item in ours if isinstance(item[2].event, ev.ClusterDeclared)]
    assert audit.declared_name(cluster) == (names[0] if names else "")


def is_intent(item: Told) -> bool:
    return item.recorded.event.FAMILY == "intent"


def is_turn(item: Told) -> bool:
    kinds = ev.OperationStarted | ev.OperationFinished | ev.RollbackStarted | ev.SnapshotCaptured
    return is_intent(item) or isinstance(item.recorded.event, kinds)


def begun(items: Sequence[Told]) -> list[tuple[int, int]]:
    """Return where the operations that have a kind began, and their numbers."""
    return sorted({(item.first, item.recorded.operation) for item in items if item.operation.kind})


def place(ours: Sequence[Told], at: Told) -> tuple[int, int]:
    before = [number for first, number in begun(ours) if first <= at.position]
    return at.recorded.time, before[-1] if before else 0


# ── words, and other awkward texts ───────────────────────────────────────────────────────────

WORDS = (
    *("it's", '"quoted"', "back\\slash", "C:\\dir\\", "\\", "\\'", "'", "''", "a'b\\'c"),
    *("a:b", ":*", "x:*", "x&y|z!(u)*", "!", "&", "|", "<->", "a<->b", "(", ")", "a')|('b", "wor*ker"),
    *("%s", "%", "%(a)s", "?", "??", "$1", "--", "/*", "{}", "{a,b}", "NULL", "null", "{", ","),
    *("日本語", "İstanbul", "ISTANBUL", "straße", "STRASSE", "ﬁre", "e\u0301te\u0301", "été", "😀", "¼"),
    *("a\u2028b", "a\u00a0b", "\ufeffbom", "zero\u200bwidth", "עברית", "ÅNGSTRÖM", "\U00010428" * 90),
    *("x" * 79, "x" * 80, "x" * 81, "x" * 5_000, "ü" * 300, "a" * 79 + "." + "b" * 9),
    *("(c:1", "(a:ada", "(f:intent", "(k:^step^failed", "(o:1.1", "c:1", "f:intent"),
    *("nul\0nul", "tab\ttab", "del\x7fdel", "esc\x1b[0m"),
)


def failed(text: str) -> ev.AnyEvent:
    return ev.StepFailed(step=1, error="Rejected", message=text)


def test_every_word_is_found_as_a_scan_finds_it_whatever_is_in_it(journal: Journal) -> None:
    journal.append(CLUSTER, 0, [failed(f"before {word} after") for word in WORDS], ENVELOPE)
    everything = scan(journal)
    asked = 0
    for word in WORDS:
        for text in (word, f"{word}*", f"before {word}", word[:5] + "*", word.upper()):
            try:
                query = Query(text=text)
            except InvalidInput:
                continue
            asked += 1
            expected = [item[:3] for item in reversed(everything) if fits(query, item)]
            assert plain(journal.audit.events(query, limit=1_000).items) == expected, text
    assert asked > 200
    assert journal.audit_differences() == []


def test_of_an_event_with_very_many_words_the_first_are_found(journal: Journal) -> None:
    journal.append(CLUSTER, 0, [failed(" ".join(f"n{number}" for number in range(3_000)))], ENVELOPE)
    found = [len(journal.audit.events(Query(text=f"n{n}"), limit=5).items) for n in (0, 1_900, 2_000, 2_999)]
    assert found == [1, 1, 0, 0]
    assert journal.audit_differences() == []


def test_the_largest_events_with_the_longest_words_are_kept_and_found(journal: Journal) -> None:
    """2,000 words of 320 bytes each, and almost 4 MB."""
    letters = [chr(0x10428 + number) for number in range(40)]
    words = [f"{one}{two}" * 40 for one in letters for two in letters] + [one * 80 for one in letters]
    long = " ".join([*words, *(f"{word[:79]}ü" for word in words)])
    huge = f"w7 {'x' * 4_150_000}"
    journal.append(CLUSTER, 0, [failed(long), failed(huge), failed("small")], ENVELOPE)
    for text, versions in ((words[0], [1]), (words[-1][:9] + "*", [1]), ("w7", [2]), ("small", [3])):
        found = journal.audit.events(Query(text=text), limit=5).items
        assert [item.recorded.version for item in found] == versions
    assert journal.audit_differences() == []
    assert journal.rebuild_audit() == 3
    assert journal.audit_differences() == []


def test_null_characters_are_no_trouble_wherever_they_are(journal: Journal) -> None:
    key = Key(Kind.SERVER, "wor\0kers")
    holder = ev.Holder(host="ho\0st", pid=1)
    items: list[ev.AnyEvent] = [
        ev.OperationStarted(kind=ev.OperationKind.APPLY, summary="sum\0mary", holder=holder, tool="t"),
        ev.StepStarted(step=1, action="cre\0ate", key=key),
        failed("mes\0sage"),
        ev.OperationFinished(outcome=ev.Outcome.FAILED, error="er\0ror"),
    ]
    journal.append(CLUSTER, 0, items, Envelope(5, "a\0da", 1, "rea\0son", 2))
    events = scan(journal)
    for query in (
        Query(actor="a\0da"),
        Query(actor="a\ufffdda"),
        Query(resource="server/wor\0kers"),
        Query(resource="server"),
        Query(text="mes\0sage"),
        Query(text="rea"),
        Query(text="kers"),
        Query(outcome="failed", actor="a\0da"),
    ):
        expected = [item[:3] for item in reversed(events) if fits(query, item)]
        assert plain(journal.audit.events(query, limit=9).items) == expected, query
        found = journal.audit.operations(query, limit=9).items
        assert [view.number for _, view in found] == ([1] if expected else [])
    assert [view.reason for _, view in journal.audit.operations(Query(), limit=9).items] == ["rea\0son"]
    assert journal.audit.resources(CLUSTER, "server") == ["server/wor\ufffdkers"]
    assert [item.recorded.version for item in journal.audit.about(CLUSTER, "server/wor\0kers")] == [2, 3]
    assert journal.audit_differences() == []


def test_a_question_may_name_many_clusters_and_have_many_words(journal: Journal) -> None:
    journal.append(CLUSTER, 0, [failed("more servers")], ENVELOPE)
    clusters = (*(f"{number:032x}" for number in range(2_000)), CLUSTER)
    assert len(journal.audit.events(Query(clusters=clusters), limit=9).items) == 1
    assert len(journal.audit.operations(Query(clusters=clusters, outcome="unfinished"), limit=9).items) == 1
    for text in (" ".join(["more", "servers"] * 500), " ".join(["more"] * 999 + ["nowhere"])):
        expected = 0 if "nowhere" in text else 1
        assert len(journal.audit.events(Query(text=text), limit=9).items) == expected


# ── copies ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.postgres
def test_a_copy_answers_as_the_store_does_that_it_was_made_of(
    full: Journal, events: list[Told], team: Any, tmp_path: Path
) -> None:
    with (
        open_journal(team.url, create=True) as there,
        open_journal(f"sqlite:///{tmp_path / 'back.sqlite'}", create=True) as back,
    ):
        copy_history(full, there)
        copy_history(there, back)
        for copy in (there, back):
            assert copy.audit_differences() == []
            for query in questions()[::3]:
                if not query.upto:  # a position in one store
                    assert answers(copy, query) == answers(full, query), query
            for cluster in CLUSTERS:
                assert copy.verify(cluster) == full.verify(cluster)
                assert copy.audit.numbers(cluster) == full.audit.numbers(cluster)


def answers(journal: Journal, query: Query) -> tuple[list[Any], list[Any]]:
    """Return what is answered, without positions in the store, which are each store's own."""
    events = journal.audit.events(query, limit=1_000).items
    return [item[1:] for item in events], journal.audit.operations(query, limit=1_000).items
