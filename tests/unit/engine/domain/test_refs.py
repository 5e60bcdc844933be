"""References: what each form means, and what is told of everything else."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest

from kubisnap.engine.domain.refs import (
    Back,
    ByEvent,
    ByOperation,
    BySnapshot,
    ByTime,
    Live,
    Now,
    Qualified,
    Ref,
    parse_logged_ref,
    parse_qualified,
    parse_ref,
)
from kubisnap.engine.errors import InvalidInput

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


def micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def ref(text: str, zone: tzinfo = BERLIN, now: datetime = NOON) -> Ref:
    return parse_ref(text, now=micros(now), zone=zone)


def qualified(text: str) -> Qualified:
    return parse_qualified(text, now=micros(NOON), zone=BERLIN)


def time_of(text: str, zone: tzinfo = BERLIN, now: datetime = NOON) -> datetime:
    found = ref(text, zone, now)
    assert isinstance(found, ByTime)
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=found.time)


def refusal_of(text: str) -> InvalidInput:
    with pytest.raises(InvalidInput) as raised:
        ref(text)
    return raised.value


def problem_of(text: str, zone: tzinfo = BERLIN, now: datetime = NOON) -> str:
    with pytest.raises(InvalidInput) as raised:
        ref(text, zone, now)
    assert repr(text) in raised.value.problem
    assert raised.value.hint
    return raised.value.problem


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("@", Now()),
        ("now", Now()),
        ("@-", Back(1)),
        ("@-1", Back(1)),
        ("@-12", Back(12)),
        ("#1", ByOperation(1)),
        ("#042", ByOperation(42)),
        ("e17", ByEvent(17)),
        ("snap:ab12", BySnapshot("ab12")),
        ("snap:latest", BySnapshot("latest")),
        ("live", Live()),
    ],
)
def test_a_place_in_the_log_is_named_by_what_happened_there(text: str, meaning: Ref) -> None:
    assert ref(text) == meaning


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("0s", timedelta()),
        ("90s", timedelta(seconds=90)),
        ("20m", timedelta(minutes=20)),
        ("2h", timedelta(hours=2)),
        ("1h30m", timedelta(minutes=90)),
        ("3d", timedelta(days=3)),
        ("2w", timedelta(days=14)),
        ("1w2d3h4m5s", timedelta(weeks=1, days=2, hours=3, minutes=4, seconds=5)),
        ("2 days ago", timedelta(days=2)),
        ("1 hour 30 minutes ago", timedelta(minutes=90)),
        ("1 min ago", timedelta(minutes=1)),
        ("5 sec ago", timedelta(seconds=5)),
        ("2h ago", timedelta(hours=2)),
        ("yesterday", timedelta(days=1)),
    ],
)
def test_a_duration_counts_back_from_now(text: str, back: timedelta) -> None:
    assert time_of(text) == NOON - back


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1mo", "2026-02-28T12:00:00+01:00"),  # the shorter month's last day
        ("2mo", "2026-01-31T12:00:00+01:00"),
        ("1y", "2025-03-31T12:00:00+02:00"),
        ("6 months ago", "2025-09-30T12:00:00+02:00"),  # the same wall time
        ("1y1mo1d", "2025-02-27T12:00:00+01:00"),
    ],
)
def test_months_and_years_go_by_the_calendar_of_the_zone(text: str, moment: str) -> None:
    end_of_march = datetime(2026, 3, 31, 12, tzinfo=BERLIN)

    assert time_of(text, now=end_of_march) == datetime.fromisoformat(moment)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-08-01", "2026-08-01T00:00:00+02:00"),
        ("2026-08-01T14:30", "2026-08-01T14:30:00+02:00"),
        ("2026-08-01 14:30", "2026-08-01T14:30:00+02:00"),
        ("2026-01-01T14:30:09", "2026-01-01T14:30:09+01:00"),
        ("2026-01-01T14:30:09.25", "2026-01-01T14:30:09.250000+01:00"),
        ("2026-08-01T14:30Z", "2026-08-01T14:30:00+00:00"),
        ("2026-08-01T14:30-05:30", "2026-08-01T14:30:00-05:30"),
        ("2026-08-01T09:30[America/New_York]", "2026-08-01T09:30:00-04:00"),
        ("2026-08-01[Asia/Tokyo]", "2026-08-01T00:00:00+09:00"),
    ],
)
def test_a_time_without_a_zone_is_a_local_one(text: str, moment: str) -> None:
    assert time_of(text) == datetime.fromisoformat(moment)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "42",
        "7",
        "2",
        "x",
        "@3",
        "@@",
        "#",
        "#x",
        "e",
        "snap:",
        "snap:abc",
        "snap:XYZW",
        "2 h 3",
        "h",
        "30m1h",
        "1h1h",
        "2D",
        "1.5h",
        "-2h",
        "2h\n",
        "٢h",
        "2026-8-1",
        "2026-08-01T",
        "2026-08-01T9:30",
        "2026-08-01Z",
        "tomorrow",
        "Now",
    ],
)
def test_what_is_no_reference_is_refused_with_the_forms(text: str) -> None:
    problem_of(text)


def test_a_bare_number_is_never_guessed_at() -> None:
    with pytest.raises(InvalidInput, match="'42' is a bare number") as raised:
        ref("42")
    assert raised.value.hint == "write 2h for two hours ago, #2 for operation 2, e2 for event 2"


@pytest.mark.parametrize("text", ["@-0", "#0", "e0", "e000"])
def test_counting_starts_at_one(text: str) -> None:
    assert "counted from 1" in problem_of(text)


@pytest.mark.parametrize(
    "text",
    ["2026-02-30", "2026-13-01", "0000-01-01", "2026-08-01T24:00", "2026-08-01T12:60", "2026-08-01T12:00:60"],
)
def test_a_date_that_does_not_exist_is_refused(text: str) -> None:
    assert "there is no such date or time" in problem_of(text)


@pytest.mark.parametrize("text", ["9999d", "999999999y", "999999999mo", "3000y", "999999999w"])
def test_a_duration_longer_than_the_calendar_is_refused(text: str) -> None:
    if text == "9999d":
        assert time_of(text) < NOON
    else:
        assert "before the calendar begins" in problem_of(text)


@pytest.mark.parametrize("text", ["2026-11-02T12:00:00.000001Z", "2026-11-03", "9999-12-31T23:59"])
def test_the_future_is_refused(text: str) -> None:
    assert "is in the future" in problem_of(text)


def test_the_edge_of_the_calendar_is_refused_and_does_not_overflow() -> None:
    assert "outside of the calendar" in problem_of("0001-01-01T00:00+14:00")
    assert "outside of the calendar" in problem_of("0001-01-01", zone=timezone(timedelta(hours=3)))


def test_this_very_moment_is_not_the_future() -> None:
    assert time_of("2026-11-02T12:00Z") == NOON


def test_a_wall_time_that_was_skipped_is_refused() -> None:
    refusal = refusal_of("2026-03-29T02:30")

    assert refusal.problem.endswith("clocks were set forward, and there was no such time")
    assert refusal.hint == "with an offset it is one: 2026-03-29T02:30:00+01:00"
    assert time_of("2026-03-29T02:30:00+01:00") == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert time_of("2026-03-29T03:00") == datetime(2026, 3, 29, 1, tzinfo=UTC)


def test_a_wall_time_that_came_twice_is_refused_with_both_ways_to_write_it() -> None:
    refusal = refusal_of("2026-10-25T02:30")

    assert refusal.problem.endswith("clocks were set back, and that time came twice")
    assert refusal.hint == "2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00"
    assert time_of("2026-10-25T02:30:00+02:00") == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert time_of("2026-10-25T02:30:00+01:00") == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_a_day_without_a_midnight_begins_when_its_clocks_do() -> None:
    assert time_of("2026-03-29[Asia/Beirut]") == datetime(2026, 3, 28, 22, tzinfo=UTC)


def test_a_day_whose_midnight_came_twice_begins_with_the_first() -> None:
    assert time_of("2016-11-06[America/Havana]") == datetime(2016, 11, 6, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    "zone", ["Mars/Base", "Europe", "../../etc/passwd", "zone.tab", "Europe/Berlin\0", "ü", "-"]
)
def test_a_zone_that_is_none_is_refused(zone: str) -> None:
    assert "knows no time zone" in problem_of(f"2026-08-01T09:30[{zone}]")


def test_an_offset_and_a_zone_are_one_too_many() -> None:
    assert "not both" in problem_of("2026-08-01T09:30+02:00[Europe/Berlin]")
    assert "no such offset" in problem_of("2026-08-01T09:30+25:00")


def test_live_is_not_in_the_log() -> None:
    with pytest.raises(InvalidInput, match="live is what the cloud shows"):
        parse_logged_ref("live", now=micros(NOON), zone=BERLIN)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("web", Qualified("web")),
        ("web#42", Qualified("web", ByOperation(42))),
        ("web@-", Qualified("web", Back(1))),
        ("web@-3", Qualified("web", Back(3))),
        ("web@now", Qualified("web")),
        ("web@live", Qualified("web", Live())),
        ("web@e17", Qualified("web", ByEvent(17))),
        ("web@2h", Qualified("web", ByTime(micros(NOON - timedelta(hours=2))))),
        ("web@2 days ago", Qualified("web", ByTime(micros(NOON - timedelta(days=2))))),
        ("web@2026-08-01T14:30Z", Qualified("web", ByTime(micros(datetime(2026, 8, 1, 14, 30, tzinfo=UTC))))),
        ("web@1a2b3c4d", Qualified("web@1a2b3c4d")),
        ("web@1a2b3c4d#2", Qualified("web@1a2b3c4d", ByOperation(2))),
        ("web@1a2b3c4d@-3", Qualified("web@1a2b3c4d", Back(3))),
        ("web@1a2b3c4d@live", Qualified("web@1a2b3c4d", Live())),
        ("web@e1234567", Qualified("web@e1234567")),  # eight hex digits are an earlier cluster
        ("web@e01234567", Qualified("web", ByEvent(1234567))),
        ("now", Qualified("now")),  # a name like any other
    ],
)
def test_a_cluster_is_named_with_its_moment(text: str, meaning: Qualified) -> None:
    assert qualified(text) == meaning


@pytest.mark.parametrize(
    "text",
    [
        "",
        "#1",
        "@-",
        "Web",
        "web@",
        "web@@-",
        "web@#1",
        "web@snap:ab12",
        "web#",
        "web#1@-",
        "web 1",
        "web@12",
        "web@1a2b3c4d@",
        "web@1a2b3c4d5",
        "web/x",
        "2h",
    ],
)
def test_what_names_no_cluster_or_no_moment_of_it_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        qualified(text)
    assert raised.value.hint
