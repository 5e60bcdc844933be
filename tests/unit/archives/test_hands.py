"""The second hand: what comes of it comes in order, errors arrive, and nothing is waited for in vain."""

import io
import threading
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any, NoReturn

import pytest

from kubisnap.archives import Access, Blob, open_reader, reader, write_snapshot, writer
from kubisnap.archives.format import END_MAGIC
from kubisnap.archives.hands import SMALL, Hand
from tests.unit.archives.making import ALONE, header_of, made, row_of

PATIENCE = 60
"""Seconds after which a test that hangs fails; none of them waits for it."""


class Broken(Exception):
    pass


def broken(*_: Any) -> NoReturn:
    raise Broken


def no_hand_is_left() -> bool:
    return not [thread for thread in threading.enumerate() if thread.name.startswith("archive")]


def given(number: int, gate: threading.Event | None = None) -> int:
    assert gate is None or gate.wait(PATIENCE)
    return number


def test_results_come_in_the_order_of_the_jobs_and_in_the_callers_thread() -> None:
    found: list[tuple[int, int]] = []
    with Hand[int]() as hand:
        for number in range(100):
            hand.do(partial(given, number), lambda done: found.append((done, threading.get_ident())))
    assert found == [(number, threading.get_ident()) for number in range(100)]
    assert no_hand_is_left()


def test_at_most_two_jobs_wait() -> None:
    taken: list[int] = []
    with Hand[int]() as hand:
        lengths = []
        for number in range(5):
            hand.do(partial(given, number), taken.append)
            lengths.append(len(taken))
        assert lengths == [0, 0, 1, 2, 3]
        hand.finish()
        assert taken == list(range(5))


def test_jobs_are_done_beside_the_caller() -> None:
    gate = threading.Event()
    taken: list[int] = []
    with Hand[int]() as hand:
        hand.do(partial(given, 1, gate), taken.append)
        hand.do(partial(given, 2), taken.append)
        assert taken == []
        gate.set()
    assert taken == [1, 2]


def test_a_small_job_is_done_on_the_spot_unless_others_wait() -> None:
    taken: list[int] = []
    gate = threading.Event()
    with Hand[int]() as hand:
        hand.do(partial(given, 1), taken.append, size=SMALL - 1)
        assert taken == [1]
        assert no_hand_is_left()
        hand.do(partial(given, 2, gate), taken.append, size=SMALL)
        hand.do(partial(given, 3), taken.append, size=1)
        assert taken == [1]
        gate.set()
    assert taken == [1, 2, 3]


@pytest.mark.parametrize("size", [1, SMALL])
@pytest.mark.parametrize("bad", range(6))
def test_an_error_of_a_job_arrives_in_its_place(bad: int, size: int) -> None:
    taken: list[int] = []

    def work() -> None:
        with Hand[int]() as hand:
            for number in range(6):
                hand.do(broken if number == bad else partial(given, number), taken.append, size=size)

    with pytest.raises(Broken):
        work()
    assert taken == list(range(bad))
    assert no_hand_is_left()


def test_an_error_of_what_takes_a_result_arrives_and_no_more_is_taken() -> None:
    taken: list[int] = []

    def work() -> None:
        with Hand[int]() as hand:
            for number in range(6):
                hand.do(partial(given, number), broken if number == 1 else taken.append)

    with pytest.raises(Broken):
        work()
    assert taken == [0]
    assert no_hand_is_left()


def test_an_error_of_the_caller_is_the_one_that_arrives() -> None:
    taken: list[int] = []

    def work() -> None:
        with Hand[int]() as hand:
            hand.do(broken, taken.append)
            hand.do(partial(given, 1), taken.append)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert taken == []
    assert no_hand_is_left()


# ── those who have one ───────────────────────────────────────────────────────────────────────

LARGE = [row_of(n, ALONE) for n in range(1, 8)]
PACKS = [Blob(f"{n}", bytes([n]) * 600_000) for n in range(7)]


@pytest.mark.parametrize("taken", range(1, 15))
def test_whoever_leaves_an_archive_early_leaves_no_hand_behind(taken: int) -> None:
    source = io.BytesIO(made(LARGE, blobs=PACKS).data)
    with closing(open_reader(source, name="x").contents()) as contents:  # type: ignore[type-var]
        for _ in range(taken):
            next(contents)
    assert no_hand_is_left()


@pytest.mark.parametrize("name", ["_hashed", "_hashed_pack"])
def test_an_error_while_hashing_arrives_at_the_reader(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = made(LARGE, blobs=PACKS).data
    monkeypatch.setattr(reader, name, broken)
    with pytest.raises(Broken):
        list(open_reader(io.BytesIO(data), name="x", access=Access()).contents())
    assert no_hand_is_left()


@pytest.mark.parametrize("name", ["_compressed_events", "_compressed_blobs"])
def test_an_error_while_compressing_arrives_at_the_writer(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, name, broken)
    sink = io.BytesIO()
    with pytest.raises(Broken):
        write_snapshot(sink, header_of(LARGE), LARGE, blobs=PACKS)
    assert END_MAGIC not in sink.getvalue()
    assert no_hand_is_left()


def test_archives_are_the_same_however_fast_the_hand_is(monkeypatch: pytest.MonkeyPatch) -> None:
    do = Hand.do

    def at_once(hand: Hand[Any], job: Callable[[], Any], then: Callable[[Any], None], *, size: int) -> None:
        do(hand, job, then, size=size)
        hand.finish()

    beside = made(LARGE, blobs=PACKS)
    monkeypatch.setattr(Hand, "do", at_once)
    assert made(LARGE, blobs=PACKS) == beside
