"""What can be asked, and what is refused before anything is looked for."""

import gc
import warnings

import pytest

from kubisnap.engine.domain.events import Outcome
from kubisnap.engine.errors import InvalidInput
from kubisnap.engine.journal.audit.queries import KINDS_OF_EVENTS, KINDS_OF_OPERATIONS, Cursor, Query
from kubisnap.engine.journal.log import Journal, open_journal
from tests.unit.engine.journal.audit.stories import WEB, furnish

# ── what is asked ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", sorted(KINDS_OF_OPERATIONS))
def test_the_kind_of_an_operation_is_that(kind: str) -> None:
    query = Query(kind=kind)
    assert (query.operation_kind, query.event_kind, query.of_events) == (kind, "", False)


@pytest.mark.parametrize("kind", sorted(KINDS_OF_EVENTS))
def test_the_kind_of_an_event_is_that(kind: str) -> None:
    query = Query(kind=kind)
    assert (query.operation_kind, query.event_kind, query.of_events) == ("", kind, True)


def test_no_kind_is_both() -> None:
    assert not KINDS_OF_EVENTS & KINDS_OF_OPERATIONS


@pytest.mark.parametrize("kind", ["Create", "create ", "firewalldeclared", "nothing", "*"])
def test_another_kind_is_refused_with_those_that_there_are(kind: str) -> None:
    with pytest.raises(InvalidInput, match="neither an operation's kind nor an event's") as caught:
        Query(kind=kind)
    assert "undo" in caught.value.hint
    assert "FirewallDeclared" in caught.value.hint


@pytest.mark.parametrize("outcome", [*map(str, Outcome), "unfinished"])
def test_an_outcome_is_asked_for(outcome: str) -> None:
    assert not Query(outcome=outcome).of_events


def test_another_outcome_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InvalidInput, match="no outcome") as caught:
        Query(outcome="Failed")
    assert "rolled-back" in caught.value.hint
    assert "unfinished" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("Workers-0", [("workers-0", False)]),
        ("two words", [("two", False), ("words", False)]),
        ("wor*", [("wor", True)]),
        ("wor***", [("wor", True)]),
        ("(wor*", [("wor", True)]),
        ("443, ...", [("443", False)]),
        ('"quoted words"', [("quoted", False), ("words", False)]),
        ("GRÖSSE", [("grösse", False)]),
        ("größe*", [("grösse", True)]),
        ("10.0.*", [("10.0", True)]),
        ("a*b", [("a*b", False)]),
        ("x" * 90, [("x" * 80, False)]),
        ("x" * 90 + "*", [("x" * 80, True)]),
    ],
)
def test_the_words_that_are_asked_for(text: str, expected: list[tuple[str, bool]]) -> None:
    assert Query(text=text).words() == expected


@pytest.mark.parametrize("text", [" ", "...", '"', "\0", "()", "\n"])
def test_text_without_a_word_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="there is no word in"):
        Query(text=text)


@pytest.mark.parametrize("text", ["*", "a*", "ab*", "word (a*", "..*", "***"])
def test_a_beginning_that_says_too_little_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="too short a beginning"):
        Query(text=text)


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"text": "\udcff"}, "--grep"),
        ({"actor": "a\udcff"}, "--actor"),
        ({"resource": "server/\udcff"}, "--resource"),
        ({"clusters": (WEB, "\udcff")}, "CLUSTER"),
    ],
)
def test_what_is_no_text_is_refused(asked: dict[str, object], named: str) -> None:
    """Bytes on a command line that are no UTF-8 come as such."""
    with pytest.raises(InvalidInput, match=named):
        Query(**asked)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["since", "until"])
@pytest.mark.parametrize("time", [1 << 63, -(1 << 63) - 1, 10**30])
def test_a_time_that_no_store_can_hold_is_refused(name: str, time: int) -> None:
    with pytest.raises(InvalidInput, match=f"--{name}"):
        Query(**{name: time})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "asked", [{"since": 0}, {"until": 0}, {"actor": "ada"}, {"resource": "server"}, {"text": "word"}]
)
def test_what_is_said_of_events_is_looked_for_in_events(asked: dict[str, object]) -> None:
    assert Query(**asked).of_events  # type: ignore[arg-type]


def test_what_is_said_of_operations_is_not() -> None:
    assert not Query(clusters=(WEB,), outcome="failed", kind="undo", upto=7).of_events


# ── cursors ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "-1",
        "1.",
        ".1",
        "1.2.3",
        " 1",
        "1\n",
        "1 ",
        "1e3",
        "0x1",
        "١",
        "9" * 19,
        "1." + "9" * 19,
        "1;2",
        "None",
    ],
)
def test_a_cursor_that_no_page_ended_with_is_refused(journal: Journal, text: str) -> None:
    with pytest.raises(InvalidInput, match="--cursor"):
        Cursor.parsed(text)
    with pytest.raises(InvalidInput, match="--cursor"):
        journal.audit.events(Query(), limit=1, cursor=text)
    for query in (Query(), Query(text="word")):
        with pytest.raises(InvalidInput, match="--cursor"):
            journal.audit.operations(query, limit=1, cursor=text)


@pytest.mark.parametrize("text", ["0", "0.0", "999999999999999999", "3.999999999999999999", "000003"])
def test_any_other_cursor_is_answered(journal: Journal, text: str) -> None:
    furnish(journal)
    for query in (Query(), Query(text="shop"), Query(outcome="failed"), Query(outcome="failed", text="busy")):
        assert len(journal.audit.events(query, limit=100, cursor=text).items) <= 100
        assert len(journal.audit.operations(query, limit=100, cursor=text).items) <= 4


# ── the sizes of a question ──────────────────────────────────────────────────────────────────


def test_a_question_may_name_many_clusters_and_have_many_words(journal: Journal) -> None:
    furnish(journal)
    clusters = (*(f"{number:032x}" for number in range(2_000)), WEB)
    assert len(journal.audit.events(Query(clusters=clusters), limit=100).items) == 12
    words = " ".join(["more", "servers"] * 500)
    assert len(journal.audit.events(Query(text=words), limit=100).items) == 4


def test_a_store_that_does_not_exist_answers_nothing_and_leaves_nothing_open(url: str) -> None:
    with warnings.catch_warnings(), open_journal(url) as journal:
        warnings.simplefilter("error")
        audit = journal.audit
        assert audit.events(Query(), limit=5).items == []
        assert audit.operations(Query(), limit=5).items == []
        assert audit.operations(Query(text="word", outcome="failed"), limit=5).items == []
        assert audit.about(WEB, "cluster") == audit.intents(WEB) == audit.of_operation(WEB, 1) == []
        assert (audit.newest(), audit.version_at(WEB, 0), audit.store_position(WEB, 1)) == (0, 0, 0)
        assert audit.operation(WEB, 1) is None
        del audit
    del journal
    gc.collect()
