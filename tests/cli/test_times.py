"""Local time: as the system has it, and as it is told."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from kubisnap.cli.as_of import time_text
from kubisnap.cli.local_time import LocalZone
from kubisnap.engine.domain.refs import ByTime, parse_ref
from kubisnap.engine.errors import InvalidInput

BERLIN = ZoneInfo("Europe/Berlin")
NOW = 1_793_611_800_000_000


@pytest.fixture
def in_berlin() -> Iterator[LocalZone]:
    """A process whose clock is on a wall in Berlin; the rule is spelled out: no database is needed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        yield LocalZone()
    time.tzset()


def micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def test_the_local_zone_follows_the_rules_of_the_system(in_berlin: LocalZone) -> None:
    summer = datetime(2026, 8, 1, 7, 30, tzinfo=UTC).astimezone(in_berlin)
    winter = datetime(2026, 1, 1, 7, 30, tzinfo=UTC).astimezone(in_berlin)

    assert (summer.hour, summer.tzname(), winter.hour, winter.tzname()) == (9, "CEST", 8, "CET")
    assert summer.dst() is None


def test_every_hour_around_a_change_of_clocks_comes_back_as_itself(in_berlin: LocalZone) -> None:
    for change in (datetime(2026, 3, 29, 1, tzinfo=UTC), datetime(2026, 10, 25, 1, tzinfo=UTC)):
        for quarter in range(-12, 12):
            moment = change + timedelta(minutes=15 * quarter)
            there = moment.astimezone(in_berlin)
            assert there.replace(tzinfo=None) == moment.astimezone(BERLIN).replace(tzinfo=None)
            assert there.astimezone(UTC) == moment


def test_a_wall_time_is_read_in_the_local_zone(in_berlin: LocalZone) -> None:
    noon = parse_ref("2026-08-01T12:00", now=NOW, zone=in_berlin)

    assert noon == ByTime(micros(datetime(2026, 8, 1, 10, tzinfo=UTC)))
    for gap_or_overlap in ("2026-03-29T02:30", "2026-10-25T02:30"):
        with pytest.raises(InvalidInput, match="clocks were set"):
            parse_ref(gap_or_overlap, now=NOW, zone=in_berlin)


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        ("2026-08-01T07:30:00+00:00", "2026-08-01 09:30 CEST = 07:30Z"),
        ("2026-08-01T07:30:09.5+00:00", "2026-08-01 09:30:09 CEST = 07:30:09Z"),
        ("2026-07-31T23:30:00+00:00", "2026-08-01 01:30 CEST = 2026-07-31 23:30Z"),
    ],
)
def test_a_time_is_told_here_and_in_utc(moment: str, text: str) -> None:
    found = micros(datetime.fromisoformat(moment))

    assert time_text(found, BERLIN, utc=False) == text
    assert time_text(found, BERLIN, utc=True) == f"{moment[:19]}Z"


def test_where_the_clocks_show_utc_it_is_told_once() -> None:
    assert time_text(micros(datetime(2026, 8, 1, 7, 30, tzinfo=UTC)), UTC, utc=False) == "2026-08-01 07:30Z"
