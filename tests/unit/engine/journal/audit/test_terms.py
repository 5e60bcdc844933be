"""Terms: what an event is found by, each one piece for the inverted index, and none taken for another."""

import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.resources import Key, Kind
from kubisnap.engine.domain.subjects import words_of
from kubisnap.engine.journal.audit.sqlite import DIALECT, create
from kubisnap.engine.journal.audit.terms import INTENT, mark, terms
from tests.property.strategies import recorded

LETTERS = st.sampled_from("coakr")


def index(*lines: str) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    for statement in create():
        connection.execute(statement)
    connection.executemany("INSERT INTO audit_terms (rowid, terms) VALUES (?, ?)", enumerate(lines, 1))
    connection.execute("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, audit_terms, row)")
    return connection


def vocabulary(*lines: str) -> set[str]:
    connection = index(*lines)
    try:
        return {term for (term,) in connection.execute("SELECT term FROM temp.vocabulary")}
    finally:
        connection.close()


def found(line: str, term: str, *, beginning: bool = False) -> bool:
    connection = index(line)
    try:
        asked = DIALECT.term(term, beginning)
        statement = "SELECT count(*) FROM audit_terms WHERE audit_terms MATCH ?"
        return bool(connection.execute(statement, (asked,)).fetchone()[0])
    finally:
        connection.close()


# ── marks ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "value",
    [
        "ada",
        "Ada",
        "ADA",
        "ada lovelace",
        "ada%20lovelace",
        "^ada",
        "a~b",
        "",
        "größe",
        '"',
        "'",
        "a\0b",
        "*",
        "(o:1.2",
        "x" * 300,
    ],
)
def test_a_mark_is_one_term_whatever_is_in_it(value: str) -> None:
    term = mark("a", value)
    assert term.isascii()
    assert term == term.lower()
    assert len(term) < 210
    assert vocabulary(term) == {term}


@given(letters=st.tuples(LETTERS, LETTERS), values=st.tuples(st.text(max_size=300), st.text(max_size=300)))
def test_two_values_have_two_marks(letters: tuple[str, str], values: tuple[str, str]) -> None:
    (one, other), (left, right) = letters, values
    assert (mark(one, left) == mark(other, right)) == ((one, left) == (other, right))


@given(length=st.integers(150, 400))
def test_long_values_that_differ_at_their_end_have_two_marks(length: int) -> None:
    assert mark("r", "x" * length + "a") != mark("r", "x" * length + "b")
    assert len(mark("r", "x" * length)) < 210


@given(text=st.text(max_size=40), letter=LETTERS, value=st.text(max_size=10))
def test_no_word_is_taken_for_a_mark(text: str, letter: str, value: str) -> None:
    term = mark(letter, value)
    assert term not in words_of(text) | words_of(term)


# ── the inverted index takes them as they are ────────────────────────────────────────────────


@settings(max_examples=max(10, settings().max_examples // 4))
@given(text=st.text(max_size=60))
def test_every_word_is_one_term_in_the_index_and_found_by_itself(text: str) -> None:
    asked = words_of(text)
    line = " ".join(sorted(asked))
    assert vocabulary(line) == asked
    assert all(found(line, term) for term in list(asked)[:3])


def test_a_beginning_finds_all_that_begin_so_and_nothing_else() -> None:
    assert found("workers-0 443", "work", beginning=True)
    assert not found("workers-0 443", "work")
    assert not found("workers-0 443", "orkers", beginning=True)
    assert found("größe", "grö", beginning=True)


# ── of an event ──────────────────────────────────────────────────────────────────────────────


def test_an_event_has_its_words_and_its_marks() -> None:
    event = ev.StepStarted(step=3, action="create", key=Key(Kind.SERVER, "workers-0"))
    (item,) = recorded([event], operation=42)
    marks = {"(c:7", "(o:7.42", "(t:scale", "(a:ada", "(k:^step^started", "(r:server/workers-0", "(r:server"}
    found = terms(item, 7, "scale", "server/workers-0")
    assert found == sorted(found)
    assert {term for term in found if term[0] == "("} == marks
    assert {"stepstarted", "create", "server", "workers-0", "workers"} == {*found} - marks


def test_what_is_wanted_is_marked() -> None:
    wanted, done = recorded([ev.ClusterRetired(), ev.LeaseRenewed()])
    assert INTENT in terms(wanted, 1, "apply", "cluster")
    assert INTENT not in terms(done, 1, "apply", "")
    assert not any(term.startswith("(r:") for term in terms(done, 1, "", ""))
