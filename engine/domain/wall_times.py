"""Times as people write them: how long ago, or a date with or without a time and a zone. Pure.

What cannot be a moment raises `Impossible`, which says why; what is not written like one at
all gives None. Where clocks are set back the same wall time comes twice, and where they are set forward
some never come: both are refused, as whoever typed them meant something else than they know. A date
alone is the first moment of that day, whatever the clocks do.
"""

import re
from calendar import monthrange
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_UNITS: Final = {
    "y": ("y", "year", "years"),
    "mo": ("mo", "month", "months"),
    "w": ("w", "week", "weeks"),
    "d": ("d", "day", "days"),
    "h": ("h", "hour", "hours"),
    "m": ("m", "min", "minute", "minutes"),
    "s": ("s", "sec", "second", "seconds"),
}
"""The longest first: in this order they are written."""
_SECONDS: Final = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_LONGEST: Final = 9
"""So many digits of a number are read; more is longer than any calendar."""

_PART = "".join(
    rf"(?:(?P<{unit}>\d{{1,{_LONGEST}}}) ?(?:{'|'.join(sorted(words, reverse=True))})(?![a-z]) ?)?"
    for unit, words in _UNITS.items()
)
_AGO = re.compile(rf"(?=\d){_PART}(?:ago)?", re.ASCII)
_DATE = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})"
    r"(?:[T ](?P<clock>\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?)(?P<offset>Z|[+-]\d{2}:\d{2})?)?"
    r"(?:\[(?P<zone>[^\]]{1,64})\])?",
    re.ASCII,
)
_ZONE = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(?:/[A-Za-z0-9_+-]+)*", re.ASCII)


class Impossible(Exception):
    """What is written like a moment and cannot be one. `advice` says what to write instead, or nothing."""

    def __init__(self, problem: str, advice: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.advice = advice


def ago_in(text: str, now: datetime, zone: tzinfo) -> datetime | None:
    """Return the moment that lies as far back as a text says: ``1h30m``, ``2 days ago``, ``yesterday``.

    A day is 24 hours, a week 7 of them; months and years go by the calendar of `zone` to the same day
    and wall time, or to the last day of a shorter month.
    """
    if text == "yesterday":
        text = "1d"
    match = _AGO.fullmatch(text)
    if match is None or not text[-1].isalpha() or not any(match.group(unit) for unit in _UNITS):
        return None
    numbers = {unit: int(match[unit] or 0) for unit in _UNITS}
    try:
        moment = _months_before(now, numbers["y"] * 12 + numbers["mo"], zone)
        return moment - timedelta(seconds=sum(numbers[unit] * each for unit, each in _SECONDS.items()))
    except OverflowError:
        raise Impossible("that is before the calendar begins") from None


def _months_before(now: datetime, months: int, zone: tzinfo) -> datetime:
    if not months:
        return now
    here = now.astimezone(zone)
    count = here.year * 12 + here.month - 1 - months
    year, month = count // 12, count % 12 + 1
    if year < 1:
        raise OverflowError
    day = min(here.day, monthrange(year, month)[1])
    # the hour that is skipped or comes twice is of no weight a month later: the first that fits
    return here.replace(year=year, month=month, day=day, fold=0).astimezone(UTC)


def time_in(text: str, zone: tzinfo) -> datetime | None:
    """Return the moment of a date, or a date and time; without a zone of its own it is of `zone`."""
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    if match["zone"]:
        if match["offset"]:
            raise Impossible("an offset or a zone, not both")
        zone = _named_zone(match["zone"])
    try:
        wall = datetime.fromisoformat(f"{match['date']}T{_clock(match['clock'])}")
    except ValueError:
        raise Impossible("there is no such date or time") from None
    try:
        if match["offset"]:
            return wall.replace(tzinfo=_offset(match["offset"])).astimezone(UTC)
        return _first_of_day(wall, zone) if match["clock"] is None else _once(wall, zone)
    except OverflowError:
        raise Impossible("that is outside of the calendar") from None


def _clock(text: str | None) -> str:
    """Return a time of day with its fraction in six digits, which is what every Python reads."""
    whole, dot, fraction = (text or "00:00").partition(".")
    return f"{whole}{dot}{fraction.ljust(6, '0')}" if dot else whole


def _offset(text: str) -> tzinfo:
    if text == "Z":
        return UTC
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 23 or minutes > 59:
        raise Impossible("there is no such offset from UTC")
    ahead = timedelta(hours=hours, minutes=minutes)
    return timezone(-ahead if text[0] == "-" else ahead)


def _named_zone(name: str) -> tzinfo:
    problem = f"this machine knows no time zone {name!r}"
    if not _ZONE.fullmatch(name):
        raise Impossible(problem, "zones are named as in Europe/Berlin; an offset will do: +02:00")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a folder, or a file that is no zone
        raise Impossible(problem, "zones are named as in Europe/Berlin; an offset will do: +02:00") from None


def _once(wall: datetime, zone: tzinfo) -> datetime:
    """Return the one moment at which clocks of the zone show a time."""
    first, second = (wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    moment = first.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None, fold=0) != wall:
        raise Impossible(
            "clocks were set forward, and there was no such time",
            f"with an offset it is one: {_fixed(first)}",
        )
    if first.utcoffset() != second.utcoffset():
        raise Impossible(
            "clocks were set back, and that time came twice", f"{_fixed(first)} or {_fixed(second)}"
        )
    return moment


def _fixed(moment: datetime) -> str:
    """Return a wall time with its offset from UTC."""
    return moment.replace(tzinfo=timezone(moment.utcoffset() or timedelta())).isoformat()


def _first_of_day(wall: datetime, zone: tzinfo) -> datetime:
    """Return when a day began: midnight, the first one of two, or what came instead of it."""
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)  # a skipped midnight: the end of the gap
