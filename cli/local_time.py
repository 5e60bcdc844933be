"""The local time zone, with all of its rules, as the system knows it (``TZ``, ``/etc/localtime``)."""

from datetime import UTC, datetime, timedelta, tzinfo


class LocalZone(tzinfo):
    """Wall time here: what a naive `datetime` means. Knows what is skipped and what comes twice."""

    def utcoffset(self, moment: datetime | None, /) -> timedelta | None:
        """Return how far wall time is ahead of UTC."""
        return None if moment is None else _here(moment).utcoffset()

    def tzname(self, moment: datetime | None, /) -> str | None:
        """Return the zone's short name at that time, such as CEST."""
        return None if moment is None else _here(moment).tzname()

    def dst(self, _: datetime | None, /) -> timedelta | None:
        """Say that it is not known how much of the offset is summer time."""
        return None

    def fromutc(self, moment: datetime, /) -> datetime:
        """Return the wall time of a moment that is given in UTC."""
        there = moment.replace(tzinfo=UTC).astimezone()
        wall = there.replace(tzinfo=None)
        second = wall.astimezone().utcoffset() != there.utcoffset()
        return wall.replace(tzinfo=self, fold=1 if second else 0)


def _here(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None).astimezone()
