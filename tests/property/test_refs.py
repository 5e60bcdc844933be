"""References and moments, for any text and any log."""

from datetime import UTC, timedelta, timezone, tzinfo
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kubisnap.engine.domain import events as ev
from kubisnap.engine.domain.refs import (
    Back,
    ByEvent,
    ByOperation,
    BySnapshot,
    ByTime,
    Live,
    LoggedRef,
    Now,
    Qualified,
    Ref,
    parse_qualified,
    parse_ref,
)
from kubisnap.engine.domain.state import ClusterState, fold
from kubisnap.engine.errors import InvalidInput, NotFound
from kubisnap.engine.operations.looking import Told
from kubisnap.engine.operations.moments import find_moment

from .strategies import CLUSTER_ID, states

NOW = 1_793_611_800_000_000
ZONES: st.SearchStrategy[tzinfo] = st.sampled_from(
    [UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("America/Havana"), ZoneInfo("Asia/Kathmandu")]
) | st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
FIRST = -62_135_596_800_000_000  # 0001-01-01T00:00Z

refs: st.SearchStrategy[Ref] = st.one_of(
    st.just(Now()),
    st.just(Live()),
    st.builds(Back, st.integers(1, 999_999_999)),
    st.builds(ByOperation, st.integers(1, 999_999_999)),
    st.builds(ByEvent, st.integers(1, 9_999_999_999_999)),
    st.builds(BySnapshot, st.just("latest") | st.text("0123456789abcdef", min_size=4, max_size=64)),
    st.builds(ByTime, st.integers(FIRST, NOW)),
)
clusters = st.from_regex(r"[a-z][a-z0-9-]{0,10}(@[0-9a-f]{8})?", fullmatch=True)
pieces = st.sampled_from(
    [
        *"@#-e:[]TZ+. ",
        "snap:",
        "live",
        "now",
        "ago",
        "h",
        "mo",
        "y",
        "d",
        "2026-08-01",
        "14:30",
        "+02:00",
        "9" * 9,
        "[Europe/Berlin]",
        "web",
        "1a2b3c4d",
        "\0",
        "٣",
        "0001-01-01",
        "9999-12-31",
        "yesterday",
        "latest",
        "\n",
    ]
)
texts = st.text(max_size=30) | st.lists(pieces, max_size=6).map("".join)


@given(refs, ZONES)
def test_what_is_printed_is_read_as_the_same(ref: Ref, zone: tzinfo) -> None:
    assert parse_ref(str(ref), now=NOW, zone=zone) == ref


@given(clusters, refs.filter(lambda ref: not isinstance(ref, BySnapshot)), ZONES)
def test_a_cluster_with_its_moment_is_read_as_it_is_printed(cluster: str, ref: Ref, zone: tzinfo) -> None:
    text = str(Qualified(cluster, ref))
    if isinstance(ref, ByEvent) and len(str(ref)) == 8 and "@" not in cluster:
        assert parse_qualified(text, now=NOW, zone=zone) == Qualified(text)  # an earlier cluster
    else:
        assert parse_qualified(text, now=NOW, zone=zone) == Qualified(cluster, ref)


@given(texts, ZONES, st.integers(0, 2**52))
@example("999999999y", UTC, 0)
@example("0001-01-01T00:00+14:00", UTC, 0)
@example("2026-08-01T00:00[Europe/" + "x" * 40 + "]", UTC, 0)
def test_any_text_is_a_reference_or_is_refused(text: str, zone: tzinfo, now: int) -> None:
    for parse in (parse_ref, parse_qualified):
        try:
            found = parse(text, now=now, zone=zone)
        except InvalidInput:
            continue
        # what was read is printed in the one form, and stays what it is
        assert parse(str(found), now=now, zone=zone) == found


@given(st.integers(0, 2**52), st.integers(0, 10**6), st.sampled_from("smhdw"), ZONES)
def test_a_longer_time_ago_is_earlier(now: int, count: int, unit: str, zone: tzinfo) -> None:
    later, earlier = (_time(f"{number}{unit}", now, zone) for number in (count, count + 1))
    assert later is None or earlier is None or earlier < later


def _time(text: str, now: int, zone: tzinfo) -> int | None:
    try:
        found = parse_ref(text, now=now, zone=zone)
    except InvalidInput:
        return None
    assert isinstance(found, ByTime)
    return found.time


# ── moments of any log ───────────────────────────────────────────────────────────────────────────


@st.composite
def logs(draw: st.DrawFn) -> list[ev.Recorded]:
    """Draw the log of a cluster that was scaled and captured, by clocks that are not quite right."""
    state: ClusterState = draw(states)
    placement = state.placement
    assert placement is not None
    declared: list[ev.AnyEvent] = [
        ev.ClusterDeclared(
            cluster_id=CLUSTER_ID, name="web", kubernetes=state.kubernetes, placement=placement
        ),
        *(ev.ServerPoolDeclared(pool=pool) for pool in state.pools.values()),
    ]
    items: list[ev.Recorded] = []
    time = 1_700_000_000_000_000

    def record(operation: int, event: ev.AnyEvent) -> None:
        nonlocal time
        time += draw(st.sampled_from([0, 1, 1_000_000, -500_000]))
        items.append(
            ev.Recorded(
                stream=CLUSTER_ID,
                version=len(items) + 1,
                time=time,
                actor="ada",
                operation=operation,
                cause=0,
                reason="",
                schema=event.SCHEMA,
                event=event,
            )
        )

    for number in range(1, draw(st.integers(1, 5)) + 1):
        record(
            number,
            ev.OperationStarted(
                kind=ev.OperationKind.APPLY, summary="", holder=ev.Holder(host="a", pid=1), tool=""
            ),
        )
        for event in declared if number == 1 else ():
            record(number, event)
        for _ in range(draw(st.integers(0, 3))):
            pool = draw(st.sampled_from(sorted(state.pools)))
            record(number, ev.ServerPoolScaled(pool=pool, before=0, count=draw(st.integers(0, 9))))
        if draw(st.booleans()):
            digest = f"sha256:{number:064x}"[::-1].replace(":652ahs", "")
            record(
                number,
                ev.SnapshotCaptured(
                    digest=f"sha256:{digest}", size=1, events=1, position=draw(st.integers(1, len(items)))
                ),
            )
        if draw(st.booleans()):
            record(number, ev.OperationFinished(outcome=draw(st.sampled_from(ev.Outcome))))
        if number > 1 and draw(st.booleans()):
            record(number - 1, ev.LeaseRenewed())  # the last words of a displaced holder
    return items


def _expected(items: list[ev.Recorded], ref: LoggedRef) -> int:
    """Return how many events a reference takes in, said as simply as it can be; 0: there is no such place."""
    begun = [item.operation for item in items if isinstance(item.event, ev.OperationStarted)]
    match ref:
        case Now():
            return len(items)
        case ByEvent(position=position):
            return position if position <= len(items) else 0
        case ByTime(time=time):
            after = list(takewhile(lambda item: item.time > time, reversed(items)))
            return len(items) - len(after)
        case ByOperation(number=number):
            after = list(takewhile(lambda item: item.operation != number, reversed(items)))
            return len(items) - len(after)
        case Back(count=count):
            return _expected(items, ByOperation(begun[-1 - count])) if count < len(begun) else 0
        case BySnapshot(digest=digest):
            kept = [item.event for item in items if isinstance(item.event, ev.SnapshotCaptured)]
            fit = [one for one in kept if digest == "latest" or one.digest.startswith(f"sha256:{digest}")]
            return fit[-1].position if fit else 0


@given(logs(), st.data())
def test_a_moment_is_the_fold_of_a_prefix(items: list[ev.Recorded], data: st.DataObject) -> None:
    times = [item.time for item in items]
    digests = [
        item.event.digest.removeprefix("sha256:")
        for item in items
        if isinstance(item.event, ev.SnapshotCaptured)
    ]
    ref: LoggedRef = data.draw(
        st.one_of(
            st.just(Now()),
            st.builds(Back, st.integers(1, 7)),
            st.builds(ByOperation, st.integers(1, 7)),
            st.builds(ByEvent, st.integers(1, len(items) + 2)),
            st.builds(ByTime, st.integers(min(times) - 2, max(times) + 2) | st.sampled_from(times)),
            st.builds(BySnapshot, st.sampled_from(["latest", "f" * 8, *digests])),
        )
    )
    marks = Told(lambda: items)
    expected = _expected(items, ref)
    if expected == 0:
        with pytest.raises(NotFound):
            find_moment(marks, ref, "web")
        return
    moment = find_moment(marks, ref, "web")
    prefix = items[: moment.position]
    assert fold(prefix) == fold(items[:expected])
    assert moment.operation == fold(prefix).operations
    assert moment.time == (ref.time if isinstance(ref, ByTime) else prefix[-1].time)
