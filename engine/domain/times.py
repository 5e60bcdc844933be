"""Times in words. Pure, and quick to load."""

from datetime import UTC, datetime


def timestamp(microseconds: int) -> str:
    """Return RFC 3339 in UTC, to the second.

    >>> timestamp(1_700_000_000_000_000)
    '2023-11-14T22:13:20Z'
    """
    return datetime.fromtimestamp(microseconds // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ago(seconds: int) -> str:
    """Return a distance in time for people.

    >>> ago(20), ago(840), ago(7_200), ago(200_000)
    ('20 s ago', '14 min ago', '2 h ago', '2 d ago')
    """
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
