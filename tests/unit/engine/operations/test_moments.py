"""Moments: what references come to in a log that has seen something."""

from collections.abc import Callable
from pathlib import Path

import pytest

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.refs import Back, ByEvent, ByOperation, BySnapshot, ByTime, LoggedRef, Now
from kubisnap.engine.errors import InvalidInput, NotFound
from kubisnap.engine.journal.log import Envelope, Journal, open_journal
from kubisnap.engine.operations.looking import Told
from kubisnap.engine.operations.moments import Moment, cluster_of, find_moment, moment_of, spec_at, state_at
from tests.unit.engine.world import World, spec

SECOND = 1_000_000
HOLDER = ev.Holder(host="desk", pid=1)
A, B = "a" * 32, "b" * 32


def started(kind: ev.OperationKind = ev.OperationKind.APPLY) -> ev.OperationStarted:
    return ev.OperationStarted(kind=kind, summary="", holder=HOLDER, tool="")


def captured(digest: str, position: int) -> ev.SnapshotCaptured:
    return ev.SnapshotCaptured(digest=f"sha256:{digest}", size=1, events=position, position=position)


ENDED = ev.OperationFinished(outcome=ev.Outcome.SUCCEEDED)


def log(*events: tuple[int, int, ev.AnyEvent]) -> Told:
    """Return a log of (time in seconds, operation, event)."""
    items = [
        ev.Recorded(
            stream=A,
            version=version,
            time=time * SECOND,
            actor="ada",
            operation=operation,
            cause=0,
            reason="",
            schema=1,
            event=event,
        )
        for version, (time, operation, event) in enumerate(events, 1)
    ]
    return Told(lambda: items)


LOG = log(
    (10, 1, started(ev.OperationKind.CREATE)),
    (12, 1, ENDED),
    (20, 2, started()),
    (29, 2, ENDED),
    (30, 3, started(ev.OperationKind.CAPTURE)),
    (30, 3, captured("ab12" * 16, 4)),
    (31, 3, ENDED),
    (40, 4, started()),
    (41, 4, ev.LeaseRenewed()),
)
"""Two operations, a snapshot of them, and an operation that still runs."""


def at(ref: LoggedRef, marks: Told = LOG) -> Moment:
    return find_moment(marks, ref, "web")


def test_now_is_after_the_newest_event() -> None:
    assert at(Now()) == Moment(9, 41 * SECOND, 4)


@pytest.mark.parametrize(("number", "position"), [(1, 2), (2, 4), (3, 7), (4, 9)])
def test_an_operation_is_after_its_last_event(number: int, position: int) -> None:
    assert at(ByOperation(number)).position == position
    assert at(ByOperation(number)).operation == number


@pytest.mark.parametrize(("back", "number"), [(1, 3), (2, 2), (3, 1)])
def test_going_back_is_from_the_operation_that_began_last_though_it_still_runs(
    back: int, number: int
) -> None:
    assert at(Back(back)) == at(ByOperation(number))


def test_an_event_is_named_by_its_position() -> None:
    assert at(ByEvent(1)) == Moment(1, 10 * SECOND, 1)
    assert at(ByEvent(3)) == Moment(3, 20 * SECOND, 2)


def test_a_time_takes_in_what_was_recorded_at_that_very_time() -> None:
    assert at(ByTime(30 * SECOND)) == Moment(6, 30 * SECOND, 3)
    assert at(ByTime(30 * SECOND - 1)) == Moment(4, 30 * SECOND - 1, 2)
    assert at(ByTime(99 * SECOND)).position == 9


def test_a_snapshot_is_the_log_that_it_holds() -> None:
    assert at(BySnapshot("ab12")) == at(BySnapshot("latest")) == at(ByEvent(4))


def test_a_digest_that_fits_two_snapshots_is_refused() -> None:
    marks = log((1, 1, started()), (2, 1, captured("ab12" * 16, 1)), (3, 1, captured("ab13" * 16, 2)))

    with pytest.raises(InvalidInput, match="2 snapshots begin so"):
        at(BySnapshot("ab1"), marks)
    assert at(BySnapshot("ab13"), marks).position == 2
    assert at(BySnapshot("latest"), marks).position == 2


def test_the_same_contents_captured_twice_are_no_two_snapshots() -> None:
    marks = log((1, 1, started()), (2, 1, captured("ab12" * 16, 1)), (3, 1, captured("ab12" * 16, 1)))

    assert at(BySnapshot("ab12"), marks).position == 1


def test_a_clock_that_went_back_does_not_change_the_order_of_the_log() -> None:
    """The event at 50 stands before one at 20: whoever asks for 25 gets both, as a prefix has them."""
    marks = log((10, 1, started()), (50, 1, ENDED), (20, 2, started()), (60, 2, ENDED))

    assert at(ByTime(25 * SECOND), marks).position == 3
    assert at(ByTime(15 * SECOND), marks).position == 1


def test_the_last_words_of_a_displaced_holder_belong_to_its_operation() -> None:
    marks = log((10, 1, started()), (20, 2, started()), (30, 1, ENDED), (40, 2, ENDED))

    assert at(ByOperation(1), marks) == Moment(3, 30 * SECOND, 2)
    assert at(Back(1), marks) == at(ByOperation(1), marks)


@pytest.mark.parametrize(
    ("ref", "told", "hint"),
    [
        (ByOperation(99), "no operation 'web#99'", "kubisnap log web      its operations: #1 to #4"),
        (Back(4), "no operation 'web@-4'", "kubisnap log web      its operations: #1 to #4"),
        (ByEvent(10), "no event 'web@e10'", "kubisnap log web      its events: 9"),
        (
            ByTime(9 * SECOND),
            "no cluster 'web@1970-01-01T00:00:09Z'",
            "the log of web begins at 1970-01-01T00:00:10Z",
        ),
        (BySnapshot("beef"), "no snapshot 'snap:beef'", "kubisnap log web      its snapshots: 1"),
    ],
)
def test_what_names_nothing_is_not_found_and_told_what_there_is(ref: LoggedRef, told: str, hint: str) -> None:
    with pytest.raises(NotFound) as raised:
        at(ref)
    assert str(raised.value) == told
    assert raised.value.hint == hint


def test_an_empty_log_has_no_moment() -> None:
    for ref in (Now(), ByOperation(1), ByTime(1)):
        with pytest.raises(NotFound):
            at(ref, log())


def test_a_log_without_operations_says_so() -> None:
    with pytest.raises(NotFound) as raised:
        at(Back(1), log((1, 0, ev.LeaseRenewed())))
    assert raised.value.hint.endswith("none")


# ── in a store ───────────────────────────────────────────────────────────────────────────────────


def test_the_state_of_a_moment_is_how_the_cluster_was(world: World) -> None:
    world.create(spec(workers=1))
    world.apply(spec(workers=3))

    cluster_id = world.state().cluster_id
    now = moment_of(world.journal, cluster_id, Now(), "web")
    before = moment_of(world.journal, cluster_id, Back(1), "web")

    assert state_at(world.journal, cluster_id, now) == world.state()
    assert spec_at(world.journal, cluster_id, now).servers() == spec(workers=3).servers()
    assert spec_at(world.journal, cluster_id, before).servers() == spec(workers=1).servers()


def test_before_anything_was_declared_there_is_no_specification(world: World) -> None:
    world.create(spec())
    cluster_id = world.state().cluster_id
    first = moment_of(world.journal, cluster_id, ByEvent(1), "web")

    with pytest.raises(NotFound, match="@e1"):
        spec_at(world.journal, cluster_id, first)


@pytest.fixture
def named_twice(tmp_path: Path) -> Callable[[], Journal]:
    """A store in which two clusters had the name web, one after the other."""

    def make() -> Journal:
        journal = open_journal(f"sqlite:///{tmp_path}/store.sqlite", create=True)
        journal.found(A, "web", [started()], Envelope(10 * SECOND, "ada", 1))
        journal.finish(A, "web", 1, [ENDED], Envelope(20 * SECOND, "ada", 1))
        journal.found(B, "web", [started()], Envelope(30 * SECOND, "ada", 1))
        return journal

    return make


def test_a_time_names_the_cluster_that_had_the_name_then(named_twice: Callable[[], Journal]) -> None:
    with named_twice() as journal:
        assert cluster_of(journal, "web", ByTime(15 * SECOND)) == A
        assert cluster_of(journal, "web", ByTime(25 * SECOND)) == A
        assert cluster_of(journal, "web", ByTime(30 * SECOND)) == B
        assert cluster_of(journal, "web", ByTime(5 * SECOND)) == B  # neither: told of the one there is
        assert cluster_of(journal, "web", ByOperation(1)) == B
        assert cluster_of(journal, f"web@{A[:8]}", ByTime(99 * SECOND)) == A
        with pytest.raises(NotFound):
            cluster_of(journal, "nobody", Now())
